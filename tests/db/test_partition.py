"""Whatever hangs ends: a database that is cut off, locked or slow holds no thread for hours."""

import asyncio
import threading
from contextlib import closing

import pytest
from sqlalchemy import text

from sync_core.db.database import SqlDatabase
from sync_core.db.engines import MAX_POSTGRES_CONNECTIONS, TimeLimits
from sync_core.db.migrate import migrate
from sync_core.errors import NoDatabase
from tests.conftest import needs_postgres
from tests.db.conftest import furnish
from tests.db.partition import partitioned
from tests.db.test_database import share, shared

SHORT = TimeLimits(transaction=1.0, statement=20.0, lock=20.0, idle=20.0, connect=2)
LOCK = text("SELECT * FROM pool FOR UPDATE")
pytestmark = needs_postgres


@pytest.fixture
async def cut_off(postgres_url):
    """A database behind a proxy that can stop forwarding."""
    async with partitioned(postgres_url) as (proxy, url):
        with closing(SqlDatabase(url, limits=SHORT)) as database:
            await database.transaction(furnish, limit=30)
            yield proxy, database


async def assert_all_free(database):
    """As many steps as there are threads are at work at the same time."""
    together = threading.Barrier(MAX_POSTGRES_CONNECTIONS)

    def meet(tx):
        together.wait(30)
        return shared(tx)

    many = [database.transaction(meet, limit=40) for _ in range(MAX_POSTGRES_CONNECTIONS)]
    assert len(await asyncio.gather(*many)) == MAX_POSTGRES_CONNECTIONS


async def until(true):
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - it is another thread's state
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("reset", [False, True], ids=["it goes on", "connections are gone"])
async def test_a_partition_ends_every_step_and_frees_every_thread(cut_off, reset):
    """Twice as many as there are threads: those in the queue end, too."""
    proxy, database = cut_off
    await assert_all_free(database)
    proxy.begin()
    many = [database.transaction(share(n)) for n in range(2 * MAX_POSTGRES_CONNECTIONS)]
    ended = await asyncio.gather(*many, return_exceptions=True)
    assert {type(each) for each in ended} == {NoDatabase}
    assert "has not answered for 1 s" in str(ended[0])
    proxy.heal(reset=reset)
    await assert_all_free(database)
    assert await database.transaction(shared, limit=30) == 50


async def test_a_step_that_nobody_waits_for_frees_its_thread(cut_off):
    """`/readyz` gives up after 3 s, every few seconds: without this it would use up all threads."""
    proxy, database = cut_off
    proxy.begin()
    for _ in range(2 * MAX_POSTGRES_CONNECTIONS):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await database.transaction(shared, limit=60)
    proxy.heal()
    await assert_all_free(database)


async def test_a_cut_off_process_can_stop(cut_off):
    """SIGTERM ends it within seconds, whatever its threads wait for."""
    proxy, database = cut_off
    proxy.begin()
    with pytest.raises(NoDatabase):
        await database.transaction(shared)
    closing_it = threading.Thread(target=database.close)
    closing_it.start()
    await asyncio.to_thread(closing_it.join, 15)
    assert not closing_it.is_alive()


async def test_the_server_lets_go_of_what_a_cut_off_process_had_locked(postgres_url):
    """Else the process that takes over waits for one that will never say anything again."""
    limits = TimeLimits(transaction=30.0, idle=1.0)
    async with partitioned(postgres_url) as (proxy, url):
        with (
            closing(SqlDatabase(url, limits=limits)) as one,
            closing(SqlDatabase(postgres_url)) as other,
        ):
            await other.transaction(furnish)
            locked = threading.Event()

            def hold(tx):
                tx.run(LOCK)
                locked.set()
                healed.wait(20)
                return shared(tx)

            healed = threading.Event()
            holding = asyncio.ensure_future(one.transaction(hold))
            await until(locked.is_set)
            proxy.begin()
            assert await other.transaction(share(45)) is not None
            proxy.heal()
            healed.set()
            assert await holding == 45  # its first try was ended; it has run again, on what is now


async def test_a_statement_that_takes_too_long_is_ended(postgres_url):
    limits = TimeLimits(statement=0.3)
    refused = pytest.raises(NoDatabase, match="statement timeout")
    with closing(SqlDatabase(postgres_url, limits=limits)) as database, refused:
        await database.transaction(lambda tx: tx.run(text("SELECT pg_sleep(30)")))


async def test_a_step_that_says_so_gets_room(postgres_url):
    """A change of mode goes through every level; that takes what it takes."""
    limits = TimeLimits(transaction=0.5, statement=0.3, idle=0.3)
    slow = text("SELECT pg_sleep(1)")

    def work(tx):
        tx.run(slow)
        threading.Event().wait(1)  # as Python does between two statements
        return tx.run(text("SELECT 1")).scalar_one()

    with closing(SqlDatabase(postgres_url, limits=limits)) as database:
        assert await database.transaction(work, limit=20) == 1
        with pytest.raises(NoDatabase):
            await database.transaction(work)


async def test_a_step_in_the_way_of_a_lock_is_run_again(postgres_url):
    """It waits in short turns, so that nobody queues behind somebody who queues."""
    limits = TimeLimits(lock=0.2)
    with closing(SqlDatabase(postgres_url, limits=limits)) as database:
        await database.transaction(furnish)
        held, free = threading.Event(), threading.Event()

        def hold(tx):
            tx.run(LOCK)
            held.set()
            free.wait(20)

        tries = []

        def work(tx):
            tries.append(1)
            if len(tries) > 2:
                free.set()
            share(45)(tx)

        holding = asyncio.ensure_future(database.transaction(hold))
        await until(held.is_set)
        await database.transaction(work)
        await holding
        assert len(tries) > 2
        assert await database.transaction(shared) == 45


async def test_a_migration_waits_as_long_as_it_takes(postgres_url):
    """Several processes start at once: one migrates, and the others wait for it."""
    limits = TimeLimits(statement=0.5, lock=0.5, idle=0.5)
    with closing(SqlDatabase(postgres_url, limits=limits)) as database:
        lock = text("SELECT pg_advisory_xact_lock(:lock)")
        held, free = threading.Event(), threading.Event()

        def hold(tx):
            tx.run(lock, {"lock": 0x7469706F})
            held.set()
            free.wait(20)

        holding = asyncio.ensure_future(database.transaction(hold, limit=90))
        await until(held.is_set)
        migrating = asyncio.ensure_future(asyncio.to_thread(migrate, database.engine))
        await asyncio.sleep(1.5)
        assert not migrating.done()
        free.set()
        await holding
        assert await migrating == []
