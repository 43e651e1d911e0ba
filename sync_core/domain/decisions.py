"""Carry out what a person chose about one pool. Rule 13: people decide relative to now.

    the pool, read by id just now                            then
    -------------------------------------------------------  -----------------------------------
    a number differs from what the person was shown          MOVED: nothing, a fresh proposal
    a level cannot be believed yet (written, moved or        BUSY: again in a moment
    heard of since the read began or seconds before it;
    an adjustment is open; the number is visibly stale)
    a level cannot be read                                   UNREADABLE: nothing, and why
    the circuit breaker holds changes of it        HELD: the circuit breaker is decided first
    anything else                                            what was chosen is done

What was chosen is a quantity for the pool: `shared` moves by `target - (what it was)`, and that
difference is the decision. Whatever the stores did since we last looked is a movement as ever, so
    shared == first agreed + movements + decisions.
Levels that were not baselined do so now, and owe the difference like any other. Where the
books of the pool did not add up, all of them begin a new baseline with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from sync_core.domain.accounting import Verdict, count_movement, judge_reading
from sync_core.domain.audit import ended, is_stopped, restart_pool
from sync_core.domain.baseline import baseline_levels
from sync_core.domain.oversell import oversold_events
from sync_core.domain.quantities import may_be_outstanding, outstanding
from sync_core.domain.suspension import (
    READ_LAG,
    ReadLag,
    lift_suspension,
    request_refresh,
    restart_level,
)
from sync_core.domain.values import (
    NEVER,
    Event,
    Level,
    LevelId,
    Mode,
    ObservedBy,
    Outcome,
    Pool,
    PoolId,
    Reading,
    RefreshRequest,
    Role,
    Suspension,
)

SAFETY_STOP_FIRST = "a safety stop is open for it: decide on that first"


class Obstacle(Enum):
    """Why nothing was done."""

    MOVED = auto()
    BUSY = auto()
    UNREADABLE = auto()
    WITHHELD = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDecision:
    """What a person chose about a pool, and what they had seen when they did."""

    level: LevelId  # the level that the finding is about
    target: int | None  # what the pool shall agree on; None: whatever the stores make of it
    buffer: int | None = None  # units to keep back from the level from now on
    saw: Mapping[LevelId, int | None]  # what each level showed
    shared: int | None  # what the pool had agreed on


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionReading:
    """A read by id of one level, for a decision."""

    reading: Reading
    version: int  # the level's, before the reading began
    mark: int = 0  # its requests for a refresh, before the reading began
    began: datetime  # by our clock


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedLevel:
    """A level that was baselined by a decision."""

    level: LevelId
    level_baseline: int
    written: int  # what was outstanding by the decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a decision did to a pool: enough to take it back."""

    pool: PoolId
    level: LevelId
    moved: int  # by how much it moved `shared`
    joined: tuple[JoinedLevel, ...] = ()
    buffer_before: int | None = None  # if it changed one
    pack_before: int | None = None  # if it changed a pack size
    founded: bool = False  # it was the pool's first agreement
    baseline: int = 0  # of its pool, when it was decided


def decide(
    pool: Pool,
    chosen: PoolDecision,
    reads: Mapping[LevelId, DecisionReading],
    *,
    now: datetime,
    read_lag: ReadLag = READ_LAG,
) -> tuple[Outcome, Effect] | Obstacle:
    """Do what was chosen, or say why not.

    Args:
        pool: As it is now.
        chosen: What the person wants.
        reads: What each level that takes part showed by id.
        now: Our clock.
        read_lag: How long readings may lag.
    """
    part = participants(pool, chosen.level)
    if any(each.withheld for each in pool.levels):
        return Obstacle.WITHHELD
    obstacle = obstacle_to(part, reads, read_lag)
    if obstacle is not None:
        return obstacle
    values = {each.id: reads[each.id].reading.available for each in part}
    if _has_moved(pool, chosen, values):
        return Obstacle.MOVED
    outcome = Outcome(pool=pool)
    if is_stopped(pool):
        outcome = Outcome(pool=restart_pool(pool), events=ended(pool))
    for level in part:
        outcome = outcome.then(account_for(outcome.pool, level, reads[level.id].reading, now=now))
    joining = {each.id for each in part if not outcome.pool.level(each.id).baselined}
    return _carry_out(outcome, chosen, joining)


