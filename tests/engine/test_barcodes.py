"""A variant has up to 20 barcodes, and is matched by any of them; never by a guess."""

import pytest

from sync_core.domain.matching import MatchBy
from tests.simulation.harness import assert_conserved

POOLS = "SELECT pool_id, store, item FROM level ORDER BY pool_id, store"


@pytest.fixture
def coded(build_harness):
    """Return a builder of houses whose variants have these barcodes: {"eu SKU-0": "1 2"}."""

    def build(codes, **given):
        items = 1 + max(int(name.rpartition("-")[2]) for name in codes)
        harness = build_harness(items=items, **{"match_by": MatchBy.BARCODE, **given})
        for name, some in codes.items():
            give(harness, name, some)
        harness.open()
        return harness

    return build


def give(harness, name, codes):
    alias, sku = name.split()
    harness.shops[alias].set_barcodes(sku, codes.split())


def pooled(harness):
    """Return which variants share stock, as sets of "eu SKU-0"."""
    names = {
        (alias, item.id): f"{alias} {item.variant.sku}"
        for alias, shop in harness.shops.items()
        for item in shop.items.values()
    }
    found = {}
    for row in harness.rows(POOLS):
        found.setdefault(row["pool_id"], set()).add(names[row["store"], row["item"]])
    return sorted(found.values(), key=sorted)


def unmatched(harness):
    """Return why variants share their stock with nobody, by store and SKU."""
    _, rows = harness.do(harness.process.service.unmatched())
    return {f"{each.store} {each.sku}": each.why for each in rows}


def test_one_barcode_in_common_is_enough(coded):
    """The same jacket has a manufacturer's code, and another importer's."""
    harness = coded({"eu SKU-0": "UPC-1 EAN-1", "us SKU-0": "ASIN-1 upc-1", "us SKU-1": "EAN-9"})
    assert pooled(harness) == [{"eu SKU-0", "us SKU-0"}]
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(2)
    assert harness.shows("eu", "SKU-0") == 45
    assert_conserved(harness)


def test_a_barcode_that_is_not_the_first_joins_later(coded):
    """What matches is kept under the smallest of all its barcodes, which this one is not."""
    harness = coded({"eu SKU-0": "1 5", "us SKU-0": "9"})
    assert pooled(harness) == []
    give(harness, "us SKU-0", "5")
    harness.advance(5)
    assert pooled(harness) == [{"eu SKU-0", "us SKU-0"}]


def test_stock_is_found_by_any_barcode(coded):
    harness = coded({"eu SKU-0": "UPC-1 EAN-1", "us SKU-0": "ASIN-1 UPC-1"})
    for code in ("UPC-1", "ean-1", " ASIN-1 "):
        (found,) = harness.do(harness.process.service.stock(code, live=False))
        assert found.title.startswith("Thing 0")
    assert harness.do(harness.process.service.stock("EAN-2", live=False)) == []


def test_barcodes_that_lead_to_two_products_lead_to_none(coded):
    """Which of the two would be a guess, and a guess writes one product's stock to another."""
    harness = coded({"eu SKU-0": "1 2", "us SKU-0": "1", "us SKU-1": "2"})
    assert pooled(harness) == []
    assert unmatched(harness) == {
        "eu SKU-0": "barcodes of it are on several variants in us: Thing 0, Thing 1",
        "eu SKU-1": "nothing to match by",
        "us SKU-0": "barcode 1 is also on Thing 0 in eu, whose barcodes are on several variants",
        "us SKU-1": "barcode 2 is also on Thing 0 in eu, whose barcodes are on several variants",
    }
    give(harness, "us SKU-1", "3")
    harness.advance(5)
    assert pooled(harness) == [{"eu SKU-0", "us SKU-0"}]
    assert unmatched(harness)["us SKU-1"] == "no match in another store"


