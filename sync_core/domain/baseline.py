"""The baseline of levels that are to share stock. Rules 6 and 7 of the design.

A level's baseline begins with the first value read after it was called. It joins its pool

    when its value                                   the pool then
    -----------------------------------------------  -------------------------------------
    equals what it should show now                   agrees on that
    at the first read equalled what it should have   has agreed on that, and what each has
    shown when the baseline was called               done since is a movement
    is anything else                                 goes on without it: a person decides

The second row is for stores that go on selling while they meet. Nothing is written by a baseline.
"""

from sync_core.domain.frozen import replace
from sync_core.domain.oversell import oversold_events
from sync_core.domain.quantities import may_be_outstanding, target_of
from sync_core.domain.values import (
    Event,
    Level,
    Movement,
    ObservedBy,
    Outcome,
    Pool,
    Role,
    Severity,
)


def baseline_levels(outcome: Outcome) -> Outcome:
    """Let every level of the pool join that may and can; return the outcome grown by it."""
    pool = outcome.pool
    if all(level.baselined for level in pool.levels):
        return outcome
    if pool.shared is None:
        outcome = _agree(outcome)
    for level in outcome.pool.levels:
        if outcome.pool.shared is not None and not level.baselined and _is_ready(level):
            outcome = _join(outcome, level)
    return outcome


def _is_ready(level: Level) -> bool:
    """Whether all is known that a level needs to be baselined."""
    at_rest = not level.awaits_refresh and not level.open and not level.manual_delta
    return level.active and level.book is not None and at_rest


def _agree(outcome: Outcome) -> Outcome:
    """Find the first quantity that the source and a destination agree on."""
    pool = outcome.pool
    source = next((each for each in pool.levels if each.role is Role.SOURCE), None)
    if source is None or source.book is None or source.first_book is None:
        return outcome
    ready = [each for each in pool.others(source) if _is_ready(each)]
    if not _is_ready(source) or not ready:
        return outcome
    if any(each.book == target_of(each, source.book) for each in ready):
        return _agreed(outcome, source, source.book)
    if any(each.first_book == target_of(each, source.first_book) for each in ready):
        return _agreed(outcome, source, source.first_book)
    events = tuple(_differs(pool, each, source.book) for each in ready)
    return replace(outcome, events=(*outcome.events, *events))


def _agreed(outcome: Outcome, source: Level, base: int) -> Outcome:
    """Begin the pool's life at `base`; what the source did since then is a movement."""
    pool = replace(
        outcome.pool,
        shared=base,
        first_shared=base,
        levels=tuple(replace(each, first_shared=base) for each in outcome.pool.levels),
    )
    return _admit(replace(outcome, pool=pool), pool.level(source.id), base)


def _join(outcome: Outcome, level: Level) -> Outcome:
    """Let a level into a pool that has agreed already, if its numbers allow."""
    shared = outcome.pool.shared
    if shared is None or level.book is None:
        return outcome
    if level.book == target_of(level, shared):
        return _admit(outcome, level, level.book)
    if (
        level.first_book is not None
        and level.first_shared is not None
        and level.first_book == target_of(level, level.first_shared)
    ):
        return _admit(outcome, level, level.first_book)
    return replace(outcome, events=(*outcome.events, _differs(outcome.pool, level, shared)))


def _admit(outcome: Outcome, level: Level, base: int) -> Outcome:
    """Make a level one of the pool, from `base` on."""
    if level.book is None or outcome.pool.shared is None:
        return outcome
    pool = outcome.pool
    delta = level.book - base
    counted = delta * level.pack if level.counts else 0
    shared = outcome.pool.shared + counted
    joined = replace(level, baselined=True, first_book=base, version=level.version + 1)
    pool = replace(pool.with_level(joined), shared=shared)
    pool = pool.with_levels(
        replace(each, due=True)
        if may_be_outstanding(each, shared) and (counted or each.id == level.id)
        else each
        for each in pool.levels
    )
    movement = Movement(
        pool=pool.id,
        level=level.id,
        level_baseline=level.level_baseline,
        delta=delta,
        counted=counted,
        shared=shared,
        seen_at=level.seen_at,
        source=ObservedBy.REFRESH,
    )
    return Outcome(
        pool=pool,
        movements=(*outcome.movements, movement) if delta else outcome.movements,
        events=(
            *outcome.events,
            Event(kind="differs", subject=f"level:{level.id}", resolved=True),
            *oversold_events(outcome.pool, pool),
        ),
    )


def _differs(pool: Pool, level: Level, shared: int) -> Event:
    """Return the event that a level and its pool do not agree."""
    return Event(
        kind="differs",
        subject=f"level:{level.id}",
        severity=Severity.WARNING,
        facts={
            "title": pool.title,
            "store": level.key.store,
            "shows": level.book,
            "should_show": target_of(level, shared),
            "shared": shared,
        },
    )
