"""The answer to each click: done, too late, moved, or not allowed. Never silence."""

from collections.abc import Sequence

from bot.messages.block_kit import Message, Part, code, date, mention_part, message
from bot.text import clean, counted
from sync_core.domain.proposals import Answer, Choice, Clicked, ProposalKind

SAID = {
    Choice.ACCEPT: "to count the change",
    Choice.USE_SOURCE: "to use the source's number",
    Choice.USE_DESTINATION: "to use the destination's number",
    Choice.USE_LOWER: "to use the lower number",
    Choice.USE_NUMBER: "to use a number of their own",
    Choice.KEEP: "to keep the difference as a buffer",
    Choice.RETRY: "to try again",
    Choice.RESUME: "to resume",
    Choice.LINK: "to link the products",
    Choice.IGNORE_MONTH: "to ignore it for 30 days",
    Choice.IGNORE: "to ignore it",
    Choice.CONFIRM: "to go ahead",
    Choice.RELEASE: "to apply the new numbers",
    Choice.INVESTIGATE: "to look into it",
    Choice.DISCARD: "to restore the stock",
    Choice.DISMISS: "to leave it as it is",
}


def decision_answer(*, clicked: Clicked) -> Message:
    """Answer a click."""
    match clicked.answer:
        case Answer.TAKEN:
            return _taken(clicked)
        case Answer.ALREADY:
            return message("This is decided already", *_by(clicked), ". Nothing was done again.")
        case Answer.RUNNING:
            parts = _by(clicked)
            return message("This is decided", *parts, " and is being carried out at the moment.")
        case Answer.OUTDATED:
            newer = f": report {clicked.report} is newer" if clicked.report else ""
            return message(
                f"The numbers have moved since{newer}. Nothing was written; ",
                code("/tipo drift"),
                " shows what stands now.",
            )
        case Answer.EXPIRED:
            return message(
                "This question has expired: nobody answered in time. Nothing was written; ",
                code("/tipo drift"),
                " asks anew.",
            )
        case Answer.UNKNOWN:
            return message(
                "I do not know this button any more. Nothing was written; ",
                code("/tipo drift"),
                " shows what stands now.",
            )


def _taken(clicked: Clicked) -> Message:
    """Say that a click decided, and what comes next."""
    one = clicked.proposal
    number = f" Receipt {clicked.receipt}." if clicked.receipt is not None else ""
    if one is not None and one.choice in {Choice.DISMISS, Choice.IGNORE, Choice.IGNORE_MONTH}:
        return message(f"Noted: {_chose(one.choice)}. Nothing is written.{number}", sign="Done")
    if one is not None and one.choice in BREAKER_ANSWERS:
        return message(BREAKER_ANSWERS[one.choice], sign="Done")
    if one is not None and one.kind in CONFIRMED:
        return message(f"{CONFIRMED[one.kind]}{number}", sign="Done")
    if not clicked.taken:
        return message("There was nothing left to decide.")
    what = counted(clicked.taken, "fix", "fixes")
    tail = "it is" if clicked.taken == 1 else "they are"
    return message(
        f"Approved {what}; {tail} being carried out now.{number} The message says when it is done.",
        sign="Done",
    )


BREAKER_ANSWERS = {
    Choice.RELEASE: "The new numbers are being written. The message says when that is done.",
    Choice.INVESTIGATE: "Noted: you're looking into it. Nothing is written until somebody decides.",
    Choice.DISCARD: "The stock is being restored. The message says when that is done.",
}

CONFIRMED = {
    ProposalKind.MODE: "Confirmed: the mode is being changed. The message says when it is done.",
    ProposalKind.UNDO: "Confirmed: it is being undone. The message says when it is done.",
}


def _chose(choice: Choice) -> str:
    """Return what was chosen."""
    return {Choice.IGNORE: "ignored", Choice.IGNORE_MONTH: "ignored for 30 days"}.get(
        choice, "dismissed"
    )


def _by(clicked: Clicked) -> list[Part]:
    """Return who was faster, when, and what they chose."""
    parts: list[Part] = []
    if clicked.by is not None:
        parts += [" by ", mention_part(clicked.by.id)]
    if clicked.at is not None:
        parts += [" ", date(clicked.at)]
    if clicked.proposal is not None and clicked.proposal.choice is not None:
        parts += [f", {SAID[clicked.proposal.choice]}"]
    if clicked.receipt is not None:
        parts += [f" (receipt {clicked.receipt})"]
    return parts


def not_allowed(*, why: str, listed: Sequence[str] = ()) -> Message:
    """Say that somebody may not do this, and who may."""
    parts: list[Part] = [clean(why, 400)]
    if listed:
        names: list[Part] = []
        for each in listed[:20]:
            names += [", ", mention_part(each)]
        left = f" and {len(listed) - 20} more" if len(listed) > 20 else ""  # noqa: PLR2004
        parts += [" Ask ", *names[1:], f"{left}."]
    return message(*parts, sign="Warning")
