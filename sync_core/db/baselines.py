"""New baselines: a store's numbers are taken as they are, and nothing from before is replayed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from heapq import nlargest
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    false,
    func,
    insert,
    select,
    true,
    update,
)

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
from sync_core.domain.read_progress import ReadProgress, ReadStage
from sync_core.domain.values import NEVER, Alias, Mode, PoolId, Role
from sync_core.domain.views import BaselineProgress, Difference
from sync_core.stored import from_json, to_json

READING_SETTING = "reading:"  # the setting, by store, of how far its levels have been read

SOURCE = select(STORE.c.alias).where(STORE.c.role == Role.SOURCE.value).scalar_subquery()
OF_SOURCE = LEVEL.alias()  # the source's level of the same pool
OF_STORE = LEVEL.c.store == bindparam("store")
COUNTED = (
    select(func.count(), func.count().filter(LEVEL.c.baselined)).select_from(LEVEL).where(OF_STORE)
)
# A pool that has agreed on nothing yet waits for its source.
AWAITS_SOURCE = and_(
    POOL.c.shared.is_(None),
    OF_SOURCE.c.id != LEVEL.c.id,
    OF_SOURCE.c.refresh_at.is_not(None),
    OF_SOURCE.c.suspended.is_(None),
)
DIFFERS = and_(
    LEVEL.c.suspended.is_(None),
    LEVEL.c.refresh_at.is_(None),
    LEVEL.c.book.is_not(None),
    func.coalesce(AWAITS_SOURCE, false()).is_(False),
)


def _unbaselined(*columns: Any) -> Select[Any]:
    """Select from a store's levels that have no baseline, with their pools and source levels."""
    same_pool = (OF_SOURCE.c.pool_id == LEVEL.c.pool_id) & (OF_SOURCE.c.store == SOURCE)
    return (
        select(*columns)
        .select_from(LEVEL)
        .join(POOL, POOL.c.id == LEVEL.c.pool_id)
        .outerjoin(OF_SOURCE, same_pool)
        .where(OF_STORE, LEVEL.c.baselined.is_(False))
    )


UNBASELINED = _unbaselined(
    func.count().filter(LEVEL.c.suspended.is_not(None)), func.count().filter(DIFFERS)
)
DIFFERING = _unbaselined(LEVEL.c.id, LEVEL.c.pool_id, LEVEL.c.book, POOL.c.title).where(DIFFERS)
UNREAD = (
    select(func.count())
    .select_from(LEVEL)
    .where(OF_STORE, LEVEL.c.refresh_at.is_not(None), LEVEL.c.book.is_(None))
    .where(LEVEL.c.suspended.is_(None))
)


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
        unbaselined = LEVEL.c.baselined.is_(False) & (LEVEL.c.store == SOURCE)
        here = LEVEL.c.pool_id.in_(pools)
        self.run(update(LEVEL).where(unbaselined, here).values(restarted_values(now=now)))

    def save(self, store: Alias | None, reason: str, by: str, *, now: datetime) -> None:
        row = {"store": store, "reason": reason, "by": by, "at": now}
        self.run(insert(BASELINE).values(row))

    def progress(self, store: Alias) -> BaselineProgress:
        total, agreed = self.run(COUNTED, {"store": store}).one()
        suspended, differing = self.run(UNBASELINED, {"store": store}).one()
        worst: list[Difference] = []
        if differing:
            shown = {each.id: each for each in self.run(DIFFERING, {"store": store})}
            said = self._facts_of_open("differs", {f"level:{level}": level for level in shown})
            worst = [
                Difference(
                    pool=PoolId(each.pool_id),
                    title=each.title,
                    store=store,
                    shows=each.book,
                    should_show=said.get(level, {}).get("should_show"),
                )
                for level, each in shown.items()
            ]
        return BaselineProgress(
            store=store,
            levels=total,
            agreed=agreed,
            differing=differing,
            waiting=total - agreed - suspended - differing,
            suspended=suspended,
            alone=self.tx.catalogue.alone(store),
            worst=tuple(nlargest(10, worst, key=_gap)),
        )

    def note(self, store: Alias, reading: ReadProgress | None) -> None:
        text = None if reading is None else to_json(reading)
        if self.tx.settings.get(READING_SETTING + store) != text:
            self.tx.settings.set(READING_SETTING + store, text)

    def reading(self, store: Alias) -> ReadProgress | None:
        text = self.tx.settings.get(READING_SETTING + store)
        found = None if text is None else from_json(text, ReadProgress)
        left = 0 if found is None else int(self.run(UNREAD, {"store": store}).scalar_one())
        if found is None or not left:
            return None
        if found.stage is not ReadStage.DIRECT:
            return found
        return replace(found, done=max(0, found.total - left))

    def _facts_of_open(self, kind: str, subjects: Mapping[str, int]) -> dict[int, dict[str, Any]]:
        """Return the facts of open findings by what they are about."""
        query = select(FINDING.c.subject, FINDING.c.facts).where(
            FINDING.c.kind == kind, FINDING.c.closed_at.is_(None)
        )
        return {
            subjects[row.subject]: row.facts for row in self.run(query) if row.subject in subjects
        }


def _gap(each: Difference) -> int:
    """Return by how much a level differs."""
    return abs((each.should_show or 0) - (each.shows or 0))
