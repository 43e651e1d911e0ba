"""Shadow mode: everything runs, and nothing is written to any store's stock.

What stores do is counted as ever: `shared == first + movements`, and books are what stores show. So
what Tipo would have written is known exactly: each movement, to the pool's other levels. Shadow
mode is Tipo's, not one connection's: a sale in one store would be written to all the others.

    asked for             shadow mode  connected now           then
    --------------------  -----------  ----------------------  --------------------------------
    a mode, in shadow     is off       none                    it begins
    a mode, in shadow     is off       some                    refused: turn them off first
    a mode, in shadow     is on        any                     it goes on
    a mode                is on        others than are asked   refused: it is for all of them
    a mode                is on        none but these          it ends: they are live
    off                   is on        others than are asked   it goes on for those
    off                   is on        none but these          it ends
    off, in shadow        any          any                     refused: that means nothing
    a mode, or off        is off       any                     it stays off

Where it begins and where it ends, every pool takes a new baseline: what has come together in shadow
mode is owed to nobody. The stores were not written, and perhaps another app has kept them equal.

    a decision while it is on        is
    -------------------------------  ----------------------------------
    a change of mode                 carried out
    dismiss, ignore, link            carried out: it moves no stock
    looking into a safety stop       carried out
    anything else                    refused: it would have to be written
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sync_core.domain.proposals import Choice, ProposalKind, Write
from sync_core.domain.quantities import target_of
from sync_core.domain.values import Alias, Level, Mode, Pool, Role
from sync_core.errors import NotAllowed

WRITE_SCOPE = "write_inventory"
WITHOUT_WRITES = {
    *(Choice.DISMISS, Choice.IGNORE, Choice.IGNORE_MONTH, Choice.LINK),
    Choice.INVESTIGATE,
}
NOTHING_WRITTEN = (
    "In shadow mode nothing is written, so this can't be done. Once you have gone live, "
    "what still doesn't match is listed again."
)
PENDING_IN_SHADOW = "In shadow mode nothing is written: pending is what Tipo would have written."
# What Tipo would have got wrong: kinds of finding. `doubled` is what `is_doubled` says.
WRONG_KINDS = ("missed", "oversold", "contested", "books", "circuit_breaker", "doubled")
APART_KINDS = ("differs", "suspended", "ambiguous", "no_partner")  # Tipo doesn't sync them at all
SHADOW_WORDS = {  # after a number
    "missed": "missed: Shopify sent no notification",
    "oversold": "oversold: the stores sold the same last units",
    "contested": "changed back by another app or person",
    "books": "with an unexplained quantity",
    "circuit_breaker": "stopped by the safety stop",
    "doubled": "changed alike in every store: another app seems to sync them",
    "differs": "different in the initial comparison",
    "suspended": "not synced",
    "ambiguous": "with an ambiguous match",
    "no_partner": "without a match",
}
EXPLANATIONS = {  # a sentence more, for those that need one
    "missed": "Tipo finds them at night, and asks you.",
    "oversold": "Once you are live, the other store shows fewer within seconds.",
    "doubled": "Turn that app off before you go live, or each sale counts twice.",
}
MIN_DOUBLED = 2  # products: one alone may be chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """Since when nothing is written, and who wanted it."""

    by: str
    since: datetime
    after: int  # the newest movement at that time


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowUpdate:
    """A change in one store, and what Tipo would have written to the others."""

    id: int  # the movement's
    at: datetime
    title: str  # a merchant wrote it
    store: Alias
    delta: int
    cause: str
    writes: tuple[Write, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowView:
    """What shadow mode has come to by now."""

    by: str
    since: datetime
    at: datetime  # now
    changes: int  # that Tipo would have passed on
    latest: tuple[ShadowUpdate, ...] = ()  # the newest first
    wrong: Mapping[str, int]  # how many would have gone wrong, by kind
    apart: Mapping[str, int]  # how many aren't part of it, by kind


def shadow_after(
    mode: Mode, named: Collection[Alias], modes: Mapping[Alias, Mode], *, wanted: bool, is_on: bool
) -> bool:
    """Return whether shadow mode is on after a change of mode: the first table.

    Args:
        mode: What these destinations become.
        named: The destinations that are asked for.
        modes: What each destination is now.
        wanted: Whether it is asked for in shadow.
        is_on: Whether shadow mode is on now.

    Raises:
        NotAllowed: If the change is not possible; the message says what to do.
    """
    connected = {each for each, now in modes.items() if now is not Mode.OFF}
    if wanted and mode is Mode.OFF:
        raise NotAllowed("shadow mode goes with two-way or one-way: `mode two-way --shadow`")
    if wanted:
        if connected and not is_on:
            raise NotAllowed(
                f"{_names(connected)} is connected already, and Tipo writes to it. Shadow mode is "
                "for all stores: turn the mode off first, then on again with --shadow. "
                "To stop writing for a while, pause."
            )
        return True
    others = connected - set(named)
    if not is_on or mode is Mode.OFF:
        return is_on and bool(others)
    if others:
        raise NotAllowed(
            f"{_names(others)} is in shadow mode, too, and shadow mode ends for all stores at "
            "once: name no store, or turn the others off first"
        )
    return False


def live_target(modes: Mapping[Alias, Mode]) -> tuple[Mode, Alias | None] | None:
    """Return which change of mode makes live what is in shadow mode; None: not one alone does.

    The mode stays what it is. The alias is that of the only destination that is connected, where
    others are off; None means every destination.
    """
    connected = {each: mode for each, mode in modes.items() if mode is not Mode.OFF}
    if len(set(connected.values())) != 1 or len(connected) not in {1, len(modes)}:
        return None
    ((alias, mode), *_) = connected.items()
    return mode, alias if len(connected) < len(modes) else None


def _names(stores: Collection[Alias]) -> str:
    return ", ".join(sorted(stores))


def needs_writing(kind: ProposalKind, choice: Choice) -> bool:
    """Whether a decision would have to be written to a store: the second table."""
    return kind is not ProposalKind.MODE and choice not in WITHOUT_WRITES


def would_write(pool: Pool, moved: Alias, counted: int, shared: int | None) -> tuple[Write, ...]:
    """Return what a movement would have had written to the other levels of its pool.

    Args:
        pool: The pool, with its levels as they are now.
        moved: The store that it moved in.
        counted: By how much that moved `shared`.
        shared: The quantity of the pool after it; None: nothing was agreed.
    """
    if shared is None:
        return ()
    pairs = (
        (each, target_of(each, shared - counted), target_of(each, shared))
        for each in pool.levels
        if each.key.store != moved and each.active and each.baselined
    )
    return tuple(
        Write(store=each.key.store, before=before, after=after)
        for each, before, after in pairs
        if before != after
    )


def is_doubled(pool: Pool) -> bool:
    """Whether all stores show the same after changes, but not what Tipo would have made of them.

    Then each change has happened in every store: somebody else keeps them equal.
    """
    synced = [each for each in pool.levels if each.active and each.baselined]
    source = next((each for each in synced if each.role is Role.SOURCE), None)
    if source is None or source.book is None or pool.shared is None or len(synced) == 1:
        return False
    common = source.book * source.pack + source.buffer
    return all(each.book == target_of(each, common) for each in synced) and any(
        _differs(each, pool.shared) for each in synced
    )


def _differs(level: Level, shared: int) -> bool:
    return level.book != target_of(level, shared)


def count_doubled(moved: Collection[Pool]) -> int:
    """Return how many of the products that moved somebody else keeps equal.

    A few may be chance: each store has sold one. Where it is half of them, it is an app.
    """
    doubled = sum(map(is_doubled, moved))
    return doubled if doubled >= MIN_DOUBLED and 2 * doubled >= len(moved) else 0
