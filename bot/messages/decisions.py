"""The answer to each click: done, too late, moved, or not allowed. Never silence."""

from collections.abc import Sequence

from bot.messages.block_kit import (
    Message,
    Part,
    bullets,
    code,
    date,
    link,
    mention_part,
    mention_parts,
    message,
    sentence,
)
from bot.messages.findings import product
from bot.messages.links import NO_LINKS, Links
from bot.messages.proposals import ending
from bot.text import clean, counted
from sync_core.domain.proposals import Answer, Choice, Clicked, ProposalKind

MAX_TO_ASK = 20  # approvers whom somebody who may not decide can ask
SAID = {
    Choice.ACCEPT: "accept the change",
    Choice.USE_SOURCE: "use the source's number",
    Choice.USE_DESTINATION: "use the destination's number",
    Choice.USE_LOWER: "use the lower number",
    Choice.USE_NUMBER: "use a number that they entered",
    Choice.KEEP: "keep the difference as a buffer",
    Choice.RETRY: "try again",
    Choice.RESUME: "resume",
    Choice.LINK: "link the products",
    Choice.IGNORE_MONTH: "ignore it for 30 days",
    Choice.IGNORE: "ignore it",
    Choice.CONFIRM: "go ahead",
    Choice.RELEASE: "apply the new numbers",
    Choice.INVESTIGATE: "look into it",
    Choice.DISCARD: "restore the stock",
    Choice.DISMISS: "leave it as it is",
}


def decision_answer(*, clicked: Clicked, links: Links = NO_LINKS) -> Message:
    """Answer a click, and name what it was to decide and somebody else had decided before.

    What it mentions leads to its message.
    """
    said = _answer(clicked, links)
    if not clicked.late:
        return said
    head = sentence("This was decided, or had changed, before your click:")
    rows = bullets([product(each), ": ", *ending(each)] for each in clicked.late)
    return Message(said.text, [*said.blocks, head, rows])


def _answer(clicked: Clicked, links: Links) -> Message:
    match clicked.answer:
        case Answer.TAKEN:
            return _taken(clicked, links)
        case Answer.ALREADY:
            return message("Already decided", *_by(clicked, links), ". Your click changed nothing.")
        case Answer.RUNNING:
            parts = _by(clicked, links)
            return message("Already decided", *parts, ". Applying now.")
        case Answer.OUTDATED:
            newer: list[Part] = []
            if clicked.report:
                url = links.reports.get(clicked.report)
                newer = [": ", link(f"report {clicked.report}", url), " is newer"]
            return message(
                "The numbers have changed since",
                *newer,
                ". Nothing was written; ",
                code("/tipo drift"),
                " shows what is open now.",
            )
        case Answer.EXPIRED:
            return message(
                "This question has expired: nobody answered in time. Nothing was written; ",
                code("/tipo drift"),
                " asks again.",
            )
        case Answer.UNKNOWN:
            return message(
                "This button is too old to work. Nothing was written; ",
                code("/tipo drift"),
                " shows what is open now.",
            )


def _taken(clicked: Clicked, links: Links) -> Message:
    """Say that a click decided, and what comes next."""
    one, url = clicked.proposal, links.receipts.get(clicked.receipt or 0)
    number = f" Receipt {clicked.receipt}." if clicked.receipt is not None else ""
    if one is not None and one.choice is Choice.DISMISS and one.kind in CONFIRMED:
        return message(f"Cancelled: nothing was changed.{number}")
    if one is not None and one.choice in {Choice.DISMISS, Choice.IGNORE, Choice.IGNORE_MONTH}:
        return message(f"{_chose(one.choice)}. Nothing was written.{number}", sign="Done")
    if one is not None and one.choice in BREAKER_ANSWERS:
        return _promise(BREAKER_ANSWERS[one.choice], url)
    if one is not None and one.kind in CONFIRMED:
        return _promise(f"{CONFIRMED[one.kind]}{number}", url)
    if not clicked.taken:
        return message(
            "There was nothing left to decide: it was decided before, or its numbers have "
            "changed. ",
            code("/tipo drift"),
            " shows what is open now.",
        )
    what = counted(clicked.taken, "fix", "fixes")
    tail = "it's" if clicked.taken == 1 else "they're"
    said = f"Approved {what}, applying now.{number} The message says when {tail} done."
    return _promise(said, url)


def _promise(words: str, url: str | None) -> Message:
    """Say something; what it calls the message is the one at that address."""
    before, promised, after = words.partition("The message")
    parts: list[Part] = [before, link(promised, url), after]
    return message(*[each for each in parts if each])  # Slack refuses a text that is empty


BREAKER_ANSWERS = {
    Choice.RELEASE: "The new numbers are being written. The message says when that's done.",
    Choice.INVESTIGATE: "You're on it. Nothing is written until somebody decides.",
    Choice.DISCARD: "The stock is being restored. The message says when that's done.",
}

CONFIRMED = {
    ProposalKind.MODE: "Changing the mode now. The message says when that's done.",
    ProposalKind.UNDO: "Undoing it now. The message says when that's done.",
    ProposalKind.PACK: "Changing the pack size now. The message says when that's done.",
}


def _chose(choice: Choice) -> str:
    """Return what was chosen."""
    return {Choice.IGNORE: "Ignored", Choice.IGNORE_MONTH: "Ignored for 30 days"}.get(
        choice, "Dismissed"
    )


def _by(clicked: Clicked, links: Links) -> list[Part]:
    """Return who was faster, when, and what they chose."""
    parts: list[Part] = []
    if clicked.by is not None:
        parts += [" by ", mention_part(clicked.by.id)]
    if clicked.at is not None:
        parts += [" ", date(clicked.at)]
    if clicked.proposal is not None and clicked.proposal.choice is not None:
        parts += [f": {SAID[clicked.proposal.choice]}"]
    if clicked.receipt is not None:
        url = links.receipts.get(clicked.receipt)
        parts += [" (", link(f"receipt {clicked.receipt}", url), ")"]
    return parts


def not_allowed(*, why: str, listed: Sequence[str] = ()) -> Message:
    """Say that somebody may not do this, and who may."""
    ask = [" Ask ", *mention_parts(listed, MAX_TO_ASK), "."] if listed else []
    return message(clean(why, 400), *ask)
