"""What we write to stores: decided and kept before it is sent, closed once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync_core.domain.values import Adjustment, Alias, LevelId, PoolId


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Adjustments of one store, written down under one idempotency key."""

    id: int
    store: Alias
    key: str
    body: bytes
    rows: int
    attempts: int
    planned_at: datetime
    first_sent_at: datetime | None  # the first sending that may have been executed
    trace: str | None = None  # that it is part of: see tracing.py


class BatchRepository(Protocol):
    """What we write to stores: decided and kept before it is sent, closed once."""

    def open_deltas(self, pools: Iterable[PoolId]) -> dict[LevelId, int]:
        """Return what is being written to the levels of pools."""

    def last_planned(self, pools: Iterable[PoolId]) -> dict[LevelId, datetime]:
        """Return when the last update of each level was planned that is open or was written."""

    def has_unsent(self, store: Alias) -> bool:
        """Whether a batch waits that was never sent."""

    def insert_batch(
        self,
        store: Alias,
        key: str,
        body: bytes,
        rows: Sequence[tuple[LevelId, int, int]],
        *,
        now: datetime,
    ) -> int:
        """Keep a batch and its adjustments (level, delta, level_baseline); return its id."""

    def lease(self, store: Alias, *, now: datetime, until: datetime) -> Batch | None:
        """Take the next open batch for sending, and note that it may be executed from now on.

        The note is committed before the request leaves: a process may die right after it. What
        the batch says of its first sending is what was known before.
        """

    def next_at(self, store: Alias) -> datetime | None:
        """Return from when on an open batch may be claimed; None when none is open."""

    def release(self, batch: Batch, *, until: datetime, executed: bool) -> None:
        """Give a claimed batch back, to be claimed again from then on.

        `executed`: whether the store may have executed this sending. If it certainly has not, the
        batch is as it was before: never sent, or sent when it was doubtful for the first time.
        """

    def release_all(self, store: Alias) -> None:
        """Let every open batch of a store be claimed again at once."""

    def close(
        self, batch: int, state: str, *, now: datetime, written_at: datetime | None = None
    ) -> list[Adjustment]:
        """Close an open batch; return its open adjustments by row, none if it was not open."""

    def close_adjustments(
        self, which: Iterable[int], state: str, *, now: datetime, why: str | None = None
    ) -> set[int]:
        """Close open adjustments; return those that were open."""
