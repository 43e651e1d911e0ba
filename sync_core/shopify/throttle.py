"""Keep within a store's budget: a leaky bucket, known from its answers, estimated in between."""

import asyncio
from datetime import datetime, timedelta

from sync_core.clock import Clock
from sync_core.errors import Throttled
from sync_core.ports import Budget
from sync_core.shopify.documents import Document

# Until the store has said it.
DEFAULT_BUDGET = Budget(available=2000.0, maximum=2000.0, restore=100.0)
POINTS_KEPT_FOR_WRITES = 100.0  # points that reading leaves to writing
MAX_WAITS = 20  # times to look again for room
MIN_SLEEP_SECONDS = 0.01  # seconds between two looks
MAX_THROTTLE_WAIT_SECONDS = (
    30.0  # seconds to wait here; beyond that the caller has better things to do
)
MAX_REQUEST_POINTS = 900.0  # points for one request; a store refuses more than 1,000
MIN_ROWS_TO_LEARN_FROM = 10  # rows from which on a cost says something about larger requests


class Throttle:
    """An estimate of the bucket, shared by all requests to one store."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known, self._at = DEFAULT_BUDGET, clock.now()
        self._under_way = 0.0  # points of requests that have no answer yet
        self._closed_until: datetime | None = None
        self._readers = asyncio.Lock()  # in order, so that small reads do not starve a large one

    def budget(self) -> Budget:
        """Return the budget, restored up to now."""
        passed = max(0.0, (self._clock.now() - self._at).total_seconds())
        known = self._known
        available = min(known.maximum, known.available + passed * known.restore)
        return Budget(available=available, maximum=known.maximum, restore=known.restore)

    async def acquire_to_write(self, cost: float) -> None:
        """Take so many points for writing, as soon as there are that many.

        Raises:
            Throttled: There is no room within a sensible time.
        """
        await self._acquire(cost, keep=0.0)

    async def acquire_to_read(self, cost: float) -> None:
        """Take so many points for reading, and leave some to writing.

        Raises:
            Throttled: There is no room within a sensible time.
        """
        async with self._readers:
            await self._acquire(cost, keep=POINTS_KEPT_FOR_WRITES)

    def finish(self, cost: float, reported: Budget | None, *, spent: bool = True) -> None:
        """Note that a request is over, what its answer told, and whether it cost anything."""
        self._under_way = max(0.0, self._under_way - cost)
        if reported is not None:
            # Requests under way may not be counted in it yet.
            self._set(reported, max(0.0, reported.available - self._under_way))
        elif not spent:
            now = self.budget()
            self._set(now, min(now.maximum, now.available + cost))

    def close(self, seconds: float) -> None:
        """Let nobody through for so long: the store has said so."""
        until = self._clock.now() + timedelta(seconds=seconds)
        self._closed_until = max(until, self._closed_until or until)

    async def _acquire(self, cost: float, *, keep: float) -> None:
        for _ in range(MAX_WAITS):
            wait = self._wait_needed(cost, keep)
            if wait <= 0:
                now = self.budget()
                self._set(now, max(0.0, now.available - cost))
                self._under_way += cost
                return
            if wait > MAX_THROTTLE_WAIT_SECONDS:
                break
            await self._clock.sleep(max(wait, MIN_SLEEP_SECONDS))
        raise Throttled(
            "no room in the store's budget", wait=max(1.0, self._wait_needed(cost, keep))
        )

    def _wait_needed(self, cost: float, keep: float) -> float:
        now = self.budget()
        needed = min(cost + keep, now.maximum)
        closed = 0.0
        if self._closed_until is not None:
            closed = (self._closed_until - self._clock.now()).total_seconds()
        return max(closed, (needed - now.available) / now.restore)

    def _set(self, budget: Budget, available: float) -> None:
        self._known = Budget(available=available, maximum=budget.maximum, restore=budget.restore)
        self._at = self._clock.now()


class QueryCosts:
    """What documents cost, learned from the answers."""

    def __init__(self) -> None:
        self._known_costs: dict[tuple[str, int], float] = {}
        self._rows: dict[str, int] = {}

    def estimate(self, document: Document, rows: int) -> float:
        """Return what a request for so many rows is going to cost."""
        return self._known_costs.get((document.name, rows), document.estimate(rows))

    def learn(self, document: Document, rows: int, requested_cost: float | None) -> None:
        """Note what a store charged for so many rows."""
        if requested_cost is None:
            return
        self._known_costs[document.name, rows] = requested_cost
        if rows >= MIN_ROWS_TO_LEARN_FROM and requested_cost > 0:
            self._rows[document.name] = max(
                1, min(document.max_rows, int(rows * MAX_REQUEST_POINTS / requested_cost))
            )

    def rows(self, document: Document) -> int:
        """Return how many rows to ask for at once."""
        return self._rows.get(document.name, document.rows)

    def reduce_rows(self, document: Document, rows: int) -> None:
        """Note that a store will not give so many rows at once."""
        self._rows[document.name] = max(1, rows // 2)
