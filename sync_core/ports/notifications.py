"""What people must know."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sync_core.domain.values import Event
from sync_core.domain.views import Notification


class NotificationRepository(Protocol):
    """What people must know."""

    def notify_once(self, events: Iterable[Event], *, now: datetime) -> None:
        """Keep events that only happened: one notification each, and no finding."""

    def notify(self, events: Iterable[Event], *, now: datetime) -> None:
        """Keep events: one notification each, and the finding that it opens, changes or closes."""

    def page(self, *, after: int, limit: int = 100) -> list[Notification]:
        """Return notification in order, those after that number."""
