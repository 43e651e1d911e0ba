"""The engine: every worker, from the first start to the last breath.

Each store has workers of its own: a store that is down holds up only itself. A worker that fails is
restarted alone (see supervisor.py). A process may be killed at any line; the next start finds all
that it needs in the database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from sync_core.errors import AccessLost, Refused, StoreError, Throttled, WrongShop, cut
from sync_core.ports import Store
from sync_core.workers.auditing import Auditor
from sync_core.workers.bell import Bells
from sync_core.workers.cataloguing import Cataloguer
from sync_core.workers.context import Context
from sync_core.workers.deciding import Decider
from sync_core.workers.folding import Folder
from sync_core.workers.keeping import Keeper, refused_request
from sync_core.workers.lease_keeper import LeaseKeeper
from sync_core.workers.looking import Looker
from sync_core.workers.proposing import Proposer
from sync_core.workers.reporting import Reporter
from sync_core.workers.sealing import Sealer
from sync_core.workers.sending import Sender
from sync_core.workers.supervisor import Supervisor, Work

BELL = "bell"  # the setting that other processes change to wake this one
LONGEST = 60.0  # seconds that a worker waits without looking for itself
HELD = 60.0  # seconds between questions to a store that does not accept us

Round = Callable[[], Awaitable[float | None]]
"""Does what is due; returns the seconds until more is, or None: when it is woken."""


class Engine:
    """All that keeps the stores in sync: its workers, and how each does its rounds."""

    def __init__(self, context: Context, supervisor: Supervisor) -> None:
        self._context = context
        self._supervisor = supervisor
        self._cataloguer = Cataloguer(context)
        self._proposer = Proposer(context.records, context.stores, context.clock, context.ids)

    async def run(self) -> None:
        """Work until cancelled."""
        keep, context = self._supervisor.keep, self._context
        context.permits.begin(context.stores, context.clock.monotonic())
        async with asyncio.TaskGroup() as group:
            group.create_task(keep("folder", Folder(context).run, vital=True))
            group.create_task(keep("listener", self._listen, vital=True))
            group.create_task(keep("decider", self._decide))
            group.create_task(keep("reporter", self._report))
            group.create_task(keep("auditor", self._audit))
            group.create_task(keep("sealer", self._seal))
            for store in context.stores.values():
                for name, work in self._of(store):
                    group.create_task(keep(f"{name} {store.alias}", work))

    def _of(self, store: Store) -> Iterator[tuple[str, Work]]:
        """Yield the workers of one store; each begins as a new one when it is restarted."""
        context = self._context

        async def send(done: Callable[[], None]) -> None:
            await self._loop(store, Sender(context, store).round, context.work, done)

        async def look(done: Callable[[], None]) -> None:
            await self._loop(store, Looker(context, store).round, context.work, done)

        async def keep(done: Callable[[], None]) -> None:
            keeper = Keeper(context, store, self._cataloguer)
            await self._loop(store, keeper.round, context.products, done)

        async def lease(done: Callable[[], None]) -> None:
            await self._loop(store, LeaseKeeper(context, store).round, context.papers, done)

        yield from (("sender", send), ("looker", look), ("keeper", keep), ("lease", lease))

    async def _decide(self, done: Callable[[], None]) -> None:
        """Carry out decisions."""
        await self._rounds(Decider(self._context, self._proposer).round, self._context.papers, done)

    async def _report(self, done: Callable[[], None]) -> None:
        """Make reports."""
        reporter = Reporter(self._context, self._proposer)
        await self._rounds(reporter.round, self._context.papers, done)

    async def _audit(self, done: Callable[[], None]) -> None:
        """Audit the books; nobody wakes it: it has its own pace."""
        auditor = Auditor(self._context.records, self._context.clock)
        await self._rounds(auditor.round, Bells(), done)

    async def _seal(self, done: Callable[[], None]) -> None:
        """Seal each day."""
        sealer = Sealer(self._context.records, self._context.clock)
        await self._rounds(sealer.round, Bells(), done)

    async def _listen(self, done: Callable[[], None]) -> None:
        """Wake everybody when another process has changed something."""
        heard: str | None = None
        while True:
            word = await self._context.records.step(lambda ledger: ledger.setting(BELL))
            if word != heard:
                heard = word
                self._context.inbox.ring()
                self._context.products.ring()
                self._context.work.ring()
                self._context.papers.ring()
            done()
            await self._context.clock.sleep(self._context.pace.listen)

    async def _rounds(self, round_: Round, bells: Bells, done: Callable[[], None]) -> None:
        """Do rounds for ever; wait as each says, or until there is work."""
        with bells.listening() as bell:
            while True:
                wait = await round_()
                done()
                if wait is None or wait > 0:
                    await bell.wait(min(wait or LONGEST, LONGEST))

    async def _loop(
        self, store: Store, round_: Round, bells: Bells, done: Callable[[], None]
    ) -> None:
        """Do rounds for ever; a store that does not do what it should is no failure of ours."""

        async def careful() -> float | None:
            try:
                return await round_()
            except StoreError as exc:
                return await self._failed(store, exc)

        await self._rounds(careful, bells, done)

    async def _failed(self, store: Store, exc: StoreError) -> float:
        """Note that a store did not do what we asked; return the seconds to wait."""
        if isinstance(exc, Throttled):
            return exc.wait
        now = self._context.clock.now()
        why = cut(str(exc))
        if isinstance(exc, AccessLost | WrongShop):
            await self._context.records.step(lambda ledger: ledger.hold(store.alias, why, now=now))
            return HELD
        if isinstance(exc, Refused):
            news = refused_request(store.alias, why)
            await self._context.records.step(lambda ledger: ledger.tell([news], now=now))
            return HELD
        return await self._context.reach.failed(store.alias, exc)
