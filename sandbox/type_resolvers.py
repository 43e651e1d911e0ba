"""What each type shows of itself: the resolvers of its fields."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sandbox.connections import Args, Resolver, by_id, resolve_connection
from sandbox.models import (
    ON_HAND_QUANTITIES,
    QUANTITY_NAMES,
    InventoryItem,
    ShopLevel,
    ShopLocation,
    ShopOrder,
    ShopRefund,
    ShopVariant,
    VariantBarcode,
    gid,
    number_of,
)
from sandbox.request_context import Info, RequestContext
from sandbox.search import ConnectionPage, Fields, page, refuse
from sandbox.shop_state import AdjustmentChange, AdjustmentGroup, ShopBulkOperation

FILE_LIFETIME_SECONDS = 604800  # seconds that an export's address stays valid


def _level_fields(context: RequestContext) -> Fields:
    return {
        "updated_at": context.searched,
        "inventory_item_id": lambda x: x.item.id,
        "location_id": lambda x: x.location.id,
        "id": lambda x: x.number,
    }


def _is_visible(level: ShopLevel | None, context: RequestContext, *, inactive: bool) -> bool:
    return level is not None and (
        inactive or (context.level_state(level).active and level.location.active)
    )


def _levels(things: Iterable[ShopLevel], info: Info, args: Args) -> ConnectionPage:
    context: RequestContext = info.context
    visible = [
        each for each in things if _is_visible(each, context, inactive=args["includeInactive"])
    ]
    return resolve_connection(info, visible, args, _level_fields(context))


def _levels_at_location(location: ShopLocation, info: Info, **args: Any) -> ConnectionPage:
    items = info.context.shop.items.values()
    return _levels((x.levels[location.id] for x in items if location.id in x.levels), info, args)


def _level_of(item: InventoryItem, info: Info, **args: Any) -> ShopLevel | None:
    level = item.levels.get(number_of(args["locationId"], "Location") or 0)
    return level if _is_visible(level, info.context, inactive=args["includeInactive"]) else None


def _level_of_item(location: ShopLocation, info: Info, **args: Any) -> ShopLevel | None:
    item = info.context.shop.items.get(number_of(args["inventoryItemId"], "InventoryItem") or 0)
    level = item.levels.get(location.id) if item else None
    return level if _is_visible(level, info.context, inactive=args["includeInactive"]) else None


def _quantities(level: ShopLevel, info: Info, names: list[str]) -> list[Args]:
    level_state = info.context.level_state(level)
    for name in names:
        if name not in {*QUANTITY_NAMES, "on_hand"}:
            refuse("The specified quantity name is invalid.", "INVALID_FIELD_ARGUMENTS")
    return [
        {
            "id": f"gid://shopify/InventoryQuantity/{level.number}?name={name}",
            "name": name,
            "quantity": level_state.quantity(name),
            "updatedAt": level_state.touched.get(name),
        }
        for name in names
    ]


def _barcodes(variant: ShopVariant, info: Info, **args: Any) -> ConnectionPage:
    found = [VariantBarcode(location, value) for location, value in enumerate(variant.barcodes)]
    return resolve_connection(info, found, args, key=lambda each: [each.position])


def _changes(group: AdjustmentGroup, _info: Info, **args: Any) -> list[AdjustmentChange]:
    names = args.get("quantityNames")
    return [each for each in group.changes if names is None or each.name in names]


def _total(
    variants: Iterable[ShopVariant], context: RequestContext, more: timedelta = timedelta(0)
) -> int:
    levels = [level for variant in variants for level in variant.item.levels.values()]
    visible = [context.level_state(each, more) for each in levels if each.location.active]
    return sum(each.quantity("available") for each in visible if each.active)


def _quantity_names(_root: object, _info: Info) -> list[Args]:
    rows = [
        {
            "name": name,
            "belongsTo": ["on_hand"] if name in ON_HAND_QUANTITIES else [],
            "comprises": [],
        }
        for name in QUANTITY_NAMES
    ]
    whole_seconds = {"name": "on_hand", "belongsTo": [], "comprises": list(ON_HAND_QUANTITIES)}
    return [{**row, "isInUse": True, "displayName": row["name"]} for row in [*rows, whole_seconds]]


def _file_url(export: ShopBulkOperation, shop: Any, *, partial: bool) -> str | None:
    ready = "FAILED" if partial else "COMPLETED"
    if export.status != ready or not export.file:
        return None
    query = f"X-Goog-Expires={FILE_LIFETIME_SECONDS}&X-Goog-Signature={export.signature}"
    return f"{shop.files_url}/bulk/{export.id}.jsonl?{query}"


def _fulfilment(order: ShopOrder, _info: Info) -> str:
    open_units = sum(line.unfulfilled for line in order.lines)
    if not open_units:
        return "FULFILLED"
    whole_seconds = sum(line.current for line in order.lines)
    return "UNFULFILLED" if open_units >= whole_seconds else "PARTIALLY_FULFILLED"


def _payment(order: ShopOrder, _info: Info) -> str:
    back = sum(each.quantity for each in order.refunds)
    if not back:
        return "PAID" if order.paid else "PENDING"
    sold = sum(line.quantity for line in order.lines)
    return "REFUNDED" if back >= sold else "PARTIALLY_REFUNDED"


def _refund_lines(refund: ShopRefund, info: Info, **args: Any) -> ConnectionPage:
    info.context.first(args.get("first"))
    return page([refund], by_id, first=None)


TYPES: dict[str, dict[str, Resolver]] = {
    "InventoryProperties": {"quantityNames": _quantity_names},
    "InventoryAdjustmentGroup": {
        "app": lambda _group, _info: {"id": gid("App", 1), "title": "Tipo"},
        "changes": _changes,
    },
    "InventoryChange": {
        "item": lambda change, _info: change.level.item,
        "location": lambda change, _info: change.level.location,
    },
    "InventoryItem": {
        "duplicateSkuCount": lambda item, info: info.context.shop.count_same_sku(item),
        "inventoryLevel": _level_of,
        "inventoryLevels": lambda item, info, **args: _levels(item.levels.values(), info, args),
        "requiresShipping": lambda _item, _info: True,
        "sku": lambda item, _info: item.variant.sku,
        "variants": lambda item, info, **args: resolve_connection(info, [item.variant], args),
    },
    "InventoryLevel": {
        "id": lambda level, _info: level.gid,
        "canDeactivate": lambda level, _info: len(level.item.levels) > 1,
        "isActive": lambda level, info: info.context.level_state(level).active,
        "quantities": _quantities,
        "updatedAt": lambda level, info: info.context.level_state(level).updated_at,
    },
    "Location": {
        "deactivatedAt": lambda x, _info: x.deactivated_at and f"{x.deactivated_at:%FT%TZ}",
        "fulfillsOnlineOrders": lambda x, _info: x.fulfils_online,
        "hasActiveInventory": lambda x, info: any(
            each.location is x and each.now.active for each in info.context.shop.levels()
        ),
        "inventoryLevel": _level_of_item,
        "inventoryLevels": _levels_at_location,
        "isActive": lambda x, _info: x.active,
        "isFulfillmentService": lambda x, _info: x.service,
        "shipsInventory": lambda x, _info: x.fulfils_online,
    },
    "Product": {
        "isGiftCard": lambda x, _info: x.gift_card,
        "totalInventory": lambda x, info: _total(x.variants, info.context, timedelta(seconds=5)),
        "variants": lambda x, info, **args: resolve_connection(info, x.variants, args),
    },
    "ProductVariant": {
        "barcodes": _barcodes,
        "displayName": lambda x, _info: f"{x.product.title} - {x.title}",
        "inventoryItem": lambda x, _info: x.item,
        "inventoryPolicy": lambda x, _info: x.policy,
        "inventoryQuantity": lambda x, info: _total([x], info.context),
        "position": lambda x, _info: x.product.variants.index(x) + 1,
        "requiresComponents": lambda x, _info: x.bundle,
        "selectedOptions": lambda x, _info: [
            {"name": name, "value": value} for name, value in x.options.items()
        ],
    },
    "Order": {
        "cancelReason": lambda x, _info: x.cancel_reason and x.cancel_reason.upper(),
        "displayFinancialStatus": _payment,
        "displayFulfillmentStatus": _fulfilment,
        "lineItems": lambda x, info, **args: resolve_connection(info, x.lines, args),
        "refunds": lambda x, _info, first=None: x.refunds[:first],
        "retailLocation": lambda x, _info: x.till,
        "sourceName": lambda x, _info: x.source,
        "test": lambda _x, _info: False,
    },
    "LineItem": {
        "currentQuantity": lambda x, _info: x.current,
        "name": lambda x, _info: f"{x.variant.product.title} - {x.variant.title}",
        "product": lambda x, _info: x.variant.product,
        "refundableQuantity": lambda x, _info: x.current,
        "restockable": lambda x, _info: x.location.active,
        "sku": lambda x, _info: x.variant.sku,
        "title": lambda x, _info: x.variant.product.title,
        "unfulfilledQuantity": lambda x, _info: x.unfulfilled,
    },
    "Refund": {"refundLineItems": _refund_lines},
    "RefundLineItem": {
        "id": lambda x, _info: gid("RefundLineItem", x.line_id),
        "lineItem": lambda x, _info: x.line,
        "restockType": lambda x, _info: x.restock_type.upper(),
        "restocked": lambda x, _info: x.restock_type != "no_restock",
    },
    "BulkOperation": {
        "fileSize": lambda x, _info: len(x.file) if x.file else None,
        "url": lambda x, info: _file_url(x, info.context.shop, partial=False),
        "partialDataUrl": lambda x, info: _file_url(x, info.context.shop, partial=True),
    },
    "WebhookSubscription": {
        "apiVersion": lambda _x, info: {
            "handle": info.context.shop.webhooks.version,
            "displayName": info.context.shop.webhooks.version,
            "supported": True,
        },
        "callbackUrl": lambda x, _info: x.uri,
    },
}
