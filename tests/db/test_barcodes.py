"""What matches by barcode has one key in the database, whatever comes in whatever order."""

import threading
from contextlib import closing
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from sync_core.db.database import SqlDatabase
from sync_core.db.tables import BARCODE, VARIANT
from sync_core.domain.matching import MatchBy, codes_of, keyed
from sync_core.domain.values import Role
from sync_core.workers.catalogue_sync import CatalogueSync
from tests.conftest import needs_postgres
from tests.db.conftest import EU, US
from tests.unit.builders import variant

BY = MatchBy.BARCODE


def register_store(tx):
    tx.stores.register(EU, "eu.example", Role.SOURCE)
    tx.stores.register(US, "us.example", Role.DESTINATION)


def coded(store, number, *codes, bundle=False):
    return variant(store, item=number, product_id=number, barcodes=codes, bundle=bundle)


def keep(tx, variants, gone=()):
    """Keep variants as the cataloguer does; return the keys of what may match otherwise."""
    return CatalogueSync(SimpleNamespace(match_by=BY))._save_variants(variants, tx, gone)


def keys(tx, variants):
    return {place: key for place, (_, key) in tx.catalogue.keyed_variants(variants).items()}


def wanted(variants):
    found = {
        (each.store, each.item): key for key, some in keyed(variants, BY).items() for each in some
    }
    return {(each.store, each.item): found.get((each.store, each.item)) for each in variants}


changes = st.lists(
    st.tuples(
        st.sampled_from([EU, US]),
        st.integers(1, 5),
        st.lists(st.sampled_from("12345678"), max_size=3, unique=True),
        st.sampled_from(["keep", "keep", "keep", "bundle", "drop"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=changes)
def test_keys_follow_every_change(database, steps):
    """Barcodes come and go, one variant at a time: the keys are those of all at once."""
    stock = {}

    def work(tx):
        tx.run(delete(VARIANT))
        tx.run(delete(BARCODE))
        register_store(tx)
        for store, number, codes, what in steps:
            if what == "drop":
                gone = stock.pop((store, number), None)
                keep(tx, [], [] if gone is None else [gone])
            else:
                stock[store, number] = coded(store, number, *codes, bundle=what == "bundle")
                keep(tx, [stock[store, number]])
            all_of = list(stock.values())
            assert keys(tx, all_of) == wanted(all_of)
            rows = {tuple(row) for row in tx.run(select(BARCODE))}
            assert rows == {(x.store, x.item, code) for x in all_of for code in codes_of(x)}

    database.run(work)


def test_what_may_match_otherwise_is_all_that_matched_or_matches(database):
    """Whoever is left behind by a barcode that is gone must be matched anew, too."""
    database.run(register_store)
    eu, one, other = coded(EU, 1, "1", "2"), coded(US, 2, "1"), coded(US, 3, "2")
    database.run(lambda tx: keep(tx, [eu, one, other]))
    found = database.run(lambda tx: keep(tx, [coded(EU, 1, "1")]))
    assert found == {("1",), ("2",)}
    assert database.run(lambda tx: keys(tx, [eu, one, other])) == {
        (EU, 1): ("1",), (US, 2): ("1",), (US, 3): ("2",),
    }  # fmt: skip


@needs_postgres
@pytest.mark.parametrize(
    ("there", "first", "second"),
    [
        pytest.param([], coded(EU, 1, "1", "2"), coded(US, 2, "2", "3"), id="both are new"),
        pytest.param(
            [coded(EU, 1, "1"), coded(US, 2, "1", "2"), coded(EU, 3, "2")],
            coded(EU, 1, "0", "1"),
            coded(US, 2, "9"),
            id="what connected them goes, while their key changes",
        ),
    ],
)
def test_catalogues_that_are_read_at_once_are_matched(postgres_url, there, first, second):
    """Two processes, a store each: whoever is second sees what the first has kept."""
    with closing(SqlDatabase(postgres_url)) as one, closing(SqlDatabase(postgres_url)) as other:
        one.run(register_store)
        one.run(lambda tx: keep(tx, there))
        later = threading.Thread(target=other.run, args=(lambda tx: keep(tx, [second]),))

        def work(tx):
            keep(tx, [first])
            later.start()
            later.join(0.5)
            assert later.is_alive()

        one.run(work)
        later.join()
        location_groups = {(each.store, each.item): each for each in [*there, first, second]}
        after = list(location_groups.values())
        assert one.run(lambda tx: keys(tx, after)) == wanted(after)
