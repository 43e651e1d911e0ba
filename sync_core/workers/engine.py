"""The engine: every worker, from the first start to the last breath.

Each store has one worker of its own: a store that is down holds up only itself. A process may be
killed at any line; the next start finds all that it needs in the database.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from sync_core.domain.values import Alias, News, Severity
from sync_core.errors import AccessLost, Refused, StoreError, Throttled, WrongShop, cut
from sync_core.ports import Ledger, Store
from sync_core.workers.cataloguing import Cataloguer
from sync_core.workers.catching_up import CatcherUp
from sync_core.workers.context import Context
from sync_core.workers.folding import Folder
from sync_core.workers.looking import Looker
from sync_core.workers.sending import Sender
from sync_core.workers.subscribing import Subscriber

log = logging.getLogger(__name__)

BELL = "bell"  # the setting that other processes change to wake this one
LONGEST = 60.0  # seconds that a worker waits without looking for itself
HOURLY = timedelta(hours=1)  # between looks at our subscriptions
HELD = 60.0  # seconds between questions to a store that does not accept us


class Engine:
    """All that keeps the stores equal."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._cataloguer = Cataloguer(context)
        self._folder = Folder(context)
        self._failing_since: dict[Alias, datetime] = {}
        self._arranged = False

    async def run(self) -> None:
        """Work until cancelled."""
        self._context.work.clear()
        self._context.products.clear()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._folder.run(), name="folder")
            group.create_task(self._listen(), name="listener")
            for store in self._context.stores.values():
                sender = Sender(self._context, store)
                looker = Looker(self._context, store)
                alias = store.alias
                group.create_task(self._loop(store, sender.round), name=f"sender {alias}")
                group.create_task(self._loop(store, looker.round), name=f"looker {alias}")
                group.create_task(self._keep(store), name=f"keeper {alias}")

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
            await self._context.clock.sleep(self._context.pace.listen)

    async def _loop(self, store: Store, round_: Callable[[], Awaitable[float | None]]) -> None:
        """Do rounds for ever; wait as each says, or until there is work."""
        bell = self._context.work.hear()
        while True:
            wait: float | None
            try:
                wait = await round_()
            except StoreError as exc:
                wait = await self._failed(store, exc)
            if wait is None or wait > 0:
                await bell.wait(min(wait or LONGEST, LONGEST))

    async def _keep(self, store: Store) -> None:
        """Know the store, its catalogue and its changes; catch up as often as wanted."""
        pace = self._context.pace
        bell = self._context.products.hear()
        subscriber = Subscriber(self._context, store)
        next_check = next_catch_up = self._context.clock.now()
        while True:
            try:
                await self._introduce(store)
                await self._cataloguer.read_products(store)
                now = self._context.clock.now()
                if now >= next_check:
                    lost = await subscriber.round()
                    next_check = now + HOURLY
                    next_catch_up = now if lost else next_catch_up
                every = pace.poll or pace.catch_up
                if every and now >= next_catch_up:
                    await CatcherUp(self._context, store).round()
                    next_catch_up = now + timedelta(seconds=every)
                await self._recovered(store)
                wait = every or 600.0
                if every:
                    wait = max(0.01, (next_catch_up - self._context.clock.now()).total_seconds())
            except StoreError as exc:
                wait = await self._failed(store, exc)
            await bell.wait(wait)

    async def _introduce(self, store: Store) -> None:
        """Meet the store and read its catalogue, if that has not been done yet."""
        records = self._context.records
        state = await records.step(lambda ledger: ledger.store(store.alias))
        if state.held_since is not None:
            await self._cataloguer.meet(store)
            await records.step(self._let_go(store.alias))
            self._context.work.ring()
        elif state.shop_id is None:
            await self._cataloguer.meet(store)
        if state.catalogue_at is None:
            await self._cataloguer.read_whole(store)
        await self._arrange_once()

    def _let_go(self, alias: Alias) -> Callable[[Ledger], None]:
        now = self._context.clock.now()
        return lambda ledger: ledger.let_go(alias, now=now)

    async def _arrange_once(self) -> None:
        """Arrange the whole catalogue when the last store's has been read."""
        if not self._arranged:
            self._arranged = await self._cataloguer.arrange_all()

    async def _failed(self, store: Store, exc: StoreError) -> float:
        """Note that a store did not do what we asked; return the seconds to wait."""
        now = self._context.clock.now()
        if isinstance(exc, Throttled):
            return exc.wait
        if isinstance(exc, AccessLost | WrongShop | Refused):
            await self._context.records.step(
                lambda ledger: ledger.hold(store.alias, cut(str(exc)), now=now)
            )
            return HELD
        since = self._failing_since.setdefault(store.alias, now)
        log.warning(
            "%s does not answer",
            store.alias,
            extra={"act": "no_answer", "store": store.alias, "why": cut(str(exc))},
        )
        if now - since >= self._context.pace.told_after:
            await self._context.records.step(partial(_tell_unreachable, store.alias, since, now))
        pace = self._context.pace
        lasted = (now - since).total_seconds()
        return self._context.luck.uniform(1.0, max(2.0, min(pace.greatest_backoff, lasted)))

    async def _recovered(self, store: Store) -> None:
        """Note that a store answers."""
        since = self._failing_since.pop(store.alias, None)
        if since is not None:
            now = self._context.clock.now()
            over = News(kind="unreachable", subject=f"store:{store.alias}", over=True)
            await self._context.records.step(lambda ledger: ledger.tell([over], now=now))


def _tell_unreachable(alias: Alias, since: datetime, now: datetime, ledger: Ledger) -> None:
    """Tell people, once, that a store has not answered for a while."""
    news = News(
        kind="unreachable",
        subject=f"store:{alias}",
        severity=Severity.CRITICAL,
        facts={"store": alias, "since": since.isoformat()},
    )
    ledger.tell([news], now=now)
