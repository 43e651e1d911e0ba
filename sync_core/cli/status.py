"""`tipo status`, `tipo pause` and `tipo resume`."""

from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import typer

from sync_core.app.parts import Parts
from sync_core.cli.output import echo, echo_json, echo_table, format_age, format_time
from sync_core.cli.runtime import AsJson, Yes, confirm, run_with_parts, user_name
from sync_core.cli.safety_stop import describe_stop, format_products
from sync_core.domain.drift import PASSING
from sync_core.domain.leases import LeaseState
from sync_core.domain.nights import next_night
from sync_core.domain.process_roles import ProcessRole, describe_missing, partly_missing
from sync_core.domain.proposals import Report, ReportKind
from sync_core.domain.shadow import SHADOW_WORDS, Shadow, ShadowView
from sync_core.domain.sync_status import SyncState, SyncStatus, sync_status
from sync_core.domain.views import Overview

KIND_WORDS = {ReportKind.BASELINE: "initial comparison"}
STORE_COLUMNS = (
    *("store", "role", "mode", "stock levels", "matched", "pending", "being written"),
    *("to be read", "not synced", "last webhook", "usual delay", "slowest 5 %"),
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(status)
    app.command("pause")(pause)
    app.command("resume")(resume)


def status(*, as_json: AsJson = False) -> None:
    """Show the stores, their modes, what is pending and what is open."""
    run_with_parts(lambda parts: _status(parts, as_json=as_json))


async def _status(parts: Parts, *, as_json: bool) -> None:
    overview, serving = await parts.service.overview(), await parts.service.is_serving()
    findings = await parts.service.findings(limit=10)
    report, shadow = await parts.service.last_report(), await parts.service.shadow()
    night = await next_night_at(parts)
    if as_json:
        echo_json(
            {
                "serving": serving,
                "overview": overview,
                "shadow": shadow,
                "findings": findings,
                "last_report": None if report is None else _report_as_json(report),
                "next_night": night,
            }
        )
        return
    now = parts.clock.now()
    missing = partly_missing(parts.settings.expected_roles, overview.roles, now)
    lines = headline(overview, now, serving=serving, compared=report is not None)
    if ProcessRole.WORKER in missing:
        lines = lines[1:]  # that nothing runs: the others do
    for each in missing:
        echo(f"{describe_missing(each)} Start `tipo serve --only {each}`.")
    for line in lines:
        echo(line)
    _echo_stores(overview, now)
    for line in _remarks(overview):
        echo(line)
    for line in [] if shadow is None else _shadow_lines(shadow):
        echo(line)
    echo(f"{_last_comparison(report, now)} Next night: {format_time(night)}.")
    if findings:
        rows = ((f.id, f.kind, f.subject, format_age(f.opened_at, now)) for f in findings)
        echo_table(("id", "what", "about", "since"), rows)


def _echo_stores(overview: Overview, now: datetime) -> None:
    rows = (
        (
            each.alias,
            each.role,
            each.mode,
            each.levels,
            each.baselined,
            each.due,
            each.open,
            each.refreshes,
            each.suspended,
            format_age(each.last_delivery_at, now),
            _format_seconds(each.seconds_p50),
            _format_seconds(each.seconds_p95),
        )
        for each in overview.stores
    )
    echo_table(STORE_COLUMNS, rows)


async def next_night_at(parts: Parts) -> datetime:
    """Return when the stores are compared next by themselves."""
    nightly = parts.settings.nightly
    at = await parts.service.night_begins(nightly.at)
    return next_night(parts.clock.now(), at, ZoneInfo(nightly.timezone))


def count_waiting(report: Report) -> int:
    """Return how many mismatches a report counted that wait for a person."""
    return sum(n for kind, n in report.counts.items() if kind not in PASSING)


def _last_comparison(report: Report | None, now: datetime) -> str:
    """Return how the last comparison went, in one line."""
    if report is None:
        return "The stores haven't been compared yet: `tipo check` compares them now."
    at = format_age(report.finished_at, now)
    differ = count_waiting(report)
    differing = "everything matched" if not differ else f"{differ:,} didn't match"
    kind = KIND_WORDS.get(report.kind, report.kind)
    return f"Last compared {at} ({kind}): {differing}, {report.open:,} open."


def _report_as_json(report: Report) -> dict[str, object]:
    return {
        "id": report.id,
        "kind": report.kind,
        "finished_at": report.finished_at,
        "differing": count_waiting(report),
        "open": report.open,
        "safe": report.safe,
    }


def _writers(overview: Overview) -> str:
    """Return who writes to each store, and since when."""
    sentences = [
        f"{each.alias}: {each.lease.writer}"
        + (f" since {format_time(each.lease.since)}" if each.lease.since else "")
        for each in overview.stores
    ]
    name = f" (this Tipo is {overview.instance})" if overview.instance else ""
    return f"Who writes{name}: {'; '.join(sentences)}."


def _format_seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f} s"


