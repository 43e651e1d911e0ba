"""Keep within a store's budget: a leaky bucket, known from its answers, estimated in between."""

import asyncio
from datetime import datetime, timedelta

from sync_core.clock import Clock
from sync_core.errors import Throttled
from sync_core.ports import Budget
from sync_core.shopify.documents import Document

STANDARD = Budget(available=2000.0, maximum=2000.0, restore=100.0)  # until the store has spoken
FOR_WRITING = 100.0  # points that reading leaves to writing
PATIENCE = 20  # times to look again for room
SHORTEST = 0.01  # seconds between two looks
LONGEST = 30.0  # seconds to wait here; beyond that the caller has better things to do
DEAREST = 900.0  # points for one request; a store refuses more than 1,000
TELLING = 10  # rows from which on a cost says something about larger requests


class Pace:
    """An estimate of the bucket, shared by all requests to one store."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known, self._at = STANDARD, clock.now()
        self._under_way = 0.0  # points of requests that have no answer yet
        self._closed_until: datetime | None = None
        self._readers = asyncio.Lock()  # in order, so that small reads do not starve a large one

    def budget(self) -> Budget:
        """Return the budget, restored up to now."""
        passed = max(0.0, (self._clock.now() - self._at).total_seconds())
        known = self._known
        available = min(known.maximum, known.available + passed * known.restore)
        return Budget(available=available, maximum=known.maximum, restore=known.restore)

    async def room(self, cost: float) -> None:
        """Take so many points for writing, as soon as there are that many.

        Raises:
            Throttled: There is no room within a sensible time.
        """
        await self._take(cost, keep=0.0)

    async def room_to_read(self, cost: float) -> None:
        """Take so many points for reading, and leave some to writing.

        Raises:
            Throttled: There is no room within a sensible time.
        """
        async with self._readers:
            await self._take(cost, keep=FOR_WRITING)

    def over(self, cost: float, told: Budget | None, *, spent: bool = True) -> None:
        """Note that a request is over, what its answer told, and whether it cost anything."""
        self._under_way = max(0.0, self._under_way - cost)
        if told is not None:
            # Requests under way may not be counted in it yet.
            self._set(told, max(0.0, told.available - self._under_way))
        elif not spent:
            now = self.budget()
            self._set(now, min(now.maximum, now.available + cost))

    def close(self, seconds: float) -> None:
        """Let nobody through for so long: the store has said so."""
        until = self._clock.now() + timedelta(seconds=seconds)
        self._closed_until = max(until, self._closed_until or until)

    async def _take(self, cost: float, *, keep: float) -> None:
        for _ in range(PATIENCE):
            wait = self._missing(cost, keep)
            if wait <= 0:
                now = self.budget()
                self._set(now, max(0.0, now.available - cost))
                self._under_way += cost
                return
            if wait > LONGEST:
                break
            await self._clock.sleep(max(wait, SHORTEST))
        raise Throttled("no room in the store's budget", wait=max(1.0, self._missing(cost, keep)))

    def _missing(self, cost: float, keep: float) -> float:
        now = self.budget()
        needed = min(cost + keep, now.maximum)
        closed = 0.0
        if self._closed_until is not None:
            closed = (self._closed_until - self._clock.now()).total_seconds()
        return max(closed, (needed - now.available) / now.restore)

    def _set(self, budget: Budget, available: float) -> None:
        self._known = Budget(available=available, maximum=budget.maximum, restore=budget.restore)
        self._at = self._clock.now()


class Prices:
    """What documents cost, learned from the answers."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, int], float] = {}
        self._rows: dict[str, int] = {}

    def of(self, document: Document, rows: int) -> float:
        """Return what a request for so many rows is going to cost."""
        return self._told.get((document.name, rows), document.guess(rows))

    def learn(self, document: Document, rows: int, asked: float | None) -> None:
        """Note what a store charged for so many rows."""
        if asked is None:
            return
        self._told[document.name, rows] = asked
        if rows >= TELLING and asked > 0:
            self._rows[document.name] = max(1, min(document.most, int(rows * DEAREST / asked)))

    def rows(self, document: Document) -> int:
        """Return how many rows to ask for at once."""
        return self._rows.get(document.name, document.rows)

    def too_many(self, document: Document, rows: int) -> None:
        """Note that a store will not give so many rows at once."""
        self._rows[document.name] = max(1, rows // 2)
