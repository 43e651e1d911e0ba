"""What a night's comparison costs, beside just decoding the same two files. Ratios, same run.

    python bench/compare.py [variants a store …]      default: 10000 100000 1000000

`decode`: both exports, msgspec with typed structs, one thread.
`compare`: both exports and the dumps of our levels and variants, to all numbers and every suspect.
`dump`: levels and variants out of a SQLite database into the files that `compare` reads; it runs
beside the stores' own exporting, so it is not part of `compare`.

Each runs in a process of its own; memory is the most that the process ever had.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec

from sync_core.compare.duckdb_comparer import DuckdbComparer
from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from sync_core.db.tables import LevelRow, LocationGroupRow, PoolRow, VariantRow
from sync_core.domain.discrepancies import DiscrepancyKind
from sync_core.domain.matching import MatchBy
from sync_core.domain.values import NEVER, Alias, LocationId, Mode, Role
from sync_core.ports import Column, Question
from sync_core.workers.exporter import (
    LEVEL_NAMES,
    dump_levels,
    dump_variants,
    level_lines,
    variant_lines,
)

EU, US = Alias("eu"), Alias("us")
FIRST_IDS = {"eu": 40_000_000_000_000, "us": 50_000_000_000_000}
LOCATION_IDS = {"eu": 60_000_000_101, "us": 60_000_000_202}
ROUNDS = 3
CHUNK = 10_000
DUMP_COLUMNS = ("store", "item", "handle", "sku", "policy", "key")
EXPORT_LINE = (
    '{"id":"gid:\\/\\/shopify\\/ProductVariant\\/%(id)d","sku":"SKU-%(n)07d",'
    '"inventoryPolicy":"DENY","requiresComponents":false,"product":{'
    '"id":"gid:\\/\\/shopify\\/Product\\/%(product)d","handle":"slim-fit-denim-jacket-%(product)d",'
    '"title":"Slim Fit Denim Jacket %(product)d","status":"ACTIVE","isGiftCard":false},'
    '"selectedOptions":[{"name":"Size","value":"%(size)s"},{"name":"Colour","value":"Indigo"}],'
    '"inventoryItem":{"id":"gid:\\/\\/shopify\\/InventoryItem\\/%(item)d","tracked":true,'
    '"l0":{"isActive":true,"quantities":[{"quantity":%(quantity)d,'
    '"updatedAt":"2026-11-22T20:01:02Z"}]}}}\n'
)


# -- the files


def quantity(alias: str, n: int) -> int:
    """Return what a store shows: one in a thousand differs in `us`."""
    return n % 97 + (3 if alias == "us" and n % 1000 == 7 else 0)


def handle(n: int) -> str:
    """Return what a product is called: four sizes of each."""
    return f"slim-fit-denim-jacket-{n // 4}"


def write_files(folder: Path, count: int) -> None:
    """Write two exports and two dumps."""
    for alias in (EU, US):
        with (folder / f"{alias}.jsonl").open("w") as lines:
            for n in range(count):
                # One in ten thousand has another handle here, and is in no pool.
                odd = n % 10_000 == 11
                lines.write(
                    EXPORT_LINE
                    % {
                        "id": 70_000_000_000 + n,
                        "n": n,
                        "product": n // 4 + (10**7 if odd and alias == "us" else 0),
                        "size": "SMLX"[n % 4],
                        "item": FIRST_IDS[alias] + n,
                        "quantity": quantity(alias, n),
                    }
                )
    with (folder / "levels.csv").open("wb") as lines:
        lines.write(level_lines([LEVEL_NAMES]))
        for start in range(0, count, CHUNK):
            some = range(start, min(count, start + CHUNK))
            lines.write(level_lines(row for n in some if n % 10_000 != 11 for row in levels(n)))
    with (folder / "variants.csv").open("wb") as lines:
        for alias in (EU, US):
            for start in range(0, count, CHUNK):
                some = range(start, min(count, start + CHUNK))
                lines.write(variant_lines(variant(alias, n) for n in some))


def levels(n: int):
    """Yield the two levels of a pool, baselined and at rest."""
    for alias, number in ((EU, 2 * n + 1), (US, 2 * n + 2)):
        source = int(alias == EU)
        key = (alias, FIRST_IDS[alias] + n, LOCATION_IDS[alias])
        yield (number, n + 1, 1, *key, source, 1, 1, n % 97, 0, 1, 0, "", "", n % 97)


def variant(alias: Alias, n: int):
    """Return what our catalogue says of a variant."""
    key = json.dumps([handle(n), "smlx"[n % 4], "indigo"])
    return (
        alias,
        FIRST_IDS[alias] + n,
        handle(n),
        f"SKU-{n:07d}",
        "deny",
        key,
    )


# -- what is measured


class DecodedProduct(msgspec.Struct):
    id: str
    handle: str
    title: str
    status: str
    isGiftCard: bool  # noqa: N815 - as the store writes it


class DecodedOption(msgspec.Struct):
    name: str
    value: str


class DecodedQuantity(msgspec.Struct):
    quantity: int
    updatedAt: str | None  # noqa: N815


class DecodedLevel(msgspec.Struct):
    isActive: bool  # noqa: N815
    quantities: list[DecodedQuantity]


class DecodedItem(msgspec.Struct):
    id: str
    tracked: bool
    l0: DecodedLevel | None


class DecodedVariant(msgspec.Struct):
    id: str
    sku: str | None
    inventoryPolicy: str  # noqa: N815
    requiresComponents: bool  # noqa: N815
    product: DecodedProduct
    selectedOptions: list[DecodedOption]  # noqa: N815
    inventoryItem: DecodedItem  # noqa: N815


def decode(folder: Path, _count: int) -> None:
    """Decode both exports, and do nothing with them."""
    read = msgspec.json.Decoder(DecodedVariant).decode
    for alias in (EU, US):
        with (folder / f"{alias}.jsonl").open("rb") as lines:
            for line in lines:
                read(line)


def compare(folder: Path, count: int) -> None:
    """Compare in full."""
    question = Question(
        source=EU,
        exports={alias: folder / f"{alias}.jsonl" for alias in (EU, US)},
        columns={
            alias: (Column(location_group=1, location=LocationId(LOCATION_IDS[alias])),)
            for alias in (EU, US)
        },
        levels=folder / "levels.csv",
        variants=folder / "variants.csv",
        match_by=MatchBy.HANDLE,
    )

    async def run() -> dict[DiscrepancyKind, int]:
        found: dict[DiscrepancyKind, int] = {}
        async with DuckdbComparer(folder).compare(question) as comparison:
            async for some in comparison.suspects():
                for each in some:
                    found[each.what] = found.get(each.what, 0) + 1
        return found

    found = asyncio.run(run())
    alone = -(-(count - 11) // 10_000)
    wanted = {
        DiscrepancyKind.DIFFERS: -(-(count - 7) // 1000),
        DiscrepancyKind.NO_PARTNER: 2 * alone,
        DiscrepancyKind.RENAMED: alone,
    }
    if found != wanted:
        raise SystemExit(f"found {found}, not {wanted}")


def dump(folder: Path, count: int) -> None:
    """Write both dumps from the database."""
    database = SqlDatabase(f"sqlite:///{folder / 'bench.db'}")

    async def run() -> tuple[int, int]:
        return (
            await dump_levels(database, folder / "dumped.csv"),
            await dump_variants(database, folder / "dumped-variants.csv"),
        )

    if asyncio.run(run()) != (2 * count, 2 * count):
        raise SystemExit("the dumps are not whole")
    database.close()


def write_database(folder: Path, count: int) -> None:
    """Write a database with two levels and two variants for each pool."""
    database = SqlDatabase(f"sqlite:///{folder / 'bench.db'}")
    migrate(database.engine)

    def furnish(tx) -> None:
        tx.stores.register(EU, "eu.myshopify.com", Role.SOURCE)
        tx.stores.register(US, "us.myshopify.com", Role.DESTINATION)
        tx.baselines.request(US, Mode.TWO_WAY, by="bench", now=NEVER)
        tx.run(LocationGroupRow.__table__.insert(), [{"id": 1, "name": "here"}])

    database.run(furnish)
    rows = {
        PoolRow.__table__: lambda n: [
            {"id": n + 1, "location_group_id": 1, "title": "Jacket", "shared": n % 97}
        ],
        LevelRow.__table__: lambda n: [
            {
                "id": row[0], "pool_id": row[1], "store": row[3], "item": row[4],
                "location": row[5], "book": row[9], "baselined": True, "seen_at": NEVER,
                "written_at": NEVER, "reported_at": NEVER, "accounted_at": NEVER,
                "settled_at": NEVER, "deferred_at": NEVER,
            }
            for row in levels(n)
        ],
        VariantRow.__table__: lambda n: [
            dict(
                zip(DUMP_COLUMNS, variant(alias, n), strict=False),
                variant_id=n + 1, product_id=n // 4 + 1, title="Jacket", options=[],
                barcode="", tracked=True, bundle=False, gift_card=False, status="ACTIVE",
            )
            for alias in (EU, US)
        ],
    }  # fmt: skip
    for table, made in rows.items():
        for start in range(0, count, CHUNK):
            some = [row for n in range(start, min(count, start + CHUNK)) for row in made(n)]
            database.run(lambda tx, table=table, some=some: tx.run(table.insert(), some))
    database.close()


# -- measuring

CHILDREN = {"decode": decode, "compare": compare, "dump": dump, "database": write_database}


class Cost(NamedTuple):
    """What a process took."""

    wall: float  # seconds
    cpu: float  # seconds, of all its threads, by itself and by the system for it
    mib: float  # the most that it ever had


def measured(what: str, folder: Path, count: int) -> Cost:
    """Return what a process takes that does one thing."""
    told = subprocess.run(
        [sys.executable, __file__, "--child", what, str(folder), str(count)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return Cost(*json.loads(told))


def medians(costs: list[Cost]) -> Cost:
    """Return the medians of time, and the most memory."""
    return Cost(
        wall=median(each.wall for each in costs),
        cpu=median(each.cpu for each in costs),
        mib=max(each.mib for each in costs),
    )


def child(what: str, folder: Path, count: int) -> None:
    """Do one thing, and print what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    CHILDREN[what](folder, count)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([wall, cpu, kib / 1024]))


