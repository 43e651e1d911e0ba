"""Work is noticed at once: by this process, by another on PostgreSQL, and in a second on SQLite."""

import asyncio
import random
import sqlite3
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import select, text

from sync_core.clock import RandomIds, WallClock
from sync_core.db.database import SqlDatabase
from sync_core.db.listener import SQLITE_POLL_SECONDS, PollingListener, PostgresListener
from sync_core.db.tables import DeliveryRow
from sync_core.db.transaction import NOTIFY
from sync_core.domain.matching import MatchBy
from sync_core.domain.values import Alias, Event
from sync_core.domain.views import Post
from sync_core.errors import NoDatabase
from sync_core.ports import Delivery, WorkKind
from sync_core.service.service import Service
from sync_core.shopify.webhooks import parse_webhook, topics
from sync_core.web.receiver import Receiver
from sync_core.workers.context import WAKEUP_SETTING, Context, EngineConfig
from sync_core.workers.engine import Engine
from sync_core.workers.supervisor import StoreAvailability, Supervisor
from tests.conftest import needs_postgres
from tests.db.conftest import EU, furnish

CLOCK = WallClock()
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NEVER = 600.0  # seconds: longer than any test
LEVEL = (
    b'{"inventory_item_id": 1, "location_id": 1, "available": 45,'
    b' "updated_at": "2026-11-23T12:00:00Z"}'
)


class Woken(list):
    """What a listener has announced to its own process."""

    def __init__(self):
        super().__init__()
        self.rounds = 0

    def done(self):
        self.rounds += 1


def announce(kind):
    return lambda tx: tx.announce(kind)


def request(token):
    """What a command does, but for what it asks for."""

    def work(tx):
        tx.settings.set(WAKEUP_SETTING, token)
        tx.announce(WorkKind.REQUESTS)

    return work


async def until(holds, seconds=5.0):
    """Wait until something holds, much shorter than NEVER; return how long that took."""
    began = CLOCK.monotonic()
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - it is somebody else's state, without an event
            await asyncio.sleep(0.01)
    return CLOCK.monotonic() - began


