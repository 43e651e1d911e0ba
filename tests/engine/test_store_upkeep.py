"""A store's upkeep: one bad product, page, location or subscription holds up only itself."""

import pytest

from sync_core.domain.values import Mode
from sync_core.workers.context import EngineConfig
from tests.engine.test_sender import HOUR, MINUTE, assert_quiet, release_withheld, standing, told

BROKEN, REFUSED = "INTERNAL_SERVER_ERROR", "INVALID_VARIABLE"


def product_id(harness, alias, sku):
    return harness.shops[alias].item(sku).variant.product.id


def break_product(harness, sku, code=REFUSED, alias="us"):
    """Make a product unreadable, and say that it has changed; return what mends it."""
    shop = harness.shops[alias]
    gid = f"gid://shopify/Product/{product_id(harness, alias, sku)}"
    shop.faults.field_errors[gid] = code
    change(harness, sku, alias)
    return lambda: shop.faults.field_errors.pop(gid)


def change(harness, sku, alias="us"):
    """Change what a product is called, so that it has to be read."""
    shop = harness.shops[alias]
    product = shop.products[product_id(harness, alias, sku)]
    shop.rename(product.handle, f"{product.handle}-x")
    harness._mail_wakeup.notify()


def to_read(harness):
    return harness.rows("SELECT product_id, attempts FROM product_to_read")


def assert_kept(harness):
    """Subscriptions are made, and a change that nobody told is found."""
    shop = harness.shops["us"]
    shop.drop_subscriptions()
    harness.change_stock("us", "SKU-1", -3)
    harness.advance(HOUR + 12 * MINUTE)
    assert len(shop.webhooks.subscriptions) >= 5
    assert harness.shows("eu", "SKU-1") == harness.expected("SKU-1")


@pytest.mark.parametrize("code", [REFUSED, BROKEN])
def test_a_product_that_cannot_be_read_stops_nothing_else(build_harness, code):
    """It is skipped, tried later, told once, and its end is told once."""
    harness = build_harness(opened=True)
    mend = break_product(harness, "SKU-0", code)
    harness.advance(5 * MINUTE)
    assert standing(harness) == ["product_unread"]
    change(harness, "SKU-1")
    harness.advance(5 * MINUTE)
    assert [row["product_id"] for row in to_read(harness)] == [product_id(harness, "us", "SKU-0")]
    assert_kept(harness)
    release_withheld(harness, 5)
    assert told(harness, "product_unread") == [0]
    assert to_read(harness)[0]["attempts"] <= 14
    assert "unreachable" not in {
        row["kind"] for row in harness.rows("SELECT kind FROM notification")
    }
    mend()
    harness.advance(HOUR + 2 * MINUTE)
    assert told(harness, "product_unread") == [0, 1]
    assert to_read(harness) == []
    harness.rest(HOUR)
    assert set(standing(harness)) == {"renamed"}


def test_a_store_that_is_down_is_not_the_fault_of_its_products(build_harness):
    """All are read when it is back; nobody is told of products."""
    harness = build_harness(opened=True, items=5)
    for sku in harness.skus:
        change(harness, sku)
    harness.shops["us"].faults.outage = True
    harness.advance(15 * MINUTE)
    assert len(to_read(harness)) == 5
    harness.shops["us"].faults.outage = False
    harness.advance(15 * MINUTE)
    assert to_read(harness) == []
    assert told(harness, "product_unread") == []
    assert set(standing(harness)) == {"renamed"}


def test_a_product_that_changes_while_it_is_read_is_read_once_more(build_harness):
    """The first reading may have been too early."""
    harness = build_harness(opened=True)
    change(harness, "SKU-0")
    for _ in range(10):
        change(harness, "SKU-0")
        harness.advance(0.05)
    harness.advance(MINUTE)
    product = harness.shops["us"].products[product_id(harness, "us", "SKU-0")]
    [row] = harness.rows("SELECT handle FROM variant WHERE store = 'us' AND sku = 'SKU-0'")
    assert row["handle"] == product.handle
    assert to_read(harness) == []


@pytest.mark.parametrize("code", [REFUSED, BROKEN])
def test_a_catalogue_that_cannot_be_read_stops_nothing_else(build_harness, code):
    """The daily renewal fails on one page: with pauses that grow, told once, closed once."""
    harness = build_harness(opened=True)
    release_withheld(harness, 23, awake=MINUTE)
    harness.shops["us"].faults.field_errors["variants"] = code
    release_withheld(harness, 4)
    harness.advance(10 * MINUTE)
    assert standing(harness) == ["request_refused"]
    assert_kept(harness)
    assert told(harness, "request_refused") == [0]
    harness.shops["us"].faults.field_errors.clear()
    harness.advance(HOUR + 5 * MINUTE)
    assert told(harness, "request_refused") == [0, 1]
    harness.rest(HOUR)
    assert_quiet(harness)


