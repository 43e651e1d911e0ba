"""Levels and pools that start over."""

from datetime import datetime
from typing import Protocol

from sync_core.domain.values import Alias, Mode
from sync_core.domain.views import BaselineProgress


class BaselineRepository(Protocol):
    """Levels and pools that start over."""

    def reset_baselines(self, store: Alias | None, *, now: datetime) -> None:
        """Take a store's numbers as they are, or every store's: all is read from now on."""

    def save_baseline(self, store: Alias | None, reason: str, by: str, *, now: datetime) -> None:
        """Keep that numbers were taken as they were: those of a store, or of all."""

    def request_baseline(self, store: Alias, mode: Mode, *, by: str, now: datetime) -> None:
        """Change a connection's mode: all its levels are baselined again."""

    def baseline_progress(self, store: Alias) -> BaselineProgress:
        """Return how far a store's initial comparison has come."""
