"""What the initial comparison takes beside the exports alone. Ratios, same run.

    python bench/first.py [variants a store …]      default: 5000 50000

`exports`: both stores' exports, asked for, waited for and fetched; nothing is done with them.
`first`: the engine on a SQLite file, from the change of mode until every level has its baseline.

The stores answer at once, but export a thousand variants a second, as Shopify does. Points are
what Shopify asks for the requests that were made: 10 for a mutation, 1 for a question about an
export, and what `tests/engine/test_bulk_refresher.py` counts for a level that is read by id.

Each runs in a process of its own; memory is the most that the process ever had.
"""

import asyncio
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from compare import CHUNK, EXPORT_LINE, FIRST_IDS, LOCATION_IDS
from service import EU, US, ImmediateStore, Stores
from sqlalchemy import insert, select
from table import machine, markdown, times

from sync_core.app.parts import Parts, assemble
from sync_core.app.server import App, spared_collector
from sync_core.clock import WallClock
from sync_core.db.rows import new_level
from sync_core.db.tables import LEVEL, POOL
from sync_core.db.transaction import SqlTransaction
from sync_core.domain.values import ItemId, LevelKey, LocationId, Mode
from sync_core.ports import ExportStage, ExportState, Location, Page, ShopFacts
from sync_core.settings import load
from sync_core.workers.exporter import Exporter, ExportRequest

RATE = 1000.0  # variants that a store exports in a second
ROUNDS = 3
POINTS_A_LEVEL = 3.5  # of one that is read by id
HERE = {alias: LocationId(LOCATION_IDS[alias]) for alias in (EU, US)}


class PacedStore(ImmediateStore):
    """A store that exports at Shopify's pace, from a file that is there, and counts points."""

    def __init__(self, alias, folder: Path, count: int) -> None:
        super().__init__(alias)
        self._file, self._count = folder / f"{alias}.jsonl", count
        self._began = datetime.now(UTC)
        self.points = 0.0

    async def facts(self) -> ShopFacts:
        here = Location(id=HERE[self.alias], name="Here", active=True, owned=True)
        return ShopFacts(
            shop_id=f"gid://shopify/Shop/{LOCATION_IDS[self.alias]}", name=self.alias,
            domain=f"{self.alias}.myshopify.com", locations=(here,),
            scopes=frozenset({"read_inventory", "write_inventory", "read_products"}),
            api_version="2026-10", time=datetime.now(UTC),
        )  # fmt: skip

    async def variants(self, after):
        return Page(rows=(), after=None)

    async def read(self, items, location):
        self.points += POINTS_A_LEVEL * len(items)
        return await super().read(items, location)

    async def start_export(self, locations) -> str:
        self.points += 10
        self._began = datetime.now(UTC)
        return "export"

    async def export_state(self, operation: str) -> ExportState:
        self.points += 1
        passed = (datetime.now(UTC) - self._began).total_seconds()
        done = passed * RATE >= self._count
        return ExportState(
            operation=operation,
            stage=ExportStage.DONE if done else ExportStage.RUNNING,
            objects=min(self._count, int(passed * RATE)),
            locations=(HERE[self.alias],),
            finished_at=datetime.now(UTC) if done else None,
        )

    async def download_export(self, state: ExportState, to: Path) -> int:
        await asyncio.to_thread(shutil.copyfile, self._file, to)
        return self._count


