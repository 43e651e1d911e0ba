"""Change how many shared units are in one of a store's own: its pack size.

    the level                                       then
    ----------------------------------------------  --------------------------------------------
    its connection is off                           the size is kept for its initial comparison
    is not baselined, and shows what it should      it joins, and nothing is written
    is not baselined, and shows another number      it goes on without it: a person decides
    is baselined                                    it owes the difference to what it should show
    is suspended                                    UNREADABLE: that is settled first
    as `decide`: MOVED, BUSY, UNREADABLE, HELD      nothing, and why

`shared` does not move by it: a pack size says how a store counts, not how much there is. What the
store did before it was changed is accounted for by the size that it had, so the level is read
first; only a sale in the seconds after that reading counts by the new size. From then on a level
that is baselined begins another baseline: what older decisions wrote was in other units, and can't
be taken back in these. A size is taken back by setting it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sync_core.domain.baseline import baseline_levels
from sync_core.domain.decisions import DecisionReading, Effect, Obstacle, account_for, obstacle_to
from sync_core.domain.quantities import may_be_outstanding
from sync_core.domain.suspension import READ_LAG, ReadLag
from sync_core.domain.values import Level, LevelId, Mode, Outcome, Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """The pack size that a person wants, and what they had seen of a pool when they did."""

    levels: Sequence[LevelId]
    pack: int
    saw: Mapping[LevelId, int | None]  # what each of these levels showed; None where it is off
    shared: int | None  # what the pool had agreed on


def read_for(pool: Pool, levels: Sequence[LevelId]) -> list[Level]:
    """Return those of the levels that must be read before their pack size is changed."""
    return [each for each in pool.levels if each.id in levels and each.mode is not Mode.OFF]


def repack(
    pool: Pool,
    wanted: Packing,
    reads: Mapping[LevelId, DecisionReading],
    *,
    now: datetime,
    read_lag: ReadLag = READ_LAG,
) -> tuple[Outcome, tuple[Effect, ...]] | Obstacle:
    """Change the pack size of levels, or say why not: the table."""
    part = read_for(pool, wanted.levels)
    if part and any(each.withheld for each in pool.levels):
        return Obstacle.WITHHELD
    obstacle = obstacle_to(part, reads, read_lag)
    if obstacle is None and any(each.suspended for each in part):
        obstacle = Obstacle.UNREADABLE
    if obstacle is not None:
        return obstacle
    values = {each.id: reads[each.id].reading.available for each in part}
    saw = {each: value for each, value in wanted.saw.items() if value is not None}
    if pool.shared != wanted.shared or values != saw:
        return Obstacle.MOVED
    outcome = Outcome(pool=pool)
    for level in part:
        outcome = outcome.then(account_for(outcome.pool, level, reads[level.id].reading, now=now))
    changed = [
        each for each in pool.levels if each.id in wanted.levels and each.pack != wanted.pack
    ]
    for each in changed:
        level = outcome.pool.level(each.id)
        packed = _packed(level, wanted.pack, outcome.pool.shared)
        outcome = replace(outcome, pool=outcome.pool.with_level(packed))
    effects = tuple(
        Effect(pool=pool.id, level=each.id, moved=0, pack_before=each.pack) for each in changed
    )
    return baseline_levels(outcome), effects


def _packed(level: Level, pack: int, shared: int | None) -> Level:
    """Return a level with another pack size, and due if it owes by it."""
    level = replace(level, pack=pack, version=level.version + 1)
    if not level.baselined or shared is None:
        return level
    level = replace(level, level_baseline=level.level_baseline + 1, first_book=level.book)
    return replace(level, due=level.due or may_be_outstanding(level, shared))
