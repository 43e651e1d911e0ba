"""`tipo receipts` and `tipo undo`: who decided what, and taking it back."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from sync_core.app.parts import Parts
from sync_core.cli.decisions import Timeout, decide_and_wait, describe_write
from sync_core.cli.output import console, echo, echo_json, echo_table, format_time, signed
from sync_core.cli.runtime import (
    MAX_NUMBER,
    AsJson,
    CommandFailed,
    LimitOption,
    Yes,
    confirm,
    operator,
    run_with_parts,
)
from sync_core.domain.proposals import Choice, Proposal, Receipt, Write
from sync_core.errors import cut

ReceiptArgument = Annotated[
    int,
    typer.Argument(min=1, max=MAX_NUMBER, help="The receipt's number; `tipo receipts` lists them."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("receipts")(receipts)
    app.command("undo")(undo)


# -- receipts
def receipts(*, limit: LimitOption = 10, as_json: AsJson = False) -> None:
    """List the newest receipts: who decided what, and what came of it."""
    found = run_with_parts(lambda parts: parts.service.receipts(limit=limit))
    if as_json:
        echo_json({"receipts": found})
    elif not found:
        echo("No decisions yet.")
    else:
        echo_table(
            ("receipt", "when", "who", "allowed because", "decided", "about", "moved", "state"),
            (
                (
                    each.id,
                    format_time(each.at),
                    each.by.name,
                    each.rule,
                    _describe_decision(each),
                    _describe_subject(each),
                    sum(line.moved for line in each.lines),
                    _describe_state(each),
                )
                for each in found
            ),
        )


def _describe_decision(receipt: Receipt) -> str:
    if receipt.undoes is not None:
        return f"undo receipt {receipt.undoes}"
    choices = dict.fromkeys(line.choice.replace("_", " ") for line in receipt.lines)
    return f"{receipt.kind}: {', '.join(choices)}"


def _describe_subject(receipt: Receipt) -> str:
    titles = list(dict.fromkeys(line.title for line in receipt.lines if line.title))
    more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
    return f"{cut(titles[0])}{more}" if titles else ""


def _describe_state(receipt: Receipt) -> str:
    """Return how far a receipt is, in words."""
    if receipt.undone_by is not None:
        return f"undone by receipt {receipt.undone_by}"
    if receipt.running:
        return "under way"
    why = "; ".join(dict.fromkeys(line.why for line in receipt.lines if line.why))
    done = sum(line.done for line in receipt.lines)
    words = "done" if done == len(receipt.lines) else f"{done} of {len(receipt.lines)} done"
    if all(line.choice is Choice.DISMISS for line in receipt.lines):
        return "dismissed"
    return f"{words}: {cut(why)}" if why else words


# -- undo
def undo(
    receipt: ReceiptArgument, *, yes: Yes = False, time_out: Timeout = 60.0, as_json: AsJson = False
) -> None:
    """Undo what a receipt did, as a delta: what was sold since then stays sold.

    Shows the receipt and what would be written, and asks. Waits for the result if `tipo serve`
    runs; else it is done when that starts. Exit 1 if nothing could be undone, or if it is not
    done in time. Exit 2 if it can't be undone at all.
    """
    found, question = run_with_parts(lambda parts: _propose(parts, receipt))
    if not as_json or not yes:
        _print_question(found, question)
    if not confirm(f"Undo receipt {receipt}?", yes=yes):
        echo("Nothing was changed.")
        return
    run_with_parts(lambda parts: _undo(parts, receipt, question, time_out, as_json=as_json))


async def _propose(parts: Parts, number: int) -> tuple[Receipt, Proposal]:
    found = await parts.service.receipt(number)
    if found is None:
        raise CommandFailed(f"there is no receipt {number}; `tipo receipts` lists them")
    return found, await parts.service.ask_undo(number, operator())


def _print_question(receipt: Receipt, question: Proposal) -> None:
    """Show what was decided, and what taking it back would write."""
    out = console(err=True)
    out.print(
        f"Receipt {receipt.id}, {format_time(receipt.at)}: {cut(receipt.by.name)} "
        f"({cut(receipt.rule)}), {_describe_decision(receipt)}",
        soft_wrap=True,
    )
    for line in receipt.lines:
        out.print(f"  {cut(line.title)}: {signed(line.moved)}", soft_wrap=True)
    out.print("Undoing it would set:", soft_wrap=True)
    for each in _planned_writes(question):
        out.print(f"  {describe_write(each)}", soft_wrap=True)
    if not _planned_writes(question):
        out.print("  nothing now; what doesn't match then is a mismatch again", soft_wrap=True)
    for why in _obstacles(question):
        out.print(f"Can't be undone: {cut(why)}", soft_wrap=True)


def _planned_writes(question: Proposal) -> tuple[Write, ...]:
    return question.options[0].writes if question.options else ()


def _obstacles(question: Proposal) -> list[str]:
    found = question.facts.get("cannot")
    return [str(each) for each in found] if isinstance(found, list) else []


async def _undo(
    parts: Parts, number: int, question: Proposal, time_out: float, *, as_json: bool
) -> None:
    await decide_and_wait(
        parts,
        question,
        Choice.CONFIRM,
        time_out,
        otherwise=f"receipt {number} was not undone",
        facts={"undoes": number},
        print_result=None if as_json else partial(_print_result, number),
    )


def _print_result(number: int, made: Receipt, serving: bool) -> None:  # noqa: FBT001
    """Say what came of it."""
    if made.running and not serving:
        echo(
            f"Receipt {made.id}: `tipo serve` isn't running; receipt {number} is undone when it "
            "starts."
        )
        return
    if made.running:
        why = "; ".join(dict.fromkeys(line.why for line in made.lines if line.why))
        echo(f"Receipt {made.id}: not done yet{f': {cut(why)}' if why else ''}.")
        echo("`tipo serve` continues; `tipo receipts` shows when it's done.")
        return
    _print_lines(number, made)


def _print_lines(number: int, made: Receipt) -> None:
    writes: Sequence[Write] = [each for line in made.lines for each in line.writes]
    if any(line.done for line in made.lines):
        moved = sum(line.moved for line in made.lines)
        written = ", ".join(map(describe_write, writes)) or "nothing had to be written"
        echo(f"Receipt {number} was undone by receipt {made.id}: {signed(moved)}; {written}.")
    for line in made.lines:
        if line.why:
            echo(f"Not undone: {cut(line.why)}.")
