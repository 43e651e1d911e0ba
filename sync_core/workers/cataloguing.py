"""Keep the catalogue: read it whole at the first start, then what product webhooks name.

    reading a product             then
    ----------------------------  ----------------------------------------------------------------
    it was read                   what shares a key with it is matched again
    the store refuses it          it waits, longer each time; the second time people are told
    no answer, but the store
    says who it is                the same
    it cannot be kept             the same
    no answer, not to that either it is the store, not the product: the error, and all wait
    not sent, no access           the error: nothing is known of the product

The whole catalogue is matched in slices, each a transaction of its own. Variants match by their
kept keys, and whatever matches has a variant in the source: so a slice is some of the source's
variants and all that have the same keys, and no slice changes what another finds. By barcode, all
that barcodes connect is kept under one key. To begin again after a crash does no harm, for what
shares stock already has nothing to gain.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sync_core.domain.arrange import Place, arrange, pair_places
from sync_core.domain.match import (
    MATCHED_BY,
    Key,
    MatchBy,
    key_of,
    keyed,
    match,
    normal,
    title_of,
)
from sync_core.domain.oversell import oversold
from sync_core.domain.texts import short_name
from sync_core.domain.values import Alias, ItemId, News, PoolId, Severity, Spot, Variant
from sync_core.errors import NoAnswer, NoDatabase, Refused, StoreError, WrongShop, cut, reason
from sync_core.ports import Ledger, Location, ProductToRead, ShopFacts, Store, StoreState
from sync_core.workers.context import Context

log = logging.getLogger(__name__)

ARRANGED = "arranged"  # the setting that names the catalogues and places that have been matched
SLICE = 250  # variants of the source that are matched in one transaction
PRODUCTS_AT_ONCE = 100  # that are looked up as to be read
FIRST_WAIT = timedelta(minutes=1)  # for a product that could not be read,
LAST_WAIT = timedelta(hours=1)  # growing up to this
TOLD_AFTER = 2  # attempts


class Cataloguer:
    """Reads what stores sell, and arranges what matches into pools."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._arranging = asyncio.Lock()  # each store's keeper asks for it
        self._pages: dict[Alias, str | None] = {}  # how far a catalogue has been read

    async def meet(self, store: Store) -> ShopFacts:
        """Ask a store who it is, and keep its locations.

        Raises:
            WrongShop: If another shop answers than the one we know.
            StoreError: If none answers.
        """
        facts = await store.facts()
        await self._context.records.step(partial(self._meet, store.alias, facts))
        return facts

    def _meet(self, alias: Alias, facts: ShopFacts, ledger: Ledger) -> None:
        known = ledger.store(alias)
        if known.shop_id is not None and known.shop_id != facts.shop_id:
            raise WrongShop(
                f"{known.domain} used to be {known.shop_id} and is {facts.shop_id} now; "
                f"correct TIPO_STORES__{alias.upper()}__DOMAIN or its token"
            )
        ledger.lock_places()  # two stores that meet at once must see each other
        ledger.meet_shop(alias, facts)
        if ledger.setting(MATCHED_BY) != self._context.match_by:
            ledger.forget_catalogues()
            ledger.set(MATCHED_BY, self._context.match_by)
        places = {place.locations.get(alias): place for place in ledger.places()}
        now = self._context.clock.now()
        ledger.tell(
            [
                _closed(alias, places[each.id], each)
                for each in facts.locations
                if each.id in places
            ],
            now=now,
        )
        stores = [each.alias for each in ledger.stores() if each.alias in self._context.stores]
        if all(each.shop_id for each in ledger.stores() if each.alias in stores):
            kept = ledger.places()
            grown = pair_places(kept, ledger.free_locations(), stores)
            if grown != kept:
                ledger.save_places(grown)

    async def read_whole(self, store: Store) -> int:
        """Read a store's whole catalogue, page by page; return how many variants were read.

        After a failure it goes on with the page that failed.
        """
        count = 0
        after = self._pages.pop(store.alias, None)
        while True:
            try:
                page = await store.variants(after)
            except Refused:
                raise  # perhaps the store no longer knows that page: from the beginning
            except StoreError:
                self._pages[store.alias] = after
                raise
            await self._keep_page(store.alias, page.rows)
            count += len(page.rows)
            after = page.after
            if after is None:
                break
        now = self._context.clock.now()
        await self._context.records.step(lambda ledger: ledger.catalogue_read(store.alias, now=now))
        log.info("%s sells %d variants", store.alias, count, extra={"act": "catalogue", "n": count})
        return count

    async def _keep_page(self, alias: Alias, variants: Sequence[Variant]) -> None:
        """Keep some variants; the product of one that cannot be kept is read again, alone."""
        step = self._context.records.step
        try:
            await step(partial(self._keep, variants))
        except NoDatabase:
            raise
        except Exception:
            if len(variants) > 1:
                half = len(variants) // 2
                await self._keep_page(alias, variants[:half])
                await self._keep_page(alias, variants[half:])
                return
            log.exception("a variant cannot be kept", extra={"act": "not_kept", "store": alias})
            now = self._context.clock.now()
            for each in variants:
                await step(partial(_read_again, alias, each.product_id, now))

    def _keep(
        self, variants: Sequence[Variant], ledger: Ledger, gone: Sequence[Variant] = ()
    ) -> set[Key]:
        """Keep what a store sells; return the keys of all that may match otherwise by it."""
        by = self._context.match_by
        if by is MatchBy.BARCODE:
            ledger.lock_keys()  # a barcode may change the keys of what others are reading
        before = ledger.kept([*variants, *gone])
        if gone:
            ledger.drop_variants(gone[0].store, [each.item for each in gone])
        keys = [key_of(each, by) for each in variants]
        ledger.save_variants(variants, keys)
        self._judge_again([was for was, _ in before.values()], variants, ledger)
        touched = {key for key in (*keys, *(key for _, key in before.values())) if key is not None}
        if by is not MatchBy.BARCODE:
            return touched
        alike = ledger.alike(variants, touched)
        found = keyed([each for each, _ in alike.values()], by)
        ledger.save_keys(found, alike)
        return set(found)

    def _judge_again(
        self, before: Iterable[Variant], after: Iterable[Variant], ledger: Ledger
    ) -> None:
        """Tell people where a store that sells below zero now, or no more, makes a difference."""
        policies = {(each.store, each.item): each.policy for each in after}
        was = {
            (each.store, each.item): each.policy
            for each in before
            if policies.get((each.store, each.item), each.policy) is not each.policy
        }
        if not was:
            return
        items: dict[Alias, list[ItemId]] = {}
        for store, item in was:
            items.setdefault(store, []).append(item)
        pools = ledger.pools(set(ledger.spots(items).values()))
        now = self._context.clock.now()
        for pool in pools.values():
            old = pool.with_levels(
                replace(each, policy=was.get((each.spot.store, each.spot.item), each.policy))
                for each in pool.levels
            )
            ledger.tell(oversold(old, pool), now=now)
        ledger.name_oversold(now=now)

    async def arrange_all(self) -> None:
        """Match the whole catalogue, once, when the last store's has been read."""
        async with self._arranging:
            records = self._context.records
            word = await records.step(self._unarranged)
            if word is None:
                return
            after: ItemId | None = ItemId(0)
            while after is not None:
                after = await records.step(partial(self._arrange_slice, after))
            # What has changed since then makes another word: it is all matched once more.
            await records.step(lambda ledger: ledger.set(ARRANGED, word))
        self._context.work.ring()

    def _unarranged(self, ledger: Ledger) -> str | None:
        """Return what names the catalogues and places, if they have not been matched yet."""
        read = {each.alias: each.catalogue_at for each in self._ours(ledger)}
        if None in read.values():
            return None
        # Later changes are arranged one by one: a restart has nothing to add but new places.
        word = " ".join(f"{alias}@{at}" for alias, at in sorted(read.items()))
        for place in ledger.places():
            word += f" {place.id}:{sorted(place.locations.items())}"
        return None if ledger.setting(ARRANGED) == word else word

    def _ours(self, ledger: Ledger) -> list[StoreState]:
        """Return the stores that this process works for."""
        return [each for each in ledger.stores() if each.alias in self._context.stores]

    def _arrange_slice(self, after: ItemId, ledger: Ledger) -> ItemId | None:
        """Match some of the source's variants; return the last one, None when there is none."""
        page = ledger.source_keys(self._context.source, after, SLICE)
        self._arrange(ledger, {key for _, key in page if key is not None})
        return page[-1][0] if page else None

    def _arrange(self, ledger: Ledger, keys: Collection[Key]) -> None:
        """Match the variants that have one of these keys."""
        context = self._context
        variants = ledger.variants_with(keys)
        matches = match(variants, by=context.match_by, source=context.source)
        items: dict[Alias, list[ItemId]] = {}
        for group in matches.groups:
            for each in group:
                items.setdefault(each.store, []).append(each.item)
        taken: dict[Spot, PoolId] = ledger.spots(items)
        now = context.clock.now()
        arrangement = arrange(matches, ledger.places(), taken)
        ledger.arrange(arrangement, now=now)
        ledger.tell(
            [
                News(
                    kind="conflict",
                    subject=f"item:{spots[0].store}:{spots[0].item}",
                    severity=Severity.WARNING,
                    facts={"title": title},
                )
                for title, spots in arrangement.conflicts
            ],
            now=now,
        )

    async def read_products(self, store: Store) -> None:
        """Read again the products that webhooks said have changed.

        Raises:
            StoreError: The store cannot be asked; what was not read stays to be read.
        """
        records, alias = self._context.records, store.alias
        while products := await records.step(partial(self._to_read, alias)):
            for each in products:
                try:
                    variants = await store.product(each.product)
                except (Refused, NoAnswer) as exc:
                    if isinstance(exc, NoAnswer):
                        await self.meet(store)
                    await records.step(partial(self._put_off, alias, each, cut(str(exc))))
                else:
                    await self._renew_or_put_off(alias, each, variants)
            self._context.work.ring()

    async def _renew_or_put_off(
        self, alias: Alias, read: ProductToRead, variants: Sequence[Variant]
    ) -> None:
        """Keep what a product has become; the others do not wait for one that cannot be kept."""
        step = self._context.records.step
        try:
            await step(partial(self._renew, alias, read, variants))
        except NoDatabase:
            raise
        except Exception as exc:
            log.exception("a product cannot be kept", extra={"act": "not_kept", "store": alias})
            await step(partial(self._put_off, alias, read, reason(exc)))

    def _to_read(self, alias: Alias, ledger: Ledger) -> Sequence[ProductToRead]:
        now = self._context.clock.now()
        return ledger.products_to_read(alias, now=now, limit=PRODUCTS_AT_ONCE)

    def _put_off(self, alias: Alias, read: ProductToRead, why: str, ledger: Ledger) -> None:
        """Read a product later; say so when it was not for the first time."""
        now = self._context.clock.now()
        wait = min(LAST_WAIT, FIRST_WAIT * 2 ** min(read.attempts, 10))
        ledger.product_not_read(alias, read, until=now + wait)
        if read.attempts + 1 >= TOLD_AFTER:
            known = ledger.variants_of(alias, read.product)
            title = known[0].title if known else f"product {read.product}"
            ledger.tell([_unread(alias, read.product, title=title, why=why)], now=now)

    def _renew(
        self, alias: Alias, read: ProductToRead, variants: Sequence[Variant], ledger: Ledger
    ) -> None:
        """Keep what a product has become; say so when it goes by another name."""
        now = self._context.clock.now()
        before = ledger.variants_of(alias, read.product)
        left = {each.item for each in variants}
        gone = [each for each in before if each.item not in left]
        ledger.suspend_items(alias, [each.item for each in gone], now=now)
        keys = self._keep(variants, ledger, gone)
        if all(each.catalogue_at for each in self._ours(ledger)):
            self._arrange(ledger, keys)  # else all is matched once the last has been read
        ledger.tell([*_renamed(alias, before, variants), _unread(alias, read.product)], now=now)
        ledger.product_read(alias, read, now=now)


