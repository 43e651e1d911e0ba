"""What orders and refunds say, and which movements they explain."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, select

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import FINDING, LEVEL, MOVEMENT, ORDER_EVENT, SOLD_AS, VARIANT
from sync_core.domain.admin_pages import order_page
from sync_core.domain.causes import ORDER_WINDOW, explain, explain_movement
from sync_core.domain.values import NEVER, Alias, Event, LevelId, PoolId, Severity
from sync_core.domain.webhook_events import OrderEvent, OrderEventKind
from sync_core.stored import from_row

MAX_ORDER_EVENTS = 5000
MAX_OVERSOLD_FINDINGS = 50  # products whose orders are looked up at once
CAUSES_SINCE = "causes_since"  # the setting that says since when we know what orders said
OF_VARIANT = and_(
    VARIANT.c.store == ORDER_EVENT.c.store, VARIANT.c.variant_id == ORDER_EVENT.c.variant_id
)
BY_LEVEL = (
    select(ORDER_EVENT, LEVEL.c.id.label("level"))
    .join(VARIANT, OF_VARIANT)
    .join(LEVEL, SOLD_AS)
    .order_by(ORDER_EVENT.c.at, ORDER_EVENT.c.id)
)


class SqlOrderEvents(SqlRepository):
    def save(self, order_events: Iterable[OrderEvent]) -> None:
        rows = [
            {
                "store": each.store,
                "kind": each.kind.value,
                "ref": each.ref,
                "line": each.line,
                "order_id": each.order_id,
                "name": each.name,
                "variant_id": each.variant_id,
                "quantity": each.quantity,
                "location": each.location,
                "at": each.at,
            }
            for each in order_events
        ]
        self.insert_new(ORDER_EVENT, rows)

    def of_levels(
        self, levels: Sequence[LevelId], *, since: datetime
    ) -> dict[LevelId, list[OrderEvent]]:
        found: dict[LevelId, list[OrderEvent]] = {}
        query = BY_LEVEL.where(ORDER_EVENT.c.at >= since - ORDER_WINDOW)
        for some in chunks(sorted(set(levels)), 500):
            for row in self.run(query.where(LEVEL.c.id.in_(some))):
                found.setdefault(LevelId(row.level), []).append(order_event_of(row, {}))
        return found

    def of_pool(self, pool: PoolId, times: Sequence[datetime]) -> dict[str, list[OrderEvent]]:
        """Return what stores told of a pool's variants around those times, by store."""
        found: dict[str, list[OrderEvent]] = defaultdict(list)
        for _, each in self._around(LEVEL.c.pool_id == pool, times):
            found[each.store].append(each)
        return found

    def around(self, rows: Sequence[Row[Any]]) -> dict[int, list[OrderEvent]]:
        """Return what stores told of these movements' variants around their times, by level."""
        found: dict[int, list[OrderEvent]] = defaultdict(list)
        theirs = LEVEL.c.id.in_({row.level_id for row in rows})
        for level, each in self._around(theirs, [row.seen_at or row.at for row in rows]):
            found[level].append(each)
        return found

    def _around(
        self, of_levels: ColumnElement[bool], times: Sequence[datetime]
    ) -> list[tuple[int, OrderEvent]]:
        """Return what stores told of these levels' variants around those times, with the level."""
        if not times:
            return []
        near = ORDER_EVENT.c.at.between(min(times) - ORDER_WINDOW, max(times) + ORDER_WINDOW)
        rows = self.run(BY_LEVEL.where(of_levels, near).limit(MAX_ORDER_EVENTS)).all()
        names = self.order_names([row.order_id for row in rows if not row.name])
        return [(row.level, order_event_of(row, names)) for row in rows]

    def order_names(self, orders: Sequence[int]) -> dict[tuple[str, int], str]:
        """Return what orders are called, by store and id: a refund does not say it."""
        query = select(ORDER_EVENT.c.store, ORDER_EVENT.c.order_id, ORDER_EVENT.c.name).where(
            ORDER_EVENT.c.order_id.in_(orders), ORDER_EVENT.c.name != ""
        )
        return {(row.store, row.order_id): row.name for row in self.run(query)}

    def causes_since(self) -> datetime:
        """Return since when we know what orders said; what they said before is forgotten."""
        kept = self.tx.settings.get(CAUSES_SINCE)
        return NEVER if kept is None else datetime.fromisoformat(kept)

    def cause_of(self, pool: PoolId, store: Alias, delta: int, at: datetime) -> str | None:
        theirs = self.of_pool(pool, [at])[store]
        cause, used = explain(delta, at, [each for each in theirs if each.explains is None])
        return cause if used else None

    def add_oversold_orders(self, *, now: datetime) -> None:
        still_open = FINDING.c.closed_at.is_(None) & (FINDING.c.kind == "oversold")
        for row in self.run(select(FINDING).where(still_open).limit(MAX_OVERSOLD_FINDINGS)).all():
            pool = PoolId(int(row.subject.removeprefix("pool:")))
            orders = self._orders_that_oversold(pool, int(row.facts["units"]))
            if orders and row.facts.get("orders") != orders:
                facts = {**row.facts, "orders": orders}
                severity = Severity(row.severity)
                told = Event(kind="oversold", subject=row.subject, severity=severity, facts=facts)
                self.tx.notifications.notify([told], now=now)

    def _orders_that_oversold(self, pool: PoolId, units: int) -> list[dict[str, str]]:
        """Return the orders that took the units that nobody has, and the last that somebody had.

        Each by its store, its name and its page in that store's admin.
        """
        query = (
            select(MOVEMENT)
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
        domains = self.tx.stores.domains()
        order_events = self.around(rows)
        known: dict[tuple[str, int], dict[str, str]] = {}
        for row in reversed(rows):
            _, used = explained_by(row, order_events[row.level_id])
            for each in used:
                if each.kind is OrderEventKind.SALE:
                    known[each.store, each.order_id] = _named(each, domains[each.store])
        return list(known.values())


def _named(sale: OrderEvent, domain: str) -> dict[str, str]:
    """Return an order as people find it: its store, its name, its page in the store's admin."""
    name = sale.name or f"{sale.order_id}"
    return {"store": sale.store, "name": name, "page": order_page(domain, sale.order_id)}


def explained_by(
    row: Row[Any], order_events: list[OrderEvent]
) -> tuple[str, tuple[OrderEvent, ...]]:
    """Return the cause of a movement and the order events behind it, and use those up."""
    cause, used = explain_movement(row.id, row.delta, row.seen_at or row.at, order_events)
    for each in used:
        order_events.remove(each)
    return cause, used


def page_of(used: Sequence[OrderEvent], domain: str) -> str:
    """Return the page of the order behind a movement in its store's admin, if it is one."""
    return order_page(domain, used[0].order_id) if len(used) == 1 else ""


def order_event_of(row: Any, names: dict[tuple[str, int], str]) -> OrderEvent:
    """Return an order event from its row; `names`: what orders are called, by store and id."""
    name = row.name or names.get((row.store, row.order_id), "")
    return replace(from_row(row, OrderEvent), name=name, explains=row.movement_id)
