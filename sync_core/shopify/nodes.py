"""Turn nodes of Shopify's graph into values. What is unknown never becomes a zero.

a read by id finds                                reading
------------------------------------------------  --------------------------
nothing, or a field that must be there is null    MISSING
a variant that is made of others                  BUNDLE
a gift card                                       GIFT_CARD
an item that is not tracked                       UNTRACKED
no level at the location                          MISSING
a level that is not active                        INACTIVE
no quantity, or two, or none a store can hold     MISSING
a quantity                                        that quantity
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec

from sync_core.domain.values import (
    Alias,
    InventoryPolicy,
    ItemId,
    LevelKey,
    LocationId,
    Reading,
    Suspension,
    Variant,
)
from sync_core.errors import NoAnswer
from sync_core.ports import Location
from sync_core.shopify.fields import as_quantity, as_time, gid, id_in_gid

T = TypeVar("T")


class Node(msgspec.Struct, rename="camel", kw_only=True):
    """What comes from a store: any field may be null or absent, none has another type."""


class QuantityNode(Node):
    """A quantity by its name."""

    name: str | None = None
    quantity: int | None = None
    updated_at: str | None = None


class ProductNode(Node):
    """A product."""

    id: str | None = None
    handle: str | None = None
    title: str | None = None
    status: str | None = None
    is_gift_card: bool | None = None


class PageInfo(Node):
    """Whether there is more."""

    has_next_page: bool | None = None
    end_cursor: str | None = None


class OptionNode(Node):
    """An option that was chosen."""

    name: str | None = None
    value: str | None = None


class SoldItem(Node):
    """The item of a variant."""

    id: str | None = None
    tracked: bool | None = None


class BarcodeNode(Node):
    """One of a variant's barcodes."""

    value: str | None = None


class BarcodeNodes(Node):
    """A variant's barcodes, the main one first: a store takes no more than a page of them."""

    nodes: list[BarcodeNode | None] | None = None


class VariantNode(Node):
    """A variant, in full or in part."""

    id: str | None = None
    sku: str | None = None
    barcodes: BarcodeNodes | None = None
    inventory_policy: str | None = None
    requires_components: bool | None = None
    selected_options: list[OptionNode | None] | None = None
    inventory_item: SoldItem | None = None
    product: ProductNode | None = None


class VariantNodes(Node):
    """Variants, a page of them."""

    nodes: list[VariantNode | None] | None = None
    page_info: PageInfo | None = None


class LevelNode(Node):
    """A level; `item` is there when it was reached by its location."""

    is_active: bool | None = None
    quantities: list[QuantityNode | None] | None = None
    item: SoldItem | None = None


class ExportedQuantity(QuantityNode):
    """A quantity of an export, which asks for no other than this one, nor for its name."""

    name: str | None = "available"


class ExportedLevel(LevelNode):
    """A level in a line of an export."""

    quantities: list[ExportedQuantity | None] | None = None  # type: ignore[assignment]


class ItemNode(Node):
    """An inventory item with its level at one location; empty when the id is something else's."""

    id: str | None = None
    tracked: bool | None = None
    inventory_level: LevelNode | None = None
    variants: VariantNodes | None = None


class LevelNodes(Node):
    """Levels, a page of them."""

    nodes: list[LevelNode | None] | None = None
    page_info: PageInfo | None = None


class ProductPage(ProductNode):
    """A product with a page of its variants."""

    variants: VariantNodes | None = None


class LocationNode(Node):
    """A location."""

    id: str | None = None
    name: str | None = None
    is_active: bool | None = None
    is_fulfillment_service: bool | None = None


class ScopeNode(Node):
    """Something that our app may do."""

    handle: str | None = None


class SubscriptionNode(Node):
    """A webhook subscription."""

    id: str | None = None
    topic: str | None = None
    uri: str | None = None
    name: str | None = None


