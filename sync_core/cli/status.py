"""`tipo status`, `tipo pause` and `tipo resume`."""

from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import typer

from sync_core.app import Parts
from sync_core.cli.printing import ago, moment, say, say_json, show
from sync_core.cli.running import AsJson, Yes, confirm, using, who
from sync_core.cli.stopping import counted, told
from sync_core.domain.drift import PASSING
from sync_core.domain.lease import LeaseState
from sync_core.domain.nights import next_night
from sync_core.domain.proposals import Report
from sync_core.domain.standing import Standing, State, standing
from sync_core.domain.views import Overview

HEADINGS = (
    *("store", "role", "mode", "stock levels", "matched up", "pending", "being written"),
    *("to be read", "not synced", "last webhook", "usual delay", "slowest 5 %"),
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(status)
    app.command("pause")(pause)
    app.command("resume")(resume)


def status(*, as_json: AsJson = False) -> None:
    """Show how things stand: the stores, their modes, what is pending and what is open."""
    using(lambda parts: _status(parts, as_json=as_json))


async def _status(parts: Parts, *, as_json: bool) -> None:
    overview, serving = await parts.service.overview(), await parts.service.is_serving()
    findings = await parts.service.findings(limit=10)
    report = await parts.service.last_report()
    night = next_night_of(parts)
    if as_json:
        say_json(
            {
                "serving": serving,
                "overview": overview,
                "findings": findings,
                "last_report": None if report is None else _plain(report),
                "next_night": night,
            }
        )
        return
    now = parts.clock.now()
    for line in headline(overview, now, serving=serving, compared=report is not None):
        say(line)
    show(
        HEADINGS,
        (
            (
                each.alias,
                each.role,
                each.mode,
                each.levels,
                each.met,
                each.due,
                each.open,
                each.looks,
                each.suspended,
                ago(each.last_delivery_at, now),
                _seconds(each.seconds_p50),
                _seconds(each.seconds_p95),
            )
            for each in overview.stores
        ),
    )
    for line in _remarks(overview):
        say(line)
    say(f"{_last(report, now)} Next night: {moment(night)}.")
    if findings:
        show(
            ("finding", "what", "about", "since"),
            ((each.id, each.kind, each.subject, ago(each.opened_at, now)) for each in findings),
        )


def next_night_of(parts: Parts) -> datetime:
    """Return when the stores are compared next by themselves."""
    nightly = parts.settings.nightly
    return next_night(parts.clock.now(), nightly.at, ZoneInfo(nightly.timezone))


def waiting(report: Report) -> int:
    """Return how many mismatches a report counted that wait for a person."""
    return sum(n for kind, n in report.counts.items() if kind not in PASSING)


def _last(report: Report | None, now: datetime) -> str:
    """Return how the last comparison went, in one line."""
    if report is None:
        return "The stores have not been compared yet: `tipo check` does it now."
    at = ago(report.finished_at, now)
    differ = waiting(report)
    differing = "everything matched" if not differ else f"{differ:,} didn't match"
    return f"Last compared {at} ({report.kind}): {differing}, {report.open:,} open."


def _plain(report: Report) -> dict[str, object]:
    return {
        "id": report.id,
        "kind": report.kind,
        "finished_at": report.finished_at,
        "differing": waiting(report),
        "open": report.open,
        "safe": report.safe,
    }


def _writers(overview: Overview) -> str:
    """Return who writes to each store, and since when."""
    told = [
        f"{each.alias}: {each.lease.writer}"
        + (f" since {moment(each.lease.since)}" if each.lease.since else "")
        for each in overview.stores
    ]
    name = f" (this Tipo is {overview.instance})" if overview.instance else ""
    return f"Who writes{name}: {'; '.join(told)}."


def _seconds(value: float | None) -> str | None:
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
        remarks.append("The catalogue has not been read yet: `tipo serve` reads it.")
    return remarks


def headline(overview: Overview, now: datetime, *, serving: bool, compared: bool) -> list[str]:
    """Return how things stand, in a sentence; and what else people must know, however it is."""
    found = standing(overview, serving=serving, compared=compared)
    said = [SAYS[found.state](overview, found)]
    if not serving:
        said = [f"`tipo serve` does not run: last seen {ago(overview.serving_at, now)}."]
    also = {
        State.NOT_OURS: found.not_ours,
        State.CANT_UPDATE: found.refusing,
        State.SAFETY_STOP: overview.brakes,
        State.PAUSED: overview.paused,
        State.OFF: found.off,
    }
    told = [SAYS[state](overview, found) for state, facts in also.items() if facts]
    return [*said, *(each for each in told if each not in said)]


def _not_ours(_: Overview, now: Standing) -> str:
    return " ".join(
        f"Nothing is written to {names}: {WHY[state].format(by=by)}"
        for state, names, by in _by_state(now)
    )


def _by_state(now: Standing) -> Iterator[tuple[LeaseState, str, str]]:
    """Yield the stores that somebody is in our way of, by how."""
    for state in WHY:
        found = [each for each in now.not_ours if each.lease.state is state]
        if found:
            yield state, ", ".join(each.alias for each in found), found[0].lease.by


WHY = {
    LeaseState.FOREIGN: "another Tipo writes there. Stop it, or run `tipo takeover`.",
    LeaseState.OLDER: "this database is older than what Tipo has done. Restore a newer backup, "
    "or run `tipo takeover`.",
    LeaseState.TAKING_OVER: "{by} is taking over, which is done in a minute or two.",
}


def _cant_update(_: Overview, now: Standing) -> str:
    told = [f"Can't update {each.alias}: {each.held_why}." for each in now.refusing]
    return f"{' '.join(told)} Changes are queued; none are lost. See `tipo doctor`."


def _safety_stop(overview: Overview, _: Standing) -> str:
    return " ".join(told(each) for each in overview.brakes)


def _paused(overview: Overview, _: Standing) -> str:
    return (
        f"Writing is paused ({overview.paused}). Changes are counted, and written after "
        "`tipo resume`."
    )


def _off(_: Overview, now: Standing) -> str:
    if not now.off:
        return "Only one store is set up: add a second one to sync with."
    names = " and ".join(each.alias for each in now.off)
    few, it = ("isn't", "it") if len(now.off) == 1 else ("aren't", "them")
    alone = f" {now.off[0].alias}" if len(now.off) == 1 and len(now.connected) > 1 else ""
    return f"{names} {few} connected yet. Turn {it} on with `tipo mode two-way{alone}`."


def _open(overview: Overview, _: Standing) -> str:
    few = "mismatch needs" if overview.findings == 1 else "mismatches need"
    return f"{overview.findings:,} {few} a decision: `tipo check` lists them."


def _pending(_: Overview, now: Standing) -> str:
    return f"{now.pending:,} {'change is' if now.pending == 1 else 'changes are'} pending."


def _in_sync(_: Overview, now: Standing) -> str:
    return f"{', '.join(each.alias for each in now.connected)} are in sync."


SAYS: dict[State, Callable[[Overview, Standing], str]] = {
    State.NOT_RUNNING: lambda *_: "`tipo serve` does not run: nothing is counted or written.",
    State.NOT_OURS: _not_ours,
    State.CANT_UPDATE: _cant_update,
    State.SAFETY_STOP: _safety_stop,
    State.OVERSOLD: lambda overview, _: f"{counted(overview.oversold)} oversold.",
    State.PAUSED: _paused,
    State.OFF: _off,
    State.NOTHING_MATCHED: lambda *_: "No product of one store matches one of another yet.",
    State.NEVER_COMPARED: lambda *_: "Changes are synced, but the stores were never compared.",
    State.PENDING: _pending,
    State.MISMATCHES: _open,
    State.IN_SYNC: _in_sync,
}


def pause(*, yes: Yes = False, as_json: AsJson = False) -> None:
    """Stop writing to all stores; go on counting."""
    if not confirm("Stop writing to all stores?", yes=yes):
        say("Nothing was changed.")
        return
    using(lambda parts: parts.service.pause(by=who()))
    _changed("Paused: nothing is written. `tipo resume` writes the sum.", "paused", as_json=as_json)


def resume(*, yes: Yes = False, as_json: AsJson = False) -> None:
    """Write again: the sum of what is owed to each level."""
    if not confirm("Write what is owed to all stores?", yes=yes):
        say("Nothing was changed.")
        return
    using(lambda parts: parts.service.resume())
    _changed("Resumed: what is owed is written.", "resumed", as_json=as_json)


def _changed(sentence: str, word: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"done": word})
    else:
        say(sentence)
