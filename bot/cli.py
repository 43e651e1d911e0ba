"""`tipo slack manifest`: what the Slack app has to be, for pasting."""

import json
from typing import Annotated

import typer

from bot.manifest import manifest, manifest_link
from sync_core.errors import NotAllowed

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Where Slack reaches this server, such as https://tipo.example.com.",
        metavar="HTTPS-ADDRESS",
    ),
]
Socket = Annotated[
    bool, typer.Option("--socket", help="For Socket Mode: Slack needs no address of this server.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON, for programs.")]
NEXT = (
    "Paste it at https://api.slack.com/apps, Create New App, From a manifest; install it; then "
    "set TIPO_SLACK__BOT_TOKEN, TIPO_SLACK__SIGNING_SECRET (or TIPO_SLACK__APP_TOKEN for Socket "
    "Mode) and TIPO_SLACK__CHANNEL, and run `tipo doctor`."
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    slack = typer.Typer(
        help="Set up the Slack app.", no_args_is_help=True, pretty_exceptions_enable=False
    )
    slack.callback()(_slack)
    slack.command("manifest")(print_manifest)
    app.add_typer(slack, name="slack")


def _slack() -> None:
    """Set up the Slack app."""


def print_manifest(*, url: Url = None, socket: Socket = False, as_json: AsJson = False) -> None:
    """Print the manifest.yaml of the Slack app, to paste at api.slack.com/apps.

    Give --url where Slack can reach this server, or --socket where it cannot.
    """
    if (url is None) == (not socket):
        raise NotAllowed(
            "say either --url https://… (Slack reaches this server there) or --socket (it does "
            "not): `tipo slack manifest --url https://tipo.example.com`"
        )
    text, link = manifest(url), manifest_link(url)
    if as_json:
        typer.echo(json.dumps({"manifest": text, "link": link, "next": NEXT}, indent=2))
        return
    typer.echo(text, nl=False)
    typer.echo(f"# {NEXT}\n# This link has it filled in already: {link}", err=True)