def convert(value: object, kind: type[T]) -> T:
    """Return foreign data as what it must be.

    Raises:
        NoAnswer: It is something else.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        raise NoAnswer("the answer has another shape than we asked for") from exc


def require(value: T | None, what: str) -> T:
    """Return a value that must be there.

    Raises:
        NoAnswer: It is not.
    """
    if value is None:
        raise NoAnswer(f"the answer does not say {what}")
    return value


def require_all(values: list[T | None] | None, what: str) -> list[T]:
    """Return a list that must be there, without holes.

    Raises:
        NoAnswer: It is not, or it has some.
    """
    return [require(each, what) for each in require(values, what)]


def next_cursor(info: PageInfo | None) -> str | None:
    """Return where the next page begins; None at the end.

    Raises:
        NoAnswer: It does not say.
    """
    info = require(info, "whether there is more")
    if not require(info.has_next_page, "whether there is more"):
        return None
    return require(info.end_cursor or None, "where the next page begins")


def item_reading(key: LevelKey, node: ItemNode | None) -> Reading:
    """Return what a read by id found at a spot.

    Raises:
        NoAnswer: It is the answer to another question.
    """
    if node is None or node.id is None:
        return Reading(key=key, trouble=Suspension.MISSING)
    if node.id != gid("InventoryItem", key.item):
        raise NoAnswer("the answer is about another item than we asked for")
    if trouble := _product_trouble(node.variants):
        return Reading(key=key, trouble=trouble)
    return level_reading(key, node.inventory_level, tracked=node.tracked)


def level_reading(key: LevelKey, level: LevelNode | None, *, tracked: bool | None) -> Reading:
    """Return what a level shows."""
    if tracked is False:
        return Reading(key=key, trouble=Suspension.UNTRACKED)
    if tracked is None or level is None or level.is_active is None:
        return Reading(key=key, trouble=Suspension.MISSING)
    if not level.is_active:
        return Reading(key=key, trouble=Suspension.INACTIVE)
    found = [each for each in level.quantities or () if each and each.name == "available"]
    available = as_quantity(found[0].quantity) if len(found) == 1 else None
    if available is None:
        return Reading(key=key, trouble=Suspension.MISSING)
    # A name that was never touched has a quantity and no time.
    return Reading(key=key, available=available, updated_at=as_time(found[0].updated_at))


def _product_trouble(variants: VariantNodes | None) -> Suspension | None:
    return _variant_trouble(next(iter((variants and variants.nodes) or ()), None))


def _variant_trouble(variant: VariantNode | None) -> Suspension | None:
    if variant is None or variant.requires_components is None:
        return Suspension.MISSING
    if variant.requires_components:
        return Suspension.BUNDLE
    if variant.product is None or variant.product.is_gift_card is None:
        return Suspension.MISSING
    return Suspension.GIFT_CARD if variant.product.is_gift_card else None


def exported_readings(
    store: Alias, line: bytes, locations: Sequence[LocationId]
) -> Iterator[Reading]:
    """Yield what a line of an export says of its item at each location, the columns in order.

    Nothing, where the line cannot be read: who wants to know asks by id.
    """
    try:
        node = _line_decoder(len(locations)).decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    sold = node.inventory_item or SoldItem()
    number = id_in_gid(sold.id, "InventoryItem")
    if number is None:
        return
    trouble = _variant_trouble(node)
    for column, location in enumerate(locations):
        key = LevelKey(store=store, item=ItemId(number), location=location)
        if trouble is not None:
            yield Reading(key=key, trouble=trouble)
        else:
            yield level_reading(key, getattr(sold, f"l{column}"), tracked=sold.tracked)


@cache
def _line_decoder(columns: int) -> msgspec.json.Decoder[VariantNode]:
    """Return what reads a line with so many levels."""
    levels = [(f"l{column}", ExportedLevel | None, None) for column in range(columns)]
    item = msgspec.defstruct("ExportedItem", levels, bases=(SoldItem,), kw_only=True)
    field = ("inventory_item", item | None, None)
    line = msgspec.defstruct("ExportedLine", [field], bases=(VariantNode,), kw_only=True)
    return msgspec.json.Decoder(line)


def listed_level(store: Alias, location: LocationId, level: LevelNode) -> Reading:
    """Return a level as a location lists it."""
    item = require(level.item, "which item a level is of")
    number = require(id_in_gid(item.id, "InventoryItem"), "which item a level is of")
    key = LevelKey(store=store, item=ItemId(number), location=location)
    return level_reading(key, level, tracked=item.tracked)


def parse_variant(store: Alias, node: VariantNode, product: ProductNode | None) -> Variant:
    """Return a variant; every field that identifies it must be there."""
    product = require(product, "which product a variant is of")
    item = require(node.inventory_item, "which item a variant has")
    number = require(id_in_gid(item.id, "InventoryItem"), "which item a variant has")
    return Variant(
        store=store,
        variant_id=require(id_in_gid(node.id, "ProductVariant"), "which variant this is"),
        product_id=require(id_in_gid(product.id, "Product"), "which product a variant is of"),
        item=ItemId(number),
        handle=require(product.handle, "the handle of a product"),
        title=require(product.title, "the title of a product"),
        options=tuple(
            (require(each.name, "an option"), require(each.value, "an option"))
            for each in require_all(node.selected_options, "the options of a variant")
        ),
        sku=node.sku or "",
        barcodes=_barcodes(node.barcodes),
        tracked=require(item.tracked, "whether an item is tracked"),
        bundle=require(node.requires_components, "whether a variant is a bundle"),
        gift_card=require(product.is_gift_card, "whether a product is a gift card"),
        status=require(product.status, "the status of a product"),
        policy=_policy(node.inventory_policy),
    )


def _barcodes(given: BarcodeNodes | None) -> tuple[str, ...]:
    found = require_all(
        require(given, "the barcodes of a variant").nodes, "the barcodes of a variant"
    )
    return tuple(require(each.value, "a barcode") for each in found)


def _policy(given: str | None) -> InventoryPolicy:
    try:
        return InventoryPolicy(require(given, "whether a variant sells below zero").lower())
    except ValueError as exc:
        raise NoAnswer("a variant has an inventory policy that we do not know") from exc


def parse_location(node: LocationNode) -> Location:
    """Return a location."""
    number = require(id_in_gid(node.id, "Location"), "which location this is")
    other = require(node.is_fulfillment_service, "whose a location is")
    return Location(
        id=LocationId(number),
        name=require(node.name, "the name of a location"),
        active=require(node.is_active, "whether a location is open"),
        owned=not other,
    )


def parse_connection(data: Any, kind: type[T]) -> tuple[list[T], str | None]:
    """Return a page of a plain connection, and where the next one begins."""
    rows = data.get("nodes") if isinstance(data, dict) else None
    info = data.get("pageInfo") if isinstance(data, dict) else None
    found = convert(rows, list[kind])  # type: ignore[valid-type]  # a type made at run time
    return found, next_cursor(convert(info, PageInfo))
