"""Notifications: what people must know, with the findings that this opens and closes."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import FINDING, NOTIFICATION
from sync_core.domain.values import Event
from sync_core.domain.views import Notification
from sync_core.ports import WorkKind
from sync_core.stored import from_row

# Told as a sum by a report, not one by one.
NOT_NOTIFIED = {"differs", "missed", "one_way", "no_partner", "ambiguous"}
# What every round asks is built once: putting a statement together costs more than running it.
OPEN_FINDING = select(FINDING.c.id, FINDING.c.facts).where(
    FINDING.c.kind == bindparam("kind"),
    FINDING.c.subject == bindparam("subject"),
    FINDING.c.closed_at.is_(None),
)
OPEN_SUBJECTS = select(FINDING.c.kind, FINDING.c.subject).where(
    FINDING.c.closed_at.is_(None), FINDING.c.subject.in_(bindparam("some", expanding=True))
)


class SqlNotifications(SqlRepository):
    def notify(self, events: Iterable[Event], *, now: datetime) -> None:
        for each in self._without_idle(list(events)):
            about = {"kind": each.kind, "subject": each.subject}
            known = self.run(OPEN_FINDING, about).first()
            if each.resolved and known is not None:
                closed = update(FINDING).where(FINDING.c.id == known.id)
                self.run(closed.values(closed_at=now))
                self._notify(each, now, facts={**known.facts, **each.facts})
            elif not each.resolved and known is None:
                row = {"kind": each.kind, "subject": each.subject, "facts": dict(each.facts)}
                opened = {**row, "severity": each.severity.value, "opened_at": now}
                if self.insert_new(FINDING, [opened]):  # else another process tells it just now
                    self._notify(each, now, facts=dict(each.facts))
            elif not each.resolved and known is not None and known.facts != dict(each.facts):
                changed = update(FINDING).where(FINDING.c.id == known.id)
                self.run(changed.values(facts=dict(each.facts), severity=each.severity.value))
                self._notify(each, now, facts=dict(each.facts))

    def _without_idle(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the events without those that are over and were never told, which are the most."""
        over = {each.subject for each in events if each.resolved}
        if len(over) <= 1:
            return events
        told = {(each.kind, each.subject) for each in events if not each.resolved}
        for some in chunks(sorted(over), 500):
            told.update((kind, about) for kind, about in self.run(OPEN_SUBJECTS, {"some": some}))
        return [each for each in events if (each.kind, each.subject) in told]

    def notify_once(self, events: Iterable[Event], *, now: datetime) -> None:
        for each in events:
            self._notify(each, now, facts=dict(each.facts))

    def _notify(self, events: Event, now: datetime, *, facts: dict[str, object]) -> None:
        """Add a notification, unless this kind is told as a sum."""
        if events.kind in NOT_NOTIFIED:
            return
        self.run(
            insert(NOTIFICATION).values(
                kind=events.kind,
                subject=events.subject,
                severity=events.severity.value,
                facts=facts,
                resolved=events.resolved,
                at=now,
            )
        )
        self.tx.announce(WorkKind.NOTIFICATIONS)

    def page(self, *, after: int, limit: int = 100) -> list[Notification]:
        query = (
            select(NOTIFICATION)
            .where(NOTIFICATION.c.id > after)
            .order_by(NOTIFICATION.c.id)
            .limit(limit)
        )
        return [from_row(row, Notification) for row in self.run(query)]
