"""The same changes and the same faults through three ways of keeping two stores equal.

    PYTHONPATH=. python bench/naive.py [HISTORIES [CHANGES]]     default: 200 histories of 1,000

    copies totals   writes the total that a webhook reports to the other store
    reads first     on a webhook reads both stores, and sets the other one to what this one has
    Tipo            the real engine, client and database

Each has imitation stores of its own, with the same seed, over the same transport, in virtual time:
20 products, four changes a second in either store, one in four of them a restock. Of the webhooks
2 % are lost, 2 % come twice, 10 % out of order, 2 % up to a minute late; 1 % of the requests get no
answer though all is done, 1 % get a 503, and reads are up to 1.5 s behind. What fails is answered
with a 500, so that the store sends its webhook again. Then all faults end, and 15 minutes pass.

An error is a unit that a store shows too many or too few of in the end.
"""

import asyncio
import json
import statistics
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any

import httpx
from table import arguments, markdown

from sandbox.faults import ShopFault, ShopFaults
from sandbox.shop_transport import ShopTransport
from sync_core.domain.values import Alias
from sync_core.shopify.auth import PermanentToken
from sync_core.shopify.client import ShopifyStore
from sync_core.shopify.webhooks import parse_inventory_level
from tests.simulation.harness import Harness
from tests.simulation.virtual_time import CountingIds, Fuse, KillableTransport

ITEMS = 20
CHANGES_PER_SECOND = 4.0
CALM_SECONDS = 900.0
SET_TOTAL = """mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) { userErrors { code message } }
}"""


@dataclass
class Seen:
    """What came of one way, over all histories."""

    units_wrong: list[int] = field(default_factory=list)
    points: list[float] = field(default_factory=list)  # a change
    delays: list[float] = field(default_factory=list)  # seconds, one for each change


class NaiveProcess:
    """Stands in for a process of Tipo's: takes webhooks, and writes totals."""

    on_clock_step = False
    began = 0.0

    def __init__(self, harness: Harness, *, reads: bool) -> None:
        self.fuse = Fuse()
        self.tasks = [harness.loop.create_task(asyncio.Event().wait())]
        self.jobs: list[Any] = []
        self.supervisor = SimpleNamespace(workers=[])
        self.database = SimpleNamespace(close=lambda: None)
        self._reads = reads
        self._ids = CountingIds()
        shops = harness.shops
        self._transport = KillableTransport(
            ShopTransport(shops.values()), self.fuse, harness.latency
        )
        self._stores = {
            alias: ShopifyStore(
                alias=alias, domain=shop.domain, auth=PermanentToken("shpat_sandbox"),
                clock=harness.clock, transport=self._transport,
            )
            for alias, shop in shops.items()
        }  # fmt: skip
        self._shops = shops
        self._twins = {}  # of each item, what it is in the other store
        for sku in harness.skus:
            (a, one), (b, two) = ((alias, shop.item(sku).id) for alias, shop in shops.items())
            self._twins |= {one: (b, two), two: (a, one)}

    async def receive(self, alias: Alias, message: Any) -> bool:
        """Take one webhook; return whether it was answered 200."""
        if message.topic != "inventory_levels/update":
            return True
        seen = parse_inventory_level(alias, message.body)
        other, item = self._twins[seen.key.item]
        try:
            total = seen.available
            if self._reads:
                total, theirs = (
                    await self._read(alias, seen.key.item),
                    await self._read(other, item),
                )
                if total == theirs:
                    return True
            return await self._set(other, item, total)
        except Exception:  # noqa: BLE001 - whatever it is: the store sends its webhook again
            return False

    async def _read(self, alias: Alias, item: int) -> int | None:
        location = next(iter(self._shops[alias].locations))
        (reading,) = await self._stores[alias].read([item], location)
        return reading.available

    async def _set(self, alias: Alias, item: int, total: int | None) -> bool:
        row = {
            "inventoryItemId": f"gid://shopify/InventoryItem/{item}",
            "locationId": f"gid://shopify/Location/{next(iter(self._shops[alias].locations))}",
            "quantity": total,
            "changeFromQuantity": None,
        }
        given = {"name": "available", "reason": "correction", "quantities": [row]}
        body = {"query": SET_TOTAL, "variables": {"input": given, "key": self._ids.new()}}
        request = httpx.Request(
            "POST",
            f"https://{self._shops[alias].domain}/admin/api/2026-10/graphql.json",
            content=json.dumps(body).encode(),
            headers={"x-shopify-access-token": "shpat_sandbox", "content-type": "application/json"},
        )
        answer = (await self._transport.handle_async_request(request)).json()
        done: dict = answer["data"]["inventorySetQuantities"]
        return not done["userErrors"]


