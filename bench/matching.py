"""What matching a whole catalogue costs: in how many transactions, and how long the longest is.

    python bench/matching.py [variants a store …]      default: 10000 100000

Two stores that sell the same, on a SQLite file. While a transaction lasts no webhook is answered.
`first`: nothing shares stock yet. `daily`: all does already. Each in slices, and in one go.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from sqlalchemy import insert

from sync_core.clock import WallClock
from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from sync_core.db.tables import LocationGroupRow, LocationRow
from sync_core.db.transaction import SqlTransaction
from sync_core.domain.matching import MatchBy, key_of
from sync_core.domain.values import Alias, ItemId, Role, Variant
from sync_core.workers import catalogue_sync
from sync_core.workers.catalogue_sync import MATCHED_SETTING, VARIANTS_PER_SLICE, CatalogueSync
from sync_core.workers.context import Context, WakeupTopic

STORES = (Alias("eu"), Alias("us"))


class TimedDatabase:
    """A database that knows how long its steps took."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database
        self.step_seconds: list[float] = []

    async def transaction(self, work: Callable[[SqlTransaction], Any]) -> Any:
        """Do work in one transaction."""
        began = time.perf_counter()
        try:
            return await self._database.transaction(work)
        finally:
            self.step_seconds.append(time.perf_counter() - began)


class MinimalContext:
    """As much of a context as a cataloguer needs."""

    def __init__(self, database: TimedDatabase) -> None:
        self.database = database
        self.stores = dict.fromkeys(STORES)
        self.source = STORES[0]
        self.match_by = MatchBy.HANDLE
        self.clock = WallClock()
        self.store_work = WakeupTopic()


def _variant(store: Alias, number: int) -> Variant:
    return Variant(
        store=store,
        variant_id=number,
        product_id=number // 4,
        item=ItemId(number),
        handle=f"thing-{number // 4}",
        title="Thing",
        options=(("Size", str(number % 4)),),
        sku=f"SKU-{number}",
        barcodes=(),
        tracked=True,
        bundle=False,
        gift_card=False,
        status="ACTIVE",
    )


def _fill_database(database: SqlDatabase, count: int) -> None:
    def stores(tx: SqlTransaction) -> None:
        tx.run(insert(LocationGroupRow).values(name="Berlin"))
        for number, store in enumerate(STORES):
            role = Role.DESTINATION if number else Role.SOURCE
            tx.stores.register(store, f"{store}.myshopify.com", role)
            tx.stores.mark_catalogue_read(store, now=WallClock().now())
        rows = [
            {
                "store": each,
                "location": 1,
                "name": "L",
                "active": True,
                "owned": True,
                "location_group_id": 1,
            }
            for each in STORES
        ]
        tx.run(insert(LocationRow), rows)

    database.run(stores)
    for store in STORES:
        for start in range(1, count + 1, 5_000):
            few = [_variant(store, n) for n in range(start, min(start + 5_000, count + 1))]
            keys = [key_of(each, MatchBy.HANDLE) for each in few]
            database.run(lambda tx, f=few, k=keys: tx.catalogue.save_variants(f, k))


def measure(count: int, size: int) -> None:
    """Match all twice, and say what it cost."""
    catalogue_sync.VARIANTS_PER_SLICE = size
    with tempfile.TemporaryDirectory() as folder:
        database = SqlDatabase(f"sqlite:///{Path(folder) / 'tipo.db'}")
        migrate(database.engine)
        _fill_database(database, count)
        for name in ("first", "daily"):
            timed = TimedDatabase(database)
            database.run(lambda tx: tx.settings.set(MATCHED_SETTING, None))
            asyncio.run(CatalogueSync(cast("Context", MinimalContext(timed))).arrange_all())
            longest, total = max(timed.step_seconds), sum(timed.step_seconds)
            how = f"slices of {size}" if size < count else "in one go"
            print(
                f"{count:>9,} variants a store  {name:5}  {how:14}  "
                f"longest {longest * 1000:>9,.0f} ms  all {total:>6.1f} s  "
                f"{len(timed.step_seconds):>5,} transactions"
            )
        database.close()


if __name__ == "__main__":
    for given in [int(each) for each in sys.argv[1:]] or [10_000, 100_000]:
        for size in (given, VARIANTS_PER_SLICE):
            measure(given, size)
