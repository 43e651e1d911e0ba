"""What processing a backlog costs, against SQLite's own executemany of the rows that it writes.

    python bench/folding.py [DELIVERIES [ROUNDS]]         default: 100000, 5 rounds

Half of the deliveries are echoes (they equal the book), half are changes of 1,000 levels. The floor
writes the same rows through the driver, as many in a commit: each delivery is marked, each change
adds a movement, and updates its level and its pool.

Interleaved rounds, medians, on SQLite files with synchronous=FULL; wall and CPU seconds.
"""

import asyncio
import itertools
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from flood import ITEMS, bodies
from service import EU, US, fill
from sqlalchemy import func, select
from table import arguments, machine, markdown, times, with_spread

from sync_core.app.server import spared_collector
from sync_core.clock import RandomIds, WallClock
from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from sync_core.db.tables import MOVEMENT
from sync_core.domain.matching import MatchBy
from sync_core.domain.values import Alias, Role
from sync_core.ports import Delivery
from sync_core.shopify.webhooks import parse_webhook, topics
from sync_core.workers.context import Context
from sync_core.workers.delivery_processor import DeliveryProcessor
from sync_core.workers.supervisor import StoreAvailability

PAGE = 1000
MARK = "UPDATE delivery SET handled_at = ?, quarantined_at = NULL, why = NULL WHERE id = ?"
POOL = "UPDATE pool SET shared = ? WHERE id = ?"
LEVEL = (
    "UPDATE level SET book = ?, seen_at = ?, reported_at = ?, accounted_at = ?, last_delta = ?,"
    " version = ?, due = ? WHERE id = ?"
)
MOVED = (
    "INSERT INTO movement (pool_id, level_id, level_baseline, delta, counted, shared, at, seen_at,"
    " source, delivery_id, baseline) VALUES (?, ?, 0, ?, ?, ?, ?, ?, 'webhook', ?, 0)"
)


def open_database(path: Path) -> SqlDatabase:
    """Return a database of a thousand pools of two levels that agree."""
    database = SqlDatabase(f"sqlite:///{path}")
    migrate(database.engine)
    database.run(lambda tx: tx.stores.register(EU, "eu.myshopify.com", Role.SOURCE))
    database.run(lambda tx: tx.stores.register(US, "us.myshopify.com", Role.DESTINATION))
    database.run(fill)
    return database


def add_backlog(database: SqlDatabase, count: int) -> None:
    """Add deliveries: each change is followed by one that tells the same again."""
    made = bodies()
    now = datetime.now(UTC)
    numbers = itertools.count()

    def delivery(body: bytes) -> Delivery:
        webhook = f"{next(numbers)}"
        return Delivery(
            store=US,
            webhook_id=webhook,
            topic="inventory_levels/update",
            body=body,
            received_at=now,
        )

    for _ in range(0, count, 2 * ITEMS):
        page = [next(made) for _ in range(ITEMS)]
        some = [delivery(body) for body in page + page]
        database.run(lambda tx, few=some: tx.deliveries.save(few))


def context_of(database: SqlDatabase) -> Context:
    """Return the world of a worker that talks to no store."""
    clock, rng = WallClock(), random.Random(1)
    return Context(
        database=database, stores={}, source=Alias("eu"), clock=clock, ids=RandomIds(), rng=rng,
        parse_webhook=parse_webhook, match_by=MatchBy.HANDLE, public_url=None, topics=topics,
        availability=StoreAvailability(database, clock, rng),
    )  # fmt: skip


async def fold(path: Path) -> None:
    """Process all."""
    database = SqlDatabase(f"sqlite:///{path}")
    processor = DeliveryProcessor(context_of(database))
    while (await processor.round()).taken:
        pass
    database.close()


def write_rows(path: Path) -> None:
    """Write what processing writes, a page in a commit, by the driver alone."""
    now = "2026-11-23 12:00:00.000000"
    with closing(sqlite3.connect(path, isolation_level=None)) as plain:
        plain.execute("PRAGMA synchronous=FULL")
        plain.execute("PRAGMA foreign_keys=ON")
        numbers = [n for (n,) in plain.execute("SELECT id FROM delivery ORDER BY id")]
        for start in range(0, len(numbers), PAGE):
            page = numbers[start : start + PAGE]
            moved = [(n, 2 * (n % ITEMS) + 2, n % ITEMS + 1) for n in page[: PAGE // 2]]
            plain.execute("BEGIN IMMEDIATE")
            plain.executemany(POOL, [(n, pool) for n, _, pool in moved])
            plain.executemany(
                LEVEL, [(n, now, now, now, 1, n, True, level) for n, level, _ in moved]
            )
            plain.executemany(
                MOVED, [(pool, level, 1, 1, n, now, now, n) for n, level, pool in moved]
            )
            plain.executemany(MARK, [(now, n) for n in page])
            plain.execute("COMMIT")


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Return the wall and the CPU seconds that something takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Measure, and print the table."""
    count, rounds = arguments(100_000, 5)
    floor: list[tuple[float, float]] = []
    ours: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "backlog.db"
        database = open_database(whole)
        add_backlog(database, count)
        database.close()
        for _ in range(rounds):
            for into, work in (
                (floor, write_rows),
                (ours, lambda path: asyncio.run(fold(path))),
            ):
                path = Path(shutil.copy(whole, Path(folder) / "round.db"))
                with spared_collector():
                    into.append(timed(lambda path=path, work=work: work(path)))
                check(path, count)
                path.unlink()
    rows = [["backlog processed", "wall µs each", "CPU µs each"]]
    for name, seen in (("executemany of the same rows", floor), ("Tipo", ours)):
        walls, cpus = ([1e6 * each[n] / count for each in seen] for n in (0, 1))
        rows.append([name, with_spread(walls, ".1f"), with_spread(cpus, ".1f")])
    ratios = [[a[n] / b[n] for a, b in zip(ours, floor, strict=True)] for n in (0, 1)]
    rows.append(["ratio", *(times(statistics.median(each)) for each in ratios)])
    sys.stdout.write(f"{machine()}\n\n{markdown(rows)}")


def check(path: Path, count: int) -> None:
    """Stop if not every change has become a movement."""
    database = SqlDatabase(f"sqlite:///{path}")
    made = database.run(lambda tx: tx.run(select(func.count()).select_from(MOVEMENT)).scalar())
    database.close()
    if made != count // 2:
        raise SystemExit(f"{made} movements of {count // 2}")


if __name__ == "__main__":
    main()