def participants(pool: Pool, level: LevelId) -> list[Level]:
    """Return the levels that a decision about one of them is about: itself, and all that share."""
    source = (each.id for each in pool.levels if each.role is Role.SOURCE)
    always = {level, next(source, level)}
    return [
        each
        for each in pool.levels
        if each.mode is not Mode.OFF
        and (
            each.id in always
            or (each.baselined and not each.suspended)
            or each.suspended is Suspension.UNBALANCED
        )
    ]


def obstacle_to(
    part: list[Level], reads: Mapping[LevelId, DecisionReading], read_lag: ReadLag
) -> Obstacle | None:
    """Return what stands in the way of believing the readings."""
    for level in part:
        read = reads.get(level.id)
        if read is None or level.open or read.version != level.version:
            return Obstacle.BUSY
        if read.mark != level.refresh_mark:  # what was heard meanwhile must not be forgotten
            return Obstacle.BUSY
        if read.began < max(level.settled_at, level.accounted_at) + read_lag.settling:
            return Obstacle.BUSY
        if read.reading.trouble is not None or read.reading.available is None:
            return Obstacle.UNREADABLE
        request = RefreshRequest(
            level=level.id, key=level.key, began=read.began, version=read.version, mark=read.mark
        )
        if judge_reading(level, read.reading, request, read_lag=read_lag) is not Verdict.ACCEPT:
            return Obstacle.BUSY
    return None


def _has_moved(pool: Pool, chosen: PoolDecision, values: Mapping[LevelId, int | None]) -> bool:
    """Whether any number is another than the person was shown."""
    if pool.shared != chosen.shared:
        return True
    return any(values.get(level) != value for level, value in chosen.saw.items())


def account_for(pool: Pool, level: Level, reading: Reading, *, now: datetime) -> Outcome:
    """Take a reading for true: a movement where the level is baselined, else its book."""
    available = reading.available
    if available is None:
        return Outcome(pool=pool)
    level, events = _taken_back(pool.level(level.id), available)
    before = level.book
    level = replace(
        level,
        book=available,
        refresh_at=None,
        refresh_since=None,
        deferred=None,
        deferred_at=NEVER,
        seen_at=max(level.seen_at, reading.updated_at or NEVER),
        reported_at=max(level.reported_at, reading.updated_at or NEVER),
        accounted_at=now if before not in {None, available} else level.accounted_at,
        version=level.version + 1,
    )
    if not level.baselined or before is None or pool.shared is None:
        first = available if level.first_book is None else level.first_book
        return Outcome(pool=pool.with_level(replace(level, first_book=first)), events=events)
    moved = count_movement(
        pool.with_level(level),
        level,
        available - before,
        seen_at=reading.updated_at,
        source=ObservedBy.REFRESH,
    )
    return replace(moved, events=(*events, *moved.events))


def _taken_back(level: Level, available: int) -> tuple[Level, tuple[Event, ...]]:
    """Lift a suspension: a person has said what holds."""
    if level.suspended is not Suspension.UNFINISHED:
        return lift_suspension(level, available)
    # Whether the write happened is in the number itself: the level starts over from it.
    events = Event(kind="suspended", subject=f"level:{level.id}", resolved=True)
    return restart_level(replace(level, suspended=None)), (events,)


def _carry_out(
    outcome: Outcome, chosen: PoolDecision, joining: set[LevelId]
) -> tuple[Outcome, Effect] | Obstacle:
    """Move the pool to what was chosen, and let the levels in that were not baselined."""
    pool = outcome.pool
    founded = pool.shared is None
    pool = _found(pool)
    if pool.shared is None:
        return Obstacle.UNREADABLE
    target = pool.shared if chosen.target is None else chosen.target
    moved = target - pool.shared
    level = pool.level(chosen.level)
    before = None if chosen.buffer is None else level.buffer
    if chosen.buffer is not None:
        pool = pool.with_level(replace(level, buffer=chosen.buffer))
    was = pool
    pool = replace(pool, shared=target)
    pool = pool.with_levels(_joined(each, target, joins=each.id in joining) for each in pool.levels)
    effect = Effect(
        pool=pool.id,
        level=chosen.level,
        moved=moved,
        joined=tuple(
            JoinedLevel(
                level=each.id, level_baseline=each.level_baseline, written=outstanding(each, target)
            )
            for each in pool.levels
            if each.id in joining
        ),
        buffer_before=before,
        founded=founded,
    )
    resolved = tuple(
        Event(kind="differs", subject=f"level:{each}", resolved=True) for each in sorted(joining)
    )
    events = (*outcome.events, *resolved, *oversold_events(was, pool))
    return baseline_levels(replace(outcome, pool=pool, events=events)), effect


