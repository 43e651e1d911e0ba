"""Compare the stores for a command, and show how far it has come.

    `tipo serve`       the comparison is made
    -----------------  ---------------------------------------------------------
    runs               there: the request is a row, and its progress is read
    does not run       here
    stops meanwhile    here, from then on

Only one comparison is made at a time: a second one that is asked for waits for it.
"""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Annotated

from rich.console import Console
from rich.status import Status

from sync_core.app.engine_setup import build_reporter
from sync_core.app.parts import Parts
from sync_core.cli.output import console
from sync_core.cli.runtime import CommandFailed, timeout_option
from sync_core.domain.proposals import Report, ReportKind, ReportState
from sync_core.errors import StoreError, cut
from sync_core.ports import Transaction
from sync_core.workers.drift_report import report_events

POLL_SECONDS = 0.5  # seconds between looks at how far it has come
IDENTIFY_TIMEOUT_SECONDS = 20.0  # seconds that a store has to say who it is
COMPARISON_TIMEOUT_SECONDS = 1800.0  # seconds that a comparison of two very large stores may take
FINISHED_STATES = {ReportState.DONE, ReportState.FAILED}
STAGE_WORDS = {
    ReportState.WANTED: "waiting for its turn",
    ReportState.EXPORTING: "exporting every product",
    ReportState.COMPARING: "comparing",
    ReportState.READING: "checking each mismatch again",
    ReportState.DONE: "done",
    ReportState.FAILED: "failed",
}

Timeout = Annotated[float, timeout_option("for the comparison")]


class ComparisonTimedOut(CommandFailed):
    """A comparison is not done in time; it goes on, and nobody waits for it."""


class ComparisonImpossible(CommandFailed):
    """The stores cannot be compared now."""


async def require_stores(parts: Parts) -> None:
    """Ask every store who it is: an export would wait for minutes until one answers.

    Raises:
        ComparisonImpossible: If one does not.
    """
    for alias, store in parts.stores.items():
        try:
            async with asyncio.timeout(IDENTIFY_TIMEOUT_SECONDS):
                await store.facts()
        except (StoreError, TimeoutError) as exc:
            why = cut(str(exc)) or f"no answer within {IDENTIFY_TIMEOUT_SECONDS:g} s"
            raise ComparisonImpossible(f"the stores couldn't be compared: {alias}: {why}") from exc


async def wait_for_report(parts: Parts, report: Report, *, time_out: float) -> Report:
    """Return a report once it is done.

    Raises:
        ComparisonTimedOut: If it is not in time.
        ComparisonImpossible: If it cannot be made; the message says why.
    """
    try:
        async with asyncio.timeout(time_out), asyncio.TaskGroup() as group:
            working = group.create_task(_make_reports(parts, report.id))
            found = await _watch_progress(parts, report)
            working.cancel()
    except TimeoutError:
        raise ComparisonTimedOut(f"not compared within {time_out:g} s") from None
    except BaseExceptionGroup as many:
        raise many.exceptions[0] from None
    if found.state is not ReportState.DONE:
        raise ComparisonImpossible(f"the stores couldn't be compared: {cut(found.why_failed)}")
    return found


async def _make_reports(parts: Parts, number: int) -> None:
    """Make reports while nobody else does, until that one is over."""
    reporter = build_reporter(parts)
    while not await _is_finished(parts, number):
        wait: float | None = POLL_SECONDS
        if not await parts.service.is_serving():
            try:
                wait = await reporter.round()
            except asyncio.CancelledError:
                await parts.database.transaction(partial(_hand_back, parts, number))
                raise
            await parts.database.transaction(partial(_close_failed, parts, number))
        if wait is None or wait > 0:
            await parts.clock.sleep(POLL_SECONDS if wait is None else min(wait, POLL_SECONDS))


async def _is_finished(parts: Parts, number: int) -> bool:
    report = await parts.service.report(number)
    return report is None or report.state in FINISHED_STATES


def _hand_back(parts: Parts, number: int, tx: Transaction) -> None:
    """Leave a report to the next process, at once: nobody works on it here any more.

    A preflight that nobody in Slack waits for is closed: its question would have no reader.
    """
    report = tx.reports.get(number)
    if report is None or report.state in FINISHED_STATES:
        return
    now = parts.clock.now()
    if report.kind is ReportKind.PREFLIGHT and not report.facts.reply:
        tx.reports.finish(number, now=now, why_failed="the person who asked stopped it")
    else:
        tx.reports.update(number, report.state, until=now)


def _close_failed(parts: Parts, number: int, tx: Transaction) -> None:
    """Close a report that could not be made here: those who wait for it are told so now.

    A night is tried again by `tipo serve`.
    """
    report = tx.reports.get(number)
    if report is None or report.state in FINISHED_STATES or report.kind is ReportKind.NIGHT:
        return
    if not report.why_failed:
        return
    now = parts.clock.now()
    tx.reports.finish(number, now=now, why_failed=report.why_failed)
    if report.facts.reply or report.facts.askers:  # somebody else waits for it, too
        tx.notifications.notify_once(report_events(tx, report, failed=report.why_failed), now=now)


async def _watch_progress(parts: Parts, report: Report) -> Report:
    """Show how far a report has come; return it when it is over, or has failed while we looked."""
    show_progress, status = _progress_display(console(err=True))
    with status or nullcontext():
        while True:
            found = await parts.service.report(report.id)
            if found is None:
                raise ComparisonImpossible("the comparison is no longer kept; try again")
            if found.state in FINISHED_STATES or (found.why_failed and not report.why_failed):
                return found
            show_progress(describe_progress(found))
            await parts.clock.sleep(POLL_SECONDS)


def _progress_display(out: Console) -> tuple[Callable[[str], None], Status | None]:
    """Return how to show progress: one line that changes, or for a log a line for each change."""
    if out.is_terminal:
        status = out.status("…")
        return status.update, status
    last_shown: list[str] = []

    def show_progress(words: str) -> None:
        if last_shown[-1:] != [words]:
            last_shown[:] = [words]
            out.print(words, soft_wrap=True)

    return show_progress, None


def describe_progress(report: Report) -> str:
    """Return how far a report has come, in words."""
    stores = ", ".join(f"{store} {cut(words)}" for store, words in sorted(report.progress.items()))
    more = f" ({stores})" if stores and report.state is ReportState.EXPORTING else ""
    again = f"; the last attempt failed: {cut(report.why_failed)}" if report.why_failed else ""
    return f"Report {report.id}: {STAGE_WORDS[report.state]}{more}{again}"
