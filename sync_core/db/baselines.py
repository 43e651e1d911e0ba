"""New baselines: a store's numbers are taken as they are, and nothing from before is replayed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, insert, select, true, update

from sync_core.db.repository import SqlRepository
from sync_core.db.tables import (
    ADJUSTMENT,
    BASELINE,
    BATCH,
    CONNECTION,
    FINDING,
    LEVEL,
    POOL,
    STORE,
    WITHHELD,
)
from sync_core.db.withheld import NOT_RELEASED
from sync_core.domain.values import NEVER, Alias, Mode, PoolId, Role
from sync_core.domain.views import BaselineProgress, Difference


def restarted_values(*, now: datetime | None) -> dict[str, Any]:
    """Return what an UPDATE makes of levels that begin a new baseline; read from `now` on, or not.

    It does to many levels at once what `accounting.restart_level` does to one. Whether an
    adjustment is open is left as it is.
    """
    shared = select(POOL.c.shared).where(POOL.c.id == LEVEL.c.pool_id).scalar_subquery()
    return {
        "book": None,
        "first_book": None,
        "first_shared": shared,
        "baselined": False,
        "level_baseline": LEVEL.c.level_baseline + 1,
        "due": False,
        "withheld": 0,
        "manual_delta": 0,
        "suspended": None,
        "deferred": None,
        "deferred_at": NEVER,
        "version": LEVEL.c.version + 1,
        "refresh_at": now,
        "refresh_since": now,
        "refresh_mark": LEVEL.c.refresh_mark + 1,
    }


class SqlBaselines(SqlRepository):
    def request(self, store: Alias, mode: Mode, *, by: str, now: datetime) -> None:
        self.run(
            update(CONNECTION)
            .where(CONNECTION.c.destination == store)
            .values(mode=mode.value, since=now, by=by)
        )
        self.tx.stock.lock_pools(LEVEL.c.store == store)
        theirs = LEVEL.c.store == store
        values = restarted_values(now=None if mode is Mode.OFF else now)
        self.run(update(LEVEL).where(theirs).values(values))
        if mode is Mode.OFF:
            return
        self._refresh_unbaselined_sources(select(LEVEL.c.pool_id).where(theirs), now)

    def reset(self, store: Alias | None, *, now: datetime) -> None:
        theirs = true() if store is None else LEVEL.c.store == store
        pools = select(LEVEL.c.pool_id).where(theirs)
        whole = store is None or self.tx.stores.get(store).role is Role.SOURCE
        restart_level = LEVEL.c.pool_id.in_(pools) if whole else theirs
        self.tx.stock.lock_pools(restart_level)
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
        levels: ColumnElement[bool] = LEVEL.c.open
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

    def _refresh_unbaselined_sources(self, pools: Select[Any], now: datetime) -> None:
        """Have source levels read that have no baseline: their pools can agree on nothing else."""
        source = select(STORE.c.alias).where(STORE.c.role == Role.SOURCE.value).scalar_subquery()
        unbaselined = LEVEL.c.baselined.is_(False) & (LEVEL.c.store == source)
        here = LEVEL.c.pool_id.in_(pools)
        self.run(update(LEVEL).where(unbaselined, here).values(restarted_values(now=now)))

    def save(self, store: Alias | None, reason: str, by: str, *, now: datetime) -> None:
        row = {"store": store, "reason": reason, "by": by, "at": now}
        self.run(insert(BASELINE).values(row))

    def progress(self, store: Alias) -> BaselineProgress:
        theirs = LEVEL.c.store == store
        query = select(LEVEL, POOL.c.title, POOL.c.shared).join(POOL, POOL.c.id == LEVEL.c.pool_id)
        rows = self.run(query.where(theirs, LEVEL.c.baselined.is_(False))).all()
        total = int(self.run(select(func.count()).select_from(LEVEL).where(theirs)).scalar_one())
        suspended = [row for row in rows if row.suspended is not None]
        known = [row for row in rows if row.suspended is None and row.refresh_at is None]
        differing = [row for row in known if row.book is not None]
        facts = self._facts_of_open("differs", [f"level:{row.id}" for row in differing])
        told = [(row, facts.get(f"level:{row.id}", {})) for row in differing]
        worst = sorted(
            told,
            key=lambda pair: -abs((pair[1].get("should_show") or 0) - (pair[0].book or 0)),
        )
        return BaselineProgress(
            store=store,
            levels=total,
            agreed=total - len(rows),
            differing=len(differing),
            waiting=len(rows) - len(suspended) - len(differing),
            suspended=len(suspended),
            alone=self.tx.catalogue.alone(store),
            worst=tuple(
                Difference(
                    pool=PoolId(row.pool_id),
                    title=row.title,
                    store=store,
                    shows=row.book,
                    should_show=said.get("should_show"),
                )
                for row, said in worst[:10]
            ),
        )

    def _facts_of_open(self, kind: str, subjects: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the facts of open findings by subject."""
        wanted = set(subjects)
        query = select(FINDING.c.subject, FINDING.c.facts).where(
            FINDING.c.kind == kind, FINDING.c.closed_at.is_(None)
        )
        return {row.subject: row.facts for row in self.run(query) if row.subject in wanted}
