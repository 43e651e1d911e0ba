"""Make reports: compare the stores, read what differs again, and say what may be done.

    kind       compares   then proposes about          and
    ---------  ---------  ---------------------------  --------------------------------------
    night      yes        all that stands              is posted; safe fixes may be automatic;
                                                       all books are audited
    check      yes        all that stands              answers whoever asked; is posted if
                                                       there is something to decide
    preflight  yes        nothing                      asks for the confirmation of a mode
    meeting    no         all that stands              waits until all levels have been read
    drift      no         all that stands              answers whoever asked

A process that dies leaves its report to whoever comes next: an export that was begun is waited
for, everything else begins again, and nothing is told twice.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from sync_core import tracing
from sync_core.backoff import Backoff
from sync_core.clock import Clock
from sync_core.domain.audit import BOOKS
from sync_core.domain.proposals import (
    Asker,
    Choice,
    ModeFacts,
    Option,
    Person,
    Proposal,
    ProposalKind,
    Report,
    ReportKind,
    ReportState,
)
from sync_core.domain.read_progress import describe
from sync_core.domain.shadow import ShadowView
from sync_core.domain.texts import store_name
from sync_core.domain.values import Event, LevelId, Severity
from sync_core.errors import NotCompared, StoreError, cut
from sync_core.ports import Database, DecisionRecord, Draft, Transaction
from sync_core.stored import to_plain
from sync_core.workers.auditor import audit_all
from sync_core.workers.context import Context
from sync_core.workers.proposer import REPORT_LEASE, Examination, Proposer
from sync_core.workers.shadow import shadow_view
from sync_core.workers.store_comparison import StoreComparison

log = logging.getLogger(__name__)

# After the last attempt the report has failed, and says so itself.
FAILED_REPORT = Backoff(first=30, factor=4, longest=600, attempts=4)
BASELINE_POLL_SECONDS = 5.0  # seconds between checks of how far a baseline is
BASELINE_REPORT_WITHIN = timedelta(minutes=30)  # then it is reported as far as it is
LONG_BASELINE_WITHIN = timedelta(hours=12)  # the same, while very many levels are being read
CONFIRM_WITHIN = timedelta(minutes=15)  # a confirmation is bound to numbers, and numbers move
MAX_OPEN_FINDINGS = 2000  # findings on levels in one step, and in a report that somebody waits for
LEVEL_KINDS = ("missed", "one_way", "differs", "suspended", BOOKS)
TIPO = Person(team="", id="tipo", name="Tipo")


class Reporter:
    """Works on one report at a time."""

    def __init__(self, context: Context, proposer: Proposer) -> None:
        self._context = context
        self._proposer = proposer
        self._comparison = StoreComparison(context)

    async def round(self) -> float | None:
        """Work on what is wanted; return the seconds until more may be."""
        context = self._context
        now = context.clock.now()
        report = await context.database.transaction(
            lambda tx: tx.reports.claim(now=now, until=now + REPORT_LEASE)
        )
        if report is None:
            due = await context.database.transaction(lambda tx: tx.reports.next_at())
            return None if due is None else max(1.0, (due - now).total_seconds())
        try:
            with tracing.span("report", kind=report.kind.value, report=report.id):
                return await self._make(report)
        except (StoreError, NotCompared, OSError) as exc:
            return await self._failed(report, cut(str(exc)) or type(exc).__name__)
        except Exception as exc:
            log.exception("report %d", report.id, extra={"event": "report_crashed"})
            return await self._failed(report, f"a fault of Tipo's own: {type(exc).__name__}")

    async def _make(self, report: Report) -> float:
        """Make one report; return 0, or seconds to wait for what it waits for."""
        match report.kind:
            case ReportKind.BASELINE:
                return await self._after_baseline(report)
            case ReportKind.DRIFT:
                await report_open_findings(
                    report.id, self._proposer, self._context.database, self._context.clock
                )
            case ReportKind.PREFLIGHT:
                await self._preflight(report)
            case _:
                await self._compare(report)
        return 0.0

    # -- comparing
    async def _compare(self, report: Report) -> None:
        """Compare the stores; what differs is read again, told, and proposed about."""
        books = await self._audit(report)
        async with self._comparison.compared(report, until=REPORT_LEASE) as compared:
            facts = {**compared.summary(), **books}
            total = Examination()
            if not compared.disbelieved:
                await self._comparison.set_state(report, ReportState.READING, until=REPORT_LEASE)
                known = await self._levels_with_findings()
                suspects = [each async for each in compared.levels() if each not in known]
                total = await self._proposer.examine([*known, *suspects], report.id)
                await self._comparison.save_unmatched(compared)
                await self._proposer.propose_others(report.id)
        await self._finish(report, {**facts, "unread": _unanswered(total)})

    async def _audit(self, report: Report) -> dict[str, object]:
        """Audit all books, at night: those that don't add up are then among what is proposed."""
        if report.kind is not ReportKind.NIGHT:
            return {}
        found = await audit_all(self._context.database, self._context.clock)
        return {
            "books": {"pools": found.pools, "wrong": found.wrong, "at": found.at.isoformat()},
        }

    async def _levels_with_findings(self) -> list[LevelId]:
        """Return all levels about which a finding is open; a part of them in each step."""
        found: list[LevelId] = []
        after: int | None = 0
        while after is not None:
            some, after = await self._context.database.transaction(
                partial(_levels_with_findings, after=after)
            )
            found += some
        return found

    async def _preflight(self, report: Report) -> None:
        """Compare the stores, and ask for the confirmation of a change of mode."""
        async with self._comparison.compared(report, until=REPORT_LEASE) as compared:
            wanted = list(report.facts.before)
            facts = await self._comparison.preflight(compared, wanted)
        await self._context.database.transaction(partial(self._ask_mode, report, facts))
        await self._finish(report, facts)

    def _ask_mode(self, report: Report, facts: Mapping[str, object], tx: Transaction) -> None:
        """Put the question under the report, once."""
        asked = report.facts
        if asked.proposal is not None:
            return
        if asked.mode is None:
            raise NotCompared("which mode was asked for can't be read; ask again")
        now = self._context.clock.now()
        token = self._context.ids.new()
        named = f"{asked.mode}{' in shadow mode' if asked.shadow else ''}"
        shown = {name: facts.get(name) for name in ("matching", "differing", "missing", "units")}
        draft = Draft(
            kind=ProposalKind.MODE,
            subject=asked.mode,
            title=f"{named} for {', '.join(asked.before)}",
            facts={
                **to_plain(ModeFacts(mode=asked.mode, before=asked.before, shadow=asked.shadow)),
                **shown,
            },
            options=(Option(choice=Choice.CONFIRM, words=f"Switch to {named}"),),
            recommended=Choice.CONFIRM,
        )
        until = now + CONFIRM_WITHIN
        tx.proposals.propose([(draft, token)], report=report.id, now=now, expires_at=until)
        tx.reports.keep_question(report.id, token)

    # -- without comparing
    async def _after_baseline(self, report: Report) -> float:
        """Report on a first meeting once all levels have been read."""
        context = self._context
        now = context.clock.now()
        baselines = await context.database.transaction(
            lambda tx: [tx.baselines.progress(each) for each in report.facts.stores]
        )
        waiting = sum(each.waiting for each in baselines)
        words = await context.database.transaction(partial(self._how_far, report))
        within = LONG_BASELINE_WITHIN if words else BASELINE_REPORT_WITHIN
        if waiting and now - report.wanted_at < within:
            words = words or {each.store: f"{each.waiting} still to be read" for each in baselines}
            until = now + timedelta(seconds=BASELINE_POLL_SECONDS)
            await context.database.transaction(
                lambda tx: tx.reports.update(
                    report.id, ReportState.READING, progress=words, until=until
                )
            )
            return BASELINE_POLL_SECONDS
        total = await self._proposer.examine(await self._levels_with_findings(), report.id)
        summary: dict[str, object] = {
            "levels": sum(each.levels for each in baselines),
            "agreed": sum(each.agreed for each in baselines),
            "differing": sum(each.differing for each in baselines),
            "waiting": waiting,
            "alone": sum(each.alone for each in baselines),
            "unread": _unanswered(total),
        }
        await self._finish(report, summary)
        return 0.0

    def _how_far(self, report: Report, tx: Transaction) -> dict[str, str]:
        """Return how far each store is that has very many levels to be read."""
        now = self._context.clock.now()
        stores = dict.fromkeys([self._context.source, *report.facts.stores])
        found = {each: tx.baselines.reading(each) for each in stores}
        return {store: describe(each, now=now) for store, each in found.items() if each}

    # -- the end
    async def _finish(self, report: Report, summary: Mapping[str, object]) -> None:
        """Close a report, approve what the settings allow, and tell people."""
        await self._context.database.transaction(partial(self._close, report, summary))
        log.info(
            "report %d is done",
            report.id,
            extra={"event": "report_done", "kind": report.kind.value},
        )
        self._context.requests.notify()

    def _close(self, report: Report, summary: Mapping[str, object], tx: Transaction) -> None:
        now = self._context.clock.now()
        counts, new = tx.findings.count(now=now), tx.reports.count_new(report.id)
        shadow = shadow_view(tx, now=now)
        facts = {**summary, "counts": counts, "new": new, **_shadow_facts(shadow)}
        tx.reports.finish(report.id, now=now, summary=facts)
        if report.kind is ReportKind.NIGHT and shadow is None:
            self._approve(report, tx, now)
        tx.notifications.notify_once(report_events(tx, report), now=now)

    def _approve(self, report: Report, tx: Transaction, now: datetime) -> None:
        """Approve what the settings say needs no person."""
        auto = self._context.auto
        holder = tx.reports.latest() or report.id
        _, some = tx.proposals.of_report(holder, limit=MAX_OPEN_FINDINGS, open_only=True)
        wanted: dict[int, tuple[Choice, int | None]] = {
            each.id: (each.recommended, None)
            for each in some
            if each.recommended is not None
            and auto.allows(each.subject, each.safe, _units_moved(each))
        }
        if wanted:
            signed = DecisionRecord(
                kind=ProposalKind.FIX, choice=Choice.ACCEPT, by=TIPO, rule="the settings allow it"
            )
            tx.proposals.decide(signed, wanted, now=now)

    async def _failed(self, report: Report, why: str) -> float:
        """Try again later, or say that it cannot be made."""
        context = self._context
        log.warning("report %d failed", report.id, extra={"event": "report_failed", "why": why})
        now = context.clock.now()

        def work(tx: Transaction) -> float:
            tried = tx.reports.postpone(report.id, until=now, why=why)
            if not FAILED_REPORT.is_over(tried):
                wait = FAILED_REPORT.delay(tried)
                until = now + timedelta(seconds=wait)
                tx.reports.update(report.id, report.state, until=until)
                return wait
            tx.reports.finish(report.id, now=now, why_failed=why)
            tx.notifications.notify_once(report_events(tx, report, failed=why), now=now)
            return 0.0

        return await context.database.transaction(work)


