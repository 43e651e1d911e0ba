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

from sync_core.backoff import Backoff
from sync_core.domain.location_groups import LocationGroup, assign_pools, pair_places
from sync_core.domain.matching import (
    MATCHED_BY,
    Key,
    MatchBy,
    key_of,
    keyed,
    match,
    normal,
    title_of,
)
from sync_core.domain.oversell import oversold_events
from sync_core.domain.texts import short_name
from sync_core.domain.values import Alias, Event, ItemId, LevelKey, PoolId, Severity, Variant
from sync_core.errors import NoAnswer, NoDatabase, Refused, StoreError, WrongShop, cut, reason
from sync_core.ports import Location, ProductToRead, ShopFacts, Store, StoreState, Transaction
from sync_core.workers.context import Context

log = logging.getLogger(__name__)

CONFLICT = "conflict"  # a match that would merge two pools
MATCHED_SETTING = "arranged"  # the setting that names what has been matched
VARIANTS_PER_SLICE = 250  # variants of the source that are matched in one transaction
PRODUCTS_PER_STEP = 100  # that are looked up as to be read
# Nothing of a product's stock waits for it: only whether a new variant is matched.
UNREAD_PRODUCT = Backoff(first=60, longest=3600, notify_after=2)


class CatalogueSync:
    """Reads what stores sell, and arranges what matches into pools."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._arranging = asyncio.Lock()  # each store's keeper asks for it
        self._pages: dict[Alias, str | None] = {}  # how far a catalogue has been read

    async def identify(self, store: Store) -> ShopFacts:
        """Ask a store who it is, and keep its locations.

        Raises:
            WrongShop: If another shop answers than the one we know.
            StoreError: If none answers.
        """
        facts = await store.facts()
        await self._context.database.transaction(partial(self._save_facts, store.alias, facts))
        return facts

    def _save_facts(self, alias: Alias, facts: ShopFacts, tx: Transaction) -> None:
        known = tx.stores.get(alias)
        if known.shop_id is not None and known.shop_id != facts.shop_id:
            raise WrongShop(
                f"{known.domain} used to be {known.shop_id} and is {facts.shop_id} now; "
                f"correct TIPO_STORES__{alias.upper()}__DOMAIN or its token"
            )
        # Two stores that meet at once must see each other.
        tx.location_groups.lock()
        tx.stores.save_shop_facts(alias, facts)
        if tx.settings.get(MATCHED_BY) != self._context.match_by:
            tx.stores.forget_catalogues()
            tx.settings.set(MATCHED_BY, self._context.match_by)
        location_groups = {
            location_group.locations.get(alias): location_group
            for location_group in tx.location_groups.all()
        }
        now = self._context.clock.now()
        tx.notifications.notify(
            [
                _location_closed(alias, location_groups[each.id], each)
                for each in facts.locations
                if each.id in location_groups
            ],
            now=now,
        )
        stores = [each.alias for each in tx.stores.all() if each.alias in self._context.stores]
        if all(each.shop_id for each in tx.stores.all() if each.alias in stores):
            kept = tx.location_groups.all()
            paired = pair_places(kept, tx.location_groups.unmapped_locations(), stores)
            if paired != kept:
                tx.location_groups.save(paired)

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
            await self._save_page(store.alias, page.rows)
            count += len(page.rows)
            after = page.after
            if after is None:
                break
        now = self._context.clock.now()
        await self._context.database.transaction(
            lambda tx: tx.stores.mark_catalogue_read(store.alias, now=now)
        )
        log.info(
            "%s sells %d variants", store.alias, count, extra={"event": "catalogue", "n": count}
        )
        return count

    async def _save_page(self, alias: Alias, variants: Sequence[Variant]) -> None:
        """Keep some variants; the product of one that cannot be kept is read again, alone."""
        transaction = self._context.database.transaction
        try:
            await transaction(partial(self._save_variants, variants))
        except NoDatabase:
            raise
        except Exception:
            if len(variants) > 1:
                half = len(variants) // 2
                await self._save_page(alias, variants[:half])
                await self._save_page(alias, variants[half:])
                return
            log.exception(
                "a variant cannot be kept", extra={"event": "catalogue_not_saved", "store": alias}
            )
            now = self._context.clock.now()
            for each in variants:
                await transaction(partial(_mark_for_reading, alias, each.product_id, now))

    def _save_variants(
        self, variants: Sequence[Variant], tx: Transaction, gone: Sequence[Variant] = ()
    ) -> set[Key]:
        """Keep what a store sells; return the keys of all that may match otherwise by it."""
        by = self._context.match_by
        if by is MatchBy.BARCODE:
            tx.catalogue.lock_keys()  # a barcode may change the keys of what others are reading
        before = tx.catalogue.keyed_variants([*variants, *gone])
        if gone:
            tx.catalogue.drop_variants(gone[0].store, [each.item for each in gone])
        keys = [key_of(each, by) for each in variants]
        tx.catalogue.save_variants(variants, keys)
        self._recheck_oversold([was for was, _ in before.values()], variants, tx)
        touched = {key for key in (*keys, *(key for _, key in before.values())) if key is not None}
        if by is not MatchBy.BARCODE:
            return touched
        alike = tx.catalogue.matching_variants(variants, touched)
        found = keyed([each for each, _ in alike.values()], by)
        tx.catalogue.save_keys(found, alike)
        return set(found)

    def _recheck_oversold(
        self, before: Iterable[Variant], after: Iterable[Variant], tx: Transaction
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
        pools = tx.stock.pools(set(tx.stock.level_keys(items).values()))
        now = self._context.clock.now()
        for pool in pools.values():
            old = pool.with_levels(
                replace(each, policy=was.get((each.key.store, each.key.item), each.policy))
                for each in pool.levels
            )
            tx.notifications.notify(oversold_events(old, pool), now=now)
        tx.order_events.add_oversold_orders(now=now)

    async def arrange_all(self) -> None:
        """Match the whole catalogue, once, when the last store's has been read."""
        async with self._arranging:
            database = self._context.database
            fingerprint = await database.transaction(self._unarranged)
            if fingerprint is None:
                return
            after: ItemId | None = ItemId(0)
            while after is not None:
                after = await database.transaction(partial(self._arrange_slice, after))
            # What has changed since then makes another word: it is all matched once more.
            await database.transaction(lambda tx: tx.settings.set(MATCHED_SETTING, fingerprint))
        self._context.store_work.notify()

    def _unarranged(self, tx: Transaction) -> str | None:
        """Return what names the catalogues and places, if they have not been matched yet."""
        read = {each.alias: each.catalogue_at for each in self._ours(tx)}
        if None in read.values():
            return None
        # Later changes are arranged one by one: a restart has nothing to add but new places.
        fingerprint = " ".join(f"{alias}@{at}" for alias, at in sorted(read.items()))
        for location_group in tx.location_groups.all():
            fingerprint += f" {location_group.id}:{sorted(location_group.locations.items())}"
        return None if tx.settings.get(MATCHED_SETTING) == fingerprint else fingerprint

    def _ours(self, tx: Transaction) -> list[StoreState]:
        """Return the stores that this process works for."""
        return [each for each in tx.stores.all() if each.alias in self._context.stores]

    def _arrange_slice(self, after: ItemId, tx: Transaction) -> ItemId | None:
        """Match some of the source's variants; return the last one, None when there is none."""
        page = tx.catalogue.source_keys(self._context.source, after, VARIANTS_PER_SLICE)
        self._arrange(tx, {key for _, key in page if key is not None})
        return page[-1][0] if page else None

    def _arrange(
        self, tx: Transaction, keys: Collection[Key], changed: Iterable[Variant] = ()
    ) -> None:
        """Match the variants that have one of these keys; `changed`: what may have lost its key."""
        context = self._context
        variants = tx.catalogue.variants_with(keys)
        matches = match(variants, by=context.match_by, source=context.source)
        items: dict[Alias, list[ItemId]] = {}
        for group in matches.groups:
            for each in group:
                items.setdefault(each.store, []).append(each.item)
        taken: dict[LevelKey, PoolId] = tx.stock.level_keys(items)
        now = context.clock.now()
        arrangement = assign_pools(matches, tx.location_groups.all(), taken)
        tx.stock.assign_pools(arrangement, now=now)
        conflicts = {
            _item_subject(level_keys[0].store, level_keys[0].item): title
            for title, level_keys in arrangement.conflicts
        }
        looked_at = {_item_subject(each.store, each.item) for each in (*variants, *changed)}
        ended = {
            each.subject
            for each in tx.findings.on(looked_at - set(conflicts))
            if each.kind == CONFLICT
        }
        tx.notifications.notify(
            [
                *(_conflict(each, title) for each, title in conflicts.items()),
                *(Event(kind=CONFLICT, subject=each, resolved=True) for each in sorted(ended)),
            ],
            now=now,
        )

    async def read_products(self, store: Store) -> None:
        """Read again the products that webhooks said have changed.

        Raises:
            StoreError: The store cannot be asked; what was not read stays to be read.
        """
        database, alias = self._context.database, store.alias
        while products := await database.transaction(partial(self._to_read, alias)):
            for each in products:
                try:
                    variants = await store.product(each.product)
                except (Refused, NoAnswer) as exc:
                    if isinstance(exc, NoAnswer):
                        await self.identify(store)
                    await database.transaction(partial(self._postpone, alias, each, cut(str(exc))))
                else:
                    await self._save_product_or_postpone(alias, each, variants)
            self._context.store_work.notify()

    async def _save_product_or_postpone(
        self, alias: Alias, read: ProductToRead, variants: Sequence[Variant]
    ) -> None:
        """Keep what a product has become; the others do not wait for one that cannot be kept."""
        transaction = self._context.database.transaction
        try:
            await transaction(partial(self._save_product, alias, read, variants))
        except NoDatabase:
            raise
        except Exception as exc:
            log.exception(
                "a product cannot be kept", extra={"event": "catalogue_not_saved", "store": alias}
            )
            await transaction(partial(self._postpone, alias, read, reason(exc)))

    def _to_read(self, alias: Alias, tx: Transaction) -> Sequence[ProductToRead]:
        now = self._context.clock.now()
        return tx.catalogue.products_to_read(alias, now=now, limit=PRODUCTS_PER_STEP)

    def _postpone(self, alias: Alias, read: ProductToRead, why: str, tx: Transaction) -> None:
        """Read a product later; say so when it was not for the first time."""
        now = self._context.clock.now()
        attempts = read.attempts + 1
        wait = timedelta(seconds=UNREAD_PRODUCT.delay(attempts))
        tx.catalogue.retry_product(alias, read, until=now + wait)
        if UNREAD_PRODUCT.should_notify(attempts):
            known = tx.catalogue.variants_of(alias, read.product)
            title = known[0].title if known else f"product {read.product}"
            tx.notifications.notify(
                [_product_unread(alias, read.product, title=title, why=why)], now=now
            )

    def _save_product(
        self, alias: Alias, read: ProductToRead, variants: Sequence[Variant], tx: Transaction
    ) -> None:
        """Keep what a product has become; say so when it goes by another name."""
        now = self._context.clock.now()
        before = tx.catalogue.variants_of(alias, read.product)
        left = {each.item for each in variants}
        gone = [each for each in before if each.item not in left]
        tx.refreshes.refresh_items(alias, [each.item for each in gone], now=now)
        keys = self._save_variants(variants, tx, gone)
        if all(each.catalogue_at for each in self._ours(tx)):
            self._arrange(
                tx, keys, [*variants, *gone]
            )  # else all is matched once the last has been read
        tx.notifications.notify(
            [*_renamed(alias, before, variants), _product_unread(alias, read.product)], now=now
        )
        tx.catalogue.product_done(alias, read, now=now)


