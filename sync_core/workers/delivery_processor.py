"""Process the deliveries that have arrived, a page in one commit.

The senders are woken when all that has arrived is accounted for: a burst becomes full batches, and
changes of one item in two stores become one write each.

    a page of deliveries                     then
    ---------------------------------------  ---------------------------------------------------
    can be processed                         all of it is one commit
    cannot, and the database is at fault     nothing: the round fails, and is tried again
    cannot, and it has several               its halves, in order: one bad one costs log n steps
    cannot, and it has one                   that one is quarantined with its bytes, people are told
    cannot, even without any delivery        the round fails: no delivery is at fault

"Uninstalled" is a question, not a fact: a signature covers neither the topic nor the id, so any
signed body can come back under that topic. Nothing is written to the store until it has said who
it is; a dead token then blocks it as usual.

What was quarantined may be processed later, when newer things are known: an old value then means
a refresh.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain

from sync_core import tracing
from sync_core.domain.accounting import observe
from sync_core.domain.matching import normal
from sync_core.domain.values import Alias, Event, Observation, Outcome, PoolId, Severity
from sync_core.domain.webhook_events import (
    AppUninstalled,
    ExportFinished,
    OrderEvents,
    ProductChanged,
    ProductDeleted,
    WebhookEvent,
)
from sync_core.errors import NoDatabase, reason
from sync_core.metrics import DELIVERY_WAIT
from sync_core.ports import Delivery, StoreWork, Transaction
from sync_core.workers.context import Context
from sync_core.workers.outcomes import commit_outcomes

log = logging.getLogger(__name__)

MAX_PAGE_SECONDS = 0.05  # that a page may take: on SQLite no webhook is answered meanwhile
MIN_PAGE = 100  # deliveries, on however slow a machine: each commit has a cost of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingResult:
    """What a round did."""

    taken: int
    waits: tuple[tuple[Alias, float], ...] = ()  # seconds since each of them came, by its store
    products: bool = False  # the catalogue has changed
    more: bool = False  # the page was full
    store_work: frozenset[StoreWork] = frozenset()  # whom to wake
    again: float | None = None  # seconds until something has waited long enough
    exports: bool = False  # a store has finished an export
    doubted: frozenset[Alias] = frozenset()  # stores that may have uninstalled us: to be asked

    def __add__(self, other: "ProcessingResult") -> "ProcessingResult":
        """Return what two rounds did."""
        return ProcessingResult(
            taken=self.taken + other.taken,
            waits=self.waits + other.waits,
            products=self.products or other.products,
            more=self.more or other.more,
            store_work=self.store_work | other.store_work,
            again=other.again,
            exports=self.exports or other.exports,
            doubted=self.doubted | other.doubted,
        )


class DeliveryProcessor:
    """Turns deliveries into movements, as they come."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._page_size = context.config.deliveries_per_round
        self._store_work: frozenset[StoreWork] = frozenset()  # by the pages since a last one

    async def run(self, done: Callable[[], None]) -> None:
        """Fold until cancelled; say whenever a round is done."""
        while True:
            while (processed := await self.round()).more:
                done()
            done()
            recheck = self._context.config.recheck_every
            await self._context.inbox.wait(
                recheck if processed.again is None else min(recheck, processed.again)
            )

    async def round(self) -> ProcessingResult:
        """Process a page of what waits; wake who has work by it, once nothing waits any more."""
        context = self._context
        processed = await self._process_page()
        for alias, seconds in processed.waits:
            DELIVERY_WAIT.labels(alias).observe(seconds)
        self._store_work |= processed.store_work
        if not processed.more:
            context.store_work.notify(self._store_work)
            self._store_work = frozenset()
        context.identified.difference_update(processed.doubted)
        if processed.products or processed.doubted:
            context.catalogues.notify()
        if processed.exports:
            context.exports.notify()
        return processed

    async def _process_page(self) -> ProcessingResult:
        """Process the next page; without what is bad in it, if it fails."""
        transaction, limit = self._context.database.transaction, self._page_size
        try:
            return await transaction(self._process)
        except NoDatabase:
            raise
        except Exception:
            log.exception(
                "a page of deliveries cannot be processed", extra={"event": "delivery_page_failed"}
            )
            page = await transaction(
                lambda tx: [each.id for each in tx.deliveries.unhandled(limit)]
            )
            return replace(await self._bisect(page), more=True)  # perhaps: it was a whole page

    async def _bisect(self, page: Sequence[int]) -> ProcessingResult:
        """Process some deliveries; quarantine what fails alone, too."""
        transaction = self._context.database.transaction
        try:
            return await transaction(partial(self._process, only=page))
        except NoDatabase:
            raise
        except Exception as exc:
            if not page:
                raise
            if len(page) > 1:
                half = len(page) // 2
                return await self._bisect(page[:half]) + await self._bisect(page[half:])
            await self._bisect([])  # fails where no delivery is at fault
            log.exception(
                "delivery %d is quarantined", page[0], extra={"event": "delivery_quarantined"}
            )
            why, now = reason(exc), self._context.clock.now()
            await transaction(lambda tx: _quarantine(tx, page[0], why, now))
            return ProcessingResult(taken=1)

    def _process(self, tx: Transaction, only: Sequence[int] | None = None) -> ProcessingResult:
        clock, limit = self._context.clock, self._page_size
        now, began = clock.now(), clock.monotonic()
        deliveries = tx.deliveries.unhandled(limit, only=only)
        with _span(deliveries):
            processed = self._account(tx, deliveries, now)
        if only is not None or len(deliveries) < limit:
            return processed
        self._adapt_page_size(limit, clock.monotonic() - began)
        return replace(processed, more=True)

    def _adapt_page_size(self, count: int, seconds: float) -> None:
        """Take as many next time as may be processed in time."""
        most = self._context.config.deliveries_per_round
        fit = most if seconds <= 0 else int(count * MAX_PAGE_SECONDS / seconds)
        self._page_size = min(most, max(MIN_PAGE, fit))

    def _account(
        self, tx: Transaction, deliveries: Sequence[Delivery], now: datetime
    ) -> ProcessingResult:
        """Account for what deliveries say, and have others do what follows from it."""
        context = self._context
        parsed = [(each, self._parse(each, tx, now)) for each in deliveries]
        seen = [event for _, event in parsed if isinstance(event, Observation)]
        outcomes = account_observations(tx, seen, context, now)
        products = False
        for delivery, event in parsed:
            products |= _apply(tx, delivery, event, now)
        tx.deliveries.mark_handled(
            [each.id for each, event in parsed if event is not None], now=now
        )
        notify_quarantined(tx, {each.store for each in deliveries if each.quarantine}, now=now)
        told = [event.order_events for _, event in parsed if isinstance(event, OrderEvents)]
        order_events = list(chain.from_iterable(told))
        committed = commit_outcomes(
            tx, outcomes, context, now=now, order_events=order_events, decides_waiting=True
        )
        if order_events:
            tx.order_events.add_oversold_orders(now=now)
        return ProcessingResult(
            taken=len(deliveries),
            waits=tuple(
                (each.store, max(0.0, (now - each.received_at).total_seconds()))
                for each in deliveries
            ),
            products=products,
            store_work=committed.store_work,
            again=committed.next_in,
            exports=any(isinstance(event, ExportFinished) for _, event in parsed),
            doubted=frozenset(
                event.store for _, event in parsed if isinstance(event, AppUninstalled)
            ),
        )

    def _parse(self, delivery: Delivery, tx: Transaction, now: datetime) -> WebhookEvent | None:
        """Return what a delivery says; what cannot be read is quarantined."""
        try:
            event = self._context.parse_webhook(delivery.store, delivery.topic, delivery.body)
        except ValueError as exc:
            log.exception(
                "delivery %s of %s cannot be read",
                delivery.id,
                delivery.store,
                extra={"event": "delivery_unreadable", "store": delivery.store},
            )
            _quarantine(tx, delivery.id, reason(exc), now)
            return None
        if isinstance(event, Observation):
            return Observation(
                key=event.key,
                available=event.available,
                updated_at=event.updated_at,
                delivery=delivery.id,
            )
        return event


