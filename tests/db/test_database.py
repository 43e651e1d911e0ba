"""A step is one transaction: whole, durable, and run again when others were in the way."""

import asyncio
import json
import random
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from sync_core.db.database import BUSY, SqlDatabase
from sync_core.db.engines import plain_url
from sync_core.db.tables import LevelRow, NotificationRow, PoolRow, SettingRow
from sync_core.domain.texts import storable, storable_json
from sync_core.errors import BadSettings, NoDatabase
from tests.conftest import needs_postgres
from tests.db.conftest import US, furnish

ADDER = """
import asyncio, sys
from sqlalchemy import select, update
from sync_core.db.database import SqlDatabase
from sync_core.db.tables import PoolRow

def add(tx):
    shared = tx.run(select(PoolRow.shared).with_for_update()).scalar_one()
    tx.run(update(PoolRow).values(shared=shared + 1))

async def main():
    database = SqlDatabase(sys.argv[1])
    for _ in range(int(sys.argv[2])):
        await database.transaction(add)
    database.close()

asyncio.run(main())
"""


class Waits:
    """A clock that notes how long somebody wanted to sleep, and does not."""

    def __init__(self):
        self.slept = []

    def now(self):
        return datetime(2026, 11, 23, tzinfo=UTC)

    async def sleep(self, seconds):
        self.slept.append(seconds)


def shared(tx):
    return tx.run(select(PoolRow.shared)).scalar_one()


def share(number):
    return lambda tx: tx.run(update(PoolRow).values(shared=number))


def passing(words="database is locked", **facts):
    reason = OSError(words)
    for name, value in facts.items():
        setattr(reason, name, value)
    return DBAPIError("SELECT 1", {}, reason)


async def test_a_step_is_committed(furnished, database_url):
    await furnished.transaction(share(45))
    with closing(SqlDatabase(database_url)) as other:
        assert await other.transaction(shared) == 45


async def test_a_step_that_fails_leaves_nothing_behind(furnished):
    """Half a step would be a lost or invented unit."""

    def half(tx):
        share(45)(tx)
        raise ValueError("the other half")

    with pytest.raises(ValueError, match="the other half"):
        await furnished.transaction(half)
    assert await furnished.transaction(shared) == 50


async def test_a_refused_commit_is_not_tried_again(furnished):
    """What a constraint refuses once it refuses for ever."""
    calls = []

    def twice(tx):
        calls.append(1)
        tx.run(update(LevelRow).values(pack=0))

    with pytest.raises(IntegrityError):
        await furnished.transaction(twice)
    assert calls == [1]


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param(passing(), id="SQLite is locked"),
        pytest.param(passing("", sqlstate="40001"), id="serialization failure"),
        pytest.param(passing("", sqlstate="40P01"), id="deadlock"),
        pytest.param(passing("", sqlstate="23505"), id="the same row was made meanwhile"),
        pytest.param(passing("", sqlstate="57P01"), id="the server is stopped"),
        pytest.param(passing("", sqlstate="08006"), id="the connection broke"),
    ],
)
async def test_a_step_in_the_way_of_another_is_run_again_as_a_whole(sqlite_url, reason):
    """The second run sees what the other one wrote."""
    waits = Waits()
    calls = []

    def work(tx):
        tx.settings.set("shared", f"run {len(calls)}")
        calls.append(tx)
        if len(calls) < 3:
            raise reason
        return tx.settings.get("shared")

    with closing(SqlDatabase(sqlite_url, clock=waits, rng=random.Random(1))) as database:
        assert await database.transaction(work) == "run 2"
    assert len(set(map(id, calls))) == 3
    assert len(waits.slept) == 2


async def test_a_step_gives_up_after_some_tries(sqlite_url):
    """A database that stays locked is an error that somebody must see."""
    waits = Waits()

    def locked(_ledger):
        raise passing()

    with (
        closing(SqlDatabase(sqlite_url, clock=waits)) as database,
        pytest.raises(DBAPIError, match="database is locked"),
    ):
        await database.transaction(locked)
    assert len(waits.slept) == BUSY.attempts - 1


async def test_a_server_that_is_away_is_asked_again():
    """A restart takes seconds, and meanwhile nobody listens."""
    waits = Waits()
    with (
        closing(SqlDatabase("postgresql://tipo@127.0.0.1:1/tipo", clock=waits)) as database,
        pytest.raises(NoDatabase, match="onnection refused"),
    ):
        await database.transaction(shared)
    assert len(waits.slept) == BUSY.attempts - 1


async def test_processes_that_hammer_one_database_lose_nothing(furnished, database_url):
    """Read, add one, write: a lost update would show as a smaller sum."""
    command = (sys.executable, "-c", ADDER, database_url, "60")
    others = [await asyncio.create_subprocess_exec(*command) for _ in range(3)]
    assert [await each.wait() for each in others] == [0, 0, 0]
    assert await furnished.transaction(shared) == 50 + 180


async def test_deadlocks_are_broken_and_run_again(furnished):
    """Two steps that lock the same rows in opposite order both end well.

    SQLite has one writer and cannot come to this; PostgreSQL picks a victim.
    """
    level_baseline = threading.Barrier(1 if furnished.is_sqlite else 2)
    more = update(LevelRow).values(buffer=LevelRow.buffer + 1)
    buffers = select(LevelRow.buffer)

    def crossed(one, other):
        tries = []

        def work(tx):
            tries.append(1)
            tx.run(update(LevelRow).where(LevelRow.id == one).values(buffer=LevelRow.buffer + 1))
            if len(tries) == 1:
                level_baseline.wait(10)
            tx.run(more.where(LevelRow.id == other))
            return len(tries)

        return work

    tries = await asyncio.gather(
        furnished.transaction(crossed(1, 2)), furnished.transaction(crossed(2, 1))
    )
    assert sum(tries) == (2 if furnished.is_sqlite else 3)
    assert furnished.run(lambda tx: tx.run(buffers).scalars().all()) == [2, 2]


