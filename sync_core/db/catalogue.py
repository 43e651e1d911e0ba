"""What stores sell: variants, by what they are matched, and what has to be read again.

Each barcode is a row, in the form in which it is compared. Each product that has to be read again
is one, too, so that no two processes overwrite a list.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.rows import variant_columns, variant_of
from sync_core.db.tables import BARCODE, LEVEL, SOLD_AS, TO_READ, VARIANT
from sync_core.domain.admin_pages import product_page
from sync_core.domain.matching import MATCHED_BY, Key, MatchBy, clash, code_of, codes_of, title_of
from sync_core.domain.values import Alias, ItemId, Variant
from sync_core.domain.views import Unmatched
from sync_core.ports import KeyedVariants, ProductToRead

KEYS_LOCK_ID = 0x62617263  # "barc", as PostgreSQL's advisory locks are numbers
OF_VARIANT = (BARCODE.c.store == VARIANT.c.store) & (BARCODE.c.item == VARIANT.c.item)
SET_KEY = (
    update(VARIANT)
    .where(VARIANT.c.store == bindparam("at"), VARIANT.c.item == bindparam("of"))
    .values(key=bindparam("new"))
)
# What every round asks is built once: putting a statement together costs more than running it.
READ_IN_STORE = TO_READ.c.store == bindparam("alias")
DUE_PRODUCTS = (
    select(TO_READ.c.product_id, TO_READ.c.mark, TO_READ.c.attempts)
    .where(READ_IN_STORE, TO_READ.c.try_at <= bindparam("now"))
    .order_by(TO_READ.c.attempts, TO_READ.c.wanted_at, TO_READ.c.product_id)
    .limit(bindparam("most"))
)


def has_barcode(*words: str) -> ColumnElement[bool]:
    """Return the condition that a variant has one of these, whichever of its barcodes it is."""
    codes = [code_of(each) for each in words]
    return select(BARCODE.c.item).where(OF_VARIANT, BARCODE.c.code.in_(codes)).exists()


def as_key(keyed_variants: str | None) -> Key | None:
    """Return a key as it was before it was kept."""
    return None if keyed_variants is None else tuple(json.loads(keyed_variants))


# What every round asks is built once: putting a statement together costs more than running it.
VARIANTS_OF = select(VARIANT).where(
    VARIANT.c.store == bindparam("store"), VARIANT.c.product_id == bindparam("product")
)


class SqlCatalogue(SqlRepository):
    def save_variants(self, variants: Sequence[Variant], keys: Sequence[Key | None]) -> None:
        rows = [
            variant_columns(variant, None if key is None else json.dumps(key))
            for variant, key in zip(variants, keys, strict=True)
        ]
        if rows:
            self.upsert(VARIANT, rows)
            self.save_barcodes(variants)

    def count(self, store: Alias) -> int:
        mine = select(func.count()).select_from(VARIANT).where(VARIANT.c.store == store)
        return int(self.run(mine).scalar_one())

    def variants_of(self, store: Alias, product: int) -> list[Variant]:
        rows = self.run(VARIANTS_OF, {"store": store, "product": product})
        return [variant_of(row) for row in rows]

    def drop_variants(self, store: Alias, items: Collection[ItemId]) -> None:
        for some in chunks(list(items), 500):
            gone = delete(VARIANT).where(VARIANT.c.store == store, VARIANT.c.item.in_(some))
            self.run(gone)
        self.drop_barcodes(store, items)

    def source_keys(
        self, source: Alias, after: ItemId, limit: int
    ) -> list[tuple[ItemId, Key | None]]:
        query = select(VARIANT.c.item, VARIANT.c.key).where(
            VARIANT.c.store == source, VARIANT.c.item > after
        )
        rows = self.run(query.order_by(VARIANT.c.item).limit(limit))
        return [(ItemId(row.item), as_key(row.key)) for row in rows]

    def variants_with(self, keys: Iterable[Key]) -> list[Variant]:
        texts = [json.dumps(key) for key in keys]
        return [
            variant_of(row)
            for some in chunks(texts, 500)
            for row in self.run(select(VARIANT).where(VARIANT.c.key.in_(some)))
        ]

    def products_of(self, store: Alias, items: Sequence[ItemId]) -> list[int]:
        found: set[int] = set()
        for some in chunks(items, 500):
            query = select(VARIANT.c.product_id).where(
                VARIANT.c.store == store, VARIANT.c.item.in_(some)
            )
            found.update(self.run(query).scalars())
        return sorted(found)

    def product_pages(
        self, items: Iterable[tuple[Alias, ItemId]]
    ) -> dict[tuple[Alias, ItemId], str]:
        domains = self.tx.stores.domains()
        found: dict[tuple[Alias, ItemId], str] = {}
        for some in chunks(sorted(set(items)), 300):
            query = select(VARIANT.c.store, VARIANT.c.item, VARIANT.c.product_id)
            for row in self.run(query.where(tuple_(VARIANT.c.store, VARIANT.c.item).in_(some))):
                page = product_page(domains.get(row.store, ""), row.product_id)
                found[Alias(row.store), ItemId(row.item)] = page
        return found

    def keyed_variants(self, variants: Iterable[Variant]) -> KeyedVariants:
        found: KeyedVariants = {}
        for some in chunks([(each.store, each.item) for each in variants], 300):
            query = select(VARIANT).where(tuple_(VARIANT.c.store, VARIANT.c.item).in_(some))
            found |= self._kept_by(query)
        return found

    def matching_variants(self, variants: Sequence[Variant], keys: Iterable[Key]) -> KeyedVariants:
        wanted = {json.dumps(key) for key in keys}
        codes = {code for each in variants for code in codes_of(each)}
        for some in chunks(sorted(codes), 500):
            query = select(VARIANT.c.key).join(BARCODE, OF_VARIANT).where(BARCODE.c.code.in_(some))
            wanted.update(key for key in self.run(query.distinct()).scalars() if key is not None)
        found: KeyedVariants = {}
        for texts in chunks(sorted(wanted), 500):
            found |= self._kept_by(select(VARIANT).where(VARIANT.c.key.in_(texts)))
        return found

    def _kept_by(self, query: Select[Any]) -> KeyedVariants:
        """Return the variants that a query selects."""
        found: KeyedVariants = {}
        for row in self.run(query):
            variant = variant_of(row)
            found[variant.store, variant.item] = variant, as_key(row.key)
        return found

    def lock_keys(self) -> None:
        if not self.is_sqlite:  # which has one writer
            self.run(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": KEYS_LOCK_ID})

    def save_keys(
        self, keyed: Mapping[Key, Sequence[Variant]], keyed_variants: KeyedVariants
    ) -> None:
        rows = [
            {"at": each.store, "of": each.item, "new": json.dumps(key)}
            for key, some in keyed.items()
            for each in some
            if keyed_variants[each.store, each.item][1] != key
        ]
        if rows:
            self.run(SET_KEY, rows)

    def save_barcodes(self, variants: Sequence[Variant]) -> None:
        """Keep the barcodes of these variants, and no others."""
        wanted = {(each.store, each.item, code) for each in variants for code in codes_of(each)}
        had: set[tuple[Alias, ItemId, str]] = set()
        for some in chunks([(each.store, each.item) for each in variants], 300):
            here = tuple_(BARCODE.c.store, BARCODE.c.item).in_(some)
            had.update(
                (row.store, row.item, row.code) for row in self.run(select(BARCODE).where(here))
            )
        for lost in chunks(sorted(had - wanted), 300):
            gone = tuple_(BARCODE.c.store, BARCODE.c.item, BARCODE.c.code).in_(lost)
            self.run(delete(BARCODE).where(gone))
        new = [
            {"store": store, "item": item, "code": code}
            for store, item, code in sorted(wanted - had)
        ]
        self.insert_new(BARCODE, new)

    def drop_barcodes(self, store: Alias, items: Iterable[ItemId]) -> None:
        """Forget the barcodes of variants that are gone."""
        for some in chunks(list(items), 500):
            self.run(delete(BARCODE).where(BARCODE.c.store == store, BARCODE.c.item.in_(some)))

    def unmatched(self, *, limit: int, offset: int) -> tuple[int, list[Unmatched]]:
        alone = ~select(LEVEL.c.id).where(SOLD_AS).exists()
        total = int(self.run(select(func.count()).select_from(VARIANT).where(alone)).scalar_one())
        page = select(VARIANT).where(alone).order_by(VARIANT.c.store, VARIANT.c.title)
        rows = self.run(page.order_by(VARIANT.c.item).offset(offset).limit(limit)).all()
        duplicates = self._duplicate_keys([row.key for row in rows if row.key is not None])
        alike: dict[str, list[Variant]] = defaultdict(list)
        if self.tx.settings.get(MATCHED_BY) == MatchBy.BARCODE:
            same = VARIANT.c.key.in_({key for _, key in duplicates})
            for row in self.run(select(VARIANT).where(same)):
                alike[row.key].append(variant_of(row))
        domains = self.tx.stores.domains()
        found = [_unmatched(row, duplicates, alike.get(row.key, ())) for row in rows]
        return total, [
            replace(each, page=product_page(domains[each.store], row.product_id))
            for each, row in zip(found, rows, strict=True)
        ]

    def _duplicate_keys(self, keys: Sequence[str]) -> set[tuple[str, str]]:
        """Return which of these keys several variants of one store have."""
        query = (
            select(VARIANT.c.store, VARIANT.c.key)
            .where(VARIANT.c.key.in_(keys), ~VARIANT.c.bundle, ~VARIANT.c.gift_card)
            .group_by(VARIANT.c.store, VARIANT.c.key)
            .having(func.count() > 1)
        )
        return {(row.store, row.key) for row in self.run(query)}

    def partners(self, store: Alias, item: ItemId) -> dict[Alias, ItemId]:
        mine = and_(VARIANT.c.store == store, VARIANT.c.item == item)
        row = self.run(select(VARIANT).where(mine)).first()
        if row is None:
            return {}
        codes = BARCODE.c.code.in_(codes_of(variant_of(row)))
        alike = or_(
            and_(VARIANT.c.sku == row.sku, VARIANT.c.sku != ""),
            select(BARCODE.c.item).where(OF_VARIANT, codes).exists(),
        )
        free = ~select(LEVEL.c.id).where(SOLD_AS).exists()
        query = select(VARIANT.c.store, VARIANT.c.item).where(alike, free, VARIANT.c.store != store)
        found: dict[Alias, list[ItemId]] = defaultdict(list)
        for each in self.run(query.limit(50)):
            found[Alias(each.store)].append(ItemId(each.item))
        return {alias: items[0] for alias, items in found.items() if len(items) == 1}

    def alone(self, store: Alias) -> int:
        """Return how many of a store's variants are in no pool."""
        pooled = select(LEVEL.c.item).where(LEVEL.c.store == store)
        query = select(func.count()).select_from(VARIANT)
        return int(
            self.run(
                query.where(VARIANT.c.store == store, VARIANT.c.item.not_in(pooled))
            ).scalar_one()
        )

    def enqueue_product(self, store: Alias, product: int, *, now: datetime) -> None:
        new = self.insert(TO_READ).values(
            store=store, product_id=product, mark=1, attempts=0, wanted_at=now, try_at=now
        )
        keys = [TO_READ.c.store, TO_READ.c.product_id]
        self.run(new.on_conflict_do_update(index_elements=keys, set_={"mark": TO_READ.c.mark + 1}))

    def products_to_read(
        self, store: Alias, *, now: datetime, limit: int
    ) -> Sequence[ProductToRead]:
        rows = self.run(DUE_PRODUCTS, {"alias": store, "now": now, "most": limit})
        return [
            ProductToRead(product=row.product_id, mark=row.mark, attempts=row.attempts)
            for row in rows
        ]

    def product_done(self, store: Alias, read: ProductToRead, *, now: datetime) -> None:
        mine = (TO_READ.c.store == store) & (TO_READ.c.product_id == read.product)
        gone = delete(TO_READ).where(mine, TO_READ.c.mark == read.mark)
        if not self.run(gone).rowcount:
            self.run(update(TO_READ).where(mine).values(attempts=0, try_at=now))

    def retry_product(self, store: Alias, read: ProductToRead, *, until: datetime) -> None:
        mine = (TO_READ.c.store == store) & (TO_READ.c.product_id == read.product)
        self.run(update(TO_READ).where(mine).values(attempts=read.attempts + 1, try_at=until))


def _unmatched(
    row: Row[Any], duplicates: set[tuple[str, str]], alike: Sequence[Variant]
) -> Unmatched:
    variant = variant_of(row)
    return Unmatched(
        store=variant.store,
        item=variant.item,
        title=title_of(variant),
        handle=variant.handle,
        sku=variant.sku,
        why=_unmatched_reason(row, duplicates, alike),
    )


def _unmatched_reason(
    row: Row[Any], duplicates: set[tuple[str, str]], alike: Sequence[Variant]
) -> str:
    """Return why a variant shares its stock with nobody."""
    if row.gift_card or row.bundle:
        return "gift card" if row.gift_card else "bundle"
    if not row.tracked:
        return "not tracked"
    if row.key is None:
        return "nothing to match by"
    twins = {store for store, key in duplicates if key == row.key}
    if not twins:
        return "no match in another store"
    if alike:
        return clash(variant_of(row), alike)
    return f"several variants in {'this' if row.store in twins else 'another'} store look the same"
