"""Account for what others did to a level. Rules 3, 4, 5 and 10 of the design.

What to do with a webhook's value:

    the level               value            its updated_at            verdict
    ----------------------  ---------------  ------------------------  -------
    is not ours to follow   any              any                       IGNORE
    has an open adjustment  any              any                       DEFER
    is suspended            any              any                       REFRESH
    is contested            as one that is not suspended
    awaits a refresh        any              any                       DEFER
    has no book             any              any                       REFRESH
    is at rest              none             any                       REFRESH
    is at rest              equals the book  any                       KNOWN
    is at rest              differs          after all that we know    ACCEPT
    is at rest              differs          anything else, or none    REFRESH

DEFER remembers the newest value and judges it when the adjustment is settled or the refresh is
done: most often it is our own write, come back before the answer, and costs nothing.

What to do with a read by id:

    the reading                                              verdict
    -------------------------------------------------------  -------
    is of a level whose pool is unbalanced                   none: it waits (suspension.py)
    has trouble                                              SUSPEND
    the level moved since the read began                     TOO_EARLY
    began within 2 s of our last write or accounted change   TOO_EARLY
    visibly stale, within 60 s of our write or the request   STALE: read again 10 s later
    the same, once more                                      the store's primary is asked: below
    anything else                                            ACCEPT

A change that cancels our write within its second reads exactly as a stale replica does. So where a
reading is stale once more, the store is asked to set the level to what it reads, if it is that now:

    the store                                                then the reading is
    -------------------------------------------------------  -----------------------------------
    does so, which changes nothing                           the truth: ACCEPT
    refuses, since it is not that now                        not believed: STALE
    refuses otherwise, does not answer, may not be written   not believed: STALE; 60 s decide

Stock is a counter: changes that happen at the same time add up. No winner, no lost sale.
"""

from datetime import datetime
from enum import Enum, auto

from sync_core.domain.baseline import baseline_levels
from sync_core.domain.frozen import replace
from sync_core.domain.oversell import oversold_events
from sync_core.domain.quantities import may_be_outstanding, outstanding
from sync_core.domain.suspension import READ_LAG, ReadLag, lift_suspension, request_refresh, suspend
from sync_core.domain.values import (
    NEVER,
    Level,
    Mode,
    Movement,
    Observation,
    ObservedBy,
    Outcome,
    Pool,
    Reading,
    RefreshRequest,
    Suspension,
)


class Verdict(Enum):
    """The one thing to do with a value."""

    IGNORE = auto()
    KNOWN = auto()
    ACCEPT = auto()
    DEFER = auto()
    REFRESH = auto()
    SUSPEND = auto()
    TOO_EARLY = auto()
    STALE = auto()


def judge_webhook(level: Level, value: int | None, updated_at: datetime | None) -> Verdict:
    """Return what to do with a webhook's value: the first table."""
    if level.mode is Mode.OFF:
        return Verdict.IGNORE
    if level.open or (level.awaits_refresh and not level.is_unreadable):
        return Verdict.DEFER
    if level.is_unreadable or level.book is None or value is None:
        return Verdict.REFRESH
    if value == level.book:
        return Verdict.KNOWN  # most often our own write, come back
    known = max(level.seen_at, level.written_at)
    if updated_at is not None and updated_at > known and updated_at >= level.reported_at:
        return Verdict.ACCEPT

    # Late, or within the same whole second. Perhaps old, perhaps a sale: never drop it, look.
    return Verdict.REFRESH


def observe(
    pool: Pool, seen: Observation, *, now: datetime, read_lag: ReadLag = READ_LAG
) -> Outcome:
    """Account for what a webhook reported of one of the pool's levels."""
    level = pool.at(seen.key)
    verdict = judge_webhook(level, seen.available, seen.updated_at)
    level = replace(level, reported_at=max(level.reported_at, seen.updated_at or NEVER))
    match verdict:
        case Verdict.IGNORE:
            return Outcome(pool=pool)
        case Verdict.DEFER:
            return Outcome(pool=pool.with_level(_remember(level, seen, now=now)))
        case Verdict.REFRESH:
            return Outcome(pool=pool.with_level(request_refresh(level, now=now, read_lag=read_lag)))
        case Verdict.ACCEPT if seen.available is not None:
            return baseline_levels(_move(pool, level, seen, now=now, source=ObservedBy.WEBHOOK))
        case _:
            # Accounted for, as a difference of nothing: what is older may not undo it.
            level = replace(level, seen_at=max(level.seen_at, seen.updated_at or NEVER))
            return Outcome(pool=pool.with_level(level))


