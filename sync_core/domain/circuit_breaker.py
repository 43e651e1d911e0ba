"""Hold what looks like a mistake: a store that is emptied, or moves as a whole, without an order.

    the movements of one store within ten minutes that no order explains    the circuit breaker
    ----------------------------------------------------------------------  ------------------
    take more than 20 pools to zero, each at once and by 10 units or more   trips: EMPTIED
    are more than half of all its units, and at least 1,000                 trips: MOVED
    are anything else                                                       does not trip

    when it trips, and while it is on: a movement of that store that        then
    ----------------------------------------------------------------------  ------------------
    an order explains                                                       is passed on
    takes its level to zero, at once and by 10 units or more                is part of it
    is of 10 units or more, where MOVED has tripped it                      is part of it
    rises in a pool that is part of it: perhaps somebody puts it right      is part of it
    is anything else                                                        is passed on

    a movement that is part of it                    is kept from
    -----------------------------------------------  -----------------------------------------
    and falls, or is big where MOVED has tripped it  the levels that it has not reached yet
    and rises, in this store or in one that the      the levels that what it puts right is kept
    fall has reached                                 from: the others fell, and rise again
    and orders account for a part of                 them, but for that part: it is passed on

    the movements of one pool that are part of it      then
    -------------------------------------------------  --------------------------------------
    add up to nothing, or (EMPTIED) to more            are put right: part of it no longer
    and a person says that they are right              reach the levels that they are kept from
    and a person has the store's stock restored        are taken back: what they add up to is
                                                       owed by every level that they reached
    and a person has decided about the pool meanwhile  are theirs: they never become part of it

    a movement of a pool                                  has reached another level of it
    ----------------------------------------------------  ------------------------------------
    since which an update of that level was planned       yes: it is part of what was written
    that, with the newer ones, comes to what that level   not yet, nor have the newer ones
    owes, or to no more than twice as much
    anything else                                         yes

So what had reached the other stores before the breaker tripped belongs to the question, too:
it is kept from nobody, and taken back everywhere. What is sold meanwhile stays sold: all of it is
a delta.

    a store that tells us of its orders: a movement to zero, 10 or more     then
    ----------------------------------------------------------------------  ------------------
    as long as nobody has explained it, for 3 seconds                       waits
    is explained                                                            is passed on
    is not explained by then, and the circuit breaker has not tripped       is passed on

Whatever is part of it has been accounted for as ever: the book of its store and `shared` moved.
Only the other levels do not owe it yet: their `withheld` counts it, so that sales are written
at once. A level that is baselined again has heard of nothing: what was held from it ends there.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sync_core.domain.baseline import baseline_levels
from sync_core.domain.causes import ORDER_WINDOW, UNIT_SIGN, explain
from sync_core.domain.oversell import oversold_events
from sync_core.domain.quantities import may_be_outstanding, outstanding, target_of
from sync_core.domain.values import NEVER, Alias, Level, LevelId, Outcome, Pool, PoolId
from sync_core.domain.webhook_events import OrderEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerLimits:
    """When the circuit breaker trips."""

    within: timedelta = timedelta(minutes=10)
    pools: int = 20  # more of them than this fall to zero
    fall: int = 10  # each by so many units or more, at once
    share: float = 0.5  # more than this share of all units moves …
    units: int = 1000  # … and at least so many
    order_grace: timedelta = timedelta(seconds=3)  # that an order's webhook may take longer
    max_wait: timedelta = timedelta(seconds=10)  # that a movement waits for others to be explained


BREAKER_LIMITS = BreakerLimits()


class TripRule(StrEnum):
    """What has tripped a circuit breaker."""

    EMPTIED = "emptied"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """How much moved in a store."""

    units: int = 0  # either way
    emptied: int = 0  # movements that took a level to zero, by enough

    def __add__(self, other: "Traffic") -> "Traffic":
        """Return the sum."""
        return Traffic(units=self.units + other.units, emptied=self.emptied + other.emptied)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedMovement:
    """A movement that counted, as the circuit breaker sees it."""

    id: int
    pool: PoolId
    level: LevelId
    delta: int  # in the level's own units
    counted: int  # in the pool's
    at: datetime  # our clock
    seen_at: datetime | None  # the store's
    emptied: bool  # took its level to zero, by enough
    title: str = ""  # a merchant wrote it
    breaker: str | None = None  # what holds it, or has held it
    explained: bool = False  # by orders, cancellations or refunds
    sold: int = 0  # if it is not: the part, in the pool's units, that orders account for


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldMovement:
    """A movement that is part of a circuit breaker, or that waits to be explained."""

    id: int
    breaker: str
    pool: PoolId
    level: LevelId
    movement: int
    delta: int  # in the pool's units, without what orders account for
    withheld_from: Mapping[LevelId, int]  # the levels that it is kept from, and their baselines
    at: datetime


def waiting_subject(store: Alias) -> str:
    """Return the name under which movements of a store wait to be explained."""
    return f"wait:{store}"


def is_emptied(level: Level, counted: int, shared: int, limits: BreakerLimits) -> bool:
    """Whether a movement of `counted` units, after which the pool had `shared`, emptied a level."""
    if counted > -limits.fall:
        return False
    return target_of(level, shared) <= 0 < target_of(level, shared - counted)


def measure_traffic(outcomes: Iterable[Outcome], limits: BreakerLimits) -> dict[Alias, Traffic]:
    """Return how much moved, by store."""
    units: dict[Alias, int] = {}
    emptied: dict[Alias, int] = {}
    for outcome in outcomes:
        for each in outcome.movements:
            if each.counted == 0 or each.shared is None:
                continue
            level = outcome.pool.level(each.level)
            store = level.key.store
            units[store] = units.get(store, 0) + abs(each.counted)
            if is_emptied(level, each.counted, each.shared, limits):
                emptied[store] = emptied.get(store, 0) + 1
    return {store: Traffic(units=n, emptied=emptied.get(store, 0)) for store, n in units.items()}


def explain_all(
    moves: Sequence[CountedMovement], order_events: Mapping[LevelId, Sequence[OrderEvent]]
) -> list[CountedMovement]:
    """Return movements, oldest first, with what is explained; each event explains only one."""
    left = {level: list(some) for level, some in order_events.items()}
    told = []
    for each in moves:
        theirs = left.get(each.level, [])
        _, used = explain(each.delta, each.seen_at or each.at, theirs)
        for order_event in used:
            theirs.remove(order_event)
        told.append(replace(each, explained=bool(used)))
    return _with_sold(told, left)


def _with_sold(
    moves: Iterable[CountedMovement], left: Mapping[LevelId, Sequence[OrderEvent]]
) -> list[CountedMovement]:
    """Return movements with the part that events account for which explain none wholly.

    A value contains all that happened before its time. So what was sold since the movement before,
    and moved nothing by itself, is part of the fall.
    """
    before: dict[LevelId, datetime] = {}
    told = []
    for each in moves:
        at = each.seen_at or each.at
        since = max(before.get(each.level, at - ORDER_WINDOW), at - ORDER_WINDOW)
        before[each.level] = at
        if each.explained or each.delta >= 0:
            told.append(each)
            continue
        within = [
            order_event for order_event in left.get(each.level, ()) if since < order_event.at <= at
        ]
        sold = min(
            0,
            max(
                each.delta,
                sum(UNIT_SIGN[order_event.kind] * order_event.quantity for order_event in within),
            ),
        )
        pack = each.counted // each.delta
        told.append(replace(each, sold=pack * sold, explained=sold == each.delta))
    return told


def may_trip(moved: Traffic, limits: BreakerLimits) -> bool:
    """Whether it is worth finding out what explains it."""
    return moved.emptied > limits.pools or moved.units >= limits.units


def tripped_rule(
    moves: Iterable[CountedMovement], total: int, limits: BreakerLimits
) -> TripRule | None:
    """Return what trips the breaker: the first table. `total`: the units that the store had."""
    unexplained = [each for each in moves if not each.explained]
    if len({each.pool for each in unexplained if each.emptied}) > limits.pools:
        return TripRule.EMPTIED
    units = sum(abs(each.counted) for each in unexplained)
    if units >= limits.units and units > limits.share * total:
        return TripRule.MOVED
    return None


def is_suspicious(
    move: CountedMovement, rule: TripRule, limits: BreakerLimits, *, is_part: bool
) -> bool:
    """Whether a movement is part of a breaker: the second table. `is_part`: its pool is already."""
    if move.explained:
        return False
    return move.emptied or _is_big(move, rule, limits) or (is_part and move.counted > 0)


def _is_big(move: CountedMovement, rule: TripRule, limits: BreakerLimits) -> bool:
    return rule is TripRule.MOVED and abs(move.counted) >= limits.fall


def levels_to_withhold(
    move: CountedMovement,
    waiting: Iterable[LevelId],
    parts: Iterable[WithheldMovement],
    rule: TripRule,
    limits: BreakerLimits,
) -> tuple[LevelId, ...]:
    """Return the levels that a movement is kept from: the third table.

    Args:
        move: A movement that is part of the circuit breaker.
        waiting: The levels that it has not reached.
        parts: What of its pool is part of the circuit breaker already.
        rule: What has tripped the circuit breaker.
        limits: When it trips.
    """
    if move.counted < 0 or _is_big(move, rule, limits):
        return tuple(waiting)
    theirs = {level for part in parts for level in part.withheld_from}
    return tuple(each for each in waiting if each in theirs)


def may_correct(move: CountedMovement, parts: Iterable[WithheldMovement]) -> bool:
    """Whether a rise in another store may put right what has reached that store."""
    if move.explained or move.counted <= 0:
        return False
    return any(
        part.delta < 0 and part.movement < move.id and move.level not in part.withheld_from
        for part in parts
    )


def is_corrected(parts: Iterable[WithheldMovement], rule: TripRule) -> bool:
    """Whether what of a pool is part of a breaker adds up to nothing that needs a decision."""
    total = sum(each.delta for each in parts)
    return total == 0 or (rule is TripRule.EMPTIED and total > 0)


def levels_not_reached(
    pool: Pool,
    moves: Sequence[CountedMovement],
    opened: Mapping[LevelId, int],
    planned: Mapping[LevelId, datetime],
    *,
    fresh: Collection[int] = (),
) -> dict[int, tuple[LevelId, ...]]:
    """Return the levels that movements have not reached, by movement: the last table.

    What is withheld from a level is taken from what it owes. Were it withheld from one that it has
    reached, that level would owe as much the other way: units that nobody has moved.

    Args:
        pool: The pool, as it is now.
        moves: Movements of its levels, oldest first.
        opened: What is being written to its levels.
        planned: When each level's last update was planned.
        fresh: The movements since which nothing has been planned.
    """
    found: dict[int, list[LevelId]] = {each.id: [] for each in moves}
    for level in pool.levels if pool.shared is not None else ():
        still = (outstanding(level, pool.shared) - opened.get(level.id, 0)) * level.pack
        others = [each for each in reversed(moves) if each.level != level.id]
        last = planned.get(level.id, NEVER)
        for each in others[: _count_not_reached(level, others, still, last, fresh)]:
            found[each.id].append(level.id)
    return {number: tuple(levels) for number, levels in found.items()}


def _count_not_reached(
    level: Level,
    moves: Sequence[CountedMovement],
    still: int,
    planned: datetime,
    fresh: Collection[int],
) -> int:
    """Return how many movements, newest first, have not reached a level that owes `still`."""
    if not level.baselined:
        return len(moves)
    count = total = 0
    for number, each in enumerate(moves, start=1):
        if each.id not in fresh and (not level.due or planned >= each.at):
            break
        total += each.counted
        if each.id in fresh or 2 * still * (1 if total > 0 else -1) >= abs(total):
            count = number
    return count


def withhold(
    pool: Pool, counted: int, levels: Iterable[LevelId]
) -> tuple[Pool, dict[LevelId, int]]:
    """Keep a movement from levels; return the pool, and the baselines of those levels."""
    wanted = set(levels)
    kept = {each.id: each.level_baseline for each in pool.levels if each.id in wanted}
    withheld = pool.with_levels(
        _held_more(each, counted) if each.id in kept else each for each in pool.levels
    )
    # A level that was baselined by this very movement owes what the pool had before it.
    return _due(withheld), kept


def release(pool: Pool, delta: int, kept: Mapping[LevelId, int]) -> Pool:
    """Let levels owe what was held from them; one that was baselined again since then does not."""
    if pool.shared is None:
        return pool
    freed = [
        _held_more(each, -delta) if kept.get(each.id) == each.level_baseline else each
        for each in pool.levels
    ]
    return _due(pool.with_levels(freed))


def _due(pool: Pool) -> Pool:
    """Return the pool with every level due that may owe something."""
    shared = pool.shared
    if shared is None:
        return pool
    return pool.with_levels(
        replace(each, due=True) if may_be_outstanding(each, shared) else each
        for each in pool.levels
    )


def revert(pool: Pool, delta: int, kept: Mapping[LevelId, int]) -> Pool:
    """Undo a movement: who was told of it gives it back, who was not told hears nothing.

    Its own level is one that it has reached.
    """
    if pool.shared is None:
        return pool
    return release(replace(pool, shared=pool.shared - delta), delta, kept)


def baseline_after_release(before: Pool, after: Pool) -> Outcome:
    """Return what has become of a pool whose holds have ended: levels may meet by it."""
    return baseline_levels(Outcome(pool=after, events=oversold_events(before, after)))


def _held_more(level: Level, by: int) -> Level:
    """Return a level from which more is held.

    Before it is baselined: what it should have shown at that request does not change by it.
    """
    first = level.first_shared
    if not level.baselined and first is not None:
        first += by
    return replace(level, withheld=level.withheld + by, first_shared=first)