@asynccontextmanager
async def running(*works):
    """Run coroutines until the end of the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in works]
        yield tasks
        for each in tasks:
            each.cancel()


# -- in one process
async def test_a_commit_wakes_whoever_subscribes_in_this_process(database):
    """Once each, and after the commit: what wakes them is there to be found."""
    woken = []
    with database.subscribe(woken.append):
        await database.transaction(request("1"))
        assert woken == [WorkKind.REQUESTS]
        await database.transaction(lambda tx: tx.settings.get(WAKEUP_SETTING))
        assert woken == [WorkKind.REQUESTS]
    await database.transaction(request("2"))
    assert woken == [WorkKind.REQUESTS]


async def test_what_is_rolled_back_wakes_nobody(database):
    woken = []

    def fails(tx):
        request("1")(tx)
        raise ZeroDivisionError

    with database.subscribe(woken.append):
        with pytest.raises(ZeroDivisionError):
            await database.transaction(fails)
        assert woken == []


# -- on PostgreSQL
@pytest.fixture
def here(postgres_url):
    with closing(SqlDatabase(postgres_url)) as found:
        yield found


@pytest.fixture
def there(postgres_url):
    with closing(SqlDatabase(postgres_url)) as found:
        yield found


@needs_postgres
async def test_what_another_process_announces_is_heard_at_once(here, there):
    """And only that: what this process has announced itself it knows already."""
    woken = Woken()
    async with running(PostgresListener(here, NEVER).run(woken.append, woken.done)):
        await until(lambda: woken.rounds)
        woken.clear()
        await here.transaction(announce(WorkKind.DELIVERIES))
        await there.transaction(announce(WorkKind.REQUESTS))
        await until(lambda: woken)
        await there.transaction(announce(WorkKind.DELIVERIES))
        await until(lambda: len(woken) == 2)
        assert woken == [WorkKind.REQUESTS, WorkKind.DELIVERIES]


def cut(database):
    """End the connections of a process that listen; return how many there were."""
    with psycopg.connect(**database.connect_args(), autocommit=True) as server:
        ended = server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = %s AND query = 'LISTEN tipo_work'",
            [database.name],
        ).fetchall()
    return len(ended)


@needs_postgres
async def test_a_connection_that_is_cut_is_made_again_and_what_was_missed_is_noticed(here, there):
    """Restarted by its supervisor: what came meanwhile wakes everybody, though nobody told."""
    woken = Woken()
    listener = PostgresListener(here, NEVER)
    supervisor = Supervisor(here, CLOCK)

    async def listen(done):
        def counted():
            woken.done()
            done()

        await listener.run(woken.append, counted)

    async with running(supervisor.supervise("listener", listen)):
        await until(lambda: woken.rounds)
        woken.clear()
        assert cut(here) == 1
        await there.transaction(request("while nobody listened"))
        await until(lambda: woken.rounds == 2)
        assert sorted(woken) == [WorkKind.DELIVERIES, WorkKind.REQUESTS]
        [worker] = supervisor.workers
        assert isinstance(worker.error, NoDatabase)
        assert worker.is_up()


@needs_postgres
async def test_a_notification_that_is_lost_is_made_up_for_by_the_slow_look(here, there):
    """A setting that changed, and no notification of it."""
    woken = Woken()
    async with running(PostgresListener(here, 0.3).run(woken.append, woken.done)):
        await until(lambda: woken.rounds)
        woken.clear()
        await there.transaction(lambda tx: tx.settings.set(WAKEUP_SETTING, "nobody was told"))
        await until(lambda: woken)
        assert woken == [WorkKind.REQUESTS]


@needs_postgres
async def test_a_kind_of_work_of_another_version_is_ignored(here, there):
    """Two versions run side by side while one is installed: neither fails by the other."""
    woken = Woken()
    async with running(PostgresListener(here, NEVER).run(woken.append, woken.done)):
        await until(lambda: woken.rounds)
        woken.clear()
        await there.transaction(lambda tx: tx.run(NOTIFY, {"work": "of next year"}))
        await there.transaction(announce(WorkKind.NOTIFICATIONS))
        await until(lambda: woken)
        assert woken == [WorkKind.NOTIFICATIONS]


@needs_postgres
async def test_where_nothing_can_listen_the_setting_is_read_at_each_try(here, there, monkeypatch):
    woken = Woken()
    listener = PostgresListener(here)
    nowhere = {**here.connect_args(), "host": "127.0.0.1", "port": 1}
    monkeypatch.setattr(here, "connect_args", lambda: nowhere)
    await there.transaction(request("1"))
    for _ in range(2):
        with pytest.raises(NoDatabase, match="cannot listen"):
            await listener.run(woken.append, woken.done)
    assert woken == [WorkKind.REQUESTS]


# -- a whole engine, and another process
def engine_of(database, recheck_every, listener):
    rng = random.Random(1)
    context = Context(
        database=database,
        stores={},
        source=EU,
        clock=CLOCK,
        ids=RandomIds(),
        rng=rng,
        parse_webhook=parse_webhook,
        match_by=MatchBy.HANDLE,
        public_url=None,
        topics=topics,
        availability=StoreAvailability(database, CLOCK, rng),
        config=EngineConfig(recheck_every=recheck_every),
    )
    return Engine(context, Supervisor(database, CLOCK), listener)


def delivery(number):
    return Delivery(
        store=Alias("eu"),
        webhook_id=str(number),
        topic="inventory_levels/update",
        body=LEVEL,
        received_at=datetime.now(UTC),
    )


def handled(database):
    return database.run(
        lambda tx: (
            tx.run(select(DeliveryRow.webhook_id).where(DeliveryRow.handled_at.is_not(None)))
            .scalars()
            .all()
        )
    )


@needs_postgres
async def test_a_delivery_that_one_process_keeps_another_processes_at_once(here, there):
    """No poll is near: it is the notification that does it."""
    here.run(furnish)
    engine = engine_of(here, NEVER, PostgresListener(here, NEVER))
    receiver = Receiver(there, ["eu"])
    async with running(engine.run(), receiver.run(lambda: None)):
        await receiver.store(delivery(1))
        await until(lambda: handled(there) == ["1"])  # perhaps by its first round
        for number in (2, 3, 4):
            await receiver.store(delivery(number))
            await until(lambda: str(number) in handled(there))  # noqa: B023
    assert there.run(lambda tx: tx.run(text("SELECT shared FROM pool")).scalar_one()) == 45


@needs_postgres
async def test_whoever_tells_people_is_woken_by_what_another_process_has_to_say(here, there):
    """The outbox is run by one process; the alert may come from any."""
    engine = engine_of(here, NEVER, PostgresListener(here, NEVER))
    event = Event(kind="oversold", subject="pool:1")
    with Service(here, {}, CLOCK, RandomIds()).wakeups() as wakeup:
        async with running(engine.run()):
            await wakeup.wait(2)  # by the first look at what others want, if by anything
            await asyncio.sleep(0.5)
            began = CLOCK.monotonic()
            await there.transaction(
                lambda tx: tx.notifications.notify_once([event], now=CLOCK.now())
            )
            await wakeup.wait(NEVER)
            assert CLOCK.monotonic() - began < 5


async def test_what_is_to_be_told_wakes_whoever_tells_it_and_a_delivery_does_not(database):
    """A sale is told half a minute later: the outbox need not look at once."""
    event = Event(kind="oversold", subject="pool:1")
    post = Post(key="k", channel="C", body={}, due_at=NOON)
    service = Service(database, {}, CLOCK, RandomIds())
    with service.wakeups() as wakeup:
        for wakes, work in (
            (False, announce(WorkKind.DELIVERIES)),
            (True, lambda tx: tx.notifications.notify_once([event], now=NOON)),
            (True, lambda tx: tx.posts.save([post], {}, {})),
            (True, announce(WorkKind.REQUESTS)),
        ):
            await database.transaction(work)
            began = CLOCK.monotonic()
            await wakeup.wait(0.5)
            assert (CLOCK.monotonic() - began < 0.4) is wakes


@needs_postgres
async def test_a_delivery_of_which_nobody_heard_is_found_by_the_slow_look(here, there):
    here.run(furnish)
    engine = engine_of(here, 0.3, PostgresListener(here, NEVER))
    async with running(engine.run()):
        await asyncio.sleep(0.1)
        await there.transaction(lambda tx: tx.deliveries.save([delivery(1)]))
        await until(lambda: handled(there) == ["1"])


# -- on SQLite
async def test_a_command_is_noticed_within_the_second_that_is_said(sqlite_url):
    """It is another process, and SQLite tells nobody: a row is read each second."""
    woken = Woken()
    with closing(SqlDatabase(sqlite_url)) as here, closing(SqlDatabase(sqlite_url)) as there:
        command = Service(there, {}, CLOCK, RandomIds())
        async with running(PollingListener(here, CLOCK).run(woken.append, woken.done)):
            await until(lambda: woken.rounds)
            assert woken == []
            await command.pause(by="ann")
            assert await until(lambda: woken) < SQLITE_POLL_SECONDS + 1
            assert woken == [WorkKind.REQUESTS]


async def test_reading_what_others_want_waits_for_no_writer(sqlite_url):
    """A command that writes for long would else hold up the listener, or it the command."""
    with closing(SqlDatabase(sqlite_url)) as here:
        here.run(request("before"))
        path = here.url.database
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("UPDATE setting SET value = 'not yet' WHERE name = 'wakeup'")
            async with asyncio.timeout(2):
                assert await here.peek(WAKEUP_SETTING) == "before"
            writer.execute("COMMIT")
        assert await here.peek(WAKEUP_SETTING) == "not yet"
