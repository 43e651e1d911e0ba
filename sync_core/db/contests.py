"""What shows that a level is contested: our updates, and what moved, of late."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, func, select

from sync_core.db.movements import move_of
from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import ADJUSTMENT, FINDING, LEVEL, MOVEMENT, ORDER_EVENT
from sync_core.domain.circuit_breaker import CountedMovement
from sync_core.domain.contests import FINDING_KIND, SettledWrite, subject_of
from sync_core.domain.values import Alias, Level, Pool, PoolId, Suspension

# However hot an item is, no more of its history is read than this, each by one range of an index.
MAX_WRITES = 40
MAX_MOVEMENTS = 100
MAX_ORDER_EVENTS = 200

LAST_WRITES = (
    select(
        ADJUSTMENT.c.delta, ADJUSTMENT.c.closed_at, ADJUSTMENT.c.level_baseline, ADJUSTMENT.c.state
    )
    .where(ADJUSTMENT.c.level_id == bindparam("level"))
    .order_by(ADJUSTMENT.c.id.desc())
    .limit(MAX_WRITES)
)
LAST_MOVEMENTS = (
    select(MOVEMENT)
    .where(MOVEMENT.c.pool_id == bindparam("pool"))
    .order_by(MOVEMENT.c.id.desc())
    .limit(MAX_MOVEMENTS)
)
LAST_ORDER_EVENTS = (
    select(ORDER_EVENT.c.store, ORDER_EVENT.c.at)
    .order_by(ORDER_EVENT.c.id.desc())
    .limit(MAX_ORDER_EVENTS)
    .subquery()
)
LAST_ORDER_EVENT_OF_STORE = (
    select(LAST_ORDER_EVENTS.c.at)
    .where(LAST_ORDER_EVENTS.c.store == bindparam("store"))
    .order_by(LAST_ORDER_EVENTS.c.at.desc())
)


class SqlContests(SqlRepository):
    def recent_writes(
        self, level: Level, *, since: datetime, until: datetime
    ) -> list[SettledWrite]:
        return [
            SettledWrite(delta=row.delta, at=row.closed_at)
            for row in reversed(self.run(LAST_WRITES, {"level": level.id}).all())
            if row.state == "settled" and row.level_baseline == level.level_baseline
            if since < row.closed_at <= until
        ]

    def recent_movements(
        self, pool: Pool, *, since: datetime, until: datetime
    ) -> list[CountedMovement]:
        baselines = {each.id: each.level_baseline for each in pool.levels}
        return [
            move_of(row, title=pool.title)
            for row in reversed(self.run(LAST_MOVEMENTS, {"pool": pool.id}).all())
            if baselines.get(row.level_id) == row.level_baseline and since < row.at <= until
        ]

    def newest_order_at(self, store: Alias) -> datetime | None:
        found: datetime | None = self.run(LAST_ORDER_EVENT_OF_STORE, {"store": store}).scalar()
        return found

    def contested_at(self, pool: Pool, *, since: datetime) -> datetime | None:
        mine = (FINDING.c.kind == FINDING_KIND) & (FINDING.c.subject == subject_of(pool.id))
        open_facts = select(FINDING.c.facts).where(mine, FINDING.c.closed_at.is_(None))
        ended = select(func.max(FINDING.c.closed_at)).where(mine, FINDING.c.closed_at > since)
        facts = self.run(open_facts).scalar()
        if facts is not None:
            return datetime.fromisoformat(facts["at"])
        found: datetime | None = self.run(ended).scalar()
        return found

    def contested_pools(self, some: Iterable[PoolId]) -> set[PoolId]:
        query = select(LEVEL.c.pool_id).where(LEVEL.c.suspended == Suspension.CONTESTED.value)
        return {
            PoolId(number)
            for few in chunks(sorted(some), 500)
            for number in self.run(query.where(LEVEL.c.pool_id.in_(few))).scalars()
        }
