"""One transaction at a time, off the event loop.

A step is a plain function over a `Transaction`. It runs in a thread, in one transaction, and cannot
wait for anything but the database: so no transaction is ever open while a request is under way.
What conflicts with another process is rolled back and run again as a whole.

SQLite has one writer, hence one thread and `BEGIN IMMEDIATE`; PostgreSQL has a few.

What a step announces wakes the workers of this process once it is committed; see also listener.py.

Nothing waits without a limit:

    what may hang                        is ended by                             after
    -----------------------------------  --------------------------------------  ----------
    a statement                          the server (statement_timeout)          50 s
    waiting for a lock                   the server (lock_timeout): run again    10 s
    our transaction, when we are gone    the server (idle_in_transaction_…)      60 s
    connecting                           libpq (connect_timeout)                 5 s a host
    a connection whose other end is      the kernel (keepalives,                 30 s
    gone                                 tcp_user_timeout)
    a connection that something in       `transaction`: cuts it, so that the thread     60 s
    between holds open and silent        is free
    a step as a whole, tries and queue   `transaction`                                  60 s

Steps that go through a whole table say `limit=LONG_TRANSACTION_SECONDS`; migrations have no limit.
"""

import asyncio
import os
import random
import secrets
import socket
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from contextvars import copy_context
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError

from sync_core.backoff import Backoff, retry
from sync_core.clock import Clock, WallClock
from sync_core.db.engines import (
    MAX_POSTGRES_CONNECTIONS,
    TIME_LIMITS,
    TimeLimits,
    connect_args,
    engine_of,
    plain_url,
    require_same_file,
)
from sync_core.db.transaction import SqlTransaction
from sync_core.errors import NoDatabase, reason
from sync_core.ports import WorkKind

T = TypeVar("T")

# Others are in the way for moments; what is not over after 8 tries, some 3 s, somebody must see.
BUSY = Backoff(first=0.05, longest=3.2, jitter=1, attempts=8)
ONE_SETTING = "SELECT value FROM setting WHERE name = ?"
SET_LOCAL_TIMEOUTS = text(
    "SELECT set_config('statement_timeout', :ms, true),"
    " set_config('idle_in_transaction_session_timeout', :ms, true)"
)
# SQLSTATE: run the step again. A row that was made meanwhile (23505) is seen by the next run.
RETRYABLE_SQLSTATES = {"23505", "40001", "40P01", "55P03", "57P01", "57P02", "57P03"}


