"""Commands that other packages bring: the bot, and the demo if its extra is installed."""

from collections.abc import Callable
from importlib.metadata import EntryPoint

import typer

from sync_core.errors import TipoError

GROUP = "tipo.commands"
ANY_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}


class NotInstalled(TipoError):
    """The package that brings a command is an extra, and absent."""


def load(entry: EntryPoint) -> Callable[[typer.Typer], None]:
    """Return what adds an announced command; where its package is absent, it says so."""
    try:
        add: Callable[[typer.Typer], None] = entry.load()
    except ModuleNotFoundError as missing:
        if missing.name != entry.module.partition(".")[0]:
            raise  # the package is there, and broken
        return _placeholder(entry)
    return add


def _placeholder(entry: EntryPoint) -> Callable[[typer.Typer], None]:
    """Return what adds a command that says what to install, instead of "no such command"."""

    def add(app: typer.Typer) -> None:
        words = f"Not installed: it needs the extra `{entry.name}`."

        @app.command(entry.name, help=words, context_settings=ANY_OPTIONS)
        def explain() -> None:
            extra = f"pip install 'tipo[{entry.name}]'"
            raise NotInstalled(f"`tipo {entry.name}` is an extra, not installed here. {extra}")

    return add
