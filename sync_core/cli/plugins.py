"""Commands that other packages bring: the bot, and the demo if its extra is installed."""

from collections.abc import Callable
from importlib.metadata import EntryPoint

import typer

from sync_core.errors import TipoError

GROUP = "tipo.commands"
EXTRA = "demo"  # the only one that brings commands
BROUGHT = ("demo", "playground")  # these
ANY_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}


class NotInstalled(TipoError):
    """The package that brings a command is an extra, and absent."""


def load(entry: EntryPoint) -> Callable[[typer.Typer], None]:
    """Return what adds announced commands; where its package is absent, it says so."""
    try:
        add: Callable[[typer.Typer], None] = entry.load()
    except ModuleNotFoundError as missing:
        if missing.name != entry.module.partition(".")[0]:
            raise  # the package is there, and broken
        return _add_placeholders
    return add


def _add_placeholders(app: typer.Typer) -> None:
    """Add commands that say what to install, instead of "no such command"."""
    words = f"Not installed: it needs the extra `{EXTRA}`."

    def explain(context: typer.Context) -> None:
        how = f"pip install 'tipo[{EXTRA}]'"
        raise NotInstalled(f"`tipo {context.info_name}` is an extra, not installed here. {how}")

    for name in BROUGHT:
        app.command(name, help=words, context_settings=ANY_OPTIONS)(explain)
