"""What the audit needs of the database: what is recorded, summed up; and the seals over it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from sync_core.domain.audit import PoolBooks
from sync_core.domain.seals import Seal, SealedKind, Value
from sync_core.domain.values import PoolId


class AuditRepository(Protocol):
    """The part of a transaction that is audited and sealed."""

    def pools_after(self, after: PoolId, *, limit: int) -> list[PoolId]:
        """Return the numbers of the next pools, in order."""

    def books(self, wanted: Iterable[PoolId]) -> list[PoolBooks]:
        """Return what is recorded of pools, not locked: each law of each is of one moment."""

    def close_orphaned(self, pool: PoolId, *, now: datetime) -> None:
        """Close adjustments of a pool that nobody will settle, and open none of its levels else.

        For a pool whose numbers are about to be taken as they are.
        """

    def last_seal(self) -> Seal | None:
        """Return the newest seal, closed or not."""

    def seals(self, *, after: int, limit: int) -> list[Seal]:
        """Return seals in order, those after that number."""

    def open_seal(self, day: str, before: Seal | None, *, now: datetime) -> bool:
        """Draw the line of a day's seal; False if there is one, or somebody was faster."""

    def sealed_rows(
        self, kind: SealedKind, *, after: int, upto: int, limit: int
    ) -> Sequence[tuple[Value, ...]]:
        """Return rows as they are sealed, in order; the first value is the row's number."""

    def sealed_adjustments(self, which: Iterable[int]) -> Sequence[tuple[Value, ...]]:
        """Return adjustments as they are sealed, in order."""

    def close_seal(self, seal: Seal, *, now: datetime) -> bool:
        """Keep what a seal has come to; False if it was closed already."""