def _read_again(alias: Alias, product: int, now: datetime, ledger: Ledger) -> None:
    ledger.remember_product(alias, product, now=now)


def _unread(alias: Alias, product: int, *, title: str = "", why: str = "") -> News:
    """Return the news that a product cannot be read, or (without a reason) that it can."""
    facts: dict[str, str | int | float | bool | None] = {"store": alias, "title": title, "why": why}
    return News(
        kind="product_unread",
        subject=f"product:{alias}:{product}",
        severity=Severity.WARNING,
        facts=facts if why else {},
        over=not why,
    )


def _closed(alias: Alias, place: Place, location: Location) -> News:
    """Return the news that a mapped location is closed, or that it is open."""
    return News(
        kind="location_closed",
        subject=f"location:{alias}:{location.id}",
        severity=Severity.WARNING,
        facts={"store": alias, "place": place.name, "location": location.name},
        over=location.active,
    )


def _renamed(alias: Alias, before: Sequence[Variant], after: Sequence[Variant]) -> Iterable[News]:
    """Yield news of a product whose handle has changed: its pools stay as they are."""
    old = {each.handle for each in before}
    new = {each.handle for each in after}
    if before and after and {normal(each) for each in old} != {normal(each) for each in new}:
        facts: dict[str, str | int | float | bool | None] = {
            "store": alias,
            "title": title_of(after[0]),
            "was": min(old),
            "is": min(new),
        }
        subject = f"product:{alias}:{after[0].product_id}:{short_name(min(new))}"
        yield News(kind="renamed", subject=subject, facts=facts)
