"""Plan adjustments, and settle them: what to write down, and what the store's answer means.

Rules 2, 3 and 8.

    the level                                      then
    ---------------------------------------------  -------------------------------------------
    is not due, is not baselined, or is off        nothing (what a person ordered apart)
    is due but suspended, open, or awaits a refresh  stays due
    is due and owes nothing                        is due no longer
    is due and owes more than a store can hold     is suspended and said so
    is due and owes                                one adjustment, and is due no longer

A batch leaves at once when it is full, and otherwise half a second after the last: a burst then
costs a few full batches, and a single sale does not wait.

    the adjustment                       its level
    -----------------------------------  ----------------------------------------------------------
    was written                          its book moves by it, unless it is baselined again
    was certainly not written            owes it again
    will not be written                  is suspended, and people are told why
    may have been written, key too old   is suspended, and people are told both numbers

What was reported while it was open is judged now.
"""

from datetime import datetime, timedelta

from sync_core.domain.accounting import judge_deferred
from sync_core.domain.baseline import baseline_levels
from sync_core.domain.frozen import replace
from sync_core.domain.quantities import outstanding
from sync_core.domain.suspension import request_refresh, suspend
from sync_core.domain.values import (
    MAX_QUANTITY,
    Adjustment,
    Alias,
    Event,
    Level,
    LevelId,
    Outcome,
    Pool,
    Suspension,
)

MAX_BATCH_ROWS = 250  # rows that a store takes in one mutation
BATCH_SPACING = timedelta(seconds=0.5)  # between batches that are not full
KEY_LIFETIME = timedelta(hours=20)  # of the store's 24: after that nothing is sent blindly


def may_write(level: Level) -> bool:
    """Whether an adjustment of this level may be written down now."""
    wanted = level.baselined or (level.manual_delta != 0 and level.book is not None)
    return level.due and wanted and level.active and not level.open and not level.awaits_refresh


def plan_adjustments(
    pool: Pool, store: Alias, *, now: datetime
) -> tuple[Outcome, dict[LevelId, int]]:
    """Return the pool with that store's levels opened, and the delta of each."""
    deltas: dict[LevelId, int] = {}
    outcome = Outcome(pool=pool)
    for level in pool.levels:
        if level.key.store == store and may_write(level):
            outcome, delta = _plan_level(outcome, level, now=now)
            if delta:
                deltas[level.id] = delta
    return outcome, deltas


def _plan_level(outcome: Outcome, level: Level, *, now: datetime) -> tuple[Outcome, int]:
    """Plan one level that may be written to."""
    pool = outcome.pool
    delta = outstanding(level, pool.shared)
    level = replace(level, due=False, manual_delta=0)
    if delta == 0:
        # What was reported in the meantime waits for no settlement any more: look.
        idle = (
            level
            if level.deferred is None
            else request_refresh(replace(level, deferred=None), now=now)
        )
        return replace(outcome, pool=pool.with_level(idle)), 0
    if level.book is None or not -MAX_QUANTITY <= level.book + delta <= MAX_QUANTITY:
        too_much = Adjustment(
            id=0, batch=0, level=level.id, delta=delta, level_baseline=level.level_baseline
        )
        refused = refuse(pool, too_much, why="more than a store can hold", now=now)
        return replace(refused, events=(*outcome.events, *refused.events)), 0
    opened = replace(level, open=True, version=level.version + 1)
    return replace(outcome, pool=pool.with_level(opened)), delta


def may_send(*, rows: int, last_sent_at: datetime | None, now: datetime) -> bool:
    """Whether a batch of so many rows may be written down now."""
    return rows >= MAX_BATCH_ROWS or last_sent_at is None or now - last_sent_at >= BATCH_SPACING


def is_doubtful(*, first_sent_at: datetime | None, now: datetime) -> bool:
    """Whether a batch's key is too old to send it again blindly."""
    return first_sent_at is not None and now - first_sent_at >= KEY_LIFETIME


# -- settling
def settle_adjustment(
    pool: Pool, done: Adjustment, *, written_at: datetime, now: datetime
) -> Outcome:
    """Account for our own write, now that the store says that it is done."""
    level = replace(pool.level(done.level), open=False)
    if level.level_baseline == done.level_baseline and level.book is not None:
        level = replace(level, book=level.book + done.delta)
        if not level.baselined:
            level = _meet_again(level, now=now)
    level = replace(
        level,
        written_at=max(level.written_at, written_at),
        reported_at=max(level.reported_at, written_at),
        settled_at=now,
        last_delta=done.delta,
        version=level.version + 1,
    )
    outcome = Outcome(pool=pool.with_level(level))
    if level.deferred is None or level.awaits_refresh:
        return outcome
    return baseline_levels(outcome.then(judge_deferred(outcome.pool, level, now=now)))


def _meet_again(level: Level, *, now: datetime) -> Level:
    """Return a level for which a person's order has been written: it may be baselined now."""
    fresh = replace(
        level, first_book=level.book, level_baseline=level.level_baseline + 1, withheld=0
    )
    return request_refresh(fresh, now=now)


def mark_unwritten(pool: Pool, undone: Adjustment, *, now: datetime) -> Outcome:
    """Close an adjustment that certainly did not happen; what is outstanding stays so."""
    level = replace(pool.level(undone.level), open=False, due=True)
    level = _still_ordered(replace(level, version=level.version + 1), undone)
    if not level.baselined and level.manual_delta == 0:
        level = request_refresh(level, now=now)
    outcome = Outcome(pool=pool.with_level(level))
    if level.deferred is None or level.awaits_refresh:
        return outcome
    return baseline_levels(outcome.then(judge_deferred(outcome.pool, level, now=now)))


def _still_ordered(level: Level, undone: Adjustment) -> Level:
    """Return a level that has left its pool, or nobody would owe what did not happen.

    That is what a person ordered; or what was under way when it left, and was ordered back.
    """
    if level.baselined or level.book is None:
        return level
    manual_delta = level.manual_delta + undone.delta
    return replace(level, manual_delta=manual_delta, due=manual_delta != 0)


def refuse(pool: Pool, undone: Adjustment, *, why: str, now: datetime) -> Outcome:
    """Close an adjustment that the store will not take, and suspend its level."""
    level = replace(pool.level(undone.level), open=False)
    if level.level_baseline != undone.level_baseline:
        level = _still_ordered(level, undone)
    outcome = suspend(pool.with_level(level), level, Suspension.REFUSED, now=now)
    return replace(outcome, events=_with_facts(outcome.events, said=why, delta=undone.delta))


def expire(pool: Pool, doubtful: Adjustment, *, now: datetime) -> Outcome:
    """Give up on an adjustment whose key has expired: both numbers are possible now."""
    level = replace(pool.level(doubtful.level), open=False)
    outcome = suspend(pool.with_level(level), level, Suspension.UNFINISHED, now=now)
    written = None if level.book is None else level.book + doubtful.delta
    return replace(
        outcome,
        events=_with_facts(outcome.events, delta=doubtful.delta, if_written=written),
    )


def _with_facts(events: tuple[Event, ...], **facts: str | int | None) -> tuple[Event, ...]:
    """Return the events with more facts each."""
    return tuple(replace(each, facts={**each.facts, **facts}) for each in events)
