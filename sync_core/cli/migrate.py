"""`tipo migrate`: bring the database up to date without serving."""

import typer

from sync_core.app.parts import Parts
from sync_core.cli.output import echo, echo_json
from sync_core.cli.runtime import AsJson, Yes, confirm, database_name, run_with_parts
from sync_core.settings import load


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("migrate")(migrate)


def migrate(*, yes: Yes = False, as_json: AsJson = False) -> None:
    """Make the database, or bring it up to date.

    `tipo serve` does the same when it starts; this is for doing it beforehand. Back up first.
    """
    name = database_name(load())
    if not confirm(f"Bring {name} up to date?", yes=yes):
        echo("Nothing was changed.")
        return
    run_with_parts(_do_nothing, create=True)
    if as_json:
        echo_json({"done": "migrated", "database": name})
    else:
        echo(f"{name} is up to date.")


async def _do_nothing(_parts: Parts) -> None:
    """Putting the parts together has done it."""
