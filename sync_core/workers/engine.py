"""The engine: every worker, from the first start to the last breath.

Each store has one worker of its own: a store that is down holds up only itself. A process may be
killed at any line; the next start finds all that it needs in the database.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sync_core.errors import AccessLost, Refused, StoreError, Throttled, WrongShop, cut
from sync_core.ports import Store
from sync_core.workers.bell import Bell
from sync_core.workers.cataloguing import Cataloguer
from sync_core.workers.context import Context
from sync_core.workers.deciding import Decider
from sync_core.workers.folding import Folder
from sync_core.workers.keeping import Keeper, refused_request
from sync_core.workers.looking import Looker
from sync_core.workers.proposing import Proposer
from sync_core.workers.reporting import Reporter
from sync_core.workers.sending import Sender

log = logging.getLogger(__name__)

BELL = "bell"  # the setting that other processes change to wake this one
LONGEST = 60.0  # seconds that a worker waits without looking for itself
HELD = 60.0  # seconds between questions to a store that does not accept us


class Engine:
    """All that keeps the stores equal."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._cataloguer = Cataloguer(context)
        self._folder = Folder(context)
        proposer = Proposer(context.records, context.stores, context.clock, context.ids)
        self._decider = Decider(context, proposer)
        self._reporter = Reporter(context, proposer)

    async def run(self) -> None:
        """Work until cancelled."""
        self._context.work.clear()
        self._context.products.clear()
        self._context.known.clear()
        self._context.papers.clear()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._folder.run(), name="folder")
            decided = self._papers(self._decider.round, self._context.papers.hear())
            group.create_task(decided, name="decider")
            reported = self._papers(self._reporter.round, self._context.papers.hear())
            group.create_task(reported, name="reporter")
            group.create_task(self._listen(), name="listener")
            for store in self._context.stores.values():
                sender = Sender(self._context, store)
                looker = Looker(self._context, store)
                alias = store.alias
                sent = self._loop(store, sender.round, self._context.work.hear())
                looked = self._loop(store, looker.round, self._context.work.hear())
                group.create_task(sent, name=f"sender {alias}")
                group.create_task(looked, name=f"looker {alias}")
                keeper = Keeper(self._context, store, self._cataloguer)
                kept = self._loop(store, keeper.round, self._context.products.hear())
                group.create_task(kept, name=f"keeper {alias}")

    async def _listen(self) -> None:
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
            await self._context.clock.sleep(self._context.pace.listen)

    async def _papers(self, round_: Callable[[], Awaitable[float | None]], bell: Bell) -> None:
        """Do rounds for ever; wait as each says, or until somebody wants something."""
        while True:
            wait: float | None
            try:
                wait = await round_()
            except Exception:
                # A report or a decision that fails must not stop the stores being kept equal.
                log.exception("a report or a decision failed", extra={"act": "papers_failed"})
                wait = HELD
            if wait is None or wait > 0:
                await bell.wait(min(wait or LONGEST, LONGEST))

    async def _loop(
        self, store: Store, round_: Callable[[], Awaitable[float | None]], bell: Bell
    ) -> None:
        """Do rounds for ever; wait as each says, or until there is work."""
        while True:
            wait: float | None
            try:
                wait = await round_()
            except StoreError as exc:
                wait = await self._failed(store, exc)
            if wait is None or wait > 0:
                await bell.wait(min(wait or LONGEST, LONGEST))

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
