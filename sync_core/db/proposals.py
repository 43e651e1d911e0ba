"""Proposals, receipts and effects: what people decide, once each."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    bindparam,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from sync_core.db.notifications import FINDING
from sync_core.db.proposal_rows import (
    draft_columns,
    effect_facts,
    effect_of,
    finding_of,
    person_of,
    proposal_of,
    receipt_line,
)
from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.stock import POOL
from sync_core.db.tables import EffectRow, ProposalRow, ReceiptRow, ReportRow
from sync_core.domain.decisions import Effect
from sync_core.domain.proposals import (
    Choice,
    Proposal,
    ProposalKind,
    ProposalState,
    Receipt,
    ReportKind,
    ReportState,
)
from sync_core.domain.views import Finding
from sync_core.proposals import ApprovedProposal, DecisionRecord, Draft

PROPOSAL: Table = ProposalRow.__table__  # type: ignore[attr-defined]
RECEIPT: Table = ReceiptRow.__table__  # type: ignore[attr-defined]
EFFECT: Table = EffectRow.__table__  # type: ignore[attr-defined]
REPORT: Table = ReportRow.__table__  # type: ignore[attr-defined]

# Reports of which everybody is told. A preflight asks about a mode; a look shows what others hold.
PUBLISHED_KINDS = (ReportKind.NIGHT.value, ReportKind.CHECK.value, ReportKind.BASELINE.value)

MAX_RECEIPT_LINES = 1000  # of one receipt that people are shown; the sums are of all
IS_OPEN = PROPOSAL.c.state == ProposalState.OPEN.value
IS_APPROVED = PROPOSAL.c.state == ProposalState.APPROVED.value
WITH_RECEIPT = select(PROPOSAL, RECEIPT.c.team, RECEIPT.c.person, RECEIPT.c.name).outerjoin(
    RECEIPT, RECEIPT.c.id == PROPOSAL.c.receipt_id
)

# Asked every few seconds: putting a statement together costs more than running it.
OPEN_FINDINGS = (
    select(FINDING)
    .where(FINDING.c.closed_at.is_(None), FINDING.c.id > bindparam("after"))
    .order_by(FINDING.c.id)
    .limit(bindparam("most"))
)
OPEN_FINDINGS_OF_KINDS = OPEN_FINDINGS.where(FINDING.c.kind.in_(bindparam("kinds", expanding=True)))


class SqlProposals(SqlRepository):
    """The part of the ledger that holds decisions."""

    # -- proposals
    def propose(
        self,
        drafts: Sequence[tuple[Draft, str]],
        *,
        report: int | None,
        now: datetime,
        expires_at: datetime,
    ) -> list[int]:
        """Keep proposals with their tokens; what was open about the same findings is outdated."""
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
        known = (None if is_drift_view else report, self.latest_report())
        return max((each for each in known if each is not None), default=None)

    def _in_newer_report(self, report: int, findings: Iterable[int | None]) -> set[int]:
        """Return the findings about which a report that was asked for later has something open."""
        kept: set[int] = set()
        for some in chunks(sorted(each for each in set(findings) if each is not None), 500):
            theirs = IS_OPEN & PROPOSAL.c.finding_id.in_(some) & (PROPOSAL.c.report_id > report)
            kept.update(self.run(select(PROPOSAL.c.finding_id).where(theirs)).scalars())
        return kept

    def latest_report(self) -> int | None:
        """Return the report that holds what is open: the newest asked for that is done."""
        query = select(func.max(REPORT.c.id)).where(
            REPORT.c.state == ReportState.DONE.value, REPORT.c.kind.in_(PUBLISHED_KINDS)
        )
        found: int | None = self.run(query).scalar()
        return found

    def gather(self) -> None:
        """Have the newest report that is done hold every fix that is open."""
        latest = self.latest_report()
        if latest is None:
            return
        mine = PROPOSAL.c.report_id.is_not(None) & (PROPOSAL.c.report_id >= latest)
        fixes = IS_OPEN & (PROPOSAL.c.kind == ProposalKind.FIX.value)
        self.run(update(PROPOSAL).where(fixes, ~mine).values(report_id=latest))

    def outdate(self, findings: Iterable[int]) -> int:
        """Close the open proposals about these findings; return how many."""
        count = 0
        for some in chunks(sorted(set(findings)), 500):
            old = update(PROPOSAL).where(IS_OPEN, PROPOSAL.c.finding_id.in_(some))
            count += self.run(old.values(state=ProposalState.OUTDATED.value)).rowcount
        return count

    def expire_proposals(self, *, now: datetime) -> int:
        """Close the open proposals whose time is over; return how many."""
        old = update(PROPOSAL).where(IS_OPEN, PROPOSAL.c.expires_at <= now)
        return self.run(old.values(state=ProposalState.EXPIRED.value)).rowcount

    def proposal(self, token: str) -> Proposal | None:
        """Return the proposal whose button carries that token."""
        return self._one(PROPOSAL.c.token == token)

    def proposal_by_id(self, number: int) -> Proposal | None:
        """Return a proposal."""
        return self._one(PROPOSAL.c.id == number)

    def proposals_by_id(self, numbers: Iterable[int]) -> list[Proposal]:
        """Return proposals."""
        found: list[Proposal] = []
        for some in chunks(sorted(set(numbers)), 500):
            found += map(proposal_of, self.run(WITH_RECEIPT.where(PROPOSAL.c.id.in_(some))))
        return found

    def newer_proposal(self, finding: int) -> Proposal | None:
        """Return the open proposal about a finding."""
        return self._one(IS_OPEN & (PROPOSAL.c.finding_id == finding))

    def _one(self, condition: ColumnElement[bool]) -> Proposal | None:
        row = self.run(WITH_RECEIPT.where(condition)).first()
        return None if row is None else proposal_of(row)

    # -- decisions
    def decide(
        self,
        signed: DecisionRecord,
        choices: Mapping[int, tuple[Choice, int | None]],
        *,
        now: datetime,
    ) -> tuple[int | None, int]:
        """Decide open proposals under one receipt; return it, and how many were still open."""
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
        """Return decided proposals that are due to be carried out."""
        due = or_(PROPOSAL.c.try_at.is_(None), PROPOSAL.c.try_at <= now)
        query = WITH_RECEIPT.where(IS_APPROVED, due).order_by(PROPOSAL.c.id).limit(limit)
        return [
            ApprovedProposal(proposal=proposal_of(row), number=row.number, receipt=row.receipt_id)
            for row in self.run(query)
        ]

    def next_approved(self) -> datetime | None:
        """Return when a decided proposal is due; None when none waits."""
        found: datetime | None = self.run(
            select(func.min(PROPOSAL.c.try_at)).where(IS_APPROVED)
        ).scalar()
        return found

    def postpone_proposal(self, number: int, *, until: datetime, why: str, since: datetime) -> None:
        """Try again later to carry a proposal out; keep since when that is tried."""
        mine = update(PROPOSAL).where(IS_APPROVED, PROPOSAL.c.id == number)
        self.run(mine.values(try_at=until, result={"waits": why, "since": since.isoformat()}))

    def lock_proposal(self, number: int) -> bool:
        """Whether a decided proposal still waits; until the commit nobody else carries it out."""
        mine = select(PROPOSAL.c.id).where(IS_APPROVED, PROPOSAL.c.id == number)
        return self.run(mine.with_for_update()).first() is not None

    def close_proposal(self, number: int, *, result: Mapping[str, object]) -> bool:
        """Note what came of a decided proposal; False if somebody else did."""
        mine = update(PROPOSAL).where(IS_APPROVED, PROPOSAL.c.id == number)
        done = mine.values(state=ProposalState.DONE.value, result=dict(result))
        return self.run(done).rowcount == 1

    # -- effects
    def save_effect(
        self, receipt: int, proposal: int | None, effect: Effect, shared: int, *, now: datetime
    ) -> None:
        """Keep what a decision did to a pool."""
        row = {
            "receipt_id": receipt,
            "proposal_id": proposal,
            "pool_id": effect.pool,
            "level_id": effect.level,
            "moved": effect.moved,
            "shared": shared,
            "facts": effect_facts(effect),
            "at": now,
            "baseline": select(POOL.c.baseline).where(POOL.c.id == effect.pool).scalar_subquery(),
        }
        self.run(insert(EFFECT).values(row))

    def effects(self, receipt: int) -> list[Effect]:
        """Return what a decision did."""
        query = select(EFFECT).where(EFFECT.c.receipt_id == receipt).order_by(EFFECT.c.id)
        return [effect_of(row) for row in self.run(query)]

    # -- receipts
    def receipt(self, number: int) -> Receipt | None:
        """Return who decided what, and what came of it."""
        row = self.run(select(RECEIPT).where(RECEIPT.c.id == number)).first()
        return None if row is None else self._receipt(row)

    def receipts(self, *, limit: int) -> list[Receipt]:
        """Return the newest receipts."""
        rows = self.run(select(RECEIPT).order_by(RECEIPT.c.id.desc()).limit(limit)).all()
        return [self._receipt(row) for row in rows]

    def _receipt(self, row: Row[Any]) -> Receipt:
        mine = select(PROPOSAL).where(PROPOSAL.c.receipt_id == row.id).order_by(PROPOSAL.c.id)
        rows = self.run(mine.limit(MAX_RECEIPT_LINES)).all()
        total, done, units = self._sums(row.id) if len(rows) == MAX_RECEIPT_LINES else (0, 0, 0)
        undone = self.run(select(RECEIPT.c.id).where(RECEIPT.c.undoes == row.id)).scalar()
        running = select(exists().where(IS_APPROVED, PROPOSAL.c.receipt_id == row.id))
        return Receipt(
            id=row.id,
            kind=ProposalKind(row.kind),
            by=person_of(row),
            rule=row.rule,
            at=row.at,
            running=bool(self.run(running).scalar()),
            lines=tuple(receipt_line(each) for each in rows),
            undoes=row.undoes,
            undone_by=undone,
            total=total,
            done=done,
            units=units,
        )

    def _sums(self, receipt: int) -> tuple[int, int, int]:
        """Return how many lines a receipt has, how many are done, and how many units moved."""
        is_done = PROPOSAL.c.result["done"].as_boolean()
        moved = func.abs(PROPOSAL.c.result["moved"].as_integer())
        query = select(
            func.count(),
            func.coalesce(func.sum(case((is_done, 1), else_=0)), 0),
            func.coalesce(func.sum(case((is_done, moved), else_=0)), 0),
        ).where(PROPOSAL.c.receipt_id == receipt)
        total, done, units = self.run(query).one()
        return int(total), int(done), int(units)

    def first_proposal_of(self, receipt: int) -> Proposal | None:
        """Return the first proposal that was decided under a receipt."""
        mine = WITH_RECEIPT.where(PROPOSAL.c.receipt_id == receipt).order_by(PROPOSAL.c.id).limit(1)
        row = self.run(mine).first()
        return None if row is None else proposal_of(row)

    def unnotified_receipts(self) -> list[int]:
        """Return receipts whose proposals are all carried out and nobody has been told of."""
        running = exists().where(IS_APPROVED, PROPOSAL.c.receipt_id == RECEIPT.c.id)
        query = select(RECEIPT.c.id).where(RECEIPT.c.notified.is_(False), ~running)
        return list(self.run(query.order_by(RECEIPT.c.id).limit(100)).scalars())

    def mark_receipt_notified(self, receipt: int) -> bool:
        """Note that people will be told of a receipt; False if that was noted before."""
        untold = update(RECEIPT).where(RECEIPT.c.id == receipt, RECEIPT.c.notified.is_(False))
        return self.run(untold.values(notified=True)).rowcount == 1

    # -- findings
    def findings_by(
        self, *, kinds: Iterable[str] | None = None, after: int = 0, limit: int = 500
    ) -> list[Finding]:
        """Return standing findings in order, those after that number."""
        given: dict[str, Any] = {"after": after, "most": limit}
        if kinds is None:
            rows = self.run(OPEN_FINDINGS, given)
        else:
            rows = self.run(OPEN_FINDINGS_OF_KINDS, {**given, "kinds": list(kinds)})
        return [finding_of(row) for row in rows]

    def findings_on(self, subjects: Iterable[str]) -> list[Finding]:
        """Return standing findings about these subjects."""
        found: list[Finding] = []
        for some in chunks(sorted(set(subjects)), 500):
            about = FINDING.c.closed_at.is_(None) & FINDING.c.subject.in_(some)
            rows = self.run(select(FINDING).where(about).order_by(FINDING.c.id))
            found += [finding_of(row) for row in rows]
        return found

    def finding(self, number: int) -> Finding | None:
        """Return a finding, standing or not."""
        row = self.run(select(FINDING).where(FINDING.c.id == number)).first()
        return None if row is None else finding_of(row)

    def mute(self, finding: int, *, until: datetime | None) -> None:
        """Have a finding left alone until then."""
        self.run(update(FINDING).where(FINDING.c.id == finding).values(muted_until=until))

    def close_findings(self, numbers: Iterable[int], *, now: datetime) -> int:
        """Close findings that stand no longer, quietly; return how many."""
        count = 0
        for some in chunks(sorted(set(numbers)), 500):
            standing = update(FINDING).where(FINDING.c.id.in_(some), FINDING.c.closed_at.is_(None))
            count += self.run(standing.values(closed_at=now)).rowcount
            self.outdate(some)
        return count

    def count_findings(self, *, now: datetime) -> dict[str, int]:
        """Return how many findings stand that nobody has muted, by kind."""
        heard = or_(FINDING.c.muted_until.is_(None), FINDING.c.muted_until <= now)
        query = select(FINDING.c.kind, func.count()).where(FINDING.c.closed_at.is_(None), heard)
        return {row[0]: row[1] for row in self.run(query.group_by(FINDING.c.kind))}
