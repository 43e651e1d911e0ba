"""Levels that somebody else changes back."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sync_core.domain.circuit_breaker import CountedMovement
from sync_core.domain.contests import SettledWrite
from sync_core.domain.values import Alias, Level, Pool, PoolId


class ContestRepository(Protocol):
    """Levels that somebody else changes back."""

    def recent_writes(
        self, level: Level, *, since: datetime, until: datetime
    ) -> list[SettledWrite]:
        """Return our latest updates of a level, oldest first; at most `MAX_WRITES`."""

    def recent_movements(
        self, pool: Pool, *, since: datetime, until: datetime
    ) -> list[CountedMovement]:
        """Return the latest movements of a pool, oldest first; at most `MAX_MOVEMENTS`."""

    def newest_order_at(self, store: Alias) -> datetime | None:
        """Return the time of the newest order that a store has told us of, among the latest."""

    def contested_at(self, pool: Pool, *, since: datetime) -> datetime | None:
        """Return when levels of the pool were last stopped, or resumed since then."""

    def contested_pools(self, some: Iterable[PoolId]) -> set[PoolId]:
        """Return those of the pools that have a contested level."""
