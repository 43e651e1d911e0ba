"""The control API: customers, staff and faults, by JSON.

    POST /control/{alias}/{verb}     one of the verbs below
    GET  /control/{alias}/stock      every level's true quantities
    GET  /control/{alias}/log        who moved what

An item is named by its SKU or id.
"""

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from sandbox.faults import ShopFault
from sandbox.models import ShopOrder
from sandbox.shop import Shop

Json = dict[str, Any]


class InvalidControlRequest(Exception):
    """A control request that makes no sense."""


def stock(shop: Shop) -> list[Json]:
    """Return what each level really holds."""
    return [
        {
            "item": level.item.id,
            "sku": level.item.variant.sku,
            "handle": level.item.variant.product.handle,
            "title": level.item.variant.product.title,
            "options": level.item.variant.options,
            "location": level.location.id,
            "available": level.available,
            "committed": level.now.quantity("committed"),
            "on_hand": level.now.quantity("on_hand"),
        }
        for level in shop.levels()
    ]


def log(shop: Shop) -> list[Json]:
    """Return the shop's own log."""
    return [{**asdict(each), "at": each.at.isoformat()} for each in shop.log]


def perform(shop: Shop, verb: str, given: Json) -> Json:
    """Do something in a shop.

    Raises:
        BadControl: If there is no such verb, or it lacks something.
    """
    if verb not in VERBS:
        raise InvalidControlRequest(f"no such verb: {verb}")
    try:
        return VERBS[verb](shop, given)
    except (KeyError, TypeError, ValueError) as wrong:
        raise InvalidControlRequest(f"{verb}: {wrong!r}") from wrong


def _now(shop: Shop, given: Json) -> Json:
    return {"available": shop.available(given["item"], given.get("location"))}


def _sold(order: ShopOrder) -> Json:
    return {"order": order.id, "name": order.name}


def _sell(shop: Shop, given: Json) -> Json:
    race = given.get("race", False)
    order = shop.sell(given["item"], given.get("quantity", 1), given.get("location"), race=race)
    return {**_sold(order), **_now(shop, given)}


def _pos(shop: Shop, given: Json) -> Json:
    order = shop.pos_sale(given["item"], given.get("quantity", 1), given.get("location"))
    return {**_sold(order), **_now(shop, given)}


def _restock(shop: Shop, given: Json) -> Json:
    shop.restock(given["item"], given["quantity"], given.get("location"))
    return _now(shop, given)


def _edit(shop: Shop, given: Json) -> Json:
    shop.edit(given["item"], to=given.get("to"), by=given.get("by"), location=given.get("location"))
    return _now(shop, given)


def _refund(shop: Shop, given: Json) -> Json:
    order = shop.find_order(given["order"])
    refund = shop.refund(order, given.get("quantity", 1), given.get("restock_type"))
    return {"refund": refund.id, "restock_type": refund.restock_type}


def _cancel(shop: Shop, given: Json) -> Json:
    order = shop.find_order(given["order"])
    shop.cancel(order, restock=given.get("restock", True))
    return _sold(order)


def _fulfil(shop: Shop, given: Json) -> Json:
    order = shop.find_order(given["order"])
    shop.fulfil(order)
    return _sold(order)


def _corrupt(shop: Shop, given: Json) -> Json:
    """Set faults by name; `next` is a list of answers or HTTP codes, `answers` probabilities."""
    known = {each.name for each in fields(shop.faults)}
    for name, value in given.items():
        if name not in known:
            raise InvalidControlRequest(f"no such fault: {name}")
        setattr(shop.faults, name, _fault(name, value))
    return asdict(shop.faults)


def _fault(name: str, value: Any) -> Any:
    if name == "next":
        return [each if isinstance(each, int) else ShopFault(each) for each in value]
    if name == "answers":
        return {ShopFault(each): chance for each, chance in value.items()}
    return value


def _clear_faults(shop: Shop, _given: Json) -> Json:
    """Take back all faults."""
    shop.faults.clear()
    return asdict(shop.faults)


def _plain(name: str, *wanted: str) -> Callable[[Shop, Json], Json]:
    def do(shop: Shop, given: Json) -> Json:
        getattr(shop, name)(*(given[each] for each in wanted))
        return {"done": name}

    return do


VERBS: dict[str, Callable[[Shop, Json], Json]] = {
    "sell": _sell,
    "pos": _pos,
    "restock": _restock,
    "edit": _edit,
    "refund": _refund,
    "cancel": _cancel,
    "fulfil": _fulfil,
    "break": _corrupt,
    "clear-faults": _clear_faults,
    "rename": _plain("rename", "product", "handle"),
    "barcodes": _plain("set_barcodes", "item", "barcodes"),
    "policy": _plain("set_policy", "item", "policy"),
    "untrack": _plain("untrack", "item"),
    "delete-item": _plain("delete_item", "item"),
    "delete-product": _plain("delete_product", "product"),
    "connect": _plain("connect", "item", "location"),
    "disconnect": _plain("disconnect", "item", "location"),
    "close-location": _plain("close_location", "location"),
    "reopen-location": _plain("reopen_location", "location"),
    "revoke-token": _plain("revoke_token"),
    "uninstall": _plain("uninstall"),
    "drop-subscriptions": _plain("drop_subscriptions"),
}
