"""What a store tells us by itself: is it really the store, and what does it say?

Pure. A body is read strictly where a quantity depends on it, and leniently where it only helps to
say who moved what.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar

from sync_core.domain.values import Alias, ItemId, LevelKey, LocationId, Observation
from sync_core.domain.webhook_events import (
    AppUninstalled,
    ExportFinished,
    IgnoredTopic,
    OrderEvent,
    OrderEventKind,
    OrderEvents,
    ProductChanged,
    ProductDeleted,
    ReportedVariant,
    WebhookEvent,
)
from sync_core.shopify.fields import as_id, as_quantity, as_text, as_time, decode_json

T = TypeVar("T")

BASE_TOPICS = (
    "inventory_levels/update",
    "products/create",
    "products/update",
    "products/delete",
    "app/uninstalled",
    "bulk_operations/finish",
)
# All that we read of an order. Who bought it stays in the store.
ORDER_FIELDS = {
    "orders/create": ["id", "name", "created_at", "updated_at", "location_id", "line_items"],
    "orders/cancelled": ["id", "name", "cancelled_at", "updated_at", "line_items", "refunds"],
    "refunds/create": ["id", "order_id", "created_at", "refund_line_items"],
}
ORDER_TOPICS = ("orders/create", "orders/cancelled", "refunds/create")
ORDER_SCOPE = "read_orders"


class UnreadableWebhook(ValueError):
    """A body is not what its topic promises."""


def topics(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return what to subscribe to, as far as the app's scopes allow it."""
    return BASE_TOPICS + ORDER_TOPICS if ORDER_SCOPE in set(scopes) else BASE_TOPICS


