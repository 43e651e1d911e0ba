"""The real engine between imitation stores, in virtual time: what the simulation plays with."""

import asyncio
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace

from sqlalchemy import Engine as SqlEngine
from sqlalchemy import Select, event, text
from sqlalchemy.dialects import postgresql

from sandbox.access import DEFAULT_SCOPES
from sandbox.shop import Shop
from sandbox.shop_transport import ShopTransport
from sync_core import tracing
from sync_core.app.role_watch import RoleWatch
from sync_core.app.scheduler import jobs, run_jobs
from sync_core.clock import SteadyClock
from sync_core.compare.duckdb_comparer import DuckdbComparer
from sync_core.db.audit import LEVEL_BOOKS, POOL_BOOKS, books_of
from sync_core.db.backups import backups_of
from sync_core.db.database import SqlDatabase
from sync_core.db.listener import PollingListener
from sync_core.db.migrate import migrate
from sync_core.db.transaction import SqlTransaction
from sync_core.domain import leases
from sync_core.domain.audit import breaches
from sync_core.domain.matching import MatchBy
from sync_core.domain.process_roles import ALL_ROLES
from sync_core.domain.values import Alias, Mode, Role
from sync_core.ports import Delivery
from sync_core.service.service import Service
from sync_core.settings import NightlySettings
from sync_core.shopify.auth import PermanentToken
from sync_core.shopify.client import ShopifyStore
from sync_core.shopify.webhooks import parse_webhook, topics, verify
from sync_core.web.receiver import Receiver
from sync_core.workers import drift_report, engine, lease_keeper, timekeeper
from sync_core.workers.context import AutoApproval, Context, EngineConfig, Wakeup
from sync_core.workers.engine import Engine
from sync_core.workers.supervisor import StoreAvailability, Supervisor
from sync_core.workers.timekeeper import Timekeeper
from tests.simulation.coverage import (
    AT_DEATH,
    BROUGHT_AGAIN,
    BROUGHT_TO_NOBODY,
    COVERAGE,
    DIED_YOUNG,
    SOLD_MEANWHILE,
    existence_query,
)
from tests.simulation.fault_mix import DEATH, CountedFaults
from tests.simulation.virtual_time import (
    CountingIds,
    Fuse,
    InlineExecutor,
    KillableTransport,
    VirtualClock,
    VirtualLoop,
)
from tests.simulation.witness import Watched, Witness

ALIASES = ("eu", "us", "uk")
INITIAL_QUANTITY = 50
# What is done again and again although nothing happens, and its seconds while all should be quiet.
IDLE_INTERVALS = (
    (engine, "MAX_WAIT_SECONDS", 600.0),
    (drift_report, "BASELINE_POLL_SECONDS", 60.0),
    (lease_keeper, "RENEW_EVERY_SECONDS", 600.0),
    (leases, "WRITE_LEASE_SECONDS", 900.0),
    (timekeeper, "CHECK_SECONDS", 60.0),
    (timekeeper, "SAVE_SECONDS", 600.0),
)
JOBS = {"alerts", "auditor", "sealer"}  # those that histories are about
IDLE_JOBS_SECONDS = 600
ANSWERED_WITHIN = 20.0  # seconds that somebody waits for an answer
RAM_DISK = Path("/dev/shm")  # noqa: S108 - where it exists, commits cost no disk


