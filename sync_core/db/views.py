"""What people are shown, read from the database."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import dropwhile
from statistics import quantiles
from typing import Any

from sqlalchemy import func, or_, select

from sync_core.db.barcodes import has_barcode
from sync_core.db.batches import ADJUSTMENT, BATCH
from sync_core.db.catalogue import LOCATION_GROUP, STOCK_COUNTS
from sync_core.db.circuit_breaker import SqlCircuitBreaker
from sync_core.db.decisions import decisions_of
from sync_core.db.deliveries import DELIVERY, ORDER_EVENT
from sync_core.db.leases import BASELINE, INSTANCE, SqlLeases
from sync_core.db.notifications import FINDING, NOTIFICATION
from sync_core.db.proposal_rows import finding_of, last_audit_of
from sync_core.db.rows import LEVEL, STORE, VARIANT
from sync_core.db.stock import MOVEMENT, POOL
from sync_core.db.tables import DUE, NOT_BASELINED, OPEN, OVERSOLD, REFRESH_DUE, SUSPENDED, UNAGREED
from sync_core.domain.admin_pages import order_page, product_page
from sync_core.domain.causes import ORDER_NOT_KEPT, ORDER_WINDOW, explain
from sync_core.domain.leases import INSTANCE_CHARS
from sync_core.domain.oversell import PRESOLD, below_zero_kind
from sync_core.domain.quantities import outstanding, target_of
from sync_core.domain.values import NEVER, Alias, Mode, Pool, PoolId, Role
from sync_core.domain.views import (
    BaselineProgress,
    Difference,
    Finding,
    HistoryEntry,
    LevelView,
    Notification,
    Overview,
    PoolView,
    StoreView,
)
from sync_core.domain.webhook_events import OrderEvent, OrderEventKind

PAUSED = "paused"
AUDITED = "audited"
CAUSES_SINCE = "causes_since"  # the setting that says since when we know what orders said
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


class SqlViews(SqlCircuitBreaker, SqlLeases):
    """The part of the ledger that answers people."""

    # -- at a glance
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
        serving = self.setting(SERVING)
        return Overview(
            stores=self._store_views(counted["levels"], now),
            pools=counted["pools"],
            agreed=max(0, counted["pools"] - unagreed),
            differing=kinds.get("differs", 0),
            oversold=max(0, below - kinds.get(PRESOLD, 0)),
            findings=sum(n for kind, n in kinds.items() if kind != PRESOLD),
            unhandled=int(unhandled.scalar_one()),
            oldest_unhandled_at=self.run(first).scalar(),
            paused=self.setting(PAUSED),
            serving_at=None if serving is None else datetime.fromisoformat(serving),
            breakers=tuple(self.breakers()),
            books=last_audit_of(self.setting(AUDITED)),
            instance=(self.setting(INSTANCE) or "")[-INSTANCE_CHARS:],
        )

    def _counted(self, now: datetime) -> dict[str, Any]:
        """Return how many pools and levels there are, as counted a few minutes ago at most."""
        kept = json.loads(self.setting(STOCK_COUNTS) or "{}")
        age = now - datetime.fromisoformat(kept["at"]) if "at" in kept else COUNTS_LIVE_FOR
        is_fresh = timedelta(0) <= age < COUNTS_LIVE_FOR
        return kept if is_fresh else self.count_stock(now=now)

    def count_stock(self, *, now: datetime) -> dict[str, Any]:
        """Count all pools and levels, and keep it for whoever asks at a glance."""
        before = self.setting(STOCK_COUNTS)
        pools = self.run(select(func.count()).select_from(POOL)).scalar_one()
        by_store = select(LEVEL.c.store, func.count()).group_by(LEVEL.c.store)
        levels = {row[0]: row[1] for row in self.run(by_store)}
        counted = {"at": now.isoformat(), "pools": pools, "levels": levels}
        if pools:  # else they are about to come, and none are quickly counted
            self.compare_and_set(
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
        leases = self.leases()
        for state in self.stores():
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
                    lease=leases.get(state.alias) or self.lease(state.alias),
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

    # -- products
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
        pools = self.pools(wanted)
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

    def _domains(self) -> dict[str, str]:
        return {row.alias: row.domain for row in self.run(select(STORE.c.alias, STORE.c.domain))}

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

    # -- history
    def history(self, pool: PoolId, *, limit: int) -> list[HistoryEntry]:
        """Return the latest lines of a pool's history, oldest first."""
        moves = self.run(
            select(MOVEMENT, LEVEL.c.store, LEVEL.c.item, LEVEL.c.location)
            .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
            .where(MOVEMENT.c.pool_id == pool)
            .order_by(MOVEMENT.c.id.desc())
            .limit(limit)
        ).all()
        order_events = self._order_events_of_pool(pool, [row.seen_at or row.at for row in moves])
        since = self.causes_since()
        domains = self._domains()
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

    def causes_since(self) -> datetime:
        """Return since when we know what orders said; what they said before is forgotten."""
        kept = self.setting(CAUSES_SINCE)
        return NEVER if kept is None else datetime.fromisoformat(kept)

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

    def cause_of(self, pool: PoolId, store: Alias, delta: int, at: datetime) -> str | None:
        """Return the orders that explain a change around that time, if they do."""
        cause, used = explain(delta, at, self._order_events_of_pool(pool, [at])[store])
        return cause if used else None

    def _order_events_of_pool(
        self, pool: PoolId, times: Sequence[datetime]
    ) -> dict[str, list[OrderEvent]]:
        """Return what stores told of a pool's variants around those times, by store."""
        found: dict[str, list[OrderEvent]] = defaultdict(list)
        if not times:
            return found
        query = (
            select(ORDER_EVENT)
            .join(
                VARIANT,
                (VARIANT.c.store == ORDER_EVENT.c.store)
                & (VARIANT.c.variant_id == ORDER_EVENT.c.variant_id),
            )
            .join(LEVEL, (LEVEL.c.store == VARIANT.c.store) & (LEVEL.c.item == VARIANT.c.item))
            .where(LEVEL.c.pool_id == pool)
            .where(ORDER_EVENT.c.at.between(min(times) - ORDER_WINDOW, max(times) + ORDER_WINDOW))
            .order_by(ORDER_EVENT.c.at, ORDER_EVENT.c.id)
            .limit(5000)
        )
        rows = self.run(query).all()
        names = self._order_names([row.order_id for row in rows if not row.name])
        for row in rows:
            found[row.store].append(order_event_of(row, names))
        return found

    def _order_names(self, orders: Sequence[int]) -> dict[tuple[str, int], str]:
        """Return what orders are called, by store and id: a refund does not say it."""
        query = select(ORDER_EVENT.c.store, ORDER_EVENT.c.order_id, ORDER_EVENT.c.name).where(
            ORDER_EVENT.c.order_id.in_(orders), ORDER_EVENT.c.name != ""
        )
        return {(row.store, row.order_id): row.name for row in self.run(query)}

    # -- meetings
    def baseline_progress(self, store: Alias) -> BaselineProgress:
        """Return how far a store's first meeting has come."""
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
            alone=self.alone(store),
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

    def alone(self, store: Alias) -> int:
        """Return how many of a store's variants are in no pool."""
        pooled = select(LEVEL.c.item).where(LEVEL.c.store == store)
        query = select(func.count()).select_from(VARIANT)
        return int(
            self.run(
                query.where(VARIANT.c.store == store, VARIANT.c.item.not_in(pooled))
            ).scalar_one()
        )

    def _facts_of_open(self, kind: str, subjects: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the facts of standing findings by subject."""
        wanted = set(subjects)
        query = select(FINDING.c.subject, FINDING.c.facts).where(
            FINDING.c.kind == kind, FINDING.c.closed_at.is_(None)
        )
        return {row.subject: row.facts for row in self.run(query) if row.subject in wanted}

    # -- what people must know
    def findings(self, *, limit: int = 200) -> list[Finding]:
        """Return what stands, the newest first."""
        query = (
            select(FINDING)
            .where(FINDING.c.closed_at.is_(None))
            .order_by(FINDING.c.id.desc())
            .limit(limit)
        )
        return [finding_of(row) for row in self.run(query)]

    def notifications(self, *, after: int, limit: int = 100) -> list[Notification]:
        """Return notices in order, those after that number."""
        query = (
            select(NOTIFICATION)
            .where(NOTIFICATION.c.id > after)
            .order_by(NOTIFICATION.c.id)
            .limit(limit)
        )
        return [
            Notification(
                id=row.id,
                kind=row.kind,
                subject=row.subject,
                severity=row.severity,
                facts=row.facts,
                resolved=row.resolved,
                at=row.at,
            )
            for row in self.run(query)
        ]


def order_event_of(row: Any, names: dict[tuple[str, int], str]) -> OrderEvent:
    """Return an act from its row; `names`: what orders are called, by store and id."""
    return OrderEvent(
        store=Alias(row.store),
        kind=OrderEventKind(row.kind),
        ref=row.ref,
        line=row.line,
        order_id=row.order_id,
        name=row.name or names.get((row.store, row.order_id), ""),
        variant_id=row.variant_id,
        quantity=row.quantity,
        location=row.location,
        at=row.at,
    )
