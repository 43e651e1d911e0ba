"""`tipo doctor`: checks everything that has to be right, and says what to do where it is not."""

import asyncio
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import typer
from pydantic import SecretStr

from sync_core.app.engine_setup import export_folder
from sync_core.app.frontends import open_frontends
from sync_core.app.parts import Parts, assemble, open_store
from sync_core.cli import doctor_checks
from sync_core.cli.output import console, echo_json, format_time
from sync_core.cli.runtime import (
    EXIT_PROBLEM,
    AsJson,
    database_error,
    database_file,
    database_name,
    open_parts,
)
from sync_core.cli.status import next_night_at
from sync_core.clock import WallClock
from sync_core.domain.checks import Check, CheckState, fail, ok, warn
from sync_core.domain.leases import LeaseState, LeaseView, RecordedLease
from sync_core.domain.process_roles import ProcessRole, describe_missing, partly_missing
from sync_core.domain.proposals import ReportKind
from sync_core.domain.values import Alias
from sync_core.errors import BadSettings, TipoError, cut
from sync_core.settings import Settings, load, needed

APP_CHECK_TIMEOUT_SECONDS = 30.0  # seconds that the checks of a frontend may take
IN_MEMORY_URL = "sqlite://"
STATE_STYLES = {CheckState.OK: "green", CheckState.WARN: "yellow", CheckState.FAIL: "bold red"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(*, as_json: AsJson = False) -> None:
    """Check settings, database and each store; say what to do about what is wrong.

    Changes nothing in any store. Exit 1 if anything fails; a warning is not a failure.
    """
    found = run_checks()
    failed = any(each.state is CheckState.FAIL for each in found)
    if as_json:
        echo_json({"healthy": not failed, "checks": found})
    else:
        print_checks(found)
    if failed:
        raise typer.Exit(EXIT_PROBLEM)


def print_checks(found: Sequence[Check], *, err: bool = False) -> None:
    """Print each check on a line, and what to do below."""
    out = console(err=err)
    for each in found:
        out.print(f"{each.state:<5}", style=STATE_STYLES[each.state], end="")
        out.print(f"{each.about:<9} {each.says}", soft_wrap=True)
        if each.then:
            out.print(f"{'':<15}→ {each.then}", soft_wrap=True)


def run_checks() -> list[Check]:
    """Return every check, as far as one is the ground for the next."""
    try:
        settings = needed(load())
    except BadSettings as exc:
        return wrong_settings(exc)
    return asyncio.run(_run_checks_with(settings))


def wrong_settings(exc: BadSettings) -> list[Check]:
    """Return each thing that is wrong with the settings as a check that failed."""
    return [fail("settings", line, "see docs/set-up.md") for line in str(exc).splitlines()]


async def _run_checks_with(settings: Settings) -> list[Check]:
    found = [ok("settings", f"{len(settings.stores)} stores, the source is {settings.source}")]
    found += doctor_checks.check_public_url(settings)
    parts = None
    try:
        parts, told = _check_database(settings)
        found += told
        known = doctor_checks.Known() if parts is None else await _known(parts)
        found += await check_stores(settings, known, _lease_reader(parts))
        if parts is not None:
            found += await _check_service(parts)
            found += await _check_nightly(parts)
            found += await check_apps(parts)
        elif all(each.state is not CheckState.FAIL for each in told):
            found += await _check_apps_without_database(settings)
    finally:
        if parts is not None:
            await parts.close()
    return found


def _check_database(settings: Settings) -> tuple[Parts | None, list[Check]]:
    """Open the database, and return what is to be said of it.

    No database yet is a warning, and one that cannot be used is a failure: both come without parts.
    """
    name = database_name(settings)
    try:
        file = database_file(settings)
        if file is not None and not file.exists():
            then = "`tipo serve` creates it when it starts"
            return None, [warn("database", f"{name} does not exist yet", then)]
        parts = open_parts(settings)
    except TipoError as exc:
        return None, [fail("database", str(exc), "correct it, then run this again")]
    try:
        durable = doctor_checks.check_durability(parts.database.engine)
    except Exception as exc:  # noqa: BLE001 - whatever a database says, it is not well
        durable = fail("database", str(database_error(settings, exc)), "correct it")
    return parts, [ok("database", f"{name} answers and is up to date"), durable]


async def _known(parts: Parts) -> doctor_checks.Known:
    """Return what the database knows of the stores, and which locations are on the map."""
    groups, _ = await parts.service.location_groups()
    return doctor_checks.Known(
        states={each.alias: each for each in await parts.service.stores()},
        mapped={(alias, number) for group in groups for alias, number in group.locations.items()},
        in_shadow=(await parts.service.overview()).shadow is not None,
    )


def _lease_reader(parts: Parts | None) -> doctor_checks.LeaseReader:
    """Return how to ask who writes to a store; without a database nobody knows."""

    async def read_lease(alias: Alias) -> tuple[LeaseView, RecordedLease]:
        if parts is None:
            unknown = LeaseView(store=alias, state=LeaseState.UNKNOWN)
            return unknown, RecordedLease(instance="", renewals=frozenset())
        return await parts.database.transaction(
            lambda tx: (tx.leases.of(alias), tx.leases.recorded(alias))
        )

    return read_lease


async def check_stores(
    settings: Settings,
    known: doctor_checks.Known,
    read_lease: doctor_checks.LeaseReader | None,
) -> list[Check]:
    """Ask all stores at once. `read_lease`: None asks nobody who writes to them."""
    clock = WallClock()
    listed = sorted(settings.stores.items(), key=lambda each: (each[1].role != "source", each[0]))
    stores = {Alias(name): open_store(Alias(name), store, clock) for name, store in listed}
    try:
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(
                    doctor_checks.check_store(
                        store,
                        settings,
                        known,
                        clock=clock,
                        read_lease=read_lease,
                    )
                )
                for alias, store in stores.items()
            ]
    finally:
        for store in stores.values():
            await store.close()
    return [each for task in asked for each in task.result()]


