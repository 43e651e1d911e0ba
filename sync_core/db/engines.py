"""Connections to one of the two databases: durable commits, waits with limits, any text."""

import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from threading import Event
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import QueuePool, StaticPool

from sync_core.backoff import Backoff
from sync_core.domain.texts import storable, storable_json
from sync_core.errors import BadSettings, NoDatabase

OPENED = "opened_file"  # of a connection: its file's path, and what that named when it was opened
# Only while other processes start: each holds that lock for some milliseconds.
WAL_SWITCH = Backoff(first=0.05, longest=0.05, attempts=100)
MAX_POSTGRES_CONNECTIONS = 6  # threads, and connections, to PostgreSQL


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """How long to wait for the database; seconds."""

    transaction: float = 60.0  # as a whole: the queue, every try, the commit
    statement: float = 50.0
    lock: float = 10.0
    idle: float = 60.0  # a transaction that says nothing: its process may be cut off
    connect: int = 5  # libpq takes whole seconds, two or more


TIME_LIMITS = TimeLimits()


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


def engine_of(url: URL, limits: TimeLimits, name: str) -> Engine:
    """Return an engine whose commits are durable, whose waits have limits, that takes any text."""
    is_sqlite = url.get_backend_name() == "sqlite"
    engine = _sqlite(url) if is_sqlite else _postgresql(url, limits, name)
    event.listen(engine, "before_cursor_execute", _with_storable_texts, retval=True)
    return engine


def _postgresql(url: URL, limits: TimeLimits, name: str) -> Engine:
    return create_engine(
        url,
        pool_size=MAX_POSTGRES_CONNECTIONS,
        hide_parameters=True,  # errors are logged, and these are somebody's data
        json_serializer=_json,
        connect_args=connect_args(limits, name),
    )


def _sqlite(url: URL) -> Engine:
    in_memory = url.database in {None, "", ":memory:"}
    engine = create_engine(
        url,
        hide_parameters=True,
        json_serializer=_json,
        poolclass=StaticPool if in_memory else QueuePool,
        connect_args={"timeout": 10, "check_same_thread": False, "isolation_level": None},
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _json(value: object) -> str:
    return storable_json(json.dumps(value).encode()).decode()


def _with_storable_texts(
    _connection: Connection, _cursor: Any, statement: str, parameters: Any, *_more: Any
) -> tuple[str, Any]:
    """Let a text be kept, or looked for, that one of the databases would refuse.

    Texts are cleaned where they come in; this is for what people type, and for the rest.
    """
    is_many = isinstance(parameters, list)
    rows = parameters if is_many else (parameters,)
    for row in rows:  # of every statement: not a call for each value
        for each in row.values() if isinstance(row, Mapping) else row:
            if isinstance(each, str) and storable(each) is not each:
                clean = [_storable_row(row) for row in rows]
                return statement, clean if is_many else clean[0]
    return statement, parameters


def _storable_row(row: Any) -> Any:
    if isinstance(row, Mapping):
        return {
            name: storable(each) if isinstance(each, str) else each for name, each in row.items()
        }
    return tuple(storable(each) if isinstance(each, str) else each for each in row)


def connect_args(limits: TimeLimits, name: str) -> dict[str, Any]:
    """Return what libpq is told. The last: a commit that was answered must not be lost."""
    session = {
        "timezone": "UTC",
        "statement_timeout": f"{limits.statement * 1000:.0f}",
        "lock_timeout": f"{limits.lock * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{limits.idle * 1000:.0f}",
        "synchronous_commit": "on",  # whatever the default of server, database or role is
    }
    return {
        "application_name": name,
        "connect_timeout": limits.connect,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,  # milliseconds
        "options": " ".join(f"-c {name}={value}" for name, value in session.items()),
    }


def _set_pragmas(connection: Any, record: Any) -> None:
    """Write ahead, sync on every commit, wait for others, keep references; note the file."""
    connection.execute("PRAGMA busy_timeout=10000")
    _write_ahead(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    _, _, path = connection.execute("PRAGMA database_list").fetchone()
    record.info[OPENED] = (path, _identity(path)) if path else None


def require_same_file(connection: Connection) -> None:
    """Refuse to go on where the file of a connection is no longer what its path names.

    SQLite goes on writing to a file that was deleted or replaced, and all of it is lost at the end.

    Raises:
        NoDatabase: If it was.
    """
    opened = connection.info.get(OPENED)
    if opened is not None and _identity(opened[0]) != opened[1]:
        raise NoDatabase(
            f"the file {opened[0]} was deleted or replaced while Tipo used it; nothing is recorded "
            "any more. Stop Tipo, put the file back or run `tipo restore`, and start again"
        )


def _identity(path: str) -> tuple[int, int] | None:
    """Return what a path names; None: nothing."""
    try:
        found = os.stat(path)  # noqa: PTH116 - on every commit: a third of what Path takes
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write_ahead(connection: Any) -> None:
    """Switch to writing ahead. SQLite does not wait for others here, so we do."""
    for failures in count(1):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if WAL_SWITCH.is_over(failures):
                raise
            Event().wait(WAL_SWITCH.delay(failures))
        else:
            return


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock at once: a step that reads first could not upgrade later."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
