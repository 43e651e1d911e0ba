"""Reports: one comparison at a time, one a night, resumed by whoever finds it left."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, exists, func, or_, select, update

from sync_core.db.proposals import IS_OPEN, of_report
from sync_core.db.repository import SqlRepository
from sync_core.db.tables import FINDING, PROPOSAL, REPORT
from sync_core.domain.proposals import ProposalKind, Report, ReportKind, ReportState, Worst
from sync_core.domain.values import Alias
from sync_core.ports import ReportRequest

COMPARING_KINDS = {ReportKind.NIGHT, ReportKind.CHECK, ReportKind.PREFLIGHT}
# Reports of which everybody is told. A preflight asks about a mode; a look shows what others hold.
PUBLISHED_KINDS = (ReportKind.NIGHT.value, ReportKind.CHECK.value, ReportKind.BASELINE.value)
MAX_ASKERS = 50  # people who are told of one comparison
FINISHED_STATES = (ReportState.DONE.value, ReportState.FAILED.value)
# The stores are compared by one report at a time: what else compares them waits until it is over.
UNDER_WAY = REPORT.alias("under_way")
MAY_BEGIN = or_(
    REPORT.c.kind.not_in([each.value for each in COMPARING_KINDS]),
    REPORT.c.turn.is_not(None),
    ~exists(select(UNDER_WAY.c.id).where(UNDER_WAY.c.turn.is_not(None))),
)


class SqlReports(SqlRepository):
    """Comparisons of the stores."""

    def request_report(self, wish: ReportRequest, *, now: datetime) -> tuple[int, bool]:
        """Ask for a report; return its id, and whether it is new."""
        joins = wish.kind in COMPARING_KINDS and wish.night is None
        if joins and (going := self._comparison()) is not None:
            return going, False
        row = {
            "token": wish.token,
            "kind": wish.kind.value,
            "state": ReportState.WANTED.value,
            "turn": "yes" if joins else None,  # a night may have to wait for its turn
            "night": wish.night,
            "by": wish.by,
            "facts": dict(wish.facts),
            "progress": {},
            "summary": {},
            "wanted_at": now,
            "attempts": 0,
            "why_failed": "",
        }
        if self.insert_new(REPORT, [row]):
            query = select(REPORT.c.id).where(REPORT.c.token == wish.token)
            return int(self.run(query).scalar_one()), True
        if wish.night is not None:
            query = select(REPORT.c.id).where(REPORT.c.night == wish.night)
            return int(self.run(query).scalar_one()), False
        return self.request_report(wish, now=now)  # another process was faster: join its comparison

    def _comparison(self) -> int | None:
        """Return the comparison that is under way, else the first that waits for its turn."""
        open_ones = REPORT.c.state.not_in(FINISHED_STATES) & REPORT.c.kind.in_(
            each.value for each in COMPARING_KINDS
        )
        waits = case((REPORT.c.turn.is_(None), 1), else_=0)
        query = select(REPORT.c.id).where(open_ones).order_by(waits, REPORT.c.id).limit(1)
        found: int | None = self.run(query).scalar()
        return found

    def claim_report(self, *, now: datetime, until: datetime) -> Report | None:
        """Take the oldest report that nobody works on and whose turn it is, until then."""
        free = or_(REPORT.c.claimed_until.is_(None), REPORT.c.claimed_until <= now)
        query = (
            select(REPORT.c.id, REPORT.c.kind)
            .where(REPORT.c.state.not_in(FINISHED_STATES), free, MAY_BEGIN)
            .order_by(REPORT.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = self.run(query).first()
        if row is None:
            return None
        # Two processes may begin two nights here: the second breaks `one_comparison`, is rolled
        # back, and finds the first one's night under way.
        values = {"claimed_until": until, "turn": "yes" if row.kind in COMPARING_KINDS else None}
        self.run(update(REPORT).where(REPORT.c.id == row.id).values(values))
        return self.report(row.id)

    def next_report(self) -> datetime | None:
        """Return from when on a report may be claimed; None when none waits."""
        at = func.coalesce(REPORT.c.claimed_until, REPORT.c.wanted_at)
        query = (
            select(at)
            .where(REPORT.c.state.not_in(FINISHED_STATES), MAY_BEGIN)
            .order_by(at)
            .limit(1)
        )
        found: datetime | None = self.run(query).scalar()
        return found

    def update_report(
        self,
        report: int,
        state: ReportState,
        *,
        progress: Mapping[str, str] | None = None,
        until: datetime,
    ) -> bool:
        """Note how far a report has come, and go on holding it; False if it is over."""
        values: dict[str, Any] = {"state": state.value, "claimed_until": until}
        if progress is not None:
            values["progress"] = dict(progress)
        alive = update(REPORT).where(REPORT.c.id == report, REPORT.c.state.not_in(FINISHED_STATES))
        return self.run(alive.values(values)).rowcount == 1

    def postpone_report(self, report: int, *, until: datetime, why: str) -> int:
        """Let a report be claimed again from then on; return how often it was tried."""
        values = {
            "claimed_until": until,
            "attempts": REPORT.c.attempts + 1,
            "why_failed": why,
        }
        later = update(REPORT).where(REPORT.c.id == report).values(values)
        return int(self.run(later.returning(REPORT.c.attempts)).scalar_one())

    def finish_report(
        self,
        report: int,
        *,
        now: datetime,
        summary: Mapping[str, object] | None = None,
        why_failed: str = "",
    ) -> None:
        """Close a report; with `why_failed` it is one that failed."""
        values: dict[str, Any] = {
            "state": (ReportState.FAILED if why_failed else ReportState.DONE).value,
            "turn": None,
            "finished_at": now,
            "claimed_until": None,
            "why_failed": why_failed,
        }
        if summary is not None:
            values["summary"] = dict(summary)
        self.run(update(REPORT).where(REPORT.c.id == report).values(values))
        if not why_failed:
            self.gather()

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

    def join_report(self, report: int, asker: Mapping[str, str]) -> bool:
        """Have somebody else told of a report's result, too; False if it is over already."""
        mine = REPORT.c.id == report
        alive = select(REPORT.c.facts).where(mine, REPORT.c.state.not_in(FINISHED_STATES))
        facts = self.run(alive.with_for_update()).scalar()
        if facts is None:
            return False
        known = [each for each in facts.get("askers", []) if each != dict(asker)]
        askers = [*known, dict(asker)][-MAX_ASKERS:]
        self.run(update(REPORT).where(mine).values(facts={**facts, "askers": askers}))
        return True

    def count_new(self, report: int) -> int:
        """Return how many of a report's open proposals are about what it was the first to find."""
        began = select(REPORT.c.wanted_at).where(REPORT.c.id == report).scalar_subquery()
        query = (
            select(func.count())
            .select_from(PROPOSAL.join(FINDING, FINDING.c.id == PROPOSAL.c.finding_id))
            .where(PROPOSAL.c.report_id == report, PROPOSAL.c.state == "open")
            .where(FINDING.c.opened_at >= began)
        )
        return int(self.run(query).scalar_one())

    def add_report_facts(self, report: int, facts: Mapping[str, object]) -> None:
        """Add facts to a report."""
        mine = REPORT.c.id == report
        known = self.run(select(REPORT.c.facts).where(mine).with_for_update()).scalar_one()
        self.run(update(REPORT).where(mine).values(facts={**known, **facts}))

    def report(self, report: int) -> Report | None:
        """Return a report."""
        row = self.run(select(REPORT).where(REPORT.c.id == report)).first()
        return None if row is None else self._report(row)

    def report_of(self, token: str) -> Report | None:
        """Return the report whose buttons carry that token."""
        row = self.run(select(REPORT).where(REPORT.c.token == token)).first()
        return None if row is None else self._report(row)

    def last_report(self, kinds: Iterable[ReportKind]) -> Report | None:
        """Return the newest report of these kinds that is done."""
        query = select(REPORT).where(
            REPORT.c.state == ReportState.DONE.value,
            REPORT.c.kind.in_([each.value for each in kinds]),
        )
        row = self.run(query.order_by(REPORT.c.id.desc()).limit(1)).first()
        return None if row is None else self._report(row)

    def _report(self, row: Row[Any]) -> Report:

        def number(condition: Any) -> Any:
            return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

        decided = PROPOSAL.c.state.in_(("approved", "done", "dismissed"))
        query = select(number(IS_OPEN), number(IS_OPEN & PROPOSAL.c.safe), number(decided))
        opened, safe, settled = self.run(query.where(of_report(row))).one()
        summary = dict(row.summary)
        worst = summary.pop("worst", [])
        counts = summary.pop("counts", {})
        return Report(
            id=row.id,
            token=row.token,
            kind=ReportKind(row.kind),
            state=ReportState(row.state),
            by=row.by,
            facts=row.facts,
            progress=row.progress,
            summary=summary,
            worst=tuple(worst_of(each) for each in worst),
            counts=counts,
            open=opened,
            safe=safe,
            decided=settled,
            wanted_at=row.wanted_at,
            finished_at=row.finished_at,
            why_failed=row.why_failed,
            newer=self._newer(row),
        )

    def _newer(self, row: Row[Any]) -> int | None:
        """Return the report that has taken a report's place."""
        if row.state != ReportState.DONE.value or row.kind not in PUBLISHED_KINDS:
            return None
        latest = self.latest_report()
        return latest if latest is not None and latest > row.id else None


def worst_of(kept: Mapping[str, Any]) -> Worst:
    """Return a difference as it was kept in a report's summary."""
    return Worst(
        title=kept["title"],
        store=Alias(kept["store"]),
        shows=kept["shows"],
        should_show=kept["should_show"],
    )


def worst_to_json(worst: Worst) -> dict[str, object]:
    """Return a difference as a report's summary keeps it."""
    return {
        "title": worst.title,
        "store": worst.store,
        "shows": worst.shows,
        "should_show": worst.should_show,
    }
