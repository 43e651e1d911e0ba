"""Seals of days: what was in each table."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from sync_core.domain.seals import Seal, SealedKind, Value


class SealRepository(Protocol):
    """Seals of days: what was in each table."""

    def last(self) -> Seal | None:
        """Return the newest seal, closed or not."""

    def page(self, *, after: int, limit: int) -> list[Seal]:
        """Return seals in order, those after that number."""

    def open(self, day: str, before: Seal | None, *, now: datetime) -> bool:
        """Draw the line of a day's seal; False if there is one, or somebody was faster."""

    def sealed_rows(
        self, kind: SealedKind, *, after: int, upto: int, limit: int
    ) -> Sequence[tuple[Value, ...]]:
        """Return rows as they are sealed, in order; the first value is the row's number."""

    def sealed_adjustments(self, which: Iterable[int]) -> Sequence[tuple[Value, ...]]:
        """Return adjustments as they are sealed, in order."""

    def close(self, seal: Seal, *, now: datetime) -> bool:
        """Keep what a seal has come to; False if it was closed already."""
