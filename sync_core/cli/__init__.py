"""The command line: `tipo`."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from sync_core.cli import (
    audit,
    backup,
    buffer,
    check,
    contested,
    deliveries,
    doctor,
    export,
    locations,
    migrate,
    mode,
    pack,
    plugins,
    receipts,
    safety_stop,
    serve,
    status,
    stock,
    takeover,
)
from sync_core.cli.runtime import CommandGroup
from sync_core.domain.texts import storable

app = typer.Typer(
    name="tipo",
    cls=CommandGroup,
    help="Keep the stock of two or more Shopify stores in sync.",
    epilog="Settings come from TIPO_* variables, from .env or tipo.toml. `tipo doctor` checks all.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(version("tipo"))
        raise typer.Exit


@app.callback()
def _root(
    *,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Keep the stock of two or more Shopify stores in sync."""


for part in (
    *(serve, check, mode, status, stock, export, receipts, safety_stop, buffer, pack),
    *(locations, contested, deliveries, audit, doctor, migrate, takeover, backup),
):
    part.register(app)
plugins.register(app)  # the bot and the demo announce themselves: the core knows neither


def main() -> None:
    """Run the command that was asked for."""
    app([storable(each) for each in sys.argv[1:]], prog_name="tipo")  # not all need be UTF-8
