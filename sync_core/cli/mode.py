"""`tipo mode`: shows how the stores are connected, or changes it after a preflight."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from sync_core.app.parts import Parts
from sync_core.cli.baseline_display import BaselineDisplay
from sync_core.cli.check import EXIT_INTERRUPTED, as_number, as_texts
from sync_core.cli.comparison import COMPARISON_TIMEOUT_SECONDS, require_stores, wait_for_report
from sync_core.cli.output import console, echo, echo_json, echo_table
from sync_core.cli.runtime import (
    EXIT_PROBLEM,
    AsJson,
    CommandFailed,
    Yes,
    confirm,
    is_interactive,
    operator,
    run_with_parts,
    timeout_option,
    user_name,
)
from sync_core.cli.status import in_shadow
from sync_core.domain.proposals import Report
from sync_core.domain.values import Alias, Mode
from sync_core.domain.views import BaselineProgress, Overview
from sync_core.errors import NotAllowed

POLL_SECONDS = 0.5  # seconds between looks at how far an initial comparison has come
MATCHING_WAIT_SECONDS = 2.0  # seconds from the last catalogue read to its pools, at most

CONSEQUENCES = {
    Mode.TWO_WAY: (
        "The initial comparison reads every stock level. What matches is kept in sync from then "
        "on, in both directions; what doesn't match is listed and not synced. It writes nothing."
    ),
    Mode.ONE_WAY: (
        "The initial comparison reads every stock level. What matches is kept in sync from then "
        "on, in one direction: changes of the source are written to the destination. Sales and "
        "other changes in the destination will not reach the source; they show up as mismatches. "
        "What doesn't match is listed and not synced. The comparison itself writes nothing."
    ),
    Mode.OFF: "Nothing is counted or written any more. Turning it on starts with a comparison.",
}
IN_SHADOW = (
    "Shadow mode: changes are counted, and nothing is written to any store. `tipo status` and the "
    "Slack channel show what would have been written. It ends with `tipo mode`, without --shadow."
)
GOING_LIVE = "This ends shadow mode. What has come together in it isn't written: Tipo starts over."

ModeArgument = Annotated[
    Mode | None, typer.Argument(help="The new mode; leave it out to see the present one.")
]
AliasArgument = Annotated[
    str | None, typer.Argument(help="The destination's alias; all destinations if not given.")
]
Timeout = Annotated[float, timeout_option("for the initial comparison")]
InShadow = Annotated[
    bool, typer.Option("--shadow", help="Only show what would be written; write nothing.")
]


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody wants."""

    wanted: Mode
    alias: Alias | None
    shadow: bool

    @property
    def words(self) -> str:
        """Return it as people call it."""
        return f"{self.wanted}{' in shadow mode' if self.shadow else ''}"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("mode")(mode)


