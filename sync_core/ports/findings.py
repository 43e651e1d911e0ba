"""What is open until it is over, or somebody has decided."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sync_core.domain.views import Finding


class FindingRepository(Protocol):
    """What is open until it is over, or somebody has decided."""

    def newest(self, *, limit: int = 200) -> list[Finding]:
        """Return what is open, the newest first."""

    def page(
        self, *, kinds: Iterable[str] | None = None, after: int = 0, limit: int = 500
    ) -> list[Finding]:
        """Return open findings in order, those after that number."""

    def on(self, subjects: Iterable[str]) -> list[Finding]:
        """Return open findings about these subjects."""

    def get(self, number: int) -> Finding | None:
        """Return a finding, open or not."""

    def mute(self, finding: int, *, until: datetime | None) -> None:
        """Have a finding suspended until then."""

    def close(self, numbers: Iterable[int], *, now: datetime) -> int:
        """Close findings that are open no longer, quietly; return how many."""

    def count(self, *, now: datetime) -> dict[str, int]:
        """Return how many findings are open that nobody has muted, by kind."""
