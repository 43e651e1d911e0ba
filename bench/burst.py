"""What a webhook costs us: keeping it, and folding it into the books. Ratios, same run.

`keep`: deliveries a second through the group commit, against one commit for each, on one file.
`fold`: deliveries a second accounted for (each moves a level), against keeping them.

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
from sync_core.db.database import Database
from sync_core.db.migrate import migrate
from sync_core.db.rows import new_level
from sync_core.db.stock import POOL
from sync_core.db.tables import LevelRow, PlaceRow
from sync_core.domain.match import MatchBy
from sync_core.domain.values import Alias, ItemId, LocationId, Mode, Role, Spot
from sync_core.ports import Delivery
from sync_core.shopify.webhooks import heard, topics
from sync_core.web.receiver import Receiver
from sync_core.workers.bell import Bell
from sync_core.workers.context import Context
from sync_core.workers.folding import Folder
from sync_core.workers.reach import Reach

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


def spot(alias: str, item: int, location: int) -> Spot:
    """Return where a level is."""
    return Spot(store=Alias(alias), item=ItemId(item), location=LocationId(location))


def prepare(ledger) -> None:
    """Make a thousand pools of two levels that agree on 50."""
    ledger.enlist(Alias("eu"), "eu.myshopify.com", Role.SOURCE)
    ledger.enlist(Alias("us"), "us.myshopify.com", Role.DESTINATION)
    ledger.call_meeting(Alias("us"), Mode.TWO_WAY, by="bench", now=NOON)
    ledger.run(PlaceRow.__table__.insert(), [{"id": 1, "name": "here"}])
    pools = [
        {"id": n + 1, "place_id": 1, "title": f"Thing {n}", "shared": 50, "first_shared": 50}
        for n in range(ITEMS)
    ]
    ledger.run(POOL.insert(), pools)
    met = {"book": 50, "first_book": 50, "met": True}
    levels = [
        new_level(
            n + 1,
            Spot(store=Alias(alias), item=ItemId(base + n), location=LocationId(place)),
            **met,
        )
        for n in range(ITEMS)
        for alias, base, place in (("eu", 1_000_000, 1), ("us", 2_000_000, 2))
    ]
    ledger.run(LevelRow.__table__.insert(), levels)


async def keep(receiver: Receiver, some: list[Delivery]) -> float:
    """Return how many deliveries a second are kept, 64 at a time as a web server would."""
    gate = asyncio.Semaphore(64)

    async def one(each: Delivery) -> None:
        async with gate:
            await receiver.keep(each)

    began = time.perf_counter()
    await asyncio.gather(*(one(each) for each in some))
    return len(some) / (time.perf_counter() - began)


async def main() -> None:
    """Measure, and print the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
        migrate(database.engine)
        await database.step(prepare)
        clock, luck = WallClock(), random.Random(1)
        context = Context(
            records=database, stores={}, source=Alias("eu"), clock=clock, ids=RandomIds(),
            luck=luck, read=heard, match_by=MatchBy.HANDLE, public_url=None, topics=topics,
            reach=Reach(database, clock, luck),
        )  # fmt: skip
        folder_worker = Folder(context)
        receiver = Receiver(database, Bell())
        running = asyncio.ensure_future(receiver.run(lambda: None))
        grouped, single, folded = [], [], []
        for value in range(1, 6):
            grouped.append(await keep(receiver, deliveries(ITEMS, value, "g")))
            began = time.perf_counter()
            while (await folder_worker.round()).taken:
                pass
            folded.append(ITEMS / (time.perf_counter() - began))
            alone = deliveries(100, value, "s")
            began = time.perf_counter()
            for each in alone:
                await database.step(lambda ledger, one=each: ledger.receive([one]))
            single.append(len(alone) / (time.perf_counter() - began))
            while (await folder_worker.round()).taken:
                pass
        running.cancel()
        database.close()
    group, one, fold = (statistics.median(each) for each in (grouped, single, folded))
    sys.stdout.write(
        f"kept, group commit    {group:8.0f} a second\n"
        f"kept, one commit each {one:8.0f} a second   grouping is {group / one:.1f} times as fast\n"
        f"accounted for         {fold:8.0f} a second   {fold / group:.2f} of keeping them\n"
    )


if __name__ == "__main__":
    asyncio.run(main())
