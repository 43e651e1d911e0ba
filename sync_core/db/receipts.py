"""Receipts and effects: who decided what, and what that did."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import case, exists, func, insert, select, update
from sqlmodel import select as rows_of

from sync_core.db.proposal_rows import effect_facts, effect_of, person_of, proposal_of, receipt_line
from sync_core.db.proposals import IS_APPROVED, WITH_RECEIPT
from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import EFFECT, POOL, PROPOSAL, RECEIPT, ProposalRow, ReceiptRow
from sync_core.domain.decisions import Effect
from sync_core.domain.proposals import Proposal, ProposalKind, Receipt
from sync_core.domain.values import PoolId

MAX_RECEIPT_LINES = 1000  # of one receipt that people are shown; the sums are of all
# What every round asks is built once: putting a statement together costs more than running it.
IS_RUNNING = exists().where(IS_APPROVED, PROPOSAL.c.receipt_id == RECEIPT.c.id)
UNNOTIFIED = (
    select(RECEIPT.c.id)
    .where(RECEIPT.c.notified.is_(False), ~IS_RUNNING)
    .order_by(RECEIPT.c.id)
    .limit(100)
)


class SqlReceipts(SqlRepository):
    def get(self, number: int) -> Receipt | None:
        found = self.rows(rows_of(ReceiptRow).where(RECEIPT.c.id == number))
        return next(map(self._receipt, found), None)

    def newest(self, *, limit: int) -> list[Receipt]:
        newest = rows_of(ReceiptRow).order_by(RECEIPT.c.id.desc()).limit(limit)
        return [self._receipt(row) for row in self.rows(newest)]

    def _receipt(self, row: ReceiptRow) -> Receipt:
        mine = rows_of(ProposalRow).where(PROPOSAL.c.receipt_id == row.id).order_by(PROPOSAL.c.id)
        rows = self.rows(mine.limit(MAX_RECEIPT_LINES))
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
        mine = WITH_RECEIPT.where(PROPOSAL.c.receipt_id == receipt).order_by(PROPOSAL.c.id).limit(1)
        return next((proposal_of(*each) for each in self.rows(mine)), None)

    def unnotified(self) -> list[int]:
        return list(self.run(UNNOTIFIED).scalars())

    def mark_notified(self, receipt: int) -> bool:
        untold = update(RECEIPT).where(RECEIPT.c.id == receipt, RECEIPT.c.notified.is_(False))
        return self.run(untold.values(notified=True)).rowcount == 1

    def save_effect(
        self, receipt: int, proposal: int | None, effect: Effect, shared: int, *, now: datetime
    ) -> None:
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
        query = select(EFFECT).where(EFFECT.c.receipt_id == receipt).order_by(EFFECT.c.id)
        return [effect_of(row) for row in self.run(query)]

    def decided_at(self, pools: Iterable[PoolId]) -> dict[PoolId, datetime]:
        query = select(EFFECT.c.pool_id, func.max(EFFECT.c.at)).group_by(EFFECT.c.pool_id)
        return {
            PoolId(pool): at
            for some in chunks(sorted(pools), 500)
            for pool, at in self.run(query.where(EFFECT.c.pool_id.in_(some)))
        }
