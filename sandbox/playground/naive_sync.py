"""A naive sync, for comparison: copy the total that the webhook reports to the other store.

It is what most people write first, and it looks right as long as one thing happens at a time. A
total says nothing of what happened meanwhile: it erases the sale that the other store has just
made, and a webhook that is late or doubled brings an old number back. It runs on stores of its own,
where the same customers do the same things as in Tipo's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from sandbox.shop import Shop
from sandbox.webhooks import ShopSubscription

TOPIC = "INVENTORY_LEVELS_UPDATE"
ON_ITS_WAY_SECONDS = (0.1, 0.6)  # from a webhook to the write that follows it


@dataclass(slots=True)
class NaiveSync:
    """Copies totals between two stores; `advance` does what is due."""

    shops: Mapping[str, Shop]
    rng: Random
    failed: int = 0  # writes that a store did not take: nobody tries them again
    _writes: list[tuple[datetime, str, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Subscribe."""
        for shop in self.shops.values():
            at = shop.now()
            shop.webhooks.subscriptions[1] = ShopSubscription(
                id=1, topic=TOPIC, uri="naive:", created_at=at, updated_at=at
            )

    def advance(self) -> None:
        """Hear what the stores report, and write what is due by now."""
        for alias, shop in self.shops.items():
            for webhook in shop.due():
                body = json.loads(webhook.body)
                sku = shop.item(body["inventory_item_id"]).variant.sku or ""
                due = shop.now() + timedelta(seconds=self.rng.uniform(*ON_ITS_WAY_SECONDS))
                self._writes += [
                    (due, other, sku, body["available"]) for other in self.shops if other != alias
                ]
            ready = [each for each in self._writes if each[0] <= shop.now()]
            self._writes = [each for each in self._writes if each[0] > shop.now()]
            for _, other, sku, total in sorted(ready):
                self._write(self.shops[other], sku, total)

    def _write(self, shop: Shop, sku: str, total: int) -> None:
        """Set the total, whatever has been sold since it was reported."""
        if shop.faults.outage or not shop.access.permitted:
            self.failed += 1
        elif delta := total - shop.available(sku):
            shop.begin()
            shop.move(shop.level(sku), {"available": delta}, "set", "api")

    def forget(self) -> None:
        """Drop what is on its way."""
        for shop in self.shops.values():
            shop.webhooks.outbox.clear()
        self._writes.clear()