async def _check_service(parts: Parts) -> list[Check]:
    """Say whether anybody serves, and whether anything is kept equal."""
    found = []
    overview = await parts.service.overview()
    missing = partly_missing(parts.settings.expected_roles, overview.roles, parts.clock.now())
    if await parts.service.is_serving():
        found.append(ok("service", "`tipo serve` runs"))
    elif ProcessRole.WORKER not in missing:  # else some of it runs
        found.append(warn("service", "`tipo serve` isn't running", "start it"))
    found += [
        fail("service", describe_missing(each), f"start `tipo serve --only {each}`")
        for each in missing
    ]
    if overview.shadow is not None:
        says, then = "shadow mode: nothing is written", "`tipo mode two-way` goes live"
        found.append(warn("service", says, then))
    if overview.paused:
        then = "`tipo resume` writes all pending changes"
        found.append(warn("service", f"writing is paused by {overview.paused}", then))
    off = [each.alias for each in overview.stores if each.mode == "off"]
    if off:
        then = "turn it on with `tipo mode two-way`"
        found.append(warn("service", f"not connected yet: {', '.join(off)}", then))
    return found


async def _check_nightly(parts: Parts) -> list[Check]:
    """Say when the stores are compared next, and whether there is room for it."""
    night = await next_night_at(parts)
    report = await parts.service.last_report(ReportKind.NIGHT)
    last = "" if report is None or report.finished_at is None else f", last {report.finished_at:%F}"
    zone = ZoneInfo(parts.settings.nightly.timezone)
    says = f"due {format_time(night)} ({night.astimezone(zone):%H:%M} {zone}){last}"
    return [
        ok("nightly", says),
        doctor_checks.check_disk_space(parts.database.engine, export_folder()),
    ]


async def _check_apps_without_database(settings: Settings) -> list[Check]:
    """Ask each frontend how it is without a database: an empty one in memory takes its place.

    It says what the database will say once it is made: nobody has changed anything in Slack yet.
    """
    parts = assemble_in_memory(settings)
    try:
        return await check_apps(parts)
    finally:
        await parts.close()


def assemble_in_memory(settings: Settings) -> Parts:
    """Return the parts with an empty database that nobody else sees."""
    return assemble(settings.model_copy(update={"database_url": SecretStr(IN_MEMORY_URL)}))


async def check_apps(parts: Parts, step: str = "") -> list[Check]:
    """Ask each frontend how it is, in all or in what one step of the set-up is about."""
    try:
        frontends = open_frontends(parts)
    except BadSettings as exc:
        return wrong_settings(exc)
    found: list[Check] = []
    for each in frontends:
        try:
            async with asyncio.timeout(APP_CHECK_TIMEOUT_SECONDS):
                found += await each.checks(step)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the frontend is not well
            why = cut(str(exc)) or type(exc).__name__
            found.append(fail(each.name, f"it couldn't be checked: {why}", "try again later"))
    return found
