"""How things stand: each store, its connection, and what waits."""

from collections.abc import Callable, Iterable
from datetime import datetime

from bot.messages import shadow
from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    Block,
    Message,
    Part,
    TableColumn,
    actions,
    bold,
    button,
    code,
    context_block,
    date,
    date_or,
    fact_lines,
    message,
    open_line,
    sentence,
    share_button,
)
from bot.messages.links import NO_LINKS, Links, mrkdwn_link, see_alerts
from bot.text import clean, counted, duration, mrkdwn, number, store_name, when
from sync_core.domain.admin_pages import store_page
from sync_core.domain.leases import LeaseState
from sync_core.domain.proposals import Report
from sync_core.domain.sync_status import SyncState, SyncStatus, read_pause, sync_status
from sync_core.domain.values import Mode, Role
from sync_core.domain.views import Overview, StoreView

MODES = {
    Mode.TWO_WAY: "changes in either store reach the other",
    Mode.ONE_WAY: "only the source's changes reach it; its own sales reach no other store",
    Mode.OFF: "nothing is synced",
}
CONNECTIONS = {
    LeaseState.FOREIGN: "another Tipo writes",
    LeaseState.OLDER: "older database",
    LeaseState.TAKING_OVER: "being taken over",
}
START: list[Part] = ["Start ", code("tipo serve"), "."]
MAX_STORES_NAMED = 20  # stores that one sentence names
BOTH = 2
MAX_STORES = 30  # that the list shows
COLUMNS = tuple(
    map(
        TableColumn,
        ("Store", "Connection", "Pending", "Not synced", "Usual delay / slowest 5 %", "Last event"),
    )
)


def status(  # noqa: PLR0913 - all that a message says, each by its name
    *,
    overview: Overview,
    serving: bool,
    last_report: Report | None,
    now: datetime,
    share: str = "",
    links: Links = NO_LINKS,
    night: str = "",
) -> Message:
    """Say how things stand, at a glance; alerts and the last report lead to their messages.

    `night` is the small print about when the stores are compared.
    """
    compared = last_report is not None
    sign, parts = headline(overview, serving=serving, compared=compared, links=links)
    return message(
        *parts,
        sign=sign,
        blocks=[
            *store_lines(overview),
            context_block(counts(overview), last_compare(last_report, links), f"As of {when(now)}"),
            context_block(writers(overview), *([night] if night else [])),
            *open_line(
                {store_name(each.alias): store_page(each.domain) for each in overview.stores}
            ),
            *actions(
                "status",
                button(Action.DRIFT, "Show mismatches", "drift") if overview.findings else None,
                shadow.go_live() if overview.shadow else None,
                share_button(share),
            ),
        ],
    )


def headline(
    overview: Overview, *, serving: bool, compared: bool, links: Links = NO_LINKS
) -> tuple[str, list[Part]]:
    """Return how bad it is, and the news in a sentence or two."""
    now = sync_status(overview, serving=serving, compared=compared)
    sign, parts = SAYS[now.state](overview, now)
    kinds = ALERTS.get(now.state, ())
    parts = [*parts, *see_alerts([each for kind in kinds for each in links.alerts.get(kind, ())])]
    if now.off and now.state not in {SyncState.OFF, SyncState.SHADOW}:
        parts = [*parts, " ", *_off(now)]
    if overview.shadow is not None and now.state is not SyncState.SHADOW:
        parts = [*parts, " ", *shadow.headline(overview.shadow)]
    return sign, parts


ALERTS = {  # in which alerts a state is told as well
    SyncState.NOT_OURS: ("lease", "older_database"),
    SyncState.CANT_UPDATE: ("store_blocked",),
    SyncState.SAFETY_STOP: ("circuit_breaker",),
    SyncState.OVERSOLD: ("oversold",),
    SyncState.PAUSED: ("paused",),
}
ALERT_KINDS = tuple(kind for kinds in ALERTS.values() for kind in kinds)
Said = tuple[str, list[Part]]


def _not_running(*_: object) -> Said:
    return "Critical", ["Tipo is not running: nothing is counted or written. ", *START]


def _not_ours(_: Overview, now: SyncStatus) -> Said:
    stores = {
        state: [each for each in now.not_ours if each.lease.state is state] for state in LeaseState
    }
    see: list[Part] = [" See ", code("/tipo takeover"), "."]
    if older := stores[LeaseState.OLDER]:
        names = join_names(each.alias for each in older)
        words = f"This database is older than what Tipo has done in {names}: nothing is written."
        return "Critical", [words, *see]
    if foreign := stores[LeaseState.FOREIGN]:
        names = join_names(each.alias for each in foreign)
        return "Critical", [f"Another Tipo writes to {names}, so this one does not.", *see]
    names, by = join_names(each.alias for each in now.not_ours), now.not_ours[0].lease.by
    words = f"{clean(by, 80)} is taking over {names}: writing starts in a minute or two."
    return "Note", [words]


def _cant_update(_: Overview, now: SyncStatus) -> Said:
    names = join_names(each.alias for each in now.refusing)
    why = clean(now.refusing[0].blocked_why, 200).rstrip(".")
    return "Critical", [f"Can't update {names}: {why}. Changes are queued; none are lost."]


