"""Clicks: each decides once, or is told who was faster, what is newer, or what goes on."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from sync_core.domain.bulk_decisions import FOR_ALL, BulkChoice, BulkPreview, taken
from sync_core.domain.proposals import (
    Answer,
    Choice,
    Clicked,
    Person,
    Proposal,
    ProposalKind,
    ProposalState,
    Report,
    UndoFacts,
)
from sync_core.domain.values import Event
from sync_core.errors import NotAllowed
from sync_core.ports import DecisionRecord, Transaction
from sync_core.service.questions import ServiceQuestions
from sync_core.service.writing import refuse_in_shadow
from sync_core.stored import from_plain

log = logging.getLogger(__name__)

MAX_PROPOSALS_PER_CLICK = 10_000  # proposals that one click may decide
MAX_LATE_NAMED = 10  # proposals that an answer names as decided before
PROPOSALS_PER_STEP = 500  # proposals that one step looks at
MAX_ENTERED_NUMBER = 1_000_000_000  # the greatest number a person may enter
ANSWERS = {
    ProposalState.APPROVED: Answer.RUNNING,
    ProposalState.DONE: Answer.ALREADY,
    ProposalState.DISMISSED: Answer.ALREADY,
    ProposalState.OUTDATED: Answer.OUTDATED,
    ProposalState.EXPIRED: Answer.EXPIRED,
    ProposalState.OPEN: Answer.EXPIRED,  # its time is over, and nobody has noted it yet
}
Choices = Mapping[int, tuple[Choice, int | None]]


class ServiceDecisions(ServiceQuestions):
    """The part of the service that takes clicks. Who may is the face's affair, and is kept."""

    async def decide(
        self,
        token: str,
        choice: Choice,
        by: Person,
        rule: str,
        *,
        number: int | None = None,
        where: str = "",
    ) -> Clicked:
        """Decide one proposal.

        Raises:
            NotAllowed: If that is not among its choices, or the number makes no sense.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> Clicked:
            proposal = tx.proposals.by_token(token)
            if proposal is None:
                return Clicked(answer=Answer.UNKNOWN)
            _refuse_invalid_choice(proposal, choice, number)
            refuse_in_shadow(tx, proposal.kind, [choice])
            signed = DecisionRecord(
                kind=proposal.kind,
                choice=choice,
                by=by,
                rule=rule,
                origin=where,
                undoes=_undoes(proposal, choice),
            )
            receipt, taken = tx.proposals.decide(signed, {proposal.id: (choice, number)}, now=now)
            return self._answer(tx, proposal, receipt, taken)

        return _logged(await self._transaction(work), by)

    async def decide_all(
        self, report_token: str, by: Person, rule: str, *, safe_only: bool = True, where: str = ""
    ) -> Clicked:
        """Approve what a report recommends: all of it, or all that is safe."""

        def chosen(some: Sequence[Proposal]) -> Choices:
            return {
                each.id: (each.recommended, None)
                for each in some
                if each.recommended is not None and (each.safe or not safe_only)
            }

        return await self._decide_open(report_token, chosen, Choice.ACCEPT, by, rule, where)

    async def dismiss(
        self, report_token: str, by: Person, rule: str, *, where: str = ""
    ) -> Clicked:
        """Want none of what a report proposes."""

        def chosen(some: Sequence[Proposal]) -> Choices:
            return {each.id: (Choice.DISMISS, None) for each in some}

        return await self._decide_open(report_token, chosen, Choice.DISMISS, by, rule, where)

    async def _decide_open(
        self,
        report_token: str,
        chosen: Callable[[Sequence[Proposal]], Choices],
        signed: Choice,
        by: Person,
        rule: str,
        where: str,
    ) -> Clicked:
        """Decide what a report still proposes, as chosen."""
        now = self._clock.now()

        def work(tx: Transaction) -> Clicked:
            report = tx.reports.by_token(report_token)
            if report is None:
                return Clicked(answer=Answer.UNKNOWN)
            _, some = tx.proposals.of_report(
                report.id, limit=MAX_PROPOSALS_PER_CLICK, open_only=True
            )
            wanted = chosen(some)
            first = signed if wanted else None
            return self._decide_many(tx, report.id, wanted, first, by, rule, where, now)

        return _logged(await self._transaction(work), by)

    async def decide_some(
        self, report_token: str, choices: Choices, by: Person, rule: str, *, where: str = ""
    ) -> Clicked:
        """Decide some of a report's proposals, each as chosen.

        Raises:
            NotAllowed: If a choice is not among a proposal's, or a number makes no sense.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> Clicked:
            report = tx.reports.by_token(report_token)
            if report is None:
                return Clicked(answer=Answer.UNKNOWN)
            known = {each.id: each for each in tx.proposals.some(choices)}
            for number, (choice, entered) in choices.items():
                proposal = known.get(number)
                # A newer report may have taken it over since; each is decided once all the same.
                if proposal is None or proposal.kind is not ProposalKind.FIX:
                    raise NotAllowed("one of these is not part of a report; open it again")
                _refuse_invalid_choice(proposal, choice, entered)
            first = next((choice for choice, _ in choices.values()), None)
            return self._decide_many(tx, report.id, choices, first, by, rule, where, now)

        return _logged(await self._transaction(work), by)

    async def preview(
        self, report_token: str, choices: Sequence[BulkChoice]
    ) -> tuple[Report, list[BulkPreview]] | None:
        """Return what each choice for all would write now; None if there is no such report."""
        report = await self._transaction(lambda tx: tx.reports.by_token(report_token))
        if report is None:
            return None
        found = [BulkPreview(choice=each.choice) for each in choices]
        async for some in self._open_of(report):
            found = [each.plus(some, chosen) for each, chosen in zip(found, choices, strict=True)]
        return report, found

    async def decide_bulk(
        self,
        report_token: str,
        chosen: BulkChoice,
        choices: Choices,
        by: Person,
        rule: str,
        *,
        where: str = "",
    ) -> Clicked:
        """Decide all that a report proposes as chosen, and some of it on its own, as one decision.

        What is decided is sought before the commit: a proposal never changes, and the commit takes
        only those that are still open.

        Raises:
            NotAllowed: If it is no choice for all, or if one on its own is not among the choices.
        """
        if chosen.choice is not None and chosen.choice not in FOR_ALL:
            raise NotAllowed(f"{chosen.choice.replace('_', ' ')} is no choice for all")
        report = await self._transaction(lambda tx: tx.reports.by_token(report_token))
        if report is None:
            return Clicked(answer=Answer.UNKNOWN)
        apart = replace(chosen, without=chosen.without | choices.keys())
        wanted: dict[int, tuple[Choice, int | None]] = {}
        async for some in self._open_of(report):
            wanted |= {key: (each, None) for key, each in taken(some, apart).items()}
        wanted |= choices
        if not wanted:  # somebody was faster; else all of it was left out
            beaten = await self._transaction(lambda tx: _who_was_faster(tx, report.id))
            nothing = Clicked(answer=Answer.TAKEN, report=report.id)
            return nothing if beaten.by is None else beaten
        return await self.decide_some(report_token, wanted, by, rule, where=where)

    async def _open_of(self, report: Report) -> AsyncIterator[list[Proposal]]:
        """Yield what a report still proposes, in parts: other work goes on in between.

        A newer report may have taken it over; it is the same question all the same.
        """
        after, holder = 0, report.newer or report.id
        while some := await self._transaction(partial(_open_after, report=holder, after=after)):
            yield some
            after = some[-1].id

    def _decide_many(  # noqa: PLR0913, PLR0917 - what a signature needs
        self,
        tx: Transaction,
        report: int,
        wanted: Choices,
        first: Choice | None,
        by: Person,
        rule: str,
        where: str,
        now: datetime,
    ) -> Clicked:
        """Decide proposals of one report under one receipt."""
        refuse_in_shadow(tx, ProposalKind.FIX, (choice for choice, _ in wanted.values()))
        if first is not None:
            signed = DecisionRecord(
                kind=ProposalKind.FIX, choice=first, by=by, rule=rule, origin=where
            )
            receipt, taken = tx.proposals.decide(signed, wanted, now=now)
            late = _late(tx, wanted, receipt, taken)
            if taken:
                self._announce_decision(tx, receipt, now, kind=ProposalKind.FIX.value)
                done = Clicked(answer=Answer.TAKEN, taken=taken, receipt=receipt, report=report)
                return replace(done, late=late)
            return replace(_who_was_faster(tx, report), late=late)
        return _who_was_faster(tx, report)

    def _answer(
        self, tx: Transaction, proposal: Proposal, receipt: int | None, taken: int
    ) -> Clicked:
        """Return what a click on one proposal came to."""
        now = tx.proposals.get(proposal.id) or proposal
        if taken:
            self._announce_decision(
                tx,
                receipt,
                self._clock.now(),
                kind=now.kind.value,
                about=str(now.facts.get("subject") or ""),
            )
            return Clicked(
                answer=Answer.TAKEN,
                taken=taken,
                by=now.by,
                at=now.decided_at,
                receipt=receipt,
                report=now.report,
                proposal=now,
            )
        newer = None if now.finding is None else tx.proposals.open_about(now.finding)
        return Clicked(
            answer=ANSWERS[now.state],
            by=now.by,
            at=now.decided_at,
            receipt=now.receipt,
            report=None if newer is None else newer.report,
            proposal=newer if now.state is ProposalState.OUTDATED and newer else now,
        )

    def _announce_decision(
        self, tx: Transaction, receipt: int | None, now: datetime, **facts: str | int | None
    ) -> None:
        """Tell in the same commit that somebody has decided: what comes of it is told later."""
        first = None if receipt is None else tx.receipts.first_proposal_of(receipt)
        report = None if first is None else first.report  # the one that holds it, wherever it was
        kept: dict[str, str | int | float | bool | None] = {"report": report, **facts}
        kept["receipt"] = receipt
        told = Event(kind="deciding", subject=f"receipt:{receipt}", facts=kept)
        tx.notifications.notify_once([told], now=now)
        self._wake_server(tx)


