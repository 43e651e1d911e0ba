"""`tipo contested`: products that somebody else keeps changing back, and resuming them."""

from enum import StrEnum
from typing import Annotated

import typer

from sync_core.app.parts import Parts
from sync_core.cli.decisions import (
    Timeout,
    decide_and_wait,
    describe_unchanged,
    describe_write,
)
from sync_core.cli.output import echo, echo_json, echo_table, format_time
from sync_core.cli.runtime import (
    AsJson,
    CommandFailed,
    Yes,
    confirm,
    run_with_parts,
)
from sync_core.domain.contests import FINDING_KIND, pool_of
from sync_core.domain.proposals import Choice, Proposal, Receipt
from sync_core.domain.views import Finding
from sync_core.errors import cut

MAX_FINDINGS = 1000  # findings that are gone through
COLUMNS = ("product", "not updated in", "seen", "times", "within s", "since")
PATTERN_WORDS = {
    "undone": "updates undone",
    "repeated": "updates repeated",
    "to_and_fro": "up and down in turn",
}
OpenQuestion = tuple[Finding, Proposal]


class ContestAction(StrEnum):
    """What to do about it."""

    RESUME = "resume"


ActionArgument = Annotated[
    ContestAction | None,
    typer.Argument(help="resume: update the product again. Without it, show which are stopped."),
]
ProductArgument = Annotated[
    str | None,
    typer.Argument(help="A SKU, or words of the title; needed if several are stopped."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("contested")(contested)


def contested(
    wanted: ActionArgument = None,
    product: ProductArgument = None,
    *,
    yes: Yes = False,
    time_out: Timeout = 60.0,
    as_json: AsJson = False,
) -> None:
    """Show products that another app or a person keeps changing back, or update one again.

    Waits for the result if `tipo serve` runs; else it is done when that starts. Exit 1 if nothing
    was done, or not in time.
    """
    if wanted is None:
        _print_contested(run_with_parts(_find_contested), as_json=as_json)
        return
    finding, question = _single(run_with_parts(lambda parts: _find_contested(parts, product)))
    if not confirm(f"Update {_title(finding)} in {finding.facts['stores']} again?", yes=yes):
        echo("Nothing was changed.")
        return
    run_with_parts(lambda parts: _resume(parts, finding, question, time_out, as_json=as_json))


async def _find_contested(parts: Parts, words: str | None = None) -> list[OpenQuestion]:
    """Return the products that are stopped, or those of them that some words mean."""
    standing = await parts.service.open_findings(limit=MAX_FINDINGS)
    found = [
        (each, asked) for each, asked in standing if each.kind == FINDING_KIND and asked is not None
    ]
    if words is None:
        return found
    meant = {each.id for each in await parts.service.stock(words, live=False, limit=MAX_FINDINGS)}
    return [each for each in found if pool_of(each[0].subject) in meant]


def _title(finding: Finding) -> str:
    return cut(str(finding.facts.get("title") or "a product"))


def _single(meant: list[OpenQuestion]) -> OpenQuestion:
    """Return the one that is meant."""
    if not meant:
        raise CommandFailed("no such product is stopped: see `tipo contested`")
    if len(meant) > 1:
        names = ", ".join(_title(each) for each, _ in meant[:10])
        raise CommandFailed(f"several are stopped; name one: {names}")
    return meant[0]


def _print_contested(found: list[OpenQuestion], *, as_json: bool) -> None:
    if as_json:
        echo_json({"contested": [each.facts for each, _ in found]})
    elif not found:
        echo("No product is stopped: nothing else changes what Tipo writes.")
    else:
        echo_table(COLUMNS, (_contest_row(each) for each, _ in found))
        echo("`tipo contested resume PRODUCT` updates it again. First stop what else changes it.")


def _contest_row(each: Finding) -> tuple[object, ...]:
    facts = each.facts
    seen = PATTERN_WORDS.get(str(facts.get("pattern")), facts.get("pattern"))
    within = (seen, facts.get("times"), facts.get("seconds"))
    return (_title(each), facts.get("stores"), *within, format_time(each.opened_at))


async def _resume(
    parts: Parts, finding: Finding, question: Proposal, time_out: float, *, as_json: bool
) -> None:
    def print_result(receipt: Receipt, serving: bool) -> None:  # noqa: FBT001
        echo(_describe_result(receipt, finding, serving=serving))

    await decide_and_wait(
        parts,
        question,
        Choice.RESUME,
        time_out,
        otherwise="nothing was done",
        print_result=None if as_json else print_result,
    )


def _describe_result(receipt: Receipt, finding: Finding, *, serving: bool) -> str:
    """Return what came of it."""
    pending = ", ".join(describe_write(each) for line in receipt.lines for each in line.writes)
    return (
        describe_unchanged(receipt, serving=serving)
        or f"{_title(finding)} is updated again: {pending or 'nothing is pending'}."
    )
