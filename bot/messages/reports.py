"""A report: what doesn't match, why, what we suggest, what people decided.

the report                        the message
--------------------------------  -----------------------------------------------
is not finished                   how far it has come
has failed                        why, and what it had found by then, with the buttons
has a newer one                   outdated, with a link to the latest, without buttons
was made in shadow mode           what it has come to; what differs, without buttons; [Go live]
differs in nothing                in sync
waits for decisions               a table to sort and turn pages of; [Approve all safe]
                                  [Same for all] [Review] [Dismiss]
is decided                        who, when, what was written, [Undo]

The person who asked for a check is answered in a message of their own: what it found, and where
the report is.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.messages import shadow
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
    code,
    confirm_dialog,
    context_block,
    date,
    fit_blocks,
    link,
    message,
    more_line,
    sentence,
    table,
)
from bot.messages.bulk import is_for_all
from bot.messages.findings import cause, counted_kind, kind_words, product, row, row_line, why_line
from bot.messages.modes import count, progress
from bot.messages.proposals import ending, option_buttons, receipt_headline, undo_button
from bot.messages.state import books
from bot.text import clean, counted, mrkdwn, number, store_name
from sync_core.domain.proposals import (
    Proposal,
    ProposalState,
    Receipt,
    Report,
    ReportKind,
    ReportState,
)

COLUMNS = (TableColumn("Product"), TableColumn("Stock"), TableColumn("Suggested fix"))
MAX_WITH_BUTTONS = 6  # findings with buttons of their own
ROWS_AT_ONCE = 10  # of the table, whose pages people turn
MAX_ROWS_WITHOUT_THREAD = 12  # more of them are told again in the thread, each with its cause
ROWS_PER_PAGE, MAX_PAGES = 25, 8  # of the thread
NAMES = {
    ReportKind.NIGHT: "Nightly check",
    ReportKind.CHECK: "Check",
    ReportKind.PREFLIGHT: "Preview",
    ReportKind.BASELINE: "Initial comparison",
    ReportKind.DRIFT: "Open mismatches",
}


def report(
    *,
    report: Report,
    proposals: Sequence[Proposal],
    receipts: Sequence[Receipt] = (),
    latest: str = "",
) -> Message:
    """Say what a comparison found, and offer what can be done about it.

    Args:
        report: The comparison.
        proposals: Some of what it found, for the table.
        receipts: What people have decided.
        latest: The address of the latest report's message, if this one is outdated.
    """
    if report.state is ReportState.FAILED:
        return _failed(report, proposals, receipts)
    if report.state is not ReportState.DONE:
        return progress(report=report)
    if report.newer is not None:
        return _superseded(report, receipts, latest)
    if isinstance(body := report.summary.get("shadow"), dict):
        return _in_shadow(report, body, proposals)
    if report.open:
        return _open(report, proposals, receipts)
    return _decided(report, receipts) if report.decided or receipts else _agree(report)


def connected(*, report: Report, said: Message, mode: Sequence[Part]) -> Message:
    """Say that stores are in another mode now, and with it what comparing them has come to."""
    if report.state in {ReportState.DONE, ReportState.FAILED}:
        first, *rest = said.blocks
        return Message(said.text, fit_blocks([first, sentence(*mode), *rest]))
    return message(*mode, " The initial comparison is running.", blocks=said.blocks[1:-1])


def _failed(report: Report, proposals: Sequence[Proposal], receipts: Sequence[Receipt]) -> Message:
    """Say why a comparison did not finish; what it had found by then can be decided here."""
    why = clean(report.why_failed or "no reason was given", 300)
    found: list[Block] = []
    if report.open:
        found = [sentence(f"It had found {counted(report.open, 'mismatch', 'mismatches')}:")]
        found += _offers(report, proposals)
    return message(
        f"{NAMES[report.kind]} failed: {why}. Nothing was written. Try again: ",
        code("/tipo check"),
        ".",
        sign="Warning",
        blocks=[*found, *_done(receipts), *(_buttons(report, proposals) if report.open else [])],
    )


def answer(*, report: Report, url: str = "") -> Message:
    """Tell the person who asked for a check what came of it; the report is in the channel."""
    if report.state is ReportState.FAILED:
        return _failed(report, (), ())
    blocks = [*_unsure(report), *_small(report)]
    if report.open:
        new = count(report.summary, "new")
        fresh = "" if new == report.open else f", {number(new)} of them new"
        fresh = ", all of them new" if new == report.open > 1 else fresh
        return message(
            f"{_mismatches(report.open)}{fresh}. The ",
            link("report", url),
            " is in the channel."
            if report.summary.get("shadow")
            else " is in the channel: decide there.",
            sign="Question",
            blocks=blocks,
        )
    if report.newer is not None:
        newer: list[Part] = ["A newer check has finished: its ", link("report", url)]
        return message(*newer, " is in the channel.", blocks=blocks)
    if _unsure(report):
        return message("No mismatch, as far as the stores could be compared.", blocks=blocks)
    if report.kind is ReportKind.PREFLIGHT and count(report.summary, "differing"):
        differ = count(report.summary, "differing")
        return message(f"{_mismatches(differ)}.", blocks=blocks)
    return message("All compared products are in sync.", sign="Done", blocks=blocks)


def _mismatches(n: int) -> str:
    """Return how many products don't match."""
    return "1 product doesn't match" if n == 1 else f"{number(n)} products don't match"


