"""What moved lately, and what shares its stock with nobody, read for people."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Row, and_, cast, func, or_, select

from sync_core.db.barcodes import BARCODE, OF_VARIANT
from sync_core.db.catalogue import LOCATION
from sync_core.db.deliveries import ORDER_EVENT
from sync_core.db.notifications import FINDING
from sync_core.db.rows import LEVEL, VARIANT, variant_of
from sync_core.db.stock import MOVEMENT, POOL
from sync_core.db.views import SqlViews, order_event_of
from sync_core.domain.admin_pages import product_page
from sync_core.domain.causes import ORDER_WINDOW, explain
from sync_core.domain.matching import MATCHED_BY, MatchBy, clash, codes_of, title_of
from sync_core.domain.texts import store_name
from sync_core.domain.values import (
    Alias,
    Event,
    ItemId,
    LocationId,
    Outcome,
    PoolId,
    Severity,
    Variant,
)
from sync_core.domain.views import HourlyMovement, MovementView, Unmatched
from sync_core.domain.webhook_events import OrderEvent

HOUR = timedelta(hours=1)
MAX_ORDER_EVENTS = 5000
MAX_OVERSOLD_FINDINGS = 50  # products whose orders are looked up at once


class SqlActivity(SqlViews):
    """The part of the ledger that tells what goes on."""

    def movements_after(self, *, after: int, limit: int) -> list[MovementView]:
        """Return movements in order, those after that number, each with its cause."""
        query = (
            select(MOVEMENT, LEVEL.c.store, POOL.c.title)
            .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
            .join(POOL, POOL.c.id == MOVEMENT.c.pool_id)
            .where(MOVEMENT.c.id > after)
            .order_by(MOVEMENT.c.id)
            .limit(limit)
        )
        rows = self.run(query).all()
        order_events = self._order_events_around(rows)
        return [_moved(row, order_events[row.level_id]) for row in rows]

    def save_outcomes(self, outcomes: Iterable[Outcome], *, now: datetime) -> None:
        """Keep what has become of pools; who oversold one is named at once, if that is known."""
        outcomes = list(outcomes)
        super().save_outcomes(outcomes, now=now)
        if any(events.kind == "oversold" for each in outcomes for events in each.events):
            self.add_oversold_orders(now=now)

    def add_oversold_orders(self, *, now: datetime) -> None:
        """Put the orders that oversold a product into its finding, once they are known."""
        standing = FINDING.c.closed_at.is_(None) & (FINDING.c.kind == "oversold")
        for row in self.run(select(FINDING).where(standing).limit(MAX_OVERSOLD_FINDINGS)).all():
            pool = PoolId(int(row.subject.removeprefix("pool:")))
            order_events = self._orders_that_oversold(pool, int(row.facts["units"]))
            if order_events and row.facts.get("acts") != order_events:
                facts = {**row.facts, "acts": order_events}
                severity = Severity(row.severity)
                told = Event(kind="oversold", subject=row.subject, severity=severity, facts=facts)
                self.notify([told], now=now)

    def _orders_that_oversold(self, pool: PoolId, units: int) -> str:
        """Return who took the units that nobody has, and the last that somebody had."""
        query = (
            select(MOVEMENT, LEVEL.c.store, POOL.c.title)
            .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
            .join(POOL, POOL.c.id == MOVEMENT.c.pool_id)
            .where(MOVEMENT.c.pool_id == pool, MOVEMENT.c.counted < 0)
            .order_by(MOVEMENT.c.id.desc())
            .limit(20)
        )
        rows = []
        taken = 0
        for row in self.run(query):
            rows.append(row)
            taken -= row.counted
            if taken > units:
                break
        order_events = self._order_events_around(rows)
        moves = [_moved(row, order_events[row.level_id]) for row in reversed(rows)]
        known = [
            f"{each.cause} in {store_name(each.store)}"
            for each in moves
            if each.cause.startswith("order")
        ]
        return " and ".join(dict.fromkeys(known))

    def last_movement(self) -> int:
        """Return the number of the newest movement; 0 while there is none."""
        return int(self.run(select(func.coalesce(func.max(MOVEMENT.c.id), 0))).scalar_one())

    def _order_events_around(self, rows: Sequence[Row[Any]]) -> dict[int, list[OrderEvent]]:
        """Return what stores told of these levels' variants around those times, by level."""
        found: dict[int, list[OrderEvent]] = defaultdict(list)
        if not rows:
            return found
        times = [row.seen_at or row.at for row in rows]
        of_variant = and_(
            VARIANT.c.store == ORDER_EVENT.c.store, VARIANT.c.variant_id == ORDER_EVENT.c.variant_id
        )
        of_level = and_(LEVEL.c.store == VARIANT.c.store, LEVEL.c.item == VARIANT.c.item)
        query = (
            select(ORDER_EVENT, LEVEL.c.id.label("level"))
            .join(VARIANT, of_variant)
            .join(LEVEL, of_level)
            .where(LEVEL.c.id.in_({row.level_id for row in rows}))
            .where(ORDER_EVENT.c.at.between(min(times) - ORDER_WINDOW, max(times) + ORDER_WINDOW))
            .order_by(ORDER_EVENT.c.at, ORDER_EVENT.c.id)
            .limit(MAX_ORDER_EVENTS)
        )
        told = self.run(query).all()
        names = self._order_names([row.order_id for row in told if not row.name])
        for row in told:
            found[row.level].append(order_event_of(row, names))
        return found

    def hours(self, *, now: datetime, count: int) -> list[HourlyMovement]:
        """Return how many units moved within each of the last hours, by store."""
        first = now.replace(minute=0, second=0, microsecond=0) - HOUR * (count - 1)
        units: dict[int, dict[Alias, int]] = defaultdict(dict)
        part = self._hour_of(first)
        query = (
            select(part, LEVEL.c.store, func.sum(func.abs(MOVEMENT.c.delta)))
            .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
            .where(MOVEMENT.c.at >= first)
            .group_by(part, LEVEL.c.store)
        )
        for number, store, total in self.run(query):
            units[int(number)][Alias(store)] = int(total)
        return [
            HourlyMovement(at=first + HOUR * number, units=units[number]) for number in range(count)
        ]

    def _hour_of(self, first: datetime) -> Any:
        """Return the expression that numbers a movement's hour, from `first` on."""
        if self.is_sqlite:
            days = func.julianday(MOVEMENT.c.at) - func.julianday(
                first.astimezone(UTC).replace(tzinfo=None)
            )
            return cast(days * 24 + 1e-6, Integer)
        seconds = func.extract("epoch", MOVEMENT.c.at) - first.timestamp()
        return cast(func.floor(seconds / 3600), Integer)

    # -- what shares with nobody
    def unmatched(self, *, limit: int, offset: int) -> tuple[int, list[Unmatched]]:
        """Return how many variants are in no pool, and some of them with the reason."""
        same = and_(LEVEL.c.store == VARIANT.c.store, LEVEL.c.item == VARIANT.c.item)
        alone = ~select(LEVEL.c.id).where(same).exists()
        total = int(self.run(select(func.count()).select_from(VARIANT).where(alone)).scalar_one())
        page = select(VARIANT).where(alone).order_by(VARIANT.c.store, VARIANT.c.title)
        rows = self.run(page.order_by(VARIANT.c.item).offset(offset).limit(limit)).all()
        duplicates = self._duplicate_keys([row.key for row in rows if row.key is not None])
        alike: dict[str, list[Variant]] = defaultdict(list)
        if self.setting(MATCHED_BY) == MatchBy.BARCODE:
            same = VARIANT.c.key.in_({key for _, key in duplicates})
            for row in self.run(select(VARIANT).where(same)):
                alike[row.key].append(variant_of(row))
        domains = self._domains()
        found = [_unmatched(row, duplicates, alike.get(row.key, ())) for row in rows]
        return total, [
            replace(each, page=product_page(domains[each.store], row.product_id))
            for each, row in zip(found, rows, strict=True)
        ]

    def _duplicate_keys(self, keys: Sequence[str]) -> set[tuple[str, str]]:
        """Return which of these keys several variants of one store have."""
        query = (
            select(VARIANT.c.store, VARIANT.c.key)
            .where(VARIANT.c.key.in_(keys), ~VARIANT.c.bundle, ~VARIANT.c.gift_card)
            .group_by(VARIANT.c.store, VARIANT.c.key)
            .having(func.count() > 1)
        )
        return {(row.store, row.key) for row in self.run(query)}

    def partners(self, store: Alias, item: ItemId) -> dict[Alias, ItemId]:
        """Return variants in no pool that are the same by SKU or barcode, one per other store."""
        mine = and_(VARIANT.c.store == store, VARIANT.c.item == item)
        row = self.run(select(VARIANT).where(mine)).first()
        if row is None:
            return {}
        codes = BARCODE.c.code.in_(codes_of(variant_of(row)))
        alike = or_(
            and_(VARIANT.c.sku == row.sku, VARIANT.c.sku != ""),
            select(BARCODE.c.item).where(OF_VARIANT, codes).exists(),
        )
        pooled = and_(LEVEL.c.store == VARIANT.c.store, LEVEL.c.item == VARIANT.c.item)
        free = ~select(LEVEL.c.id).where(pooled).exists()
        query = select(VARIANT.c.store, VARIANT.c.item).where(alike, free, VARIANT.c.store != store)
        found: dict[Alias, list[ItemId]] = defaultdict(list)
        for each in self.run(query.limit(50)):
            found[Alias(each.store)].append(ItemId(each.item))
        return {alias: items[0] for alias, items in found.items() if len(items) == 1}

    # -- places
    def locations(self) -> dict[Alias, list[tuple[LocationId, str]]]:
        """Return the open locations of each store."""
        query = select(LOCATION).where(LOCATION.c.active, LOCATION.c.owned)
        found: dict[Alias, list[tuple[LocationId, str]]] = {}
        for row in self.run(query.order_by(LOCATION.c.name, LOCATION.c.location)):
            found.setdefault(Alias(row.store), []).append((LocationId(row.location), row.name))
        return found

    def has_levels(self, location_group: int, stores: set[Alias]) -> bool:
        """Whether pools of a place have levels in these stores."""
        query = (
            select(LEVEL.c.id)
            .join(POOL, POOL.c.id == LEVEL.c.pool_id)
            .where(POOL.c.location_group_id == location_group, LEVEL.c.store.in_(stores))
            .limit(1)
        )
        return self.run(query).first() is not None


