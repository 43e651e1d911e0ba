"""Findings: what is open until it is over, or somebody has decided."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, or_, select, update

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import FINDING
from sync_core.domain.views import Finding
from sync_core.stored import from_row

# Asked every few seconds: putting a statement together costs more than running it.
OPEN_FINDINGS = (
    select(FINDING)
    .where(FINDING.c.closed_at.is_(None), FINDING.c.id > bindparam("after"))
    .order_by(FINDING.c.id)
    .limit(bindparam("most"))
)
OPEN_FINDINGS_OF_KINDS = OPEN_FINDINGS.where(FINDING.c.kind.in_(bindparam("kinds", expanding=True)))


class SqlFindings(SqlRepository):
    def newest(self, *, limit: int = 200) -> list[Finding]:
        query = (
            select(FINDING)
            .where(FINDING.c.closed_at.is_(None))
            .order_by(FINDING.c.id.desc())
            .limit(limit)
        )
        return [from_row(row, Finding) for row in self.run(query)]

    def page(
        self, *, kinds: Iterable[str] | None = None, after: int = 0, limit: int = 500
    ) -> list[Finding]:
        given: dict[str, Any] = {"after": after, "most": limit}
        if kinds is None:
            rows = self.run(OPEN_FINDINGS, given)
        else:
            rows = self.run(OPEN_FINDINGS_OF_KINDS, {**given, "kinds": list(kinds)})
        return [from_row(row, Finding) for row in rows]

    def on(self, subjects: Iterable[str]) -> list[Finding]:
        found: list[Finding] = []
        for some in chunks(sorted(set(subjects)), 500):
            about = FINDING.c.closed_at.is_(None) & FINDING.c.subject.in_(some)
            rows = self.run(select(FINDING).where(about).order_by(FINDING.c.id))
            found += [from_row(row, Finding) for row in rows]
        return found

    def get(self, number: int) -> Finding | None:
        row = self.run(select(FINDING).where(FINDING.c.id == number)).first()
        return None if row is None else from_row(row, Finding)

    def mute(self, finding: int, *, until: datetime | None) -> None:
        self.run(update(FINDING).where(FINDING.c.id == finding).values(muted_until=until))

    def close(self, numbers: Iterable[int], *, now: datetime) -> int:
        count = 0
        for some in chunks(sorted(set(numbers)), 500):
            still_open = update(FINDING).where(
                FINDING.c.id.in_(some), FINDING.c.closed_at.is_(None)
            )
            count += self.run(still_open.values(closed_at=now)).rowcount
            self.tx.proposals.outdate(some)
        return count

    def count(self, *, now: datetime) -> dict[str, int]:
        not_muted = or_(FINDING.c.muted_until.is_(None), FINDING.c.muted_until <= now)
        query = select(FINDING.c.kind, func.count()).where(FINDING.c.closed_at.is_(None), not_muted)
        return {row[0]: row[1] for row in self.run(query.group_by(FINDING.c.kind))}