def test_a_barcode_that_two_products_of_a_store_have_matches_neither(coded):
    harness = coded({"eu SKU-0": "1 5", "eu SKU-1": "1", "us SKU-0": "5"})
    assert pooled(harness) == []
    assert unmatched(harness)["eu SKU-0"] == "barcode 1 is also on Thing 1 in this store"
    give(harness, "eu SKU-1", "7")
    harness.advance(5)
    assert pooled(harness) == [{"eu SKU-0", "us SKU-0"}]


def test_what_shares_stock_goes_on_when_a_barcode_becomes_ambiguous(coded):
    """Nobody's stock is torn apart by a typing mistake, and no level is in two pools."""
    harness = coded({"eu SKU-0": "1", "us SKU-0": "1", "us SKU-1": "2"})
    give(harness, "eu SKU-0", "1 2")
    harness.read_catalogues()  # a second barcode is in no webhook: the catalogue is read daily
    assert pooled(harness) == [{"eu SKU-0", "us SKU-0"}]
    assert list(unmatched(harness)) == ["eu SKU-1", "us SKU-1"]
    assert "whose barcodes are on several variants" in unmatched(harness)["us SKU-1"]
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(2)
    assert (harness.shows("us", "SKU-0"), harness.shows("us", "SKU-1")) == (45, 50)
    assert_conserved(harness)


def test_a_bundles_barcode_connects_nothing(coded):
    """A set of two has the barcodes of both on it."""
    harness = coded({"eu SKU-0": "1", "us SKU-0": "1", "eu SKU-1": "2", "us SKU-1": "2"})
    both = harness.shops["eu"].add_product("Set", "set").variants[0].item.id
    harness.shops["eu"].set_bundle(both)
    harness.shops["eu"].set_barcodes(both, ["1", "2"])
    harness.advance(5)
    assert len(pooled(harness)) == 2
    harness.read_catalogues()
    assert [name for name, why in unmatched(harness).items() if why != "bundle"] == []


def test_another_way_of_matching_begins_with_reading_the_catalogues_again(coded):
    """Else what is matched by would be kept in two forms, and half of all be without a partner."""
    harness = coded({"eu SKU-0": "1", "us SKU-1": "1 2", "eu SKU-1": "9"}, match_by=MatchBy.SKU)
    assert pooled(harness) == [{"eu SKU-0", "us SKU-0"}, {"eu SKU-1", "us SKU-1"}]
    harness.kill()
    harness.match_by = MatchBy.BARCODE
    for shop in harness.shops.values():
        product = shop.add_product("New", "new").variants[0]
        shop.set_sku(product.item.id, f"NEW-{shop.id}")
        shop.set_barcodes(product.item.id, ["77"])
    harness.start()
    harness.advance(5)
    assert {"eu NEW-1", "us NEW-2"} in pooled(harness)
    keys = {row["key"] for row in harness.rows("SELECT key FROM variant WHERE key IS NOT NULL")}
    assert keys == {'["1"]', '["9"]', '["77"]'}


@pytest.mark.parametrize("end", ["another code", "none", "deleted"])
def test_a_product_that_matches_several_is_told_until_it_no_longer_does(coded, end):
    """Its match is in a pool that already has a product of its store."""
    harness = coded({"eu SKU-0": "1", "us SKU-0": "1", "us SKU-1": "9", "eu SKU-1": "8"})
    give(harness, "us SKU-0", "7")
    give(harness, "us SKU-1", "1")
    harness.advance(20)
    assert conflicts(harness) == [0]
    assert pooled(harness) == [{"eu SKU-0", "us SKU-0"}]
    if end == "deleted":
        shop = harness.shops["us"]
        shop.delete_product("thing-1")
    else:
        give(harness, "us SKU-1", "" if end == "none" else "9")
    harness.advance(20)
    assert conflicts(harness) == [0, 1]
    assert pooled(harness) == [{"eu SKU-0", "us SKU-0"}]
    assert_conserved(harness)


def conflicts(harness):
    """Return what people were told of it: 0 for what is so, 1 for its end."""
    rows = harness.rows("SELECT resolved FROM notification WHERE kind = 'conflict' ORDER BY id")
    return [int(each["resolved"]) for each in rows]