async def report_open_findings(
    report: int, proposer: Proposer, database: Database, clock: Clock
) -> None:
    """Make a report of what is open, without comparing the stores."""
    some, _ = await database.transaction(_levels_with_findings)
    total = await proposer.examine(some, report)
    await proposer.propose_others(report)

    def close(tx: Transaction) -> None:
        now = clock.now()
        counts = tx.findings.count(now=now)
        shadow = _shadow_facts(shadow_view(tx, now=now))
        summary = {"unread": _unanswered(total), "counts": counts, **shadow}
        tx.reports.finish(report, now=now, summary=summary)

    await database.transaction(close)


def _shadow_facts(shadow: ShadowView | None) -> dict[str, object]:
    """Return what a report keeps of shadow mode: it is told in its message."""
    return {} if shadow is None else {"shadow": to_plain(shadow)}


def _levels_with_findings(tx: Transaction, *, after: int = 0) -> tuple[list[LevelId], int | None]:
    """Return levels about which a finding is open, and after which finding there are more."""
    found = tx.findings.page(kinds=LEVEL_KINDS, after=after, limit=MAX_OPEN_FINDINGS)
    levels = {
        LevelId(int(each.subject.removeprefix("level:"))): None
        for each in found
        if each.subject.startswith("level:")
    }
    return list(levels), found[-1].id if len(found) == MAX_OPEN_FINDINGS else None


