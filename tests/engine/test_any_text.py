"""No text that a store or a person writes stops a store, whatever the database."""

import json
from random import Random

import pytest
from sqlalchemy import text

from sync_core.domain.match import MatchBy
from sync_core.domain.proposals import ReportState
from sync_core.ports import Delivery
from sync_core.workers.cataloguing import Cataloguer
from tests.engine.test_keeping import product_id, to_read
from tests.engine.test_night import check
from tests.engine.test_sending import MINUTE, standing
from tests.simulation.house import assert_at_rest, assert_conserved

NUL, HALF = "#10\x0042", "T-shirt \ud83d, blue"
NAMES = [pytest.param(NUL, id="NUL"), pytest.param(HALF, id="half a surrogate pair")]
LONG = "".join(Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789é漢", k=3000))


def kept(text):
    return text.replace("\0", "\ufffd").replace("\ud83d", "\ufffd")


def sell(home, alias, sku, count):
    """Sell what the database of the test may not even be asked about."""
    home.shops[alias].sell(sku, count)
    home.outside.append((alias, sku, -count))
    home._mail.ring()


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request, house):
    """A builder of houses on each database."""
    url = None if request.param == "sqlite" else request.getfixturevalue("empty_postgres_url")
    return lambda **given: house(url=url, **given)


def assert_all_green(home):
    """Sales reach the other store, both ways, and nobody has to do anything."""
    for alias, sku, delta in (("us", "SKU-0", -5), ("eu", "SKU-0", 10), ("eu", "SKU-1", -1)):
        home.act(alias, sku, delta)
        home.advance(10)
    assert_at_rest(home)
    assert_conserved(home)
    assert home.process.supervisor.down() == {}
    assert standing(home) == []
    assert home.rows("SELECT id FROM delivery WHERE handled_at IS NULL") == []


@pytest.mark.parametrize("name", NAMES)
def test_an_order_of_any_name(anywhere, name):
    home = anywhere(orders=True)
    home.open()
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
        received_at=home.clock.now(),
    )
    home.do(home.process.receiver.keep(bad))
    home.advance(10)
    assert [row["name"] for row in home.rows("SELECT name FROM act")] == [kept(name)]
    assert home.rows("SELECT id FROM delivery WHERE set_aside_at IS NOT NULL") == []
    assert_all_green(home)


@pytest.mark.parametrize("name", NAMES)
def test_a_product_of_any_name_shares_its_stock(anywhere, name):
    """It is read whole, told by a webhook, read alone, and compared at night."""
    home = anywhere(items=3)
    for shop in home.shops.values():
        shop.set_sku("SKU-2", name)
        shop.product("thing-2").title = name
    home.skus[2] = name
    home.open()
    assert {row["title"] for row in home.rows("SELECT title FROM variant WHERE sku <> ''")} >= {
        kept(name)
    }
    sell(home, "us", name, 3)
    home.shops["us"].rename("thing-1", f"thing {name}")
    home._mail.ring()
    home.advance(MINUTE)
    assert to_read(home) == []
    assert standing(home) == ["renamed"]
    home.shops["us"].drop_subscriptions()
    sell(home, "eu", name, 1)
    report = check(home)
    assert (report.state, report.summary["equal"]) == (ReportState.DONE, 3)
    [found] = home.do(home.process.service.stock(name, live=False))
    assert (found.title, found.shared) == (kept(name), 46)
    assert_at_rest(home)
    assert_conserved(home)
    assert home.process.supervisor.down() == {}


def test_a_sku_of_3000_characters_matches_and_is_found(anywhere):
    """An ordered index of PostgreSQL takes 2,704 bytes; two that differ at their end are two."""
    home = anywhere(items=3, match_by=MatchBy.SKU)
    names = {"SKU-1": f"{LONG}1", "SKU-2": f"{LONG}2"}
    for shop in home.shops.values():
        for sku, name in names.items():
            shop.set_sku(sku, name)
    home.skus[1:] = names.values()
    home.open()
    home.act("us", f"{LONG}1", -3)
    home.act("us", f"{LONG}2", -7)
    home.advance(10)
    assert_at_rest(home)
    assert check(home).summary["equal"] == 3
    [found] = home.do(home.process.service.stock(f"{LONG}2", live=False))
    assert found.shared == 43
    assert_conserved(home)
    assert home.process.supervisor.down() == {}
    assert standing(home) == []


def test_a_handle_and_a_location_of_3000_characters(anywhere):
    home = anywhere(items=3)
    for shop in home.shops.values():
        shop.rename_location(next(iter(shop.locations)), LONG)
        shop.rename("thing-2", LONG)
    home.open()
    home.shops["us"].rename(LONG, f"{LONG}x")
    home._mail.ring()
    home.advance(MINUTE)
    home.act("us", "SKU-2", -3)
    home.advance(10)
    assert standing(home) == ["renamed"]
    [place] = home.do(home.process.service.places())[0]
    assert len(place.name) <= 200
    assert_at_rest(home)
    assert_conserved(home)


@pytest.fixture
def refusing(monkeypatch):
    """Have the database refuse the variants of an item, as it may for reasons yet unknown."""
    refused = set()
    whole = Cataloguer._keep

    def keep(self, variants, ledger, gone=()):
        if refused & {each.sku for each in variants}:
            ledger.run(text("INSERT INTO variant (store) VALUES (NULL)"))
        return whole(self, variants, ledger, gone)

    monkeypatch.setattr(Cataloguer, "_keep", keep)
    return refused


def test_a_variant_that_cannot_be_kept_holds_up_no_other(anywhere, refusing):
    """All others are read and share their stock; it is told once, and joins when it can be kept."""
    refusing.add("SKU-3")
    home = anywhere(items=5)
    home.open()
    rest = [sku for sku in home.skus if sku != "SKU-3"]
    for sku in rest:
        home.act("us", sku, -2)
    home.advance(4 * MINUTE)
    assert {home.shows("eu", sku) for sku in rest} == {48}
    assert home.process.supervisor.down() == {}
    assert {row["product_id"] for row in to_read(home)} == {
        product_id(home, alias, "SKU-3") for alias in home.shops
    }
    assert standing(home) == ["product_unread"] * 2
    refusing.clear()
    home.advance(5 * MINUTE)
    assert to_read(home) == []
    assert_all_green(home)
