"""`tipo demo`: two stores, one Tipo, and what happens between them."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from sandbox.playground.command import playground

Keep = Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON, for programs.")]


def register(app: typer.Typer) -> None:
    """Add the commands: this one, and the playground."""
    app.command("demo")(demo)
    app.command("playground")(playground)


def demo(*, keep: Keep = False, as_json: AsJson = False) -> None:
    """Watch Tipo keep two imitation stores in sync; needs no account and no settings.

    Starts two stores and a `tipo serve` on this machine, sells, restocks and refunds, and prints
    what each store showed when. Exit 1 if any scene ends otherwise than it must.
    """
    # Only now: every command loads this module, and the stores take their time.
    try:
        from sandbox.demo.run import DemoFailed, run_demo  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        if missing.name != "graphql":
            raise
        typer.echo("tipo: the demo needs graphql-core. pip install 'tipo[demo]'", err=True)
        raise typer.Exit(2) from missing

    out = Console(markup=False, emoji=False, highlight=False, soft_wrap=True, quiet=as_json)
    try:
        with TemporaryDirectory(prefix="tipo-demo-") as folder:
            holds = asyncio.run(run_demo(Path(folder), out, keep=keep, as_json=as_json))
    except DemoFailed as exc:
        typer.echo(f"tipo: {exc}", err=True)
        raise typer.Exit(2) from exc
    except KeyboardInterrupt:
        holds = True
    raise typer.Exit(0 if holds else 1)
