"""What commands there are. The module of one is imported when somebody asks for that command.

`tipo --help` is made of the table here, so it imports none of them; a test compares the table with
what each command says of itself. Packages that the core does not know announce their commands in
the entry-point group `tipo.commands`: those are asked for help.
"""

import gc
import sys
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from sync_core.cli import plugins
from sync_core.errors import TipoError

EXIT_FAILED = 2


class Listing(NamedTuple):
    """Where a command is, and what `tipo --help` says of it."""

    module: str
    help: str


COMMANDS = {
    "serve": Listing(
        "sync_core.cli.serve", "Keep the stores in sync until stopped (SIGTERM or Ctrl-C)."
    ),
    "check": Listing(
        "sync_core.cli.check",
        "Compare the stores now; exit 1 if a mismatch needs a decision.",
    ),
    "mode": Listing(
        "sync_core.cli.mode",
        "Show how the stores are connected, or change it: two-way, one-way, off.",
    ),
    "status": Listing(
        "sync_core.cli.status",
        "Show the stores, their modes, what is pending and what is open.",
    ),
    "pause": Listing(
        "sync_core.cli.status", "Stop writing to all stores; sales are still counted."
    ),
    "resume": Listing("sync_core.cli.status", "Write all pending changes, and go on."),
    "stock": Listing(
        "sync_core.cli.stock",
        "Show what each store has of a product: live, expected, and pending.",
    ),
    "history": Listing(
        "sync_core.cli.stock",
        "Show why a product has its number: sales, edits, decisions, and what Tipo wrote.",
    ),
    "export": Listing(
        "sync_core.cli.export",
        "Write movements, adjustments, findings or decisions of any range as CSV.",
    ),
    "receipts": Listing(
        "sync_core.cli.receipts", "List the newest receipts: who decided what, and what came of it."
    ),
    "undo": Listing(
        "sync_core.cli.receipts",
        "Undo what a receipt did, as a delta: what was sold since then stays sold.",
    ),
    "safety-stop": Listing(
        "sync_core.cli.safety_stop",
        "Show what a safety stop is about, or decide: apply, restore, investigate.",
    ),
    "buffer": Listing(
        "sync_core.cli.buffer",
        "Keep units of a product, or of all, back from every destination or from one; 0 ends it.",
    ),
    "pack": Listing(
        "sync_core.cli.pack",
        "Count one of a store's own as so many shared units: a pack. 1 ends it.",
    ),
    "contested": Listing(
        "sync_core.cli.contested",
        "Show products that another app or a person keeps changing back, or update one again.",
    ),
    "audit": Listing(
        "sync_core.cli.audit",
        "Audit the books of every product: each unit must be explained by what was recorded.",
    ),
    "doctor": Listing(
        "sync_core.cli.doctor",
        "Check settings, database and each store; say what to do about what is wrong.",
    ),
    "init": Listing(
        "sync_core.cli.init",
        "Set up stores and Slack step by step; each answer is checked at once.",
    ),
    "migrate": Listing("sync_core.cli.migrate", "Make the database, or bring it up to date."),
    "takeover": Listing(
        "sync_core.cli.takeover",
        "Let this Tipo write to a store that another one writes to, or after a restored backup.",
    ),
    "backup": Listing(
        "sync_core.cli.backup",
        "Write a consistent copy of the database to a new file, while Tipo runs.",
    ),
    "restore": Listing(
        "sync_core.cli.backup",
        "Replace the database by a backup. Stop `tipo serve` first.",
    ),
    "locations": Listing(
        "sync_core.cli.locations",
        "Show which locations share stock, and which don't.",
    ),
    "deliveries": Listing(
        "sync_core.cli.deliveries",
        "List the webhooks that could not be processed; Tipo keeps them until they are.",
    ),
}


class CommandGroup(TyperGroup):
    """The commands; what Tipo says on purpose is a sentence, not a traceback."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        self.commands.update(
            {name: TyperCommand(name, help=each.help) for name, each in COMMANDS.items()}
        )

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command that can be run; None if there is none of that name."""
        if cmd_name in COMMANDS:
            return _registered(_imported(COMMANDS[cmd_name].module).register)[cmd_name]
        self._add_announced()
        return super().get_command(ctx, cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return all names."""
        self._add_announced()
        return super().list_commands(ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show what the table says: for a list of commands none of them has to be there."""
        self._add_announced()
        listing = TyperGroup(
            name=self.name,
            commands=list(self.commands.values()),
            help=self.help,
            epilog=self.epilog,
            params=self.params,
            rich_markup_mode=self.rich_markup_mode,
        )
        listing.format_help(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        given = [*ctx._protected_args, *ctx.args]  # noqa: SLF001 - what the command was given
        try:
            return super().invoke(ctx)
        except TipoError as exc:
            _print_error(exc, as_json="--json" in given)
            raise typer.Exit(EXIT_FAILED) from exc

    def _add_announced(self) -> None:
        # Looking through all that is installed takes a while, too: most commands need none of it.
        from importlib.metadata import entry_points  # noqa: PLC0415

        for entry in entry_points(group=plugins.GROUP):
            self.commands.update(_registered(plugins.load(entry)))


def _imported(module: str) -> Any:
    """Import a module, without looking for garbage among what that makes, now or at the end.

    It is very much, and none of it is garbage: looking for it takes longer than most commands.
    """
    gc.disable()
    try:
        return import_module(module)
    finally:
        if "duckdb" not in sys.modules:  # which complains at the end of what is not taken apart
            gc.freeze()
        gc.enable()


def _registered(register: Any) -> Any:
    """Return all commands that a module adds, by name."""
    app = typer.Typer(pretty_exceptions_enable=False)
    register(app)
    return typer.main.get_group(app).commands


def _print_error(exc: TipoError, *, as_json: bool) -> None:
    from sync_core import logs  # noqa: PLC0415 - only for a command that went wrong
    from sync_core.cli.output import echo_json  # noqa: PLC0415

    if as_json:
        echo_json({"error": str(exc)})
    for line in str(exc).splitlines():
        typer.echo(f"tipo: {logs.printable(line)}", err=True)
