"""Reports: one comparison at a time, one a night, resumed by whoever finds it left."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, bindparam, case, exists, func, or_, select, update
from sqlmodel import select as rows_of
from sqlmodel.sql.expression import SelectOfScalar

from sync_core.db.proposals import IS_OPEN, of_report
from sync_core.db.repository import SqlRepository
from sync_core.db.tables import FINDING, PROPOSAL, REPORT, ReportRow
from sync_core.domain.proposals import (
    Asker,
    ProposalKind,
    Report,
    ReportFacts,
    ReportKind,
    ReportState,
    Worst,
)
from sync_core.domain.values import Alias
from sync_core.ports import ReportRequest
from sync_core.stored import from_plain, to_plain

COMPARING_KINDS = {ReportKind.NIGHT, ReportKind.CHECK, ReportKind.PREFLIGHT}
# Reports of which everybody is told. A preflight asks about a mode; what is open is held by others.
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
# What every round asks is built once: putting a statement together costs more than running it.
IS_FREE = REPORT.c.claimed_until.is_(None) | (REPORT.c.claimed_until <= bindparam("now"))
CLAIMABLE = (
    select(REPORT.c.id, REPORT.c.kind)
    .where(REPORT.c.state.not_in(FINISHED_STATES), IS_FREE, MAY_BEGIN)
    .order_by(REPORT.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
DUE_AT = func.coalesce(REPORT.c.claimed_until, REPORT.c.wanted_at)
NEXT_DUE = (
    select(DUE_AT)
    .where(REPORT.c.state.not_in(FINISHED_STATES), MAY_BEGIN)
    .order_by(DUE_AT)
    .limit(1)
)
LATEST = select(func.max(REPORT.c.id)).where(
    REPORT.c.state == ReportState.DONE.value, REPORT.c.kind.in_(PUBLISHED_KINDS)
)


class _NamedCounts(msgspec.Struct, frozen=True):
    """What every report's summary is taken apart into; the rest differs from kind to kind."""

    worst: tuple[Worst, ...] = ()
    counts: dict[str, int] = {}