def _item_subject(store: Alias, item: ItemId) -> str:
    return f"item:{store}:{item}"


def _conflict(subject: str, title: str) -> Event:
    return Event(kind=CONFLICT, subject=subject, severity=Severity.WARNING, facts={"title": title})


def _mark_for_reading(alias: Alias, product: int, now: datetime, tx: Transaction) -> None:
    tx.catalogue.enqueue_product(alias, product, now=now)


def _product_unread(alias: Alias, product: int, *, title: str = "", why: str = "") -> Event:
    """Return the news that a product cannot be read, or (without a reason) that it can."""
    facts: dict[str, str | int | float | bool | None] = {"store": alias, "title": title, "why": why}
    return Event(
        kind="product_unread",
        subject=f"product:{alias}:{product}",
        severity=Severity.WARNING,
        facts=facts if why else {},
        resolved=not why,
    )


def _location_closed(alias: Alias, location_group: LocationGroup, location: Location) -> Event:
    """Return the news that a mapped location is closed, or that it is open."""
    return Event(
        kind="location_closed",
        subject=f"location:{alias}:{location.id}",
        severity=Severity.WARNING,
        facts={"store": alias, "place": location_group.name, "location": location.name},
        resolved=location.active,
    )


def _renamed(alias: Alias, before: Sequence[Variant], after: Sequence[Variant]) -> Iterable[Event]:
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
        yield Event(kind="renamed", subject=subject, facts=facts)
