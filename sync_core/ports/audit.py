"""What is recorded, summed up for the audit."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sync_core.domain.audit import PoolBooks
from sync_core.domain.values import PoolId


class AuditRepository(Protocol):
    """What is recorded, summed up for the audit."""

    def pools_after(self, after: PoolId, *, limit: int) -> list[PoolId]:
        """Return the numbers of the next pools, in order."""

    def books(self, wanted: Iterable[PoolId]) -> list[PoolBooks]:
        """Return what is recorded of pools, not locked: each law of each is of one moment."""

    def close_orphaned(self, pool: PoolId, *, now: datetime) -> None:
        """Close adjustments of a pool that nobody will settle, and open none of its levels else.

        For a pool whose numbers are about to be taken as they are.
        """
