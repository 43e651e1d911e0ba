"""The ways into a shop: the resolvers of the queries."""

from typing import Any

from sandbox.connections import Args, Resolver, by_id, by_update, resolve_connection
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
    number_of,
)
from sandbox.request_context import Info, RequestContext
from sandbox.search import ConnectionPage, Fields, refuse, search
from sandbox.shop_state import AdjustmentGroup, ShopBulkOperation
from sandbox.webhooks import ShopSubscription

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


def kind_of(thing: object, *_: object) -> str:
    """Name the GraphQL type of a thing."""
    return KINDS[type(thing)]


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


def _orders(_root: object, info: Info, **args: Any) -> ConnectionPage:
    info.context.need("read_orders", "orders")
    key = by_update if args["sortKey"] == "UPDATED_AT" else by_id
    return resolve_connection(info, info.context.shop.orders.values(), args, ORDER_FIELDS, key)


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
