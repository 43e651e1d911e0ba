"""What a webhook says: the body of each topic, from the state at the moment it is put together."""

import json
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

from sandbox.models import (
    InventoryItem,
    LineItem,
    ShopLevel,
    ShopLocation,
    ShopOrder,
    ShopProduct,
    ShopRefund,
    ShopVariant,
    gid,
)
from sandbox.orders import OrderEdit

Body = dict[str, Any]


def text(body: object) -> bytes:
    """Write JSON as Shopify does, with escaped slashes; half of a surrogate pair as an escape."""
    raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).replace("/", "\\/")
    return raw.encode(errors="backslashreplace")


def render(topic: str, subject: object, zone: tzinfo) -> Body:
    """Return the body of a message; times are in the shop's own zone."""

    def time(moment: datetime | None) -> str | None:
        return moment.astimezone(zone).isoformat(timespec="seconds") if moment else None

    if isinstance(subject, dict):
        return {key: time(v) if isinstance(v, datetime) else v for key, v in subject.items()}
    if topic.endswith("/delete"):
        return {"id": subject.id}  # type: ignore[attr-defined]  # all that can be deleted have one
    if isinstance(subject, ShopLevel):
        return _level(topic, subject, time)
    for kind, write in _WRITERS.items():
        if isinstance(subject, kind):
            return write(subject, time)
    raise TypeError(topic)


Time = Callable[[datetime | None], str | None]


def _level(topic: str, level: ShopLevel, time: Time) -> Body:
    body: Body = {"inventory_item_id": level.item.id, "location_id": level.location.id}
    if topic == "inventory_levels/disconnect":
        return body
    return body | {
        "available": level.available if level.item.tracked else None,
        "updated_at": time(level.now.updated_at),
        "admin_graphql_api_id": level.gid,
    }


def _item(item: InventoryItem, time: Time) -> Body:
    return {
        "id": item.id,
        "sku": item.variant.sku,
        "created_at": time(item.created_at),
        "updated_at": time(item.updated_at),
        "requires_shipping": True,
        "tracked": item.tracked,
        "admin_graphql_api_id": gid("InventoryItem", item.id),
    }


def _variant(variant: ShopVariant, time: Time) -> Body:
    active = [level for level in variant.item.levels.values() if level.now.active]
    return {
        "id": variant.id,
        "product_id": variant.product.id,
        "title": variant.title,
        "sku": variant.sku,
        "barcode": variant.barcode,
        "inventory_policy": variant.policy.lower(),
        "inventory_item_id": variant.item.id,
        **_options(variant),
        "inventory_quantity": sum(level.available for level in active),
        "updated_at": time(variant.updated_at),
        "admin_graphql_api_id": gid("ProductVariant", variant.id),
    }


def _options(variant: ShopVariant) -> Body:
    """Return option1 to option3, as the REST bodies have them."""
    values = [*variant.options.values(), None, None, None]
    return {f"option{place}": values[place - 1] for place in (1, 2, 3)}


def _product(product: ShopProduct, time: Time) -> Body:
    return {
        "id": product.id,
        "title": product.title,
        "handle": product.handle,
        "status": product.status.lower(),
        "created_at": time(product.created_at),
        "updated_at": time(product.updated_at),
        "admin_graphql_api_id": gid("Product", product.id),
        "variants": [_variant(each, time) for each in product.variants],
    }


def _location(location: ShopLocation, time: Time) -> Body:
    return {
        "id": location.id,
        "name": location.name,
        "active": location.active,
        "created_at": time(location.created_at),
        "updated_at": time(location.updated_at),
        "admin_graphql_api_id": gid("Location", location.id),
    }


def _line(line: LineItem) -> Body:
    return {
        "id": line.id,
        "product_id": line.variant.product.id,
        "variant_id": line.variant.id,
        "sku": line.variant.sku,
        "quantity": line.quantity,
        "current_quantity": line.current,
    }


def _order(order: ShopOrder, time: Time) -> Body:
    return {
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        "name": order.name,
        "created_at": time(order.created_at),
        "updated_at": time(order.updated_at),
        "cancelled_at": time(order.cancelled_at),
        "cancel_reason": order.cancel_reason,
        "location_id": order.till.id if order.till else None,
        "source_name": order.source,
        "test": False,
        "line_items": [_line(each) for each in order.lines],
        "refunds": [_refund(each, time) for each in order.refunds],
    }


def _refund(refund: ShopRefund, time: Time) -> Body:
    return {
        "id": refund.id,
        "order_id": refund.order.id,
        "created_at": time(refund.created_at),
        "restock": refund.restock_type != "no_restock",
        "refund_line_items": [
            {
                "id": refund.line_id,
                "line_item_id": refund.line.id,
                "quantity": refund.quantity,
                "restock_type": refund.restock_type,
                "location_id": refund.location.id if refund.location else None,
                "line_item": _line(refund.line),
            }
        ],
    }


def _order_edit(edit: OrderEdit, _time: Time) -> Body:
    change = [{"id": edit.line.id, "delta": abs(edit.delta)}]
    additions, removals = (change, []) if edit.delta > 0 else ([], change)
    return {
        "order_edit": {
            "id": edit.id,
            "order_id": edit.order.id,
            "line_items": {"additions": additions, "removals": removals},
        }
    }


_WRITERS: dict[type, Callable[[Any, Time], Body]] = {
    InventoryItem: _item,
    ShopProduct: _product,
    ShopLocation: _location,
    ShopOrder: _order,
    ShopRefund: _refund,
    OrderEdit: _order_edit,
}
