"""Commands that other packages bring: the bot, and the demo if its extra is installed."""

from importlib.metadata import EntryPoint, entry_points

import typer

from sync_core.cli.runtime import CommandFailed

GROUP = "tipo.commands"
ANY_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add every command that an installed package announces."""
    for entry in entry_points(group=GROUP):
        try:
            add = entry.load()
        except ModuleNotFoundError as missing:
            if missing.name != entry.module.partition(".")[0]:
                raise  # the package is there, and broken
            _add_placeholder(app, entry)
        else:
            add(app)


def _add_placeholder(app: typer.Typer, entry: EntryPoint) -> None:
    """Say what to install, instead of "no such command"."""
    words = f"Not installed: it needs the extra `{entry.name}`."

    @app.command(entry.name, help=words, context_settings=ANY_OPTIONS)
    def explain() -> None:
        raise CommandFailed(
            f"`tipo {entry.name}` is an extra, not installed here. pip install 'tipo[{entry.name}]'"
        )
