"""What people are shown, read from the database."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import dropwhile
from statistics import quantiles
from typing import Any

from sqlalchemy import func, or_, select

from sync_core.db.catalogue import has_barcode
from sync_core.db.decisions import decisions_of
from sync_core.db.leases import INSTANCE
from sync_core.db.proposal_rows import last_audit_of
from sync_core.db.repository import SqlRepository
from sync_core.db.stock import STOCK_COUNTS
from sync_core.db.tables import (
    ADJUSTMENT,
    BASELINE,
    BATCH,
    DELIVERY,
    DUE,
    FINDING,
    LEVEL,
    LOCATION_GROUP,
    MOVEMENT,
    NOT_BASELINED,
    OPEN,
    OVERSOLD,
    POOL,
    REFRESH_DUE,
    STORE,
    SUSPENDED,
    UNAGREED,
    VARIANT,
)
from sync_core.domain.admin_pages import order_page, product_page
from sync_core.domain.causes import ORDER_NOT_KEPT, explain
from sync_core.domain.leases import INSTANCE_CHARS
from sync_core.domain.oversell import PRESOLD, below_zero_kind
from sync_core.domain.quantities import outstanding, target_of
from sync_core.domain.values import Alias, Mode, Pool, PoolId, Role
from sync_core.domain.views import HistoryEntry, LevelView, Overview, PoolView, StoreView
from sync_core.domain.webhook_events import OrderEvent

PAUSED = "paused"
AUDITED = "audited"
COUNTS_LIVE_FOR = timedelta(minutes=10)
NOT_SUSPENDED = LEVEL.c.suspended.is_(None)
SERVING = "serving"
NAMELESS = ("", "", "")
GAPS = {
    "foreign": "numbers taken as they were, since another Tipo may have written",
    "older": "numbers taken as they were, since this database was older",
}
MAX_SEARCH_HITS = 50
ENTRY_ORDER = ("movement", "decision", "adjustment", "gap")  # of what happened in the same moment


class SqlViews(SqlRepository):
    """What people are shown of stores, pools and their history."""

    def overview(self, *, now: datetime) -> Overview:
        """Return everything at a glance.

        How many pools and levels there are is counted every few minutes, and when they change.
        What is open, due, below zero … is counted now, by indexes that hold nothing else.
        """
        counted = self._counted(now)
        unagreed, below = (
            int(self.run(select(func.count()).select_from(POOL).where(each)).scalar_one())
            for each in (UNAGREED, OVERSOLD)
        )
        waiting = DELIVERY.c.handled_at.is_(None)
        unhandled = self.run(select(func.count()).select_from(DELIVERY).where(waiting))
        first = select(DELIVERY.c.received_at).where(waiting).order_by(DELIVERY.c.id).limit(1)
        standing = select(FINDING.c.kind, func.count()).where(FINDING.c.closed_at.is_(None))
        kinds = {row[0]: row[1] for row in self.run(standing.group_by(FINDING.c.kind))}
        serving = self.tx.settings.setting(SERVING)
        return Overview(
            stores=self._store_views(counted["levels"], now),
            pools=counted["pools"],
            agreed=max(0, counted["pools"] - unagreed),
            differing=kinds.get("differs", 0),
            oversold=max(0, below - kinds.get(PRESOLD, 0)),
            findings=sum(n for kind, n in kinds.items() if kind != PRESOLD),
            unhandled=int(unhandled.scalar_one()),
            oldest_unhandled_at=self.run(first).scalar(),
            paused=self.tx.settings.setting(PAUSED),
            serving_at=None if serving is None else datetime.fromisoformat(serving),
            breakers=tuple(self.tx.breaker.breakers()),
            books=last_audit_of(self.tx.settings.setting(AUDITED)),
            instance=(self.tx.settings.setting(INSTANCE) or "")[-INSTANCE_CHARS:],
        )

    def _counted(self, now: datetime) -> dict[str, Any]:
        """Return how many pools and levels there are, as counted a few minutes ago at most."""
        kept = json.loads(self.tx.settings.setting(STOCK_COUNTS) or "{}")
        age = now - datetime.fromisoformat(kept["at"]) if "at" in kept else COUNTS_LIVE_FOR
        is_fresh = timedelta(0) <= age < COUNTS_LIVE_FOR
        return kept if is_fresh else self.count_stock(now=now)

    def count_stock(self, *, now: datetime) -> dict[str, Any]:
        """Count all pools and levels, and keep it for whoever asks at a glance."""
        before = self.tx.settings.setting(STOCK_COUNTS)
        pools = self.run(select(func.count()).select_from(POOL)).scalar_one()
        by_store = select(LEVEL.c.store, func.count()).group_by(LEVEL.c.store)
        levels = {row[0]: row[1] for row in self.run(by_store)}
        counted = {"at": now.isoformat(), "pools": pools, "levels": levels}
        if pools:  # else they are about to come, and none are quickly counted
            self.tx.settings.compare_and_set(
                STOCK_COUNTS, before, json.dumps(counted)
            )  # not if there are new ones meanwhile
        return counted

    def _store_views(self, levels: Mapping[str, int], now: datetime) -> tuple[StoreView, ...]:
        being_written = (
            select(LEVEL.c.store, func.count())
            .join(ADJUSTMENT, ADJUSTMENT.c.level_id == LEVEL.c.id)
            .where(OPEN)
            .group_by(LEVEL.c.store)
        )
        opened = {row[0]: row[1] for row in self.run(being_written)}
        views = []
        leases = self.tx.leases.leases()
        for state in self.tx.stores.stores():
            is_followed = state.role is Role.SOURCE or state.mode is not Mode.OFF
            refreshes = self._count_levels(state.alias, REFRESH_DUE, NOT_SUSPENDED)
            total = levels.get(state.alias, 0)
            p50, p95 = self._delays(state.alias, now)
            views.append(
                StoreView(
                    alias=state.alias,
                    domain=state.domain,
                    role=state.role,
                    mode=None if state.role is Role.SOURCE else state.mode,
                    levels=total,
                    baselined=max(0, total - self._count_levels(state.alias, NOT_BASELINED)),
                    due=self._count_levels(state.alias, DUE, NOT_SUSPENDED) if is_followed else 0,
                    refreshes=refreshes if is_followed else 0,
                    suspended=self._count_levels(state.alias, SUSPENDED),
                    open=opened.get(state.alias, 0),
                    last_delivery_at=state.last_delivery_at,
                    blocked_why=state.blocked_why,
                    lease=leases.get(state.alias) or self.tx.leases.lease(state.alias),
                    seconds_p50=p50,
                    seconds_p95=p95,
                )
            )
        return tuple(views)

    def _count_levels(self, store: Alias, *which: Any) -> int:
        """Count the levels of a store of which something holds that an index knows."""
        query = select(func.count()).select_from(LEVEL).where(LEVEL.c.store == store, *which)
        return int(self.run(query).scalar_one())

    def _delays(self, store: Alias, now: datetime) -> tuple[float | None, float | None]:
        """Return the usual and the long delay of the last hour's batches; seconds."""
        query = (
            select(BATCH.c.planned_at, BATCH.c.closed_at)
            .where(BATCH.c.store == store, BATCH.c.state == "settled")
            .order_by(BATCH.c.id.desc())
            .limit(500)
        )
        hour = now - timedelta(hours=1)
        seconds = [
            (row.closed_at - row.planned_at).total_seconds()
            for row in self.run(query)
            if row.closed_at >= hour
        ]
        if not seconds:
            return None, None
        cuts = quantiles([*seconds, seconds[-1]], n=20, method="inclusive")
        return cuts[9], cuts[18]

    def find_pools(self, words: str, *, limit: int = MAX_SEARCH_HITS) -> list[PoolId]:
        """Return the pools of a handle, SKU or barcode, or of all the words in a title."""
        words = " ".join(words.split())
        exact = or_(
            func.lower(VARIANT.c.handle) == words.lower(),
            func.lower(VARIANT.c.sku) == words.lower(),
            has_barcode(words),
        )
        found = self._pools_where(exact, limit)
        if found or not words:
            return found
        every = [POOL.c.title.icontains(word, autoescape=True) for word in words.split()]
        query = select(POOL.c.id).where(*every).order_by(POOL.c.title, POOL.c.id).limit(limit)
        return [PoolId(row[0]) for row in self.run(query)]

    def _pools_where(self, condition: Any, limit: int) -> list[PoolId]:
        query = (
            select(LEVEL.c.pool_id)
            .join(VARIANT, (VARIANT.c.store == LEVEL.c.store) & (VARIANT.c.item == LEVEL.c.item))
            .where(condition)
            .distinct()
            .order_by(LEVEL.c.pool_id)
            .limit(limit)
        )
        return [PoolId(row[0]) for row in self.run(query)]

    def pool_views(self, wanted: Sequence[PoolId]) -> list[PoolView]:
        """Return pools for people, in the order asked for."""
        pools = self.tx.stock.pools(wanted)
        group_of = {
            row.id: row.name
            for row in self.run(
                select(POOL.c.id, LOCATION_GROUP.c.name)
                .join(LOCATION_GROUP, LOCATION_GROUP.c.id == POOL.c.location_group_id)
                .where(POOL.c.id.in_(wanted))
            )
        }
        moved = {
            row[0]: row[1]
            for row in self.run(
                select(MOVEMENT.c.pool_id, func.max(MOVEMENT.c.at))
                .where(MOVEMENT.c.pool_id.in_(wanted))
                .group_by(MOVEMENT.c.pool_id)
            )
        }
        names = self._names(wanted)
        opened = self._open_deltas(wanted)
        return [
            self._pool_view(pools[each], group_of[each], moved.get(each), names, opened)
            for each in wanted
            if each in pools
        ]

    def _names(self, wanted: Sequence[PoolId]) -> dict[int, tuple[str, str, str]]:
        """Return handle, SKU and page in the store's admin by level."""
        query = (
            select(
                LEVEL.c.id,
                VARIANT.c.handle,
                VARIANT.c.sku,
                VARIANT.c.product_id,
                STORE.c.domain,
            )
            .join(STORE, STORE.c.alias == LEVEL.c.store)
            .join(VARIANT, (VARIANT.c.store == LEVEL.c.store) & (VARIANT.c.item == LEVEL.c.item))
            .where(LEVEL.c.pool_id.in_(wanted))
        )
        return {
            row.id: (row.handle, row.sku, product_page(row.domain, row.product_id))
            for row in self.run(query)
        }

    def _open_deltas(self, wanted: Sequence[PoolId]) -> dict[int, int]:
        query = (
            select(ADJUSTMENT.c.level_id, ADJUSTMENT.c.delta)
            .join(LEVEL, LEVEL.c.id == ADJUSTMENT.c.level_id)
            .where(LEVEL.c.pool_id.in_(wanted), ADJUSTMENT.c.state == "open")
        )
        return {row.level_id: row.delta for row in self.run(query)}

    def _pool_view(
        self,
        pool: Pool,
        location_group: str,
        moved_at: datetime | None,
        names: dict[int, tuple[str, str, str]],
        opened: dict[int, int],
    ) -> PoolView:
        levels = tuple(
            LevelView(
                id=each.id,
                store=each.key.store,
                item=each.key.item,
                location=each.key.location,
                location_group=location_group,
                mode=each.mode,
                book=each.book,
                shows=None,
                outstanding=outstanding(each, pool.shared),
                baselined=each.baselined,
                suspended=each.suspended,
                open_delta=opened.get(each.id),
                awaits_refresh=each.awaits_refresh,
                sku=names.get(each.id, NAMELESS)[1],
                page=names.get(each.id, NAMELESS)[2],
                pack=each.pack,
                expected=None if pool.shared is None else target_of(each, pool.shared),
            )
            for each in sorted(pool.levels, key=lambda level: level.role is not Role.SOURCE)
        )
        handle = next((names[each.id][0] for each in levels if each.id in names), "")
        return PoolView(
            id=pool.id,
            title=pool.title,
            handle=handle,
            location_group=location_group,
            shared=pool.shared,
            presold=below_zero_kind(pool) == PRESOLD,
            moved_at=moved_at,
            levels=levels,
        )

    def history(self, pool: PoolId, *, limit: int) -> list[HistoryEntry]:
        """Return the latest lines of a pool's history, oldest first."""
        moves = self.run(
            select(MOVEMENT, LEVEL.c.store, LEVEL.c.item, LEVEL.c.location)
            .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
            .where(MOVEMENT.c.pool_id == pool)
            .order_by(MOVEMENT.c.id.desc())
            .limit(limit)
        ).all()
        order_events = self.tx.order_events.order_events_of_pool(
            pool, [row.seen_at or row.at for row in moves]
        )
        since = self.tx.order_events.causes_since()
        domains = self.tx.stores.domains()
        entries = [self._moved(row, order_events, since, domains) for row in reversed(moves)]
        writes = self.run(
            select(ADJUSTMENT, LEVEL.c.store)
            .join(LEVEL, LEVEL.c.id == ADJUSTMENT.c.level_id)
            .where(LEVEL.c.pool_id == pool, ADJUSTMENT.c.state != "replaced")
            .order_by(ADJUSTMENT.c.id.desc())
            .limit(limit)
        )
        for row in writes:
            took = None if row.closed_at is None else (row.closed_at - row.planned_at)
            entries.append(
                HistoryEntry(
                    at=row.closed_at or row.planned_at,
                    store=Alias(row.store),
                    kind="adjustment",
                    delta=row.delta,
                    shared=None,
                    state=row.state,
                    cause=row.why or "",
                    seconds=None if took is None else took.total_seconds(),
                    ref=row.id,
                )
            )
        entries += decisions_of(self, pool, limit=limit)
        entries += self._gaps(pool, limit)
        entries.sort(key=lambda each: (each.at, ENTRY_ORDER.index(each.kind)))
        begun = dropwhile(lambda each: each.kind == "gap", entries)  # before that it was not there
        return list(begun)[-limit:]

    def _gaps(self, pool: PoolId, limit: int) -> list[HistoryEntry]:
        """Return when numbers of a pool's stores were taken as they were."""
        theirs = select(LEVEL.c.store).where(LEVEL.c.pool_id == pool)
        query = (
            select(BASELINE)
            .where(or_(BASELINE.c.store.is_(None), BASELINE.c.store.in_(theirs)))
            .order_by(BASELINE.c.id.desc())
            .limit(limit)
        )
        return [
            HistoryEntry(
                at=row.at,
                store=Alias(row.store or ""),
                kind="gap",
                delta=0,
                shared=None,
                state=row.reason,
                cause=f"{row.by}: {GAPS[row.reason]}",
                ref=row.id,
            )
            for row in self.run(query)
        ]

    def _moved(
        self,
        row: Any,
        order_events: dict[str, list[OrderEvent]],
        since: datetime,
        domains: Mapping[str, str],
    ) -> HistoryEntry:
        """Return a movement as a line, and use up the acts that explain it."""
        theirs = order_events[row.store]
        cause, used = explain(row.delta, row.seen_at or row.at, theirs)
        if not used and row.at < since:
            cause = ORDER_NOT_KEPT
        for each in used:
            theirs.remove(each)
        return HistoryEntry(
            at=row.at,
            store=Alias(row.store),
            kind="movement",
            delta=row.delta,
            shared=row.shared,
            state="counted" if row.counted else "not counted",
            cause=cause,
            ref=row.id,
            page=order_page(domains[row.store], used[0].order_id) if len(used) == 1 else "",
        )
