"""A change of mode: what was found, what would be written, and the button that says so."""

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
    message,
    more_line,
    sentence,
    table,
)
from bot.text import clean, counted, number, store_name, units, when
from sync_core.domain.proposals import Choice, Proposal, ProposalState, Report, ReportState
from sync_core.domain.values import Mode

WORST = (
    TableColumn("Product", wrapped=True),
    TableColumn("Store"),
    TableColumn("Shows", right=True),
    TableColumn("Expected", right=True),
)
MATCH, DIFFER = ("matching", "match", "agreed"), ("differing", "differ")
MAX_STORES_NAMED = 5  # stores that a sentence names
STEPS = {
    ReportState.WANTED: "starting",
    ReportState.EXPORTING: "exporting every product",
    ReportState.COMPARING: "comparing the exports",
    ReportState.READING: "checking each mismatch again",
    ReportState.DONE: "done",
    ReportState.FAILED: "failed",
}

AFTER_30_MINUTES = "if it takes more than 30 minutes, as a direct message."
RESULT_HERE = (
    f"The result comes here, and only you see it; {AFTER_30_MINUTES} "
    "If there is something to decide, the report goes to the channel, too."
)
RESULT_DIRECT = (
    "The result comes as a direct message. "
    "If there is something to decide, the report goes to the channel, too."
)
ASK_AGAIN = (
    "Tipo has no channel yet, so it can't tell you when it's done: type /tipo drift in a minute."
)
QUESTION_HERE = (
    f"The result comes here with a Confirm button, and only you see it; {AFTER_30_MINUTES}"
)
QUESTION_DIRECT = "The result comes as a direct message with a Confirm button."


def count(facts: dict[str, object], *names: str) -> int:
    """Return a number among facts under the first of these names, else 0."""
    for name in names:
        value = facts.get(name)
        if isinstance(value, int):
            return value
    return 0


def preflight(*, report: Report, proposal: Proposal | None) -> Message:
    """Say what a change of mode would do; the button carries the count that was shown."""
    if report.state is ReportState.FAILED:
        return message(
            "The stores couldn't be compared: ",
            clean(report.why_failed or "no reason was given", 300),
            ". Nothing was changed; try again.",
            sign="Warning",
        )
    if report.state is not ReportState.DONE:
        return progress(report=report)
    mode = _mode(report)
    alias = report.facts.alias
    whom = f"{store_name(alias)} becomes" if alias else "all stores become"
    match, differ = count(report.summary, *MATCH), count(report.summary, *DIFFER)
    parts: list[Part] = [
        f"Before {whom} ",
        bold(mode),
        f": {counted(match, 'product')} {'matches' if match == 1 else 'match'}, ",
        f"{number(differ)} {'does' if differ == 1 else 'do'}n't, ",
        f"{number(count(report.summary, 'missing', 'alone'))} without a match in another store.",
    ]
    blocks: list[Block] = [bullets(_would(report, differ)), *_worst(report)]
    is_open = proposal is not None and proposal.state is ProposalState.OPEN
    if proposal is None or not is_open:
        blocks.append(sentence("Already decided. Ask again for current numbers."))
        return message(*parts, blocks=blocks)
    blocks += _buttons(report, match, differ, proposal)
    changed = "If stock changes before you confirm, you'll be asked again."
    blocks.append(context_block(f"{changed} Expires {when(proposal.expires_at)}."))
    return message(*parts, sign="Question", blocks=blocks)


def _mode(report: Report) -> str:
    """Return what the stores become."""
    return clean(report.facts.mode or "the new mode", 20) + " in shadow mode" * report.facts.shadow


def _would(report: Report, differ: int) -> list[list[Part]]:
    """Return what would be written, line by line."""
    kept = "The switch itself writes nothing; what matches is kept in sync from then on."
    shadow = "In shadow mode nothing is written to any store: you see what would have been."
    lines: list[list[Part]] = [[shadow if report.facts.shadow else kept]]
    if report.facts.ends_shadow:
        ends = "Shadow mode ends: nothing of it is written."
        lines.append([ends if report.facts.mode == Mode.OFF else f"{ends} Then Tipo writes."])
    if report.facts.mode == Mode.ONE_WAY:
        lines.append([bold(_one_way(report))])
    if differ:
        by, few = units(count(report.summary, "units")), "isn't" if differ == 1 else "aren't"
        pending = f"{counted(differ, 'mismatch', 'mismatches')} {few} synced until you decide"
        lines.append([f"{pending} which number is right: {by} in all."])
    unusable = count(report.summary, "unusable")
    if unusable:
        lines.append(
            [f"{counted(unusable, 'product')} can't be synced: untracked, closed or bundles."]
        )
    compared = count(report.summary, "compared", "levels")
    if compared:
        lines.append([f"{counted(compared, 'product')} compared."])
    return lines


def _one_way(report: Report) -> str:
    """Return what a one-way connection does not do."""
    modes = report.facts.before
    stores = (
        " and ".join(store_name(each) for each in list(modes)[:MAX_STORES_NAMED])
        or "the other store"
    )
    verb = "will no longer" if Mode.TWO_WAY in modes.values() else "will not"
    source = store_name(report.facts.source) if report.facts.source else "the source"
    return f"Sales and other changes in {stores} {verb} reach {source}; they become mismatches."


def _worst(report: Report) -> list[Block]:
    """Return the greatest differences, ten at most."""
    rows = (
        (each.title, store_name(each.store), each.shows, each.should_show)
        for each in report.worst[:10]
    )
    blocks, shown = table(WORST, rows)
    return [
        *blocks,
        *more_line(count(report.summary, *DIFFER) - shown if shown else 0, "/tipo drift"),
    ]


def _buttons(report: Report, match: int, differ: int, proposal: Proposal) -> list[Block]:
    """Return Confirm, with the count that was shown in its label, and Cancel."""
    mode = _mode(report)
    label = f"Switch to {mode}: {number(match)} match, {number(differ)} don't"
    lost = f" {_one_way(report)}" if mode == Mode.ONE_WAY else ""
    kept = "compared" if report.facts.shadow else "kept in sync"
    question = confirm_dialog(
        f"Switch to {mode}?",
        f"What matches is {kept} from now on; {number(differ)} that "
        f"{'does' if differ == 1 else 'do'} not match {'is' if differ == 1 else 'are'} not synced "
        f"until you decide.{lost}",
        "Switch",
    )
    yes, no = (f"{Action.DECIDE}.{each}" for each in (Choice.CONFIRM, Choice.DISMISS))
    return actions(
        f"mode-{proposal.id}",
        button(yes, label, proposal.token, style="primary", confirm=question),
        button(no, "Cancel", proposal.token),
    )


def progress(*, report: Report, promise: str = "") -> Message:
    """Say how far a comparison has come, and where its result will be told."""
    lines: list[list[Part]] = [
        [bold(store_name(store)), ": ", clean(words, 200)]
        for store, words in list(report.progress.items())[:20]
    ]
    said = [*([promise] if promise else []), "Syncing goes on meanwhile."]
    blocks = [*([bullets(lines)] if lines else []), sentence(" ".join(said))]
    return message(f"Comparing the stores: {STEPS[report.state]}.", blocks=blocks)