def judge_reading(
    level: Level, reading: Reading, request: RefreshRequest, *, read_lag: ReadLag = READ_LAG
) -> Verdict:
    """Return what to do with a read by id: the second table."""
    if reading.trouble is not None or reading.available is None:
        return Verdict.SUSPEND
    if level.open or level.version != request.version:
        return Verdict.TOO_EARLY
    if request.began < max(level.settled_at, level.accounted_at) + read_lag.settling:
        return Verdict.TOO_EARLY
    if request.began < max(
        level.settled_at, level.refresh_since or NEVER
    ) + read_lag.max_lag and _is_stale(level, reading):
        return Verdict.STALE
    return Verdict.ACCEPT


def is_doubtful(
    level: Level, reading: Reading, request: RefreshRequest, *, read_lag: ReadLag = READ_LAG
) -> bool:
    """Whether a reading is stale once more, so that only the store's primary can tell."""
    first = max(level.settled_at, level.refresh_since or NEVER)
    return (
        request.began >= first + read_lag.stale_retry
        and judge_reading(level, reading, request, read_lag=read_lag) is Verdict.STALE
    )


def _is_stale(level: Level, reading: Reading) -> bool:
    """Return whether a reading is older than something we already know."""
    undone = (
        level.book is not None
        and level.last_delta != 0
        and reading.available == level.book - level.last_delta
    )
    if reading.updated_at is None:
        return undone
    known = max(level.written_at, level.reported_at)
    return reading.updated_at < known or (undone and reading.updated_at <= level.written_at)


def apply_reading(
    pool: Pool,
    reading: Reading,
    request: RefreshRequest,
    *,
    now: datetime,
    read_lag: ReadLag = READ_LAG,
    confirmed: bool = False,
) -> Outcome:
    """Account for a read by id; `confirmed`: the store's primary has said the same since."""
    level = pool.at(reading.key)
    if level.mode is Mode.OFF or not level.awaits_refresh:
        return Outcome(pool=pool)
    if level.suspended is Suspension.UNBALANCED:
        # Whatever it shows: first its books must be right, and then this is the difference to them.
        patient = replace(level, refresh_at=now + read_lag.suspended)
        return Outcome(pool=pool.with_level(patient))
    match judge_reading(level, reading, request, read_lag=read_lag):
        case Verdict.SUSPEND:
            why = reading.trouble or Suspension.UNTRACKED
            return suspend(pool, level, why, now=now, read_lag=read_lag)
        case Verdict.TOO_EARLY:
            settling = max(level.settled_at, level.accounted_at) + read_lag.settling
            return Outcome(pool=pool.with_level(replace(level, refresh_at=max(now, settling))))
        case Verdict.STALE if not confirmed:
            return Outcome(
                pool=pool.with_level(replace(level, refresh_at=now + read_lag.stale_retry))
            )
        case _:
            heard = level.refresh_mark != request.mark
            return _believe(pool, level, reading, heard=heard, now=now, read_lag=read_lag)


