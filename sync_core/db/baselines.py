"""New baselines: a store's numbers are taken as they are, and nothing from before is replayed."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, select, true, update

from sync_core.db.batches import ADJUSTMENT, BATCH, SqlBatches
from sync_core.db.catalogue import SqlCatalogue, restarted_values
from sync_core.db.rows import CONNECTION, LEVEL
from sync_core.db.stock import POOL
from sync_core.db.traffic import NOT_RELEASED, WITHHELD
from sync_core.domain.values import Alias, Mode, Role


class SqlBaselines(SqlCatalogue, SqlBatches):
    """The part of the ledger in which levels and pools start over."""

    def reset_baselines(self, store: Alias | None, *, now: datetime) -> None:
        """Take a store's numbers as they are, or every store's: all is read from now on.

        A destination's levels start over, and its pools go on without them until they agree. The
        source's pools, or all, start over as a whole. What is written down for the store and not
        settled is given up: whether it was written or not, the numbers that are read now contain
        it. What is on its way to other stores is settled as ever.
        """
        theirs = true() if store is None else LEVEL.c.store == store
        pools = select(LEVEL.c.pool_id).where(theirs)
        whole = store is None or self.store(store).role is Role.SOURCE
        restart_level = LEVEL.c.pool_id.in_(pools) if whole else theirs
        self._lock_pools(restart_level)
        self._give_up_open(store, now)
        off = select(CONNECTION.c.destination).where(CONNECTION.c.mode == Mode.OFF.value)
        self._start_over(and_(restart_level, LEVEL.c.store.not_in(off)), now)
        self._start_over(and_(restart_level, LEVEL.c.store.in_(off)), None)
        if not whole:
            self._refresh_unbaselined_sources(pools, now)
            return
        self.run(update(LEVEL).where(restart_level).values(first_shared=None))
        self.run(
            update(POOL)
            .where(POOL.c.id.in_(pools))
            .values(shared=None, first_shared=None, baseline=POOL.c.baseline + 1)
        )
        # What the safety stop holds back was counted in numbers that are no more.
        self.run(
            update(WITHHELD)
            .where(WITHHELD.c.pool_id.in_(pools), NOT_RELEASED)
            .values(released_at=now)
        )

    def _give_up_open(self, store: Alias | None, now: datetime) -> None:
        """Close what is written down and not settled."""
        open_ones = BATCH.c.state == "open"
        levels = LEVEL.c.open
        if store is not None:
            open_ones &= BATCH.c.store == store
            levels &= LEVEL.c.store == store
        batches = select(BATCH.c.id).where(open_ones)
        closed = {"state": "doubtful", "closed_at": now}
        mine = ADJUSTMENT.c.batch_id.in_(batches) & (ADJUSTMENT.c.state == "open")
        self.run(
            update(ADJUSTMENT).where(mine).values(**closed, why="a new baseline was taken before")
        )
        self.run(update(BATCH).where(open_ones).values(**closed, claimed_until=None))
        self.run(update(LEVEL).where(levels).values(open=False))

    def _start_over(self, which: ColumnElement[bool], now: datetime | None) -> None:
        self.run(update(LEVEL).where(which).values(restarted_values(now=now)))
