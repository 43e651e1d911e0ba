"""Fold what has arrived into the books, and write down what follows, in one commit.

What has arrived is accounted for before anything is planned: a burst becomes full batches, and
changes of one item in two stores become one write each.

    a page of deliveries                     then
    ---------------------------------------  ---------------------------------------------------
    folds                                    all of it is one commit
    does not, and the database is at fault   nothing: the round fails, and is tried again
    does not, and it has several             its halves, in order: one bad one costs log n steps
    does not, and it has one                 that one is set aside with its bytes, people are told
    does not, even without any delivery      the round fails: no delivery is at fault

What was set aside may be folded later, when newer things are known: an old value means "look".
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sync_core.domain.account import hear
from sync_core.domain.acts import (
    ActsHeard,
    ExportEnded,
    Heard,
    ProductGone,
    ProductHeard,
    Uninstalled,
)
from sync_core.domain.match import normal
from sync_core.domain.values import Alias, News, Observation, Outcome, PoolId, Severity
from sync_core.errors import NoDatabase, reason
from sync_core.ports import Delivery, Ledger
from sync_core.workers.braking import brake, settle_waits
from sync_core.workers.contesting import stop_contested
from sync_core.workers.context import Context
from sync_core.workers.planning import write_down_all

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What a round did."""

    taken: int
    written: int  # batches written down
    products: bool  # the catalogue has changed
    waited: bool = False  # something that waited may be passed on now
    again: float | None = None  # seconds until something has waited long enough
    exports: bool = False  # a store has finished an export

    def __add__(self, other: "Folded") -> "Folded":
        """Return what two rounds did."""
        return Folded(
            taken=self.taken + other.taken,
            written=self.written + other.written,
            products=self.products or other.products,
            waited=self.waited or other.waited,
            again=other.again,
            exports=self.exports or other.exports,
        )


