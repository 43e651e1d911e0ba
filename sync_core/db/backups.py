"""Copy the database while it is in use, and put a copy back so that nothing is repeated.

    restoring                                               if that fails
    ------------------------------------------------------  ------------------------------------
    the copy is laid beside the database, read as a whole,  nothing has changed
    brought up to date, and told that it is older
    nobody else has the database open                       nothing has changed
    the database gets another name, the copy gets its name  the database has its name again

A restored database knows that it is older than what Tipo has done since: whatever the stores' marks
say, the next start writes nothing and asks (see `sync_core.domain.leases`).
"""

import os
import shutil
import sqlite3
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import psycopg
from psycopg import sql
from sqlalchemy import select
from sqlalchemy.engine import URL

from sync_core.db.database import SqlDatabase
from sync_core.db.engines import plain_url
from sync_core.db.migrate import current, migrate
from sync_core.db.tables import MOVEMENT
from sync_core.db.transaction import SqlTransaction
from sync_core.domain.leases import lease_news
from sync_core.errors import NotBackedUp, NotRestored, cut

STAGED_SUFFIX = "restoring"  # how the name ends of a copy that has not taken its place yet
LOCK_WAIT_SECONDS = 2.0  # for whoever is about to let go of the database


def backups_of(url: str) -> "Backups":
    """Return how to copy the database at that URL."""
    plain = plain_url(url)
    return SqliteBackups(plain) if plain.get_backend_name() == "sqlite" else PostgresBackups(plain)


class Backups(ABC):
    """Copies of one database."""

    def __init__(self, url: URL) -> None:
        self._url = url

    def backup(self, file: Path) -> None:
        """Write a consistent copy to a new file, while others go on writing.

        Raises:
            NotBackedUp: If there is such a file, or the copy can't be made or is not whole.
        """
        if file.exists():
            raise NotBackedUp(f"{file} is there already; name a new file")
        partial = file.with_name(f"{file.name}.partial")
        try:
            partial.unlink(missing_ok=True)
            partial.touch(mode=0o600)  # it names orders and people
            self._copy(partial)
            partial.rename(file)
            _sync(file.parent)
        except OSError as exc:
            raise NotBackedUp(f"{file} cannot be written: {cut(str(exc))}") from exc
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    @contextmanager
    def staged(self, file: Path, *, now: datetime) -> Iterator[datetime | None]:
        """Lay a copy beside the database, ready to take its place; yield its last movement's time.

        Raises:
            NotRestored: If the file is no whole backup of a database of Tipo.
        """
        if not file.is_file():
            raise NotRestored(f"there is no file {file}")
        self._drop_staged()
        try:
            database = self._stage(file)
            try:
                yield _prepare_staged(database, file, now)
            finally:
                database.close()
        finally:
            self._drop_staged()

    @abstractmethod
    def replace(self, *, now: datetime) -> str | None:
        """Have the laid copy take the database's place; return what the old one is called now.

        None: there was none.

        Raises:
            NotRestored: If somebody else has the database open, or it can't be renamed.
        """

    @abstractmethod
    def _copy(self, partial: Path) -> None:
        """Copy the database to a file that is there and empty, and see that it is whole."""

    @abstractmethod
    def _stage(self, file: Path) -> SqlDatabase:
        """Lay a copy beside the database, and open it."""

    @abstractmethod
    def _drop_staged(self) -> None:
        """Remove the laid copy, if there is one."""


def _prepare_staged(database: SqlDatabase, file: Path, now: datetime) -> datetime | None:
    """Bring a laid copy up to date, and tell it that it is older; return when it last moved."""
    if current(database.engine) is None:
        raise NotRestored(f"{file} is no database of Tipo")
    migrate(database.engine)

    def work(tx: SqlTransaction) -> datetime | None:
        newest = select(MOVEMENT.c.at).order_by(MOVEMENT.c.id.desc()).limit(1)
        counted_at = tx.run(newest).scalar()
        tx.leases.restored(now=now)
        tx.notifications.notify(lease_news(tx.leases.all().values()), now=now)
        return counted_at

    counted_at = database.run(work)
    database.engine.dispose()
    return counted_at


