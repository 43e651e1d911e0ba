"""`tipo status`, `tipo pause` and `tipo resume`."""

from datetime import datetime
from zoneinfo import ZoneInfo

import typer

from sync_core.app import Parts
from sync_core.cli.printing import ago, moment, say, say_json, show
from sync_core.cli.running import AsJson, Yes, confirm, using, who
from sync_core.domain.drift import PASSING
from sync_core.domain.nights import next_night
from sync_core.domain.proposals import Report
from sync_core.domain.views import BrakeView, Overview, StoreView

HEADINGS = (
    *("store", "role", "mode", "levels", "met", "due", "under way", "to read", "suspended"),
    *("last webhook", "usual delay", "long delay"),
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(status)
    app.command("pause")(pause)
    app.command("resume")(resume)


def status(*, as_json: AsJson = False) -> None:
    """Show the stores, their modes, what is under way and what stands."""
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
    if serving:
        say("`tipo serve` runs.")
    else:
        say(f"`tipo serve` does not run: last seen {ago(overview.serving_at, now)}.")
    if overview.paused:
        say(f"Paused by {overview.paused}: nothing is written; `tipo resume` writes the sum.")
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
    """Return how many findings a report counted that wait for a person."""
    return sum(n for kind, n in report.counts.items() if kind not in PASSING)


def _last(report: Report | None, now: datetime) -> str:
    """Return how the last comparison went, in one line."""
    if report is None:
        return "The stores have not been compared yet: `tipo check` does."
    at = ago(report.finished_at, now)
    differ = waiting(report)
    differing = "nothing differs" if not differ else f"{differ:,} differ"
    return f"Last compared {at} ({report.kind}): {differing}, {report.open:,} open proposals."


def _plain(report: Report) -> dict[str, object]:
    return {
        "id": report.id,
        "kind": report.kind,
        "finished_at": report.finished_at,
        "differing": waiting(report),
        "open": report.open,
        "safe": report.safe,
    }


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f} s"


def _remarks(overview: Overview) -> list[str]:
    """Return what deserves a sentence."""
    counts = (
        f"{overview.pools} pools, {overview.agreed} agreed, {overview.differing} levels differ, "
        f"{overview.oversold} oversold, {overview.findings} findings, "
        f"{overview.unhandled} deliveries wait."
    )
    remarks = [counts]
    remarks += [_braked(each) for each in overview.brakes]
    remarks += [_held(each) for each in overview.stores if each.held_why]
    if overview.pools == 0:
        remarks.append("The catalogue has not been read yet: `tipo serve` reads it.")
    elif all(each.mode in {None, "off"} for each in overview.stores):
        remarks.append("Nothing is kept equal yet: `tipo mode two-way` begins.")
    return remarks


def _braked(brake: BrakeView) -> str:
    """Return what a brake holds, and what can be done about it."""
    looking = f" {brake.held_by} looks into it." if brake.held_by else ""
    return (
        f"The brake holds what moved in {brake.store} since {brake.since:%Y-%m-%d %H:%M} UTC "
        f"without an order: {brake.units} units of {brake.pools} pools. The other stores keep "
        f"theirs, and sales go on; release or ignore these changes in Slack.{looking}"
    )


def _held(store: StoreView) -> str:
    return f"{store.alias} is held, nothing is sent to it: {store.held_why}; see `tipo doctor`."


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
