"""Propose what may be done about a finding, with what would be written.

    finding                 recommended      safe   also
    ----------------------  ---------------  -----  ------------------------------------------
    missed change           ACCEPT           yes    use source, destination, lower, a number
    one-way, changed        USE_SOURCE       yes    use destination, lower, a number, keep
    differs                 USE_SOURCE       no     use destination, lower, a number, keep
    unfinished, refused     RETRY            yes    use destination, lower, a number
    books don't add up      USE_SOURCE       no     use destination, lower, a number
    otherwise suspended     none             -      ignore
    oversold                none             -      a number
    no partner, ambiguous   LINK, if one     no     ignore
    anything else           none             -      ignore

Every finding may be ignored, for 30 days or permanently. A fix that is safe by this table is not
where it would move more than `MAX_SAFE_UNITS`, take a level to zero, or leave the pool below zero.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sync_core.domain.audit import BOOKS
from sync_core.domain.decisions import participants
from sync_core.domain.proposals import Choice, Option, Write
from sync_core.domain.quantities import shared_by, target_of
from sync_core.domain.texts import store_name
from sync_core.domain.values import Alias, Level, LevelId, Pool, Role, Suspension

MAX_SAFE_UNITS = 100  # units that may move without a closer look
RETRYABLE = {Suspension.UNFINISHED, Suspension.REFUSED}
QUANTITY_KINDS = {"missed", "one_way", "differs", BOOKS}  # kinds that end with a quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixes:
    """What may be done about one finding."""

    options: tuple[Option, ...]
    recommended: Choice | None = None
    safe: bool = False

    def option(self, choice: Choice) -> Option | None:
        """Return the option of that choice."""
        return next((each for each in self.options if each.choice is choice), None)


IGNORE = (
    Option(choice=Choice.IGNORE_MONTH, words="Ignore for 30 days"),
    Option(choice=Choice.IGNORE, words="Ignore permanently"),
)


def fixes(kind: str, pool: Pool, level: Level, values: Mapping[LevelId, int | None]) -> Fixes:
    """Return what may be done about a finding on a level; `values`: what each level shows now."""
    retry = level.suspended in RETRYABLE
    if kind not in QUANTITY_KINDS and not (kind == "suspended" and retry):
        return Fixes(options=IGNORE)
    part = participants(pool, level.id)
    if values.get(level.id) is None or any(values.get(each.id) is None for each in part):
        return Fixes(options=IGNORE)  # nothing may be proposed on a number that nobody knows
    options = (*_quantities(kind, pool, level, part, values), *IGNORE)
    recommended = {"missed": Choice.ACCEPT, "suspended": Choice.RETRY}.get(kind, Choice.USE_SOURCE)
    found = Fixes(options=options, recommended=recommended)
    chosen = found.option(recommended)
    if chosen is None:
        return replace(found, recommended=None)
    return replace(found, safe=kind not in {"differs", BOOKS} and _is_safe(chosen))


def _quantities(
    kind: str,
    pool: Pool,
    level: Level,
    part: list[Level],
    values: Mapping[LevelId, int | None],
) -> Iterator[Option]:
    """Yield the options that settle on a quantity."""
    # What the pool says is in doubt where its books are: then it is what the source shows.
    by_source = _wants(replace(pool, shared=None) if kind == BOOKS else pool, values)
    theirs, theirs_name = shared_by(level, values[level.id] or 0, by_source), _name(level)
    if kind == "missed" and pool.shared is not None:
        moved = _moved(part, values)  # to count one is to count all that was read
        target = pool.shared + sum(moved.values())
        accept = _option(Choice.ACCEPT, "", target, part, values)
        yield replace(accept, words=_accepts(moved, accept))
    if kind == "suspended" and pool.shared is not None:
        words = f"Sync {theirs_name} again: {pool.shared}"
        yield _option(Choice.RETRY, words, pool.shared, part, values)
    if by_source is not None and not (kind == "suspended" and by_source == pool.shared):
        source = next((each.key.store for each in pool.levels if each.role is Role.SOURCE), "")
        mine = level.role is Role.SOURCE
        name = "the other stores'" if mine else f"{store_name(source)}'s"
        words = f"Use {name} number: {by_source}"
        yield _option(Choice.USE_SOURCE, words, by_source, part, values)
    if by_source is None or by_source != theirs:
        words = f"Use {theirs_name}'s number: {theirs}"
        yield _option(Choice.USE_DESTINATION, words, theirs, part, values)
    if by_source is not None:
        lower = min(by_source, theirs)
        yield _option(Choice.USE_LOWER, f"Use the lower number: {lower}", lower, part, values)
        may_keep = kind in {"one_way", "differs"} and level.role is not Role.SOURCE
        if by_source > theirs >= 0 and may_keep:
            yield _keep(level, by_source, theirs, part, values)
    yield Option(choice=Choice.USE_NUMBER, words="Enter a number")


def _name(level: Level) -> str:
    return store_name(level.key.store)


def _accepts(moved: Mapping[Alias, int], option: Option) -> str:
    """Return what accepting a change means: Accept US's change (set EU to 42)."""
    names = " and ".join(map(store_name, moved))
    whose = f"{names}'s change" if len(moved) == 1 else f"the changes in {names}"
    if len(option.writes) != 1:
        return f"Accept {whose}: {option.target}"
    write = option.writes[0]
    return f"Accept {whose} (set {store_name(write.store)} to {write.after})"


def _moved(part: list[Level], values: Mapping[LevelId, int | None]) -> dict[Alias, int]:
    """Return by how much stores moved the pool since we last looked."""
    return {
        each.key.store: (value - each.book) * each.pack
        for each in part
        if each.baselined and each.counts and each.suspended is None and each.book is not None
        if (value := values[each.id]) is not None and value != each.book
    }


def _keep(
    level: Level,
    by_source: int,
    theirs: int,
    part: list[Level],
    values: Mapping[LevelId, int | None],
) -> Option:
    """Return the option to keep a difference as a buffer."""
    kept = by_source - theirs + level.buffer
    buffered = [replace(each, buffer=kept) if each.id == level.id else each for each in part]
    words = f"Keep {kept} back from {_name(level)}"
    return _option(Choice.KEEP, words, by_source, buffered, values)


def _wants(pool: Pool, values: Mapping[LevelId, int | None]) -> int | None:
    """Return what the pool, or where nothing is agreed its source, says."""
    if pool.shared is not None:
        return pool.shared
    source = next((each for each in pool.levels if each.role is Role.SOURCE), None)
    if source is None or values.get(source.id) is None:
        return None
    return shared_by(source, values[source.id] or 0, None)


def _option(
    choice: Choice,
    words: str,
    target: int,
    part: list[Level],
    values: Mapping[LevelId, int | None],
) -> Option:
    """Return an option with what would be written."""
    writes = tuple(
        Write(store=each.key.store, before=values[each.id], after=target_of(each, target))
        for each in part
        if values[each.id] != target_of(each, target)
    )
    return Option(choice=choice, words=words, target=target, writes=writes)


def _is_safe(option: Option) -> bool:
    """Whether a fix may be approved together with others, without a closer look."""
    in_stock = option.target is None or option.target >= 0
    return option.units <= MAX_SAFE_UNITS and not option.empties and in_stock
