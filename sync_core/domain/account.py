"""Account for what others did to a level. Rules 3, 4, 5 and 10 of the design.

What to do with a webhook's value:

    the level               value            its updated_at            verdict
    ----------------------  ---------------  ------------------------  -------
    is not ours to follow   any              any                       IGNORE
    has an open adjustment  any              any                       LATER
    is suspended            any              any                       LOOK
    is contested            as one that is not suspended
    awaits a look           any              any                       LATER
    has no book             any              any                       LOOK
    is at rest              none             any                       LOOK
    is at rest              equals the book  any                       REST
    is at rest              differs          after all that we know    ACCEPT
    is at rest              differs          anything else, or none    LOOK

LATER remembers the newest value and judges it when the adjustment is settled or the look is
done: most often it is our own write, come back before the answer, and costs nothing.

What to do with a read by id:

    the reading                                              verdict
    -------------------------------------------------------  -------
    is of a level whose pool is unbalanced                   none: it waits (suspend.py)
    has trouble                                              SUSPEND
    the level moved since the read began                     SOON
    began within 2 s of our last write or accounted change   SOON
    visibly stale, within 60 s of our write or the wish      AGAIN
    anything else                                            ACCEPT

Stock is a counter: changes that happen at the same time add up. No winner, no lost sale.
"""

from dataclasses import replace
from datetime import datetime
from enum import Enum, auto

from sync_core.domain.meet import meet
from sync_core.domain.oversell import oversold
from sync_core.domain.shown import may_owe, owed
from sync_core.domain.suspend import PATIENCE, Patience, come_back, suspend, wish
from sync_core.domain.values import (
    NEVER,
    Level,
    Look,
    Mode,
    Movement,
    Observation,
    Outcome,
    Pool,
    Reading,
    Source,
    Suspension,
)


class Verdict(Enum):
    """The one thing to do with a value."""

    IGNORE = auto()
    REST = auto()
    ACCEPT = auto()
    LATER = auto()
    LOOK = auto()
    SUSPEND = auto()
    SOON = auto()
    AGAIN = auto()


def judge(level: Level, value: int | None, updated_at: datetime | None) -> Verdict:
    """Return what to do with a webhook's value: the first table."""
    if level.mode is Mode.OFF:
        return Verdict.IGNORE
    if level.open or (level.awaits_look and not level.blind):
        return Verdict.LATER
    if level.blind or level.book is None or value is None:
        return Verdict.LOOK
    if value == level.book:
        return Verdict.REST  # most often our own write, come back
    known = max(level.seen_at, level.written_at)
    if updated_at is not None and updated_at > known and updated_at >= level.heard_at:
        return Verdict.ACCEPT

    # Late, or within the same whole second. Perhaps old, perhaps a sale: never drop it, look.
    return Verdict.LOOK


def hear(pool: Pool, seen: Observation, *, now: datetime, patience: Patience = PATIENCE) -> Outcome:
    """Account for what a webhook reported of one of the pool's levels."""
    level = pool.at(seen.spot)
    verdict = judge(level, seen.available, seen.updated_at)
    level = replace(level, heard_at=max(level.heard_at, seen.updated_at or NEVER))
    match verdict:
        case Verdict.IGNORE:
            return Outcome(pool=pool)
        case Verdict.LATER:
            return Outcome(pool=pool.with_level(_remember(level, seen, now=now)))
        case Verdict.LOOK:
            return Outcome(pool=pool.with_level(wish(level, now=now, patience=patience)))
        case Verdict.ACCEPT if seen.available is not None:
            return meet(_move(pool, level, seen, now=now, source=Source.WEBHOOK))
        case _:
            # Accounted for, as a difference of nothing: what is older may not undo it.
            level = replace(level, seen_at=max(level.seen_at, seen.updated_at or NEVER))
            return Outcome(pool=pool.with_level(level))


def weigh(level: Level, reading: Reading, look: Look, *, patience: Patience = PATIENCE) -> Verdict:
    """Return what to do with a read by id: the second table."""
    if reading.trouble is not None or reading.available is None:
        return Verdict.SUSPEND
    if level.open or level.version != look.version:
        return Verdict.SOON
    if look.began < max(level.settled_at, level.accounted_at) + patience.quiet:
        return Verdict.SOON
    if look.began < max(level.settled_at, level.look_since or NEVER) + patience.truth and _is_stale(
        level, reading
    ):
        return Verdict.AGAIN
    return Verdict.ACCEPT


def _is_stale(level: Level, reading: Reading) -> bool:
    """Return whether a reading is older than something we already know."""
    undone = (
        level.book is not None
        and level.last_delta != 0
        and reading.available == level.book - level.last_delta
    )
    if reading.updated_at is None:
        return undone
    known = max(level.written_at, level.heard_at)
    return reading.updated_at < known or (undone and reading.updated_at <= level.written_at)


