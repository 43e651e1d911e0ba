"""What matching a whole catalogue costs: in how many transactions, and how long the longest is.

    python bench/arranging.py [variants a store …]      default: 10000 100000

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
from sync_core.db.database import Database
from sync_core.db.ledger import SqlLedger
from sync_core.db.migrate import migrate
from sync_core.db.tables import LocationRow, PlaceRow
from sync_core.domain.match import MatchBy, key_of
from sync_core.domain.values import Alias, ItemId, Role, Variant
from sync_core.workers import cataloguing
from sync_core.workers.bell import Bells
from sync_core.workers.cataloguing import ARRANGED, SLICE, Cataloguer
from sync_core.workers.context import Context

STORES = (Alias("eu"), Alias("us"))


class Timed:
    """A database that knows how long its steps took."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.took: list[float] = []

    async def step(self, work: Callable[[SqlLedger], Any]) -> Any:
        """Do work in one transaction."""
        began = time.perf_counter()
        try:
            return await self._database.step(work)
        finally:
            self.took.append(time.perf_counter() - began)


class Given:
    """As much of a context as a cataloguer needs."""

    def __init__(self, records: Timed) -> None:
        self.records = records
        self.stores = dict.fromkeys(STORES)
        self.source = STORES[0]
        self.match_by = MatchBy.HANDLE
        self.clock = WallClock()
        self.work = Bells()


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


def _furnish(database: Database, count: int) -> None:
    def stores(ledger: SqlLedger) -> None:
        ledger.run(insert(PlaceRow).values(name="Berlin"))
        for number, store in enumerate(STORES):
            role = Role.DESTINATION if number else Role.SOURCE
            ledger.enlist(store, f"{store}.myshopify.com", role)
            ledger.catalogue_read(store, now=WallClock().now())
        rows = [
            {
                "store": each,
                "location": 1,
                "name": "L",
                "active": True,
                "owned": True,
                "place_id": 1,
            }
            for each in STORES
        ]
        ledger.run(insert(LocationRow), rows)

    database.run(stores)
    for store in STORES:
        for start in range(1, count + 1, 5_000):
            few = [_variant(store, n) for n in range(start, min(start + 5_000, count + 1))]
            keys = [key_of(each, MatchBy.HANDLE) for each in few]
            database.run(lambda ledger, f=few, k=keys: ledger.save_variants(f, k))


def measure(count: int, size: int) -> None:
    """Match all twice, and say what it cost."""
    cataloguing.SLICE = size
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'tipo.db'}")
        migrate(database.engine)
        _furnish(database, count)
        for name in ("first", "daily"):
            records = Timed(database)
            database.run(lambda ledger: ledger.set(ARRANGED, None))
            asyncio.run(Cataloguer(cast("Context", Given(records))).arrange_all())
            longest, total = max(records.took), sum(records.took)
            how = f"slices of {size}" if size < count else "in one go"
            print(
                f"{count:>9,} variants a store  {name:5}  {how:14}  "
                f"longest {longest * 1000:>9,.0f} ms  all {total:>6.1f} s  "
                f"{len(records.took):>5,} transactions"
            )
        database.close()


if __name__ == "__main__":
    for given in [int(each) for each in sys.argv[1:]] or [10_000, 100_000]:
        for size in (given, SLICE):
            measure(given, size)
