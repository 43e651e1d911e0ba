"""The App Home: how each store is doing, what moved, and the buttons that matter."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from bot.messages.action_ids import Action
from bot.messages.block_kit import (
    Block,
    Part,
    TableColumn,
    actions,
    bullets,
    button,
    confirm_dialog,
    context_block,
    divider,
    fact_lines,
    fit_blocks,
    header,
    opening,
    sentence,
)
from bot.messages.links import NO_LINKS, Links, mrkdwn_link
from bot.messages.modes import STEPS
from bot.messages.reports import NAMES
from bot.messages.shadow import go_live
from bot.messages.state import books, counts, headline, last_compare, store_lines, writers
from bot.text import between, clean, number, store_name, when, zone_name
from sync_core.domain.proposals import Report
from sync_core.domain.values import Mode
from sync_core.domain.views import HourlyMovement, Overview

MAX_SERIES, MAX_POINTS = 6, 12  # of a chart; twelve times two hours
MAX_REPORTS = 5
FRESH_SECONDS = 120  # seconds since the last sign of life


def home(  # noqa: PLR0913 - all that a page shows, each by its name
    *,
    overview: Overview,
    hours: Sequence[HourlyMovement],
    reports: Sequence[Report],
    now: datetime,
    is_approver: bool,
    chart: bool = True,
    links: Links = NO_LINKS,
    settings: Sequence[Sequence[Part]] = (),
) -> dict[str, Any]:
    """Return the App Home.

    `now` is the time by the reader's own clock: so is the axis of the chart, where Slack draws no
    dates. `is_approver`: they may decide; `chart`: Slack draws charts. `settings`: Tipo's own, a
    line each.
    """
    zone = now.tzinfo or UTC
    serving = is_serving(overview, now)
    sign, parts = headline(overview, serving=serving, compared=bool(reports), links=links)
    blocks: list[Block] = [
        sentence(*opening(sign), *parts),
        *_buttons(overview, is_approver=is_approver),
        header("Stores"),
        *store_lines(overview),
        context_block(counts(overview)),
        *_books(overview),
        context_block(writers(overview)),
        header("Units moved, last 24 hours"),
        *(_chart(hours, zone) if chart else _numbers(hours, zone)),
        divider(),
        header("Comparisons"),
        *(_reports(reports, links)),
        *_settings(settings, is_approver=is_approver),
    ]
    return {"type": "home", "callback_id": "home", "blocks": fit_blocks(blocks, 100)}


def _books(overview: Overview) -> list[Block]:
    """Return what the last audit of all books came to."""
    found = overview.books
    words = "" if found is None else books(pools=found.pools, wrong=found.wrong, at=found.at)
    return [context_block(words)] if words else []


def _settings(lines: Sequence[Sequence[Part]], *, is_approver: bool) -> list[Block]:
    """Return Tipo's own settings, and for people who may change them the button."""
    if not lines:
        return []
    change = button(Action.SETTINGS, "Change settings\u2026", "settings") if is_approver else None
    return [divider(), header("Settings"), bullets(lines), *actions("settings", change)]


def is_serving(overview: Overview, now: datetime) -> bool:
    """Whether the service has given a sign of life lately."""
    at = overview.serving_at
    return at is not None and (now - at).total_seconds() < FRESH_SECONDS


def _buttons(overview: Overview, *, is_approver: bool) -> list[Block]:
    """Return what can be done from here; people who may not decide may look."""
    drift = button(Action.DRIFT, "Show mismatches", "drift") if overview.findings else None
    check = button(Action.HOME_CHECK, "Compare now", "check")
    if not is_approver:
        words = "Approvers can also pause, resume, and change the mode and the settings from here."
        only = context_block(words)
        return [*actions("home", drift, check), only]
    return [
        *actions("home", drift, check, go_live() if overview.shadow else _pause(overview)),
        *actions("home-mode", *_modes(overview)),
    ]


def _pause(overview: Overview) -> Block:
    """Return the button that pauses or resumes."""
    if overview.paused:
        return button(Action.HOME_RESUME, "Resume", "resume", style="primary")
    question = confirm_dialog(
        "Pause writing?", "Sales are still counted, and written after you resume.", "Pause"
    )
    return button(Action.HOME_PAUSE, "Pause", "pause", confirm=question)


