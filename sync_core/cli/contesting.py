"""`tipo contested`: products that somebody else keeps changing back, and resuming them."""

from enum import StrEnum
from typing import Annotated

import typer

from sync_core.app import Parts
from sync_core.cli.printing import moment, say, say_json, show
from sync_core.cli.running import BAD_NEWS, AsJson, CannotWork, Yes, confirm, person, using
from sync_core.cli.undoing import RULE, TimeOut, carried_out, write
from sync_core.domain.contest import KIND, pool_of
from sync_core.domain.proposals import Choice, Proposal, Receipt
from sync_core.domain.views import Finding
from sync_core.errors import cut

MOST = 1000  # findings that are gone through
COLUMNS = ("product", "not updated in", "seen", "times", "within s", "since")
SEEN = {
    "undone": "updates undone",
    "repeated": "updates repeated",
    "to_and_fro": "up and down by turns",
}
Question = tuple[Finding, Proposal]


class Does(StrEnum):
    """What to do about it."""

    RESUME = "resume"


Wanted = Annotated[
    Does | None,
    typer.Argument(help="resume: update the product again. Without it, show which are stopped."),
]
Which = Annotated[
    str | None,
    typer.Argument(help="A SKU, or words of the title; needed if several are stopped."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("contested")(contested)


def contested(
    wanted: Wanted = None,
    product: Which = None,
    *,
    yes: Yes = False,
    time_out: TimeOut = 60.0,
    as_json: AsJson = False,
) -> None:
    """Show products that another app or a person keeps changing back, or update one again.

    Waits for the result if `tipo serve` runs; else it is done when that starts. Exit 1 if nothing
    was done, or not in time.
    """
    if wanted is None:
        _show(using(_found), as_json=as_json)
        return
    finding, question = _only(using(lambda parts: _found(parts, product)))
    if not confirm(f"Update {_title(finding)} in {finding.facts['stores']} again?", yes=yes):
        say("Nothing was changed.")
        return
    using(lambda parts: _resume(parts, finding, question, time_out, as_json=as_json))


async def _found(parts: Parts, words: str | None = None) -> list[Question]:
    """Return the products that are stopped, or those of them that some words mean."""
    standing = await parts.service.standing(limit=MOST)
    found = [(each, asked) for each, asked in standing if each.kind == KIND and asked is not None]
    if words is None:
        return found
    meant = {each.id for each in await parts.service.stock(words, live=False, limit=MOST)}
    return [each for each in found if pool_of(each[0].subject) in meant]


def _title(finding: Finding) -> str:
    return cut(str(finding.facts.get("title") or "a product"))


def _only(meant: list[Question]) -> Question:
    """Return the one that is meant."""
    if not meant:
        raise CannotWork("there is no such product that waits to be resumed: see `tipo contested`")
    if len(meant) > 1:
        names = ", ".join(_title(each) for each, _ in meant[:10])
        raise CannotWork(f"there are several; say which product: {names}")
    return meant[0]


def _show(found: list[Question], *, as_json: bool) -> None:
    if as_json:
        say_json({"contested": [each.facts for each, _ in found]})
    elif not found:
        say("Nobody else changes what Tipo writes: no product is stopped.")
    else:
        show(COLUMNS, (_row(each) for each, _ in found))
        say("`tipo contested resume PRODUCT` updates it again. First end what else changes it.")


def _row(each: Finding) -> tuple[object, ...]:
    facts = each.facts
    seen = SEEN.get(str(facts.get("pattern")), facts.get("pattern"))
    within = (seen, facts.get("times"), facts.get("seconds"))
    return (_title(each), facts.get("stores"), *within, moment(each.opened_at))


async def _resume(
    parts: Parts, finding: Finding, question: Proposal, time_out: float, *, as_json: bool
) -> None:
    """Decide, wait for the result, and say what it is."""
    clicked = await parts.service.decide(question.token, Choice.RESUME, person(), RULE)
    made, serving, done = await carried_out(parts, clicked, time_out, otherwise="nothing was done")
    if as_json:
        say_json({"receipt": made, "serving": serving, "done": done})
    else:
        say(_result(made, finding, serving=serving))
    if serving and not done:
        raise typer.Exit(BAD_NEWS)


def _result(made: Receipt, finding: Finding, *, serving: bool) -> str:
    """Return what came of it."""
    if made.running:
        when = "not done in time; it goes on" if serving else "it is done when `tipo serve` runs"
        return f"Noted as receipt {made.id}: {when}."
    line = made.lines[0]
    if not line.done:
        return f"Nothing was changed: {cut(line.why)}."
    pending = ", ".join(map(write, line.writes)) or "nothing is pending"
    return f"{_title(finding)} is updated again: {pending}."
