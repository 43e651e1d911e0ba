"""The resolvers of queries and of the types."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from sandbox.models import (
    ON_HAND_QUANTITIES,
    QUANTITY_NAMES,
    InventoryItem,
    LineItem,
    ShopLevel,
    ShopLocation,
    ShopOrder,
    ShopProduct,
    ShopRefund,
    ShopVariant,
    VariantBarcode,
    gid,
    number_of,
)
from sandbox.request_context import Info, RequestContext
from sandbox.search import ConnectionPage, Fields, page, refuse, search
from sandbox.shop_state import AdjustmentChange, AdjustmentGroup, ShopBulkOperation
from sandbox.webhooks import ShopSubscription

Resolver = Callable[..., Any]
Args = dict[str, Any]
KINDS: dict[type, str] = {
    InventoryItem: "InventoryItem",
    ShopLevel: "InventoryLevel",
    ShopLocation: "Location",
    ShopProduct: "Product",
    ShopVariant: "ProductVariant",
    ShopOrder: "Order",
    LineItem: "LineItem",
    ShopRefund: "Refund",
    ShopBulkOperation: "BulkOperation",
    AdjustmentGroup: "InventoryAdjustmentGroup",
    ShopSubscription: "WebhookSubscription",
}
VERSIONS = ("2026-01", "2026-04", "2026-07", "2026-10")
MAX_IDS = 250
FILE_LIFETIME_SECONDS = 604800  # seconds that an export's address stays valid


def kind_of(thing: object, *_: object) -> str:
    """Name the GraphQL type of a thing."""
    return KINDS[type(thing)]


def by_id(thing: Any) -> list[Any]:
    """Sort by id."""
    return [thing.number if isinstance(thing, ShopLevel) else thing.id]


def by_update(thing: Any) -> list[Any]:
    """Sort by the time of the last change."""
    return [thing.updated_at.isoformat(), thing.id]


def resolve_connection(
    info: Info,
    things: Iterable[Any],
    args: Args,
    fields: Fields | None = None,
    key: Callable[[Any], list[Any]] = by_id,
) -> ConnectionPage:
    """Answer a connection: search, sort, cut."""
    context: RequestContext = info.context
    first = context.first(args.get("first"))
    kept = search(things, args.get("query"), fields, context.warnings) if fields else things
    reverse, after = args.get("reverse", False), None if context.bulk else args.get("after")
    found = page(kept, key, first=first, after=after, reverse=reverse)
    if info.path.prev is None or info.path.prev.prev is None:
        context.asked += first or 0
        context.served += len(found.edges)
    return found


def find(context: RequestContext, global_id: str) -> object | None:
    """Return the thing with a global id, or None."""
    shop = context.shop
    context.fail_if_faulty(global_id)
    shelves: dict[str, dict[int, Any]] = {
        "InventoryItem": shop.items,
        "Location": shop.locations,
        "Product": shop.products,
        "ProductVariant": shop.variants,
        "Order": shop.orders,
        "BulkOperation": shop.exports,
        "WebhookSubscription": shop.webhooks.subscriptions,
    }
    kind = global_id.removeprefix("gid://shopify/").partition("/")[0]
    if kind == "InventoryLevel":
        return next((level for level in shop.levels() if level.gid == global_id), None)
    number = number_of(global_id, kind)
    if number is None or kind not in KINDS.values():
        refuse(f"Invalid global id '{global_id}'", "INVALID_FIELD_ARGUMENTS")
    return shelves.get(kind, {}).get(number)


def _one(kind: str) -> Resolver:
    def resolve(_root: object, info: Info, id: str) -> object | None:  # noqa: A002
        found = find(info.context, id)
        return found if found is None or kind_of(found) == kind else None

    return resolve


def _nodes(_root: object, info: Info, ids: list[str]) -> list[object | None]:
    if len(ids) > MAX_IDS:
        message = f"The input array size of {len(ids)} is greater than the maximum allowed of 250."
        refuse(message, "MAX_INPUT_SIZE_EXCEEDED")
    return [find(info.context, each) for each in ids]


def _locations(_root: object, info: Info, **args: Any) -> ConnectionPage:
    info.context.need("read_locations", "locations")
    visible = [
        each
        for each in info.context.shop.locations.values()
        if (each.active or args["includeInactive"]) and (not each.service or args["includeLegacy"])
    ]
    named = args["sortKey"] == "NAME"
    return resolve_connection(
        info, visible, args, key=(lambda x: [x.name, x.id]) if named else by_id
    )


def _location(_root: object, info: Info, id: str | None = None) -> object | None:  # noqa: A002
    if id is None:
        return next(iter(info.context.shop.locations.values()), None)
    return find(info.context, id)


VARIANT_FIELDS: Fields = {
    "id": lambda x: x.id,
    "sku": lambda x: x.sku or "",
    "barcode": lambda x: x.barcodes,  # any of them
    "product_id": lambda x: x.product.id,
    "product_status": lambda x: x.product.status,
    "updated_at": lambda x: x.updated_at,
    "title": lambda x: x.title,
}
PRODUCT_FIELDS: Fields = {
    "id": lambda x: x.id,
    "handle": lambda x: x.handle,
    "status": lambda x: x.status,
    "title": lambda x: x.title,
    "updated_at": lambda x: x.updated_at,
}
ORDER_FIELDS: Fields = {
    "id": lambda x: x.id,
    "name": lambda x: x.name,
    "updated_at": lambda x: x.updated_at,
    "created_at": lambda x: x.created_at,
}
EXPORT_FIELDS: Fields = {
    "id": lambda x: x.id,
    "status": lambda x: x.status,
    "operation_type": lambda x: x.type,
    "created_at": lambda x: x.created_at,
}


def _level_fields(context: RequestContext) -> Fields:
    return {
        "updated_at": context.searched,
        "inventory_item_id": lambda x: x.item.id,
        "location_id": lambda x: x.location.id,
        "id": lambda x: x.number,
    }


def _orders(_root: object, info: Info, **args: Any) -> ConnectionPage:
    info.context.need("read_orders", "orders")
    key = by_update if args["sortKey"] == "UPDATED_AT" else by_id
    return resolve_connection(info, info.context.shop.orders.values(), args, ORDER_FIELDS, key)


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


def _shop(_root: object, info: Info) -> Args:
    shop = info.context.shop
    return {
        "id": gid("Shop", shop.id),
        "name": shop.name,
        "myshopifyDomain": shop.domain,
        "ianaTimezone": shop.timezone,
        "timezoneOffset": shop.now().astimezone(shop.webhooks.zone).strftime("%z"),
        "url": f"https://{shop.domain}",
        "plan": {
            "publicDisplayName": "Development",
            "shopifyPlus": False,
            "partnerDevelopment": True,
        },
    }


def _installation(_root: object, info: Info) -> Args:
    scopes = [{"handle": each, "description": each} for each in info.context.shop.access.scopes]
    app = {"id": gid("App", 1), "handle": "tipo", "title": "Tipo"}
    return {"id": gid("AppInstallation", 1), "accessScopes": scopes, "app": app}


def _versions(_root: object, _info: Info) -> list[Args]:
    handles = [*((each, True) for each in VERSIONS), ("2027-01", False), ("unstable", False)]
    return [{"handle": x, "displayName": x, "supported": ok} for x, ok in handles]


def _subscriptions(_root: object, info: Info, **args: Any) -> ConnectionPage:
    topics, uri = args.get("topics"), args.get("uri")
    visible = [
        each
        for each in info.context.shop.webhooks.subscriptions.values()
        if (not topics or each.topic in topics) and uri in {None, each.uri}
    ]
    return resolve_connection(info, visible, args)


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


def _all(shelf: str, fields: Fields) -> Resolver:
    def resolve(_root: object, info: Info, **args: Any) -> ConnectionPage:
        info.context.fail_if_faulty(shelf)
        return resolve_connection(info, getattr(info.context.shop, shelf).values(), args, fields)

    return resolve


def _count(shelf: str, fields: Fields) -> Resolver:
    def resolve(_root: object, info: Info, **args: Any) -> Args:
        things = getattr(info.context.shop, shelf).values()
        found = search(things, args.get("query"), fields, info.context.warnings)
        return {"count": len(found), "precision": "EXACT"}

    return resolve


ITEM_FIELDS: Fields = {
    "id": lambda x: x.id,
    "sku": lambda x: x.variant.sku or "",
    "updated_at": lambda x: x.updated_at,
    "tracked": lambda x: str(x.tracked),
}

QUERIES: dict[str, Resolver] = {
    "bulkOperation": _one("BulkOperation"),
    "bulkOperations": _all("exports", EXPORT_FIELDS),
    "currentAppInstallation": _installation,
    "inventoryItem": _one("InventoryItem"),
    "inventoryItems": _all("items", ITEM_FIELDS),
    "inventoryLevel": _one("InventoryLevel"),
    "inventoryProperties": lambda _root, _info: {},
    "location": _location,
    "locations": _locations,
    "node": lambda _root, info, id: find(info.context, id),  # noqa: A006
    "nodes": _nodes,
    "order": _one("Order"),
    "orders": _orders,
    "product": _one("Product"),
    "productVariant": _one("ProductVariant"),
    "productVariants": _all("variants", VARIANT_FIELDS),
    "productVariantsCount": _count("variants", VARIANT_FIELDS),
    "products": _all("products", PRODUCT_FIELDS),
    "productsCount": _count("products", PRODUCT_FIELDS),
    "publicApiVersions": _versions,
    "shop": _shop,
    "webhookSubscription": _one("WebhookSubscription"),
    "webhookSubscriptions": _subscriptions,
}
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
