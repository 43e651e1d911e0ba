"""Group commit: what has arrived while the last commit ran goes into the next.

Each answer waits for its own commit: what was answered 200 is in the database.

A store that sends more than is committed may fill its share and what all have in common, and never
the shares of the others:

    2,000 webhooks, 128 MiB
    ├── half of it for all stores, first come, first served
    └── the other half in equal shares, one for each store

What does not fit is answered 503, and the store sends it again: nothing that is signed is lost, and
nothing is refused for its rate alone, since stores stop sending where they are refused too often.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from sync_core import tracing
from sync_core.domain.values import Alias
from sync_core.errors import TipoError, reason
from sync_core.ports import Database, Delivery, Transaction, WorkKind
from sync_core.workers.context import Wakeup

log = logging.getLogger(__name__)

MAX_REQUESTS = 2_000  # signed and under way at once
MAX_REQUEST_BYTES = 128 * 1024 * 1024  # of their bodies
STORE_TIMEOUT_SECONDS = 10.0  # a store has stopped waiting after 5
IDLE_SECONDS = 10.0  # without webhooks, after which that is all right


class TooManyWebhooks(Exception):
    """Too many webhooks are under way."""


class DeliveryNotStored(Exception):
    """The database did not take a delivery; this is logged once for all of its commit."""


class _Room:
    """Room for something that stores use: shares, and as much for all."""

    def __init__(self, stores: int) -> None:
        self._stores = max(1, stores)
        self._used: Counter[Alias] = Counter()

    def has(self, alias: Alias, size: int, limit: int) -> bool:
        """Whether a store may use so much more."""
        share, after = limit // 2 // self._stores, self._used[alias] + size
        if after <= share:
            return True
        others = sum(max(0, used - share) for each, used in self._used.items() if each != alias)
        return others + after - share <= limit // 2

    def use(self, alias: Alias, size: int) -> None:
        """Note that it does, or, below zero, does no longer."""
        self._used[alias] += size

    @property
    def used(self) -> int:
        """Return what all of them use."""
        return self._used.total()


class Receiver:
    """Keeps deliveries, many in one commit."""

    def __init__(self, database: Database, stores: Iterable[Alias]) -> None:
        self._database = database
        self._waiting: list[tuple[Delivery, asyncio.Future[None]]] = []
        self._wakeup = Wakeup()
        self._stores = tuple(stores)
        self._requests, self._bytes = _Room(len(self._stores)), _Room(len(self._stores))
        self._refused: Counter[Alias] = Counter()  # since there is no room for a store

    @property
    def is_full(self) -> bool:
        """Whether the next webhook would be refused, whatever store sends it."""
        return not any(self._has_room(each, 1) for each in self._stores)

    def _has_room(self, alias: Alias, size: int) -> bool:
        return self._requests.has(alias, 1, MAX_REQUESTS) and self._bytes.has(
            alias, size, MAX_REQUEST_BYTES
        )

    @contextmanager
    def admitted(self, alias: Alias, size: int) -> Iterator[None]:
        """Count a signed webhook of so many bytes as under way, until it is kept or not.

        Raises:
            TooManyWebhooks: If there is no room for it.
        """
        if not self._has_room(alias, size):
            self._note_refusal(alias)
            raise TooManyWebhooks
        self._requests.use(alias, 1)
        self._bytes.use(alias, size)
        try:
            yield
        finally:
            self._requests.use(alias, -1)
            self._bytes.use(alias, -size)
            self._note_room(alias)

    def _note_refusal(self, alias: Alias) -> None:
        if not self._refused[alias]:
            log.warning(
                "%d webhooks are under way, more of %s are refused",
                self._requests.used,
                alias,
                extra={"event": "webhooks_refused", "store": alias},
            )
        self._refused[alias] += 1

    def _note_room(self, alias: Alias) -> None:
        """Say once that webhooks of a store are taken again: when half of the room is free."""
        if self._refused[alias] and (
            self._requests.used < MAX_REQUESTS // 2 and self._bytes.used < MAX_REQUEST_BYTES // 2
        ):
            n = self._refused.pop(alias)
            log.warning(
                "webhooks of %s are taken again; %d were refused",
                alias,
                n,
                extra={"event": "webhooks_refused", "store": alias, "n": n},
            )

    async def store(self, delivery: Delivery) -> None:
        """Return once the delivery is in the database.

        Raises:
            DeliveryNotStored: If the database does not take it.
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
        except Exception as exc:  # noqa: BLE001 - each that waits for it is told, and answers 503
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
