"""Keep in touch with one store: who it is, what it sells, what it sends us, what we missed.

a chore fails with          and the store says who it is   then
--------------------------  -----------------------------  -----------------------------------
not sent, another shop      -                              the error: it is the store
anything else               no                             the error: it is the store
anything else               yes                            the other chores go on, this one is
                                                           tried later, and people are told
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_core.backoff import Backoff
from sync_core.domain.values import Alias, Event, Severity
from sync_core.errors import AccessLost, NoAnswer, Refused, StillRunning, StoreError, cut
from sync_core.ports import Store, StoreState, Subscription, Transaction
from sync_core.workers.catalogue_sync import CatalogueSync
from sync_core.workers.catch_up import CatchUp
from sync_core.workers.context import Context
from sync_core.workers.lease_keeper import subscription_name

log = logging.getLogger(__name__)

WEBHOOK_PATH = "/webhooks/shopify"
CHECK_EVERY = timedelta(hours=1)  # between questions who a store is, and what it sends us
REREAD_CATALOGUE_EVERY = timedelta(days=1)  # between readings of a whole catalogue
IDLE_SECONDS = 600.0  # seconds between rounds when there is no catch-up
CATCH_UP = "missed changes"
# The store answers, but not to this: it may be for hours, and asking costs points of its budget.
CHORE = Backoff(first=60, longest=3600, notify_after=3)  # a refusal is told at once


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoreFailure:
    """A chore that has failed."""

    attempts: int
    try_at: datetime
    why: str
    refused: bool

    @property
    def should_notify(self) -> bool:
        """Whether people should know."""
        return self.refused or CHORE.should_notify(self.attempts)


class StoreUpkeep:
    """Does for one store what is done once, hourly, or when its catalogue changes."""

    def __init__(self, context: Context, store: Store, catalogue_sync: CatalogueSync) -> None:
        self._context = context
        self._store = store
        self._catalogue_sync = catalogue_sync
        self._subscriptions = WebhookSubscriptions(context, store)
        self._catch_up_worker = CatchUp(context, store)
        self._ask_at = self._check_at = self._catch_up_at = context.clock.now()
        self._must_catch_up = True  # at start, whatever came while nobody listened
        self._failures: dict[str, ChoreFailure] = {}

    async def round(self) -> float:
        """Do what is due; return the seconds until more is.

        Raises:
            StoreError: If the store itself does not answer as it should; all stays due.
        """
        context = self._context
        state = await self._identify()
        if self._is_old(state.catalogue_at):
            await self._run_chores({"catalogue": self._read_catalogue})
        await self._catalogue_sync.arrange_all()
        await self._run_chores(
            {
                "changed products": self._read_products,
                "subscriptions": self._subscribe,
                CATCH_UP: self._catch_up,
            }
        )
        now = context.clock.now()
        events = request_refused(self._store.alias, self._problems() or None)
        await context.database.transaction(lambda tx: tx.notifications.notify([events], now=now))
        return self._wait()

    def _wait(self) -> float:
        """Return the seconds until something is due that a clock can tell."""
        due = {name: each.try_at for name, each in self._failures.items()}
        if self._catch_up_seconds:
            due.setdefault(CATCH_UP, self._catch_up_at)
        if not due:
            return IDLE_SECONDS
        return max(0.01, (min(due.values()) - self._context.clock.now()).total_seconds())

    @property
    def _catch_up_seconds(self) -> float:
        """Seconds between looks for missed changes; 0 is off."""
        return self._context.config.poll_every or self._context.config.catch_up_every

    # -- who it is
    async def _identify(self) -> StoreState:
        """Ask the store who it is, at start and hourly; return what we know of it."""
        context, alias = self._context, self._store.alias
        state = await context.database.transaction(lambda tx: tx.stores.get(alias))
        # What a refused write has begun only a write can end: the sender asks.
        is_blocked = state.blocked_since is not None and not state.write_refused
        if alias not in context.identified or is_blocked or context.clock.now() >= self._ask_at:
            await self._catalogue_sync.identify(self._store)
            await context.database.transaction(self._unblock())
            if alias not in context.identified:
                await context.availability.identified(alias)
                # A process that was killed keeps its claims no longer than it lives: the same
                # bytes under the same key do no harm, should it live after all.
                await context.database.transaction(lambda tx: tx.batches.release_all(alias))
            context.identified.add(alias)
            self._ask_at = context.clock.now() + CHECK_EVERY
            context.store_work.notify()
            state = await context.database.transaction(lambda tx: tx.stores.get(alias))
        return state

    def _is_old(self, read_at: datetime | None) -> bool:
        """Whether the catalogue must be read whole: product webhooks may be lost, or never sent."""
        renew = REREAD_CATALOGUE_EVERY if self._context.config.poll_every is None else CHECK_EVERY
        return read_at is None or self._context.clock.now() - read_at >= renew

    def _unblock(self) -> Callable[[Transaction], None]:
        now = self._context.clock.now()
        return lambda tx: tx.stores.unblock(self._store.alias, now=now)

    # -- what there is to do
    async def _run_chores(self, chores: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        """Do the chores; one that fails holds up no other."""
        failed: dict[str, StoreError] = {}
        for name, chore in chores.items():
            known = self._failures.get(name)
            if known is not None and self._context.clock.now() < known.try_at:
                continue
            try:
                await chore()
            except (AccessLost, NoAnswer, Refused, StillRunning) as exc:
                failed[name] = exc
            else:
                self._failures.pop(name, None)
        if failed:
            await self._catalogue_sync.identify(self._store)  # raises, if it is the store itself
        for name, why in failed.items():
            self._postpone(name, why)

    def _postpone(self, name: str, exc: StoreError) -> None:
        """Try a chore later, each time after a longer wait."""
        known = self._failures.get(name)
        attempts = (known.attempts if known else 0) + 1
        wait = timedelta(seconds=CHORE.delay(attempts))
        self._failures[name] = ChoreFailure(
            attempts=attempts,
            try_at=self._context.clock.now() + wait,
            why=cut(str(exc)),
            refused=isinstance(exc, AccessLost | Refused),
        )

    def _problems(self) -> str:
        """Return what people should know of, empty if nothing."""
        told = {name: each.why for name, each in self._failures.items() if each.should_notify}
        return "; ".join(f"{name}: {why}" for name, why in told.items())

    async def _read_catalogue(self) -> None:
        await self._catalogue_sync.read_whole(self._store)

    async def _read_products(self) -> None:
        await self._catalogue_sync.read_products(self._store)

    async def _subscribe(self) -> None:
        """Register what is missing, hourly; changes may have been missed meanwhile."""
        now = self._context.clock.now()
        if now < self._check_at:
            return
        try:
            missing = await self._subscriptions.round()
        except StoreError:
            self._must_catch_up = True  # some may have been registered
            raise
        if missing is None:
            return
        self._must_catch_up |= bool(missing)
        self._check_at = now + CHECK_EVERY

    async def _catch_up(self) -> None:
        """Ask for changes that nobody told us, when it is time."""
        now = self._context.clock.now()
        if not self._must_catch_up and not (self._catch_up_seconds and now >= self._catch_up_at):
            return
        await self._catch_up_worker.round()
        await self._context.availability.succeeded(self._store.alias)
        self._must_catch_up = False
        self._catch_up_at = now + timedelta(seconds=self._catch_up_seconds)


def request_refused(alias: Alias, why: str | None) -> Event:
    """Return the news that a store refuses what we ask, or (None) that it does no more."""
    facts: dict[str, str | int | float | bool | None] = {"store": alias, "why": why}
    return Event(
        kind="request_refused",
        subject=f"store:{alias}",
        severity=Severity.WARNING,
        facts=facts,
        resolved=why is None,
    )


class WebhookSubscriptions:
    """Registers what is missing at one store, which deletes subscriptions after eight failures."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store
        self._complete = False  # they were all there once, so a missing one was deleted

    async def round(self) -> list[str] | None:
        """Subscribe to the topics that are missing; return them. None: not before we may write.

        What goes to another address under our name is an older address of ours; or that of whoever
        works with a copy of this database, from whom only the holder of the lease may take it.

        Raises:
            StoreError: If the store does not answer, be it for one topic; the others are made.
        """
        context, alias = self._context, self._store.alias
        if context.public_url is None:
            return []
        uri = context.public_url + WEBHOOK_PATH
        new = context.ids.new()
        state, instance = await context.database.transaction(
            lambda tx: (tx.stores.get(alias), tx.leases.instance(new))
        )
        ours = await self._store.subscriptions()
        held = {each.topic for each in ours if each.uri == uri}
        old = [each for each in ours if _is_old(each, uri, instance)]
        if old and not context.permits.may_write(alias, context.clock.monotonic()):
            return None
        for each in old:
            await self._store.unsubscribe(each.id)
        missing = [topic for topic in context.topics(state.scopes) if topic not in held]
        refused, silent = await self._subscribe(missing, uri, instance)
        lost = missing if self._complete else []
        self._complete = not refused and silent is None
        await context.database.transaction(lambda tx: self._notify(tx, lost, refused))
        if silent is not None:
            raise silent
        if missing:
            log.info(
                "%s sends us %d more topics",
                alias,
                len(missing) - len(refused),
                extra={"event": "subscribed", "store": alias},
            )
        return missing

    async def _subscribe(
        self, missing: Sequence[str], uri: str, instance: str
    ) -> tuple[list[str], NoAnswer | None]:
        """Subscribe to topics; return what was refused, and whether anything got no answer."""
        refused: list[str] = []
        silent: NoAnswer | None = None
        for topic in missing:
            try:
                await self._store.subscribe(topic, uri, subscription_name(instance, topic))
            except Refused as exc:
                refused.append(f"{topic}: {cut(str(exc))}")
            except NoAnswer as exc:
                silent = exc
        return refused, silent

    def _notify(self, tx: Transaction, lost: Sequence[str], refused: Sequence[str]) -> None:
        """Tell people what was missing; a lost subscription means that changes were missed."""
        alias = self._store.alias
        now = self._context.clock.now()
        subject = f"store:{alias}"
        if lost or refused:
            facts: dict[str, str | int | float | bool | None] = {
                "store": alias,
                "lost": ", ".join(lost),
                "refused": "; ".join(refused),
            }
            severity = Severity.CRITICAL if refused else Severity.WARNING
            gone = Event(kind="webhooks_gone", subject=subject, severity=severity, facts=facts)
            tx.notifications.notify([gone], now=now)
        else:
            tx.notifications.notify(
                [Event(kind="webhooks_gone", subject=subject, resolved=True)], now=now
            )


def _is_old(each: Subscription, uri: str, instance: str) -> bool:
    """Whether it has our name, and leads elsewhere: a name can be there but once."""
    return each.uri != uri and each.name == subscription_name(instance, each.topic)
