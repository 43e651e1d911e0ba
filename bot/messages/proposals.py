"""One proposal with its options, the question before an undo, and the receipt afterwards."""

from collections.abc import Sequence

from bot.messages.findings import CHOICES, ENDS, about, recommended, written
from bot.messages.kit import (
    Action,
    Block,
    Column,
    Message,
    Part,
    actions,
    asking,
    bold,
    bullets,
    button,
    context,
    date,
    message,
    more,
    share_button,
    table,
    who,
)
from bot.text import clean, counted, mention, mrkdwn, signed, units, when
from sync_core.domain.proposals import (
    Choice,
    Option,
    Proposal,
    ProposalState,
    Receipt,
    ReceiptLine,
)

LINES = (
    Column("Product", wrapped=True),
    Column("Decision", wrapped=True),
    Column("Moved", right=True),
    Column("Written", wrapped=True),
    Column("Outcome", wrapped=True),
)


def proposal(*, proposal: Proposal) -> Message:
    """Say what is wrong with one product, and offer what can be done."""
    if proposal.state is not ProposalState.OPEN:
        return message(*about(proposal), ". ", *ending(proposal), sign="Note")
    offers = [each for each in proposal.options if each.writes]
    blocks: list[Block] = [bullets(map(_offer, offers))] if offers else []
    blocks += [
        *option_buttons(proposal),
        context(f"We suggest: {mrkdwn(recommended(proposal))} \u00b7 {expiry(proposal)}"),
    ]
    return message(*about(proposal), ".", sign="Question", blocks=blocks)


def _offer(option: Option) -> list[Part]:
    """Return one option and what it would write."""
    return [bold(clean(option.words, 75)), f": {written(option.writes)}"]


def expiry(proposal: Proposal) -> str:
    """Return until when one may answer."""
    return f"expires {when(proposal.expires_at)}"


def option_buttons(proposal: Proposal) -> list[Block]:
    """Return the options of an open proposal as buttons, the recommended one first."""
    ordered = sorted(proposal.options, key=lambda each: each.choice is not proposal.recommended)
    buttons = {each.choice: _button(proposal, each) for each in ordered}
    return actions(f"proposal-{proposal.id}", *buttons.values())


def _button(proposal: Proposal, option: Option) -> Block:
    """Return an option as a button; what writes asks once more."""
    label = clean(option.words or CHOICES[option.choice], 75)
    question = None
    if option.writes and option.choice is not Choice.USE_NUMBER:
        words = f"{clean(proposal.title, 100)}: {written(option.writes)}"
        question = asking(f"{clean(option.words, 60)}?", words, "Write")
    return button(
        f"{Action.DECIDE}.{option.choice}",
        label,
        proposal.token,
        says=f"{clean(option.words, 38)}: {clean(proposal.title, 32)}",
        style="primary" if option.choice is proposal.recommended else "",
        confirm=question,
    )


def ending(proposal: Proposal) -> list[Part]:
    """Return what became of a proposal, who decided, and when."""
    parts: list[Part] = [ENDS.get(proposal.state, "open").capitalize()]
    if proposal.choice is not None:
        parts += [f" ({CHOICES[proposal.choice].lower()})"]
    if proposal.by is not None:
        parts += [" by ", who(proposal.by.id)]
    if proposal.decided_at is not None:
        parts += [" ", date(proposal.decided_at)]
    if proposal.receipt is not None:
        parts += [f", receipt {proposal.receipt}"]
    why = (proposal.result or {}).get("why")
    return [*parts, f": {clean(why, 200)}." if why else "."]


def undo_question(*, proposal: Proposal) -> Message:
    """Ask whether to take back what a receipt did, and show what would be written."""
    if proposal.state is not ProposalState.OPEN:
        return message("This question is settled. ", *ending(proposal), sign="Note")
    receipt = clean(proposal.subject or proposal.facts.get("receipt", ""), 20)
    writes = [each for option in proposal.options for each in option.writes]
    told = written(writes, 10) or "nothing is left to write"
    yes, no = (f"{Action.DECIDE}.{each}" for each in (Choice.CONFIRM, Choice.DISMISS))
    return message(
        f"Take back receipt {receipt}? Tipo would write {told}. ",
        "What was sold since then stays sold.",
        sign="Question",
        blocks=[
            *actions(
                f"undo-{proposal.id}",
                button(yes, f"Take back receipt {receipt}", proposal.token, style="primary"),
                button(no, "Cancel", proposal.token),
            ),
            context(f"This question {expiry(proposal)}."),
        ],
    )


def receipt(*, receipt: Receipt, share: str = "") -> Message:
    """Say who decided what, and what came of it, line by line."""
    blocks, shown = table(LINES, map(_line, receipt.lines), most=20)
    small = f"Allowed because: {mrkdwn(receipt.rule, 80)} \u00b7 by {mention(receipt.by.id)}"
    return message(
        *receipt_news(receipt),
        sign="Note" if receipt.running else "Done",
        blocks=[
            *blocks,
            *more(len(receipt.lines) - shown, "tipo export"),
            context(small),
            *actions("receipt", undo_button(receipt), share_button(share)),
        ],
    )


def receipt_news(receipt: Receipt) -> list[Part]:
    """Return a receipt in one sentence."""
    done = [each for each in receipt.lines if each.done]
    missed = len(receipt.lines) - len(done)
    what = _decision(receipt.lines)
    parts: list[Part] = [f"Receipt {receipt.id}: ", who(receipt.by.id), f" {what} "]
    parts += [date(receipt.at), "; "]
    if receipt.running:
        return [*parts, f"{len(done)} of {len(receipt.lines)} done, the rest is on its way."]
    total = sum(abs(each.moved) for each in done)
    parts.append(f"{counted(len(done), 'fix', 'fixes')} done, {units(total)} moved")
    if missed:
        parts.append(f", {missed} left out because the numbers had moved or a store refused")
    if receipt.undone_by is not None:
        parts.append(f"; taken back by receipt {receipt.undone_by}")
    return [*parts, "."]


def _decision(lines: Sequence[ReceiptLine]) -> str:
    """Return what somebody chose, as a verb."""
    choices = {each.choice for each in lines}
    if choices <= {Choice.DISMISS, Choice.IGNORE, Choice.IGNORE_MONTH} and choices:
        return f"put aside {counted(len(lines), 'finding')}"
    return f"approved {counted(len(lines), 'fix', 'fixes')}"


def _line(line: ReceiptLine) -> tuple[object, ...]:
    """Return a line of a receipt for the table."""
    outcome = "done" if line.done else clean(line.why or "not done", 100)
    wrote = written(line.writes, 2) or None
    return (line.title, CHOICES[line.choice], signed(line.moved), wrote, outcome)


def undo_button(receipt: Receipt) -> Block | None:
    """Return the button that takes a receipt back, if there is something to take back."""
    moved = any(each.done and each.moved for each in receipt.lines)
    if receipt.running or receipt.undone_by is not None or not moved:
        return None
    says = f"Undo receipt {receipt.id}"
    return button(Action.UNDO, "Undo\u2026", f"{receipt.id}", says=says)