def _unsure(report: Report) -> list[Block]:
    """Return what could not be compared: unknown is never in sync."""
    odd, silent = (report.summary.get(each) or [] for each in ("disbelieved", "unread"))
    lines: list[list[Part]] = []
    for store in odd if isinstance(odd, list) else []:
        why = "its export has less than half of the products that Tipo knows"
        lines.append([bold(store_name(store)), f" wasn't compared: {why}."])
    lines += [[f"{clean(each, 200)}."] for each in (silent if isinstance(silent, list) else [])]
    return [bullets(lines[:10])] if lines else []


def _superseded(report: Report, receipts: Sequence[Receipt], latest: str) -> Message:
    """Say that another report counts now; nothing can be clicked here any more."""
    return message(
        *_name(report),
        ": outdated, see the ",
        link("latest report", latest),
        ".",
        blocks=_done(receipts),
    )


def _agree(report: Report) -> Message:
    """Say that there is nothing to do, in one line."""
    if _unsure(report):
        blocks = [*_unsure(report), *_small(report)]
        return message(
            *_name(report),
            ": no mismatch found, but not everything could be read.",
            blocks=blocks,
        )
    compared = _compared(report)
    of = f" {compared}." if compared else ""
    small = _small(report, compared=False)
    return message(*_name(report), f": in sync.{of}", sign="Done", blocks=small)


def _compared(report: Report) -> str:
    """Return how much was compared."""
    levels = count(report.summary, "compared", "levels")
    return f"{counted(levels, 'stock level')} compared" if levels else ""


def _decided(report: Report, receipts: Sequence[Receipt]) -> Message:
    """Say who decided, and what was written, or is being written."""
    running = any(each.running for each in receipts)
    what = counted(report.decided, "mismatch", "mismatches") if report.decided else "everything"
    tail = "decided, applying\u2026" if running else "decided, none open."
    return message(
        *_name(report),
        f": {what} {tail}",
        sign="" if running else "Done",
        blocks=[*_done(receipts), *_small(report)],
    )


def _name(report: Report) -> list[Part]:
    """Return what a report is called: by its day, as the reader's clock has it."""
    if report.kind is ReportKind.DRIFT:
        return [NAMES[report.kind]]
    at = report.finished_at or report.wanted_at
    return [f"{NAMES[report.kind]} of ", date(at, "{date}")]


