"""Stop a level that somebody else changes back: rule 11 of the design.

Another app that copies totals, or a person at it, answers each of our updates with one of its own.
Without an end to it the two write against each other as long as both run.

    of a level, within ten minutes                                            it is contested
    ------------------------------------------------------------------------  ---------------
    three changes in a row that nothing explains, each the opposite of what   UNDONE
    we had just written there: the last update, or all since the change before
    five changes in a row that nothing explains, each what we had just        REPEATED
    written there once more: somebody passes on what we pass on
    six updates of ours in a row, up and down by turns, and before each of    TO_AND_FRO
    them a change in another store that nothing explains
    anything else                                                             no

    what the change could be                  where orders are seen   where they are not
    ----------------------------------------  ----------------------  --------------------------
    a sale: it takes units                    explained by its order  never enough by itself: one
                                                                      of the three must put units
                                                                      back, or all of the five
    a sale and its cancellation, by turns     explained by both, and  twelve updates, not six,
                                              twelve updates as well  and all of the same size
    several of both, seen in one reading      explained by any order
                                              near it that could be
                                              part of it

Orders are seen where the store has told us of one that is newer than the last of these changes:
where their webhooks are late or lost, a sale has no explanation either. What happened before a
person decided about the product, or before one of its levels was stopped or resumed, does not
count.

A contested level is not written to until somebody says so. All else goes on: what happens there is
accounted for as ever, and what happens elsewhere reaches the other stores.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from sync_core.domain.causes import ORDER_WINDOW, UNIT_SIGN
from sync_core.domain.circuit_breaker import CountedMovement, explain_all
from sync_core.domain.suspension import request_refresh
from sync_core.domain.values import (
    Event,
    Level,
    LevelId,
    Outcome,
    Pool,
    PoolId,
    Severity,
    Suspension,
)
from sync_core.domain.webhook_events import OrderEvent

FINDING_KIND = "contested"
CONTEST_WINDOW = timedelta(minutes=10)
MIN_UNDOING_CHANGES = 3  # answers in a row
MIN_REPEATED_CHANGES = 5
MIN_TURNS = 6  # updates of ours to and fro, where orders are seen, and nothing was brought back
MIN_TURNS_WITHOUT_ORDERS = 12  # … and else


class Pattern(StrEnum):
    """What shows that somebody else changes a level."""

    UNDONE = "undone"
    REPEATED = "repeated"
    TO_AND_FRO = "to_and_fro"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledWrite:
    """An update of ours that the store has done."""

    delta: int
    at: datetime  # when we settled it


@dataclass(frozen=True, slots=True, kw_only=True)
class ContestHistory:
    """What became of a level, and of its pool, of late: each oldest first."""

    writes: Sequence[SettledWrite]
    moves: Sequence[CountedMovement]  # of all levels of the pool, with what is explained
    orders_seen: bool
    brought_back: bool = False  # some of what was sold


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What shows that a level is contested."""

    pattern: Pattern
    times: int  # answers, or updates of ours
    units: int  # of the last one
    seconds: int  # from the first update to the last change


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """A change of a level that nothing explains, and that answers what we had just written."""

    pattern: Pattern
    delta: int
    began: datetime  # the first update that it answers
    at: datetime


def subject_of(pool: PoolId) -> str:
    """Return the subject of the finding about a pool with a contested level."""
    return f"contest:{pool}"


def pool_of(subject: str) -> PoolId:
    """Return the pool that such a finding is about."""
    return PoolId(int(subject.partition(":")[2]))


def explain_leniently(
    moves: Sequence[CountedMovement],
    order_events: Mapping[LevelId, Sequence[OrderEvent]],
    level: LevelId,
) -> list[CountedMovement]:
    """Return movements with what is explained; in that level, where in doubt, a customer did it.

    One reading may contain sales and returns, and then equals none of them.
    """
    theirs = order_events.get(level, ())
    return [
        replace(each, explained=each.explained or (each.level == level and _may_be(each, theirs)))
        for each in explain_all(moves, order_events)
    ]


def _may_be(move: CountedMovement, order_events: Iterable[OrderEvent]) -> bool:
    at = move.seen_at or move.at
    return any(
        UNIT_SIGN[order_event.kind] * move.delta > 0 and abs(order_event.at - at) <= ORDER_WINDOW
        for order_event in order_events
    )


def may_answer(level: Level, delta: int, *, now: datetime) -> Pattern | None:
    """Return what a change of a level, by itself, may be part of; sales are never UNDONE."""
    if level.last_delta == 0 or now - level.settled_at > CONTEST_WINDOW:
        return None
    if delta * level.last_delta < 0:
        return Pattern.UNDONE
    return Pattern.REPEATED if delta == level.last_delta else None


