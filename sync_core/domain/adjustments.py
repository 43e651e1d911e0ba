"""Plan what is outstanding: which adjustments to write down, and when a batch may leave.

    the level                                      then
    ---------------------------------------------  -------------------------------------------
    is not due, is not baselined, or is off        nothing (what a person ordered apart)
    is due but suspended, open, or awaits a refresh  stays due
    is due and owes nothing                        is due no longer
    is due and owes more than a store can hold     is suspended and said so
    is due and owes                                one adjustment, and is due no longer

A batch leaves at once when it is full, and otherwise half a second after the last: a burst then
costs a few full batches, and a single sale does not wait.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sync_core.domain.quantities import outstanding
from sync_core.domain.settlement import refuse
from sync_core.domain.suspension import request_refresh
from sync_core.domain.values import (
    MAX_QUANTITY,
    Adjustment,
    Alias,
    Level,
    LevelId,
    Outcome,
    Pool,
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
