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
        """Close adjustments that nobody will settle; what is open then is what levels say.

        For a pool whose numbers are about to be taken as they are: whether they were written or
        not, what is read now contains it.
        """