def write_files(folder: Path, count: int) -> None:
    """Write what the stores export."""
    for alias in (EU, US):
        with (folder / f"{alias}.jsonl").open("w") as lines:
            for n in range(count):
                ids = {"id": 70_000_000_000 + n, "n": n, "product": n // 4, "size": "SMLX"[n % 4]}
                item = {"item": FIRST_IDS[alias] + n, "quantity": n % 97}
                lines.write(EXPORT_LINE % {**ids, **item})


def parts_of(folder: Path, count: int) -> Parts:
    """Return the parts of a service between two such stores; it has matched them, and no more."""
    shop = {"access_token": "shpat_bench", "webhook_secrets": ["bench"]}
    settings = load(
        database_url=f"sqlite:///{folder / 'first.db'}", public_url="https://tipo.example.com",
        stores={
            "eu": {"domain": "eu.myshopify.com", "role": "source", **shop},
            "us": {"domain": "us.myshopify.com", "role": "destination", **shop},
        },
    )  # fmt: skip
    parts = assemble(settings)
    stores = Stores({each: PacedStore(each, folder, count) for each in (EU, US)})
    return replace(parts, stores=stores)


def fill(tx: SqlTransaction, count: int) -> None:
    """Make pools of two levels that nobody has read, at the location that the stores share."""
    (here,) = tx.location_groups.all()
    for start in range(0, count, CHUNK):
        some = range(start, min(count, start + CHUNK))
        tx.run(
            insert(POOL),
            [{"id": n + 1, "location_group_id": here.id, "title": f"Thing {n}"} for n in some],
        )
        rows = [
            new_level(
                n + 1,
                LevelKey(store=alias, item=ItemId(FIRST_IDS[alias] + n), location=HERE[alias]),
            )
            for n in some
            for alias in (EU, US)
        ]
        tx.run(insert(LEVEL), rows)


async def first(folder: Path, count: int) -> dict[str, float]:
    """Make an initial comparison."""
    parts = parts_of(folder, count)
    app, clock = App(parts), parts.clock
    working = asyncio.create_task(app.work())
    while not all(each.catalogue_at for each in await parts.service.stores()):
        await clock.sleep(0.1)
    parts.database.run(lambda tx: fill(tx, count))
    for each in parts.stores.values():
        each.points = 0.0
    began, cpu = time.perf_counter(), time.process_time()
    await parts.service.set_mode(Mode.TWO_WAY, by="bench")
    left = select(LEVEL.c.id).where(LEVEL.c.baselined.is_(False)).limit(1)
    while await parts.database.transaction(lambda tx: tx.run(left).scalar()):
        await clock.sleep(0.25)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    working.cancel()
    points = max(each.points for each in parts.stores.values())
    return {"wall": wall, "cpu": cpu, "points": points}


async def exports(folder: Path, count: int) -> dict[str, float]:
    """Make two exports, and do nothing with them."""
    began, cpu = time.perf_counter(), time.process_time()
    stores = [PacedStore(alias, folder, count) for alias in (EU, US)]
    await asyncio.gather(
        *(
            Exporter(each, WallClock()).make(
                ExportRequest(locations=(HERE[each.alias],), to=folder / f"{each.alias}.copy")
            )
            for each in stores
        )
    )
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"wall": wall, "cpu": cpu, "points": max(each.points for each in stores)}


CHILDREN = {"exports": exports, "first": first}


def child(what: str, folder: Path, count: int) -> None:
    """Do one thing, and print what it took."""
    with spared_collector():
        took = asyncio.run(CHILDREN[what](folder, count))
    took["mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(took))


def measured(what: str, files: Path, count: int) -> dict[str, float]:
    """Return what a process takes that does one thing, in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        for alias in (EU, US):
            (Path(name) / f"{alias}.jsonl").symlink_to(files / f"{alias}.jsonl")
        told = subprocess.run(
            [sys.executable, __file__, "--child", what, name, str(count)],
            check=True, capture_output=True, text=True,
            timeout=timedelta(hours=1).total_seconds(),
        ).stdout  # fmt: skip
    return json.loads(told)


def main(counts: list[int]) -> None:
    """Measure each size in turn, and print the table."""
    rows = [
        ["variants a store", "exports alone", "initial comparison", "ratio", "of it CPU",
         "points a variant", "memory"],
    ]  # fmt: skip
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            files = Path(name)
            write_files(files, count)
            took = [
                {what: measured(what, files, count) for what in CHILDREN} for _ in range(ROUNDS)
            ]
        alone, whole, cpu = (
            median(each[what][of] for each in took)
            for what, of in (("exports", "wall"), ("first", "wall"), ("first", "cpu"))
        )
        points = max(each["first"]["points"] for each in took) / count
        mib = max(each["first"]["mib"] for each in took)
        rows.append(
            [f"{count:,}", f"{alone:.1f} s", f"{whole:.1f} s", times(whole / alone),
             f"{cpu:.1f} s", f"{points:.4f}", f"{mib:.0f} MiB"]
        )  # fmt: skip
    sys.stdout.write(f"{machine()}\n\n{markdown(rows)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main([int(each) for each in sys.argv[1:]] or [5_000, 50_000])
