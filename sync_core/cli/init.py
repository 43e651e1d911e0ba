"""`tipo init`: asks for what Tipo must know, checks each answer at once, and can be left any time.

What has been answered is in `tipo.toml` and `.env`, and nowhere else: a second run asks for the
rest. Answers are checked by the same functions as `tipo doctor` uses, which has the last word.
"""

import asyncio
from pathlib import Path

import typer

from sync_core.app.frontends import set_up_steps
from sync_core.cli import doctor
from sync_core.cli.interview import Interview
from sync_core.cli.output import console, echo_json
from sync_core.cli.runtime import EXIT_PROBLEM, AsJson, CommandFailed, is_interactive
from sync_core.domain.checks import CheckState

BEGIN = """\
Sets up Tipo in {folder}.
Your answers are saved as you give them: secrets in .env, which only you can read, all else in
tipo.toml. Leave with Ctrl-C at any time; `tipo init` continues where you left."""
NEXT = (
    ("tipo serve", "or restart it, if it runs; it writes to no store yet"),
    ("tipo mode two-way", "compares the stores, says what it would mean, and asks"),
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(*, as_json: AsJson = False) -> None:
    """Set up stores and Slack step by step; each answer is checked at once.

    Leave it with Ctrl-C at any time: it continues where you left. It changes nothing in any store.
    """
    if not is_interactive():
        raise CommandFailed(
            "`tipo init` asks questions, and there is no terminal here; run it in one (in Docker: "
            "`docker run -it`), or write the settings yourself, see docs/settings.md"
        )
    say = console(err=True)
    say.print(BEGIN.format(folder=Path.cwd()), soft_wrap=True)
    try:
        with asyncio.Runner() as runner:
            left = Interview(runner.run, say, set_up_steps()).run()
    except (typer.Abort, KeyboardInterrupt) as exc:
        say.print("\nLeft. Your answers are saved; `tipo init` continues where you left.")
        raise typer.Exit(EXIT_PROBLEM) from exc
    _finish(left, as_json=as_json)


def _finish(afterwards: list[str], *, as_json: bool) -> None:
    """Let the doctor look at all of it, and say what comes next."""
    found = doctor.run_checks()
    failed = sum(each.state is CheckState.FAIL for each in found)
    if as_json:
        echo_json({"healthy": not failed, "checks": found, "next": [each for each, _ in NEXT]})
    else:
        say = console()
        say.print("\ntipo doctor", style="bold")
        doctor.print_checks(found)
        if failed:
            counted = "1 check" if failed == 1 else f"{failed} checks"
            text = f"\n{counted} failed. Do what → says; then `tipo init` or `tipo doctor` again."
            say.print(text, soft_wrap=True)
        else:
            say.print("\nAll that Tipo needs is there. Next:")
            for command, why in NEXT:
                say.print(f"  {command:<18} {why}", soft_wrap=True)
            for each in afterwards:
                say.print(f"  {each}", soft_wrap=True)
    if failed:
        raise typer.Exit(EXIT_PROBLEM)
