"""How things stand: each store, its connection, and what waits."""

from collections.abc import Iterator
from datetime import datetime

from bot.messages.kit import (
    Action,
    Block,
    Column,
    Message,
    Part,
    actions,
    bold,
    button,
    code,
    context,
    message,
    moment,
    sentence,
    share_button,
    table,
)
from bot.text import clean, counted, duration, mrkdwn, number, when
from sync_core.domain.proposals import Report
from sync_core.domain.values import Mode, Role
from sync_core.domain.views import Overview, StoreView

MODES = {
    Mode.TWO_WAY: "changes in either store reach the other",
    Mode.ONE_WAY: "only the source's changes are written",
    Mode.OFF: "nothing is written",
}
START: list[Part] = ["Start ", code("tipo serve"), "."]
NAMED = 20  # stores that one sentence names
COLUMNS = (
    Column("Store", wrapped=True),
    Column("Connection"),
    Column("Waiting", right=True),
    Column("Left alone", right=True),
    Column("Delay p50 / p95", right=True),
    Column("Last event"),
)


def status(
    *,
    overview: Overview,
    serving: bool,
    last_report: Report | None,
    now: datetime,
    share: str = "",
) -> Message:
    """Say how things stand, at a glance."""
    sign, parts = standing(overview, serving=serving)
    blocks, shown = table(COLUMNS, map(row, overview.stores))
    left = len(overview.stores) - shown
    return message(
        *parts,
        sign=sign,
        blocks=[
            *blocks,
            *([sentence(f"and {counted(left, 'store')} more.")] if left else []),
            context(counts(overview), last_compare(last_report), f"As of {when(now)}"),
            *actions(
                "status",
                button(Action.DRIFT, "Show what stands", "drift") if overview.findings else None,
                share_button(share),
            ),
        ],
    )


def standing(overview: Overview, *, serving: bool) -> tuple[str, list[Part]]:
    """Return how bad it is, and the news in one sentence; the worst comes first."""
    worst = next(_ladder(overview, serving=serving), None)
    return worst or ("Done", [f"All {counted(len(overview.stores), 'store')} are in step."])


def _ladder(overview: Overview, *, serving: bool) -> Iterator[tuple[str, list[Part]]]:
    """Yield what is not as it should be, the worst first."""
    held = [each for each in overview.stores if each.held_why]
    waiting = sum(each.due + each.looks + each.open for each in overview.stores)
    if not serving:
        yield "Critical", ["Tipo is not running, so nothing is counted or written. ", *START]
    if held:
        names = ", ".join(clean(each.alias, 40) for each in held[:5])
        why = clean(held[0].held_why, 200).rstrip(".")
        yield "Critical", [f"{names} {'is' if len(held) == 1 else 'are'} held: {why}."]
    if overview.brakes:
        stores = ", ".join(clean(each.store, 40) for each in overview.brakes[:5])
        yield "Critical", [f"Changes from {stores} are held until somebody decides."]
    if overview.oversold:
        yield "Critical", [f"{counted(overview.oversold, 'product')} oversold."]
    if overview.paused:
        by = clean(overview.paused, 80)
        yield "Paused", [f"Writing is paused ({by}); sales go on being counted."]
    if overview.findings:
        few = "waits" if overview.findings == 1 else "wait"
        yield "Warning", [f"{counted(overview.findings, 'finding')} {few} for a decision."]
    if waiting:
        yield "Note", [f"{counted(waiting, 'change')} on the way; all else is in step."]


def row(store: StoreView) -> tuple[object, ...]:
    """Return what the table says of a store."""
    return (
        _name(store),
        connection(store),
        store.due + store.looks + store.open,
        store.suspended,
        delay(store),
        store.last_delivery_at,
    )


def _name(store: StoreView) -> str:
    """Return what a store is called, with its domain if that says more."""
    alias = clean(store.alias, 40)
    return alias if store.domain.startswith(f"{alias}.") else f"{alias} ({clean(store.domain, 60)})"


def connection(store: StoreView) -> str:
    """Return how a store takes part, in one or two words."""
    if store.held_why:
        return "held"
    return "source" if store.role is Role.SOURCE else (store.mode or Mode.OFF).value


def delay(store: StoreView) -> str:
    """Return how long writes took within the last hour."""
    if store.seconds_p50 is None or store.seconds_p95 is None:
        return "no writes"
    return f"{duration(store.seconds_p50)} / {duration(store.seconds_p95)}"


def counts(overview: Overview) -> str:
    """Return the counts that matter, as small print."""
    words = [
        f"{number(overview.agreed)} of {counted(overview.pools, 'pool')} agreed",
        f"{number(overview.differing)} differ",
        f"{number(overview.oversold)} oversold",
        counted(overview.findings, "finding"),
    ]
    if overview.unhandled:
        since = moment(overview.oldest_unhandled_at, "now")
        words.append(f"{counted(overview.unhandled, 'webhook')} to handle since {since}")
    return " \u00b7 ".join(words)


def last_compare(report: Report | None) -> str:
    """Return when the stores were last compared, and what came of it."""
    if report is None:
        return "The stores have not been compared yet."
    return f"Last compared {moment(report.finished_at)}: {counted(report.open, 'decision')} open."


def mode_now(*, overview: Overview, share: str = "") -> Message:
    """Say how each destination is connected, and how to change it."""
    parts: list[Part] = []
    destinations = [each for each in overview.stores if each.role is not Role.SOURCE]
    left = len(destinations) - NAMED
    for each in destinations[:NAMED]:
        mode = each.mode or Mode.OFF
        parts += [", " if parts else "", clean(each.alias, 40), " is ", bold(mode.value)]
        parts += [f" ({MODES[mode]})"]
    if not parts:
        return message("There is no destination yet: only the source is set up.")
    hint = sentence(
        "To change it: ",
        code("/tipo mode two-way"),
        ", ",
        code("/tipo mode one-way"),
        " or ",
        code("/tipo mode off"),
        ", with a store's name if you mean one. You see what would be written first.",
    )
    held = [f"{mrkdwn(each.alias, 40)} is held" for each in overview.stores if each.held_why]
    ending = [*([context(", ".join(held[:NAMED]))] if held else []), *share_it(share)]
    rest = f", and {counted(left, 'more store')}" if left > 0 else ""
    return message(*parts[1:], f"{rest}.", blocks=[hint, *ending])


def share_it(share: str) -> list[Block]:
    """Return the row with the Share button, if the answer may be shared."""
    return actions("share", share_button(share))
