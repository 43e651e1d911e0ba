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

from sync_core.domain.acts import (
    Act,
    ActKind,
    ActsHeard,
    ExportEnded,
    Heard,
    HeardVariant,
    Nothing,
    ProductGone,
    ProductHeard,
    Uninstalled,
)
from sync_core.domain.values import Alias, ItemId, LocationId, Observation, Spot
from sync_core.shopify.fields import as_id, as_quantity, as_text, as_time, decoded

T = TypeVar("T")

ALWAYS = (
    "inventory_levels/update",
    "products/create",
    "products/update",
    "products/delete",
    "app/uninstalled",
    "bulk_operations/finish",
)
# All that we read of an order. Who bought it stays in the store.
FIELDS = {
    "orders/create": ["id", "name", "created_at", "updated_at", "location_id", "line_items"],
    "orders/cancelled": ["id", "name", "cancelled_at", "updated_at", "line_items", "refunds"],
    "refunds/create": ["id", "order_id", "created_at", "refund_line_items"],
}
WITH_ORDERS = ("orders/create", "orders/cancelled", "refunds/create")
ORDER_SCOPE = "read_orders"


class Unreadable(ValueError):
    """A body is not what its topic promises."""


def topics(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return what to subscribe to, as far as the app's scopes allow it."""
    return ALWAYS + WITH_ORDERS if ORDER_SCOPE in set(scopes) else ALWAYS


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


def heard(alias: Alias, topic: str, body: bytes) -> Heard:
    """Return what a delivery reports.

    Raises:
        Unreadable: It is not what its topic promises.
    """
    reader = _READERS.get(topic)
    return reader(alias, body) if reader else Nothing()


def observation(alias: Alias, body: bytes) -> Observation:
    """Return what inventory_levels/update says. `available` null means untracked.

    Raises:
        Unreadable: A field is missing or has another type.
    """
    given = _object(body)
    available = given.get("available", "absent")
    updated_at = _needed(as_time(given.get("updated_at")), "updated_at")
    return Observation(
        spot=Spot(
            store=alias,
            item=ItemId(_id(given, "inventory_item_id")),
            location=LocationId(_id(given, "location_id")),
        ),
        available=None if available is None else _needed(as_quantity(available), "available"),
        updated_at=updated_at,
    )


def product(alias: Alias, body: bytes) -> ProductHeard:
    """Return what products/create and products/update say. Variants that have no ids are left out.

    Raises:
        Unreadable: It does not say which product.
    """
    given = _object(body)
    return ProductHeard(
        store=alias,
        product_id=_id(given, "id"),
        handle=as_text(given.get("handle")),
        title=as_text(given.get("title")),
        status=as_text(given.get("status")).upper(),  # as the Admin API writes it
        variants=tuple(_variants(given)),
    )


def product_gone(alias: Alias, body: bytes) -> ProductGone:
    """Return what products/delete says.

    Raises:
        Unreadable: It does not say which product.
    """
    return ProductGone(store=alias, product_id=_id(_object(body), "id"))


def export_ended(alias: Alias, body: bytes) -> ExportEnded:
    """Return what bulk_operations/finish says; how it ended is asked for.

    Raises:
        Unreadable: It does not say which export.
    """
    operation = as_text(_object(body).get("admin_graphql_api_id"))
    if not operation:
        raise Unreadable("admin_graphql_api_id is missing")
    return ExportEnded(store=alias, operation=operation)


def sale(alias: Alias, body: bytes) -> ActsHeard:
    """Return what orders/create says. Lines of no variant, as tips, are left out.

    Raises:
        Unreadable: It does not say which order, or when.
    """
    order = _object(body)
    act = _order(
        alias, ActKind.SALE, order, _needed(as_time(order.get("created_at")), "created_at")
    )
    till = as_id(order.get("location_id"))
    lines = _objects(order, "line_items")
    return _acts(act(line, line, as_quantity(line.get("quantity")), till) for line in lines)


def cancellation(alias: Alias, body: bytes) -> ActsHeard:
    """Return what orders/cancelled says: what goes back on the shelf, where that is known.

    Raises:
        Unreadable: It does not say which order, or when.
    """
    order = _object(body)
    at = as_time(order.get("cancelled_at")) or as_time(order.get("updated_at"))
    act = _order(alias, ActKind.CANCELLATION, order, _needed(at, "cancelled_at"))
    refunded = [
        each
        for refund in _objects(order, "refunds")
        for each in _objects(refund, "refund_line_items")
    ]
    return _acts(
        act(line, line, *_given_back(line, refunded)) for line in _objects(order, "line_items")
    )


def refund(alias: Alias, body: bytes) -> ActsHeard:
    """Return what refunds/create says of the lines that go back on the shelf.

    Raises:
        Unreadable: It does not say which refund of which order, or when.
    """
    given = _object(body)
    at = _needed(as_time(given.get("created_at")), "created_at")
    act = _Acting(alias, ActKind.REFUND, at, ref=_id(given, "id"), order=_id(given, "order_id"))
    return _acts(
        act(line, _sub(line, "line_item"), as_quantity(line.get("quantity")), _location(line))
        for line in _objects(given, "refund_line_items")
        if _restocks(line)
    )


_READERS: dict[str, Callable[[Alias, bytes], Heard]] = {
    "inventory_levels/update": observation,
    "products/create": product,
    "products/update": product,
    "products/delete": product_gone,
    "bulk_operations/finish": export_ended,
    "orders/create": sale,
    "orders/cancelled": cancellation,
    "refunds/create": refund,
    "app/uninstalled": lambda alias, _: Uninstalled(store=alias),
}

Body = dict[str, Any]


class _Acting:
    """Makes the acts of one order or refund; None for a line that tells nothing."""

    def __init__(
        self, alias: Alias, kind: ActKind, at: datetime, *, ref: int, order: int, name: str = ""
    ) -> None:
        self._alias, self._kind, self._at = alias, kind, at
        self._ref, self._order, self._name = ref, order, name

    def __call__(
        self, line: Body, sold: Body, quantity: int | None, location: int | None
    ) -> Act | None:
        number, variant = as_id(line.get("id")), as_id(sold.get("variant_id"))
        if number is None or variant is None or quantity is None or quantity <= 0:
            return None
        return Act(
            store=self._alias,
            kind=self._kind,
            ref=self._ref,
            line=number,
            order_id=self._order,
            name=self._name,
            variant_id=variant,
            quantity=quantity,
            location=location,
            at=self._at,
        )


def _order(alias: Alias, kind: ActKind, order: Body, at: datetime) -> _Acting:
    number = _id(order, "id")
    return _Acting(alias, kind, at, ref=number, order=number, name=as_text(order.get("name")))


def _acts(acts: Iterable[Act | None]) -> ActsHeard:
    return ActsHeard(acts=tuple(each for each in acts if each is not None))


def _given_back(line: Body, refunded: list[Body]) -> tuple[int | None, int | None]:
    """Return how much of a cancelled line goes back, and where; all of it if nothing is said."""
    mine = [each for each in refunded if each.get("line_item_id") == line.get("id")]
    if not mine:
        return as_quantity(line.get("quantity")), None
    back = [each for each in mine if _restocks(each)]
    quantity = sum(as_quantity(each.get("quantity")) or 0 for each in back)
    return quantity, next((_location(each) for each in back), None)


def _restocks(line: Body) -> bool:
    return as_text(line.get("restock_type")).lower() != "no_restock"


def _location(line: Body) -> int | None:
    return as_id(line.get("location_id"))


def _variants(given: Body) -> Iterator[HeardVariant]:
    for each in _objects(given, "variants"):
        number, item = as_id(each.get("id")), as_id(each.get("inventory_item_id"))
        if number is None or item is None:
            continue
        options = (as_text(each.get(f"option{place}")) for place in (1, 2, 3))
        yield HeardVariant(
            variant_id=number,
            item=ItemId(item),
            sku=as_text(each.get("sku")),
            barcode=as_text(each.get("barcode")),
            policy=as_text(each.get("inventory_policy")).lower(),
            options=tuple(filter(None, options)),
        )


def _object(body: bytes) -> Body:
    try:
        given = decoded(body)
    except ValueError as exc:
        raise Unreadable("the body is not JSON") from exc
    if not isinstance(given, dict):
        raise Unreadable("the body is no JSON object")
    return given


def _objects(given: Body, name: str) -> list[Body]:
    found = given.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _sub(given: Body, name: str) -> Body:
    found = given.get(name)
    return found if isinstance(found, dict) else {}


def _id(given: Body, name: str) -> int:
    return _needed(as_id(given.get(name)), name)


def _needed(value: T | None, name: str) -> T:
    if value is None:
        raise Unreadable(f"{name} is missing, or not what it should be")
    return value
