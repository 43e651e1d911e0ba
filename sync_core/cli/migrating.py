"""`tipo migrate`: bring the database up to date without serving."""

import typer

from sync_core.app import Parts
from sync_core.cli.printing import say, say_json
from sync_core.cli.running import AsJson, Yes, confirm, database_name, using
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
        say("Nothing was changed.")
        return
    using(_nothing, create=True)
    if as_json:
        say_json({"done": "migrated", "database": name})
    else:
        say(f"{name} is up to date.")


async def _nothing(_parts: Parts) -> None:
    """Putting the parts together has done it."""
