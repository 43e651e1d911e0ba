"""`tipo playground`: one local page on which everything can be tried."""

import asyncio
import json
import webbrowser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

Port = Annotated[int, typer.Option("--port", help="Of the page; 0 takes a free one.", min=0)]
Seed = Annotated[int, typer.Option("--seed", help="Of what customers buy by chance.", min=0)]
AsJson = Annotated[bool, typer.Option("--json", help="Say where it is as JSON, for programs.")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Open no browser.")]


def playground(
    *,
    port: Port = 8765,
    seed: Seed = 1,
    no_browser: NoBrowser = False,
    as_json: AsJson = False,
) -> None:
    """Play with two imitation stores, Slack and Tipo on one local page.

    Sell, restock, break things, and watch what Tipo and a naive sync make of it. Needs no
    account, no settings and no network; runs until Ctrl-C.
    """
    # Only now: every command loads this module, and the stores take their time.
    try:
        from sandbox.playground.run import DemoFailed, run_playground  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        if missing.name != "graphql":
            raise
        typer.echo("tipo: the playground needs graphql-core. pip install 'tipo[demo]'", err=True)
        raise typer.Exit(2) from missing

    def is_up(url: str) -> None:
        words = f"The playground is at {url} until Ctrl-C."
        typer.echo(json.dumps({"url": url}) if as_json else words)
        if not (no_browser or as_json):
            webbrowser.open(url)

    try:
        with TemporaryDirectory(prefix="tipo-playground-", ignore_cleanup_errors=True) as folder:
            asyncio.run(run_playground(Path(folder), port=port, seed=seed, is_up=is_up))
    except DemoFailed as exc:
        typer.echo(f"tipo: {exc}", err=True)
        raise typer.Exit(2) from exc
