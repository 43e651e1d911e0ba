"""Variants by any of their barcodes. Each barcode is a row, in the form in which it is compared."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, bindparam, delete, select, text, tuple_, update

from sync_core.db.repository import chunks
from sync_core.db.rows import VARIANT, variant_of
from sync_core.db.stock import SqlStock
from sync_core.db.tables import BarcodeRow
from sync_core.domain.matching import Key, code_of, codes_of
from sync_core.domain.values import Alias, ItemId, Variant
from sync_core.ports import KeyedVariants

BARCODE: Table = BarcodeRow.__table__  # type: ignore[attr-defined]

KEYS_LOCK_ID = 0x62617263  # "barc", as PostgreSQL's advisory locks are numbers
OF_VARIANT = (BARCODE.c.store == VARIANT.c.store) & (BARCODE.c.item == VARIANT.c.item)
SET_KEY = (
    update(VARIANT)
    .where(VARIANT.c.store == bindparam("at"), VARIANT.c.item == bindparam("of"))
    .values(key=bindparam("new"))
)


def has_barcode(words: str) -> ColumnElement[bool]:
    """Return the condition that a variant has this barcode, whichever of its barcodes it is."""
    return select(BARCODE.c.item).where(OF_VARIANT, BARCODE.c.code == code_of(words)).exists()


def as_key(keyed_variants: str | None) -> Key | None:
    """Return a key as it was before it was kept."""
    return None if keyed_variants is None else tuple(json.loads(keyed_variants))


class SqlBarcodes(SqlStock):
    """The part of the ledger that knows who has which barcode."""

    def keyed_variants(self, variants: Iterable[Variant]) -> KeyedVariants:
        """Return what is kept of these variants by now."""
        found: KeyedVariants = {}
        for some in chunks([(each.store, each.item) for each in variants], 300):
            query = select(VARIANT).where(tuple_(VARIANT.c.store, VARIANT.c.item).in_(some))
            found |= self._kept_by(query)
        return found

    def products_of(self, store: Alias, items: Sequence[ItemId]) -> list[int]:
        """Return the products that these items are of, as far as we know them."""
        found: set[int] = set()
        for some in chunks(items, 500):
            query = select(VARIANT.c.product_id).where(
                VARIANT.c.store == store, VARIANT.c.item.in_(some)
            )
            found.update(self.run(query).scalars())
        return sorted(found)

    def _kept_by(self, query: Select[Any]) -> KeyedVariants:
        """Return the variants that a query selects."""
        found: KeyedVariants = {}
        for row in self.run(query):
            variant = variant_of(row)
            found[variant.store, variant.item] = variant, as_key(row.key)
        return found

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

    def lock_keys(self) -> None:
        """Let nobody else change keys meanwhile: one barcode may change those of many variants."""
        if not self.is_sqlite:  # which has one writer
            self.run(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": KEYS_LOCK_ID})

    def matching_variants(self, variants: Sequence[Variant], keys: Iterable[Key]) -> KeyedVariants:
        """Return all that match these variants by barcode, or matched what had these keys."""
        wanted = {json.dumps(key) for key in keys}
        codes = {code for each in variants for code in codes_of(each)}
        for some in chunks(sorted(codes), 500):
            query = select(VARIANT.c.key).join(BARCODE, OF_VARIANT).where(BARCODE.c.code.in_(some))
            wanted.update(key for key in self.run(query.distinct()).scalars() if key is not None)
        found: KeyedVariants = {}
        for texts in chunks(sorted(wanted), 500):
            found |= self._kept_by(select(VARIANT).where(VARIANT.c.key.in_(texts)))
        return found

    def save_keys(
        self, keyed: Mapping[Key, Sequence[Variant]], keyed_variants: KeyedVariants
    ) -> None:
        """Keep the keys of variants, where they are others than those kept."""
        rows = [
            {"at": each.store, "of": each.item, "new": json.dumps(key)}
            for key, some in keyed.items()
            for each in some
            if keyed_variants[each.store, each.item][1] != key
        ]
        if rows:
            self.run(SET_KEY, rows)