def _believe(
    pool: Pool, level: Level, reading: Reading, *, heard: bool, now: datetime, read_lag: ReadLag
) -> Outcome:
    """Take a reading for true; `heard`: webhooks came in while it was under way."""
    if reading.available is None:  # weigh() has seen to it
        return Outcome(pool=pool)
    if level.suspended is Suspension.UNFINISHED:
        # Both numbers are possible: only a person can say what became of the write.
        patient = replace(level, refresh_at=now + read_lag.suspended)
        return Outcome(pool=pool.with_level(patient))
    level, events = lift_suspension(level, reading.available)
    unanswered = heard and level.deferred is None  # a refresh was requested after this read began
    level = replace(
        level,
        refresh_at=None,
        refresh_since=None,
        reported_at=max(level.reported_at, reading.updated_at or NEVER),
        deferred=level.deferred if heard else None,
        deferred_at=level.deferred_at if heard else NEVER,
    )
    seen = Observation(key=level.key, available=reading.available, updated_at=reading.updated_at)
    outcome = _move(pool, level, seen, now=now, source=ObservedBy.REFRESH)
    outcome = replace(outcome, events=(*events, *outcome.events))
    level = outcome.pool.level(level.id)
    if unanswered:
        wanted = request_refresh(level, now=now, read_lag=read_lag)
        return replace(outcome, pool=outcome.pool.with_level(wanted))
    is_written_next = level.active and level.due and outstanding(level, outcome.pool.shared) != 0
    if level.deferred is not None and not is_written_next:
        outcome = outcome.then(judge_deferred(outcome.pool, level, now=now))
    # What is outstanding is written now, and `deferred` is judged when that is settled: an item
    # that never rests gets one write and one refresh in turn, and neither starves.
    return baseline_levels(outcome)


def _move(
    pool: Pool, level: Level, seen: Observation, *, now: datetime, source: ObservedBy
) -> Outcome:
    """Move the book to what was seen, and the pool by the difference if the level counts."""
    if seen.available is None or seen.available == level.book:
        return Outcome(pool=pool.with_level(level))
    before = level.book
    level = replace(
        level,
        book=seen.available,
        first_book=seen.available if before is None else level.first_book,
        seen_at=max(level.seen_at, seen.updated_at or NEVER),
        accounted_at=level.accounted_at if before is None else now,
        version=level.version + 1,
    )
    pool = pool.with_level(level)
    if before is None or not level.baselined or pool.shared is None:
        return Outcome(pool=pool)
    return count_movement(
        pool,
        level,
        seen.available - before,
        seen_at=seen.updated_at,
        source=source,
        delivery=seen.delivery,
    )


def count_movement(
    pool: Pool,
    level: Level,
    delta: int,
    *,
    seen_at: datetime | None,
    source: ObservedBy,
    delivery: int | None = None,
) -> Outcome:
    """Move the pool by what one of its levels has moved, if that counts; the book has moved."""
    if delta == 0:
        return Outcome(pool=pool)
    counted = delta * level.pack if level.counts else 0
    moved = move_shared(pool, counted)
    movement = Movement(
        pool=pool.id,
        level=level.id,
        level_baseline=level.level_baseline,
        delta=delta,
        counted=counted,
        shared=moved.shared,
        seen_at=seen_at,
        source=source,
        delivery=delivery,
    )
    return Outcome(pool=moved, movements=(movement,), events=oversold_events(pool, moved))


def move_shared(pool: Pool, by: int) -> Pool:
    """Return the pool with `shared` moved, and every level due that may owe something now."""
    if by == 0 or pool.shared is None:
        return pool
    shared = pool.shared + by
    return replace(
        pool,
        shared=shared,
        levels=tuple(
            replace(each, due=True) if may_be_outstanding(each, shared) else each
            for each in pool.levels
        ),
    )


def _remember(level: Level, seen: Observation, *, now: datetime) -> Level:
    """Keep the newest value reported, to be judged later; note that something was reported."""
    if seen.available is None:
        return request_refresh(level, now=now)
    heard = seen.updated_at or NEVER
    if level.awaits_refresh:
        level = replace(level, refresh_mark=level.refresh_mark + 1)
    if level.deferred is None or heard > level.deferred_at > NEVER:
        return replace(level, deferred=seen.available, deferred_at=heard)
    if heard in {NEVER, level.deferred_at} and seen.available != level.deferred:
        # Two values within one second: which came last is anybody's guess. NEVER means: refresh.
        return replace(level, deferred=seen.available, deferred_at=NEVER)
    return level


def judge_deferred(pool: Pool, level: Level, *, now: datetime) -> Outcome:
    """Judge what was reported while an adjustment was open or a refresh under way."""
    # Which was the newest may be unknown: then it is none of them, although one equals the book.
    newest = None if level.deferred_at == NEVER else level.deferred
    seen = Observation(key=level.key, available=newest, updated_at=level.deferred_at)
    level = replace(level, deferred=None, deferred_at=NEVER)
    return observe(pool.with_level(level), seen, now=now)
