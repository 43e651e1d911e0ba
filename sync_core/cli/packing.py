"""`tipo pack`: how many shared units are in one of a store's own."""

from collections.abc import Sequence
from typing import Annotated

import typer

from sync_core.app import Parts
from sync_core.cli.buffering import read
from sync_core.cli.printing import console, say, say_json
from sync_core.cli.running import BAD_NEWS, AsJson, CannotWork, Yes, confirm, person, using
from sync_core.cli.stock import MOST_FOUND, MOST_SHOWN, choose, not_found
from sync_core.cli.undoing import RULE, TimeOut, carried_out, write
from sync_core.domain.proposals import Choice, Proposal, Receipt
from sync_core.domain.values import Alias
from sync_core.domain.views import PoolView
from sync_core.errors import cut

USAGE = "say which product and how many shared units are in one: `tipo pack SFDJ-M 6 us`; 1 ends it"

Given = Annotated[
    list[str],
    typer.Argument(
        metavar="PRODUCT UNITS [ALIAS]",
        help="A handle, SKU, barcode or words of the title; the units in one; the destination.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pack")(pack)


def pack(
    given: Given, *, yes: Yes = False, time_out: TimeOut = 60.0, as_json: AsJson = False
) -> None:
    """Count one of a store's own as so many shared units: a pack. 1 ends it.

    With packs of 6, a store shows 8 where 50 are shared; one sold there takes 6. Shows what would
    be written, and asks. Waits for the result if `tipo serve` runs; else it is done when that
    starts. Exit 1 if no product goes by that name, too many do, or nothing was changed; exit 2 if
    it cannot be changed now.
    """
    words, units, alias = read(given, USAGE)
    if words is None:
        raise CannotWork(f"all: {USAGE}")
    pools = using(lambda parts: _find(parts, words))
    if not 0 < len(pools) <= MOST_SHOWN:
        if as_json:
            say_json({"words": words, "pools": pools, "done": False})
        elif pools:
            choose(pools)
        else:
            not_found(words)
        raise typer.Exit(BAD_NEWS)
    question = using(lambda parts: _ask(parts, pools, units, alias))
    if not as_json or not yes:
        _print_question(question)
    if not confirm(f"Use packs of {units:,}?", yes=yes):
        say("Nothing was changed.")
        return
    using(lambda parts: _decide(parts, question, time_out, as_json=as_json))


async def _find(parts: Parts, words: str) -> list[PoolView]:
    return await parts.service.stock(words, live=False, limit=MOST_FOUND)


async def _ask(
    parts: Parts, pools: Sequence[PoolView], units: int, alias: Alias | None
) -> Proposal:
    return await parts.service.ask_pack([each.id for each in pools], units, alias, person())


def _print_question(question: Proposal) -> None:
    """Show what becomes of each store."""
    out = console(err=True)
    for line in lines(question):
        out.print(line, soft_wrap=True)


def lines(question: Proposal) -> list[str]:
    """Return what becomes of each store, in words."""
    found = []
    for each in list(question.facts["lines"]):  # type: ignore[call-overload]
        head = f"{cut(each['title'])} at {cut(each['place'])}, {each['store']}"
        shows, expected = each["shows"], each["expected"]
        found.append(
            {
                "write": f"{head}: {shows} → {expected}",
                "fits": f"{head}: {shows}, nothing to write",
                "differs": f"{head}: {shows}, expected {expected}; stays a mismatch, "
                "nothing is written",
                "off": f"{head}: off, nothing is written",
            }[each["what"]]
        )
    return found


async def _decide(parts: Parts, question: Proposal, time_out: float, *, as_json: bool) -> None:
    """Decide, wait for the result, and say what it is."""
    clicked = await parts.service.decide(question.token, Choice.CONFIRM, person(), RULE)
    otherwise = "the pack size was not changed"
    made, serving, done = await carried_out(parts, clicked, time_out, otherwise=otherwise)
    if as_json:
        facts = {"pack": question.facts["pack"], "lines": question.facts["lines"]}
        say_json({**facts, "receipt": made, "serving": serving, "done": done})
    else:
        _print_result(made, serving=serving)
    if serving and not done:
        raise typer.Exit(BAD_NEWS)


def _print_result(made: Receipt, *, serving: bool) -> None:
    """Say what came of it."""
    why = "; ".join(dict.fromkeys(line.why for line in made.lines if line.why))
    if made.running and not serving:
        say(f"Noted as receipt {made.id}: `tipo serve` isn't running; it is done when it starts.")
    elif made.running:
        say(f"Noted as receipt {made.id}; not done in time{f': {cut(why)}' if why else ''}.")
        say("It goes on in `tipo serve`; `tipo receipts` tells when it is done.")
    elif why:
        say(f"Nothing was changed: {cut(why)}.")
    else:
        writes = [write(each) for line in made.lines for each in line.writes]
        say(f"Done, receipt {made.id}: {', '.join(writes) or 'nothing had to be written'}.")