def _open(report: Report, proposals: Sequence[Proposal], receipts: Sequence[Receipt]) -> Message:
    """Say what waits for a decision, with a table and the buttons."""
    safe = f" {number(report.safe)} have a safe fix." if report.safe > 1 else ""
    safe = " 1 has a safe fix." if report.safe == 1 else safe
    parts: list[Part] = [*_name(report), f": {_mismatches(report.open)}.{safe}"]
    blocks = [
        *_offers(report, proposals),
        *_done(receipts),
        *_buttons(report, proposals),
        *_unsure(report),
        *_small(report),
    ]
    return message(*parts, sign="Question", blocks=blocks)


def _in_shadow(report: Report, body: dict[str, Any], proposals: Sequence[Proposal]) -> Message:
    """Say whether Tipo would have kept the stores equal; nothing can be decided meanwhile."""
    rows, shown = _sortable([each for each in proposals if each.state is ProposalState.OPEN])
    head = [sentence(f"{_mismatches(report.open)}:")] if report.open else []
    found = [*head, *rows, *more_line(report.open - shown, "/tipo drift")]
    if report.kind not in {ReportKind.NIGHT, ReportKind.CHECK}:  # nothing was compared as a whole
        few = f"{_mismatches(report.open)}." if report.open else "No mismatch is open."
        said = [*_name(report), ": ", *shadow.nothing_written(), few]
        return message(*said, sign="Note", blocks=[*found[1:], *_unsure(report), *_small(report)])
    sign = "Warning" if body.get("wrong") or _unsure(report) else "Done"
    said = [*_name(report), ": ", *shadow.nothing_written(), *shadow.verdict(body)]
    blocks = [*shadow.wrong_lines(body), *found, *shadow.go_live_row(f"report-{report.id}")]
    return message(*said, sign=sign, blocks=[*blocks, *_unsure(report), *_small(report)])


def _offers(report: Report, proposals: Sequence[Proposal]) -> list[Block]:
    """Return the findings that wait, as many as Slack takes, and how many more there are.

    A short list has the buttons of each; a longer one is a table, with Review.
    """
    waiting = [each for each in proposals if each.state is ProposalState.OPEN]
    if report.kind is ReportKind.DRIFT and report.open <= MAX_WITH_BUTTONS:
        blocks, shown = _one_by_one(waiting), len(waiting)
    else:
        blocks, shown = _sortable(waiting)
    return [*blocks, *_rest(report.open - shown)]


def _sortable(waiting: Sequence[Proposal]) -> tuple[list[Block], int]:
    """Return a table that people can sort and turn pages of, and how many rows it has."""
    plain, shown = table(COLUMNS, map(row, waiting))
    made: list[Block] = [
        {
            "type": "data_table",
            "caption": "Mismatches, safe fixes first",
            "rows": each["rows"],
            "page_size": ROWS_AT_ONCE,
            "row_header_column_index": 0,
        }
        for each in plain
    ]
    return made, shown


def _one_by_one(waiting: Sequence[Proposal]) -> list[Block]:
    """Return findings, each with buttons of its own."""
    blocks: list[Block] = []
    for each in waiting[:MAX_WITH_BUTTONS]:
        why = why_line(each.facts)
        small = [context_block(why)] if why else []
        blocks += [sentence(*row_line(each)), *small, *option_buttons(each)]
    return blocks


def _rest(left: int) -> list[Block]:
    """Return the line that says that there is more."""
    return [sentence(f"and {number(left)} more: Review lists them all.")] if left > 0 else []


def _buttons(report: Report, proposals: Sequence[Proposal]) -> list[Block]:
    """Return the buttons of a report: all that is safe, one choice for all, one by one, none."""
    approve = None
    if report.safe:
        question = confirm_dialog(
            f"Apply {counted(report.safe, 'safe fix', 'safe fixes')}?",
            "Tipo reads each product again first. Where a number has changed, nothing is written.",
            "Apply",
        )
        label = f"Approve all safe ({number(report.safe)})"
        approve = button(Action.DECIDE_ALL, label, report.token, style="primary", confirm=question)
    dismiss = confirm_dialog(
        f"Dismiss {counted(report.open, 'mismatch', 'mismatches')}?",
        "Nothing is written. What still doesn't match comes back with the next check.",
        "Dismiss",
    )
    many = sum(1 for each in proposals if is_for_all(each)) > 1
    return actions(
        f"report-{report.id}",
        approve,
        button(Action.BULK, "Same choice for all\u2026", report.token) if many else None,
        button(Action.REVIEW, "Review\u2026", report.token),
        button(Action.DISMISS_REPORT, "Dismiss", report.token, confirm=dismiss),
    )


