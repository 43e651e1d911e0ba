"""Compare the stores for a command, and show how far it has come.

    `tipo serve`       the comparison is made
    -----------------  ---------------------------------------------------------
    runs               there: the wish is a row, and its progress is read
    does not run       here
    stops meanwhile    here, from then on

Only one comparison is made at a time: whoever asks for a second one waits for the first.
"""

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from sync_core.app import Parts, reporter_of
from sync_core.cli.printing import console
from sync_core.cli.running import CannotWork
from sync_core.domain.proposals import Report, ReportKind, ReportState
from sync_core.errors import StoreError, cut
from sync_core.ports import Ledger
from sync_core.workers.reporting import news_of

POLL = 0.5  # seconds between looks at how far it has come
PATIENCE = 20.0  # seconds that a store has to say who it is
LONGEST = 1800.0  # seconds that a comparison of two very large stores may take
OVER = {ReportState.DONE, ReportState.FAILED}
STAGES = {
    ReportState.WANTED: "waits for its turn",
    ReportState.EXPORTING: "the stores export what they have",
    ReportState.COMPARING: "comparing",
    ReportState.READING: "what differs is read again",
    ReportState.DONE: "done",
    ReportState.FAILED: "failed",
}

TimeOut = Annotated[
    float, typer.Option("--time-out", min=0, help="Seconds to wait for the comparison.")
]


class TooSlow(CannotWork):
    """A comparison is not done in time; it goes on without whoever asked."""


class Impossible(CannotWork):
    """The stores cannot be compared now."""


async def must_answer(parts: Parts) -> None:
    """Ask every store who it is: an export would wait for minutes until one answers.

    Raises:
        Impossible: If one does not.
    """
    for alias, store in parts.stores.items():
        try:
            async with asyncio.timeout(PATIENCE):
                await store.facts()
        except (StoreError, TimeoutError) as exc:
            why = cut(str(exc)) or f"no answer within {PATIENCE:g} s"
            raise Impossible(f"the stores could not be compared: {alias}: {why}") from exc


async def finished(parts: Parts, report: Report, *, time_out: float) -> Report:
    """Return a report once it is done.

    Raises:
        TooSlow: If it is not in time.
        Impossible: If it cannot be made; the message says why.
    """
    try:
        async with asyncio.timeout(time_out), asyncio.TaskGroup() as group:
            working = group.create_task(_work(parts, report.id))
            found = await _watch(parts, report)
            working.cancel()
    except TimeoutError:
        raise TooSlow(f"not compared within {time_out:g} s") from None
    except BaseExceptionGroup as many:
        raise many.exceptions[0] from None
    if found.state is not ReportState.DONE:
        raise Impossible(f"the stores could not be compared: {cut(found.why_failed)}")
    return found


async def _work(parts: Parts, number: int) -> None:
    """Make reports while nobody else does, until that one is over."""
    reporter = reporter_of(parts)
    while not await _is_over(parts, number):
        wait: float | None = POLL
        if not await parts.service.is_serving():
            try:
                wait = await reporter.round()
            except asyncio.CancelledError:
                await parts.database.step(partial(_put_down, parts, number))
                raise
            await parts.database.step(partial(_give_up, parts, number))
        if wait is None or wait > 0:
            await parts.clock.sleep(POLL if wait is None else min(wait, POLL))


async def _is_over(parts: Parts, number: int) -> bool:
    report = await parts.service.report(number)
    return report is None or report.state in OVER


def _put_down(parts: Parts, number: int, ledger: Ledger) -> None:
    """Leave a report to whoever comes next, at once: nobody works on it here any more.

    A preflight that nobody in Slack waits for is closed: its question would have no reader.
    """
    report = ledger.report(number)
    if report is None or report.state in OVER:
        return
    now = parts.clock.now()
    if report.kind is ReportKind.PREFLIGHT and not report.facts.get("reply"):
        ledger.finish_report(number, now=now, why_failed="whoever asked has stopped it")
    else:
        ledger.report_on(number, report.state, until=now)


def _give_up(parts: Parts, number: int, ledger: Ledger) -> None:
    """Close a report that could not be made here: whoever waits for it is told so now.

    A night is tried again by `tipo serve`.
    """
    report = ledger.report(number)
    if report is None or report.state in OVER or report.kind is ReportKind.NIGHT:
        return
    if not report.why_failed:
        return
    now = parts.clock.now()
    ledger.finish_report(number, now=now, why_failed=report.why_failed)
    if report.facts.get("reply") or report.facts.get("askers"):  # somebody else waits for it, too
        ledger.announce(news_of(ledger, report, failed=report.why_failed), now=now)


async def _watch(parts: Parts, report: Report) -> Report:
    """Show how far a report has come; return it when it is over, or has failed while we looked."""
    show, status = _shower(console(err=True))
    with status or nullcontext():
        while True:
            found = await parts.service.report(report.id)
            if found is None:
                raise Impossible("the comparison is gone; ask again")
            if found.state in OVER or (found.why_failed and not report.why_failed):
                return found
            show(progress(found))
            await parts.clock.sleep(POLL)


def _shower(out: Console) -> tuple[Callable[[str], None], Status | None]:
    """Return how to show progress: one line that changes, or for a log a line for each change."""
    if out.is_terminal:
        status = out.status("…")
        return status.update, status
    said: list[str] = []

    def show(words: str) -> None:
        if said[-1:] != [words]:
            said[:] = [words]
            out.print(words, soft_wrap=True)

    return show, None


def progress(report: Report) -> str:
    """Return how far a report has come, in words."""
    stores = ", ".join(f"{store} {cut(words)}" for store, words in sorted(report.progress.items()))
    more = f" ({stores})" if stores and report.state is ReportState.EXPORTING else ""
    again = f"; the last attempt failed: {cut(report.why_failed)}" if report.why_failed else ""
    return f"Report {report.id}: {STAGES[report.state]}{more}{again}"
