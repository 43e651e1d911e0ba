"""Keep in touch with one store: who it is, what it sells, what it sends us, what we missed.

a chore fails with          and the store says who it is   then
--------------------------  -----------------------------  -----------------------------------
not sent, another shop      -                              the error: it is the store
anything else               no                             the error: it is the store
anything else               yes                            the other chores go on, this one is
                                                           tried later, and people are told
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_core.domain.values import Alias, News, Severity
from sync_core.errors import AccessLost, NoAnswer, Refused, StillRunning, StoreError, cut
from sync_core.ports import Ledger, Store, StoreState
from sync_core.workers.cataloguing import Cataloguer
from sync_core.workers.catching_up import CatcherUp
from sync_core.workers.context import Context
from sync_core.workers.subscribing import Subscriber

HOURLY = timedelta(hours=1)  # between questions who a store is, and what it sends us
RENEW = timedelta(days=1)  # between readings of a whole catalogue
IDLE = 600.0  # seconds between rounds when there is no catch-up
FIRST_WAIT = timedelta(minutes=1)  # for a chore that failed,
LAST_WAIT = timedelta(hours=1)  # growing up to this
CATCH_UP = "missed changes"
TOLD_AFTER = 3  # attempts without an answer; a refusal is told at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A chore that has failed."""

    attempts: int
    try_at: datetime
    why: str
    refused: bool

    @property
    def is_told(self) -> bool:
        """Whether people should know."""
        return self.refused or self.attempts >= TOLD_AFTER


class Keeper:
    """Does for one store what is done once, hourly, or when its catalogue changes."""

    def __init__(self, context: Context, store: Store, cataloguer: Cataloguer) -> None:
        self._context = context
        self._store = store
        self._cataloguer = cataloguer
        self._subscriber = Subscriber(context, store)
        self._catcher_up = CatcherUp(context, store)
        self._ask_at = self._check_at = self._catch_up_at = context.clock.now()
        self._must_catch_up = True  # at start, whatever came while nobody listened
        self._troubles: dict[str, Trouble] = {}

    async def round(self) -> float:
        """Do what is due; return the seconds until more is.

        Raises:
            StoreError: If the store itself does not answer as it should; all stays due.
        """
        context = self._context
        state = await self._introduce()
        if self._is_old(state.catalogue_at):
            await self._do({"catalogue": self._read_catalogue})
        await self._cataloguer.arrange_all()
        await self._do(
            {
                "changed products": self._read_products,
                "subscriptions": self._subscribe,
                CATCH_UP: self._catch_up,
            }
        )
        now = context.clock.now()
        news = refused_request(self._store.alias, self._why() or None)
        await context.records.step(lambda ledger: ledger.tell([news], now=now))
        return self._wait()

    def _wait(self) -> float:
        """Return the seconds until something is due that a clock can tell."""
        due = {name: each.try_at for name, each in self._troubles.items()}
        if self._every:
            due.setdefault(CATCH_UP, self._catch_up_at)
        if not due:
            return IDLE
        return max(0.01, (min(due.values()) - self._context.clock.now()).total_seconds())

    @property
    def _every(self) -> float:
        """Seconds between looks for missed changes; 0 is off."""
        return self._context.pace.poll or self._context.pace.catch_up

    # -- who it is
    async def _introduce(self) -> StoreState:
        """Ask the store who it is, at start and hourly; return what we know of it."""
        context, alias = self._context, self._store.alias
        state = await context.records.step(lambda ledger: ledger.store(alias))
        # What a refused write has begun only a write can end: the sender asks.
        is_held = state.held_since is not None and not state.write_refused
        if alias not in context.known or is_held or context.clock.now() >= self._ask_at:
            await self._cataloguer.meet(self._store)
            await context.records.step(self._let_go())
            if alias not in context.known:
                await context.reach.greet(alias)
                # A process that was killed keeps its claims no longer than it lives: the same
                # bytes under the same key do no harm, should it live after all.
                await context.records.step(lambda ledger: ledger.release_all(alias))
            context.known.add(alias)
            self._ask_at = context.clock.now() + HOURLY
            context.work.ring()
            state = await context.records.step(lambda ledger: ledger.store(alias))
        return state

    def _is_old(self, read_at: datetime | None) -> bool:
        """Whether the catalogue must be read whole: product webhooks may be lost, or never sent."""
        renew = RENEW if self._context.pace.poll is None else HOURLY
        return read_at is None or self._context.clock.now() - read_at >= renew

    def _let_go(self) -> Callable[[Ledger], None]:
        now = self._context.clock.now()
        return lambda ledger: ledger.let_go(self._store.alias, now=now)

    # -- what there is to do
    async def _do(self, chores: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        """Do the chores; one that fails holds up no other."""
        failed: dict[str, StoreError] = {}
        for name, chore in chores.items():
            known = self._troubles.get(name)
            if known is not None and self._context.clock.now() < known.try_at:
                continue
            try:
                await chore()
            except (AccessLost, NoAnswer, Refused, StillRunning) as exc:
                failed[name] = exc
            else:
                self._troubles.pop(name, None)
        if failed:
            await self._cataloguer.meet(self._store)  # raises, if it is the store itself
        for name, why in failed.items():
            self._put_off(name, why)

    def _put_off(self, name: str, exc: StoreError) -> None:
        """Try a chore later, each time after a longer wait."""
        known = self._troubles.get(name)
        attempts = known.attempts if known else 0
        wait = min(LAST_WAIT, FIRST_WAIT * 2 ** min(attempts, 10))
        self._troubles[name] = Trouble(
            attempts=attempts + 1,
            try_at=self._context.clock.now() + wait,
            why=cut(str(exc)),
            refused=isinstance(exc, AccessLost | Refused),
        )

    def _why(self) -> str:
        """Return what people should know of, empty if nothing."""
        told = {name: each.why for name, each in self._troubles.items() if each.is_told}
        return "; ".join(f"{name}: {why}" for name, why in told.items())

    async def _read_catalogue(self) -> None:
        await self._cataloguer.read_whole(self._store)

    async def _read_products(self) -> None:
        await self._cataloguer.read_products(self._store)

    async def _subscribe(self) -> None:
        """Register what is missing, hourly; changes may have been missed meanwhile."""
        now = self._context.clock.now()
        if now < self._check_at:
            return
        try:
            missing = await self._subscriber.round()
        except StoreError:
            self._must_catch_up = True  # some may have been registered
            raise
        self._must_catch_up |= bool(missing)
        self._check_at = now + HOURLY

    async def _catch_up(self) -> None:
        """Ask for changes that nobody told us, when it is time."""
        now = self._context.clock.now()
        if not self._must_catch_up and not (self._every and now >= self._catch_up_at):
            return
        await self._catcher_up.round()
        await self._context.reach.answered(self._store.alias)
        self._must_catch_up = False
        self._catch_up_at = now + timedelta(seconds=self._every)


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