def mode(
    wanted: ModeArgument = None,
    alias: AliasArgument = None,
    *,
    shadow: InShadow = False,
    yes: Yes = False,
    time_out: Timeout = COMPARISON_TIMEOUT_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Show how the stores are connected, or change it: two-way, one-way, off.

    With --shadow everything runs and nothing is written to any store: try it without risk.

    Compares the stores before it asks, unless --yes is given or the mode is off. A change starts a
    new initial comparison: what matches is kept in sync, what doesn't match is listed and not
    synced. Waits for its end if `tipo serve` runs. Exit 1 if something doesn't match, or if the
    comparison has not finished in time.
    """
    if wanted is None:
        run_with_parts(lambda parts: _print_modes(parts, as_json=as_json))
        return
    destination = None if alias is None else Alias(alias.lower())
    before = run_with_parts(lambda parts: _read_current(parts, destination), create=True)
    change = Change(wanted, destination, shadow)
    if not as_json or not yes:
        _print_preflight(*before, change)
    if not yes and is_interactive() and wanted is not Mode.OFF and before[0].pools:
        _compare_and_print(change)
    if not confirm(f"Set {_join_stores(before[1])} to {change.words}?", yes=yes):
        echo("Nothing was changed.")
        return
    run_with_parts(lambda parts: _change(parts, change, time_out, as_json=as_json))


async def _print_modes(parts: Parts, *, as_json: bool) -> None:
    overview, meetings = await parts.service.overview(), await parts.service.baselines()
    if as_json:
        facts = {"modes": _modes_by_store(overview), "shadow": overview.shadow}
        echo_json({**facts, "baselines": meetings})
        return
    modes = _modes_by_store(overview)
    echo_table(
        (
            "store",
            "mode",
            "stock levels",
            "in sync",
            "mismatches",
            "waiting",
            "not synced",
            "no match",
        ),
        (
            (
                each.store,
                modes[each.store],
                each.levels,
                each.agreed,
                each.differing,
                each.waiting,
                each.suspended,
                each.alone,
            )
            for each in meetings
        ),
    )
    if overview.shadow is not None:
        echo(f"\n{in_shadow(overview.shadow)}")
    if overview.pools == 0:
        echo("\nThe products haven't been read yet: `tipo serve` reads them when it starts.")
    elif all(each == Mode.OFF for each in modes.values()):
        echo("\nNot connected yet. Turn it on with `tipo mode two-way`.")


def _modes_by_store(overview: Overview) -> dict[Alias, Mode]:
    return {each.alias: each.mode for each in overview.stores if each.mode is not None}


async def _read_current(
    parts: Parts, alias: Alias | None
) -> tuple[Overview, list[BaselineProgress]]:
    return await parts.service.overview(), await parts.service.baselines(alias)


def _join_stores(meetings: Sequence[BaselineProgress]) -> str:
    return " and ".join(each.store for each in meetings)


def _print_preflight(
    overview: Overview, meetings: Sequence[BaselineProgress], change: Change
) -> None:
    """Say what is there and what will happen."""
    out, modes = console(err=True), _modes_by_store(overview)
    for each in meetings:
        out.print(
            f"{each.store}: {modes[each.store]} now; {each.levels} stock levels have a match, "
            f"{each.alone} variants have none",
            soft_wrap=True,
        )
    if overview.pools == 0:
        out.print(
            "The products haven't been read yet; `tipo serve` reads and then compares them.",
            soft_wrap=True,
        )
    out.print(CONSEQUENCES[change.wanted], soft_wrap=True)
    if change.shadow:
        out.print(IN_SHADOW, soft_wrap=True)
    elif overview.shadow is not None and change.wanted is not Mode.OFF:
        out.print(GOING_LIVE, soft_wrap=True)


def _compare_and_print(change: Change) -> None:
    """Compare the stores and show what a change would meet; where that fails, say so and go on."""
    out = console(err=True)
    try:
        _print_comparison(run_with_parts(lambda parts: _compare(parts, change)))
    except KeyboardInterrupt:
        out.print("Stopped. Nothing was changed.", soft_wrap=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except (NotAllowed, CommandFailed) as exc:
        out.print(
            f"Not compared: {exc}. The numbers above are from Tipo's database.", soft_wrap=True
        )


async def _compare(parts: Parts, change: Change) -> Report:
    await require_stores(parts)
    report = await parts.service.ask_mode(
        change.wanted, change.alias, operator(), reply="", shadow=change.shadow
    )
    return await wait_for_report(parts, report, time_out=COMPARISON_TIMEOUT_SECONDS)


def _print_comparison(report: Report) -> None:
    """Say what matches, what differs, and what is worst."""
    out, summary = console(err=True), report.summary
    matching, differing, missing, units, unusable = (
        as_number(summary.get(name))
        for name in ("matching", "differing", "missing", "units", "unusable")
    )
    out.print(
        f"Compared just now: {matching:,} stock levels match, {differing:,} don't, "
        f"by {units:,} units; {unusable:,} can't be compared; {missing:,} variants have no match.",
        soft_wrap=True,
    )
    for store in as_texts(summary.get("disbelieved")):
        out.print(
            f"The export of {store} can't be right: it has less than half of what Tipo knows.",
            soft_wrap=True,
        )
    if report.worst:
        echo_table(
            ("mismatch", "store", "shows", "expected"),
            ((one.title, one.store, one.shows, one.should_show) for one in report.worst),
            err=True,
        )


async def _change(parts: Parts, change: Change, time_out: float, *, as_json: bool) -> None:
    """Give the order, wait for the meeting, and say how it went."""
    wanted, alias = change.wanted, change.alias
    changed = await parts.service.set_mode(
        wanted, by=user_name(), alias=alias, shadow=change.shadow
    )
    serving = await parts.service.is_serving()
    ended = wanted is Mode.OFF or (serving and await _wait_for_baseline(parts, alias, time_out))
    meetings = await parts.service.baselines(alias)
    overview = await parts.service.overview()
    differing = sum(each.differing for each in meetings)
    if as_json:
        echo_json(
            {
                "changed": changed,
                "mode": wanted,
                "shadow": overview.shadow,
                "modes": _modes_by_store(overview),
                "serving": serving,
                "ended": ended,
                "pools": overview.pools,
                "baselines": meetings,
            }
        )
    else:
        echo(f"{' and '.join(changed)}: {change.words}")
        _print_result(overview, meetings, wanted, serving=serving, ended=ended)
    if differing or (serving and not ended):
        raise typer.Exit(EXIT_PROBLEM)


async def _wait_for_baseline(parts: Parts, alias: Alias | None, time_out: float) -> bool:
    """Return whether every level has met its pool, or cannot, before the time is out."""
    try:
        async with asyncio.timeout(time_out):
            with BaselineDisplay(console(err=True)) as display:
                await _wait_for_catalogue(parts)
                while True:
                    meetings = await parts.service.baselines(alias)
                    waiting = sum(each.waiting for each in meetings)
                    if not waiting:
                        return True
                    display.show(await parts.service.reading(), waiting, parts.clock.now())
                    await parts.clock.sleep(POLL_SECONDS)
    except TimeoutError:
        return False


async def _wait_for_catalogue(parts: Parts) -> None:
    """Wait until the catalogues have been read, and what matches is in pools."""
    while not all(each.catalogue_at for each in await parts.service.stores()):
        await _require_serving(parts)
        await parts.clock.sleep(POLL_SECONDS)
    waited = 0.0
    while not (await parts.service.overview()).pools and waited < MATCHING_WAIT_SECONDS:
        await parts.clock.sleep(POLL_SECONDS)
        waited += POLL_SECONDS


async def _require_serving(parts: Parts) -> None:
    if not await parts.service.is_serving():
        raise CommandFailed("`tipo serve` has stopped; the mode is set, start it again to continue")


def _print_result(
    overview: Overview,
    meetings: Sequence[BaselineProgress],
    wanted: Mode,
    *,
    serving: bool,
    ended: bool,
) -> None:
    """Say how the first meeting went."""
    if wanted is Mode.OFF:
        return
    if not serving:
        echo("`tipo serve` isn't running: the initial comparison starts when it does.")
        return
    if ended and overview.pools == 0:
        echo("No product matches between the stores: see TIPO_MATCH_BY.")
        return
    for each in meetings:
        echo(
            f"{each.store}: {each.agreed} in sync, {each.differing} don't match, "
            f"{each.suspended} not synced, {each.alone} without a match"
        )
    worst = [one for each in meetings for one in each.worst]
    if worst:
        echo_table(
            ("mismatch", "store", "shows", "expected"),
            ((one.title, one.store, one.shows, one.should_show) for one in worst),
        )
        echo("These aren't synced. Correct one store in Shopify, or decide in Slack: /tipo drift.")
    if not ended:
        waiting = sum(each.waiting for each in meetings)
        echo(f"Not finished yet: {waiting} stock levels to go; see `tipo mode` and `tipo status`.")
