"""A change of mode: what was found, what would be written, and the button that says so."""

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
    code,
    context,
    message,
    more,
    sentence,
    table,
)
from bot.text import clean, counted, number, units, when
from sync_core.domain.proposals import Choice, Proposal, ProposalState, Report, ReportState

WORST = (
    Column("Product", wrapped=True),
    Column("Store"),
    Column("Shows", right=True),
    Column("Should show", right=True),
)
MATCH, DIFFER = ("matching", "match", "agreed"), ("differing", "differ")
STEPS = {
    ReportState.WANTED: "waiting to begin",
    ReportState.EXPORTING: "the stores list all they have",
    ReportState.COMPARING: "comparing",
    ReportState.READING: "reading each difference again",
    ReportState.DONE: "done",
    ReportState.FAILED: "failed",
}


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
            "The stores could not be compared: ",
            clean(report.why_failed or "no reason was given", 300),
            ". Nothing was changed; try again.",
            sign="Warning",
        )
    if report.state is not ReportState.DONE:
        return progress(report=report)
    mode = clean(report.facts.get("mode", "the new mode"), 20)
    alias = report.facts.get("alias")
    whom = f"{clean(alias, 40)} becomes" if alias else "all stores become"
    match, differ = count(report.summary, *MATCH), count(report.summary, *DIFFER)
    parts: list[Part] = [
        f"Before {whom} ",
        bold(mode),
        f": {number(match)} match, {number(differ)} differ, ",
        f"{number(count(report.summary, 'missing', 'alone'))} have no partner.",
    ]
    blocks: list[Block] = [bullets(_would(report, differ)), *_worst(report)]
    is_open = proposal is not None and proposal.state is ProposalState.OPEN
    if proposal is None or not is_open:
        blocks.append(sentence("This question is settled; ask again to see what stands now."))
        return message(*parts, blocks=blocks)
    blocks += _buttons(mode, match, differ, proposal)
    blocks.append(context(f"Bound to these numbers; expires {when(proposal.expires_at)}."))
    return message(*parts, sign="Question", blocks=blocks)


def _would(report: Report, differ: int) -> list[list[Part]]:
    """Return what would be written, line by line."""
    lines: list[list[Part]] = [
        ["The switch itself writes nothing; what matches is kept equal from then on."]
    ]
    if differ:
        by, few = units(count(report.summary, "units")), "waits" if differ == 1 else "wait"
        lines.append(
            [f"{counted(differ, 'level')} {few} until you say which number holds: {by} in all."]
        )
    unusable = count(report.summary, "unusable")
    if unusable:
        lines.append(
            [f"{counted(unusable, 'level')} cannot be used: untracked, closed or bundles."]
        )
    compared = count(report.summary, "compared", "levels")
    if compared:
        lines.append([f"{counted(compared, 'level')} compared."])
    return lines


def _worst(report: Report) -> list[Block]:
    """Return the greatest differences, ten at most."""
    rows = ((each.title, each.store, each.shows, each.should_show) for each in report.worst[:10])
    blocks, shown = table(WORST, rows)
    return [*blocks, *more(count(report.summary, *DIFFER) - shown if shown else 0, "/tipo drift")]


def _buttons(mode: str, match: int, differ: int, proposal: Proposal) -> list[Block]:
    """Return Confirm, with the count that was shown in its label, and Cancel."""
    label = f"Switch to {mode}: {number(match)} match, {number(differ)} differ"
    question = asking(
        f"Switch to {mode}?",
        f"{number(match)} levels match and are kept equal from now on. "
        f"{number(differ)} differ and wait for your decision.",
        "Switch",
    )
    yes, no = (f"{Action.DECIDE}.{each}" for each in (Choice.CONFIRM, Choice.DISMISS))
    return actions(
        f"mode-{proposal.id}",
        button(yes, label, proposal.token, style="primary", confirm=question),
        button(no, "Cancel", proposal.token),
    )


def progress(*, report: Report) -> Message:
    """Say how far a comparison has come."""
    parts: list[Part] = ["Comparing the stores: ", STEPS[report.state], "."]
    lines: list[list[Part]] = [
        [bold(clean(store, 40)), ": ", clean(words, 200)]
        for store, words in list(report.progress.items())[:20]
    ]
    wait = sentence("You get the result here. Sales go on as usual; ", code("/tipo status"), ".")
    return message(*parts, blocks=[*([bullets(lines)] if lines else []), wait])