@needs_postgres
async def test_a_server_that_drops_connections_is_asked_again(postgres_url):
    """A restart of PostgreSQL is an interruption of seconds, not an error."""
    with closing(SqlDatabase(postgres_url)) as database:
        await database.transaction(furnish)
        tries = []

        def work(tx):
            tries.append(1)
            if len(tries) == 1:
                backend = tx.run(text("SELECT pg_backend_pid()")).scalar_one()
                with psycopg.connect(postgres_url, autocommit=True) as other:
                    other.execute("SELECT pg_terminate_backend(%s)", [backend])
            return shared(tx)

        assert await database.transaction(work) == 50
    assert len(tries) == 2


async def test_every_sqlite_commit_is_on_the_disk(sqlite_url):
    """A webhook that was answered 200 must survive the power failing."""
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}

    def pragmas(tx):
        return {name: tx.run(text(f"PRAGMA {name}")).scalar_one() for name in wanted}

    with closing(SqlDatabase(sqlite_url)) as database:
        assert await database.transaction(pragmas) == wanted


@needs_postgres
async def test_every_postgresql_commit_is_on_the_disk(postgres_url):
    """The server's default, or the role's, does not count."""
    with psycopg.connect(postgres_url, autocommit=True) as server:
        name = server.info.dbname
        server.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        server.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'")
    wanted = {"synchronous_commit": "on", "TimeZone": "UTC"}

    def shown(tx):
        return {name: tx.run(text(f"SHOW {name}")).scalar_one() for name in wanted}

    with closing(SqlDatabase(postgres_url)) as database:
        assert (
            await asyncio.gather(*[database.transaction(shown) for _ in range(6)]) == [wanted] * 6
        )


async def test_times_come_back_aware_and_in_utc(furnished):
    """SQLite knows no time zones, and PostgreSQL answers in its own."""
    written = datetime.fromisoformat("2026-11-23T13:00:00.123456+02:00")
    await furnished.transaction(lambda tx: tx.stores.record_sent(US, now=written))
    read = await furnished.transaction(lambda tx: tx.stores.get(US).last_sent_at)
    assert (read, read.tzinfo) == (written, UTC)


@pytest.mark.parametrize(
    ("plain", "driver"),
    [
        pytest.param("sqlite:///tipo.db", "sqlite+pysqlite", id="a file"),
        pytest.param("sqlite://", "sqlite+pysqlite", id="in memory"),
        pytest.param("postgresql://u:p@h/d", "postgresql+psycopg", id="a server"),
        pytest.param("postgres://u:p@h/d", "postgresql+psycopg", id="as some hosts write it"),
        pytest.param("postgresql+psycopg2://h/d", "postgresql+psycopg", id="another driver"),
    ],
)
def test_people_write_plain_urls(plain, driver):
    assert plain_url(plain).drivername == driver


@pytest.mark.parametrize("wrong", ["", "tipo.db", "mysql://h/d", "sqlite:tipo.db:///"])
def test_a_url_that_leads_nowhere_is_explained(wrong):
    with pytest.raises(BadSettings, match="TIPO_DATABASE_URL") as caught:
        plain_url(wrong)
    assert "sqlite:///" in str(caught.value)


def test_a_word_left_by_one_process_is_read_by_another(furnished, database_url):
    word = json.dumps({"epoch": 3})
    furnished.run(lambda tx: tx.settings.set("instance", "early"))
    furnished.run(lambda tx: tx.settings.set("instance", word))
    with closing(SqlDatabase(database_url)) as other:
        assert other.run(lambda tx: tx.settings.get("instance")) == word
        other.run(lambda tx: tx.settings.set("instance", None))
    assert furnished.run(lambda tx: tx.run(select(SettingRow)).all()) == []


ANY = st.text(st.characters(codec=None) | st.sampled_from("\0\ud800\udfff"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(name="\0\ud800", facts={"\0": "\ud800", "a": ["\udfff\0"]})
@given(name=ANY, facts=st.dictionaries(ANY, ANY | st.lists(ANY)))
def test_any_text_is_kept_and_found_again(database, name, facts):
    """Both databases keep the same, in columns and in JSON; what PostgreSQL lets out is valid."""
    with database.engine.begin() as connection:
        connection.execute(delete(NotificationRow))
        row = {
            "kind": name,
            "severity": "info",
            "resolved": False,
            "at": datetime.now(UTC),
            "facts": facts,
        }
        connection.execute(
            insert(NotificationRow), [row | {"subject": "a"}, row | {"subject": "b"}]
        )
        connection.execute(insert(NotificationRow).values(**row, subject="c"))
        found = connection.execute(
            select(NotificationRow.__table__).where(NotificationRow.kind == name)
        ).all()
    assert [each.kind for each in found] == [storable(name)] * 3
    said = json.dumps(found[0].facts, ensure_ascii=False)
    assert storable(said) == said
    assert found[0].facts == json.loads(storable_json(json.dumps(facts).encode()))
