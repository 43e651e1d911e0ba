"""What people are shown, read from the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any

import msgspec
from sqlalchemy import func, literal, or_, select

from sync_core.db.catalogue import has_barcode
from sync_core.db.history import history_of
from sync_core.db.leases import INSTANCE
from sync_core.db.posts import UNSENT
from sync_core.db.repository import SqlRepository
from sync_core.db.stock import STOCK_COUNTS
from sync_core.db.tables import (
    ADJUSTMENT,
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
    POST,
    REFRESH_DUE,
    REPORT,
    SETTING,
    SOLD_AS,
    STORE,
    SUSPENDED,
    UNAGREED,
    VARIANT,
)
from sync_core.domain.admin_pages import product_page
from sync_core.domain.leases import INSTANCE_CHARS
from sync_core.domain.oversell import PRESOLD, below_zero_kind
from sync_core.domain.process_roles import HEARTBEATS, ProcessRole
from sync_core.domain.proposals import ReportState
from sync_core.domain.quantities import outstanding, target_of
from sync_core.domain.shadow import Shadow
from sync_core.domain.texts import codes_in, names_in
from sync_core.domain.values import Alias, Level, LevelId, Mode, Pool, PoolId, Role
from sync_core.domain.views import (
    Backlog,
    BooksView,
    HistoryEntry,
    LevelView,
    OpenBatches,
    Overview,
    PoolView,
    StoreView,
)
from sync_core.ports.settings import PAUSED_SETTING, SHADOW_SETTING
from sync_core.stored import from_json, to_json

ROLE_OF = {name: role for role, name in HEARTBEATS.items()}
AUDITED = "audited"
COUNTS_LIVE_FOR = timedelta(minutes=10)
NOT_SUSPENDED = LEVEL.c.suspended.is_(None)
NAMELESS = ("", "", "")
MAX_SEARCH_HITS = 50
MAX_TEXT_CHARS = 500  # of a search in titles, or of a text in which products are named
MAX_NAMED = 1_000  # levels whose titles it may have in it


class StockCounts(msgspec.Struct, frozen=True):
    """How many pools and levels there were, as a setting keeps it."""

    at: datetime | None = None  # None: they have changed since
    pools: int = 0
    levels: dict[Alias, int] = {}


class SqlViews(SqlRepository):
    def overview(self, *, now: datetime) -> Overview:
        counted = self._counted(now)
        unagreed, below = (
            int(self.run(select(func.count()).select_from(POOL).where(each)).scalar_one())
            for each in (UNAGREED, OVERSOLD)
        )
        waiting = DELIVERY.c.handled_at.is_(None)
        unhandled = self.run(select(func.count()).select_from(DELIVERY).where(waiting))
        first = select(DELIVERY.c.received_at).where(waiting).order_by(DELIVERY.c.id).limit(1)
        still_open = select(FINDING.c.kind, func.count()).where(FINDING.c.closed_at.is_(None))
        kinds = {row[0]: row[1] for row in self.run(still_open.group_by(FINDING.c.kind))}
        roles = self.roles()
        audited, shadow = (self.tx.settings.get(each) for each in (AUDITED, SHADOW_SETTING))
        return Overview(
            stores=self._store_views(counted.levels, now),
            pools=counted.pools,
            agreed=max(0, counted.pools - unagreed),
            differing=kinds.get("differs", 0),
            oversold=max(0, below - kinds.get(PRESOLD, 0)),
            findings=sum(n for kind, n in kinds.items() if kind != PRESOLD),
            unhandled=int(unhandled.scalar_one()),
            oldest_unhandled_at=self.run(first).scalar(),
            paused=self.tx.settings.get(PAUSED_SETTING),
            shadow=None if shadow is None else from_json(shadow, Shadow),
            serving_at=roles.get(ProcessRole.WORKER),
            roles=roles,
            breakers=tuple(self.tx.breaker.all()),
            books=None if audited is None else from_json(audited, BooksView),
            instance=(self.tx.settings.get(INSTANCE) or "")[-INSTANCE_CHARS:],
        )

    def roles(self) -> dict[ProcessRole, datetime]:
        signs = select(SETTING.c.name, SETTING.c.value).where(SETTING.c.name.in_(ROLE_OF))
        return {ROLE_OF[name]: datetime.fromisoformat(at) for name, at in self.run(signs)}

    def backlog(self, *, now: datetime) -> Backlog:
        posts, oldest = self.run(
            select(func.count(), func.min(POST.c.due_at)).where(UNSENT, POST.c.due_at <= now)
        ).one()
        batches = (
            select(
                BATCH.c.store,
                func.count(),
                func.count(BATCH.c.first_sent_at),
                func.min(BATCH.c.planned_at),
            )
            .where(BATCH.c.state == "open")
            .group_by(BATCH.c.store)
        )
        nightly = (
            select(REPORT.c.finished_at)
            .where(REPORT.c.night.is_not(None), REPORT.c.state == ReportState.DONE)
            .order_by(REPORT.c.id.desc())
            .limit(1)
        )
        quarantined = select(func.count()).where(DELIVERY.c.quarantined_at.is_not(None))
        return Backlog(
            quarantined=self.run(quarantined).scalar_one(),
            posts=posts,
            oldest_post_at=oldest,
            batches={
                Alias(store): OpenBatches(count=count, unanswered=sent, oldest_at=at)
                for store, count, sent, at in self.run(batches)
            },
            nightly_at=self.run(nightly).scalar(),
        )

    def _counted(self, now: datetime) -> StockCounts:
        """Return how many pools and levels there are, as counted a few minutes ago at most."""
        kept = from_json(self.tx.settings.get(STOCK_COUNTS) or "{}", StockCounts)
        age = COUNTS_LIVE_FOR if kept.at is None else now - kept.at
        is_fresh = timedelta(0) <= age < COUNTS_LIVE_FOR
        return kept if is_fresh else self.count_stock(now=now)

    def count_stock(self, *, now: datetime) -> StockCounts:
        """Count all pools and levels, and keep it for whoever asks at a glance."""
        before = self.tx.settings.get(STOCK_COUNTS)
        pools = self.run(select(func.count()).select_from(POOL)).scalar_one()
        by_store = select(LEVEL.c.store, func.count()).group_by(LEVEL.c.store)
        levels = {row[0]: row[1] for row in self.run(by_store)}
        counted = StockCounts(at=now, pools=pools, levels=levels)
        if pools:  # else they are about to come, and none are quickly counted
            self.tx.settings.compare_and_set(
                STOCK_COUNTS, before, to_json(counted)
            )  # not if there are new ones meanwhile
        return counted

    def _store_views(self, levels: Mapping[Alias, int], now: datetime) -> tuple[StoreView, ...]:
        being_written = (
            select(LEVEL.c.store, func.count())
            .join(ADJUSTMENT, ADJUSTMENT.c.level_id == LEVEL.c.id)
            .where(OPEN)
            .group_by(LEVEL.c.store)
        )
        opened = {row[0]: row[1] for row in self.run(being_written)}
        views = []
        leases = self.tx.leases.all()
        for state in self.tx.stores.all():
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
                    lease=leases.get(state.alias) or self.tx.leases.of(state.alias),
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
        words = " ".join(words.split())
        if not words:
            return []  # an empty SKU is none
        exact = or_(
            func.lower(VARIANT.c.handle) == words.lower(),
            func.lower(VARIANT.c.sku) == words.lower(),
            has_barcode(words),
        )
        found = self._pools_where(exact, limit)
        if found or len(words) > MAX_TEXT_CHARS:  # a SKU may be longer than that, a title is not
            return found
        every = [POOL.c.title.icontains(word, autoescape=True) for word in words.split()]
        query = select(POOL.c.id).where(*every).order_by(POOL.c.title, POOL.c.id).limit(limit)
        return [PoolId(row[0]) for row in self.run(query)]

    def find_pools_in(self, text: str, *, limit: int = MAX_SEARCH_HITS) -> list[PoolId]:
        text = " ".join(text.split())[:MAX_TEXT_CHARS]
        query = (
            select(LEVEL.c.pool_id, VARIANT.c.title, POOL.c.title.label("whole"))
            .join(VARIANT, SOLD_AS)
            .join(POOL, POOL.c.id == LEVEL.c.pool_id)
            .where(VARIANT.c.title != "", literal(text).icontains(VARIANT.c.title))
            .distinct()
            .limit(MAX_NAMED)
        )
        rows = self.run(query).all()
        wholes = names_in(text, {row.whole for row in rows})
        titles = names_in(text, {row.title for row in rows})
        found = {row.pool_id for row in rows if row.whole in wholes}
        found = found or {row.pool_id for row in rows if row.title in titles}
        codes = codes_in(text)
        if found or not codes:
            return [PoolId(each) for each in sorted(found)[:limit]]
        named = or_(func.lower(VARIANT.c.handle).in_(codes), func.lower(VARIANT.c.sku).in_(codes))
        return self._pools_where(or_(named, has_barcode(*codes)), limit)

    def _pools_where(self, condition: Any, limit: int) -> list[PoolId]:
        query = (
            select(LEVEL.c.pool_id)
            .join(VARIANT, SOLD_AS)
            .where(condition)
            .distinct()
            .order_by(LEVEL.c.pool_id)
            .limit(limit)
        )
        return [PoolId(row[0]) for row in self.run(query)]

    def pool_views(self, wanted: Sequence[PoolId]) -> list[PoolView]:
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
        opened = self.tx.batches.open_deltas(wanted)
        return [
            _pool_view(pools[each], group_of[each], moved.get(each), names, opened)
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
            .join(VARIANT, SOLD_AS)
            .where(LEVEL.c.pool_id.in_(wanted))
        )
        return {
            row.id: (row.handle, row.sku, product_page(row.domain, row.product_id))
            for row in self.run(query)
        }

    def history(self, pool: PoolId, *, limit: int) -> list[HistoryEntry]:
        return history_of(self.tx, pool, limit=limit)


def _pool_view(
    pool: Pool,
    location_group: str,
    moved_at: datetime | None,
    names: Mapping[int, tuple[str, str, str]],
    opened: Mapping[LevelId, int],
) -> PoolView:
    """Return a pool for people, the source's level first."""
    levels = tuple(
        _level_view(each, pool, location_group, names.get(each.id, NAMELESS), opened.get(each.id))
        for each in sorted(pool.levels, key=lambda level: level.role is not Role.SOURCE)
    )
    return PoolView(
        id=pool.id,
        title=pool.title,
        handle=next((names[each.id][0] for each in levels if each.id in names), ""),
        location_group=location_group,
        shared=pool.shared,
        presold=below_zero_kind(pool) == PRESOLD,
        moved_at=moved_at,
        levels=levels,
    )


def _level_view(
    level: Level,
    pool: Pool,
    location_group: str,
    names: tuple[str, str, str],
    open_delta: int | None,
) -> LevelView:
    _, sku, page = names
    return LevelView(
        id=level.id,
        store=level.key.store,
        item=level.key.item,
        location=level.key.location,
        location_group=location_group,
        mode=level.mode,
        book=level.book,
        shows=None,
        outstanding=outstanding(level, pool.shared),
        baselined=level.baselined,
        suspended=level.suspended,
        open_delta=open_delta,
        awaits_refresh=level.awaits_refresh,
        sku=sku,
        page=page,
        pack=level.pack,
        expected=None if pool.shared is None else target_of(level, pool.shared),
    )