def _modes(overview: Overview) -> Iterator[Block]:
    """Yield a button for each mode that not every connection has already."""
    modes = {each.mode or Mode.OFF for each in overview.stores if each.mode is not None}
    for mode in Mode:
        if modes != {mode}:
            label = f"Switch to {mode.value}\u2026"
            says = f"Ask for mode {mode.value} for every connection"
            yield button(f"{Action.HOME_MODE}.{mode}", label, "", says=says)


def _pairs(hours: Sequence[HourlyMovement], zone: tzinfo) -> list[tuple[str, dict[str, int]]]:
    """Return two hours as one point, the newest last, by the clock of a zone."""
    latest = list(hours)[-2 * MAX_POINTS :]
    pairs = [latest[start : start + 2] for start in range(0, len(latest), 2)]
    summed: list[tuple[datetime, dict[str, int]]] = []
    for pair in pairs:
        units: dict[str, int] = {}
        for each in pair:
            for store, n in each.units.items():
                units[store] = units.get(store, 0) + n
        summed.append((pair[0].at, units))
    labels = hour_labels([at for at, _ in summed], zone)
    return [(label, units) for label, (_, units) in zip(labels, summed, strict=True)]


def hour_labels(times: Sequence[datetime], zone: tzinfo) -> list[str]:
    """Return what clocks in a zone show, each once: Slack takes no label twice.

    Where clocks are put back, one time comes twice; the second is told by its offset, too.
    """
    labels: list[str] = []
    for at in times:
        label = f"{at.astimezone(zone):%H:%M}"
        labels.append(label if label not in labels else f"{at.astimezone(zone):%H:%M %z}")
    return labels


def _busiest(points: Sequence[tuple[str, dict[str, int]]]) -> list[str]:
    """Return the stores that moved most, as many as a chart takes."""
    total: dict[str, int] = {}
    for _, units in points:
        for store, n in units.items():
            total[store] = total.get(store, 0) + n
    return sorted(sorted(total, key=lambda each: -total[each])[:MAX_SERIES])


def _chart(hours: Sequence[HourlyMovement], zone: tzinfo) -> list[Block]:
    """Return the chart, or a sentence if nothing moved."""
    points = _pairs(hours, zone)
    stores = _busiest(points)
    if not any(sum(units.values()) for _, units in points):
        return [sentence("No changes in the last 24 hours.")]
    labels = [label for label, _ in points]
    series = [
        {
            "name": name,
            "data": [{"label": label, "value": units.get(store, 0)} for label, units in points],
        }
        for store, name in zip(stores, _names(stores), strict=True)
    ]
    axes = {"categories": labels, "x_label": f"Time ({zone_name(zone)})", "y_label": "Units"}
    return [
        {
            "type": "data_visualization",
            "title": "Units moved",
            "chart": {"type": "bar", "series": series, "axis_config": axes},
        }
    ]


def _names(stores: Sequence[str]) -> list[str]:
    """Return names of at most twenty characters, each once."""
    names: list[str] = []
    for each in stores:
        name = clean(store_name(each), 20)
        names.append(name if name not in names else f"{name[:16]} {len(names) + 1}")
    return names


def _numbers(hours: Sequence[HourlyMovement], zone: tzinfo) -> list[Block]:
    """Return the same as a list, for Slacks that draw no charts."""
    points = _pairs(hours, zone)
    stores = _busiest(points)
    if not any(sum(units.values()) for _, units in points):
        return [sentence("No changes in the last 24 hours.")]
    columns = [
        TableColumn(f"From ({zone_name(zone)})"),
        *(TableColumn(name, right=True) for name in _names(stores)),
    ]
    return fact_lines(columns, ([at, *(units.get(s, 0) for s in stores)] for at, units in points))


def _reports(reports: Sequence[Report], links: Links) -> list[Block]:
    """Return the last compares, a line each, which leads to its message."""
    if not reports:
        return [context_block(last_compare(None))]
    lines: list[str] = []
    for each in list(reports)[:MAX_REPORTS]:
        name = (
            f"{mrkdwn_link(NAMES[each.kind], links.reports.get(each.id))}, {when(each.wanted_at)}"
        )
        took = f" in {between(each.wanted_at, each.finished_at)}" if each.finished_at else ""
        lines.append(f"{name}: {STEPS[each.state]}{took}, {number(each.open)} open")
    return [context_block(line) for line in lines]