class SqlDatabase:
    """The records, behind one method: `transaction`."""

    def __init__(
        self,
        url: str,
        *,
        executor: Executor | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        limits: TimeLimits = TIME_LIMITS,
    ) -> None:
        self.url = plain_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._limits = limits
        self.name = f"tipo {secrets.token_hex(8)}"  # of this process, on its connections
        self._engine = engine_of(self.url, limits, self.name)
        self._subscribers: list[Callable[[WorkKind], None]] = []
        workers = 1 if self.is_sqlite else MAX_POSTGRES_CONNECTIONS
        self._executor = executor or ThreadPoolExecutor(workers, "database")
        self._clock = clock or WallClock()
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries, guards nothing

    @property
    def engine(self) -> Engine:
        """The engine below, for migrations."""
        return self._engine

    @contextmanager
    def subscribe(self, wake: Callable[[WorkKind], None]) -> Iterator[None]:
        """Call `wake` for what transactions of this object announce, as long as this is open.

        A commit that nobody waits for any more (it was cancelled, or out of time) announces
        nothing here: whoever has work looks for it by itself, too, as after a crash.
        """
        self._subscribers.append(wake)
        try:
            yield
        finally:
            self._subscribers.remove(wake)

    def wake(self, work: WorkKind) -> None:
        """Call all who subscribed, for what this process has announced, or another one."""
        for wake in self._subscribers:
            wake(work)

    async def peek(self, name: str) -> str | None:
        """Return a setting; on SQLite without a transaction, which would lock out all writers.

        Raises:
            NoDatabase: If it cannot be read.
        """
        if not self.is_sqlite:
            return await self.transaction(lambda tx: tx.settings.get(name))
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.transaction):
                return await loop.run_in_executor(self._executor, self._peek, name)
        except (TimeoutError, sqlite3.Error) as exc:
            raise NoDatabase(reason(exc)) from exc

    def _peek(self, name: str) -> str | None:
        with closing(self._engine.raw_connection()) as connection:
            found = connection.cursor().execute(ONE_SETTING, (name,)).fetchone()
        return None if found is None else str(found[0])

    async def transaction(
        self, work: Callable[[SqlTransaction], T], *, limit: float | None = None
    ) -> T:
        """Do work in one transaction and commit it.

        A step that is cancelled, or out of time, is broken off: its thread is free again. Like
        after a crash, only a commit that was under way may have happened.

        Raises:
            NoDatabase: If it cannot be reached or written, after 8 tries or `limit` seconds.
            DBAPIError: If the database refuses what the work does.
        """
        seconds = self._limits.transaction if limit is None else limit
        waiting = asyncio.timeout(seconds)
        try:
            async with waiting:
                return await self._with_retries(work, limit)
        except TimeoutError as exc:
            if not waiting.expired():
                raise
            raise NoDatabase(f"the database has not answered for {seconds:g} s") from exc
        except DBAPIError as exc:
            if not _is_database_failure(exc):
                raise
            raise NoDatabase(reason(exc.orig or exc)) from exc

    async def _with_retries(self, work: Callable[[SqlTransaction], T], limit: float | None) -> T:
        """Do work, again and again while others are in the way."""
        return await retry(
            lambda: self._run_in_thread(work, limit),
            BUSY,
            self._clock,
            may_help=_is_transient,
            rng=self._rng,
        )

    async def _run_in_thread(self, work: Callable[[SqlTransaction], T], limit: float | None) -> T:
        attempt = _Attempt()
        loop = asyncio.get_running_loop()
        here = copy_context()  # what is going on, for the log of what runs in the thread
        try:
            done = await loop.run_in_executor(
                self._executor, here.run, self._run, work, attempt, limit
            )
        except asyncio.CancelledError:
            attempt.abort()
            raise
        for announced in sorted(attempt.announced):
            self.wake(announced)
        return done

    def _run(
        self, work: Callable[[SqlTransaction], T], attempt: "_Attempt", limit: float | None
    ) -> T:
        with (
            self._engine.connect() as connection,
            attempt.on(connection),
            connection.begin(),
        ):
            if limit is not None and limit > self._limits.transaction and not self.is_sqlite:
                connection.execute(SET_LOCAL_TIMEOUTS, {"ms": f"{limit * 1000:.0f}"})
            tx = SqlTransaction(connection)
            done = work(tx)
            attempt.raise_if_aborted()
            require_same_file(connection)
            attempt.announced = tx.announced
            return done

    def run(self, work: Callable[[SqlTransaction], T]) -> T:
        """Do a step here and now, for programs without an event loop."""
        return self._run(work, _Attempt(), None)

    def connect_args(self) -> dict[str, Any]:
        """Return with what the driver of PostgreSQL opens another connection."""
        _, given = self._engine.dialect.create_connect_args(self.url)
        return {**given, **connect_args(self._limits, self.name)}

    def close(self) -> None:
        """Let go of threads and connections."""
        self._executor.shutdown(wait=True)
        self._engine.dispose()


class _Attempt:
    """One run of a step in a thread, which the event loop can break off."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._connection: Any = None  # the driver's own, while it is ours
        self._aborted = False
        self.announced: Iterable[WorkKind] = ()  # by what was committed

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        """Note the connection that the run is on until its end, the commit included."""
        with self._lock:
            self._connection = connection.connection.dbapi_connection
        try:
            self.raise_if_aborted()
            yield
        finally:
            with self._lock:  # from here on it may be somebody else's
                self._connection = None

    def raise_if_aborted(self) -> None:
        """Raise if nobody waits for this run any more."""
        if self._aborted:
            raise NoDatabase("nobody waits for this step any more")

    def abort(self) -> None:
        """Have the thread come back with an error, whatever it waits for."""
        with self._lock:
            self._aborted = True
            if self._connection is not None:
                _interrupt(self._connection)


def _interrupt(connection: Any) -> None:
    """End what a connection of a driver is doing, from another thread."""
    if isinstance(connection, sqlite3.Connection):
        connection.interrupt()
        return
    # Closing it would leave its thread waiting; shutting its socket down wakes the thread.
    with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as copy:
        copy.shutdown(socket.SHUT_RDWR)


def _is_transient(exc: Exception) -> bool:
    """Whether running the step again may help."""
    if not isinstance(exc, DBAPIError):
        return False
    unreachable = isinstance(exc, OperationalError) and exc.statement is None
    if unreachable or exc.connection_invalidated:
        return True
    state = getattr(exc.orig, "sqlstate", None)
    if state is not None:
        return state in RETRYABLE_SQLSTATES or state.startswith("08")
    words = str(exc.orig)
    return "locked" in words or "busy" in words


def _is_database_failure(exc: DBAPIError) -> bool:
    """Whether it is the database's state that failed, not what the step asked of it."""
    return isinstance(exc, OperationalError | InternalError) or exc.connection_invalidated
