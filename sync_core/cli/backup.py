"""`tipo backup` and `tipo restore`: copy the database while it is in use, and put a copy back."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from sync_core.cli.output import echo, echo_json, format_time
from sync_core.cli.runtime import (
    AsJson,
    CommandFailed,
    Yes,
    confirm,
    database_error,
    database_name,
    require_database,
)
from sync_core.clock import WallClock
from sync_core.db.backups import Backups, backups_of
from sync_core.settings import Settings, load

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]
IN_MEMORY_URL = "sqlite://"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(file: FileArgument, *, as_json: AsJson = False) -> None:
    """Write a consistent copy of the database to a new file, while Tipo runs.

    SQLite is copied by its own backup, PostgreSQL by pg_dump, which must be installed. The copy is
    checked. Exit 2 if it can't be made; then there is no file.
    """
    settings = load()
    require_database(settings)
    _open_backups(settings).backup(file)
    size = file.stat().st_size
    if as_json:
        echo_json({"file": str(file), "bytes": size})
    else:
        echo(f"{database_name(settings)} is backed up to {file} ({size / 1e6:,.1f} MB).")


def restore(file: FileArgument, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Replace the database by a backup. Stop `tipo serve` first.

    The file is checked before anything is replaced, and the database that was there is kept beside
    it. The next `tipo serve` writes nothing and asks, since what happened after the backup is not
    in its books: then run `tipo takeover`. Exit 2 if nothing was replaced.
    """
    settings = load()
    name = database_name(settings)
    backups = _open_backups(settings)
    clock = WallClock()
    try:
        with backups.staged(file, now=clock.now()) as counted_at:
            when = f"last change {format_time(counted_at)}" if counted_at else "no change in it yet"
            if not confirm(f"Replace {name} by {file} ({when})?", yes=yes):
                echo("Nothing was changed.")
                return
            kept = backups.replace(now=clock.now())
    except DBAPIError as exc:
        raise database_error(settings, exc) from exc
    if as_json:
        echo_json({"database": name, "last_change": counted_at, "kept": kept})
        return
    echo(f"{name} is restored from {file} ({when}).")
    if kept:
        echo(f"The database that was there is kept as {kept}.")
    echo("Start `tipo serve`: it writes nothing yet. Then run `tipo takeover`.")


def _open_backups(settings: Settings) -> Backups:
    url = settings.database_url.get_secret_value()
    if url in {IN_MEMORY_URL, f"{IN_MEMORY_URL}/:memory:"}:
        raise CommandFailed("a database in memory can't be backed up or restored")
    return backups_of(url)
