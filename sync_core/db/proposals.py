"""Proposals: what people are asked, and what they decided, once each."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, func, insert, select, true, update
from sqlmodel import select as rows_of
from sqlmodel.sql.expression import Select

from sync_core.db.proposal_rows import draft_columns, proposal_of
from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import PROPOSAL, RECEIPT, REPORT, ProposalRow, ReceiptRow, ReportRow
from sync_core.domain.proposals import (
    FIX_OPEN_FOR,
    Choice,
    DecisionResult,
    Proposal,
    ProposalKind,
    ProposalState,
    ReportKind,
)
from sync_core.ports import ApprovedProposal, DecisionRecord, Draft

IS_OPEN = PROPOSAL.c.state == ProposalState.OPEN.value
IS_APPROVED = PROPOSAL.c.state == ProposalState.APPROVED.value
# The receipt is None where nobody has decided yet.
WITH_RECEIPT = rows_of(ProposalRow, ReceiptRow).outerjoin(
    ReceiptRow, RECEIPT.c.id == PROPOSAL.c.receipt_id
)
# What every round asks is built once: putting a statement together costs more than running it.
EXPIRE = (
    update(PROPOSAL)
    .where(IS_OPEN, PROPOSAL.c.expires_at <= bindparam("now"))
    .values(state=ProposalState.EXPIRED.value)
)
IS_DUE = PROPOSAL.c.try_at.is_(None) | (PROPOSAL.c.try_at <= bindparam("now"))
APPROVED = WITH_RECEIPT.where(IS_APPROVED, IS_DUE).order_by(PROPOSAL.c.id).limit(bindparam("most"))
NEXT_APPROVED = select(func.min(PROPOSAL.c.try_at)).where(IS_APPROVED)


class SqlProposals(SqlRepository):
    def propose(
        self,
        drafts: Sequence[tuple[Draft, str]],
        *,
        report: int | None,
        now: datetime,
        expires_at: datetime,
    ) -> list[int]:
        holding_report = self._report_holding_fixes(report)
        fixes = [each.finding for each, _ in drafts if each.kind is ProposalKind.FIX]
        kept = set() if report is None else self._in_newer_report(report, fixes)
        wanted = [each for each in drafts if each[0].finding not in kept]
        self.outdate(draft.finding for draft, _ in wanted if draft.finding is not None)
        made: list[int] = []
        for some in chunks(wanted, 200):
            rows = [
                {
                    **draft_columns(draft),
                    "token": token,
                    "report_id": holding_report if draft.kind is ProposalKind.FIX else report,
                    "opened_at": now,
                    "expires_at": expires_at,
                    "state": ProposalState.OPEN.value,
                }
                for draft, token in some
            ]
            new = insert(PROPOSAL).returning(PROPOSAL.c.id, sort_by_parameter_order=True)
            made += self.run(new, rows).scalars()
        return made

    def _report_holding_fixes(self, report: int | None) -> int | None:
        """Return the report that holds the fixes which one finds."""
        kinds = select(REPORT.c.kind).where(REPORT.c.id == report)
        is_drift_view = report is not None and self.run(kinds).scalar() == ReportKind.DRIFT.value
        known = (None if is_drift_view else report, self.tx.reports.latest())
        return max((each for each in known if each is not None), default=None)

    def _in_newer_report(self, report: int, findings: Iterable[int | None]) -> set[int]:
        """Return the findings about which a report that was asked for later has something open."""
        kept: set[int] = set()
        for some in chunks(sorted(each for each in set(findings) if each is not None), 500):
            theirs = IS_OPEN & PROPOSAL.c.finding_id.in_(some) & (PROPOSAL.c.report_id > report)
            kept.update(self.run(select(PROPOSAL.c.finding_id).where(theirs)).scalars())
        return kept

    def outdate(self, findings: Iterable[int]) -> int:
        count = 0
        for some in chunks(sorted(set(findings)), 500):
            old = update(PROPOSAL).where(IS_OPEN, PROPOSAL.c.finding_id.in_(some))
            count += self.run(old.values(state=ProposalState.OUTDATED.value)).rowcount
        return count

    def expire(self, *, now: datetime) -> int:
        return self.run(EXPIRE, {"now": now}).rowcount

    def of_report(
        self, report: int, *, offset: int = 0, limit: int = 50, open_only: bool = False
    ) -> tuple[int, list[Proposal]]:
        row = self._report(report)
        if row is None:
            return 0, []
        mine = of_report(row) & IS_OPEN if open_only else of_report(row)
        total = self.run(select(func.count()).select_from(PROPOSAL).where(mine)).scalar_one()
        query = WITH_RECEIPT.where(mine).order_by(
            IS_OPEN.desc(), PROPOSAL.c.safe.desc(), PROPOSAL.c.id
        )
        return int(total), self._proposals(query.offset(offset).limit(limit))

    def by_token(self, token: str) -> Proposal | None:
        return self._one(PROPOSAL.c.token == token)

    def get(self, number: int) -> Proposal | None:
        return self._one(PROPOSAL.c.id == number)

    def some(self, numbers: Iterable[int]) -> list[Proposal]:
        found: list[Proposal] = []
        for some in chunks(sorted(set(numbers)), 500):
            found += self._proposals(WITH_RECEIPT.where(PROPOSAL.c.id.in_(some)))
        return found

    def decided_elsewhere(
        self, numbers: Iterable[int], receipt: int | None, *, limit: int
    ) -> list[Proposal]:
        other = true() if receipt is None else PROPOSAL.c.receipt_id.is_distinct_from(receipt)
        found: list[Proposal] = []
        for some in chunks(sorted(set(numbers)), 500):
            query = WITH_RECEIPT.where(other, PROPOSAL.c.id.in_(some)).order_by(PROPOSAL.c.id)
            found += self._proposals(query.limit(limit - len(found)))
            if len(found) == limit:
                break
        return found

    def open_after(self, report: int, after: int, *, limit: int) -> list[Proposal]:
        row = self._report(report)
        if row is None:
            return []
        mine = of_report(row) & IS_OPEN & (PROPOSAL.c.id > after)
        return self._proposals(WITH_RECEIPT.where(mine).order_by(PROPOSAL.c.id).limit(limit))

    def open_about(self, finding: int) -> Proposal | None:
        return self._one(IS_OPEN & (PROPOSAL.c.finding_id == finding))

    def _report(self, number: int) -> ReportRow | None:
        return next(iter(self.rows(rows_of(ReportRow).where(REPORT.c.id == number))), None)

    def _one(self, condition: ColumnElement[bool]) -> Proposal | None:
        return next(iter(self._proposals(WITH_RECEIPT.where(condition).limit(1))), None)

    def _proposals(self, query: Select[ProposalRow, ReceiptRow]) -> list[Proposal]:
        return [proposal_of(row, receipt) for row, receipt in self.rows(query)]

    def decide(
        self,
        signed: DecisionRecord,
        choices: Mapping[int, tuple[Choice, int | None]],
        *,
        now: datetime,
    ) -> tuple[int | None, int]:
        is_notified = all(choice is Choice.DISMISS for choice, _ in choices.values())
        receipt = self._sign(signed, is_notified=is_notified, now=now)
        if receipt is None:
            return None, 0
        taken = 0
        alike: dict[tuple[Choice, int | None], list[int]] = {}
        for number, chosen in sorted(choices.items()):  # always in one order: no two block another
            alike.setdefault(chosen, []).append(number)
        for (choice, entered), numbers in alike.items():
            is_wanted = choice is not Choice.DISMISS
            state = ProposalState.APPROVED if is_wanted else ProposalState.DISMISSED
            values = {
                "state": state.value,
                "choice": choice.value,
                "number": entered,
                "receipt_id": receipt,
                "decided_at": now,
                "try_at": now,
            }
            for some in chunks(numbers, 500):
                still = IS_OPEN & PROPOSAL.c.id.in_(some) & (PROPOSAL.c.expires_at > now)
                taken += self.run(update(PROPOSAL).where(still).values(values)).rowcount
        if taken == 0:  # nobody signs for nothing
            self.run(RECEIPT.delete().where(RECEIPT.c.id == receipt))
            return None, 0
        return receipt, taken

    def _sign(self, signed: DecisionRecord, *, is_notified: bool, now: datetime) -> int | None:
        """Open a receipt; None if what it would undo is undone already."""
        taken = select(RECEIPT.c.id).where(RECEIPT.c.undoes == signed.undoes)
        if signed.undoes is not None and self.run(taken).first() is not None:
            return None
        row = {
            "kind": signed.kind.value,
            "choice": signed.choice.value,
            "team": signed.by.team,
            "person": signed.by.id,
            "name": signed.by.name,
            "rule": signed.rule,
            "origin": signed.origin,
            "at": now,
            "undoes": signed.undoes,
            "notified": is_notified,
        }
        return int(self.run(insert(RECEIPT).values(row).returning(RECEIPT.c.id)).scalar_one())

    def approved(self, *, now: datetime, limit: int) -> list[ApprovedProposal]:
        return [
            ApprovedProposal(
                proposal=proposal_of(row, receipt), number=row.number, receipt=receipt.id
            )
            for row, receipt in self.rows(APPROVED, {"now": now, "most": limit})
        ]

    def next_approved(self) -> datetime | None:
        found: datetime | None = self.run(NEXT_APPROVED).scalar()
        return found

    def postpone(self, number: int, *, until: datetime, why: str, since: datetime) -> None:
        mine = update(PROPOSAL).where(IS_APPROVED, PROPOSAL.c.id == number)
        self.run(mine.values(try_at=until, result=DecisionResult(waits=why, since=since)))

    def lock(self, number: int) -> bool:
        mine = select(PROPOSAL.c.id).where(IS_APPROVED, PROPOSAL.c.id == number)
        return self.run(mine.with_for_update()).first() is not None

    def close(self, number: int, *, result: DecisionResult) -> bool:
        mine = update(PROPOSAL).where(IS_APPROVED, PROPOSAL.c.id == number)
        done = mine.values(state=ProposalState.DONE.value, result=result)
        return self.run(done).rowcount == 1


def of_report(report: ReportRow) -> ColumnElement[bool]:
    """Return the condition that a proposal is one of a report's."""
    if report.kind != ReportKind.DRIFT.value:
        return PROPOSAL.c.report_id == report.id
    # What was open when somebody looked. It lives no longer than the proposals that it showed.
    end = report.finished_at or report.wanted_at
    shown = PROPOSAL.c.opened_at.between(report.wanted_at - FIX_OPEN_FOR, end)
    decided_since = PROPOSAL.c.decided_at >= report.wanted_at
    return (PROPOSAL.c.kind == ProposalKind.FIX.value) & shown & (IS_OPEN | decided_since)
