"""What shows that a level is contested: our updates, and what moved, of late."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, func, select

from sync_core.db.batches import ADJUSTMENT
from sync_core.db.brakes import Watching, move_of
from sync_core.db.inbox import ACT
from sync_core.db.news import FINDING
from sync_core.db.room import chunks
from sync_core.db.rows import LEVEL
from sync_core.db.stock import MOVEMENT
from sync_core.domain.brake import Move
from sync_core.domain.contest import KIND, Written, subject_of
from sync_core.domain.values import Alias, Level, Pool, PoolId, Suspension

# However hot an item is, no more of its history is read than this, each by one range of an index.
MOST_WRITES = 40
MOST_MOVES = 100
MOST_ACTS = 200

WRITES = (
    select(ADJUSTMENT.c.delta, ADJUSTMENT.c.closed_at, ADJUSTMENT.c.meeting, ADJUSTMENT.c.state)
    .where(ADJUSTMENT.c.level_id == bindparam("level"))
    .order_by(ADJUSTMENT.c.id.desc())
    .limit(MOST_WRITES)
)
MOVES = (
    select(MOVEMENT)
    .where(MOVEMENT.c.pool_id == bindparam("pool"))
    .order_by(MOVEMENT.c.id.desc())
    .limit(MOST_MOVES)
)
LATEST = select(ACT.c.store, ACT.c.at).order_by(ACT.c.id.desc()).limit(MOST_ACTS).subquery()
TOLD = select(LATEST.c.at).where(LATEST.c.store == bindparam("store")).order_by(LATEST.c.at.desc())


class Contests(Watching):
    """The part of the ledger that knows who undoes what we write."""

    def writes_to(self, level: Level, *, since: datetime, until: datetime) -> list[Written]:
        """Return our latest updates of a level, oldest first; at most `MOST_WRITES`."""
        return [
            Written(delta=row.delta, at=row.closed_at)
            for row in reversed(self.run(WRITES, {"level": level.id}).all())
            if row.state == "settled" and row.meeting == level.meeting
            if since < row.closed_at <= until
        ]

    def moves_of_pool(self, pool: Pool, *, since: datetime, until: datetime) -> list[Move]:
        """Return the latest movements of a pool, oldest first; at most `MOST_MOVES`."""
        meetings = {each.id: each.meeting for each in pool.levels}
        return [
            move_of(row, title=pool.title)
            for row in reversed(self.run(MOVES, {"pool": pool.id}).all())
            if meetings.get(row.level_id) == row.meeting and since < row.at <= until
        ]

    def orders_told_until(self, store: Alias) -> datetime | None:
        """Return the time of the newest order that a store has told us of, among the latest."""
        found: datetime | None = self.run(TOLD, {"store": store}).scalar()
        return found

    def contested_at(self, pool: Pool, *, since: datetime) -> datetime | None:
        """Return when levels of the pool were last stopped, or resumed since then."""
        mine = (FINDING.c.kind == KIND) & (FINDING.c.subject == subject_of(pool.id))
        standing = select(FINDING.c.facts).where(mine, FINDING.c.closed_at.is_(None))
        ended = select(func.max(FINDING.c.closed_at)).where(mine, FINDING.c.closed_at > since)
        facts = self.run(standing).scalar()
        if facts is not None:
            return datetime.fromisoformat(facts["at"])
        found: datetime | None = self.run(ended).scalar()
        return found

    def contested_pools(self, some: Iterable[PoolId]) -> set[PoolId]:
        """Return those of the pools that have a contested level."""
        query = select(LEVEL.c.pool_id).where(LEVEL.c.suspended == Suspension.CONTESTED.value)
        return {
            PoolId(number)
            for few in chunks(sorted(some), 500)
            for number in self.run(query.where(LEVEL.c.pool_id.in_(few))).scalars()
        }
