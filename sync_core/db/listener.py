"""Notice what other processes leave for this one to do.

Within a process whoever makes work wakes whoever does it (db/database.py). Between processes:

    database    work is announced by                   and is noticed
    ----------  -------------------------------------  ------------------------------------------
    PostgreSQL  NOTIFY, in the transaction itself      at once, by a connection that LISTENs
    either      a new value of the setting `wakeup`    by reading it: every second on SQLite, every
                (requests of people, commands)         15 s on PostgreSQL, where a notification
                                                       may be lost with its connection
    either      a row in the table of deliveries       by the delivery processor, every 15 s
    either      a notification, a post                 by the outbox, every 15 s

SQLite cannot tell one process of another, so a command (`tipo mode`) waits up to a second. What is
read each second is one row by its key, in no transaction: it takes no lock and costs some 20 µs.
`PRAGMA data_version` would cost the same, and would say only that somebody has written something,
we ourselves included; the row says that somebody wants us.

A listener that loses its connection fails, and is restarted by its supervisor after 1, 2, 4 … 30 s;
each start reads the setting, and has the deliveries looked for that nobody may have announced.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from sync_core.clock import Clock
from sync_core.db.database import SqlDatabase
from sync_core.db.transaction import CHANNEL
from sync_core.errors import NoDatabase, reason
from sync_core.ports import WorkKind
from sync_core.workers.context import WAKEUP_SETTING, Wake

SQLITE_POLL_SECONDS = 1.0  # between reads of the setting, where nothing else tells of it
RECHECK_SECONDS = 15.0  # between reads where a notification does
LISTEN_TIMEOUT_SECONDS = 30.0  # until a connection listens


class PollingListener:
    """Reads the setting `wakeup` again and again."""

    def __init__(
        self, database: SqlDatabase, clock: Clock, seconds: float = SQLITE_POLL_SECONDS
    ) -> None:
        self._setting = _WakeupSetting(database)
        self._clock = clock
        self._seconds = seconds

    async def run(self, wake: Wake, done: Callable[[], None]) -> None:
        """Wake until cancelled."""
        while True:
            await self._setting.check(wake)
            done()
            await self._clock.sleep(self._seconds)


class PostgresListener:
    """Listens on a connection of its own; reads the setting in case a notification was lost."""

    def __init__(self, database: SqlDatabase, recheck_seconds: float = RECHECK_SECONDS) -> None:
        self._database = database
        self._setting = _WakeupSetting(database)
        self._recheck_seconds = recheck_seconds

    async def run(self, wake: Wake, done: Callable[[], None]) -> None:
        """Wake until cancelled, or until the connection is lost.

        Raises:
            NoDatabase: If there is no connection, or no longer.
        """
        import psycopg  # noqa: PLC0415 - whoever has SQLite need not wait for it

        await self._setting.check(wake)  # also where there is no connection to be had
        try:
            async with asyncio.timeout(LISTEN_TIMEOUT_SECONDS):
                connection = await psycopg.AsyncConnection.connect(
                    **self._database.connect_args(), autocommit=True
                )
            async with connection:
                await self._listen(connection, wake, done)
        except (psycopg.Error, TimeoutError) as exc:
            raise NoDatabase(f"cannot listen: {reason(exc)}") from exc

    async def _listen(self, connection: Any, wake: Wake, done: Callable[[], None]) -> None:
        async with asyncio.timeout(LISTEN_TIMEOUT_SECONDS):
            await connection.execute(f"LISTEN {CHANNEL}")
        wake(WorkKind.DELIVERIES)  # they may have been announced while nobody listened
        while True:
            await self._setting.check(wake)
            done()
            async for each in connection.notifies(timeout=self._recheck_seconds):
                work, _, sender = each.payload.partition(" ")
                if sender != self._database.name and work in set(WorkKind):
                    wake(WorkKind(work))  # another kind is of another version: not for us


class _WakeupSetting:
    """The setting that other processes change to wake this one."""

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database
        self._seen: str | None = None

    async def check(self, wake: Wake) -> None:
        """Wake everybody if it has changed since it was last read."""
        current = await self._database.peek(WAKEUP_SETTING)
        if current != self._seen:
            self._seen = current
            wake(WorkKind.REQUESTS)