def find_contest(level: LevelId, history: ContestHistory) -> Contest | None:
    """Return what shows that a level is contested, by the first table, if anything does."""
    answers = _answers(level, history)
    seen = history.orders_seen
    undoing = _last(answers, Pattern.UNDONE, MIN_UNDOING_CHANGES)
    if undoing and (seen or any(each.delta > 0 for each in undoing)):
        return _contest(undoing)
    repeating = _last(answers, Pattern.REPEATED, MIN_REPEATED_CHANGES)
    if repeating and (seen or all(each.delta > 0 for each in repeating)):
        return _contest(repeating)
    return _to_and_fro(level, history)


def _answers(level: LevelId, history: ContestHistory) -> list[_Answer]:
    """Return the changes at the end of a level's history that all answer our updates."""
    answers: list[_Answer] = []
    ours: list[SettledWrite] = []
    for each in _in_order(level, history):
        if isinstance(each, SettledWrite):
            ours.append(each)
            continue
        answer = None if each.explained else _answer(each, ours)
        answers = [] if answer is None else [*answers, answer]
        ours = []
    return answers


def _in_order(level: LevelId, history: ContestHistory) -> Iterator[SettledWrite | CountedMovement]:
    """Yield what happened to a level: a change that came with our update is accounted after it."""
    events: list[SettledWrite | CountedMovement] = [*history.writes]
    events += [each for each in history.moves if each.level == level]
    yield from sorted(events, key=lambda each: (each.at, isinstance(each, CountedMovement)))


def _answer(move: CountedMovement, ours: Sequence[SettledWrite]) -> _Answer | None:
    """Return what a change answers of the updates just before it."""
    if not ours:
        return None
    sums = {ours[-1].delta, sum(each.delta for each in ours)} - {0}
    if -move.delta in sums:
        pattern = Pattern.UNDONE
    elif move.delta in sums:
        pattern = Pattern.REPEATED
    else:
        return None
    return _Answer(pattern=pattern, delta=move.delta, began=ours[0].at, at=move.at)


def _last(answers: Sequence[_Answer], pattern: Pattern, n: int) -> Sequence[_Answer]:
    """Return the last n answers if all of them are of that pattern, and close enough."""
    last = answers[-n:]
    if len(last) < n or any(each.pattern is not pattern for each in last):
        return ()
    return last if last[-1].at - last[0].began <= CONTEST_WINDOW else ()


def _contest(answers: Sequence[_Answer]) -> Contest:
    last = answers[-1]
    return Contest(
        pattern=last.pattern,
        times=len(answers),
        units=abs(last.delta),
        seconds=_seconds(answers[0].began, last.at),
    )


def _seconds(since: datetime, until: datetime) -> int:
    return max(1, round((until - since).total_seconds()))


def _to_and_fro(level: LevelId, history: ContestHistory) -> Contest | None:
    """Return whether our last updates only go to and fro, as a change elsewhere has us do."""
    seen = history.orders_seen and not history.brought_back
    n = MIN_TURNS if seen else MIN_TURNS_WITHOUT_ORDERS
    last = history.writes[-n:]
    if len(last) < n or last[-1].at - last[0].at > CONTEST_WINDOW:
        return None
    elsewhere = [each for each in history.moves if each.level != level and each.counted]
    for before, after in pairwise(last):
        causes = [each for each in elsewhere if before.at <= each.at <= after.at]
        turned = before.delta * after.delta < 0 if seen else before.delta == -after.delta
        if not turned or not causes or any(each.explained for each in causes):
            return None
    return Contest(
        pattern=Pattern.TO_AND_FRO,
        times=n,
        units=abs(last[-1].delta),
        seconds=_seconds(last[0].at, last[-1].at),
    )


def stop(pool: Pool, level: Level, contest: Contest, *, now: datetime) -> Outcome:
    """Write no more to a level that is contested; its book and its pool go on.

    Where another level of the pool is stopped already, that is the same incident.
    """
    stopped = replace(level, suspended=Suspension.CONTESTED, version=level.version + 1)
    after = pool.with_level(stopped)
    events = Event(
        kind=FINDING_KIND,
        subject=subject_of(pool.id),
        severity=Severity.CRITICAL,
        facts={
            "title": pool.title,
            "store": level.key.store,
            "stores": ", ".join(each.key.store for each in contested(after)),
            "pool": pool.id,
            "at": now.isoformat(),
            "pattern": contest.pattern.value,
            "times": contest.times,
            "units": contest.units,
            "seconds": contest.seconds,
            "follows": not level.counts,
        },
    )
    return Outcome(pool=after, events=(events,))


def resume(pool: Pool, *, now: datetime) -> Outcome:
    """Write to a pool's contested levels again, once each is read: what is outstanding then."""
    for level in contested(pool):
        back = replace(level, suspended=None, due=level.baselined, version=level.version + 1)
        pool = pool.with_level(request_refresh(back, now=now))
    events = Event(
        kind=FINDING_KIND, subject=subject_of(pool.id), facts={"ended": "resumed"}, resolved=True
    )
    return Outcome(pool=pool, events=(events,))


def contested(pool: Pool) -> list[Level]:
    """Return the levels of a pool that are stopped because they are contested."""
    return [each for each in pool.levels if each.suspended is Suspension.CONTESTED]
