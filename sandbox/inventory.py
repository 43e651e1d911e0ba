"""The inventory: quantities, and the one method that moves them.

ShopInventory -> ShopCatalogue (products) -> ShopOrders -> ShopState (tokens, webhooks)
-> Shop (HTTP). Every change goes through `move`, which writes the log and sends the webhooks;
what the API may change is decided in `inventory_mutations`.
"""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sandbox.models import (
    InventoryItem,
    NewVariant,
    ShopLevel,
    ShopLevelState,
    ShopLocation,
    ShopProduct,
    ShopVariant,
    StockLogEntry,
    StockTransfer,
    UnknownId,
    whole_seconds,
)

Thing = TypeVar("Thing")

FIRST_IDS = {
    "Location": 101,
    "Product": 7,
    "ProductVariant": 41,
    "InventoryItem": 5201,
    "InventoryLevel": 143,
    "Order": 6001,
    "LineItem": 8001,
    "Refund": 7001,
    "RefundLineItem": 7101,
    "InventoryAdjustmentGroup": 9001,
    "WebhookSubscription": 3001,
    "BulkOperation": 8001,
    "OrderEdit": 4001,
    "Metafield": 2001,
}


class ShopInventory:
    """Locations, products and levels."""

    def __init__(self, *, now: Callable[[], datetime], id_offset: int = 0) -> None:
        self.now = now
        self.id_offset = id_offset
        self._id_counts: Tally[str] = Tally()
        self.locations: dict[int, ShopLocation] = {}
        self.products: dict[int, ShopProduct] = {}
        self.variants: dict[int, ShopVariant] = {}
        self.items: dict[int, InventoryItem] = {}
        self.log: list[StockLogEntry] = []

    # What a shop with webhooks overrides.

    def begin(self) -> None:
        """Begin a new event: all webhooks that follow carry its id."""

    def emit(self, topic: str, subject: object) -> None:
        """Send a webhook to the subscribers of a topic."""

    def next_id(self, kind: str) -> int:
        """Return the next number for a kind of thing."""
        self._id_counts[kind] += 1
        return FIRST_IDS[kind] + self.id_offset + self._id_counts[kind] - 1

    # Building

    def add_location(self, name: str, *, service: bool = False, fulfils_online: bool = True) -> int:
        """Open a location and return its id."""
        self.begin()
        at = whole_seconds(self.now())
        location = ShopLocation(
            id=self.next_id("Location"),
            name=name,
            created_at=at,
            updated_at=at,
            service=service,
            fulfils_online=fulfils_online,
        )
        self.locations[location.id] = location
        self.emit("locations/create", location)
        return location.id

    def add_product(
        self,
        title: str,
        handle: str,
        variants: Sequence[NewVariant | str] = ("Default Title",),
        *,
        status: str = "ACTIVE",
        gift_card: bool = False,
    ) -> ShopProduct:
        """Add a product; a variant given as text is a size. Returns it with its items."""
        self.begin()
        at = whole_seconds(self.now())
        product = ShopProduct(
            id=self.next_id("Product"),
            title=title,
            handle=self._free_handle(handle),
            status=status,
            gift_card=gift_card,
            created_at=at,
            updated_at=at,
        )
        self.products[product.id] = product
        for each in variants:
            self._add_variant(product, each)
        self.emit("products/create", product)
        return product

    def add_variant(self, product: int, variant: NewVariant | str) -> ShopVariant:
        """Add one more variant to a product."""
        self.begin()
        added = self._add_variant(self.product(product), variant)
        self.emit("products/update", added.product)
        return added

    def _add_variant(self, product: ShopProduct, new: NewVariant | str) -> ShopVariant:
        if isinstance(new, str):
            name = "Title" if new == "Default Title" else "Size"
            new = NewVariant({name: new}, sku=f"{product.handle}-{new}".lower().replace(" ", "-"))
        at = whole_seconds(self.now())
        item = InventoryItem(
            id=self.next_id("InventoryItem"), tracked=new.tracked, created_at=at, updated_at=at
        )
        item.variant = ShopVariant(
            id=self.next_id("ProductVariant"),
            product=product,
            options=dict(new.options),
            sku=new.sku,
            barcodes=new.barcodes,
            bundle=new.bundle,
            policy=new.policy,
            created_at=at,
            updated_at=at,
            item=item,
        )
        product.variants.append(item.variant)
        self.variants[item.variant.id] = item.variant
        self.items[item.id] = item
        self.emit("inventory_items/create", item)
        if self.locations:
            self.stock(item.id, next(iter(self.locations)), new.quantity)
        return item.variant

    def _free_handle(self, wanted: str) -> str:
        taken = {each.handle for each in self.products.values()}
        handle, count = wanted, 0
        while handle in taken:
            count += 1
            handle = f"{wanted}-{count}"
        return handle

    def stock(self, item: int, location: int, quantity: int) -> None:
        """Set a level's first quantity without webhooks; make the level if need be."""
        level = self.open_level(self.item(item), self.location(location))
        state = level.now
        level.now = ShopLevelState(
            state.at,
            {**state.quantities, "available": quantity},
            {**state.touched, "available": state.updated_at},
            active=True,
            updated_at=state.updated_at,
        )

    def open_level(
        self, item: InventoryItem, location: ShopLocation, *, active: bool = True
    ) -> ShopLevel:
        """Return the level of an item at a location; make it with nothing in it if need be."""
        if location.id in item.levels:
            return item.levels[location.id]
        at = self.now()
        level = ShopLevel(
            self.next_id("InventoryLevel"),
            item,
            location,
            whole_seconds(at),
            ShopLevelState(at, {"available": 0}, {}, active, whole_seconds(at)),
        )
        item.levels[location.id] = level
        return level

    # Finding

    def location(self, location: int) -> ShopLocation:
        """Return a location by its id."""
        return _found(self.locations, location)

    def product(self, product: int | str) -> ShopProduct:
        """Return a product by its id or handle."""
        if isinstance(product, int):
            return _found(self.products, product)
        return _first(each for each in self.products.values() if each.handle == product)

    def item(self, item: int | str) -> InventoryItem:
        """Return an inventory item by its id or its variant's SKU."""
        if isinstance(item, int):
            return _found(self.items, item)
        return _first(each for each in self.items.values() if each.variant.sku == item)

    def level(self, item: int | str, location: int | None = None) -> ShopLevel:
        """Return a level; without a location the first active one."""
        found = self.item(item)
        if location is not None:
            return _found(found.levels, location)
        active = [each for each in found.levels.values() if _open(each)]
        return active[0] if active else _first(found.levels.values())

    def available(self, item: int | str, location: int | None = None) -> int:
        """Return what the shop really has, whatever its API answers."""
        return self.level(item, location).available

    def levels(self) -> list[ShopLevel]:
        """Return all levels."""
        return [level for item in self.items.values() for level in item.levels.values()]

    # Moving

    def move(
        self,
        level: ShopLevel,
        deltas: Mapping[str, int],
        what: str,
        by: str,
        *,
        key: str | None = None,
        uri: str | None = None,
    ) -> None:
        """Change a level's quantities, write the log, send the webhooks."""
        at = self.now()
        level.change(at, deltas)
        delta = deltas.get("available", 0)
        self.log.append(
            StockLogEntry(at, what, level.item.id, level.location.id, delta, by, key=key, uri=uri)
        )
        if delta:
            self.emit("inventory_levels/update", level)
            self.emit("products/update", level.item.variant.product)

    def restock(self, item: int | str, quantity: int, location: int | None = None) -> None:
        """Add received units to the stock."""
        self.begin()
        self.move(self.level(item, location), {"available": quantity}, "restock", "staff")

    def edit(
        self,
        item: int | str,
        *,
        to: int | None = None,
        by: int | None = None,
        location: int | None = None,
    ) -> None:
        """Change a quantity, as staff do in the admin."""
        self.begin()
        level = self.level(item, location)
        delta = (by or 0) if to is None else to - level.available
        if delta:
            self.move(level, {"available": delta}, "edit", "staff")

    def make_unavailable(
        self, item: int | str, quantity: int, name: str = "damaged", location: int | None = None
    ) -> None:
        """Move units from available to damaged, quality_control or safety_stock."""
        self.begin()
        deltas = {"available": -quantity, name: quantity}
        self.move(self.level(item, location), deltas, name, "staff")

    def transfer(self, item: int, origin: int, destination: int, quantity: int) -> StockTransfer:
        """Make a transfer ready to ship: the origin reserves the units."""
        self.begin()
        moving = StockTransfer(
            item=self.item(item),
            origin=self.location(origin),
            destination=self.location(destination),
            quantity=quantity,
        )
        deltas = {"available": -quantity, "reserved": quantity}
        self.move(self.level(item, origin), deltas, "transfer", "staff")
        return moving

    def ship(self, moving: StockTransfer) -> None:
        """Let a transfer leave its origin."""
        self.begin()
        origin = self.level(moving.item.id, moving.origin.id)
        target = self.open_level(moving.item, moving.destination)
        self.move(origin, {"reserved": -moving.quantity}, "shipped", "staff")
        self.move(target, {"incoming": moving.quantity}, "shipped", "staff")
        moving.state = "shipped"

    def receive(self, moving: StockTransfer) -> None:
        """Let a transfer arrive."""
        self.begin()
        target = self.level(moving.item.id, moving.destination.id)
        deltas = {"incoming": -moving.quantity, "available": moving.quantity}
        self.move(target, deltas, "received", "staff")
        moving.state = "received"


def _open(level: ShopLevel) -> bool:
    return level.now.active and level.location.active


def _found(things: Mapping[int, Thing], key: int) -> Thing:
    if key not in things:
        raise UnknownId(str(key))
    return things[key]


def _first(things: Iterable[Thing]) -> Thing:
    for thing in things:
        return thing
    raise UnknownId
