"""One transaction at a time, off the event loop.

A step is a plain function over a `Ledger`. It runs in a thread, in one transaction, and cannot
wait for anything but the database: so no transaction is ever open while a request is under way.
What conflicts with another process is rolled back and run again as a whole.

SQLite has one writer, hence one thread and `BEGIN IMMEDIATE`; PostgreSQL has a few.
"""

import asyncio
import logging
import random
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from threading import Event
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool, StaticPool

from sync_core.clock import Clock, WallClock
from sync_core.db.ledger import SqlLedger
from sync_core.errors import BadSettings

log = logging.getLogger(__name__)
T = TypeVar("T")

TRIES = 8
SWITCHES = 100  # attempts at writing ahead while other processes start
WORKERS = 6  # threads, and connections, to PostgreSQL
# SQLSTATE: run the step again. A row that was made meanwhile (23505) is seen by the next run.
AGAIN = {"23505", "40001", "40P01", "55P03", "57P01", "57P02", "57P03"}


class Database:
    """The records, behind one method: `step`."""

    def __init__(
        self,
        url: str,
        *,
        executor: Executor | None = None,
        clock: Clock | None = None,
        luck: random.Random | None = None,
    ) -> None:
        self.url = plain_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = _engine(self.url)
        workers = 1 if self.is_sqlite else WORKERS
        self._executor = executor or ThreadPoolExecutor(workers, "database")
        self._clock = clock or WallClock()
        self._luck = luck or random.Random()  # noqa: S311 - spreads retries, guards nothing

    @property
    def engine(self) -> Engine:
        """The engine below, for migrations."""
        return self._engine

    async def step(self, work: Callable[[SqlLedger], T]) -> T:
        """Do work in one transaction and commit it.

        Raises:
            DBAPIError: If the database cannot be reached or written, after 8 tries.
        """
        loop = asyncio.get_running_loop()
        for attempt in range(TRIES):
            try:
                return await loop.run_in_executor(self._executor, self._run, work)
            except DBAPIError as exc:
                if not _is_passing(exc) or attempt == TRIES - 1:
                    raise
                log.info("the database is busy, again", extra={"act": "step_again"})
            await self._clock.sleep(self._luck.uniform(0, 0.05 * 2**attempt))
        raise AssertionError  # pragma: no cover - the loop returns or raises

    def _run(self, work: Callable[[SqlLedger], T]) -> T:
        with self._engine.begin() as connection:
            return work(SqlLedger(connection))

    def run(self, work: Callable[[SqlLedger], T]) -> T:
        """Do a step here and now, for programs without an event loop."""
        return self._run(work)

    def close(self) -> None:
        """Let go of threads and connections."""
        self._executor.shutdown(wait=True)
        self._engine.dispose()


def plain_url(url: str) -> URL:
    """Return the URL with the driver that we use; people write plain URLs."""
    try:
        parsed = make_url(url)
    except Exception as exc:
        raise BadSettings(
            "TIPO_DATABASE_URL is no URL; write sqlite:///tipo.db or postgresql://user:pw@host/db"
        ) from exc
    match parsed.get_backend_name():
        case "sqlite":
            return parsed.set(drivername="sqlite+pysqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise BadSettings(
                f"TIPO_DATABASE_URL names {other}; Tipo knows sqlite:/// and postgresql://"
            )


def _engine(url: URL) -> Engine:
    """Return an engine whose commits are durable."""
    if url.get_backend_name() != "sqlite":
        engine = create_engine(
            url,
            pool_size=WORKERS,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "options": "-c timezone=UTC"},
        )
        event.listen(engine, "connect", _make_durable)
        return engine
    in_memory = url.database in {None, "", ":memory:"}
    engine = create_engine(
        url,
        poolclass=StaticPool if in_memory else QueuePool,
        connect_args={"timeout": 10, "check_same_thread": False, "isolation_level": None},
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    """Write ahead, sync on every commit, wait for other processes, keep references."""
    connection.execute("PRAGMA busy_timeout=10000")
    _write_ahead(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: Any) -> None:
    """Switch to writing ahead. SQLite does not wait for others here, so we do."""
    for attempt in range(SWITCHES):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if attempt == SWITCHES - 1:
                raise
            Event().wait(0.05)
        else:
            return


def _make_durable(connection: Any, _record: Any) -> None:
    """A commit that was answered must not be lost, whatever the server's default is."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    connection.commit()


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at once: a step that reads first could not upgrade later."""
    connection.execute(text("BEGIN IMMEDIATE"))


def _is_passing(exc: DBAPIError) -> bool:
    """Whether running the step again may help."""
    unreachable = isinstance(exc, OperationalError) and exc.statement is None
    if unreachable or exc.connection_invalidated:
        return True
    state = getattr(exc.orig, "sqlstate", None)
    if state is not None:
        return state in AGAIN or state.startswith("08")
    words = str(exc.orig)
    return "locked" in words or "busy" in words