class Process:
    """One run of the service, from its start to its death."""

    def __init__(self, harness: "Harness") -> None:
        self.fuse = Fuse()
        self.began = harness.loop.passed
        self._is_alone = harness._is_file  # nobody else works on its records: it hears itself
        rng = Random(harness.seed)
        clock = SteadyClock(harness.wall, harness.shared_time and harness.shared_time())
        given = {"executor": InlineExecutor(self.fuse), "clock": clock, "rng": rng}
        if harness._is_file:
            self.database = KeptConnection(harness.url, harness.name, **given)
        else:
            self.database = SqlDatabase(harness.url, **given)
        watched = Watched(ShopTransport(harness.shops.values()), harness.witness, harness.history)
        transport = KillableTransport(watched, self.fuse, harness.latency)
        self.stores = {
            alias: ShopifyStore(
                alias=alias,
                domain=shop.domain,
                auth=PermanentToken("shpat_sandbox"),
                clock=clock,
                transport=transport,
            )
            for alias, shop in harness.shops.items()
        }
        self.context = Context(
            database=self.database,
            stores=self.stores,
            source=Alias("eu"),
            clock=clock,
            ids=harness.ids,
            rng=rng,
            availability=StoreAvailability(self.database, clock, rng),
            parse_webhook=harness.read,
            match_by=harness.match_by,
            public_url=harness.public_url,
            topics=topics,
            config=harness.config,
            comparer=DuckdbComparer(harness.folder, executor=InlineExecutor(Fuse())),
            auto=harness.auto,
        )
        self.receiver = Receiver(self.database, self.stores)
        self.service = Service(self.database, self.stores, clock, harness.ids)
        self.supervisor = Supervisor(self.database, clock)
        self.loop = harness.loop
        served = SimpleNamespace(
            database=self.database,
            clock=clock,
            service=self.service,
            settings=SimpleNamespace(nightly=NightlySettings(), expected_roles=ALL_ROLES),
        )
        watch = RoleWatch(served, ALL_ROLES)
        self.jobs = [
            each
            for each in jobs(
                served, self.supervisor, watch, may_delete_old=lambda: harness.deletes_old
            )
            if each.name in JOBS
        ]
        self.on_clock_step = False  # the clock was set: the process has to restart
        self.timekeeper = Timekeeper(
            self.database,
            clock,
            on_clock_step=self._restart,
            time_of=harness.shared_time and (lambda _: harness.shared_time()),
        )
        self.tasks = [harness.loop.create_task(self._work())]

    async def _work(self) -> None:
        await self.timekeeper.begin()
        # Polls on PostgreSQL, too: in virtual time nobody can wait for another machine.
        seconds = 600.0 if self._is_alone else 30.0
        listener = PollingListener(self.database, self.context.clock, seconds)
        async with asyncio.TaskGroup() as group:
            group.create_task(Engine(self.context, self.supervisor, listener).run())
            group.create_task(self.supervisor.supervise("receiver", self.receiver.run, vital=True))
            group.create_task(self.supervisor.supervise("timekeeper", self.timekeeper.run))
            group.create_task(run_jobs(self.jobs, self.supervisor, VirtualClock(self.loop).now))

    def _restart(self) -> None:
        self.on_clock_step = True

    async def receive(self, alias: Alias, message) -> bool:
        """Take one webhook; return whether it was answered 200."""
        headers = message.headers
        if not verify(["sandbox-secret"], message.body, headers["X-Shopify-Hmac-Sha256"]):
            return False
        parse_webhook(alias, message.topic, message.body)
        delivery = Delivery(
            store=alias,
            webhook_id=headers["X-Shopify-Webhook-Id"],
            topic=message.topic,
            body=message.body,
            received_at=self.context.clock.now(),
        )
        with suppress(TimeoutError), tracing.span("webhook", store=alias):
            async with asyncio.timeout(5):
                await self.receiver.store(replace(delivery, trace=tracing.current()))
                return True
        return False


