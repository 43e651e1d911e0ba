"""What order events explain, recorded."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sync_core.domain.audit import OrderShare
from sync_core.domain.values import PoolId


class CauseRepository(Protocol):
    """What order events explain, recorded."""

    def record(self, pools: Iterable[PoolId], *, now: datetime) -> int:
        """Note which order events explain movements of those pools; return how many do."""

    def shares(self, *, now: datetime) -> list[OrderShare]:
        """Return how many of the units that moved orders explain, by store, where they are known.

        Since the first movement that an order explains: before that the store told of none.
        """