def _moved(row: Row[Any], order_events: list[OrderEvent]) -> MovementView:
    """Return a movement as a line, and use up the acts that explain it."""
    cause, used = explain(row.delta, row.seen_at or row.at, order_events)
    for each in used:
        order_events.remove(each)
    return MovementView(
        id=row.id,
        at=row.at,
        pool=PoolId(row.pool_id),
        title=row.title,
        store=Alias(row.store),
        delta=row.delta,
        counted=row.counted,
        cause=cause,
    )


def _unmatched(
    row: Row[Any], duplicates: set[tuple[str, str]], alike: Sequence[Variant]
) -> Unmatched:
    variant = variant_of(row)
    return Unmatched(
        store=variant.store,
        item=variant.item,
        title=title_of(variant),
        handle=variant.handle,
        sku=variant.sku,
        why=_unmatched_reason(row, duplicates, alike),
    )


def _unmatched_reason(
    row: Row[Any], duplicates: set[tuple[str, str]], alike: Sequence[Variant]
) -> str:
    """Return why a variant shares its stock with nobody."""
    if row.gift_card or row.bundle:
        return "gift card" if row.gift_card else "bundle"
    if not row.tracked:
        return "not tracked"
    if row.key is None:
        return "nothing to match by"
    twins = {store for store, key in duplicates if key == row.key}
    if not twins:
        return "no match in another store"
    if alike:
        return clash(variant_of(row), alike)
    return f"several variants in {'this' if row.store in twins else 'another'} store look the same"