class Harness:
    """Stores, a service that may be killed, and the webhooks between them."""

    name = "first"
    deletes_old = False  # what is too old to be kept: histories are short
    public_url = "https://tipo.example.com"

    def __init__(
        self,
        *,
        stores: int = 2,
        items: int = 2,
        seed: int = 0,
        config: EngineConfig | None = None,
        latency: float = 0.02,
        opened: bool = False,
        orders: bool = False,
        url: str | None = None,
        auto: AutoApproval | None = None,
        read=parse_webhook,
        broken: bool = False,
        match_by: MatchBy = MatchBy.HANDLE,
    ) -> None:
        self.seed = seed
        self.read = read
        self.broken = broken  # its workers may fail; else that is a bug, and ends the history
        self.match_by = match_by
        self.shared_time = None  # what the database's clock says, if processes go by that
        self.auto = auto or AutoApproval()
        self.scopes = (*DEFAULT_SCOPES, "read_orders") if orders else DEFAULT_SCOPES
        self.rng = Random(seed)
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)  # the right time, and that of the stores
        self.wall = VirtualClock(self.loop)  # what our machine takes it for
        self.ids = CountingIds()
        # In every second history a new baseline is read by an export, however few the levels are.
        few = {"levels_for_export": 1} if seed % 4 > 1 else {}
        self.config = replace(config or EngineConfig(recheck_every=30, **few))  # its own
        self._latency = latency
        self._mail_wakeup = Wakeup()
        self.folder = Path(tempfile.mkdtemp(dir=RAM_DISK if RAM_DISK.is_dir() else None))
        self.path = self.folder / "tipo.db"
        self.url = url or f"sqlite:///{self.path}"
        self._is_file = url is None
        self.shops: dict[Alias, Shop] = {}
        self.skus = [f"SKU-{n}" for n in range(items)]
        self.outside: list[tuple[Alias, str, int]] = []  # what people did: store, SKU, delta
        for number in range(stores):
            self._build(Alias(ALIASES[number]), number, items)
        self.setup_lines = {alias: len(shop.log) for alias, shop in self.shops.items()}
        self._reader: sqlite3.Connection | None = None
        # Webhooks, and the process that got each first: whose, and after how many deaths.
        self._first_receivers: dict[str, tuple[str, int] | None] = {}
        self.process: Process | None = None
        self.is_stopped = False  # by an operator: nobody starts it again
        self.restores = 0
        self.deaths = 0
        self.rivals: list[RivalTipo] = []
        self.witness = Witness(self.shops)
        if opened:
            self._copy_opened(stores, items)
        elif self._is_file:
            _copy_migrated(self.path, self.shops)
        else:
            _migrated(self.url, self.shops)
        self.start()
        self._post = self.loop.create_task(self._deliver())

    def _build(self, alias: Alias, number: int, items: int) -> None:
        shop = Shop(
            f"urbanwear-{alias}.myshopify.com",
            now=self.clock.now,
            rng=Random(f"{self.seed}/{alias}"),
            id_offset=number * 100_000,
            shop_id=number + 1,
            scopes=self.scopes,
            faults=CountedFaults(),
        )
        # What a store does with a set that changes nothing is not documented.
        shop.faults.refuses_equal_sets = self.seed % 2 == 1
        shop.add_location("Warehouse")
        for n in range(items):
            product = shop.add_product(f"Thing {n}", f"thing-{n}")
            item = product.variants[0].item
            shop.set_sku(item.id, f"SKU-{n}")
            shop.stock(item.id, next(iter(shop.locations)), INITIAL_QUANTITY)
        self.shops[alias] = shop

    def _copy_opened(self, stores: int, items: int) -> None:
        """Begin where `open` ends: at rest, in two-way mode, with all subscriptions made."""
        if (stores, items) not in _templates:
            first = Harness(stores=stores, items=items)
            first.open()
            file = Path(tempfile.mkdtemp()) / "opened.db"
            first.kill()
            with closing(sqlite3.connect(first.path)) as whole:
                whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what is copied is all there is
            shutil.copy(first.path, file)
            made = {alias: shop.webhooks.subscriptions for alias, shop in first.shops.items()}
            _templates[stores, items] = file, first.loop.passed, made, first.ids.count
            first.close()
        file, passed, made, self.ids.count = _templates[stores, items]
        shutil.copy(file, self.path)
        self.loop.passed = passed
        for alias, shop in self.shops.items():
            shop.webhooks.subscriptions = deepcopy(made[alias])
            shop._id_counts["WebhookSubscription"] = len(made[alias])

    def latency(self) -> float:
        return self.rng.uniform(0, 2 * self._latency)

    @property
    def all_of_us(self) -> "list[Harness]":
        """Return every Tipo on these stores."""
        return [self, *self.rivals]

    @property
    def history(self) -> str:
        """Return the name of what is recorded: a restored database goes on with another one."""
        return f"{self.name}/{self.restores}"

    # -- the process
    def start(self) -> None:
        self.is_stopped = False
        self.process = Process(self)

    def stop(self) -> None:
        """End the process, and start none."""
        self.kill()
        self.is_stopped = True

    def kill(self) -> None:
        """End the process here and now: nothing of it runs again."""
        if self.process is None:
            return
        self.deaths += 1
        self.note(AT_DEATH)
        dead, self.process = self.process, None
        COVERAGE[DIED_YOUNG] += self.loop.passed - dead.began < 2
        self.end(dead)

    def end(self, process: Process) -> None:
        """End one of several processes that work on the same records."""
        process.fuse.blown = True
        for task in process.tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*process.tasks, return_exceptions=True))
        process.database.close()

    async def _deliver(self) -> None:
        """Deliver webhooks when they are due."""
        while True:
            now = self.clock.now()
            for alias, shop in self.shops.items():
                for message in shop.due(now):
                    self.loop.create_task(self._deliver_one(alias, shop, message))
            due = [each.due_at for shop in self.shops.values() for each in shop.outbox]
            wait = min(((at - now).total_seconds() for at in due), default=5.0)
            await self._mail_wakeup.wait(min(5.0, max(0.01, wait)) if wait > 0.05 else 0.05)

    async def _deliver_one(self, alias: Alias, shop: Shop, message) -> None:
        host = next((r for r in self.rivals if message.url.startswith(r.public_url)), self)
        process = host.process
        taken = process is not None and not process.fuse.blown
        receiver = (host.name, host.deaths) if taken else None
        first = self._first_receivers.setdefault(message.headers["X-Shopify-Webhook-Id"], receiver)
        COVERAGE[BROUGHT_AGAIN] += taken and first != receiver
        COVERAGE[BROUGHT_TO_NOBODY] += not taken
        shop.delivered(message, taken and await process.receive(alias, message))

    # -- time
    def advance(self, seconds: float) -> None:
        """Let time pass; a process that dies on the way is started again at once."""
        self._mail_wakeup.notify()
        end = self.loop.passed + seconds
        while True:
            # A short step where one may die, so that it is not dead for long.
            armed = any(each.may_die for each in self.all_of_us)
            step = min(0.25 if armed else 5.0, end - self.loop.passed)
            self.loop.run_until_complete(asyncio.sleep(max(0.0, step)))
            for each in self.all_of_us:
                each.revive()
            if self.loop.passed >= end - 1e-9:
                return

    @property
    def may_die(self) -> bool:
        """Whether its process is dead, or about to be."""
        if self.process is None:
            return not self.is_stopped
        return self.process.fuse.is_lit

    def revive(self) -> None:
        """Start a process that has died again; one that has failed ends the history."""
        if self.process is not None:
            failed = [each for each in self.process.tasks if each.done()]
            if failed and not self.process.fuse.blown:
                failed[0].result()
            for each in self.process.supervisor.workers:
                if each.error is not None and not self.broken and not self.process.fuse.blown:
                    raise each.error
            if self.process.fuse.blown or self.process.on_clock_step:
                COVERAGE[DEATH] += self.process.fuse.blown
                self.kill()
        if self.process is None and not self.is_stopped:
            self.start()

    def rest(self, seconds: float) -> None:
        """Let time pass in which all should be quiet: periodic checks are rare.

        Work that no wakeup announced is found by the next check; here that check comes ten times
        less often, so a missing wakeup is seen sooner than in `advance`, and hours cost less. The
        leases are renewed less often, too, and hold longer.
        """
        usual = (
            *(getattr(where, name) for where, name, _ in IDLE_INTERVALS),
            self.config.recheck_every,
        )
        self._set_intervals(*(seldom for *_, seldom in IDLE_INTERVALS), 600.0)
        at_work = [] if self.process is None else [(each, each.every) for each in self.process.jobs]
        for job, _ in at_work:
            object.__setattr__(job, "every", IDLE_JOBS_SECONDS)  # frozen for everybody else
        try:
            self.advance(seconds)
        finally:
            self._set_intervals(*usual)
            for job, every in at_work:
                object.__setattr__(job, "every", every)

    def _set_intervals(self, *seconds: float) -> None:
        for (where, name, _), each in zip(IDLE_INTERVALS, seconds, strict=False):
            setattr(where, name, each)
        object.__setattr__(self.config, "recheck_every", seconds[-1])  # frozen for everybody else

    def backup(self, path: Path) -> Path:
        """Copy the database as it is now."""
        with closing(sqlite3.connect(self.path)) as here, closing(sqlite3.connect(path)) as there:
            here.backup(there)
        return path

    def restore(self, path: Path, *, by_tipo: bool = False) -> None:
        """Go back to a copy of the database, as an operator would: stop, copy, start.

        Args:
            path: The copy.
            by_tipo: Whether by `tipo restore`, which knows what it does; else by hand.
        """
        self.kill()
        self.restores += 1
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if by_tipo:
            backups = backups_of(self.url)
            with backups.staged(path, now=self.wall.now()):
                backups.replace(now=self.wall.now())
        else:
            for end in ("", "-wal", "-shm"):
                Path(f"{self.path}{end}").unlink(missing_ok=True)
            shutil.copy(path, self.path)
        self.start()

    def do(self, work):
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(work)

    def ask(self, *works) -> list[asyncio.Task]:
        """Ask the service several things at once; what nobody answered is cancelled."""
        if not works:
            return []
        self.advance(0)  # who is dead is started again
        asked = self.process
        if asked is None:
            return []
        tasks = [self.loop.create_task(work(asked.service)) for work in works]
        until = self.loop.passed + ANSWERED_WITHIN
        while self.process is asked and self.loop.passed < until:
            if all(each.done() for each in tasks):
                break
            self.advance(0.05)
        for each in tasks:
            each.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        return tasks

    def set_mode(self, mode: Mode, alias: str | None = None) -> None:
        assert self.process is not None
        name = None if alias is None else Alias(alias)
        self.do(self.process.service.set_mode(mode, by="ann", alias=name))

    def open(self) -> None:
        """Read catalogues, take the baseline, and be at rest: where most histories begin."""
        self.advance(2)
        self.set_mode(Mode.TWO_WAY)
        self.advance(5)

    # -- people
    def read_catalogues(self) -> None:
        """Read every catalogue again, as on the next day: a day of renewals takes minutes."""
        assert self.process is not None
        self.process.database.run(lambda tx: tx.stores.forget_catalogues())
        self.process.context.catalogues.notify()
        self.advance(5)

    def change_stock(self, alias: Alias, sku: str, delta: int, *, till: bool = False) -> None:
        """Sell or restock."""
        shop = self.shops[alias]
        if self._is_file:
            COVERAGE[SOLD_MEANWHILE] += bool(self.rows(WRITTEN_TO, (alias, sku)))
        if delta < 0 and till:
            shop.pos_sale(sku, -delta)
        elif delta < 0:
            shop.sell(sku, -delta, race=True)
        else:
            shop.restock(sku, delta)
        self.outside.append((alias, sku, delta))
        self._mail_wakeup.notify()

    def count_changes(self) -> int:
        """Return how often others than Tipo have changed a quantity."""
        fresh = (shop.log[self.setup_lines[alias] :] for alias, shop in self.shops.items())
        return sum(each.key is None and each.delta != 0 for log in fresh for each in log)

    # -- what the stores really have
    def shows(self, alias: Alias, sku: str) -> int:
        return self.shops[alias].available(sku)

    def expected(self, sku: str) -> int:
        return INITIAL_QUANTITY + sum(delta for _, each, delta in self.outside if each == sku)

    def written(self, alias: Alias, sku: str) -> list[int]:
        """Return the deltas that were written to a store by its API."""
        shop = self.shops[alias]
        item = shop.item(sku).id
        return [each.delta for each in shop.log if each.item == item and each.key is not None]

    def note(self, queries: dict[str, str]) -> None:
        """Count which of these hold now."""
        if self._is_file:
            (row,) = self.rows(existence_query(queries))
            COVERAGE.update(dict(row))

    def rows(self, query: str, values: tuple = ()) -> list:
        if not self._is_file:
            with self.process.database.engine.connect() as connection:
                return [row._mapping for row in connection.execute(text(query))]
        if self._reader is None:
            self._reader = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
            self._reader.row_factory = sqlite3.Row
        return self._reader.execute(query, values).fetchall()

    def close(self) -> None:
        for each in self.all_of_us:
            each.kill()
            if each._reader is not None:
                each._reader.close()
        rest = asyncio.all_tasks(self.loop)
        for task in rest:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        self.loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class KeptConnection(SqlDatabase):
    """A database whose one connection stays open, on an engine that knows all statements by now."""

    def __init__(self, url: str, name: str, **rest) -> None:
        super().__init__(url, **rest)
        self._engine = _engine_for(self.url.database, name)
        self._connection = self._engine.connect()

    def _run(self, work, attempt, _limit):
        with self._connection.begin():
            tx = SqlTransaction(self._connection)
            done = work(tx)
            attempt.announced = tx.announced
            return done

    def _peek(self, name):
        with self._connection.begin():
            return SqlTransaction(self._connection).settings.get(name)

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()


