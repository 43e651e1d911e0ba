"""A store's upkeep: one bad product, page, location or subscription holds up only itself."""

import pytest

from sync_core.domain.values import Mode
from sync_core.workers.context import Pace
from tests.engine.test_sending import HOUR, MINUTE, assert_quiet, let_pass, standing, told

BROKEN, REFUSED = "INTERNAL_SERVER_ERROR", "INVALID_VARIABLE"


def product_id(home, alias, sku):
    return home.shops[alias].item(sku).variant.product.id


def break_product(home, sku, code=REFUSED, alias="us"):
    """Make a product unreadable, and say that it has changed; return what mends it."""
    shop = home.shops[alias]
    gid = f"gid://shopify/Product/{product_id(home, alias, sku)}"
    shop.faults.stumbles[gid] = code
    change(home, sku, alias)
    return lambda: shop.faults.stumbles.pop(gid)


def change(home, sku, alias="us"):
    """Change what a product is called, so that it has to be read."""
    shop = home.shops[alias]
    product = shop.products[product_id(home, alias, sku)]
    shop.rename(product.handle, f"{product.handle}-x")
    home._mail.ring()


def to_read(home):
    return home.rows("SELECT product_id, attempts FROM product_to_read")


def assert_kept(home):
    """Subscriptions are made, and a change that nobody told is found."""
    shop = home.shops["us"]
    shop.drop_subscriptions()
    home.act("us", "SKU-1", -3)
    home.advance(HOUR + 12 * MINUTE)
    assert len(shop.post.subscriptions) >= 5
    assert home.shows("eu", "SKU-1") == home.expected("SKU-1")


@pytest.mark.parametrize("code", [REFUSED, BROKEN])
def test_a_product_that_cannot_be_read_stops_nothing_else(house, code):
    """It is skipped, tried later, told once, and its end is told once."""
    home = house(opened=True)
    mend = break_product(home, "SKU-0", code)
    home.advance(5 * MINUTE)
    assert standing(home) == ["product_unread"]
    change(home, "SKU-1")
    home.advance(5 * MINUTE)
    assert [row["product_id"] for row in to_read(home)] == [product_id(home, "us", "SKU-0")]
    assert_kept(home)
    let_pass(home, 5)
    assert told(home, "product_unread") == [0]
    assert to_read(home)[0]["attempts"] <= 14
    assert "unreachable" not in {row["kind"] for row in home.rows("SELECT kind FROM notice")}
    mend()
    home.advance(HOUR + 2 * MINUTE)
    assert told(home, "product_unread") == [0, 1]
    assert to_read(home) == []
    home.advance(HOUR)
    assert set(standing(home)) == {"renamed"}


def test_a_store_that_is_down_is_not_the_fault_of_its_products(house):
    """All are read when it is back; nobody is told of products."""
    home = house(opened=True, items=5)
    for sku in home.skus:
        change(home, sku)
    home.shops["us"].faults.outage = True
    home.advance(15 * MINUTE)
    assert len(to_read(home)) == 5
    home.shops["us"].faults.outage = False
    home.advance(15 * MINUTE)
    assert to_read(home) == []
    assert told(home, "product_unread") == []
    assert set(standing(home)) == {"renamed"}


def test_a_product_that_changes_while_it_is_read_is_read_once_more(house):
    """The first reading may have been too early."""
    home = house(opened=True)
    change(home, "SKU-0")
    for _ in range(10):
        change(home, "SKU-0")
        home.advance(0.05)
    home.advance(MINUTE)
    product = home.shops["us"].products[product_id(home, "us", "SKU-0")]
    [row] = home.rows("SELECT handle FROM variant WHERE store = 'us' AND sku = 'SKU-0'")
    assert row["handle"] == product.handle
    assert to_read(home) == []


@pytest.mark.parametrize("code", [REFUSED, BROKEN])
def test_a_catalogue_that_cannot_be_read_stops_nothing_else(house, code):
    """The daily renewal fails on one page: with pauses that grow, told once, closed once."""
    home = house(opened=True)
    let_pass(home, 23)
    home.shops["us"].faults.stumbles["variants"] = code
    let_pass(home, 4)
    home.advance(10 * MINUTE)
    assert standing(home) == ["request_refused"]
    assert_kept(home)
    assert told(home, "request_refused") == [0]
    home.shops["us"].faults.stumbles.clear()
    home.advance(HOUR + 5 * MINUTE)
    assert told(home, "request_refused") == [0, 1]
    home.advance(HOUR)
    assert_quiet(home)


