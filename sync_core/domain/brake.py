"""Hold what looks like a mistake: a store that is emptied, or moves as a whole, without an order.

    the movements of one store within ten minutes that no order explains    the brake
    ----------------------------------------------------------------------  ------------------
    take more than 20 pools to zero, each at once and by 10 units or more   trips: EMPTIED
    are more than half of all its units, and at least 1,000                 trips: MOVED
    are anything else                                                       does not trip

    when it trips, and while it is on: a movement of that store that        then
    ----------------------------------------------------------------------  ------------------
    an order explains                                                       is passed on
    takes its level to zero, at once and by 10 units or more                is held
    is of 10 units or more, where MOVED has tripped it                      is held
    rises in a pool of which something is held: perhaps it is put right     is held
    is anything else, or has been written to the others by now              is passed on

    a store that tells us of its orders: a movement to zero, 10 or more     then
    ----------------------------------------------------------------------  ------------------
    as long as nobody has explained it, for 3 seconds                       waits
    is explained                                                            is passed on
    is not explained by then, and the brake has not tripped                 is passed on

Whatever is held has been accounted for as ever: the book of its store and `shared` have moved.
Only the other levels do not owe it yet: their `held` counts it, so that sales go on to be written
at once. A level that meets its pool anew has heard of nothing: what was held from it ends there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sync_core.domain.acts import Act
from sync_core.domain.causes import explain
from sync_core.domain.meet import meet
from sync_core.domain.oversell import oversold
from sync_core.domain.shown import may_owe, owed, shown
from sync_core.domain.values import Alias, Level, LevelId, Outcome, Pool, PoolId


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When the brake trips."""

    within: timedelta = timedelta(minutes=10)
    pools: int = 20  # more of them than this fall to zero
    fall: int = 10  # each by so many units or more, at once
    share: float = 0.5  # more than this share of all units moves …
    units: int = 1000  # … and at least so many
    patience: timedelta = timedelta(seconds=3)  # that an order's webhook may take longer
    longest: timedelta = timedelta(seconds=10)  # that a movement waits for others to be explained


LIMITS = Limits()