def main(counts: list[int]) -> None:
    """Measure each size, and print the ratios."""
    print(f"{os.cpu_count()} processors; median of {ROUNDS} rounds in turn, most MiB")
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_files(folder, count)
            measure_compare(folder, count)
            write_database(folder, count)
            measure_dump(folder, count)


def measure_compare(folder: Path, count: int) -> None:
    """Print what a comparison takes beside decoding."""
    decoding, comparing = [], []
    for _ in range(ROUNDS):  # in turn, so that a busy moment meets both
        decoding.append(measured("decode", folder, count))
        comparing.append(measured("compare", folder, count))
    base, full = medians(decoding), medians(comparing)
    print(
        f"{count:9,} variants a store: decode {base.wall:.2f} s (CPU {base.cpu:.2f} s),"
        f" compare {full.wall:.2f} s (CPU {full.cpu:.2f} s)"
        f" = {full.wall / base.wall:.2f} x (CPU {full.cpu / base.cpu:.2f} x),"
        f" {full.mib:.0f} MiB, CPU {full.cpu / count * 1e6:.2f} us a variant",
        flush=True,
    )


def measure_dump(folder: Path, count: int) -> None:
    """Print what the dumps take: two levels and two variants of each pool."""
    cost = measured("dump", folder, count)
    print(
        f"{2 * count:9,} levels and as many variants dumped from SQLite: {cost.wall:.2f} s"
        f" (CPU {cost.cpu:.2f} s), {cost.mib:.0f} MiB,"
        f" CPU {cost.cpu / count * 1e6 / 4:.2f} us a row",
        flush=True,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main([int(each) for each in sys.argv[1:]] or [10_000, 100_000, 1_000_000])
