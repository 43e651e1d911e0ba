"""Bring a database to the schema of this Tipo.

The scripts lie in `alembic/` of a checkout, and travel in the package as `sync_core/migrations`.
All that is missing is applied in one transaction: a start that fails half-way leaves the database
as it was, and of several processes that start at the same moment one migrates while the others
wait. Alembic is imported only where something is missing, or to write a migration: most starts find
the newest revision there.
"""

import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from sync_core.errors import DatabaseTooNew

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATION_LOCK_ID = 0x7469706F  # "tipo", as PostgreSQL's advisory locks are numbers

BEFORE = re.compile(r'^down_revision = "(\w+)"', re.MULTILINE)

TIMEOUTS_LIFTED = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def scripts() -> Path:
    """Return where the migrations lie."""
    packed = Path(str(files("sync_core"))) / "migrations"
    return packed if packed.is_dir() else packed.parent.parent / "alembic"


def revisions() -> list[str]:
    """Return the revisions that this Tipo knows, oldest first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    walked = ScriptDirectory.from_config(_config()).walk_revisions()
    return [each.revision for each in walked][::-1]


def head() -> str:
    """Return the newest revision that this Tipo knows: the one that no other comes after."""
    texts = {each.stem: each.read_text("utf-8") for each in (scripts() / "versions").glob("*.py")}
    before = {name for script in texts.values() for name in BEFORE.findall(script)}
    (newest,) = texts.keys() - before  # a script is named by its revision
    return newest


def current(engine: Engine) -> str | None:
    """Return the revision that a database is at; None: it is empty."""
    with engine.begin() as connection:
        return _at(connection)


def migrate(engine: Engine) -> list[str]:
    """Apply what is missing; return the revisions applied.

    Raises:
        DatabaseTooNew: If a newer Tipo has written the database.
    """
    with engine.begin() as connection:  # on SQLite this takes the write lock
        if connection.dialect.name == "postgresql":
            for (
                name
            ) in TIMEOUTS_LIFTED:  # a large table takes what it takes, and so does waiting for it
                connection.execute(text(f"SET LOCAL {name} = 0"))
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK_ID}
            )
        at = _at(connection)
        missing = [] if at == head() else _missing(at)
        if missing:
            from alembic import command  # noqa: PLC0415

            command.upgrade(_config(connection), "head")
    return missing


def draft(engine: Engine, revision: str) -> None:
    """Write a migration for what the models have and a migrated database lacks; then edit it."""
    from alembic import command  # noqa: PLC0415

    migrate(engine)
    with engine.begin() as connection:
        words = revision.replace("_", " ")
        command.revision(_config(connection), words, rev_id=revision, autogenerate=True)


def _config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s")
    config.attributes["connection"] = connection
    return config


def _at(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version"))
    return found.scalar_one_or_none()


def _missing(at: str | None) -> list[str]:
    """Return the revisions after this one, oldest first."""
    known = revisions()
    if at is None:
        return known
    if at not in known:
        raise DatabaseTooNew(
            f"the database is at revision {at}, which this Tipo does not know: "
            "start the newer Tipo that wrote it, or restore a backup from before"
        )
    return known[known.index(at) + 1 :]
