"""Plan what is owed: which adjustments to write down, and when a batch may leave.

    the level                                      then
    ---------------------------------------------  -------------------------------------------
    is not due, has not met, or is off             nothing (what a person ordered apart)
    is due but suspended, open, or awaits a look   stays due
    is due and owes nothing                        is due no longer
    is due and owes more than a store can hold     is suspended and said so
    is due and owes                                one adjustment, and is due no longer

A batch leaves at once when it is full, and otherwise half a second after the last: a burst then
costs a few full batches, and a single sale does not wait.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sync_core.domain.settle import refuse
from sync_core.domain.shown import owed
from sync_core.domain.suspend import wish
from sync_core.domain.values import (
    GREATEST,
    Adjustment,
    Alias,
    Level,
    LevelId,
    Outcome,
    Pool,
)

FULL = 250  # rows that a store takes in one mutation
SPACING = timedelta(seconds=0.5)  # between batches that are not full
KEY_LIVES = timedelta(hours=20)  # of the store's 24: after that nothing is sent blindly


def may_write(level: Level) -> bool:
    """Whether an adjustment of this level may be written down now."""
    wanted = level.met or (level.ordered != 0 and level.book is not None)
    return level.due and wanted and level.active and not level.open and not level.awaits_look


def plan(pool: Pool, store: Alias, *, now: datetime) -> tuple[Outcome, dict[LevelId, int]]:
    """Return the pool with that store's levels opened, and the delta of each."""
    deltas: dict[LevelId, int] = {}
    outcome = Outcome(pool=pool)
    for level in pool.levels:
        if level.spot.store == store and may_write(level):
            outcome, delta = _plan_level(outcome, level, now=now)
            if delta:
                deltas[level.id] = delta
    return outcome, deltas


def _plan_level(outcome: Outcome, level: Level, *, now: datetime) -> tuple[Outcome, int]:
    """Plan one level that may be written to."""
    pool = outcome.pool
    delta = owed(level, pool.shared)
    level = replace(level, due=False, ordered=0)
    if delta == 0:
        # What was heard in the meantime waits for no settlement any more: look.
        idle = level if level.later is None else wish(replace(level, later=None), now=now)
        return replace(outcome, pool=pool.with_level(idle)), 0
    if level.book is None or not -GREATEST <= level.book + delta <= GREATEST:
        too_much = Adjustment(id=0, batch=0, level=level.id, delta=delta, meeting=level.meeting)
        refused = refuse(pool, too_much, why="more than a store can hold", now=now)
        return replace(refused, news=(*outcome.news, *refused.news)), 0
    opened = replace(level, open=True, version=level.version + 1)
    return replace(outcome, pool=pool.with_level(opened)), delta


def may_leave(*, rows: int, last_left: datetime | None, now: datetime) -> bool:
    """Whether a batch of so many rows may be written down now."""
    return rows >= FULL or last_left is None or now - last_left >= SPACING


def is_doubtful(*, first_sent_at: datetime | None, now: datetime) -> bool:
    """Whether a batch's key is too old to send it again blindly."""
    return first_sent_at is not None and now - first_sent_at >= KEY_LIVES
