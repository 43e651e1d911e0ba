"""Findings: what is open until it is over, or somebody has decided."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, or_, select, update

from sync_core.db.proposal_rows import finding_of
from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import FINDING
from sync_core.domain.views import Finding

# Asked every few seconds: putting a statement together costs more than running it.
OPEN_FINDINGS = (
    select(FINDING)
    .where(FINDING.c.closed_at.is_(None), FINDING.c.id > bindparam("after"))
    .order_by(FINDING.c.id)
    .limit(bindparam("most"))
)
OPEN_FINDINGS_OF_KINDS = OPEN_FINDINGS.where(FINDING.c.kind.in_(bindparam("kinds", expanding=True)))


class SqlFindings(SqlRepository):
    """What is open."""

    def findings(self, *, limit: int = 200) -> list[Finding]:
        """Return what stands, the newest first."""
        query = (
            select(FINDING)
            .where(FINDING.c.closed_at.is_(None))
            .order_by(FINDING.c.id.desc())
            .limit(limit)
        )
        return [finding_of(row) for row in self.run(query)]

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
            self.tx.proposals.outdate(some)
        return count

    def count_findings(self, *, now: datetime) -> dict[str, int]:
        """Return how many findings stand that nobody has muted, by kind."""
        heard = or_(FINDING.c.muted_until.is_(None), FINDING.c.muted_until <= now)
        query = select(FINDING.c.kind, func.count()).where(FINDING.c.closed_at.is_(None), heard)
        return {row[0]: row[1] for row in self.run(query.group_by(FINDING.c.kind))}