class Folder:
    """Turns deliveries into movements, as they come."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def run(self, done: Callable[[], None]) -> None:
        """Fold until cancelled; say whenever a round is done."""
        while True:
            while (folded := await self.round()).taken:
                done()
            done()
            listen = self._context.pace.listen
            await self._context.inbox.wait(
                listen if folded.again is None else min(listen, folded.again)
            )

    async def round(self) -> Folded:
        """Fold what waits, at most 1,000 deliveries; wake who has work by it."""
        context = self._context
        folded = await self._page()
        if folded.taken or folded.waited:
            context.work.ring()
        if folded.products:
            context.products.ring()
        if folded.exports:
            context.exports.ring()
        return folded

    async def _page(self) -> Folded:
        """Fold the next page; without what is bad in it, if it does not fold."""
        step, limit = self._context.records.step, self._context.pace.fold
        try:
            return await step(self._fold)
        except NoDatabase:
            raise
        except Exception:
            log.exception("a page of deliveries does not fold", extra={"act": "page_failed"})
            page = await step(lambda ledger: [each.id for each in ledger.unhandled(limit)])
            return await self._bisect(page)

    async def _bisect(self, page: Sequence[int]) -> Folded:
        """Fold some deliveries; set aside what does not even fold alone."""
        step = self._context.records.step
        try:
            return await step(partial(self._fold, only=page))
        except NoDatabase:
            raise
        except Exception as exc:
            if not page:
                raise
            if len(page) > 1:
                half = len(page) // 2
                return await self._bisect(page[:half]) + await self._bisect(page[half:])
            await self._bisect([])  # fails where no delivery is at fault
            log.exception("delivery %d is set aside", page[0], extra={"act": "set_aside"})
            why, now = reason(exc), self._context.clock.now()
            await step(lambda ledger: _set_aside(ledger, page[0], why, now))
            return Folded(taken=1, written=0, products=False)

    def _fold(self, ledger: Ledger, only: Sequence[int] | None = None) -> Folded:
        context = self._context
        now = context.clock.now()
        deliveries = ledger.unhandled(context.pace.fold, only=only)
        heard = [(each, self._read(each, ledger, now)) for each in deliveries]
        seen = [said for _, said in heard if isinstance(said, Observation)]
        outcomes = account(ledger, seen, context, now)
        products = False
        for delivery, said in heard:
            products |= _note(ledger, delivery, said, now)
        ledger.handled([each.id for each, said in heard if said is not None], now=now)
        tell_set_aside(ledger, {each.store for each in deliveries if each.set_aside}, now=now)
        acts = [act for _, said in heard if isinstance(said, ActsHeard) for act in said.acts]
        moved = brake(ledger, outcomes, context, now=now, acts=acts)
        waited, again = settle_waits(ledger, context, moved, now=now)
        stop_contested(ledger, outcomes, context, now=now)
        if acts:
            ledger.name_oversold(now=now)
        written = 0
        if len(deliveries) < context.pace.fold:
            written = write_down_all(ledger, context.stores.values(), context.ids, now=now)
        ledger.count_traffic(moved, now=now)
        return Folded(
            taken=len(deliveries),
            written=written,
            products=products,
            waited=waited,
            again=again,
            exports=any(isinstance(said, ExportEnded) for _, said in heard),
        )

    def _read(self, delivery: Delivery, ledger: Ledger, now: datetime) -> Heard | None:
        """Return what a delivery says; what cannot be read is set aside."""
        try:
            said = self._context.read(delivery.store, delivery.topic, delivery.body)
        except ValueError as exc:
            log.exception(
                "delivery %s of %s cannot be read",
                delivery.id,
                delivery.store,
                extra={"act": "delivery_unreadable", "store": delivery.store},
            )
            _set_aside(ledger, delivery.id, reason(exc), now)
            return None
        if isinstance(said, Observation):
            return Observation(
                spot=said.spot,
                available=said.available,
                updated_at=said.updated_at,
                delivery=delivery.id,
            )
        return said


def _set_aside(ledger: Ledger, delivery: int, why: str, now: datetime) -> None:
    """Keep a delivery out of the way, and tell people."""
    store = ledger.set_aside(delivery, why, now=now)
    if store is not None:
        tell_set_aside(ledger, {store}, now=now)


def tell_set_aside(ledger: Ledger, stores: Iterable[Alias], *, now: datetime) -> None:
    """Tell people how many deliveries of these stores are set aside by now."""
    for store in sorted(stores):
        ledger.lock_store(store)  # of two who count at once, one sees the other's
        count, oldest = ledger.deliveries_set_aside(store, limit=1)
        facts: dict[str, str | int | float | bool | None] = {"store": store, "count": count}
        for each in oldest:
            facts |= {"topic": each.topic, "why": each.why}
        news = News(
            kind="delivery_set_aside",
            subject=f"delivery:{store}",
            severity=Severity.WARNING,
            facts=facts,
            over=not count,
        )
        ledger.tell([news], now=now)


def account(
    ledger: Ledger, seen: Sequence[Observation], context: Context, now: datetime
) -> list[Outcome]:
    """Account for observations in the order in which they came; return what became of it."""
    pools = ledger.pools_at(each.spot for each in seen)
    latest = {pool.id: pool for pool in pools.values()}
    outcomes: list[Outcome] = []
    for each in seen:
        if each.spot in pools:
            number: PoolId = pools[each.spot].id
            outcome = hear(latest[number], each, now=now, patience=context.pace.patience)
            latest[number] = outcome.pool
            outcomes.append(outcome)
    ledger.save(outcomes, now=now)
    return outcomes


def _note(ledger: Ledger, delivery: Delivery, said: Heard | None, now: datetime) -> bool:
    """Keep what is not a quantity; return whether the catalogue must be read."""
    match said:
        case ActsHeard(acts=acts):
            ledger.save_acts(acts)
        case Uninstalled():
            ledger.hold(delivery.store, "the app was uninstalled from the store", now=now)
        case ProductHeard() if _is_news(ledger, said):
            ledger.remember_product(delivery.store, said.product_id, now=now)
            return True
        case ProductGone(product_id=product):
            ledger.remember_product(delivery.store, product, now=now)
            return True
        case _:
            pass
    return False


def _is_news(ledger: Ledger, said: ProductHeard) -> bool:
    """Whether a product webhook says anything new: most only mean that stock has moved."""
    known = ledger.variants_of(said.store, said.product_id)
    policies = {each.item: each.policy.value for each in known}
    described = {
        (
            each.item,
            normal(each.sku),
            normal(each.barcode),
            each.policy or policies.get(each.item),
            tuple(map(normal, each.options)),
        )
        for each in said.variants
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
    return described != ours or named != {(normal(said.handle), said.title, said.status.upper())}
