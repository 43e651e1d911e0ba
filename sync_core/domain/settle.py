"""Close an adjustment: what the store's answer means for the level. Rules 2, 3 and 8.

    the adjustment                       its level
    -----------------------------------  ----------------------------------------------------------
    was written                          its book moves by it, unless it meets its pool anew
    was certainly not written            owes it again
    will not be written                  is left alone, and people are told why
    may have been written, key too old   is left alone, and people are told both numbers

What was heard while it was open is judged now.
"""

from dataclasses import replace
from datetime import datetime

from sync_core.domain.account import judge_later
from sync_core.domain.meet import meet
from sync_core.domain.suspend import suspend, wish
from sync_core.domain.values import Adjustment, Level, News, Outcome, Pool, Suspension


def settle(pool: Pool, done: Adjustment, *, written_at: datetime, now: datetime) -> Outcome:
    """Account for our own write, now that the store says that it is done."""
    level = replace(pool.level(done.level), open=False)
    if level.meeting == done.meeting and level.book is not None:
        level = replace(level, book=level.book + done.delta)
        if not level.met:
            level = _meet_again(level, now=now)
    level = replace(
        level,
        written_at=max(level.written_at, written_at),
        heard_at=max(level.heard_at, written_at),
        settled_at=now,
        last_delta=done.delta,
        version=level.version + 1,
    )
    outcome = Outcome(pool=pool.with_level(level))
    if level.later is None or level.awaits_look:
        return outcome
    return meet(outcome.then(judge_later(outcome.pool, level, now=now)))


def _meet_again(level: Level, *, now: datetime) -> Level:
    """Return a level for which a person's order has been written: it may meet its pool now."""
    fresh = replace(level, first_book=level.book, meeting=level.meeting + 1, held=0)
    return wish(fresh, now=now)


def unwritten(pool: Pool, undone: Adjustment, *, now: datetime) -> Outcome:
    """Close an adjustment that certainly did not happen; what is owed stays owed."""
    level = replace(pool.level(undone.level), open=False, due=True)
    level = _still_ordered(replace(level, version=level.version + 1), undone)
    if not level.met and level.ordered == 0:
        level = wish(level, now=now)
    outcome = Outcome(pool=pool.with_level(level))
    if level.later is None or level.awaits_look:
        return outcome
    return meet(outcome.then(judge_later(outcome.pool, level, now=now)))


def _still_ordered(level: Level, undone: Adjustment) -> Level:
    """Return a level that has left its pool, or nobody would owe what did not happen.

    That is what a person ordered; or what was under way when it left, and was ordered back.
    """
    if level.met or level.book is None:
        return level
    ordered = level.ordered + undone.delta
    return replace(level, ordered=ordered, due=ordered != 0)


def refuse(pool: Pool, undone: Adjustment, *, why: str, now: datetime) -> Outcome:
    """Close an adjustment that the store will not take, and leave its level alone."""
    level = replace(pool.level(undone.level), open=False)
    if level.meeting != undone.meeting:
        level = _still_ordered(level, undone)
    outcome = suspend(pool.with_level(level), level, Suspension.REFUSED, now=now)
    return replace(outcome, news=_with_facts(outcome.news, said=why, delta=undone.delta))


def expire(pool: Pool, doubtful: Adjustment, *, now: datetime) -> Outcome:
    """Give up on an adjustment whose key has expired: both numbers are possible now."""
    level = replace(pool.level(doubtful.level), open=False)
    outcome = suspend(pool.with_level(level), level, Suspension.UNFINISHED, now=now)
    written = None if level.book is None else level.book + doubtful.delta
    return replace(
        outcome,
        news=_with_facts(outcome.news, delta=doubtful.delta, if_written=written),
    )


def _with_facts(news: tuple[News, ...], **facts: str | int | None) -> tuple[News, ...]:
    """Return the news with more facts each."""
    return tuple(replace(each, facts={**each.facts, **facts}) for each in news)