def test_a_missing_scope_for_reading_products_does_not_stop_writing(build_harness):
    """The store knows us: nothing is held and let go each minute."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.field_errors["variants"] = "ACCESS_DENIED"
    release_withheld(harness, 26)
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(10 * MINUTE)
    assert harness.shows("us", "SKU-0") == 45
    assert told(harness, "store_blocked") == []
    assert told(harness, "request_refused") == [0]
    harness.shops["us"].faults.field_errors.clear()
    harness.advance(HOUR + 5 * MINUTE)
    assert_quiet(harness)


def test_a_topic_without_an_answer_stops_no_other_topic_and_no_catch_up(build_harness):
    harness = build_harness(opened=True)
    shop = harness.shops["us"]
    shop.faults.field_errors["PRODUCTS_UPDATE"] = BROKEN
    assert_kept(harness)
    harness.advance(10 * MINUTE)
    topics = {each.topic for each in shop.webhooks.subscriptions.values()}
    assert "PRODUCTS_UPDATE" not in topics
    assert "INVENTORY_LEVELS_UPDATE" in topics
    assert "request_refused" in standing(harness)
    shop.faults.field_errors.clear()
    harness.advance(2 * HOUR)
    assert "PRODUCTS_UPDATE" in {each.topic for each in shop.webhooks.subscriptions.values()}
    assert_quiet(harness)


@pytest.mark.parametrize("code", [REFUSED, BROKEN])
def test_a_location_that_was_behind_misses_nothing_of_that_time(build_harness, code):
    """The list of one location fails for hours, across a restart; the other one goes on."""
    harness = build_harness(config=EngineConfig(recheck_every=30))
    for shop in harness.shops.values():
        shop.stock(shop.item("SKU-0").id, shop.add_location("Second"), 50)
        shop.faults.webhook_lost = 1.0
    harness.open()
    harness.advance(MINUTE)
    us = harness.shops["us"]
    first = next(iter(us.locations))
    us.faults.field_errors[f"gid://shopify/Location/{first}"] = code
    us.sell("SKU-1", 2, first)
    release_withheld(harness, 3)
    harness.kill()
    harness.start()
    harness.advance(25 * MINUTE)
    assert "location_refused" in standing(harness)
    us.faults.field_errors.clear()
    harness.advance(15 * MINUTE)
    assert harness.shows("eu", "SKU-1") == 48
    assert "location_refused" not in standing(harness)
    assert harness.rows("SELECT location FROM location WHERE behind_since IS NOT NULL") == []


def test_a_store_that_lists_no_changes_is_asked_seldom(build_harness):
    """Its only location: nothing spins, people are told, and it is over when it answers."""
    harness = build_harness(opened=True)
    us = harness.shops["us"]
    us.faults.field_errors[f"gid://shopify/Location/{next(iter(us.locations))}"] = BROKEN
    us.faults.webhook_lost = 1.0
    us.sell("SKU-1", 2)
    harness.advance(20 * MINUTE)
    asked = us.counts.requests - us.counts.metafield_writes  # its mark is renewed every 30 seconds
    points = harness.process.fuse.points
    harness.advance(10 * MINUTE)
    assert us.counts.requests - us.counts.metafield_writes - asked < 20
    assert harness.process.fuse.points - points < 2000
    assert standing(harness) == ["request_refused"]
    us.faults.field_errors.clear()
    us.faults.webhook_lost = 0.0
    harness.advance(HOUR + 5 * MINUTE)
    assert harness.shows("eu", "SKU-1") == 48
    harness.advance(HOUR)
    assert standing(harness) == []


def test_a_mode_is_kept_while_chores_fail(build_harness):
    """A store whose upkeep fails in everything but who it is goes on being written to."""
    harness = build_harness(opened=True)
    shop = harness.shops["us"]
    shop.faults.field_errors["variants"] = REFUSED
    release_withheld(harness, 25)
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(MINUTE)
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(5)
    assert harness.shows("us", "SKU-0") == 45


def test_uninstalled_is_believed_only_when_the_store_says_so(build_harness):
    """Any signed body can be sent again under that topic: signatures do not cover it."""
    harness = build_harness(opened=True)
    shop = harness.shops["us"]
    shop.emit("app/uninstalled", shop._shop_body())
    harness.change_stock("eu", "SKU-0", -3)
    harness.advance(5)
    assert harness.shows("us", "SKU-0") == harness.expected("SKU-0")
    assert harness.rows("SELECT alias FROM store WHERE blocked_since IS NOT NULL") == []
    harness.advance(MINUTE)
    assert_quiet(harness)
    assert told(harness, "store_blocked") == []


def test_an_app_that_was_uninstalled_blocks_its_store_within_seconds(build_harness):
    """And nothing is lost: what was owed is written once the app is back."""
    harness = build_harness(opened=True)
    shop = harness.shops["us"]
    token = shop.access.permanent_token
    shop.uninstall()
    harness.advance(3)
    assert harness.rows("SELECT alias FROM store WHERE blocked_since IS NOT NULL")
    harness.change_stock("eu", "SKU-0", -3)
    harness.advance(5 * MINUTE)
    assert standing(harness) == ["store_blocked"]
    shop.access.permanent_token, shop.access.permitted = token, True
    harness.advance(2 * MINUTE)
    assert harness.shows("us", "SKU-0") == harness.expected("SKU-0")
    assert_quiet(harness)
