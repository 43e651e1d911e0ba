"""No text that a store or a person writes stops a store, whatever the database."""

import json
from random import Random

import pytest
from sqlalchemy import text

from sync_core.domain.matching import MatchBy
from sync_core.domain.proposals import ReportState
from sync_core.ports import Delivery
from sync_core.workers.catalogue_sync import CatalogueSync
from tests.engine.test_nightly_report import check
from tests.engine.test_sender import MINUTE, standing
from tests.engine.test_store_upkeep import product_id, to_read
from tests.simulation.harness import assert_at_rest, assert_conserved

NUL, HALF = "#10\x0042", "T-shirt \ud83d, blue"
NAMES = [pytest.param(NUL, id="NUL"), pytest.param(HALF, id="half a surrogate pair")]
LONG = "".join(Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789é漢", k=3000))


def kept(text):
    return text.replace("\0", "\ufffd").replace("\ud83d", "\ufffd")


def sell(harness, alias, sku, count):
    """Sell what the database of the test may not even be asked about."""
    harness.shops[alias].sell(sku, count)
    harness.outside.append((alias, sku, -count))
    harness._mail_wakeup.notify()


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request, build_harness):
    """A builder of houses on each database."""
    url = None if request.param == "sqlite" else request.getfixturevalue("empty_postgres_url")
    return lambda **given: build_harness(url=url, **given)


def assert_all_green(harness):
    """Sales reach the other store, both ways, and nobody has to do anything."""
    for alias, sku, delta in (("us", "SKU-0", -5), ("eu", "SKU-0", 10), ("eu", "SKU-1", -1)):
        harness.change_stock(alias, sku, delta)
        harness.advance(10)
    assert_at_rest(harness)
    assert_conserved(harness)
    assert harness.process.supervisor.down() == {}
    assert standing(harness) == []
    assert harness.rows("SELECT id FROM delivery WHERE handled_at IS NULL") == []


@pytest.mark.parametrize("name", NAMES)
def test_an_order_of_any_name(anywhere, name):
    harness = anywhere(orders=True)
    harness.open()
    order = {
        "id": 1,
        "name": name,
        "created_at": "2026-11-23T09:00:00Z",
        "line_items": [{"id": 1, "variant_id": 1, "quantity": 1}],
    }
    bad = Delivery(
        store="us",
        webhook_id="bad",
        topic="orders/create",
        body=json.dumps(order).encode(),
        received_at=harness.clock.now(),
    )
    harness.do(harness.process.receiver.store(bad))
    harness.advance(10)
    assert [row["name"] for row in harness.rows("SELECT name FROM order_event")] == [kept(name)]
    assert harness.rows("SELECT id FROM delivery WHERE quarantined_at IS NOT NULL") == []
    assert_all_green(harness)


@pytest.mark.parametrize("name", NAMES)
def test_a_product_of_any_name_shares_its_stock(anywhere, name):
    """It is read whole, told by a webhook, read alone, and compared at night."""
    harness = anywhere(items=3)
    for shop in harness.shops.values():
        shop.set_sku("SKU-2", name)
        shop.product("thing-2").title = name
    harness.skus[2] = name
    harness.open()
    assert {row["title"] for row in harness.rows("SELECT title FROM variant WHERE sku <> ''")} >= {
        kept(name)
    }
    sell(harness, "us", name, 3)
    harness.shops["us"].rename("thing-1", f"thing {name}")
    harness._mail_wakeup.notify()
    harness.advance(MINUTE)
    assert to_read(harness) == []
    assert standing(harness) == ["renamed"]
    harness.shops["us"].drop_subscriptions()
    sell(harness, "eu", name, 1)
    report = check(harness)
    assert (report.state, report.summary["equal"]) == (ReportState.DONE, 3)
    [found] = harness.do(harness.process.service.stock(name, live=False))
    assert (found.title, found.shared) == (kept(name), 46)
    assert_at_rest(harness)
    assert_conserved(harness)
    assert harness.process.supervisor.down() == {}


def test_a_sku_of_3000_characters_matches_and_is_found(anywhere):
    """An ordered index of PostgreSQL takes 2,704 bytes; two that differ at their end are two."""
    harness = anywhere(items=3, match_by=MatchBy.SKU)
    names = {"SKU-1": f"{LONG}1", "SKU-2": f"{LONG}2"}
    for shop in harness.shops.values():
        for sku, name in names.items():
            shop.set_sku(sku, name)
    harness.skus[1:] = names.values()
    harness.open()
    harness.change_stock("us", f"{LONG}1", -3)
    harness.change_stock("us", f"{LONG}2", -7)
    harness.advance(10)
    assert_at_rest(harness)
    assert check(harness).summary["equal"] == 3
    [found] = harness.do(harness.process.service.stock(f"{LONG}2", live=False))
    assert found.shared == 43
    assert_conserved(harness)
    assert harness.process.supervisor.down() == {}
    assert standing(harness) == []


def test_a_handle_and_a_location_of_3000_characters(anywhere):
    harness = anywhere(items=3)
    for shop in harness.shops.values():
        shop.rename_location(next(iter(shop.locations)), LONG)
        shop.rename("thing-2", LONG)
    harness.open()
    harness.shops["us"].rename(LONG, f"{LONG}x")
    harness._mail_wakeup.notify()
    harness.advance(MINUTE)
    harness.change_stock("us", "SKU-2", -3)
    harness.advance(10)
    assert standing(harness) == ["renamed"]
    [place] = harness.do(harness.process.service.location_groups())[0]
    assert len(place.name) <= 200
    assert_at_rest(harness)
    assert_conserved(harness)


@pytest.fixture
def refusing(monkeypatch):
    """Have the database refuse the variants of an item, as it may for reasons yet unknown."""
    refused = set()
    whole = CatalogueSync._save_variants

    def keep(self, variants, tx, gone=()):
        if refused & {each.sku for each in variants}:
            tx.run(text("INSERT INTO variant (store) VALUES (NULL)"))
        return whole(self, variants, tx, gone)

    monkeypatch.setattr(CatalogueSync, "_save_variants", keep)
    return refused


def test_a_variant_that_cannot_be_kept_holds_up_no_other(anywhere, refusing):
    """All others are read and share their stock; it is told once, and joins when it can be kept."""
    refusing.add("SKU-3")
    harness = anywhere(items=5)
    harness.open()
    rest = [sku for sku in harness.skus if sku != "SKU-3"]
    for sku in rest:
        harness.change_stock("us", sku, -2)
    harness.advance(4 * MINUTE)
    assert {harness.shows("eu", sku) for sku in rest} == {48}
    assert harness.process.supervisor.down() == {}
    assert {row["product_id"] for row in to_read(harness)} == {
        product_id(harness, alias, "SKU-3") for alias in harness.shops
    }
    assert standing(harness) == ["product_unread"] * 2
    refusing.clear()
    harness.advance(5 * MINUTE)
    assert to_read(harness) == []
    assert_all_green(harness)
