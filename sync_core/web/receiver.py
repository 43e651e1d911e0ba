"""Group commit: whatever has arrived while the last commit ran goes into the next.

Each answer waits for its own commit: what was answered 200 is in the database.
"""

import asyncio
from collections.abc import Sequence

from sync_core.ports import Delivery, Records
from sync_core.workers.bell import Bell

MOST_WAITING = 20_000  # deliveries; more are refused, and the store sends them again
MOST_AT_ONCE = 2_000


class Full(Exception):
    """Too many deliveries wait for the database."""


class Receiver:
    """Keeps deliveries, many in one commit."""

    def __init__(self, records: Records, inbox: Bell) -> None:
        self._records = records
        self._inbox = inbox
        self._waiting: list[tuple[Delivery, asyncio.Future[None]]] = []
        self._bell = Bell()

    async def keep(self, delivery: Delivery) -> None:
        """Return once the delivery is in the database.

        Raises:
            Full: If too many wait already.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise Full
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, kept))
        self._bell.ring()
        await kept

    async def run(self) -> None:
        """Commit what has arrived, for ever."""
        while True:
            if not self._waiting:
                await self._bell.wait(None)
            some, self._waiting = (
                self._waiting[:MOST_AT_ONCE],
                self._waiting[MOST_AT_ONCE:],
            )
            if some:
                await self._commit(some)

    async def _commit(self, some: Sequence[tuple[Delivery, asyncio.Future[None]]]) -> None:
        """Commit some deliveries, and let their answers go."""
        deliveries = [each for each, _ in some]
        failed: Exception | None = None
        try:
            await self._records.step(lambda ledger: ledger.receive(deliveries))
        except Exception as exc:  # noqa: BLE001 - whoever waits for it is told, and answers 503
            failed = exc
        for _, kept in some:
            if kept.done():  # the caller has gone
                continue
            if failed is None:
                kept.set_result(None)
            else:
                kept.set_exception(failed)
        self._inbox.ring()
