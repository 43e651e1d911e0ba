"""Group commit: whatever has arrived while the last commit ran goes into the next.

Each answer waits for its own commit: what was answered 200 is in the database.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from sync_core import tracing
from sync_core.errors import TipoError, reason
from sync_core.ports import Database, Delivery, Transaction, WorkKind
from sync_core.workers.context import Wakeup

log = logging.getLogger(__name__)

MAX_REQUESTS = 2_000  # under way at once; more are refused, and the store sends them again
STORE_TIMEOUT_SECONDS = 10.0  # a store has stopped waiting after 5
IDLE_SECONDS = 10.0  # without webhooks, after which that is all right


class TooManyWebhooks(Exception):
    """Too many webhooks are under way."""


class DeliveryNotStored(Exception):
    """The database did not take a delivery; this is logged once for all of its commit."""


class Receiver:
    """Keeps deliveries, many in one commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Delivery, asyncio.Future[None]]] = []
        self._wakeup = Wakeup()
        self._under_way = 0
        self._refused = 0  # since it is full

    @property
    def is_full(self) -> bool:
        """Whether the next webhook would be refused."""
        return self._under_way >= MAX_REQUESTS

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a webhook as under way, until it is kept or refused.

        Raises:
            Full: If too many are.
        """
        if self.is_full:
            if not self._refused:
                log.warning(
                    "%d webhooks are under way, more are refused",
                    MAX_REQUESTS,
                    extra={"event": "webhooks_refused"},
                )
            self._refused += 1
            raise TooManyWebhooks
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            if self._refused and self._under_way < MAX_REQUESTS // 2:
                log.warning(
                    "webhooks are taken again; %d were refused",
                    self._refused,
                    extra={"event": "webhooks_refused", "n": self._refused},
                )
                self._refused = 0

    async def store(self, delivery: Delivery) -> None:
        """Return once the delivery is in the database.

        Raises:
            NotKept: If the database does not take it.
        """
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, stored))
        self._wakeup.notify()
        await stored

    async def run(self, done: Callable[[], None]) -> None:
        """Commit what has arrived until cancelled; say when it is committed, or nothing came."""
        while True:
            if not self._waiting:
                await self._wakeup.wait(IDLE_SECONDS)
            some, self._waiting = self._waiting, []
            if not some or await self._commit(some):
                done()

    async def _commit(self, some: Sequence[tuple[Delivery, asyncio.Future[None]]]) -> bool:
        """Commit some deliveries, let their answers go; return whether they are kept."""
        deliveries = [each for each, _ in some]
        failed: Exception | None = None
        try:
            with tracing.span("commit", [each.trace for each in deliveries], n=len(some)):
                await self._database.transaction(
                    partial(_save, deliveries), limit=STORE_TIMEOUT_SECONDS
                )
        except Exception as exc:  # noqa: BLE001 - whoever waits for it is told, and answers 503
            failed = exc
            _log(len(some), exc)
        for _, stored in some:
            if stored.done():  # the caller has gone
                continue
            if failed is None:
                stored.set_result(None)
            else:
                stored.set_exception(DeliveryNotStored())
        return failed is None


def _save(deliveries: Sequence[Delivery], tx: Transaction) -> None:
    tx.deliveries.save(deliveries)
    tx.announce(WorkKind.DELIVERIES)


def _log(count: int, exc: Exception) -> None:
    """Log once what thousands may wait for; what Tipo says on purpose needs no traceback."""
    log.error(
        "%d deliveries cannot be kept: %s",
        count,
        reason(exc),
        exc_info=None if isinstance(exc, TipoError) else exc,
        extra={"event": "deliveries_not_stored", "n": count},
    )