def report_events(tx: Transaction, report: Report, *, failed: str = "") -> list[Event]:
    """Return whom to tell what of a report that is over: the channel, and whoever asked.

        report                        the channel   each who asked to be told
        ----------------------------  ------------  -------------------------
        check, nothing to decide      -             its result
        check, something to decide    the report    its result
        check that failed             why, if       why
                                      nobody asked
        any other                     the report    its result

    A preflight's report goes to whoever wants the change, which its own facts say.
    """
    now = tx.reports.get(report.id) or report  # somebody may have joined it meanwhile
    answers = [_answer(now, each) for each in now.facts.askers]
    is_news = now.kind is not ReportKind.CHECK or (not answers if failed else now.open > 0)
    return [*([report_done(now, failed=failed)] if is_news else []), *answers]


def _answer(report: Report, asker: Asker) -> Event:
    """Return what tells one person what came of a report."""
    facts: dict[str, str | int | float | bool | None] = {
        "report": report.id,
        "by": asker.by,
        "reply": asker.reply,
    }
    return Event(kind="answer", subject=f"report:{report.id}", facts=facts)


def report_done(report: Report, *, failed: str = "") -> Event:
    """Return the news that a report is done, or cannot be made."""
    facts: dict[str, str | int | float | bool | None] = {
        "report": report.id,
        "kind": report.kind.value,
        "by": report.by if report.facts.person is None else report.facts.person.id,
        "reply": report.facts.reply or None,
        "failed": failed or None,
    }
    severity = Severity.WARNING if failed else Severity.INFO
    return Event(kind="report", subject=f"report:{report.id}", severity=severity, facts=facts)


def _units_moved(proposal: Proposal) -> int:
    """Return how many units the recommended fix would move."""
    option = proposal.option(proposal.recommended)
    return 0 if option is None else option.units


def _unanswered(total: Examination) -> list[str]:
    return [f"{store_name(store)} didn't answer: {why}" for store, why in total.silent.items()]