WAYS: dict[str, Callable[[Harness], None]] = {
    "copies totals": lambda harness: _replace(harness, reads=False),
    "reads first, then sets": lambda harness: _replace(harness, reads=True),
    "Tipo": lambda harness: None,
}


def _replace(harness: Harness, *, reads: bool) -> None:
    harness.kill()
    harness.process = NaiveProcess(harness, reads=reads)


def play(seed: int, changes: int, begin: Callable[[Harness], None], into: Seen) -> None:
    """Play one history, and add what came of it."""
    harness = Harness(items=ITEMS, seed=seed, opened=True)
    try:
        harness.advance(5)
        begin(harness)
        spent = _count_points(harness)
        for shop in harness.shops.values():
            _break(shop.faults)
        made = _make_changes(harness, Random(seed), changes)
        for shop in harness.shops.values():
            shop.faults.clear()
        harness.advance(CALM_SECONDS)
        into.points.append(spent.total() / changes)
        into.units_wrong.append(
            sum(
                abs(harness.shows(alias, sku) - harness.expected(sku))
                for sku in harness.skus
                for alias in harness.shops
            )
        )
        into.delays += _delays(harness, made)
    finally:
        harness.close()


def _make_changes(harness: Harness, rng: Random, changes: int) -> list[tuple[datetime, Alias, str]]:
    """Sell and restock at random; return when, where and what."""
    made = []
    for _ in range(changes):
        harness.advance(rng.expovariate(CHANGES_PER_SECOND))
        alias, sku = rng.choice(list(harness.shops)), rng.choice(harness.skus)
        quantity = rng.choice((1, 1, 1, 2))
        delta = 3 * quantity if rng.random() < 0.25 else -quantity  # as much comes as goes
        harness.change_stock(alias, sku, delta)
        made.append((harness.clock.now(), alias, sku))
    return made


def _count_points(harness: Harness) -> Counter:
    """Have every point counted that is spent from here on."""
    spent: Counter = Counter()
    for alias, shop in harness.shops.items():
        take = shop.bucket.take

        def counted(points: float, alias: Alias = alias, take: Callable = take) -> None:
            spent[alias] += points
            take(points)

        shop.bucket.take = counted
    return spent


def _break(faults: ShopFaults) -> None:
    faults.webhook_lost = faults.webhook_doubled = faults.webhook_late = 0.02
    faults.webhook_reordered, faults.webhook_late_by = 0.1, 60.0
    faults.answers = {ShopFault.DROP_AFTER: 0.01, 503: 0.01}
    faults.read_lag = 1.5


def _delays(harness: Harness, made: list[tuple[datetime, Alias, str]]) -> list[float]:
    """Return for each change the seconds until the next write to that item in the other store."""
    writes: dict[tuple[Alias, int], list[datetime]] = {}
    for alias, shop in harness.shops.items():
        for entry in shop.log:
            if entry.key is not None:
                writes.setdefault((alias, entry.item), []).append(entry.at)
    found = []
    for at, alias, sku in made:
        other = next(each for each in harness.shops if each != alias)
        item = harness.shops[other].item(sku).id
        next_at = next((each for each in writes.get((other, item), ()) if each >= at), None)
        found.append((next_at - at).total_seconds() if next_at else CALM_SECONDS)
    return found


def main() -> None:
    """Play, and print the table."""
    histories, changes = arguments(200, 1000)
    seen = {name: Seen() for name in WAYS}
    for seed in range(histories):
        for name, begin in WAYS.items():
            play(seed, changes, begin, seen[name])
    rows = [
        [
            f"{histories} histories of {changes:,} changes", "histories that end wrong",
"units wrong, a history", "points a change", "usual delay",
        ]
    ]  # fmt: skip
    for name, each in seen.items():
        usual = timedelta(seconds=statistics.median(each.delays))
        rows.append(
            [
                name,
                str(sum(wrong > 0 for wrong in each.units_wrong)),
                f"{statistics.mean(each.units_wrong):.1f}",
                f"{statistics.mean(each.points):.2f}",
                f"{usual.total_seconds():.2f} s",
            ]
        )
    sys.stdout.write(markdown(rows))


if __name__ == "__main__":
    main()
