"""What is kept how long, and how what is older goes: a slice at a time, a short transaction each.

    what                                             kept
    -----------------------------------------------  -------------------------------------------
    movements; receipts, what they did, and the      for ever
      proposals and findings that they decided
    webhooks that are handled                        a week
    the bytes of batches that are closed             a week
    preflights and looks, without a decision         8 days
    notices that have become posts, posts, and       60 days
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

from sqlalchemy import ColumnElement, Table, delete, exists, func, select, update

from sync_core.db.batches import ADJUSTMENT, BATCH
from sync_core.db.desk import PROPOSAL, REPORT
from sync_core.db.inbox import ACT, Inbox
from sync_core.db.news import FINDING, NOTICE
from sync_core.db.posts import Posts
from sync_core.db.reports import CAUSES_SINCE
from sync_core.db.room import chunks
from sync_core.db.rows import LEVEL
from sync_core.db.tables import CLOSED, HAS_BODY, SettledRow
from sync_core.domain.proposals import ProposalState, ReportKind

SETTLED: Table = SettledRow.__table__  # type: ignore[attr-defined]

SLICE = 1000  # rows that one transaction deletes
DAY = timedelta(days=1)
WEEK, MONTHS, YEAR = 7 * DAY, 60 * DAY, 400 * DAY
UNDECIDED = (ProposalState.OUTDATED.value, ProposalState.EXPIRED.value)
PASSING = (ReportKind.PREFLIGHT.value, ReportKind.DRIFT.value)


class Retention(Posts, Inbox):
    """The part of the ledger that forgets. Each method deletes some, and returns how many."""

    def forget_bodies(self, *, before: datetime) -> int:
        """Empty the bodies of batches that were closed before then; nobody sends them again."""
        old = select(BATCH.c.id).where(
            HAS_BODY, BATCH.c.closed_at < before, BATCH.c.state != "open"
        )
        emptied = update(BATCH).where(BATCH.c.id.in_(old.limit(SLICE))).values(body=b"")
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
        columns = (ADJUSTMENT.c.level_id, ADJUSTMENT.c.meeting, ADJUSTMENT.c.delta)
        # Only what this very statement deletes is added: two processes may do this at a time.
        rows = self.run(delete(ADJUSTMENT).where(*old).returning(*columns, ADJUSTMENT.c.state))
        sums: dict[tuple[int, int], int] = defaultdict(int)
        count = 0
        for count, row in enumerate(rows, start=1):  # noqa: B007 - counts
            if row.state == "settled":
                sums[row.level_id, row.meeting] += row.delta
        self._add_settled(sums)
        return count

    def _add_settled(self, sums: dict[tuple[int, int], int]) -> None:
        """Add to the sums of levels; those of earlier meetings say nothing any more."""
        for some in chunks(sorted(sums), 200):
            rows = [{"level_id": level, "meeting": meeting, "delta": 0} for level, meeting in some]
            self.insert_new(SETTLED, rows)
        for level, meeting in sorted(sums):
            mine = (SETTLED.c.level_id == level) & (SETTLED.c.meeting == meeting)
            more = {"delta": SETTLED.c.delta + sums[level, meeting]}
            self.run(update(SETTLED).where(mine).values(more))
        for few in chunks(sorted({level for level, _ in sums}), 500):
            now = select(LEVEL.c.meeting).where(LEVEL.c.id == SETTLED.c.level_id).scalar_subquery()
            past = delete(SETTLED).where(SETTLED.c.level_id.in_(few), SETTLED.c.meeting < now)
            self.run(past)

    def forget_batches(self, *, before: datetime) -> int:
        """Delete batches that were closed before then and have no adjustment left."""
        left = exists(select(ADJUSTMENT.c.id).where(ADJUSTMENT.c.batch_id == BATCH.c.id))
        old = (BATCH.c.id <= self._head(BATCH), BATCH.c.closed_at < before, BATCH.c.state != "open")
        return self.run(delete(BATCH).where(*old, ~left)).rowcount

    def forget_acts(self, *, before: datetime) -> int:
        """Delete what orders said before then, and note since when causes are known."""
        old = delete(ACT).where(ACT.c.id <= self._head(ACT), ACT.c.at < before)
        count = self.run(old).rowcount
        if count:
            self.set(CAUSES_SINCE, before.isoformat())
        return count

    def forget_findings(self, *, before: datetime) -> int:
        """Delete findings that were closed before then, unless a proposal is about them."""
        used = exists(select(PROPOSAL.c.id).where(PROPOSAL.c.finding_id == FINDING.c.id))
        old = select(FINDING.c.id).where(CLOSED, FINDING.c.closed_at < before, ~used).limit(SLICE)
        return self.run(delete(FINDING).where(FINDING.c.id.in_(old))).rowcount

    def forget_proposals(self, *, before: datetime) -> int:
        """Delete proposals of before then that nobody has decided and nobody can decide."""
        old = select(PROPOSAL.c.id).where(
            PROPOSAL.c.opened_at < before,
            PROPOSAL.c.state.in_(UNDECIDED),
            PROPOSAL.c.receipt_id.is_(None),
        )
        return self.run(delete(PROPOSAL).where(PROPOSAL.c.id.in_(old.limit(SLICE)))).rowcount

    def forget_notices(self, *, before: datetime) -> int:
        """Delete notices of before then; of a face's, only what it has turned into posts."""
        old = (NOTICE.c.id <= self._head(NOTICE), NOTICE.c.at < before)
        told = self.cursors().get("notices")
        heard = () if told is None else (NOTICE.c.id <= told,)
        return self.run(delete(NOTICE).where(*old, *heard)).rowcount

    def forget_looks(self, *, before: datetime) -> int:
        """Delete preflights and looks of before then, unless something was decided on them."""
        return self._forget_reports(before, REPORT.c.kind.in_(PASSING))

    def forget_reports(self, *, before: datetime) -> int:
        """Delete reports of before then, unless something was decided on them."""
        return self._forget_reports(before, REPORT.c.kind.not_in(PASSING))

    def _head(self, table: Table) -> int:
        """Return the number up to which rows are the oldest of a table: a slice of them.

        Asked for by itself, since a database that does not know the number reads the whole table.
        """
        head = select(table.c.id).order_by(table.c.id).limit(SLICE).subquery("head")
        return int(self.run(select(func.coalesce(func.max(head.c.id), 0))).scalar_one())

    def _forget_reports(self, before: datetime, which: ColumnElement[bool]) -> int:
        used = exists(select(PROPOSAL.c.id).where(PROPOSAL.c.report_id == REPORT.c.id))
        old = select(REPORT.c.id).where(which, REPORT.c.finished_at < before, ~used).limit(SLICE)
        return self.run(delete(REPORT).where(REPORT.c.id.in_(old))).rowcount


# In this order: what others refer to goes after them.
KEPT: tuple[tuple[timedelta, Callable[..., int]], ...] = (
    (WEEK, Retention.forget),
    (WEEK, Retention.forget_bodies),
    (MONTHS, Retention.forget_posts),
    (MONTHS, Retention.forget_notices),
    (MONTHS, Retention.forget_proposals),
    (WEEK + DAY, Retention.forget_looks),
    (YEAR, Retention.forget_adjustments),
    (YEAR, Retention.forget_batches),
    (YEAR, Retention.forget_acts),
    (YEAR, Retention.forget_findings),
    (YEAR, Retention.forget_reports),
)
