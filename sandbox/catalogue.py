"""Products and locations: renaming, deleting, untracking, opening and closing."""

from collections.abc import Iterable

from sandbox.inventory import ShopInventory
from sandbox.models import (
    InventoryItem,
    ShopLevel,
    ShopLocation,
    ShopProduct,
    ShopVariant,
    whole_seconds,
)

MAX_BARCODES = 20


class ShopCatalogue(ShopInventory):
    """An inventory whose products and locations come and go."""

    def rename(self, product: int | str, handle: str) -> None:
        """Give a product another handle."""
        self.begin()
        found = self.product(product)
        found.handle = self._free_handle(handle)
        self._touch(found)

    def set_status(self, product: int | str, status: str) -> None:
        """Make a product ACTIVE, DRAFT, ARCHIVED or UNLISTED."""
        self.begin()
        found = self.product(product)
        found.status = status
        self._touch(found)

    def set_sku(self, item: int | str, sku: str | None) -> None:
        """Change the SKU of a variant."""
        self.begin()
        found = self.item(item)
        found.variant.sku = sku
        found.variant.updated_at = found.updated_at = whole_seconds(self.now())
        self.emit("inventory_items/update", found)
        self._touch(found.variant.product)

    def set_barcodes(self, item: int | str, barcodes: Iterable[str]) -> None:
        """Give a variant other barcodes; the first is the main one."""
        self.begin()
        given = tuple(barcodes)
        if len(given) > MAX_BARCODES:
            raise ValueError(f"a variant has no more than {MAX_BARCODES} barcodes")
        found = self.item(item)
        found.variant.barcodes = given
        found.variant.updated_at = whole_seconds(self.now())
        self._touch(found.variant.product)

    def set_policy(self, item: int | str, policy: str) -> None:
        """Sell a variant below zero from now on (CONTINUE), or no more (DENY)."""
        self.begin()
        found = self.item(item).variant
        found.policy = policy
        found.updated_at = whole_seconds(self.now())
        self._touch(found.product)

    def set_bundle(self, item: int | str, *, bundle: bool = True) -> None:
        """Make a variant a bundle, whose quantities nobody can write, or a plain one again."""
        self.begin()
        found = self.item(item).variant
        found.bundle = bundle
        self._touch(found.product)

    def track(self, item: int | str, *, tracked: bool) -> None:
        """Track an item's quantities, or no longer."""
        self.begin()
        found = self.item(item)
        found.tracked = tracked
        found.updated_at = whole_seconds(self.now())
        self.emit("inventory_items/update", found)

    def untrack(self, item: int | str) -> None:
        """Stop tracking an item: its quantities mean nothing from now on."""
        self.track(item, tracked=False)

    def delete_variant(self, variant: int) -> None:
        """Delete a variant, its item and its levels."""
        self.begin()
        gone = self.variants[variant]
        self._remove_variant(gone)
        gone.product.variants.remove(gone)
        self._touch(gone.product)

    def delete_product(self, product: int | str) -> None:
        """Delete a product with all its variants."""
        self.begin()
        gone = self.product(product)
        for variant in gone.variants:
            self._remove_variant(variant)
        del self.products[gone.id]
        self.emit("products/delete", gone)

    def delete_item(self, item: int | str) -> None:
        """Delete the variant that an inventory item belongs to."""
        self.delete_variant(self.item(item).variant.id)

    def _remove_variant(self, variant: ShopVariant) -> None:
        del self.variants[variant.id]
        del self.items[variant.item.id]
        self.emit("inventory_items/delete", variant.item)

    def _touch(self, product: ShopProduct) -> None:
        product.updated_at = whole_seconds(self.now())
        self.emit("products/update", product)

    def connect(self, item: int | str, location: int) -> ShopLevel:
        """Stock an item at a location from now on."""
        self.begin()
        level = self.open_level(self.item(item), self.location(location), active=False)
        if not level.now.active:
            level.switch(self.now(), active=True)
            self.emit("inventory_levels/connect", level)
        return level

    def disconnect(self, item: int | str, location: int) -> None:
        """Stop stocking an item at a location; the level keeps its quantities, hidden."""
        self.begin()
        level = self.level(item, location)
        if level.now.active:
            level.switch(self.now(), active=False)
            self.emit("inventory_levels/disconnect", level)

    def close_location(self, location: int) -> None:
        """Deactivate a location."""
        self.begin()
        found = self.location(location)
        found.active, found.deactivated_at = False, whole_seconds(self.now())
        self._emit_location_event(found, "locations/deactivate")

    def reopen_location(self, location: int) -> None:
        """Activate a location again."""
        self.begin()
        found = self.location(location)
        found.active, found.deactivated_at = True, None
        self._emit_location_event(found, "locations/activate")

    def delete_location(self, location: int) -> None:
        """Delete a location and the levels there."""
        self.begin()
        gone = self.locations.pop(location)
        for item in self.items.values():
            item.levels.pop(location, None)
        self.emit("locations/delete", gone)

    def rename_location(self, location: int, name: str) -> None:
        """Give a location another name."""
        self.begin()
        found = self.location(location)
        found.name = name
        self._emit_location_event(found, "locations/update")

    def _emit_location_event(self, location: ShopLocation, topic: str) -> None:
        location.updated_at = whole_seconds(self.now())
        self.emit(topic, location)

    def count_same_sku(self, item: InventoryItem) -> int:
        """Return how many other items have the same SKU."""
        sku = item.variant.sku
        if not sku:
            return 0
        return sum(each.variant.sku == sku for each in self.items.values()) - 1
