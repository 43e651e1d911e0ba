"""Units lost and units invented, counted from the stores' own logs.

    what is right    = what there was at first + what people did, in all stores together
    lost             = units that a store shows too few: nobody will buy them
    invented         = units that a store shows too many: somebody will buy what is not there

Of a product the store counts that is further off. What is still on its way is off, too: one
who counts waits until all is quiet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.shop import Shop

BY_SYNC = "api"  # who moves stock in the log, where it is no person


@dataclass(frozen=True, slots=True)
class Tally:
    """Units lost and invented."""

    lost: int = 0
    invented: int = 0

    @property
    def total(self) -> int:
        """Return how many units are wrong."""
        return self.lost + self.invented


@dataclass(frozen=True, slots=True)
class TallyStart:
    """What the stores had when the counting began."""

    quantities: Mapping[str, int]  # by SKU
    read: Mapping[str, int]  # lines of each store's log that were there already


def start_of(shops: Mapping[str, Shop]) -> TallyStart:
    """Return where counting begins: now, with what the first store shows."""
    first = next(iter(shops.values()))
    quantities = {sku: first.available(sku) for sku in skus(first)}
    return TallyStart(quantities, {alias: len(shop.log) for alias, shop in shops.items()})


def skus(shop: Shop) -> list[str]:
    """Return the SKUs of a store."""
    return [each.sku for each in shop.variants.values() if each.sku]


def right_quantities(shops: Mapping[str, Shop], start: TallyStart) -> dict[str, int]:
    """Return what every store should show by now, by SKU."""
    right = dict(start.quantities)
    for alias, shop in shops.items():
        for entry in shop.log[start.read[alias] :]:
            sku = shop.items[entry.item].variant.sku
            if entry.by != BY_SYNC and sku in right:
                right[sku] += entry.delta
    return right


def count(shops: Mapping[str, Shop], start: TallyStart) -> Tally:
    """Return what has been lost and invented since."""
    lost = invented = 0
    for sku, right in right_quantities(shops, start).items():
        off = max((shop.available(sku) - right for shop in shops.values()), key=abs)
        lost, invented = lost + max(0, -off), invented + max(0, off)
    return Tally(lost, invented)
