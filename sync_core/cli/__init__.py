"""The command line: `tipo`."""

import sys
from typing import Annotated

import typer

from sync_core.cli.commands import CommandGroup
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
        from importlib.metadata import version  # noqa: PLC0415 - no other command needs it

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


def main() -> None:
    """Run the command that was asked for."""
    app([storable(each) for each in sys.argv[1:]], prog_name="tipo")  # not all need be UTF-8