def _found(pool: Pool) -> Pool:
    """Return the pool with a first agreement: what the source shows, until a person says more."""
    if pool.shared is not None:
        return pool
    source = next((each for each in pool.levels if each.role is Role.SOURCE), None)
    if source is None or source.book is None:
        return pool
    first = source.book * source.pack + source.buffer
    return replace(pool, shared=first, first_shared=first)


def _joined(level: Level, shared: int, *, joins: bool) -> Level:
    """Return a level after the decision: met if it joins, and due if it owes."""
    if joins and level.book is not None:
        level = replace(level, baselined=True, first_book=level.book, manual_delta=0)
        level = replace(level, version=level.version + 1)
    return replace(level, due=True) if may_be_outstanding(level, shared) else level


def undo(pool: Pool, effect: Effect, *, now: datetime) -> tuple[Outcome, Effect] | str:
    """Take a decision back, as a delta: what has happened since then stays.

    A level that was baselined by the decision leaves it again, and what was written to it is
    written back (what was not written yet, is not); it then differs as it did, and a
    person may choose again.

    Returns:
        The outcome and its own effect, or the reason why it cannot be.
    """
    cannot = _cannot_undo(pool, effect)
    if cannot is not None or pool.shared is None:
        return cannot or "its initial comparison is still open"
    leaving = {
        joined.level: joined
        for joined in effect.joined
        if not (effect.founded and pool.level(joined.level).role is Role.SOURCE)
    }
    shared = pool.shared - effect.moved
    after = replace(pool, shared=shared)
    after = after.with_levels(
        _rebuffered(_leave(each, leaving[each.id], pool.shared, now=now), effect, shared)
        if each.id in leaving
        else _rebuffered(each, effect, shared)
        for each in pool.levels
    )
    done = Effect(pool=pool.id, level=effect.level, moved=-effect.moved)
    return Outcome(pool=after, events=oversold_events(pool, after)), done


def _cannot_undo(pool: Pool, effect: Effect) -> str | None:
    """Return why a decision cannot be taken back, if it cannot."""
    if effect.baseline != pool.baseline:
        return "since then the stores' numbers were taken as they are, so there is nothing to undo"
    levels = {each.id: each for each in pool.levels}
    for joined in effect.joined:
        level = levels.get(joined.level)
        if level is None or level.level_baseline != joined.level_baseline or not level.baselined:
            return (
                "since then this product was compared from the start, so there is nothing to undo"
            )
    if effect.pack_before is not None:  # it takes a reading, see `repack`
        return f"a pack size can't be undone; set it again: it was {effect.pack_before}"
    if not (effect.moved or effect.joined or effect.buffer_before is not None):
        return "it only accepted changes that the stores made themselves, and these stay"
    return _cannot_write(pool)


def _cannot_write(pool: Pool) -> str | None:
    """Return why nothing may be written to a pool's levels now, if so."""
    for level in pool.levels:
        if level.suspended is not None and level.mode is not Mode.OFF:
            return f"{level.key.store} can't be updated now ({level.suspended})"
    return SAFETY_STOP_FIRST if any(each.withheld for each in pool.levels) else None


def _rebuffered(level: Level, effect: Effect, shared: int) -> Level:
    """Return the level with the buffer that it had before the decision, and due if it owes."""
    if level.id == effect.level and effect.buffer_before is not None:
        level = replace(level, buffer=effect.buffer_before)
    return replace(level, due=True) if may_be_outstanding(level, shared) else level


def _leave(level: Level, joined: JoinedLevel, shared: int, *, now: datetime) -> Level:
    """Return a level outside its pool, owing back what was written to it.

    What is under way counts as written; should it turn out not to be, nobody has to give it back.
    """
    unwritten = 0 if level.open else outstanding(level, shared)
    manual_delta = unwritten - joined.written
    left = replace(
        level,
        baselined=False,
        level_baseline=level.level_baseline + 1,
        first_book=level.book,
        first_shared=None,
        manual_delta=manual_delta,
        due=manual_delta != 0,
        version=level.version + 1,
    )
    return left if left.due else request_refresh(left, now=now)