def _stamped(name: str, now: datetime) -> str:
    return f"{name}.replaced-{now:%Y%m%dT%H%M%S}"


# -- SQLite
class SqliteBackups(Backups):
    """Copies of a SQLite file, by SQLite's own backup: its log beside it is part of it."""

    @property
    def _file(self) -> Path:
        return Path(str(self._url.database))

    @property
    def _staged(self) -> Path:
        return self._file.with_name(f"{self._file.name}.{STAGED_SUFFIX}")

    def _copy(self, partial: Path) -> None:
        try:
            _copy_sqlite(f"{self._file.absolute().as_uri()}?mode=rw", partial)
        except sqlite3.Error as exc:
            raise NotBackedUp(f"{self._file} cannot be copied: {cut(str(exc))}") from exc

    def _stage(self, file: Path) -> SqlDatabase:
        # Without a log beside it nobody writes to it, and its folder may be read-only.
        has_log = file.with_name(f"{file.name}-wal").exists()
        how = "mode=ro" if has_log else "mode=ro&immutable=1"
        try:
            _copy_sqlite(f"{file.absolute().as_uri()}?{how}", self._staged)
        except (OSError, sqlite3.Error) as exc:
            raise NotRestored(f"{file} cannot be restored: {cut(str(exc))}") from exc
        return SqlDatabase(str(self._url.set(drivername="sqlite", database=str(self._staged))))

    def replace(self, *, now: datetime) -> str | None:
        """Rename both files while nobody else has the database open."""
        _write_log_back(self._staged)
        kept = self._file.with_name(_stamped(self._file.name, now))
        if not self._file.exists():
            self._staged.rename(self._file)
            _sync(self._file.parent)
            return None
        with _exclusively_locked(self._file):
            _rename(self._file, kept)
            try:
                self._staged.rename(self._file)
            except OSError as exc:
                _rename(kept, self._file)
                raise NotRestored(f"{self._file} cannot be replaced: {cut(str(exc))}") from exc
            _sync(self._file.parent)
        return str(kept)

    def _drop_staged(self) -> None:
        for each in _files_of(self._staged):
            each.unlink(missing_ok=True)


def _copy_sqlite(source: str, target: Path) -> None:
    """Copy a database as it is at one moment, and see that the copy is whole."""
    with closing(sqlite3.connect(source, uri=True)) as here:
        with closing(sqlite3.connect(target)) as there:
            here.backup(there)
        _write_log_back(target)


def _write_log_back(file: Path) -> None:
    """Write a database's log back into it, and see that it is whole and on the disk."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=DELETE")
        found = [row[0] for row in database.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            raise sqlite3.DatabaseError(f"it is damaged: {found[0]}")
    _sync(file)


@contextmanager
def _exclusively_locked(file: Path) -> Iterator[None]:
    """Keep everybody else out of a database, its log written back into it.

    Whoever has it open holds a lock while it writes ahead, and that ends only if nobody does. One
    that is damaged may be replaced all the same: it tells nobody who has it open.
    """
    with closing(
        sqlite3.connect(file, timeout=LOCK_WAIT_SECONDS, isolation_level=None)
    ) as database:
        try:
            (mode,) = database.execute("PRAGMA journal_mode=DELETE").fetchone()
            if mode != "delete":
                _refuse_in_use(file)
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            _refuse_in_use(file)
        except sqlite3.DatabaseError:
            pass
        yield


def _refuse_in_use(name: object) -> NoReturn:
    raise NotRestored(
        f"{name} is in use: stop `tipo serve`, and every other process that has it open"
    )


def _files_of(file: Path) -> list[Path]:
    """Return a database's file, and those that may lie beside it."""
    return [file.with_name(f"{file.name}{end}") for end in ("", "-wal", "-shm", "-journal")]


def _rename(file: Path, name: Path) -> None:
    """Rename a database with all that lies beside it: a log must never meet another database."""
    for old, new in zip(_files_of(file), _files_of(name), strict=True):
        if old.exists():
            old.rename(new)


