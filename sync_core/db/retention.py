"""What is kept how long, and how what is older goes: a slice at a time, a short transaction each.

    what                                             kept
    -----------------------------------------------  -------------------------------------------
    movements; receipts, what they did, and the      for ever
      proposals and findings that they decided
    webhooks that are handled                        a week
    the bytes of batches that are closed             a week
    claims: which messages were answered             a week
    preflights, drift views, without a decision      8 days
    notifications that are posts, posts, and         60 days
      proposals that nobody decided
    closed adjustments and batches, what orders      400 days
      said, closed findings, reports

What is open is never deleted, however old. A level's equation stays checkable: a settled
adjustment that goes is added to the level's sum in `settled` by the statement that deletes it, so

    book == first book + movements + settled adjustments + the sum of those that are gone

Rows are numbered as they come, so the oldest are found at the head of a table without an index.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Table,
    TextClause,
    delete,
    exists,
    func,
    select,
    update,
)

from sync_core.db.order_events import CAUSES_SINCE
from sync_core.db.posts import UNSENT
from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.settings import PASSING_CLAIMS
from sync_core.db.tables import (
    ADJUSTMENT,
    BATCH,
    CLOSED,
    DELIVERY,
    FINDING,
    HAS_BODY,
    LEVEL,
    NOTIFICATION,
    ORDER_EVENT,
    POST,
    PROPOSAL,
    REPORT,
    SETTING,
    SETTLED_SUM,
)
from sync_core.domain.proposals import ProposalState, ReportKind

MAX_ROWS_DELETED = 1000  # rows that one transaction deletes
DAY = timedelta(days=1)
WEEK = 7 * DAY
MONTHS = 60 * DAY
YEAR = 400 * DAY
UNDECIDED = (ProposalState.OUTDATED.value, ProposalState.EXPIRED.value)
TEMPORARY_KINDS = (ReportKind.PREFLIGHT.value, ReportKind.DRIFT.value)


class SqlRetention(SqlRepository):
    def forget_deliveries(self, *, before: datetime) -> int:
        """Delete handled deliveries that came before then; return how many."""
        is_over = DELIVERY.c.handled_at.is_not(None) & DELIVERY.c.quarantined_at.is_(None)
        return self._delete(DELIVERY.c.id, DELIVERY.c.received_at < before, is_over, most=5000)

    def forget_posts(self, *, before: datetime) -> int:
        """Delete some posts that were sent and are older than that; return how many."""
        return self._delete(POST.c.key, ~UNSENT, POST.c.due_at < before)

    def forget_claims(self, *, before: datetime) -> int:
        """Delete passing claims of before then; return how many."""
        is_passing = SETTING.c.name.startswith(PASSING_CLAIMS)
        return self._delete(SETTING.c.name, is_passing, SETTING.c.value < before.isoformat())

    def forget_bodies(self, *, before: datetime) -> int:
        """Empty the bodies of batches that were closed before then; nobody sends them again."""
        old = select(BATCH.c.id).where(
            HAS_BODY, BATCH.c.closed_at < before, BATCH.c.state != "open"
        )
        emptied = update(BATCH).where(BATCH.c.id.in_(old.limit(MAX_ROWS_DELETED))).values(body=b"")
        return self.run(emptied).rowcount

    def forget_adjustments(self, *, before: datetime) -> int:
        """Delete adjustments that were closed before then; what was settled stays in a sum."""
        old = (
            ADJUSTMENT.c.id <= self._head(ADJUSTMENT),
            # SQLite gives the numbers of an empty table again, and seals go by numbers.
            ADJUSTMENT.c.id < select(func.max(ADJUSTMENT.c.id)).scalar_subquery(),
            ADJUSTMENT.c.closed_at < before,
            ADJUSTMENT.c.state != "open",
        )
        columns = (ADJUSTMENT.c.level_id, ADJUSTMENT.c.level_baseline, ADJUSTMENT.c.delta)
        # Only what this very statement deletes is added: two processes may do this at a time.
        rows = self.run(delete(ADJUSTMENT).where(*old).returning(*columns, ADJUSTMENT.c.state))
        sums: dict[tuple[int, int], int] = defaultdict(int)
        count = 0
        for count, row in enumerate(rows, start=1):  # noqa: B007 - counts
            if row.state == "settled":
                sums[row.level_id, row.level_baseline] += row.delta
        self._add_settled(sums)
        return count

    def _add_settled(self, sums: dict[tuple[int, int], int]) -> None:
        """Add to the sums of levels; those of earlier baselines say nothing any more."""
        for some in chunks(sorted(sums), 200):
            rows = [
                {"level_id": level, "level_baseline": level_baseline, "delta": 0}
                for level, level_baseline in some
            ]
            self.insert_new(SETTLED_SUM, rows)
        for level, level_baseline in sorted(sums):
            mine = (SETTLED_SUM.c.level_id == level) & (
                SETTLED_SUM.c.level_baseline == level_baseline
            )
            more = {"delta": SETTLED_SUM.c.delta + sums[level, level_baseline]}
            self.run(update(SETTLED_SUM).where(mine).values(more))
        for few in chunks(sorted({level for level, _ in sums}), 500):
            now = (
                select(LEVEL.c.level_baseline)
                .where(LEVEL.c.id == SETTLED_SUM.c.level_id)
                .scalar_subquery()
            )
            past = delete(SETTLED_SUM).where(
                SETTLED_SUM.c.level_id.in_(few), SETTLED_SUM.c.level_baseline < now
            )
            self.run(past)

    def forget_batches(self, *, before: datetime) -> int:
        """Delete batches that were closed before then and have no adjustment left."""
        left = exists(select(ADJUSTMENT.c.id).where(ADJUSTMENT.c.batch_id == BATCH.c.id))
        old = (BATCH.c.id <= self._head(BATCH), BATCH.c.closed_at < before, BATCH.c.state != "open")
        return self.run(delete(BATCH).where(*old, ~left)).rowcount

    def forget_order_events(self, *, before: datetime) -> int:
        """Delete what orders said before then, and note since when causes are known.

        Orders that explained a movement together with one that goes explain it no longer: what is
        left of them does not add up to it.
        """
        old = delete(ORDER_EVENT).where(
            ORDER_EVENT.c.id <= self._head(ORDER_EVENT), ORDER_EVENT.c.at < before
        )
        explained = self.run(old.returning(ORDER_EVENT.c.movement_id)).scalars().all()
        movements = sorted({each for each in explained if each is not None})
        for some in chunks(movements, 500):
            left = ORDER_EVENT.c.movement_id.in_(some)
            self.run(update(ORDER_EVENT).where(left).values(movement_id=None))
        if explained:
            self.tx.settings.set(CAUSES_SINCE, before.isoformat())
        return len(explained)

    def forget_findings(self, *, before: datetime) -> int:
        """Delete findings that were closed before then, unless a proposal is about them."""
        used = exists(select(PROPOSAL.c.id).where(PROPOSAL.c.finding_id == FINDING.c.id))
        return self._delete(FINDING.c.id, CLOSED, FINDING.c.closed_at < before, ~used)

    def forget_proposals(self, *, before: datetime) -> int:
        """Delete proposals of before then that nobody has decided and nobody can decide."""
        is_over = PROPOSAL.c.state.in_(UNDECIDED) & PROPOSAL.c.receipt_id.is_(None)
        return self._delete(PROPOSAL.c.id, PROPOSAL.c.opened_at < before, is_over)

    def forget_notifications(self, *, before: datetime) -> int:
        """Delete notifications of before then; of a face's, only what it has turned into posts."""
        old = (NOTIFICATION.c.id <= self._head(NOTIFICATION), NOTIFICATION.c.at < before)
        told = self.tx.posts.cursors().get("notices")
        posted = () if told is None else (NOTIFICATION.c.id <= told,)
        return self.run(delete(NOTIFICATION).where(*old, *posted)).rowcount

    def forget_temporary_reports(self, *, before: datetime) -> int:
        """Delete preflights and drift views of before then on which nothing was decided."""
        return self._forget_reports(before, REPORT.c.kind.in_(TEMPORARY_KINDS))

    def forget_reports(self, *, before: datetime) -> int:
        """Delete reports of before then, unless something was decided on them."""
        return self._forget_reports(before, REPORT.c.kind.not_in(TEMPORARY_KINDS))

    def _head(self, table: Table) -> int:
        """Return the number up to which rows are the oldest of a table: a slice of them.

        Asked for by itself, since a database that does not know the number reads the whole table.
        """
        head = select(table.c.id).order_by(table.c.id).limit(MAX_ROWS_DELETED).subquery("head")
        return int(self.run(select(func.coalesce(func.max(head.c.id), 0))).scalar_one())

    def _forget_reports(self, before: datetime, which: ColumnElement[bool]) -> int:
        used = exists(select(PROPOSAL.c.id).where(PROPOSAL.c.report_id == REPORT.c.id))
        return self._delete(REPORT.c.id, which, REPORT.c.finished_at < before, ~used)

    def _delete(
        self,
        key: Column[Any],
        *old: ColumnElement[bool] | TextClause,
        most: int = MAX_ROWS_DELETED,
    ) -> int:
        """Delete some of a table's rows; return how many."""
        some = select(key).where(*old).limit(most)
        return self.run(delete(key.table).where(key.in_(some))).rowcount


# In this order: what others refer to goes after them.
RETENTION_PERIODS: tuple[tuple[timedelta, Callable[..., int]], ...] = (
    (WEEK, SqlRetention.forget_deliveries),
    (WEEK, SqlRetention.forget_bodies),
    (WEEK, SqlRetention.forget_claims),
    (MONTHS, SqlRetention.forget_posts),
    (MONTHS, SqlRetention.forget_notifications),
    (MONTHS, SqlRetention.forget_proposals),
    (WEEK + DAY, SqlRetention.forget_temporary_reports),
    (YEAR, SqlRetention.forget_adjustments),
    (YEAR, SqlRetention.forget_batches),
    (YEAR, SqlRetention.forget_order_events),
    (YEAR, SqlRetention.forget_findings),
    (YEAR, SqlRetention.forget_reports),
)