def _open_after(tx: Transaction, *, report: int, after: int) -> list[Proposal]:
    return tx.proposals.open_after(report, after, limit=PROPOSALS_PER_STEP)


def _late(
    tx: Transaction, wanted: Choices, receipt: int | None, taken: int
) -> tuple[Proposal, ...]:
    """Return what a click was to decide and did not: somebody or something was faster."""
    if taken == len(wanted):
        return ()
    return tuple(tx.proposals.decided_elsewhere(wanted, receipt, limit=MAX_LATE_NAMED))


def _who_was_faster(tx: Transaction, number: int) -> Clicked:
    """Return why a click on a report decided nothing."""
    report = tx.reports.get(number)
    _, some = tx.proposals.of_report(number, limit=MAX_PROPOSALS_PER_CLICK)
    decided = [each for each in some if each.by is not None]
    running = any(each.state is ProposalState.APPROVED for each in decided)
    last = max(decided, key=lambda each: each.decided_at or each.opened_at, default=None)
    if report is not None and report.newer is not None and last is None:
        return Clicked(answer=Answer.OUTDATED, report=report.newer)
    if last is None:
        return Clicked(answer=Answer.EXPIRED, report=number)
    return Clicked(
        answer=Answer.RUNNING if running else Answer.ALREADY,
        by=last.by,
        at=last.decided_at,
        receipt=last.receipt,
        report=number,
    )


def _refuse_invalid_choice(proposal: Proposal, choice: Choice, number: int | None) -> None:
    """Raise NotAllowed if a choice is not among a proposal's."""
    offered = {each.choice for each in proposal.options}
    if choice is not Choice.DISMISS and choice not in offered:
        raise NotAllowed(f"{choice.replace('_', ' ')} is not among the choices")
    if choice is Choice.USE_NUMBER and (
        number is None or not -MAX_ENTERED_NUMBER <= number <= MAX_ENTERED_NUMBER
    ):
        raise NotAllowed(f"enter a whole number, at most {MAX_ENTERED_NUMBER:,}")


def _undoes(proposal: Proposal, choice: Choice) -> int | None:
    """Return the receipt that a decision takes back."""
    if proposal.kind is not ProposalKind.UNDO or choice is not Choice.CONFIRM:
        return None
    return from_plain(proposal.facts, UndoFacts).receipt


def _logged(clicked: Clicked, by: Person) -> Clicked:
    facts = {"event": "click", "by": by.id, "answer": clicked.answer.value, "n": clicked.taken}
    log.info("a click", extra=facts)
    return clicked
