"""What every command needs: the parts, a question before it writes, and errors in words."""

import asyncio
import getpass
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from typer.models import OptionInfo

from sync_core import logs
from sync_core.app.parts import Parts, assemble
from sync_core.db.engines import plain_url
from sync_core.domain.proposals import Person
from sync_core.errors import NoDatabase, TipoError, cut
from sync_core.settings import Settings, load, needed

T = TypeVar("T")

EXIT_PROBLEM = 1

AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
MAX_WAIT_SECONDS = 86_400.0  # that a command waits for its outcome
MAX_ROWS = 1_000  # that one answer lists
MAX_NUMBER = 2**63 - 1  # what every database takes
LimitOption = Annotated[
    int, typer.Option("--limit", min=1, max=MAX_ROWS, help="How many, the newest first.")
]
ProductWords = Annotated[
    list[str], typer.Argument(help="A handle, a SKU, a barcode, or words of the title.")
]


class CommandFailed(TipoError):
    """A command cannot do what it is for; says why, and what to do next."""


def timeout_option(waits: str) -> OptionInfo:
    """Return the option `--time-out`, in seconds."""
    option: OptionInfo = typer.Option(
        "--time-out", min=0, max=MAX_WAIT_SECONDS, help=f"Seconds to wait {waits}."
    )
    return option


def run_with_parts(work: Callable[[Parts], Awaitable[T]], *, create: bool = False) -> T:
    """Do something with the parts, and put them away.

    `create`: a SQLite file that is not there is made. A question must not leave an empty
    database behind just because it was asked in the wrong folder.

    Raises:
        TipoError: If the settings or the database do not let us.
    """
    settings = needed(load())
    logs.set_up(settings, level=logging.WARNING)
    if not create:
        require_database(settings)
    return asyncio.run(_run_and_close(settings, work))


async def _run_and_close(settings: Settings, work: Callable[[Parts], Awaitable[T]]) -> T:
    parts = open_parts(settings)
    try:
        return await work(parts)
    except (DBAPIError, NoDatabase) as exc:
        raise database_error(settings, exc) from exc
    finally:
        await parts.close()


def open_parts(settings: Settings) -> Parts:
    """Return the parts.

    Raises:
        TipoError: If the settings or the database do not let us.
    """
    try:
        return assemble(settings)
    except (DBAPIError, OSError) as exc:
        raise database_error(settings, exc) from exc


def database_name(settings: Settings) -> str:
    """Return the database's URL without its password."""
    try:
        return make_url(settings.database_url.get_secret_value()).render_as_string()
    except (ArgumentError, ValueError):
        return "TIPO_DATABASE_URL"


def database_file(settings: Settings) -> Path | None:
    """Return the SQLite file, if it is one."""
    url = plain_url(settings.database_url.get_secret_value())
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return None
    return Path(str(url.database))


def require_database(settings: Settings) -> None:
    """Refuse to go on without a database that is there.

    Raises:
        CommandFailed: If the SQLite file does not exist.
    """
    file = database_file(settings)
    if file is not None and not file.exists():
        raise CommandFailed(
            f"there is no database at {file.absolute()}; start `tipo serve` (or `tipo migrate`) "
            "to make it, or correct TIPO_DATABASE_URL"
        )


def database_error(settings: Settings, exc: Exception) -> CommandFailed:
    """Return what is wrong with the database, in words."""
    why = cut(str(exc.orig if isinstance(exc, DBAPIError) else exc))
    mask = logs.masker(logs.secrets_of(settings))
    return CommandFailed(
        f"the database {database_name(settings)} cannot be used: {mask(why)}; "
        "check TIPO_DATABASE_URL, and that the database runs and may be written"
    )


def confirm(question: str, *, yes: bool) -> bool:
    """Ask before writing.

    Raises:
        CommandFailed: If there is nobody to ask.
    """
    if yes:
        return True
    if not is_interactive():
        raise CommandFailed(
            "this changes something and nobody can be asked here; add --yes to do it"
        )
    return typer.confirm(question, err=True)


def is_interactive() -> bool:
    """Whether a question would reach a person."""
    return sys.stdin.isatty()


def operator() -> Person:
    """Return who decides, as receipts keep it."""
    return Person(team="", id="cli", name=user_name())


def user_name() -> str:
    """Return who gives the order."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container whose user has no name
        return "command line"