class RivalTipo(Harness):
    """Another Tipo on the same stores, with a database of its own, at another address."""

    def __init__(
        self, first: Harness, name: str = "second", *, copy_of: Path | None = None
    ) -> None:
        self.first = first
        self.name = name
        self.public_url = f"https://{name}.example.com"
        for each in (
            "seed",
            "auto",
            "broken",
            "match_by",
            "shared_time",
            "loop",
            "clock",
            "config",
            "shops",
            "skus",
            "outside",
            "witness",
            "latency",
            "read",
            "_mail_wakeup",
        ):
            setattr(self, each, getattr(first, each))
        self.wall = VirtualClock(self.loop, first.wall.skew)  # a machine of its own
        self.rivals = []
        self.ids = CountingIds()
        self.ids.count = 1_000_000 * (1 + len(first.rivals))
        self.folder = first.folder
        self._is_file = True
        self._reader = None
        self._first_receivers = {}
        self.path = first.folder / f"{name}.db"
        self.url = f"sqlite:///{self.path}"
        self.process = None
        self.restores = 0
        self.deaths = 0
        if copy_of is None:
            _copy_migrated(self.path, self.shops)
        else:
            shutil.copy(copy_of, self.path)
        first.rivals.append(self)
        self.start()

    def advance(self, seconds: float) -> None:
        self.first.advance(seconds)


