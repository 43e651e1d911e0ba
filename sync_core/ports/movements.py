"""What moved."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sync_core.domain.circuit_breaker import BreakerLimits, CountedMovement
from sync_core.domain.values import Alias, LevelId, PoolId
from sync_core.domain.views import HourlyMovement, MovementView


class MovementRepository(Protocol):
    """What moved."""

    def since(
        self, store: Alias, *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        """Return the movements of a store since then."""

    def of_levels(
        self, levels: Iterable[LevelId], *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        """Return the movements of some levels since then."""

    def of_pools(
        self, pools: Iterable[PoolId], *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        """Return the movements of some pools since then, in whatever store."""

    def page(self, *, after: int, limit: int) -> list[MovementView]:
        """Return movements in order, those after that number, each with its cause."""

    def latest(self, *, after: int, limit: int) -> list[MovementView]:
        """Return the newest movements after that number that moved their pools, newest first."""

    def pools_moved(self, *, after: int, limit: int) -> list[PoolId]:
        """Return pools that movements after that number moved, those that moved last."""

    def count(self, *, after: int) -> int:
        """Return how many movements after that number moved their pools."""

    def last(self) -> int:
        """Return the number of the newest movement; 0 while there is none."""

    def hours(self, *, now: datetime, count: int) -> list[HourlyMovement]:
        """Return how many units moved within each of the last hours, by store."""