class SqlReports(SqlRepository):
    def request(self, wanted: ReportRequest, *, now: datetime) -> tuple[int, bool]:
        joins = wanted.kind in COMPARING_KINDS and wanted.night is None
        if joins and (going := self._comparison()) is not None:
            return going, False
        row: dict[str, Any] = {
            "token": wanted.token,
            "kind": wanted.kind.value,
            "state": ReportState.WANTED.value,
            "turn": "yes" if joins else None,  # a night may have to wait for its turn
            "night": wanted.night,
            "by": wanted.by,
            "facts": wanted.facts,
            "progress": {},
            "summary": {},
            "wanted_at": now,
            "attempts": 0,
            "why_failed": "",
        }
        if self.insert_new(REPORT, [row]):
            query = select(REPORT.c.id).where(REPORT.c.token == wanted.token)
            return int(self.run(query).scalar_one()), True
        if wanted.night is not None:
            query = select(REPORT.c.id).where(REPORT.c.night == wanted.night)
            return int(self.run(query).scalar_one()), False
        return self.request(wanted, now=now)  # another process was faster: join its comparison

    def _comparison(self) -> int | None:
        """Return the comparison that is under way, else the first that waits for its turn."""
        open_ones = REPORT.c.state.not_in(FINISHED_STATES) & REPORT.c.kind.in_(
            each.value for each in COMPARING_KINDS
        )
        waits = case((REPORT.c.turn.is_(None), 1), else_=0)
        query = select(REPORT.c.id).where(open_ones).order_by(waits, REPORT.c.id).limit(1)
        found: int | None = self.run(query).scalar()
        return found

    def claim(self, *, now: datetime, until: datetime) -> Report | None:
        row = self.run(CLAIMABLE, {"now": now}).first()
        if row is None:
            return None
        # Two processes may begin two nights here: the second breaks `one_comparison`, is rolled
        # back, and finds the first one's night under way.
        values = {"claimed_until": until, "turn": "yes" if row.kind in COMPARING_KINDS else None}
        self.run(update(REPORT).where(REPORT.c.id == row.id).values(values))
        return self.get(row.id)

    def next_at(self) -> datetime | None:
        found: datetime | None = self.run(NEXT_DUE).scalar()
        return found

    def update(
        self,
        report: int,
        state: ReportState,
        *,
        progress: Mapping[str, str] | None = None,
        until: datetime,
    ) -> bool:
        values: dict[str, Any] = {"state": state.value, "claimed_until": until}
        if progress is not None:
            values["progress"] = dict(progress)
        alive = update(REPORT).where(REPORT.c.id == report, REPORT.c.state.not_in(FINISHED_STATES))
        return self.run(alive.values(values)).rowcount == 1

    def postpone(self, report: int, *, until: datetime, why: str) -> int:
        values = {
            "claimed_until": until,
            "attempts": REPORT.c.attempts + 1,
            "why_failed": why,
        }
        later = update(REPORT).where(REPORT.c.id == report).values(values)
        return int(self.run(later.returning(REPORT.c.attempts)).scalar_one())

    def finish(
        self,
        report: int,
        *,
        now: datetime,
        summary: Mapping[str, object] | None = None,
        why_failed: str = "",
    ) -> None:
        values: dict[str, Any] = {
            "state": (ReportState.FAILED if why_failed else ReportState.DONE).value,
            "turn": None,
            "finished_at": now,
            "claimed_until": None,
            "why_failed": why_failed,
        }
        if summary is not None:
            values["summary"] = to_plain(summary)
        self.run(update(REPORT).where(REPORT.c.id == report).values(values))
        if not why_failed:
            self.gather()

    def latest(self) -> int | None:
        found: int | None = self.run(LATEST).scalar()
        return found

    def gather(self) -> None:
        """Have the newest report that is done hold every fix that is open."""
        latest = self.latest()
        if latest is None:
            return
        mine = PROPOSAL.c.report_id.is_not(None) & (PROPOSAL.c.report_id >= latest)
        fixes = IS_OPEN & (PROPOSAL.c.kind == ProposalKind.FIX.value)
        self.run(update(PROPOSAL).where(fixes, ~mine).values(report_id=latest))

    def join(self, report: int, asker: Asker) -> bool:
        facts = self._lock_facts(report, REPORT.c.state.not_in(FINISHED_STATES))
        if facts is None:
            return False
        askers = [*(each for each in facts.askers if each != asker), asker][-MAX_ASKERS:]
        self._save_facts(report, replace(facts, askers=tuple(askers)))
        return True

    def count_new(self, report: int) -> int:
        began = select(REPORT.c.wanted_at).where(REPORT.c.id == report).scalar_subquery()
        query = (
            select(func.count())
            .select_from(PROPOSAL.join(FINDING, FINDING.c.id == PROPOSAL.c.finding_id))
            .where(PROPOSAL.c.report_id == report, PROPOSAL.c.state == "open")
            .where(FINDING.c.opened_at >= began)
        )
        return int(self.run(query).scalar_one())

    def keep_question(self, report: int, token: str) -> None:
        if (facts := self._lock_facts(report)) is not None:
            self._save_facts(report, replace(facts, proposal=token))

    def keep_operations(self, report: int, operations: Mapping[Alias, str]) -> None:
        if (facts := self._lock_facts(report)) is not None:
            self._save_facts(report, replace(facts, operations=dict(operations)))

    def _lock_facts(self, report: int, *which: ColumnElement[bool]) -> ReportFacts | None:
        query = select(REPORT.c.facts).where(REPORT.c.id == report, *which).with_for_update()
        found: ReportFacts | None = self.run(query).scalar()
        return found

    def _save_facts(self, report: int, facts: ReportFacts) -> None:
        self.run(update(REPORT).where(REPORT.c.id == report).values(facts=facts))

    def get(self, report: int) -> Report | None:
        return self._one(rows_of(ReportRow).where(REPORT.c.id == report))

    def by_token(self, token: str) -> Report | None:
        return self._one(rows_of(ReportRow).where(REPORT.c.token == token))

    def last_of(self, kinds: Iterable[ReportKind]) -> Report | None:
        query = rows_of(ReportRow).where(
            REPORT.c.state == ReportState.DONE.value,
            REPORT.c.kind.in_([each.value for each in kinds]),
        )
        return self._one(query.order_by(REPORT.c.id.desc()).limit(1))

    def _one(self, query: SelectOfScalar[ReportRow]) -> Report | None:
        return next(map(self._report, self.rows(query)), None)

    def _report(self, row: ReportRow) -> Report:

        def number(condition: Any) -> Any:
            return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

        decided = PROPOSAL.c.state.in_(("approved", "done", "dismissed"))
        query = select(number(IS_OPEN), number(IS_OPEN & PROPOSAL.c.safe), number(decided))
        opened, safe, settled = self.run(query.where(of_report(row))).one()
        named = from_plain(row.summary, _NamedCounts)
        return Report(
            id=row.id,
            token=row.token,
            kind=ReportKind(row.kind),
            state=ReportState(row.state),
            by=row.by,
            facts=row.facts,
            progress=row.progress,
            summary={n: x for n, x in row.summary.items() if n not in {"worst", "counts"}},
            worst=named.worst,
            counts=named.counts,
            open=opened,
            safe=safe,
            decided=settled,
            wanted_at=row.wanted_at,
            finished_at=row.finished_at,
            why_failed=row.why_failed,
            newer=self._newer(row),
        )

    def _newer(self, row: ReportRow) -> int | None:
        """Return the report that has taken a report's place."""
        if row.state != ReportState.DONE.value or row.kind not in PUBLISHED_KINDS:
            return None
        latest = self.latest()
        return latest if latest is not None and latest > row.id else None
