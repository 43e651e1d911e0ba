"""Keep the catalogue: read it whole at the first start, then what product webhooks name."""

import logging
from collections.abc import Iterable, Sequence
from functools import partial

from sync_core.domain.arrange import Place, arrange, pair_places, title_of
from sync_core.domain.match import key_of, match, normal
from sync_core.domain.values import Alias, ItemId, News, PoolId, Severity, Spot, Variant
from sync_core.errors import WrongShop
from sync_core.ports import LONG_STEP_SECONDS, Ledger, Location, ShopFacts, Store
from sync_core.workers.context import Context
from sync_core.workers.folding import PRODUCTS

log = logging.getLogger(__name__)

ARRANGED = "arranged"  # the setting that names the catalogues that have been matched


class Cataloguer:
    """Reads what stores sell, and arranges what matches into pools."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._arranged = False

    async def meet(self, store: Store) -> ShopFacts:
        """Ask a store who it is, and keep its locations.

        Raises:
            WrongShop: If another shop answers than the one we know.
            StoreError: If none answers.
        """
        facts = await store.facts()
        await self._context.records.step(partial(self._meet, store.alias, facts))
        self._arranged = False  # there may be a new place
        return facts

    def _meet(self, alias: Alias, facts: ShopFacts, ledger: Ledger) -> None:
        known = ledger.store(alias)
        if known.shop_id is not None and known.shop_id != facts.shop_id:
            raise WrongShop(
                f"{known.domain} used to be {known.shop_id} and is {facts.shop_id} now; "
                f"correct TIPO_STORES__{alias.upper()}__DOMAIN or its token"
            )
        ledger.meet_shop(alias, facts)
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
            grown = pair_places(ledger.places(), ledger.free_locations(), stores)
            ledger.save_places(grown)

    async def read_whole(self, store: Store) -> int:
        """Read a store's whole catalogue, page by page; return how many variants it has."""
        count = 0
        after: str | None = None
        while True:
            page = await store.variants(after)
            await self._context.records.step(partial(self._keep, page.rows))
            count += len(page.rows)
            after = page.after
            if after is None:
                break
        now = self._context.clock.now()
        await self._context.records.step(lambda ledger: ledger.catalogue_read(store.alias, now=now))
        self._arranged = False  # there may be new matches
        log.info("%s sells %d variants", store.alias, count, extra={"act": "catalogue", "n": count})
        return count

    def _keep(self, variants: Sequence[Variant], ledger: Ledger) -> None:
        by = self._context.match_by
        ledger.save_variants(variants, [key_of(each, by) for each in variants])

    async def arrange_all(self) -> None:
        """Match the whole catalogue, once, when the last store's has been read."""
        if not self._arranged:
            self._arranged = await self._context.records.step(
                self._arrange_all, limit=LONG_STEP_SECONDS
            )
            self._context.work.ring()

    def _arrange_all(self, ledger: Ledger) -> bool:
        stores = self._context.stores
        read = {each.alias: each.catalogue_at for each in ledger.stores() if each.alias in stores}
        if None in read.values():
            return False
        # Later changes are arranged one by one: a restart has nothing to add but new places.
        word = " ".join(f"{alias}@{at}" for alias, at in sorted(read.items()))
        word += "".join(f" {place.id}:{sorted(place.locations)}" for place in ledger.places())
        if ledger.setting(ARRANGED) != word:
            self._arrange(ledger, None)
            ledger.set(ARRANGED, word)
        return True

    def _arrange(self, ledger: Ledger, touched: Iterable[Variant] | None) -> None:
        """Match all variants, or those that share a key with the touched ones."""
        context = self._context
        keys = None
        if touched is not None:
            found = {key_of(each, context.match_by) for each in touched}
            keys = [key for key in found if key is not None]
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

    async def read_products(self, store: Store) -> int:
        """Read again the products that webhooks said have changed; return how many."""
        name = f"{PRODUCTS}:{store.alias}"
        noted = await self._context.records.step(lambda ledger: ledger.setting(name))
        products = [int(each) for each in (noted or "").split()]
        for product in products:
            variants = await store.product(product)
            await self._context.records.step(partial(self._renew, store.alias, product, variants))
        if products:
            self._context.work.ring()
        return len(products)

    def _renew(
        self, alias: Alias, product: int, variants: Sequence[Variant], ledger: Ledger
    ) -> None:
        """Keep what a product has become; say so when it goes by another name."""
        now = self._context.clock.now()
        before = ledger.variants_of(alias, product)
        gone = {each.item for each in before} - {each.item for each in variants}
        ledger.drop_variants(alias, gone)
        ledger.suspend_items(alias, gone, now=now)
        self._keep(variants, ledger)
        self._arrange(ledger, [*before, *variants])
        ledger.tell(_renamed(alias, before, variants), now=now)
        name = f"{PRODUCTS}:{alias}"
        left = (ledger.setting(name) or "").split()
        if str(product) in left:
            left.remove(str(product))  # once: a second mark came while this was read
        ledger.set(name, " ".join(left) or None)


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
        subject = f"product:{alias}:{after[0].product_id}:{min(new)}"
        yield News(kind="renamed", subject=subject, facts=facts)
