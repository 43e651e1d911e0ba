"""`tipo takeover`: fence another Tipo out, and take the stores' numbers as they are."""

from collections.abc import Sequence
from typing import Annotated

import typer

from sync_core.app.parts import Parts
from sync_core.cli.output import echo, echo_json, echo_table
from sync_core.cli.runtime import (
    EXIT_PROBLEM,
    AsJson,
    CommandFailed,
    Yes,
    confirm,
    operator,
    run_with_parts,
    timeout_option,
)
from sync_core.domain.leases import LeaseState, TakeoverAnswer, TakeoverQuestion
from sync_core.domain.values import Alias

POLL_SECONDS = 1.0  # seconds between looks at how far it has come

AliasArgument = Annotated[
    str | None, typer.Argument(metavar="[ALIAS]", help="The store; all that ask, if left out.")
]
Timeout = Annotated[float, timeout_option("until it is done")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("takeover")(takeover)


def takeover(
    alias: AliasArgument = None,
    *,
    yes: Yes = False,
    time_out: Timeout = 150.0,
    as_json: AsJson = False,
) -> None:
    """Let this Tipo write to a store that another one writes to, or after a restored backup.

    The other one stops within a minute. Then the store's numbers are taken as they are: products
    that match are in sync, mismatches wait for your decision. What happened in between is
    a gap in the history, and nothing of it is replayed. Exit 1 if it is not done in time; exit 2
    if there is nothing to take over.
    """
    wanted = None if alias is None else Alias(alias.lower())
    asked = run_with_parts(lambda parts: parts.service.takeover_questions(wanted))
    if not as_json or not yes:
        _print_question(asked)
    stores = ", ".join(each for one in asked for each in one.stores)
    if not confirm(f"Take over {stores}?", yes=yes):
        echo("Nothing was changed.")
        return
    tokens = [each.token for each in asked]
    run_with_parts(lambda parts: _take_over(parts, tokens, time_out, as_json=as_json))


def _print_question(asked: Sequence[TakeoverQuestion]) -> None:
    echo_table(
        ("store", "why nothing is written", "since"),
        ((", ".join(each.stores), _describe_reason(each), each.since) for each in asked),
        err=True,
    )


def _describe_reason(asked: TakeoverQuestion) -> str:
    if asked.reason is LeaseState.OLDER:
        return "this database is older than what Tipo has done, or a copy of it runs elsewhere"
    return f"another Tipo writes to it ({asked.holder or 'of an unknown version'})"


async def _take_over(
    parts: Parts, tokens: Sequence[str], time_out: float, *, as_json: bool
) -> None:
    found = await parts.service.take_over(tokens, by=operator())
    taken = found.stores
    if found.answer in {TakeoverAnswer.OVER, TakeoverAnswer.CHANGED}:
        raise CommandFailed("something has changed meanwhile, so nothing was done: run this again")
    if not await parts.service.is_serving():
        _print_result(
            taken, done=False, as_json=as_json, then="it is done when `tipo serve` starts"
        )
        return
    if not as_json:
        echo("The other one stops within a minute; then the numbers are taken as they are …")
    for _ in range(int(time_out / POLL_SECONDS)):
        leases = {each.store: each for each in await parts.service.leases()}
        if all(leases[each].state is LeaseState.OURS for each in taken):
            _print_result(taken, done=True, as_json=as_json)
            return
        await parts.clock.sleep(POLL_SECONDS)
    _print_result(
        taken, done=False, as_json=as_json, then=f"not done after {time_out:.0f} s; see status"
    )
    raise typer.Exit(EXIT_PROBLEM)


def _print_result(taken: Sequence[Alias], *, done: bool, as_json: bool, then: str = "") -> None:
    if as_json:
        echo_json({"stores": list(taken), "done": done, "why": then})
        return
    stores = ", ".join(taken)
    echo(f"{stores}: taken over. Mismatches wait for your decision: `tipo check`." if done else
        f"{stores}: {then}.")  # fmt: skip
