"""Times that are moved with the clock."""

from datetime import datetime, timedelta
from typing import Protocol


class StoredTimesRepository(Protocol):
    """Times that are moved with the clock."""

    def time(self) -> datetime:
        """Return what time it is where the database is: PostgreSQL's own clock."""

    def shift(self, step: timedelta, *, now: datetime, key_age_known: bool) -> None:
        """Move what was stored before the clock was set by `transaction`; `now`: since then."""

    def clamp(self, *, now: datetime) -> int:
        """Have nothing wait longer than it ever should, or have happened later than now."""