def _quarantine(tx: Transaction, delivery: int, why: str, now: datetime) -> None:
    """Keep a delivery out of the way, and tell people."""
    store = tx.deliveries.quarantine(delivery, why, now=now)
    if store is not None:
        notify_quarantined(tx, {store}, now=now)


def notify_quarantined(tx: Transaction, stores: Iterable[Alias], *, now: datetime) -> None:
    """Tell people how many deliveries of these stores are quarantined by now."""
    for store in sorted(stores):
        tx.stores.lock(store)  # of two who count at once, one sees the other's
        count, oldest = tx.deliveries.quarantined(store, limit=1)
        facts: dict[str, str | int | float | bool | None] = {"store": store, "count": count}
        for each in oldest:
            facts |= {"topic": each.topic, "why": each.why}
        events = Event(
            kind="delivery_set_aside",
            subject=f"delivery:{store}",
            severity=Severity.WARNING,
            facts=facts,
            resolved=not count,
        )
        tx.notifications.notify([events], now=now)


def account_observations(
    tx: Transaction, seen: Sequence[Observation], context: Context, now: datetime
) -> list[Outcome]:
    """Account for observations in the order in which they came; return what became of it."""
    pools = tx.stock.pools_by_key(each.key for each in seen)
    latest = {pool.id: pool for pool in pools.values()}
    outcomes: list[Outcome] = []
    for each in seen:
        if each.key in pools:
            number: PoolId = pools[each.key].id
            outcome = observe(latest[number], each, now=now, read_lag=context.config.read_lag)
            latest[number] = outcome.pool
            outcomes.append(outcome)
    return outcomes