def _in_shadow(overview: Overview, _: SyncStatus) -> Said:
    return "Note", [] if overview.shadow is None else shadow.headline(overview.shadow)


def _safety_stop(overview: Overview, _: SyncStatus) -> Said:
    first = overview.breakers[0]
    pools, store = counted(first.pools, "product"), store_name(first.store)
    left = len(overview.breakers) - 1
    few = "needs" if first.pools == 1 else "need"
    more_line = f" {counted(left, 'more safety stop')} {_is(left)} open." if left else ""
    looking = f" {clean(first.investigated_by, 80)} is on it." if first.investigated_by else ""
    return "Critical", [f"Safety stop: {pools} in {store} {few} a decision.{looking}{more_line}"]


def _oversold(overview: Overview, _: SyncStatus) -> Said:
    few = "is" if overview.oversold == 1 else "are"
    return "Critical", [f"{counted(overview.oversold, 'product')} {few} oversold."]


def _paused(overview: Overview, _: SyncStatus) -> Said:
    resume: list[Part] = ["Changes are counted, and written after ", code("/tipo resume"), "."]
    return "Paused", ["Writing is paused (", *paused_by(overview.paused or ""), "). ", *resume]


def paused_by(kept: str) -> list[Part]:
    """Return who has paused, and when, by the reader's clock."""
    by, at = read_pause(kept)
    return [clean(by, 80), *([", ", date(at)] if at else [])]


def _all_off(overview: Overview, now: SyncStatus) -> Said:
    if not now.off:
        only = join_names(each.alias for each in overview.stores) or "No store"
        return "Off", [f"{only} is set up alone: add a second store to sync with."]
    return "Off", _off(now)


def _off(now: SyncStatus) -> list[Part]:
    """Return which stores are off, and how to turn them on."""
    few = "isn't" if len(now.off) == 1 else "aren't"
    it = "it" if len(now.off) == 1 else "them"
    alone = len(now.off) == 1 and len(now.connected) > 1
    command = f"/tipo mode two-way{f' {now.off[0].alias}' if alone else ''}"
    names = join_names(each.alias for each in now.off)
    return [f"{names} {few} connected yet. Turn {it} on with ", code(command), "."]


def _nothing_matched(*_: object) -> Said:
    return "Warning", ["No product matches between the stores. See ", code("/tipo unmatched"), "."]


def _never_compared(_: Overview, now: SyncStatus) -> Said:
    few = f" {counted(now.pending, 'change')} {_is(now.pending)} pending." if now.pending else ""
    check: list[Part] = [
        code("/tipo check"),
        " compares them now; otherwise it runs at night.",
        *([few] if few else []),  # Slack refuses a text that is empty
    ]
    return "Note", ["Changes are synced, but the stores haven't been compared yet. ", *check]


def _pending(overview: Overview, now: SyncStatus) -> Said:
    told = [f"{counted(now.pending, 'change')} {_is(now.pending)} pending."]
    return "Note", [*told, *([f" {_open(overview)}"] if overview.findings else [])]


def _mismatches(overview: Overview, _: SyncStatus) -> Said:
    return "Warning", [_open(overview)]


def _open(overview: Overview) -> str:
    few = "needs" if overview.findings == 1 else "need"
    return f"{counted(overview.findings, 'mismatch', 'mismatches')} {few} a decision."


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _in_sync(_: Overview, now: SyncStatus) -> Said:
    if now.off:
        return "Done", [f"{join_names(each.alias for each in now.connected)} are in sync."]
    n = len(now.connected)
    return "Done", ["Both stores are in sync." if n == BOTH else f"All {n} stores are in sync."]


def join_names(aliases: Iterable[str]) -> str:
    """Return stores as people list them: EU, US and UK."""
    names = [store_name(each) for each in aliases]
    left = len(names) - MAX_STORES_NAMED
    if left > 0:
        return f"{', '.join(names[:MAX_STORES_NAMED])} and {counted(left, 'more store')}"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


SAYS: dict[SyncState, Callable[[Overview, SyncStatus], Said]] = {
    SyncState.NOT_RUNNING: _not_running,
    SyncState.NOT_OURS: _not_ours,
    SyncState.CANT_UPDATE: _cant_update,
    SyncState.SHADOW: _in_shadow,
    SyncState.SAFETY_STOP: _safety_stop,
    SyncState.OVERSOLD: _oversold,
    SyncState.PAUSED: _paused,
    SyncState.OFF: _all_off,
    SyncState.NOTHING_MATCHED: _nothing_matched,
    SyncState.NEVER_COMPARED: _never_compared,
    SyncState.PENDING: _pending,
    SyncState.MISMATCHES: _mismatches,
    SyncState.IN_SYNC: _in_sync,
}


def store_lines(overview: Overview) -> list[Block]:
    """Return a line for each store: a table of so many columns is cut off on a phone."""
    left = len(overview.stores) - MAX_STORES
    more = [sentence(f"and {counted(left, 'store')} more.")] if left > 0 else []
    return [*fact_lines(COLUMNS, map(row, overview.stores[:MAX_STORES])), *more]


