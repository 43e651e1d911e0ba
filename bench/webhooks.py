"""What a webhook costs us: storing it, and processing it into the books. Ratios, same run.

Storing: deliveries a second through the group commit, against one commit for each, on one file.
Processing: deliveries a second accounted for (each moves a level), against storing them.

Interleaved rounds, medians; read the ratios, not the figures.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sync_core.clock import RandomIds, WallClock
from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from sync_core.db.rows import new_level
from sync_core.db.tables import POOL, LevelRow, LocationGroupRow
from sync_core.domain.matching import MatchBy
from sync_core.domain.values import Alias, ItemId, LevelKey, LocationId, Mode, Role
from sync_core.ports import Delivery
from sync_core.shopify.webhooks import parse_webhook, topics
from sync_core.web.receiver import Receiver
from sync_core.workers.context import Context
from sync_core.workers.delivery_processor import DeliveryProcessor
from sync_core.workers.supervisor import StoreAvailability

ITEMS = 1000
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def deliveries(count: int, value: int, tag: str) -> list[Delivery]:
    """Return webhooks that each move another level."""
    at = datetime.fromtimestamp(NOON.timestamp() + 10 * value, UTC)
    return [
        Delivery(
            store=Alias("us"),
            webhook_id=f"{tag}-{value}-{n}",
            topic="inventory_levels/update",
            body=json.dumps(
                {
                    "inventory_item_id": 2_000_000 + n % ITEMS,
                    "location_id": 2,
                    "available": 50 - value,
                    "updated_at": at.isoformat(),
                }
            ).encode(),
            received_at=NOON,
        )
        for n in range(count)
    ]


def level_key(alias: str, item: int, location: int) -> LevelKey:
    """Return where a level is."""
    return LevelKey(store=Alias(alias), item=ItemId(item), location=LocationId(location))


def fill_database(tx) -> None:
    """Make a thousand pools of two levels that agree on 50."""
    tx.stores.register(Alias("eu"), "eu.myshopify.com", Role.SOURCE)
    tx.stores.register(Alias("us"), "us.myshopify.com", Role.DESTINATION)
    tx.baselines.request(Alias("us"), Mode.TWO_WAY, by="bench", now=NOON)
    tx.run(LocationGroupRow.__table__.insert(), [{"id": 1, "name": "here"}])
    pools = [
        {
            "id": n + 1,
            "location_group_id": 1,
            "title": f"Thing {n}",
            "shared": 50,
            "first_shared": 50,
        }
        for n in range(ITEMS)
    ]
    tx.run(POOL.insert(), pools)
    baselined = {"book": 50, "first_book": 50, "baselined": True}
    levels = [
        new_level(
            n + 1,
            LevelKey(store=Alias(alias), item=ItemId(base + n), location=LocationId(place)),
            **baselined,
        )
        for n in range(ITEMS)
        for alias, base, place in (("eu", 1_000_000, 1), ("us", 2_000_000, 2))
    ]
    tx.run(LevelRow.__table__.insert(), levels)


async def measure_keeping(receiver: Receiver, some: list[Delivery]) -> float:
    """Return how many deliveries a second are kept, 64 at a time as a web server would."""
    gate = asyncio.Semaphore(64)

    async def one(each: Delivery) -> None:
        async with gate:
            await receiver.store(each)

    began = time.perf_counter()
    await asyncio.gather(*(one(each) for each in some))
    return len(some) / (time.perf_counter() - began)


async def main() -> None:
    """Measure, and print the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        database = SqlDatabase(f"sqlite:///{Path(folder) / 'bench.db'}")
        migrate(database.engine)
        await database.transaction(fill_database)
        clock, luck = WallClock(), random.Random(1)
        context = Context(
            database=database, stores={}, source=Alias("eu"), clock=clock, ids=RandomIds(),
            rng=luck, parse_webhook=parse_webhook, match_by=MatchBy.HANDLE, public_url=None,
            topics=topics,
            availability=StoreAvailability(database, clock, luck),
        )  # fmt: skip
        folder_worker = DeliveryProcessor(context)
        receiver = Receiver(database, ["eu", "us"])
        running = asyncio.ensure_future(receiver.run(lambda: None))
        grouped, single, processed = [], [], []
        for value in range(1, 6):
            grouped.append(await measure_keeping(receiver, deliveries(ITEMS, value, "g")))
            began = time.perf_counter()
            while (await folder_worker.round()).taken:
                pass
            processed.append(ITEMS / (time.perf_counter() - began))
            alone = deliveries(100, value, "s")
            began = time.perf_counter()
            for each in alone:
                await database.transaction(lambda tx, one=each: tx.deliveries.save([one]))
            single.append(len(alone) / (time.perf_counter() - began))
            while (await folder_worker.round()).taken:
                pass
        running.cancel()
        database.close()
    group, one, fold = (statistics.median(each) for each in (grouped, single, processed))
    sys.stdout.write(
        f"kept, group commit    {group:8.0f} a second\n"
        f"kept, one commit each {one:8.0f} a second   grouping is {group / one:.1f} times as fast\n"
        f"accounted for         {fold:8.0f} a second   {fold / group:.2f} of keeping them\n"
    )


if __name__ == "__main__":
    asyncio.run(main())