def _apply(tx: Transaction, delivery: Delivery, event: WebhookEvent | None, now: datetime) -> bool:
    """Keep what is not a quantity; return whether the catalogue must be read."""
    match event:
        case OrderEvents(order_events=order_events):
            tx.order_events.save(order_events)
        case ProductChanged() if _is_new(tx, event):
            tx.catalogue.enqueue_product(delivery.store, event.product_id, now=now)
            return True
        case ProductDeleted(product_id=product):
            tx.catalogue.enqueue_product(delivery.store, product, now=now)
            return True
        case _:
            pass
    return False


def _span(deliveries: Sequence[Delivery]) -> AbstractContextManager[None]:
    """Name what is processed; one delivery by its number."""
    if not deliveries:
        return nullcontext()
    ids = {"delivery": deliveries[0].id} if len(deliveries) == 1 else {"n": len(deliveries)}
    return tracing.span("process", [each.trace for each in deliveries], **ids)


def _is_new(tx: Transaction, event: ProductChanged) -> bool:
    """Whether a product webhook says anything new: most only mean that stock has moved."""
    known = tx.catalogue.variants_of(event.store, event.product_id)
    policies = {each.item: each.policy.value for each in known}
    described = {
        (
            each.item,
            normal(each.sku),
            normal(each.barcode),
            each.policy or policies.get(each.item),
            tuple(map(normal, each.options)),
        )
        for each in event.variants
    }
    ours = {
        (
            each.item,
            normal(each.sku),
            normal(next(iter(each.barcodes), "")),
            each.policy.value,
            tuple(normal(value) for _, value in each.options),
        )
        for each in known
    }
    named = {(normal(each.handle), each.title, each.status.upper()) for each in known}
    return described != ours or named != {(normal(event.handle), event.title, event.status.upper())}
