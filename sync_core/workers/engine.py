"""The engine: every worker, from the first start to the last breath.

Each store has workers of its own: a store that is down holds up only itself. A worker that fails is
restarted alone (see supervisor.py). A process may be killed at any line; the next start finds all
that it needs in the database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from sync_core.backoff import Backoff
from sync_core.errors import AccessLost, Refused, StoreError, Throttled, WrongShop, cut
from sync_core.ports import Store, StoreWork, WorkKind
from sync_core.workers.bulk_refresher import BulkRefresher
from sync_core.workers.catalogue_sync import CatalogueSync
from sync_core.workers.context import Context, Listener, Wakeup
from sync_core.workers.decider import Decider
from sync_core.workers.delivery_processor import DeliveryProcessor
from sync_core.workers.drift_report import Reporter
from sync_core.workers.lease_keeper import LeaseKeeper
from sync_core.workers.proposer import Proposer
from sync_core.workers.refresher import Refresher
from sync_core.workers.sender import Sender
from sync_core.workers.store_upkeep import StoreUpkeep, request_refused
from sync_core.workers.supervisor import Supervisor, Work

MIN_WAIT_SECONDS = 0.001  # less is no time: sums of floats miss a moment by some 1e-13
MAX_WAIT_SECONDS = 60.0  # seconds that a worker waits without looking for itself
# A store that does not accept us is asked again by each worker that needs it; a person has to act.
BLOCKED_STORE = Backoff(first=60, longest=60, notify_after=1)

Round = Callable[[], Awaitable[float | None]]
"""Does what is due; returns the seconds until more is, or None: when it is woken."""

Subscription = AbstractContextManager[Wakeup]


class Engine:
    """All that keeps the stores in sync: its workers, and how each does its rounds."""

    def __init__(self, context: Context, supervisor: Supervisor, listener: Listener) -> None:
        self._context = context
        self._supervisor = supervisor
        self._listener = listener
        self._catalogue_sync = CatalogueSync(context)
        self._proposer = Proposer(context.database, context.stores, context.clock, context.ids)

    async def run(self) -> None:
        """Work until cancelled."""
        supervise, context = self._supervisor.supervise, self._context
        now = context.clock.monotonic()
        context.permits.begin(context.stores, now, source=context.source)
        with context.database.subscribe(self._wake):
            async with asyncio.TaskGroup() as group:
                group.create_task(
                    supervise("delivery_processor", DeliveryProcessor(context).run, vital=True)
                )
                listen = partial(self._listener.run, context.database.wake)
                group.create_task(supervise("listener", listen))
                group.create_task(supervise("decider", self._decide))
                group.create_task(supervise("reporter", self._report))
                for store in context.stores.values():
                    for name, work in self._store_workers(store):
                        group.create_task(supervise(f"{name} {store.alias}", work))

    def _wake(self, work: WorkKind) -> None:
        """Wake whoever does what a transaction has announced, in this process or in another."""
        context = self._context
        if work is WorkKind.NOTIFICATIONS:
            return  # that is for frontends, and they subscribe themselves
        context.inbox.notify()
        if work is WorkKind.REQUESTS:
            context.catalogues.notify()
            context.store_work.notify()
            context.requests.notify()

    def _store_workers(self, store: Store) -> Iterator[tuple[str, Work]]:
        """Yield the workers of one store; each begins as a new one when it is restarted."""
        context = self._context

        async def send(done: Callable[[], None]) -> None:
            mine = context.store_work.subscribe(StoreWork(store.alias, is_read=False))
            await self._run_store_rounds(store, Sender(context, store).round, mine, done)

        async def refresh(done: Callable[[], None]) -> None:
            mine = context.store_work.subscribe(StoreWork(store.alias, is_read=True))
            await self._run_store_rounds(store, Refresher(context, store).round, mine, done)

        async def read_in_bulk(done: Callable[[], None]) -> None:
            mine = context.first_reads.subscribe(StoreWork(store.alias, is_read=True))
            await self._run_store_rounds(store, BulkRefresher(context, store).round, mine, done)

        async def upkeep_(done: Callable[[], None]) -> None:
            upkeep = StoreUpkeep(context, store, self._catalogue_sync)
            mine = context.catalogues.subscribe()
            await self._run_store_rounds(store, upkeep.round, mine, done)

        async def lease(done: Callable[[], None]) -> None:
            keeper = LeaseKeeper(context, store)
            await self._run_store_rounds(store, keeper.round, context.requests.subscribe(), done)

        yield from (("sender", send), ("refresher", refresh), ("bulk refresher", read_in_bulk))
        yield from (("upkeep", upkeep_), ("lease", lease))

    async def _decide(self, done: Callable[[], None]) -> None:
        """Carry out decisions."""
        decider = Decider(self._context, self._proposer)
        await self._run_rounds(decider.round, self._context.requests.subscribe(), done)

    async def _report(self, done: Callable[[], None]) -> None:
        """Make reports."""
        reporter = Reporter(self._context, self._proposer)
        await self._run_rounds(reporter.round, self._context.requests.subscribe(), done)

    async def _run_rounds(
        self, round_: Round, subscription: Subscription, done: Callable[[], None]
    ) -> None:
        """Do rounds for ever; wait as each says, or until there is work."""
        with subscription as wakeup:
            while True:
                wait = await round_()
                done()
                if wait is None or wait > 0:
                    seconds = MAX_WAIT_SECONDS if wait is None else max(wait, MIN_WAIT_SECONDS)
                    await wakeup.wait(min(seconds, MAX_WAIT_SECONDS))

    async def _run_store_rounds(
        self, store: Store, round_: Round, subscription: Subscription, done: Callable[[], None]
    ) -> None:
        """Do rounds for ever; a store that does not do what it should is no failure of ours."""

        async def guarded() -> float | None:
            try:
                return await round_()
            except StoreError as exc:
                return await self._failed(store, exc)

        await self._run_rounds(guarded, subscription, done)

    async def _failed(self, store: Store, exc: StoreError) -> float:
        """Note that a store did not do what we asked; return the seconds to wait."""
        if isinstance(exc, Throttled):
            return exc.wait
        now = self._context.clock.now()
        why = cut(str(exc))
        if isinstance(exc, AccessLost | WrongShop):
            await self._context.database.transaction(
                lambda tx: tx.stores.block(store.alias, why, now=now)
            )
            return BLOCKED_STORE.first
        if isinstance(exc, Refused):
            events = request_refused(store.alias, why)
            await self._context.database.transaction(
                lambda tx: tx.notifications.notify([events], now=now)
            )
            return BLOCKED_STORE.first
        return await self._context.availability.failed(store.alias, exc)