def _remarks(overview: Overview) -> list[str]:
    """Return what deserves a sentence."""
    counts = (
        f"{overview.agreed:,} of {overview.pools:,} matched products synced, "
        f"{overview.differing:,} don't match, {overview.oversold:,} oversold, "
        f"{overview.findings:,} open, {overview.unhandled:,} notifications pending."
    )
    remarks = [counts, _writers(overview)]
    if overview.pools == 0:
        remarks.append("The products haven't been read yet: `tipo serve` reads them.")
    return remarks


def headline(overview: Overview, now: datetime, *, serving: bool, compared: bool) -> list[str]:
    """Return how things are, in a sentence; and what else people must know, however it is."""
    found = sync_status(overview, serving=serving, compared=compared)
    first = [STATE_SENTENCES[found.state](overview, found)]
    if not serving:
        first = [f"`tipo serve` isn't running: last seen {format_age(overview.serving_at, now)}."]
    also = {
        SyncState.NOT_OURS: found.not_ours,
        SyncState.CANT_UPDATE: found.refusing,
        SyncState.SHADOW: overview.shadow,
        SyncState.SAFETY_STOP: overview.breakers,
        SyncState.PAUSED: overview.paused,
        SyncState.OFF: found.off,
    }
    sentences = [STATE_SENTENCES[state](overview, found) for state, facts in also.items() if facts]
    return [*first, *(each for each in sentences if each not in first)]


def _not_ours(_: Overview, now: SyncStatus) -> str:
    return " ".join(
        f"Nothing is written to {names}: {LEASE_SENTENCES[state].format(by=by)}"
        for state, names, by in _stores_by_lease(now)
    )


def _stores_by_lease(now: SyncStatus) -> Iterator[tuple[LeaseState, str, str]]:
    """Yield the stores that somebody is in our way of, by how."""
    for state in LEASE_SENTENCES:
        found = [each for each in now.not_ours if each.lease.state is state]
        if found:
            yield state, ", ".join(each.alias for each in found), found[0].lease.by


LEASE_SENTENCES = {
    LeaseState.FOREIGN: "another Tipo writes there. Stop it, or run `tipo takeover`.",
    LeaseState.OLDER: "this database is older than what Tipo has done. Restore a newer backup, "
    "or run `tipo takeover`.",
    LeaseState.TAKING_OVER: "{by} is taking over, which is done in a minute or two.",
}


def _cant_update(_: Overview, now: SyncStatus) -> str:
    sentences = [f"Can't update {each.alias}: {each.blocked_why}." for each in now.refusing]
    return f"{' '.join(sentences)} Changes are queued; none are lost. See `tipo doctor`."


def in_shadow(shadow: Shadow) -> str:
    """Return that nothing is written, since when, and how that ends."""
    since = f"{shadow.by}, {format_time(shadow.since)}"
    return (
        f"Shadow mode ({since}): changes are counted, and nothing is written to any store. "
        "Go live with `tipo mode two-way`."
    )