def row(store: StoreView) -> tuple[object, ...]:
    """Return what a line says of a store."""
    return (
        _name(store),
        connection(store),
        store.due + store.refreshes + store.open,
        store.suspended,
        delay(store),
        store.last_delivery_at,
    )


def _name(store: StoreView) -> str:
    """Return what a store is called, with its domain if that says more."""
    alias = clean(store.alias, 40)
    name = store_name(store.alias)
    domain = store.domain.removesuffix(".myshopify.com")
    return name if domain == alias else f"{name} ({clean(domain, 60)})"


def connection(store: StoreView) -> str:
    """Return how a store takes part, in a few words."""
    if store.lease.is_in_the_way:
        return CONNECTIONS[store.lease.state]
    if store.blocked_why:
        return "can't be updated"
    return "source" if store.role is Role.SOURCE else (store.mode or Mode.OFF).value


def writers(overview: Overview) -> str:
    """Return which stores this Tipo writes to and since when, as small print."""
    if overview.shadow is not None:
        return "This Tipo writes to no store: shadow mode."
    ours = [each for each in overview.stores if each.lease.state is LeaseState.OURS]
    told = [
        f"{mrkdwn(store_name(each.alias), 40)} since {when(each.lease.since, '{date_short}')}"
        for each in ours[:MAX_STORES_NAMED]
        if each.lease.since
    ]
    if not told:
        return "This Tipo writes to no store."
    name = f" ({mrkdwn(overview.instance, 20)})" if overview.instance else ""
    left = f" and {len(ours) - MAX_STORES_NAMED} more" if len(ours) > MAX_STORES_NAMED else ""
    return f"This Tipo{name} writes to {', '.join(told)}{left}."


def delay(store: StoreView) -> str:
    """Return how long writes took within the last hour."""
    if store.seconds_p50 is None or store.seconds_p95 is None:
        return "no writes"
    return f"{duration(store.seconds_p50)} / {duration(store.seconds_p95)}"


def counts(overview: Overview) -> str:
    """Return the counts that matter, as small print."""
    words = [
        f"{number(overview.agreed)} of {counted(overview.pools, 'matched product')} synced",
        f"{number(overview.differing)} {'doesn' if overview.differing == 1 else 'don'}'t match",
        f"{number(overview.oversold)} oversold",
        f"{number(overview.findings)} open",
    ]
    if overview.unhandled:
        since = date_or(overview.oldest_unhandled_at, "now")
        words.append(f"{counted(overview.unhandled, 'notification')} pending since {since}")
    return " \u00b7 ".join(words)


def books(*, pools: int, wrong: int, at: datetime) -> str:
    """Return what the last whole audit came to, in a line of small print; empty: of nothing."""
    if not pools:
        return ""
    many, time = counted(pools, "product"), when(at, "{time}")
    if not wrong:
        return f"Books: {many}, every unit explained, {time}"
    return f"Books: {number(wrong)} of {many} {'doesn' if wrong == 1 else 'don'}'t add up, {time}"


def last_compare(report: Report | None, links: Links = NO_LINKS) -> str:
    """Return when the stores were last compared, and what came of it; it leads to the report."""
    if report is None:
        return "The stores have not been compared yet."
    few = counted(report.open, "mismatch", "mismatches")
    words = mrkdwn_link("Last compared", links.reports.get(report.id))
    return f"{words} {date_or(report.finished_at)}: {few} open."


def mode_now(*, overview: Overview, share: str = "") -> Message:
    """Say how each destination is connected, and how to change it."""
    parts: list[Part] = []
    destinations = [each for each in overview.stores if each.role is not Role.SOURCE]
    left = len(destinations) - MAX_STORES_NAMED
    for each in destinations[:MAX_STORES_NAMED]:
        mode = each.mode or Mode.OFF
        parts += [", " if parts else "", store_name(each.alias), " is ", bold(mode.value)]
        parts += [f" ({MODES[mode]})"]
    if not parts:
        return message("Only one store is set up: add a second store to sync with.")
    if overview.shadow is not None:
        parts += [". ", *shadow.headline(overview.shadow)[:-1]]
    hint = sentence(
        "To change it: ",
        code("/tipo mode two-way"),
        ", ",
        code("/tipo mode one-way"),
        " or ",
        code("/tipo mode off"),
        ", and a store's name to change only one. With ",
        code("--shadow"),
        " nothing is written. You see what it means before anything changes.",
    )
    writing_blocked = [
        f"{mrkdwn(store_name(each.alias), 40)} can't be updated"
        for each in overview.stores
        if each.blocked_why
    ]
    ending = [
        *(
            [context_block(", ".join(writing_blocked[:MAX_STORES_NAMED]))]
            if writing_blocked
            else []
        ),
        *share_it(share),
    ]
    rest = f", and {counted(left, 'more store')}" if left > 0 else ""
    return message(*parts[1:], f"{rest}.", blocks=[hint, *ending])


def share_it(share: str) -> list[Block]:
    """Return the row with the Share button, if the answer may be shared."""
    return actions("share", share_button(share))
