"""The first meeting of levels that are to share stock. Rules 6 and 7 of the design.

A level's meeting begins with the first value read after it was called. It joins its pool

    when its value                                   the pool then
    -----------------------------------------------  -------------------------------------
    equals what it should show now                   agrees on that
    at the first read equalled what it should have   has agreed on that, and what each has
    shown when the meeting was called                done since is a movement
    is anything else                                 goes on without it: a person decides

The second row is for stores that go on selling while they meet. Nothing is written by a meeting.
"""

from dataclasses import replace

from sync_core.domain.oversell import oversold
from sync_core.domain.shown import may_owe, shown
from sync_core.domain.values import (
    Level,
    Movement,
    News,
    Outcome,
    Pool,
    Role,
    Severity,
    Source,
)


def meet(outcome: Outcome) -> Outcome:
    """Let every level of the pool join that may and can; return the outcome grown by it."""
    pool = outcome.pool
    if all(level.met for level in pool.levels):
        return outcome
    if pool.shared is None:
        outcome = _agree(outcome)
    for level in outcome.pool.levels:
        if outcome.pool.shared is not None and not level.met and _is_ready(level):
            outcome = _join(outcome, level)
    return outcome


def _is_ready(level: Level) -> bool:
    """Whether all is known that a level needs to meet its pool."""
    at_rest = not level.awaits_look and not level.open and not level.ordered
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
    if any(each.book == shown(each, source.book) for each in ready):
        return _agreed(outcome, source, source.book)
    if any(each.first_book == shown(each, source.first_book) for each in ready):
        return _agreed(outcome, source, source.first_book)
    news = tuple(_differs(pool, each, source.book) for each in ready)
    return replace(outcome, news=(*outcome.news, *news))


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
    if level.book == shown(level, shared):
        return _admit(outcome, level, level.book)
    if (
        level.first_book is not None
        and level.first_shared is not None
        and level.first_book == shown(level, level.first_shared)
    ):
        return _admit(outcome, level, level.first_book)
    return replace(outcome, news=(*outcome.news, _differs(outcome.pool, level, shared)))


def _admit(outcome: Outcome, level: Level, base: int) -> Outcome:
    """Make a level one of the pool, from `base` on."""
    if level.book is None or outcome.pool.shared is None:
        return outcome
    pool = outcome.pool
    delta = level.book - base
    counted = delta * level.pack if level.counts else 0
    shared = outcome.pool.shared + counted
    joined = replace(level, met=True, first_book=base, version=level.version + 1)
    pool = replace(pool.with_level(joined), shared=shared)
    pool = pool.with_levels(
        replace(each, due=True)
        if may_owe(each, shared) and (counted or each.id == level.id)
        else each
        for each in pool.levels
    )
    movement = Movement(
        pool=pool.id,
        level=level.id,
        meeting=level.meeting,
        delta=delta,
        counted=counted,
        shared=shared,
        seen_at=level.seen_at,
        source=Source.LOOK,
    )
    return Outcome(
        pool=pool,
        movements=(*outcome.movements, movement) if delta else outcome.movements,
        news=(
            *outcome.news,
            News(kind="differs", subject=f"level:{level.id}", over=True),
            *oversold(outcome.pool, pool),
        ),
    )


def _differs(pool: Pool, level: Level, shared: int) -> News:
    """Return the news that a level and its pool do not agree."""
    return News(
        kind="differs",
        subject=f"level:{level.id}",
        severity=Severity.WARNING,
        facts={
            "title": pool.title,
            "store": level.spot.store,
            "shows": level.book,
            "should_show": shown(level, shared),
            "shared": shared,
        },
    )