def _sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


# -- PostgreSQL
class PostgresBackups(Backups):
    """Copies of a PostgreSQL database, by `pg_dump` and `pg_restore`."""

    @property
    def _name(self) -> str:
        return str(self._url.database)

    @property
    def _staged(self) -> str:
        return f"{self._name[:40]}_{STAGED_SUFFIX}"

    def _copy(self, partial: Path) -> None:
        try:
            _run("pg_dump", ["--format=custom", *PG_DUMP_OPTIONS, f"--file={partial}"], self._url)
            _run("pg_restore", ["--list", str(partial)])
        except _Failed as exc:
            raise NotBackedUp(str(exc)) from exc
        _sync(partial)

    def _stage(self, file: Path) -> SqlDatabase:
        staged = self._url.set(database=self._staged)
        try:
            _run("pg_restore", ["--list", str(file)])
            self._execute("CREATE DATABASE {} TEMPLATE template0", self._staged)
            _run("pg_restore", ["--exit-on-error", *PG_DUMP_OPTIONS, str(file)], staged)
        except _Failed as exc:
            raise NotRestored(f"{file} cannot be restored: {exc}") from exc
        return SqlDatabase(staged.render_as_string(hide_password=False))

    def replace(self, *, now: datetime) -> str | None:
        """Rename both databases in one transaction; the server refuses while one is in use."""
        kept = _stamped(self._name[:40], now)
        there = "SELECT 1 FROM pg_database WHERE datname = %s"
        rename = "ALTER DATABASE {} RENAME TO {}"
        with self._server() as server, server.transaction():
            exists = server.execute(there, [self._name]).fetchone()
            if exists:
                server.execute(_named(rename, self._name, kept))
            server.execute(_named(rename, self._staged, self._name))
        return kept if exists else None

    def _drop_staged(self) -> None:
        self._execute("DROP DATABASE IF EXISTS {}", self._staged)

    def _execute(self, words: str, *names: str) -> None:
        with self._server() as server:
            server.execute(_named(words, *names))

    @contextmanager
    def _server(self) -> Iterator[psycopg.Connection[Any]]:
        """Connect to the server, not to the database that is replaced."""
        url = _libpq(self._url.set(database="postgres"), with_password=True)
        try:
            with psycopg.connect(url, autocommit=True) as server:
                yield server
        except psycopg.errors.ObjectInUse:
            _refuse_in_use(self._name)
        except psycopg.errors.InsufficientPrivilege as exc:
            raise NotRestored(
                f"it takes a role that may create databases: {cut(str(exc))}"
            ) from exc
        except psycopg.Error as exc:
            raise NotRestored(f"the server does not do it: {cut(str(exc))}") from exc


PG_DUMP_OPTIONS = ("--no-owner", "--no-privileges")  # whoever restores it owns it


class _Failed(Exception):
    """A program of PostgreSQL has not done what it should."""


def _named(words: str, *names: str) -> sql.Composed:
    return sql.SQL(words).format(*map(sql.Identifier, names))


def _libpq(url: URL, *, with_password: bool) -> str:
    plain = url.set(drivername="postgresql")
    if not with_password:
        plain = plain._replace(password=None)  # `set` keeps what it is given no value for
    return plain.render_as_string(hide_password=False)


def _run(program: str, words: Sequence[str], url: URL | None = None) -> None:
    """Run a program of PostgreSQL; other users of this machine do not see the password."""
    found = shutil.which(program)
    if found is None:
        raise _Failed(f"{program} is not installed here; it comes with PostgreSQL's client")
    where = [] if url is None else ["--no-password", f"--dbname={_libpq(url, with_password=False)}"]
    secret = {} if url is None or url.password is None else {"PGPASSWORD": str(url.password)}
    done = subprocess.run(  # noqa: S603 - a program of that name, and words of our own
        [found, *where, *words],
        env={**os.environ, **secret},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise _Failed(f"{program} says: {cut(done.stderr)}")
