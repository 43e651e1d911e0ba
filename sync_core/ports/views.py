"""What people are shown of stores, pools and their history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sync_core.domain.process_roles import ProcessRole
from sync_core.domain.values import PoolId
from sync_core.domain.views import Backlog, HistoryEntry, Overview, PoolView


class ViewRepository(Protocol):
    """What people are shown of stores, pools and their history."""

    def overview(self, *, now: datetime) -> Overview:
        """Return everything at a glance.

        How many pools and levels there are is counted every few minutes, and when they change.
        What is open, due, below zero … is counted now, by indexes that hold nothing else.
        """

    def roles(self) -> dict[ProcessRole, datetime]:
        """Return the last sign of life of each role that has left one."""

    def backlog(self, *, now: datetime) -> Backlog:
        """Return what waits, by indexes that hold nothing else."""

    def find_pools(self, words: str, *, limit: int = 50) -> list[PoolId]:
        """Return the pools of a handle, SKU or barcode, or of all the words in a title."""

    def find_pools_in(self, text: str, *, limit: int = 50) -> list[PoolId]:
        """Return the pools that a text names: by title, else by a handle, SKU or barcode."""

    def pool_views(self, wanted: Sequence[PoolId]) -> list[PoolView]:
        """Return pools for people, in the order asked for."""

    def history(self, pool: PoolId, *, limit: int) -> list[HistoryEntry]:
        """Return the latest lines of a pool's history, oldest first."""