class Rule(StrEnum):
    """What has tripped a brake."""

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
class Move:
    """A movement that counted, as the brake sees it."""

    id: int
    pool: PoolId
    level: LevelId
    delta: int  # in the level's own units
    counted: int  # in the pool's
    at: datetime  # our clock
    seen_at: datetime | None  # the store's
    emptied: bool  # took its level to zero, by enough
    title: str = ""  # a merchant wrote it
    brake: str | None = None  # what holds it, or has held it
    explained: bool = False  # by orders, cancellations or refunds


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A movement that is not passed on."""

    id: int
    brake: str
    pool: PoolId
    level: LevelId
    movement: int
    delta: int
    kept: Mapping[LevelId, int]  # the levels that it is kept from, and their meetings
    at: datetime


def wait_of(store: Alias) -> str:
    """Return the name under which movements of a store wait to be explained."""
    return f"wait:{store}"


def is_emptied(level: Level, counted: int, shared: int, limits: Limits) -> bool:
    """Whether a movement of `counted` units, after which the pool had `shared`, emptied a level."""
    if counted > -limits.fall:
        return False
    return shown(level, shared) <= 0 < shown(level, shared - counted)


def traffic(outcomes: Iterable[Outcome], limits: Limits) -> dict[Alias, Traffic]:
    """Return how much moved, by store."""
    units: dict[Alias, int] = {}
    emptied: dict[Alias, int] = {}
    for outcome in outcomes:
        for each in outcome.movements:
            if each.counted == 0 or each.shared is None:
                continue
            level = outcome.pool.level(each.level)
            store = level.spot.store
            units[store] = units.get(store, 0) + abs(each.counted)
            if is_emptied(level, each.counted, each.shared, limits):
                emptied[store] = emptied.get(store, 0) + 1
    return {store: Traffic(units=n, emptied=emptied.get(store, 0)) for store, n in units.items()}


def explain_all(moves: Sequence[Move], acts: Mapping[LevelId, Sequence[Act]]) -> list[Move]:
    """Return movements, oldest first, with what is explained; each act explains but one."""
    left = {level: list(some) for level, some in acts.items()}
    told = []
    for each in moves:
        theirs = left.get(each.level, [])
        _, used = explain(each.delta, each.seen_at or each.at, theirs)
        for act in used:
            theirs.remove(act)
        told.append(replace(each, explained=bool(used)))
    return told


def may_trip(moved: Traffic, limits: Limits) -> bool:
    """Whether it is worth finding out what explains it."""
    return moved.emptied > limits.pools or moved.units >= limits.units


def judge(moves: Iterable[Move], total: int, limits: Limits) -> Rule | None:
    """Return what trips the brake: the first table. `total`: the units that the store had."""
    unexplained = [each for each in moves if not each.explained]
    if len({each.pool for each in unexplained if each.emptied}) > limits.pools:
        return Rule.EMPTIED
    units = sum(abs(each.counted) for each in unexplained)
    if units >= limits.units and units > limits.share * total:
        return Rule.MOVED
    return None


def is_suspicious(move: Move, rule: Rule, limits: Limits, *, is_held: bool) -> bool:
    """Whether a movement is held: the second table. `is_held`: some of its pool is already."""
    if move.explained:
        return False
    is_big = rule is Rule.MOVED and abs(move.counted) >= limits.fall
    return move.emptied or is_big or (is_held and move.counted > 0)


def not_passed_on(
    pool: Pool, move: Move, opened: Mapping[LevelId, int], *, fresh: bool
) -> tuple[LevelId, ...]:
    """Return the levels that a movement has not reached: at least half of it is still owed.

    Args:
        pool: The pool, as it is now.
        move: A movement of one of its levels.
        opened: What is being written to its levels.
        fresh: Nothing has been written down since the movement.
    """
    if pool.shared is None:
        return ()
    waiting = []
    for level in pool.levels:
        if level.id == move.level:
            continue
        still = (owed(level, pool.shared) - opened.get(level.id, 0)) * level.pack
        passed = level.met and (not level.due or 2 * still * _sign(move) < abs(move.counted))
        if fresh or not passed:
            waiting.append(level.id)
    return tuple(waiting)


def _sign(move: Move) -> int:
    return 1 if move.counted > 0 else -1


def hold(pool: Pool, counted: int, levels: Iterable[LevelId]) -> tuple[Pool, dict[LevelId, int]]:
    """Keep a movement from levels; return the pool, and the meetings of those levels."""
    wanted = set(levels)
    kept = {each.id: each.meeting for each in pool.levels if each.id in wanted}
    held = pool.with_levels(
        _held_more(each, counted) if each.id in kept else each for each in pool.levels
    )
    # A level that met its pool by this very movement owes what the pool had before it.
    return _due(held), kept


def pass_on(pool: Pool, delta: int, kept: Mapping[LevelId, int]) -> Pool:
    """Let levels owe what was held from them; one that met its pool anew since then does not."""
    if pool.shared is None:
        return pool
    freed = [
        _held_more(each, -delta) if kept.get(each.id) == each.meeting else each
        for each in pool.levels
    ]
    return _due(pool.with_levels(freed))


def _due(pool: Pool) -> Pool:
    """Return the pool with every level due that may owe something."""
    shared = pool.shared
    if shared is None:
        return pool
    return pool.with_levels(
        replace(each, due=True) if may_owe(each, shared) else each for each in pool.levels
    )


def take_back(pool: Pool, delta: int, kept: Mapping[LevelId, int]) -> Pool:
    """Undo a movement that was held: its own level owes it back, the others never hear of it."""
    if pool.shared is None:
        return pool
    return pass_on(replace(pool, shared=pool.shared - delta), delta, kept)


def let_meet(before: Pool, after: Pool) -> Outcome:
    """Return what has become of a pool whose holds have ended: levels may meet by it."""
    return meet(Outcome(pool=after, news=oversold(before, after)))


def _held_more(level: Level, by: int) -> Level:
    """Return a level from which more is held.

    Before it has met: what it should have shown when its meeting was called does not change by it.
    """
    first = level.first_shared
    if not level.met and first is not None:
        first += by
    return replace(level, held=level.held + by, first_shared=first)
