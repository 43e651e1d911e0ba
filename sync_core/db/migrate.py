"""Bring a database to the schema of this Tipo.

The scripts lie in `alembic/` of a checkout, and travel in the package as `sync_core/migrations`.
"""

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from sync_core.errors import DatabaseTooNew

LOCK = 0x7469706F  # "tipo", as PostgreSQL's advisory locks are numbers


def scripts() -> Path:
    """Return where the migrations lie."""
    packed = Path(str(files("sync_core"))) / "migrations"
    return packed if packed.is_dir() else packed.parent.parent / "alembic"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def head() -> str:
    """Return the newest revision that this Tipo knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    if newest is None:
        raise FileNotFoundError(f"there are no migrations in {scripts()}")
    return newest


def current(connection: Connection) -> str | None:
    """Return the revision that a database is at; None: it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(engine: Engine) -> list[str]:
    """Apply what is missing, all in one transaction; return the revisions applied.

    Processes that start at the same moment wait for each other.

    Raises:
        DatabaseTooNew: If a newer Tipo has written the database.
    """
    known = ScriptDirectory.from_config(_config())
    with engine.begin() as connection:  # on SQLite this takes the write lock
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        at = current(connection)
        ours = [each.revision for each in reversed(list(known.walk_revisions()))]
        if at is not None and at not in ours:
            raise DatabaseTooNew(
                f"the database is at revision {at}, which this Tipo does not know; "
                "start the newer Tipo that wrote it, or restore a backup from before"
            )
        missing = ours[ours.index(at) + 1 :] if at is not None else ours
        if missing:
            command.upgrade(_config(connection), "head")
        return missing