def looked(
    pool: Pool, reading: Reading, look: Look, *, now: datetime, patience: Patience = PATIENCE
) -> Outcome:
    """Account for a read by id."""
    level = pool.at(reading.spot)
    if level.mode is Mode.OFF or not level.awaits_look:
        return Outcome(pool=pool)
    if level.suspended is Suspension.UNBALANCED:
        # Whatever it shows: first its books must be right, and then this is the difference to them.
        patient = replace(level, look_at=now + patience.suspended)
        return Outcome(pool=pool.with_level(patient))
    match weigh(level, reading, look, patience=patience):
        case Verdict.SUSPEND:
            why = reading.trouble or Suspension.UNTRACKED
            return suspend(pool, level, why, now=now, patience=patience)
        case Verdict.SOON:
            quiet = max(level.settled_at, level.accounted_at) + patience.quiet
            return Outcome(pool=pool.with_level(replace(level, look_at=max(now, quiet))))
        case Verdict.AGAIN:
            return Outcome(pool=pool.with_level(replace(level, look_at=now + patience.stale)))
        case _:
            heard = level.look_mark != look.mark
            return _believe(pool, level, reading, heard=heard, now=now, patience=patience)


def _believe(
    pool: Pool, level: Level, reading: Reading, *, heard: bool, now: datetime, patience: Patience
) -> Outcome:
    """Take a reading for true; `heard`: webhooks came in while it was under way."""
    if reading.available is None:  # weigh() has seen to it
        return Outcome(pool=pool)
    if level.suspended is Suspension.UNFINISHED:
        # Both numbers are possible: only a person can say what became of the write.
        patient = replace(level, look_at=now + patience.suspended)
        return Outcome(pool=pool.with_level(patient))
    level, news = come_back(level, reading.available)
    unanswered = heard and level.later is None  # a look was wished after this read began
    level = replace(
        level,
        look_at=None,
        look_since=None,
        heard_at=max(level.heard_at, reading.updated_at or NEVER),
        later=level.later if heard else None,
        later_at=level.later_at if heard else NEVER,
    )
    seen = Observation(spot=level.spot, available=reading.available, updated_at=reading.updated_at)
    outcome = _move(pool, level, seen, now=now, source=Source.LOOK)
    outcome = replace(outcome, news=(*news, *outcome.news))
    level = outcome.pool.level(level.id)
    if unanswered:
        wanted = wish(level, now=now, patience=patience)
        return replace(outcome, pool=outcome.pool.with_level(wanted))
    is_written_next = level.active and level.due and owed(level, outcome.pool.shared) != 0
    if level.later is not None and not is_written_next:
        outcome = outcome.then(judge_later(outcome.pool, level, now=now))
    # What is owed is written now, and `later` is judged when that is settled: an item that never
    # rests gets one write and one look in turn, and neither starves.
    return meet(outcome)


def _move(pool: Pool, level: Level, seen: Observation, *, now: datetime, source: Source) -> Outcome:
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
    if before is None or not level.met or pool.shared is None:
        return Outcome(pool=pool)
    delta = seen.available - before
    counted = delta * level.pack if level.counts else 0
    moved = move_shared(pool, counted)
    movement = Movement(
        pool=pool.id,
        level=level.id,
        meeting=level.meeting,
        delta=delta,
        counted=counted,
        shared=moved.shared,
        seen_at=seen.updated_at,
        source=source,
        delivery=seen.delivery,
    )
    return Outcome(pool=moved, movements=(movement,), news=oversold(pool, moved))


def move_shared(pool: Pool, by: int) -> Pool:
    """Return the pool with `shared` moved, and every level due that may owe something now."""
    if by == 0 or pool.shared is None:
        return pool
    shared = pool.shared + by
    return replace(
        pool,
        shared=shared,
        levels=tuple(
            replace(each, due=True) if may_owe(each, shared) else each for each in pool.levels
        ),
    )


def _remember(level: Level, seen: Observation, *, now: datetime) -> Level:
    """Keep the newest value heard, to be judged later; note that something was heard."""
    if seen.available is None:
        return wish(level, now=now)
    heard = seen.updated_at or NEVER
    if level.awaits_look:
        level = replace(level, look_mark=level.look_mark + 1)
    if level.later is None or heard > level.later_at:
        return replace(level, later=seen.available, later_at=heard)
    if heard == level.later_at and seen.available != level.later:
        # Two values within one second: which came last is anybody's guess. NEVER makes it a look.
        return replace(level, later=seen.available, later_at=NEVER)
    return level


def judge_later(pool: Pool, level: Level, *, now: datetime) -> Outcome:
    """Judge what was heard while an adjustment was open or a look under way."""
    seen = Observation(
        spot=level.spot,
        available=level.later,
        updated_at=None if level.later_at == NEVER else level.later_at,
    )
    level = replace(level, later=None, later_at=NEVER)
    return hear(pool.with_level(level), seen, now=now)