def _done(receipts: Sequence[Receipt]) -> list[Block]:
    """Return what people decided, and the button that takes the last of it back."""
    if not receipts:
        return []
    latest = sorted(receipts, key=lambda each: each.id)[-10:]
    left = len(receipts) - len(latest)
    earlier = [sentence(f"{counted(left, 'earlier decision')} before these.")] if left else []
    undo = [each for each in map(undo_button, latest) if each is not None][-1:]
    return [*earlier, bullets(map(receipt_headline, latest)), *actions("undo", *undo)]


def _small(report: Report, *, compared: bool = True) -> list[Block]:
    """Return counts by cause, and what Tipo did by itself, as small print.

    `compared`: also how much was compared, if that is not said above.
    """
    most = sorted(report.counts.items(), key=lambda each: (-each[1], each[0]))
    words = [mrkdwn(counted_kind(n, kind)) for kind, n in most if n]
    auto = count(report.summary, "auto", "auto_approved")
    if auto:
        words.append(f"Tipo fixed {number(auto)} by itself, as its settings allow")
    if compared and _compared(report):
        words.append(_compared(report))
    small = [context_block(" \u00b7 ".join(words[:20]))] if words else []
    return [*small, *_books(report)]


def _books(report: Report) -> list[Block]:
    """Return what the night's audit of all books came to."""
    found = report.summary.get("books")
    if not isinstance(found, dict):
        return []
    at = datetime.fromisoformat(str(found["at"]))
    words = books(pools=int(found["pools"]), wrong=int(found["wrong"]), at=at)
    return [context_block(words)] if words else []


def report_thread(*, report: Report, proposals: Sequence[Proposal]) -> list[Message]:
    """Return the details for the thread, page by page; not more pages than people read."""
    pages = [
        proposals[start : start + ROWS_PER_PAGE]
        for start in range(0, len(proposals), ROWS_PER_PAGE)
    ][:MAX_PAGES]
    said = [_page(at, page, len(proposals)) for at, page in enumerate(pages)]
    left = max(report.open, len(proposals)) - ROWS_PER_PAGE * MAX_PAGES
    if said and left > 0:
        last = said[-1]
        said[-1] = Message(last.text, [*last.blocks, *more_line(left, "/tipo drift")])
    return said


def details(*, report: Report, proposals: Sequence[Proposal]) -> Message:
    """Return the details as one message of the thread; a quiet night has one line of them."""
    pages = report_thread(report=report, proposals=proposals)
    if not pages:
        return message("Nothing to decide in this report.", blocks=_small(report))
    first = pages[0].blocks[0]
    rest = [block for page in pages for block in page.blocks[1:]]
    return Message(pages[0].text, [first, *rest, *_small(report)])


def _page(at: int, page: Sequence[Proposal], total: int) -> Message:
    """Return one message of the thread."""
    first = at * ROWS_PER_PAGE + 1
    head = f"Mismatches {first} to {first + len(page) - 1} of {number(total)}:"
    return message(head, blocks=[bullets(_detail(each) for each in page)])


def _detail(proposal: Proposal) -> list[Part]:
    """Return one finding: its row, why, until when it can be decided; or what was decided."""
    if proposal.state is not ProposalState.OPEN:
        return [product(proposal), ": ", *ending(proposal)]
    why = cause(proposal.facts) or kind_words(proposal.subject)
    return [*row_line(proposal), f" \u00b7 {why} \u00b7 open until ", date(proposal.expires_at)]
