"""Matching the whole catalogue in slices: the same pools as in one go, whatever happens between."""

import asyncio
from contextlib import closing
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update
from sqlmodel import SQLModel

from sync_core.db.database import SqlDatabase
from sync_core.db.tables import LEVEL, LocationGroupRow, LocationRow
from sync_core.domain.location_groups import assign_pools
from sync_core.domain.matching import MatchBy, match
from sync_core.domain.values import Alias, ItemId, Role, Variant
from sync_core.errors import NoAnswer, Refused
from sync_core.ports import Page, ProductToRead
from sync_core.workers import catalogue_sync
from sync_core.workers.catalogue_sync import MATCHED_SETTING, CatalogueSync
from sync_core.workers.context import WakeupTopic
from tests.db.conftest import EU, NOON, US

UK = Alias("uk")
STORES = (EU, US, UK)
# One item in a store has one name; few names, so that many share one. By barcode, each letter is
# one of its barcodes.
names = st.sampled_from(["a", "b", "c", "d", "e", "", "ab", "bc", "cd", "ea"])
catalogues = st.dictionaries(
    st.tuples(st.sampled_from(STORES), st.integers(1, 6)), names, min_size=1, max_size=18
)
matched_by = st.sampled_from(list(MatchBy))


class Clock:
    def now(self):
        return NOON


class Context:
    """As much of the engine's context as a cataloguer needs."""

    def __init__(self, database, by):
        self.database = database
        self.stores = dict.fromkeys(STORES)
        self.source = EU
        self.match_by = by
        self.clock = Clock()
        self.store_work = WakeupTopic()


def variant(store, item, name, by):
    handle = name if by is MatchBy.HANDLE else f"{store}-{item}"
    return Variant(
        store=store, variant_id=item, product_id=item, item=ItemId(item),
        handle=handle, title=name, options=(), tracked=True, bundle=item == 6 and name == "e",
        gift_card=False, status="ACTIVE", sku=name if by is MatchBy.SKU else "",
        barcodes=tuple(name) if by is MatchBy.BARCODE else (),
    )  # fmt: skip


def furnish(tx):
    for number, store in enumerate(STORES):
        role = Role.DESTINATION if number else Role.SOURCE
        tx.stores.register(store, f"{store}.myshopify.com", role)
        tx.stores.mark_catalogue_read(store, now=NOON)
    for place, stores in ((1, STORES), (2, (EU, US))):
        tx.run(insert(LocationGroupRow).values(name=f"P{place}"))
        rows = [
            {
                "store": store,
                "location": place,
                "name": "L",
                "active": True,
                "owned": True,
                "location_group_id": place,
            }
            for store in stores
        ]
        tx.run(insert(LocationRow), rows)


def keep(database, catalogue, by):
    """Keep what stores sell, as if it had been read."""
    variants = [variant(store, item, name, by) for (store, item), name in catalogue.items()]
    worker = CatalogueSync(Context(database, by))
    database.run(lambda tx: worker._save_variants(variants, tx))
    database.run(lambda tx: tx.settings.set(MATCHED_SETTING, None))


def whole(database, catalogue, by):
    """Match everything in one transaction: what slices have to come to."""
    variants = [variant(store, item, name, by) for (store, item), name in catalogue.items()]

    def work(tx):
        matches = match(variants, by=by, source=EU)
        items = {}
        for group in matches.groups:
            for each in group:
                items.setdefault(each.store, []).append(each.item)
        arrangement = assign_pools(matches, tx.location_groups.all(), tx.stock.level_keys(items))
        tx.stock.assign_pools(arrangement, now=NOON)
        return sorted((level_keys for _, level_keys in arrangement.conflicts), key=repr)

    return database.run(work)


def pools(database):
    """Return which spots share stock."""
    found = {}
    for row in database.run(lambda tx: tx.run(select(LEVEL)).all()):
        found.setdefault(row.pool_id, set()).add((row.store, row.item, row.location))
    return sorted(sorted(each) for each in found.values())


def conflicts(database):
    return database.run(
        lambda tx: sorted(each.subject for each in tx.findings.newest() if each.kind == "conflict")
    )


def slices(monkeypatch, size):
    monkeypatch.setattr(catalogue_sync, "VARIANTS_PER_SLICE", size)


@settings(max_examples=40)
@given(before=catalogues, after=catalogues, size=st.integers(1, 7), by=matched_by, data=st.data())
def test_slices_come_to_the_same_as_the_whole(before, after, size, by, data):
    """Whatever there was, whatever it is called now, however it is cut, and in whatever order."""
    source = sorted({item for store, item in {**before, **after} if store == EU})
    order = data.draw(st.permutations(source))
    with closing(SqlDatabase("sqlite://")) as one, closing(SqlDatabase("sqlite://")) as other:
        for database in (one, other):
            SQLModel.metadata.create_all(database.engine)
            database.run(furnish)
            keep(database, before, by)
            whole(database, before, by)
            keep(database, {**before, **after}, by)
        expected = whole(one, {**before, **after}, by)
        context = Context(other, by)
        worker = CatalogueSync(context)
        for start in range(0, len(order), size):
            wanted = order[start : start + size]

            def work(tx, wanted=wanted):
                page = [key for item, key in tx.catalogue.source_keys(EU, 0, 100) if item in wanted]
                worker._arrange(tx, [key for key in page if key is not None])

            other.run(work)
        assert pools(other) == pools(one)
        subjects = sorted(
            {f"item:{level_keys[0].store}:{level_keys[0].item}" for level_keys in expected}
        )
        assert conflicts(other) == subjects


