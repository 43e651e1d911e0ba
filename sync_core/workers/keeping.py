"""Keep in touch with one store: who it is, what it sells, what it sends us, what we missed."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sync_core.domain.values import Alias, News, Severity
from sync_core.ports import Ledger, Store
from sync_core.workers.cataloguing import Cataloguer
from sync_core.workers.catching_up import CatcherUp
from sync_core.workers.context import Context
from sync_core.workers.subscribing import Subscriber

HOURLY = timedelta(hours=1)  # between questions who a store is, and what it sends us
RENEW = timedelta(days=1)  # between readings of a whole catalogue
IDLE = 600.0  # seconds between rounds when there is no catch-up


class Keeper:
    """Does for one store what is done once, hourly, or when its catalogue changes."""

    def __init__(self, context: Context, store: Store, cataloguer: Cataloguer) -> None:
        self._context = context
        self._store = store
        self._cataloguer = cataloguer
        self._subscriber = Subscriber(context, store)
        self._catcher_up = CatcherUp(context, store)
        self._check_at = self._catch_up_at = context.clock.now()
        self._must_catch_up = True  # at start, whatever came while nobody listened

    async def round(self) -> float:
        """Do what is due; return the seconds until more is.

        Raises:
            StoreError: If the store does not answer as it should; all stays due.
        """
        context = self._context
        await self._introduce()
        await self._cataloguer.read_products(self._store)
        now = context.clock.now()
        if now >= self._check_at:
            self._must_catch_up |= bool(await self._subscriber.round())
            self._check_at = now + HOURLY
        over = refused_request(self._store.alias, None)
        await context.records.step(lambda ledger: ledger.tell([over], now=now))
        every = context.pace.poll or context.pace.catch_up
        if self._must_catch_up or (every and now >= self._catch_up_at):
            await self._catcher_up.round()
            await context.reach.answered(self._store.alias)
            self._must_catch_up = False
            self._catch_up_at = now + timedelta(seconds=every)
        if not every:
            return IDLE
        return max(0.01, (self._catch_up_at - context.clock.now()).total_seconds())

    async def _introduce(self) -> None:
        """Ask the store who it is, at start and hourly; read its catalogue the first time."""
        context, alias = self._context, self._store.alias
        state = await context.records.step(lambda ledger: ledger.store(alias))
        is_due = context.clock.now() >= self._check_at
        # What a refused write has begun only a write can end: the sender asks.
        is_held = state.held_since is not None and not state.write_refused
        if alias not in context.known or is_held or is_due:
            await self._cataloguer.meet(self._store)
            await context.records.step(self._let_go())
            if alias not in context.known:
                await context.reach.greet(alias)
                # A process that was killed keeps its claims no longer than it lives: the same
                # bytes under the same key do no harm, should it live after all.
                await context.records.step(lambda ledger: ledger.release_all(alias))
            context.known.add(alias)
            context.work.ring()
        if self._is_old(state.catalogue_at):
            await self._cataloguer.read_whole(self._store)
        await self._cataloguer.arrange_all()

    def _is_old(self, read_at: datetime | None) -> bool:
        """Whether the catalogue must be read whole: product webhooks may be lost, or never sent."""
        renew = RENEW if self._context.pace.poll is None else HOURLY
        return read_at is None or self._context.clock.now() - read_at >= renew

    def _let_go(self) -> Callable[[Ledger], None]:
        now = self._context.clock.now()
        return lambda ledger: ledger.let_go(self._store.alias, now=now)


def refused_request(alias: Alias, why: str | None) -> News:
    """Return the news that a store refuses what we ask, or (None) that it does no more."""
    facts: dict[str, str | int | float | bool | None] = {"store": alias, "why": why}
    return News(
        kind="request_refused",
        subject=f"store:{alias}",
        severity=Severity.WARNING,
        facts=facts,
        over=why is None,
    )