def test_a_missing_scope_for_reading_products_does_not_stop_writing(house):
    """The store knows us: nothing is held and let go each minute."""
    home = house(opened=True)
    home.shops["us"].faults.stumbles["variants"] = "ACCESS_DENIED"
    let_pass(home, 26)
    home.act("eu", "SKU-0", -5)
    home.advance(10 * MINUTE)
    assert home.shows("us", "SKU-0") == 45
    assert told(home, "held") == []
    assert told(home, "request_refused") == [0]
    home.shops["us"].faults.stumbles.clear()
    home.advance(HOUR + 5 * MINUTE)
    assert_quiet(home)


def test_a_topic_without_an_answer_stops_no_other_topic_and_no_catch_up(house):
    home = house(opened=True)
    shop = home.shops["us"]
    shop.faults.stumbles["PRODUCTS_UPDATE"] = BROKEN
    assert_kept(home)
    home.advance(10 * MINUTE)
    topics = {each.topic for each in shop.post.subscriptions.values()}
    assert "PRODUCTS_UPDATE" not in topics
    assert "INVENTORY_LEVELS_UPDATE" in topics
    assert "request_refused" in standing(home)
    shop.faults.stumbles.clear()
    home.advance(2 * HOUR)
    assert "PRODUCTS_UPDATE" in {each.topic for each in shop.post.subscriptions.values()}
    assert_quiet(home)


@pytest.mark.parametrize("code", [REFUSED, BROKEN])
def test_a_location_that_was_behind_misses_nothing_of_that_time(house, code):
    """The list of one location fails for hours, across a restart; the other one goes on."""
    home = house(pace=Pace(listen=30))
    for shop in home.shops.values():
        shop.stock(shop.item("SKU-0").id, shop.add_location("Second"), 50)
        shop.faults.webhook_lost = 1.0
    home.open()
    home.advance(MINUTE)
    us = home.shops["us"]
    first = next(iter(us.locations))
    us.faults.stumbles[f"gid://shopify/Location/{first}"] = code
    us.sell("SKU-1", 2, first)
    let_pass(home, 3)
    home.kill()
    home.start()
    home.advance(25 * MINUTE)
    assert "location_refused" in standing(home)
    us.faults.stumbles.clear()
    home.advance(15 * MINUTE)
    assert home.shows("eu", "SKU-1") == 48
    assert "location_refused" not in standing(home)
    assert home.rows("SELECT location FROM location WHERE behind_since IS NOT NULL") == []


def test_a_store_that_lists_no_changes_is_asked_seldom(house):
    """Its only location: nothing spins, people are told, and it is over when it answers."""
    home = house(opened=True)
    us = home.shops["us"]
    us.faults.stumbles[f"gid://shopify/Location/{next(iter(us.locations))}"] = BROKEN
    us.faults.webhook_lost = 1.0
    us.sell("SKU-1", 2)
    home.advance(20 * MINUTE)
    asked = us.counts.requests - us.counts.marks  # its mark is renewed every 30 seconds
    points = home.process.fuse.points
    home.advance(10 * MINUTE)
    assert us.counts.requests - us.counts.marks - asked < 20
    assert home.process.fuse.points - points < 2000
    assert standing(home) == ["request_refused"]
    us.faults.stumbles.clear()
    us.faults.webhook_lost = 0.0
    home.advance(HOUR + 5 * MINUTE)
    assert home.shows("eu", "SKU-1") == 48
    home.advance(HOUR)
    assert standing(home) == []


def test_a_mode_is_kept_while_chores_fail(house):
    """A store whose upkeep fails in everything but who it is goes on being written to."""
    home = house(opened=True)
    shop = home.shops["us"]
    shop.faults.stumbles["variants"] = REFUSED
    let_pass(home, 25)
    home.set_mode(Mode.ONE_WAY)
    home.advance(MINUTE)
    home.act("eu", "SKU-0", -5)
    home.advance(5)
    assert home.shows("us", "SKU-0") == 45
