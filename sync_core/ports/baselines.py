"""Levels and pools that start over."""

from datetime import datetime
from typing import Protocol

from sync_core.domain.read_progress import ReadProgress
from sync_core.domain.values import Alias, Mode
from sync_core.domain.views import BaselineProgress


class BaselineRepository(Protocol):
    """Levels and pools that start over."""

    def reset(self, store: Alias | None, *, now: datetime) -> None:
        """Take a store's numbers as they are, or every store's: all is read from now on.

        A destination's levels start over, and its pools go on without them until they agree. The
        source's pools, or all, start over as a whole. What is written down for the store and not
        settled is given up: whether it was written or not, the numbers that are read now contain
        it. What is on its way to other stores is settled as ever.
        """

    def save(self, store: Alias | None, reason: str, by: str, *, now: datetime) -> None:
        """Keep that numbers were taken as they were: those of a store, or of all."""

    def request(self, store: Alias, mode: Mode, *, by: str, now: datetime) -> None:
        """Change a connection's mode: all its levels are baselined again.

        Open adjustments stay open and are settled as ever. What `restart_level` does to one
        level is done to all of them at once.
        """

    def progress(self, store: Alias) -> BaselineProgress:
        """Return how far a store's initial comparison has come."""

    def note(self, store: Alias, reading: ReadProgress | None) -> None:
        """Note how far the levels of a store have been read that had no book; None: they are."""

    def reading(self, store: Alias) -> ReadProgress | None:
        """Return what was noted last."""
