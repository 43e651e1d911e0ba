"""`tipo pack`: how many shared units are in one of a store's own."""

from collections.abc import Sequence
from typing import Annotated

import typer

from sync_core.app.parts import Parts
from sync_core.cli.buffer import parse_request
from sync_core.cli.decisions import Timeout, decide_and_wait, describe_write
from sync_core.cli.output import console, echo, echo_json
from sync_core.cli.runtime import (
    EXIT_PROBLEM,
    AsJson,
    CommandFailed,
    Yes,
    confirm,
    operator,
    run_with_parts,
)
from sync_core.cli.stock import MAX_POOLS_FOUND, MAX_POOLS_SHOWN, print_choices, print_not_found
from sync_core.domain.proposals import Choice, Proposal, Receipt
from sync_core.domain.values import Alias
from sync_core.domain.views import PoolView
from sync_core.errors import cut

USAGE = "name the product and how many shared units are in one: `tipo pack SFDJ-M 6 us`; 1 ends it"

PackArguments = Annotated[
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
    given: PackArguments, *, yes: Yes = False, time_out: Timeout = 60.0, as_json: AsJson = False
) -> None:
    """Count one of a store's own as so many shared units: a pack. 1 ends it.

    With packs of 6, a store shows 8 where 50 are shared; one sold there takes 6. Shows what would
    be written, and asks. Waits for the result if `tipo serve` runs; else it is done when that
    starts. Exit 1 if no product matches, too many do, or nothing was changed; exit 2 if
    it can't be changed now.
    """
    words, units, alias = parse_request(given, USAGE)
    if words is None:
        raise CommandFailed(f"all: {USAGE}")
    pools = run_with_parts(lambda parts: _find_pools(parts, words))
    if not 0 < len(pools) <= MAX_POOLS_SHOWN:
        if as_json:
            echo_json({"words": words, "pools": pools, "done": False})
        elif pools:
            print_choices(pools)
        else:
            print_not_found(words)
        raise typer.Exit(EXIT_PROBLEM)
    question = run_with_parts(lambda parts: _propose(parts, pools, units, alias))
    if not as_json or not yes:
        _print_question(question)
    if not confirm(f"Use packs of {units:,}?", yes=yes):
        echo("Nothing was changed.")
        return
    run_with_parts(lambda parts: _decide(parts, question, time_out, as_json=as_json))


async def _find_pools(parts: Parts, words: str) -> list[PoolView]:
    return await parts.service.stock(words, live=False, limit=MAX_POOLS_FOUND)


async def _propose(
    parts: Parts, pools: Sequence[PoolView], units: int, alias: Alias | None
) -> Proposal:
    return await parts.service.ask_pack([each.id for each in pools], units, alias, operator())


def _print_question(question: Proposal) -> None:
    """Show what becomes of each store."""
    out = console(err=True)
    for line in describe_lines(question):
        out.print(line, soft_wrap=True)


def describe_lines(question: Proposal) -> list[str]:
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
    await decide_and_wait(
        parts,
        question,
        Choice.CONFIRM,
        time_out,
        otherwise="the pack size was not changed",
        facts={"pack": question.facts["pack"], "lines": question.facts["lines"]},
        print_result=None if as_json else _print_result,
    )


def _print_result(receipt: Receipt, serving: bool) -> None:  # noqa: FBT001
    """Say what came of it."""
    why = "; ".join(dict.fromkeys(line.why for line in receipt.lines if line.why))
    if receipt.running and not serving:
        echo(f"Receipt {receipt.id}: `tipo serve` isn't running; it is done when it starts.")
    elif receipt.running:
        echo(f"Receipt {receipt.id}; not done yet{f': {cut(why)}' if why else ''}.")
        echo("`tipo serve` continues; `tipo receipts` shows when it's done.")
    elif why:
        echo(f"Nothing was changed: {cut(why)}.")
    else:
        writes = [describe_write(each) for line in receipt.lines for each in line.writes]
        echo(f"Done, receipt {receipt.id}: {', '.join(writes) or 'nothing had to be written'}.")