def random_catalogue(seed, count=60):
    rng = Random(seed)
    return {
        (rng.choice(STORES), rng.randint(1, count)): rng.choice("abcdefghijklmnop")
        + str(rng.randint(0, 3))
        for _ in range(count * 2)
    }


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_engine_matches_everything_slice_by_slice(database, monkeypatch, size):
    """Through the worker itself, on each database; a second time there is nothing to do."""
    slices(monkeypatch, size)
    database.run(furnish)
    catalogue = random_catalogue(size)
    keep(database, catalogue, MatchBy.SKU)
    worker = CatalogueSync(Context(database, MatchBy.SKU))
    asyncio.run(worker.arrange_all())
    found = pools(database)
    assert found
    assert whole(database, catalogue, MatchBy.SKU) == []
    assert pools(database) == found, "the whole finds what the slices did not"
    assert database.run(worker._unarranged) is None


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("seed", range(4))
def test_a_crash_between_slices_does_no_harm(database, monkeypatch, seed):
    """The next start begins again, and products change in between."""
    slices(monkeypatch, 5)
    database.run(furnish)
    catalogue = random_catalogue(seed)
    keep(database, catalogue, MatchBy.SKU)

    class Mortal(CatalogueSync):
        remaining = seed + 1

        def _arrange_slice(self, after, tx):
            self.remaining -= 1
            if self.remaining < 0:
                raise Crash
            return super()._arrange_slice(after, tx)

    with pytest.raises(Crash):
        asyncio.run(Mortal(Context(database, MatchBy.SKU)).arrange_all())
    worker = CatalogueSync(Context(database, MatchBy.SKU))
    # A webhook changes a product that a slice has matched, and one that none has.
    rng = Random(seed)
    for item in (min(i for s, i in catalogue if s == EU), max(i for s, i in catalogue if s == EU)):
        name = rng.choice(list(catalogue.values()))
        catalogue[EU, item] = name
        read = ProductToRead(product=item, mark=1, attempts=0)
        changed = [variant(EU, item, name, MatchBy.SKU)]
        database.run(lambda tx, r=read, c=changed: worker._save_product(EU, r, c, tx))
    asyncio.run(worker.arrange_all())
    found = pools(database)
    whole(database, catalogue, MatchBy.SKU)
    assert pools(database) == found
    assert database.run(worker._unarranged) is None


def test_a_map_that_changes_between_slices_is_matched_too(database, monkeypatch):
    """What was matched by the old map is matched again by the new one."""
    slices(monkeypatch, 1)
    database.run(furnish)
    keep(database, {(s, i): f"n{i}" for s in (EU, US) for i in range(1, 6)}, MatchBy.SKU)

    class Late(CatalogueSync):
        def _arrange_slice(self, after, tx):
            if after == 3:
                tx.run(insert(LocationGroupRow).values(name="late"))
                rows = [
                    {
                        "store": store,
                        "location": 3,
                        "name": "L",
                        "active": True,
                        "owned": True,
                        "location_group_id": 3,
                    }
                    for store in (EU, US)
                ]
                tx.run(insert(LocationRow), rows)
            return super()._arrange_slice(after, tx)

    worker = Late(Context(database, MatchBy.SKU))
    asyncio.run(worker.arrange_all())
    assert len(pools(database)) == 5 * 2 + 2
    asyncio.run(CatalogueSync(worker._context).arrange_all())
    assert len(pools(database)) == 5 * 3


def test_a_place_that_gets_another_location_is_matched_once_more(database):
    """The same places of the same stores, and yet other levels."""
    database.run(furnish)
    worker = CatalogueSync(Context(database, MatchBy.SKU))
    asyncio.run(worker.arrange_all())
    assert database.run(worker._unarranged) is None
    moved = update(LocationRow).where(LocationRow.store == US, LocationRow.location == 2)
    database.run(lambda tx: tx.run(moved.values(location=9)))
    assert database.run(worker._unarranged) is not None


class Pages:
    """A store whose catalogue has three pages; `bad` is what goes wrong, in order."""

    alias = US

    def __init__(self, *bad):
        self.bad = list(bad)
        self.asked = []

    async def variants(self, after):
        self.asked.append(after)
        if after == "2" and self.bad:
            raise self.bad.pop(0)
        return Page(rows=(), after={None: "2", "2": "3", "3": None}[after])


@pytest.mark.parametrize(
    ("bad", "asked"),
    [
        (NoAnswer("cut off"), [None, "2", "2", "3"]),
        (Refused("no such page"), [None, "2", None, "2", "3"]),
    ],
    ids=["no answer", "the page is gone"],
)
def test_a_catalogue_is_read_on_from_the_page_that_failed(database, bad, asked):
    """A store of a million variants is not begun again for one page."""
    database.run(furnish)
    store, worker = Pages(bad), CatalogueSync(Context(database, MatchBy.SKU))
    with pytest.raises(type(bad)):
        asyncio.run(worker.read_whole(store))
    asyncio.run(worker.read_whole(store))
    assert store.asked == asked
    asyncio.run(worker.read_whole(store))
    assert store.asked == [*asked, None, "2", "3"]
