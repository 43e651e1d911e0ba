"""One proposal with its options, the question before an undo, and the receipt afterwards."""

from collections.abc import Sequence

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    Block,
    Message,
    Part,
    TableColumn,
    actions,
    bold,
    bullets,
    button,
    confirm_dialog,
    context_block,
    date,
    mention_part,
    message,
    more_line,
    share_button,
    table,
    title,
)
from bot.messages.findings import CHOICES, ENDS, about, suggestion_line, written
from bot.text import clean, counted, mention, mrkdwn, number, signed, store_name, when
from sync_core.domain.proposals import (
    Choice,
    MissedChange,
    Option,
    Proposal,
    ProposalKind,
    ProposalState,
    Receipt,
    ReceiptLine,
    Write,
)
from sync_core.domain.values import Mode

MAX_WRITES_NAMED = 4  # writes that the question before an undo names, where there are many
COLUMNS = (
    TableColumn("Product", wrapped=True),
    TableColumn("Decision", wrapped=True),
    TableColumn("Written", wrapped=True),
    TableColumn("Outcome", wrapped=True),
)


def proposal(*, proposal: Proposal) -> Message:
    """Say what is wrong with one product, and offer what can be done."""
    if proposal.state is not ProposalState.OPEN:
        return message(*about(proposal), ". ", *ending(proposal), sign="Note")
    offers = [each for each in proposal.options if each.writes]
    blocks: list[Block] = [bullets(map(_offer, offers))] if offers else []
    blocks += [
        *option_buttons(proposal),
        context_block(f"{suggestion_line(proposal)} \u00b7 {expiry(proposal)}"),
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
        question = confirm_dialog(f"{clean(option.words, 60)}?", words, "Write")
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
    parts: list[Part] = [ENDS.get(proposal.state, "expired").capitalize()]
    if proposal.choice is not None:
        parts += [f" ({CHOICES[proposal.choice].lower()})"]
    if proposal.by is not None:
        parts += [" by ", mention_part(proposal.by.id)]
    if proposal.decided_at is not None:
        parts += [" ", date(proposal.decided_at)]
    if proposal.receipt is not None:
        parts += [f", receipt {proposal.receipt}"]
    why = proposal.result.why if proposal.result else ""
    return [*parts, f": {clean(why, 200)}." if why else "."]


def undo_question(*, proposal: Proposal) -> Message:
    """Ask whether to take back what a receipt did, and show what would be written."""
    if proposal.state is not ProposalState.OPEN:
        return message("Already decided. ", *ending(proposal), sign="Note")
    receipt = clean(proposal.subject or proposal.facts.get("receipt", ""), 20)
    writes = [each for option in proposal.options for each in option.writes]
    told = written(writes, 10) or "nothing"
    n = proposal.facts.get("writes")
    if isinstance(n, int) and n > MAX_WRITES_NAMED:
        told = f"{number(n)} stock levels, {written(writes[:MAX_WRITES_NAMED])} among them"
    yes, no = (f"{Action.DECIDE}.{each}" for each in (Choice.CONFIRM, Choice.DISMISS))
    return message(
        f"Undo receipt {receipt}? Tipo would set {told}. ",
        "Sales since then stay counted.",
        sign="Question",
        blocks=[
            *actions(
                f"undo-{proposal.id}",
                button(yes, f"Undo receipt {receipt}", proposal.token, style="primary"),
                button(no, "Cancel", proposal.token),
            ),
            context_block(f"This question {expiry(proposal)}."),
        ],
    )


def receipt(*, receipt: Receipt, share: str = "") -> Message:
    """Say who decided what, and what came of it, line by line."""
    blocks, shown = (
        table(COLUMNS, map(_line, receipt.lines), most=20) if _has_lines(receipt) else ([], 0)
    )
    small = f"Allowed because: {mrkdwn(receipt.rule, 80)} \u00b7 by {mention(receipt.by.id)}"
    return message(
        *receipt_headline(receipt),
        sign="Note" if receipt.running else "Done",
        blocks=[
            *blocks,
            *(more_line(receipt.sums[0] - shown, "tipo export") if shown else []),
            context_block(small),
            *actions("receipt", undo_button(receipt), share_button(share)),
        ],
    )


def has_changed_nothing(receipt: Receipt) -> bool:
    """Whether a decision concerns no stock: a mode, a dismissal, that somebody looks into it."""
    silent = {Choice.DISMISS, Choice.INVESTIGATE, *IGNORED}
    return receipt.kind is ProposalKind.MODE or all(each.choice in silent for each in receipt.lines)


def _has_lines(receipt: Receipt) -> bool:
    """Whether there is more to say line by line: a mode or a dismissal is one sentence."""
    dismissed = all(each.choice is Choice.DISMISS for each in receipt.lines)
    return receipt.kind is not ProposalKind.MODE and not dismissed


def receipt_headline(receipt: Receipt) -> list[Part]:
    """Return a receipt in a sentence or two: what was written, where, and who said so."""
    if receipt.running:
        return _applying(receipt)
    parts = [
        *_did(receipt),
        f" {_by(receipt)} by ",
        mention_part(receipt.by.id),
        " ",
        date(receipt.at),
        ".",
    ]
    if receipt.undone_by is not None:
        parts.append(f" Undone by receipt {receipt.undone_by}.")
    return parts


def _did(receipt: Receipt) -> list[Part]:
    """Return what was done.

    fix, one product      Fixed Jacket: EU 46 → 42 (US sold 4, order #1002).
    fix, several          Fixed 3 products: 12 units written to EU. 1 was not changed.
    fix, that ignores     Ignored 1 mismatch. Nothing was written.
    undo                  Receipt 3 was undone: EU 42 → 46.
    fix, that resumes     Tipo updates Jacket again: EU 50 → 45.
    mode                  US is now two-way.
    pack size             The pack size was changed: US 50 → 8.
    safety stop           EU's stock was restored: 25 products set back to the previous numbers.
    nothing was done      Nothing was changed: <why>.
    a cancelled question  Nothing was changed.
    """
    done = [each for each in receipt.lines if each.done]
    n, finished, _ = receipt.sums
    if receipt.lines and all(each.choice is Choice.DISMISS for each in receipt.lines):
        if receipt.kind in QUESTIONS:
            return ["Nothing was changed."]
        return [f"Dismissed {counted(n, 'mismatch', 'mismatches')}."]
    if not done:
        why = next((each.why for each in receipt.lines if each.why), "")
        return [f"Nothing was changed{f': {clean(why, 200)}' if why else ''}."]
    missed = n - finished
    few = "was" if missed == 1 else "were"
    tail = f" {number(missed)} {few} not changed: numbers had changed, or a store refused."
    return [*_what(receipt, done), *([tail] if missed else [])]


def _what(receipt: Receipt, done: Sequence[ReceiptLine]) -> list[Part]:
    """Return what was done of that kind."""
    writes = [write for each in done for write in each.writes]
    match receipt.kind:
        case ProposalKind.CIRCUIT_BREAKER:
            return [_stopped(done[0])]
        case ProposalKind.MODE:
            return [_mode_of(done[0])]
        case ProposalKind.PACK:
            return [f"The pack size was changed: {written(writes, 4) or 'nothing to write'}."]
        case ProposalKind.UNDO:
            undone = receipt.undoes or 0
            return [f"Receipt {undone} was undone: {written(writes, 4) or 'nothing to write'}."]
        case _:
            return _fix(receipt, done, writes)


def _mode_of(line: ReceiptLine) -> str:
    """Return which stores are in which mode now, from a title such as "two-way for us, de"."""
    mode, _, stores = line.title.partition(" for ")
    if not stores:
        return "The mode was changed."
    names = [store_name(each) for each in stores.split(", ")]
    verb = "is" if len(names) == 1 else "are"
    return f"{' and '.join(names)} {verb} now {clean(mode, 40)}."


def _fix(receipt: Receipt, done: Sequence[ReceiptLine], writes: Sequence[Write]) -> list[Part]:
    """Return what became of what was to be fixed."""
    if all(each.choice in IGNORED for each in done):
        count = counted(receipt.sums[1], "mismatch", "mismatches")
        return [f"Ignored {count}. Nothing was written."]
    if all(each.choice is Choice.RESUME for each in done):
        pending = written(writes, 4) or "nothing is pending"
        return ["Tipo updates ", title(done[0].title or "a product"), f" again: {pending}."]
    return _fixed(receipt, done, writes)


def _fixed(receipt: Receipt, done: Sequence[ReceiptLine], writes: Sequence[Write]) -> list[Part]:
    """Return which products were fixed, and what was written."""
    if receipt.total > len(receipt.lines):
        _, finished, moved = receipt.sums  # too many to name: not all of them are here
        return [f"Fixed {counted(finished, 'product')}: {counted(moved, 'unit')} moved."]
    if len(done) > 1:
        return [f"Fixed {counted(len(done), 'product')}: {_sums(writes)}."]
    one = done[0]
    told = written(writes, 4) or "nothing had to be written"
    return ["Fixed ", title(one.title or "a product"), f": {told}{_reason(one.change)}."]


def _reason(change: MissedChange | None) -> str:
    """Return what a store did, as the reason for a fix: (US sold 4, order #1002)."""
    if change is None or not change.delta:
        return ""
    store = store_name(change.store)
    if change.order and change.delta < 0:
        return f" ({store} sold {number(-change.delta)}, {clean(change.order, 60)})"
    return f" ({store} changed by {signed(change.delta)})"


IGNORED = {Choice.IGNORE, Choice.IGNORE_MONTH}
QUESTIONS = {ProposalKind.MODE, ProposalKind.UNDO, ProposalKind.PACK}  # each a message of its own


def _sums(writes: Sequence[Write]) -> str:
    """Return how many units were written to each store."""
    units: dict[str, int] = {}
    for each in writes:
        by = 0 if each.before is None else abs(each.after - each.before)
        units[each.store] = units.get(each.store, 0) + by
    told = [f"{counted(n, 'unit')} written to {store_name(store)}" for store, n in units.items()]
    return ", ".join(sorted(told)) or "nothing had to be written"


def _stopped(line: ReceiptLine) -> str:
    """Return what was decided about a safety stop."""
    store, pools = store_name(line.title), counted(line.pools, "product")
    match line.choice:
        case Choice.RELEASE:
            return f"{store}'s new numbers were applied: {pools}."
        case Choice.DISCARD:
            return f"{store}'s stock was restored: {pools} set back to the previous numbers."
        case _:
            return f"The change in {store} is being looked into; nothing was written."


SWITCHED: dict[str, str] = {
    Mode.TWO_WAY: "Turned on",
    Mode.ONE_WAY: "Set",
    Mode.OFF: "Turned off",
}


def _by(receipt: Receipt) -> str:
    """Return how somebody decided, as a verb."""
    choices = {each.choice for each in receipt.lines}
    if receipt.kind in QUESTIONS and choices == {Choice.DISMISS}:
        return "Cancelled"
    if receipt.kind is ProposalKind.MODE and receipt.sums[1]:
        return SWITCHED.get(receipt.lines[0].title.partition(" ")[0], "Approved")
    if receipt.kind is ProposalKind.CIRCUIT_BREAKER and choices == {Choice.INVESTIGATE}:
        return "Taken on"
    return "Decided" if choices <= {Choice.DISMISS, *IGNORED} else "Approved"


def _applying(receipt: Receipt) -> list[Part]:
    """Say who has decided, while it is being carried out."""
    n, done, _ = receipt.sums
    so_far = f" {number(done)} of {number(n)} done, the rest is pending." if done else ""
    by: list[Part] = [
        mention_part(receipt.by.id),
        " ",
        date(receipt.at),
        f", applying\u2026{so_far}",
    ]
    if n == 1:
        return [bold(CHOICES[receipt.lines[0].choice]), ": approved by ", *by]
    return [f"{counted(n, 'fix', 'fixes')} approved by ", *by]


def _line(line: ReceiptLine) -> tuple[object, ...]:
    """Return a line of a receipt for the table."""
    outcome = "done" if line.done else clean(line.why or "not done", 100)
    wrote = written(line.writes, 2) or None
    return (line.title, CHOICES[line.choice], wrote, outcome)


def undo_button(receipt: Receipt) -> Block | None:
    """Return the button that takes a receipt back, if there is something to take back."""
    moved = any(each.done and each.moved for each in receipt.lines)
    if receipt.running or receipt.undone_by is not None or not moved:
        return None
    says = f"Undo receipt {receipt.id}"
    return button(Action.UNDO, "Undo\u2026", f"{receipt.id}", says=says)