def verify(secrets: Iterable[str], raw: bytes, header: str | None) -> bool:
    """Return whether one of the secrets has signed these bytes.

    Every secret is tried, so that time does not tell which one fits. An empty one never does.
    """
    try:
        given = base64.b64decode((header or "").encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        given = b""
    found = False
    for secret in secrets:
        mac = hmac.new(secret.encode(), raw, hashlib.sha256).digest()
        found |= hmac.compare_digest(mac, given) and bool(secret)
    return found


def parse_webhook(alias: Alias, topic: str, body: bytes) -> WebhookEvent:
    """Return what a delivery reports.

    Raises:
        UnreadableWebhook: It is not what its topic promises.
    """
    parser = _PARSERS.get(topic)
    return parser(alias, body) if parser else IgnoredTopic()


def parse_inventory_level(alias: Alias, body: bytes) -> Observation:
    """Return what inventory_levels/update says. `available` null means untracked.

    Raises:
        UnreadableWebhook: A field is missing or has another type.
    """
    given = _parse_object(body)
    available = given.get("available", "absent")
    updated_at = _require(as_time(given.get("updated_at")), "updated_at")
    return Observation(
        key=LevelKey(
            store=alias,
            item=ItemId(_id_at(given, "inventory_item_id")),
            location=LocationId(_id_at(given, "location_id")),
        ),
        available=None if available is None else _require(as_quantity(available), "available"),
        updated_at=updated_at,
    )


def parse_product(alias: Alias, body: bytes) -> ProductChanged:
    """Return what products/create and products/update say. Variants that have no ids are left out.

    Raises:
        UnreadableWebhook: It does not say which product.
    """
    given = _parse_object(body)
    return ProductChanged(
        store=alias,
        product_id=_id_at(given, "id"),
        handle=as_text(given.get("handle")),
        title=as_text(given.get("title")),
        status=as_text(given.get("status")).upper(),  # as the Admin API writes it
        variants=tuple(_variants(given)),
    )


def parse_product_deleted(alias: Alias, body: bytes) -> ProductDeleted:
    """Return what products/delete says.

    Raises:
        UnreadableWebhook: It does not say which product.
    """
    return ProductDeleted(store=alias, product_id=_id_at(_parse_object(body), "id"))


def parse_export_finished(alias: Alias, body: bytes) -> ExportFinished:
    """Return what bulk_operations/finish says; how it ended is asked for.

    Raises:
        UnreadableWebhook: It does not say which export.
    """
    operation = as_text(_parse_object(body).get("admin_graphql_api_id"))
    if not operation:
        raise UnreadableWebhook("admin_graphql_api_id is missing")
    return ExportFinished(store=alias, operation=operation)


def parse_order(alias: Alias, body: bytes) -> OrderEvents:
    """Return what orders/create says. Lines of no variant, as tips, are left out.

    Raises:
        UnreadableWebhook: It does not say which order, or when.
    """
    order = _parse_object(body)
    order_event = _event_builder(
        alias, OrderEventKind.SALE, order, _require(as_time(order.get("created_at")), "created_at")
    )
    location = as_id(order.get("location_id"))
    lines = _objects_at(order, "line_items")
    return _events(
        order_event(line, line, as_quantity(line.get("quantity")), location) for line in lines
    )


def parse_cancellation(alias: Alias, body: bytes) -> OrderEvents:
    """Return what orders/cancelled says: what goes back on the shelf, where that is known.

    Raises:
        UnreadableWebhook: It does not say which order, or when.
    """
    order = _parse_object(body)
    at = as_time(order.get("cancelled_at")) or as_time(order.get("updated_at"))
    order_event = _event_builder(
        alias, OrderEventKind.CANCELLATION, order, _require(at, "cancelled_at")
    )
    refunded = [
        each
        for refund in _objects_at(order, "refunds")
        for each in _objects_at(refund, "refund_line_items")
    ]
    return _events(
        order_event(line, line, *_restocked(line, refunded))
        for line in _objects_at(order, "line_items")
    )


def parse_refund(alias: Alias, body: bytes) -> OrderEvents:
    """Return what refunds/create says of the lines that go back on the shelf.

    Raises:
        UnreadableWebhook: It does not say which refund of which order, or when.
    """
    given = _parse_object(body)
    at = _require(as_time(given.get("created_at")), "created_at")
    order_event = _EventBuilder(
        alias, OrderEventKind.REFUND, at, ref=_id_at(given, "id"), order=_id_at(given, "order_id")
    )
    return _events(
        order_event(
            line, _object_at(line, "line_item"), as_quantity(line.get("quantity")), _location(line)
        )
        for line in _objects_at(given, "refund_line_items")
        if _restocks(line)
    )


_PARSERS: dict[str, Callable[[Alias, bytes], WebhookEvent]] = {
    "inventory_levels/update": parse_inventory_level,
    "products/create": parse_product,
    "products/update": parse_product,
    "products/delete": parse_product_deleted,
    "bulk_operations/finish": parse_export_finished,
    "orders/create": parse_order,
    "orders/cancelled": parse_cancellation,
    "refunds/create": parse_refund,
    "app/uninstalled": lambda alias, _: AppUninstalled(store=alias),
}

Body = dict[str, Any]


class _EventBuilder:
    """Makes the acts of one order or refund; None for a line that tells nothing."""

    def __init__(
        self,
        alias: Alias,
        kind: OrderEventKind,
        at: datetime,
        *,
        ref: int,
        order: int,
        name: str = "",
    ) -> None:
        self._alias, self._kind, self._at = alias, kind, at
        self._ref, self._event_builder, self._name = ref, order, name

    def __call__(
        self, line: Body, sold: Body, quantity: int | None, location: int | None
    ) -> OrderEvent | None:
        number, variant = as_id(line.get("id")), as_id(sold.get("variant_id"))
        if number is None or variant is None or quantity is None or quantity <= 0:
            return None
        return OrderEvent(
            store=self._alias,
            kind=self._kind,
            ref=self._ref,
            line=number,
            order_id=self._event_builder,
            name=self._name,
            variant_id=variant,
            quantity=quantity,
            location=location,
            at=self._at,
        )


def _event_builder(alias: Alias, kind: OrderEventKind, order: Body, at: datetime) -> _EventBuilder:
    number = _id_at(order, "id")
    return _EventBuilder(alias, kind, at, ref=number, order=number, name=as_text(order.get("name")))


def _events(order_events: Iterable[OrderEvent | None]) -> OrderEvents:
    return OrderEvents(order_events=tuple(each for each in order_events if each is not None))


def _restocked(line: Body, refunded: list[Body]) -> tuple[int | None, int | None]:
    """Return how much of a cancelled line goes back, and where; all of it if nothing is said."""
    mine = [each for each in refunded if each.get("line_item_id") == line.get("id")]
    if not mine:
        return as_quantity(line.get("quantity")), None
    back = [each for each in mine if _restocks(each)]
    quantity = sum(as_quantity(each.get("quantity")) or 0 for each in back)
    return as_quantity(quantity), next((_location(each) for each in back), None)


def _restocks(line: Body) -> bool:
    return as_text(line.get("restock_type")).lower() != "no_restock"


def _location(line: Body) -> int | None:
    return as_id(line.get("location_id"))


def _variants(given: Body) -> Iterator[ReportedVariant]:
    for each in _objects_at(given, "variants"):
        number, item = as_id(each.get("id")), as_id(each.get("inventory_item_id"))
        if number is None or item is None:
            continue
        options = (as_text(each.get(f"option{position}")) for position in (1, 2, 3))
        yield ReportedVariant(
            variant_id=number,
            item=ItemId(item),
            sku=as_text(each.get("sku")),
            barcode=as_text(each.get("barcode")),
            policy=as_text(each.get("inventory_policy")).lower(),
            options=tuple(filter(None, options)),
        )


def _parse_object(body: bytes) -> Body:
    try:
        given = decode_json(body)
    except ValueError as exc:
        raise UnreadableWebhook("the body is not JSON") from exc
    if not isinstance(given, dict):
        raise UnreadableWebhook("the body is no JSON object")
    return given


def _objects_at(given: Body, name: str) -> list[Body]:
    found = given.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _object_at(given: Body, name: str) -> Body:
    found = given.get(name)
    return found if isinstance(found, dict) else {}


def _id_at(given: Body, name: str) -> int:
    return _require(as_id(given.get(name)), name)


def _require(value: T | None, name: str) -> T:
    if value is None:
        raise UnreadableWebhook(f"{name} is missing or malformed")
    return value