def _shadow_lines(shadow: ShadowView) -> Iterator[str]:
    """Yield what shadow mode has come to, and what would have been written last."""
    changes = f"{shadow.changes:,} {'change' if shadow.changes == 1 else 'changes'}"
    wrong = sum(shadow.wrong.values())
    why = ", ".join(f"{n:,} {SHADOW_WORDS[kind]}" for kind, n in shadow.wrong.items())
    yield f"In shadow: {changes}, {wrong:,} would have gone wrong{f': {why}' if why else ''}."
    apart = ", ".join(f"{n:,} {SHADOW_WORDS[kind]}" for kind, n in shadow.apart.items())
    if apart:
        yield f"Not part of it: {apart}."
    for each in shadow.latest:
        writes = ", ".join(f"{one.store} {one.before} \u2192 {one.after}" for one in each.writes)
        would = f"would write {writes}" if writes else "nothing to write"
        yield f"  {each.title}: {each.store} {each.delta:+,} ({each.cause}); {would}"


def _safety_stop(overview: Overview, _: SyncStatus) -> str:
    return " ".join(describe_stop(each) for each in overview.breakers)


def _paused(overview: Overview, _: SyncStatus) -> str:
    return (
        f"Writing is paused ({overview.paused}). Changes are counted, and written after "
        "`tipo resume`."
    )


def _off(_: Overview, now: SyncStatus) -> str:
    if not now.off:
        return "Only one store is set up: add a second store to sync with."
    names = " and ".join(each.alias for each in now.off)
    few, it = ("isn't", "it") if len(now.off) == 1 else ("aren't", "them")
    alone = f" {now.off[0].alias}" if len(now.off) == 1 and len(now.connected) > 1 else ""
    return f"{names} {few} connected yet. Turn {it} on with `tipo mode two-way{alone}`."


def _open(overview: Overview, _: SyncStatus) -> str:
    few = "mismatch needs" if overview.findings == 1 else "mismatches need"
    return f"{overview.findings:,} {few} a decision: `tipo check` lists them."


def _pending(_: Overview, now: SyncStatus) -> str:
    return f"{now.pending:,} {'change is' if now.pending == 1 else 'changes are'} pending."


def _in_sync(_: Overview, now: SyncStatus) -> str:
    return f"{', '.join(each.alias for each in now.connected)} are in sync."


STATE_SENTENCES: dict[SyncState, Callable[[Overview, SyncStatus], str]] = {
    SyncState.NOT_RUNNING: lambda *_: "`tipo serve` isn't running: nothing is counted or written.",
    SyncState.NOT_OURS: _not_ours,
    SyncState.CANT_UPDATE: _cant_update,
    SyncState.SHADOW: lambda overview, _: in_shadow(overview.shadow) if overview.shadow else "",
    SyncState.SAFETY_STOP: _safety_stop,
    SyncState.OVERSOLD: lambda overview, _: f"{format_products(overview.oversold)} oversold.",
    SyncState.PAUSED: _paused,
    SyncState.OFF: _off,
    SyncState.NOTHING_MATCHED: lambda *_: "No product matches between the stores.",
    SyncState.NEVER_COMPARED: lambda *_: (
        "Changes are synced, but the stores haven't been compared yet."
    ),
    SyncState.PENDING: _pending,
    SyncState.MISMATCHES: _open,
    SyncState.IN_SYNC: _in_sync,
}


def pause(*, yes: Yes = False, as_json: AsJson = False) -> None:
    """Stop writing to all stores; sales are still counted."""
    if not confirm("Stop writing to all stores?", yes=yes):
        echo("Nothing was changed.")
        return
    run_with_parts(lambda parts: parts.service.pause(by=user_name()))
    _print_changed(
        "Paused: nothing is written. `tipo resume` writes all pending changes.",
        "paused",
        as_json=as_json,
    )


def resume(*, yes: Yes = False, as_json: AsJson = False) -> None:
    """Write all pending changes, and go on."""
    if not confirm("Write all pending changes?", yes=yes):
        echo("Nothing was changed.")
        return
    run_with_parts(lambda parts: parts.service.resume())
    _print_changed("Resumed: pending changes are being written.", "resumed", as_json=as_json)


def _print_changed(sentence: str, word: str, *, as_json: bool) -> None:
    if as_json:
        echo_json({"done": word})
    else:
        echo(sentence)
