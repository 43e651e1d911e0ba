"""Decide from the command line, and wait for what comes of it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from sync_core.app.parts import Parts
from sync_core.cli.output import echo_json
from sync_core.cli.runtime import EXIT_PROBLEM, CommandFailed, operator, timeout_option
from sync_core.domain.proposals import Answer, Choice, Clicked, Proposal, Receipt, Write
from sync_core.errors import cut

POLL_SECONDS = 0.2  # seconds between looks at what has come of it
CLI_RULE = "command line"
REFUSAL_WORDS = {
    Answer.ALREADY: "somebody else decided first",
    Answer.RUNNING: "somebody else decided first; it is being applied",
    Answer.OUTDATED: "a newer question replaced it; try again",
    Answer.EXPIRED: "the question has expired; try again",
    Answer.UNKNOWN: "the question is no longer open; try again",
}

Timeout = Annotated[float, timeout_option("until it is written")]


async def decide_and_wait(  # noqa: PLR0913  # what is decided, and how the result is told
    parts: Parts,
    question: Proposal,
    choice: Choice,
    time_out: float,
    *,
    otherwise: str,
    facts: Mapping[str, object] | None = None,
    print_result: Callable[[Receipt, bool], None] | None,
) -> None:
    """Decide, wait for the result, and say what it is; exit 1 if it was not done, or not in time.

    Args:
        parts: The parts.
        question: What is decided.
        choice: How.
        time_out: Seconds to wait, if somebody serves.
        otherwise: What it means if the decision is not taken.
        facts: What JSON says besides.
        print_result: Says what came of it, and whether somebody serves. None: as JSON.
    """
    clicked = await parts.service.decide(question.token, choice, operator(), CLI_RULE)
    receipt, serving, done = await _wait_for_receipt(parts, clicked, time_out, otherwise=otherwise)
    if print_result is None:
        echo_json({**(facts or {}), "receipt": receipt, "serving": serving, "done": done})
    else:
        print_result(receipt, serving)
    if serving and not done:
        raise typer.Exit(EXIT_PROBLEM)


def describe_unchanged(receipt: Receipt, *, serving: bool) -> str | None:
    """Return why nothing has changed by a decision about one thing; None if it has."""
    if receipt.running:
        when = (
            "not done yet; `tipo serve` continues"
            if serving
            else "it is done when `tipo serve` starts"
        )
        return f"Receipt {receipt.id}: {when}."
    line = receipt.lines[0]
    return None if line.done else f"Nothing was changed: {cut(line.why)}."


def describe_write(each: Write) -> str:
    """Return one write in words."""
    before = "?" if each.before is None else each.before
    return f"{each.store}: {before} → {each.after}"


async def _wait_for_receipt(
    parts: Parts, clicked: Clicked, time_out: float, *, otherwise: str
) -> tuple[Receipt, bool, bool]:
    """Wait for what comes of a decision, if somebody serves.

    Returns:
        The receipt, whether somebody serves, and whether all of it is done.

    Raises:
        CommandFailed: If the decision was not taken: what that means is `otherwise`.
    """
    if clicked.answer is not Answer.TAKEN or clicked.receipt is None:
        raise CommandFailed(f"{otherwise}: {_describe_refusal(clicked)}")
    serving = await parts.service.is_serving()
    if serving:
        await _wait_until_done(parts, clicked.receipt, time_out)
    made = await parts.service.receipt(clicked.receipt)
    if made is None:  # the click has just made it
        raise CommandFailed(f"receipt {clicked.receipt} is gone")
    return made, serving, not made.running and all(line.done for line in made.lines)


def _describe_refusal(clicked: Clicked) -> str:
    """Return why a decision was not taken."""
    by = "" if clicked.by is None else f" ({cut(clicked.by.name)})"
    return f"{REFUSAL_WORDS.get(clicked.answer, clicked.answer)}{by}"


async def _wait_until_done(parts: Parts, number: int, time_out: float) -> None:
    """Wait until a receipt has its result, or the time is out."""
    try:
        async with asyncio.timeout(time_out):
            while (found := await parts.service.receipt(number)) is None or found.running:
                await parts.clock.sleep(POLL_SECONDS)
    except TimeoutError:
        return