_engines: dict[str, SqlEngine] = {}
_open_files: dict[str, str] = {}


def _engine_for(path: str, name: str) -> SqlEngine:
    """Return an engine on that file; always the same of a name, since it knows all statements."""
    if name not in _engines:
        sql = SqlDatabase("sqlite:///unused.db").engine

        @event.listens_for(sql, "do_connect")
        def _choose(_dialect, _record, arguments, _named):
            arguments[0] = _open_files[name]

        _engines[name] = sql
    _engines[name].dispose()
    _open_files[name] = path
    return _engines[name]


_templates: dict[tuple, tuple[Path, float, dict, int]] = {}
_empty: dict[int, Path] = {}


def _copy_migrated(path: Path, shops: dict[Alias, Shop]) -> None:
    """Begin with a database that has the stores in it, and nothing else."""
    if len(shops) not in _empty:
        file = Path(tempfile.mkdtemp()) / "empty.db"
        _migrated(f"sqlite:///{file}", shops)
        _empty[len(shops)] = file
    shutil.copy(_empty[len(shops)], path)


def _migrated(url: str, shops: dict[Alias, Shop]) -> None:
    """Make a database with the stores in it."""
    database = SqlDatabase(url)
    migrate(database.engine)

    def register_store(tx):
        for number, (alias, shop) in enumerate(shops.items()):
            tx.stores.register(alias, shop.domain, Role.DESTINATION if number else Role.SOURCE)

    database.run(register_store)
    database.close()  # the last to close writes the log back into the file


WRITTEN_TO = """
SELECT 1 FROM level l JOIN variant v ON v.store = l.store AND v.item = l.item
WHERE l.open AND l.store = ? AND v.sku = ?
"""


def written_out(statement: Select) -> str:
    """Return a statement as text that both databases read."""
    return str(
        statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    )


THE_POOLS, THE_LEVELS = written_out(POOL_BOOKS), written_out(LEVEL_BOOKS)


def assert_conserved(harness: Harness) -> None:
    """No unit is lost or invented in the books, at any moment: by what production audits."""
    for books in books_of(harness.rows(THE_POOLS), harness.rows(THE_LEVELS)):
        assert breaches(books) == ()


def assert_at_rest(harness: Harness) -> None:
    """Every store shows the same, and it is what people made of it: nothing lost, nothing twice."""
    for sku in harness.skus:
        shown = {alias: harness.shows(alias, sku) for alias in harness.shops}
        assert set(shown.values()) == {harness.expected(sku)}, (sku, shown, harness.expected(sku))
