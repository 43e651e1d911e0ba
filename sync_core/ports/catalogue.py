"""What stores sell, by what it is matched, and what has to be read again."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync_core.domain.matching import Key
from sync_core.domain.values import Alias, ItemId, Variant
from sync_core.domain.views import Unmatched

KeyedVariants = dict[tuple[Alias, ItemId], tuple[Variant, Key | None]]
"""Variants by store and item, each with the key that is kept for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductToRead:
    """A product that has changed and has to be read again."""

    product: int
    mark: int  # how often it was noted
    attempts: int  # at reading it, in vain


class CatalogueRepository(Protocol):
    """What stores sell, by what it is matched, and what has to be read again."""

    def save_variants(self, variants: Sequence[Variant], keys: Sequence[Key | None]) -> None:
        """Keep what stores sell."""

    def count(self, store: Alias) -> int:
        """Return how many variants of a store we know."""

    def variants_of(self, store: Alias, product: int) -> list[Variant]:
        """Return what we know of a product."""

    def keyed_variants(self, variants: Iterable[Variant]) -> KeyedVariants:
        """Return what is kept of these variants by now."""

    def lock_keys(self) -> None:
        """Let nobody else change keys meanwhile: one barcode may change those of many variants."""

    def matching_variants(self, variants: Sequence[Variant], keys: Iterable[Key]) -> KeyedVariants:
        """Return all that match these variants by barcode, or matched what had these keys."""

    def save_keys(
        self, keyed: Mapping[Key, Sequence[Variant]], keyed_variants: KeyedVariants
    ) -> None:
        """Keep the keys of variants, where they are others than those kept."""

    def drop_variants(self, store: Alias, items: Collection[ItemId]) -> None:
        """Forget variants that are gone."""

    def products_of(self, store: Alias, items: Sequence[ItemId]) -> list[int]:
        """Return the products that these items are of, as far as we know them."""

    def product_pages(
        self, items: Iterable[tuple[Alias, ItemId]]
    ) -> dict[tuple[Alias, ItemId], str]:
        """Return where the products of these items are in their stores' admin, if known."""

    def enqueue_product(self, store: Alias, product: int, *, now: datetime) -> None:
        """Note that a product has changed, whether or not somebody is reading it right now."""

    def products_to_read(
        self, store: Alias, *, now: datetime, limit: int
    ) -> Sequence[ProductToRead]:
        """Return the products that may be read now, first those that were never tried in vain."""

    def product_done(self, store: Alias, read: ProductToRead, *, now: datetime) -> None:
        """Note that a product was read; if it changed meanwhile, it has to be read once more."""

    def retry_product(self, store: Alias, read: ProductToRead, *, until: datetime) -> None:
        """Note that a product could not be read, and when to try again."""

    def source_keys(
        self, source: Alias, after: ItemId, limit: int
    ) -> list[tuple[ItemId, Key | None]]:
        """Return items of the source behind that one, in order, and what they are matched by."""

    def variants_with(self, keys: Iterable[Key]) -> list[Variant]:
        """Return the variants with these keys."""

    def unmatched(self, *, limit: int, offset: int) -> tuple[int, list[Unmatched]]:
        """Return how many variants are in no pool, and some of them with the reason."""

    def partners(self, store: Alias, item: ItemId) -> dict[Alias, ItemId]:
        """Return variants in no pool that are the same by SKU or barcode, one per other store."""
