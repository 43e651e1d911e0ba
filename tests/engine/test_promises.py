"""What the engine promises, one story each, with the real client and database."""

import json
from datetime import timedelta

import pytest

from sandbox.faults import ShopFault
from sync_core.domain.admin_pages import order_page
from sync_core.domain.values import Mode
from sync_core.workers.context import EngineConfig
from tests.simulation.harness import assert_at_rest, assert_conserved

READS = 0


def kinds(build_harness):
    """Return the kinds of findings that stand."""
    return [
        row["kind"]
        for row in build_harness.rows("SELECT kind FROM finding WHERE closed_at IS NULL")
    ]


def asked(shop):
    """How often a store was asked something, its mark apart: that is renewed every 30 seconds."""
    return shop.counts.requests - shop.counts.metafield_writes


def test_the_two_scenarios_hold(build_harness):
    """5 sold in the destination, then 10 restocked in the source."""
    harness = build_harness(opened=True)
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(1)
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (45, 45)
    harness.change_stock("eu", "SKU-0", 10)
    harness.advance(1)
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (55, 55)
    assert_conserved(harness)


def test_a_single_sale_costs_one_write_and_no_look(build_harness):
    """The webhook's own value is good enough."""
    harness = build_harness(opened=True)
    before = {alias: asked(shop) for alias, shop in harness.shops.items()}
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(60)
    after = {alias: asked(shop) for alias, shop in harness.shops.items()}
    assert (after["us"] - before["us"], after["eu"] - before["eu"]) == (READS, 1)


@pytest.mark.parametrize("both", [False, True], ids=["in one store", "in both stores"])
def test_a_burst_costs_full_batches_and_no_reads(build_harness, both):
    """1,000 changes within a second: at most 0.08 points each."""
    harness = build_harness(items=500 if both else 1000)
    harness.open()
    harness.advance(60)  # a thousand first looks cost more than a full bucket
    counts = {}
    for alias, shop in harness.shops.items():
        counts[alias] = asked(shop), shop.counts.mutations - shop.counts.metafield_writes
    aliases = list(harness.shops) if both else ["us"]
    for number, sku in enumerate(harness.skus):
        for alias in aliases:
            harness.change_stock(alias, sku, -1 - number % 3)
        if number % 100 == 0:
            harness.advance(0.1)
    harness.advance(8)
    assert_at_rest(harness)
    assert_conserved(harness)
    requests = sum(asked(s) - counts[a][0] for a, s in harness.shops.items())
    mutations = sum(
        s.counts.mutations - s.counts.metafield_writes - counts[a][1]
        for a, s in harness.shops.items()
    )
    assert requests == mutations, "a read crept in"
    assert mutations * 13 / 1000 <= 0.08, mutations


def test_a_hot_item_gets_one_write_and_one_look_in_turn(build_harness):
    """5 sales a second in each store: neither store starves, and neither is flooded."""
    harness = build_harness(items=1, opened=False)
    harness.open()
    first = {alias: len(harness.written(alias, "SKU-0")) for alias in harness.shops}
    for _ in range(20 * 5):
        for alias in harness.shops:
            harness.change_stock(alias, "SKU-0", -1, till=True)
        harness.advance(0.2)
    harness.advance(4)
    assert_at_rest(harness)
    for alias in harness.shops:
        assert len(harness.written(alias, "SKU-0")) - first[alias] <= (20 + 4) / 2 + 1
    assert_conserved(harness)


def test_one_refused_row_holds_up_only_itself(build_harness):
    """A bundle among 250: the others are written, and people are told why it was not."""
    harness = build_harness(items=250)
    harness.open()
    harness.shops["us"].set_bundle("SKU-77")
    for sku in harness.skus:
        harness.change_stock("eu", sku, -1)
    harness.advance(10)
    shown = {sku: harness.shows("us", sku) for sku in harness.skus}
    assert {sku for sku, n in shown.items() if n != 49} == {"SKU-77"}
    assert shown["SKU-77"] == 50
    assert kinds(harness) == ["suspended"]
    [finding] = harness.rows("SELECT facts FROM finding WHERE closed_at IS NULL")
    assert "refused" in finding["facts"]
    assert "not allowed" in finding["facts"]
    # Once it is no bundle any more, the hourly look takes it back and it is written.
    harness.shops["us"].set_bundle("SKU-77", bundle=False)
    harness.advance(3700)
    assert_at_rest(harness)
    assert kinds(harness) == []


def test_a_store_that_is_down_holds_up_only_itself(build_harness, caplog):
    """Two stores go on; the third is written the sum when it is back. Silence is said once."""
    harness = build_harness(stores=3, opened=True)
    harness.shops["uk"].faults.outage = True
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(1)
    assert harness.shows("eu", "SKU-0") == 45
    for _ in range(10):
        harness.change_stock("eu", "SKU-0", -1)
        harness.advance(30)
    assert harness.shows("us", "SKU-0") == 35
    assert "unreachable" in kinds(harness)
    assert "uk does not answer" in caplog.text
    assert "takes no updates" not in caplog.text
    before = len(harness.written("uk", "SKU-0"))
    harness.shops["uk"].faults.outage = False
    harness.advance(150)
    assert_at_rest(harness)
    assert len(harness.written("uk", "SKU-0")) - before <= 2, "differences net out"
    harness.advance(700)
    assert kinds(harness) == []


def test_a_dead_token_holds_the_store_and_tells_once(build_harness):
    """Deltas are kept, and written when the token works again."""
    harness = build_harness(opened=True)
    tokens = harness.shops["us"].access
    known, tokens.permanent_token = tokens.permanent_token, "shpat_other"
    for _ in range(5):
        harness.change_stock("eu", "SKU-0", -1)
        harness.advance(100)
    assert kinds(harness) == ["store_blocked"]
    assert len(harness.rows("SELECT id FROM notification WHERE kind = 'store_blocked'")) == 1
    tokens.permanent_token = known
    harness.advance(130)
    assert harness.shows("us", "SKU-0") == 45
    assert kinds(harness) == []


def test_a_key_that_is_too_old_is_never_sent_blindly(build_harness):
    """Nobody can say whether it was written: people are told both numbers."""
    harness = build_harness(opened=True)
    shop = harness.shops["us"]
    shop.faults.next = [ShopFault.DROP_AFTER]
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(0.2)
    shop.faults.outage = True
    harness.advance(300)
    harness.loop.passed += timedelta(hours=21).total_seconds()  # the machine slept
    harness.advance(60)
    shop.faults.outage = False
    harness.advance(200)
    assert len(harness.written("us", "SKU-0")) == 1
    assert harness.shows("us", "SKU-0") == 45
    [finding] = harness.rows(
        "SELECT facts FROM finding WHERE kind='suspended' AND closed_at IS NULL"
    )
    assert '"why": "unfinished"' in finding["facts"]
    assert '"book": 50' in finding["facts"]
    assert '"if_written": 45' in finding["facts"]
    # The pool's other levels go on, and the other items too.
    harness.change_stock("us", "SKU-1", -1)
    harness.advance(2)
    assert harness.shows("eu", "SKU-1") == 49


def test_a_lost_answer_is_asked_for_with_the_same_key(build_harness):
    """It was written once, however often it was sent."""
    harness = build_harness(opened=True)
    harness.shops["eu"].faults.next = [
        ShopFault.DROP_AFTER,
        ShopFault.ERROR_AFTER,
        ShopFault.TRUNCATED,
    ]
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(30)
    assert harness.written("eu", "SKU-0") == [-5]
    assert_at_rest(harness)
    [batch] = harness.rows("SELECT attempts FROM batch WHERE store = 'eu'")
    assert batch["attempts"] == 4


def test_one_way_follows_the_source_only(build_harness):
    """A destination's own change moves its book, is written nowhere, and stays."""
    harness = build_harness()
    harness.advance(2)
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(5)
    harness.change_stock("us", "SKU-0", -3)
    harness.advance(5)
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (50, 47)
    assert harness.written("us", "SKU-0") == []
    harness.change_stock("eu", "SKU-1", -5)
    harness.advance(5)
    assert harness.shows("us", "SKU-1") == 45
    assert_conserved(harness)


def test_a_first_meeting_decides_nothing(build_harness):
    """Equal is agreed; different is left alone and listed, and nothing is written."""
    harness = build_harness()
    harness.shops["us"].edit("SKU-0", to=47)
    harness.advance(2)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(5)
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (50, 47)
    assert kinds(harness) == ["differs"]
    [level_baseline] = harness.do(harness.process.service.baselines())
    assert (level_baseline.agreed, level_baseline.differing, level_baseline.waiting) == (1, 1, 0)
    assert level_baseline.worst[0].shows == 47
    # Once somebody makes them equal, they are adopted without being asked.
    harness.shops["us"].edit("SKU-0", to=50)
    harness.advance(5)
    assert kinds(harness) == []


def test_off_writes_and_counts_nothing(build_harness):
    """And the way back is a new first meeting."""
    harness = build_harness(opened=True)
    harness.set_mode(Mode.OFF)
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(5)
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (50, 45)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(5)
    assert kinds(harness) == ["differs"]
    assert harness.written("eu", "SKU-0") == []


def test_a_mode_changed_in_mid_flight_settles_what_is_open(build_harness):
    """Flags change; an adjustment that left is resolved as ever."""
    harness = build_harness(opened=True, latency=0.5)
    harness.advance(5)  # the lease takes some requests
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(0.4)
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(15)
    assert harness.written("us", "SKU-0") == [-5]
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (45, 45)
    assert_conserved(harness)
    assert kinds(harness) == []


def test_paused_counts_and_resumed_writes_the_sum(build_harness):
    """`pause` stops writing, not counting."""
    harness = build_harness(opened=True)
    harness.do(harness.process.service.pause(by="ann"))
    for _ in range(3):
        harness.change_stock("us", "SKU-0", -2)
        harness.advance(3)
    assert harness.shows("eu", "SKU-0") == 50
    harness.do(harness.process.service.resume())
    harness.process.context.store_work.notify()
    harness.advance(2)
    assert harness.written("eu", "SKU-0") == [-6]


def test_a_lost_subscription_is_made_again_and_what_was_missed_is_found(build_harness):
    """Shopify deletes subscriptions silently; we look every hour."""
    harness = build_harness(opened=True, config=EngineConfig(catch_up_every=0, recheck_every=30))
    harness.shops["us"].drop_subscriptions()
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(3500)
    assert harness.shows("eu", "SKU-0") == 50
    harness.advance(300)
    assert_at_rest(harness)
    assert len(harness.shops["us"].webhooks.subscriptions) >= 5
    assert set(kinds(harness)) == {"webhooks_gone", "webhooks_missed"}


def test_without_webhooks_polling_does_it(build_harness):
    """No public address: stores are asked every five seconds."""
    harness = build_harness(config=EngineConfig(poll_every=5.0, recheck_every=30))
    for shop in harness.shops.values():
        shop.faults.webhook_lost = 1.0
    harness.open()
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(12)
    assert_at_rest(harness)


def test_a_renamed_handle_keeps_its_pool_and_becomes_a_notice(build_harness):
    """Identity is item and location, whatever the product is called."""
    harness = build_harness(opened=True)
    harness.shops["us"].rename("thing-0", "new-thing")
    harness._mail_wakeup.notify()
    harness.advance(5)
    assert kinds(harness) == ["renamed"]
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(2)
    assert_at_rest(harness)


def test_a_new_product_joins_when_both_stores_have_it(build_harness):
    """Products created later are matched by their webhooks."""
    harness = build_harness(opened=True)
    for shop in harness.shops.values():
        product = shop.add_product("Late", "late")
        shop.set_sku(product.variants[0].item.id, "SKU-L")
        shop.restock("SKU-L", 7)
    harness._mail_wakeup.notify()
    harness.advance(20)
    harness.shops["us"].sell("SKU-L", 2)
    harness._mail_wakeup.notify()
    harness.advance(5)
    assert harness.shows("eu", "SKU-L") == 5


def test_untracked_is_not_zero(build_harness):
    """The level is left alone and said so; tracked again, it meets anew."""
    harness = build_harness(opened=True)
    harness.shops["us"].untrack("SKU-0")
    harness.change_stock("us", "SKU-1", -1)
    harness.advance(700)
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(700)
    assert harness.shows("eu", "SKU-0") == 45
    assert "suspended" in kinds(harness)
    assert harness.shows("eu", "SKU-1") == 49


def test_a_deleted_item_is_left_alone(build_harness):
    """The pool's other levels go on."""
    harness = build_harness(stores=3, opened=True)
    harness.shops["uk"].delete_product("thing-0")
    harness._mail_wakeup.notify()
    harness.advance(10)
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(5)
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (45, 45)
    assert kinds(harness) == ["suspended"]


def test_an_uninstalled_app_stops_writing(build_harness):
    """No retries for ever: the store is held, and people are told."""
    harness = build_harness(opened=True)
    harness.shops["us"].uninstall()
    harness._mail_wakeup.notify()
    harness.advance(5)
    requests = asked(harness.shops["us"])
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(300)
    assert kinds(harness) == ["store_blocked"]
    assert asked(harness.shops["us"]) - requests <= 12


def test_another_shop_at_the_same_address_stops_the_store(build_harness):
    """A wrong token or domain must never write to a stranger's stock."""
    harness = build_harness(opened=True)
    harness.kill()
    harness.shops["us"].id = 99
    harness.start()
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(5)
    assert kinds(harness) == ["store_blocked"]
    assert harness.written("us", "SKU-0") == []


def test_oversold_is_written_as_it_is_and_told(build_harness):
    """Both stores sell the last unit: both end at -1, and somebody is told."""
    harness = build_harness(opened=True)
    harness.change_stock("eu", "SKU-0", -49)
    harness.advance(3)
    harness.change_stock("eu", "SKU-0", -1)
    harness.change_stock("us", "SKU-0", -1)
    harness.advance(5)
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (-1, -1)
    assert kinds(harness) == ["oversold"]
    harness.change_stock("eu", "SKU-0", 5)
    harness.advance(5)
    assert kinds(harness) == []


def test_an_oversold_product_names_the_orders(build_harness):
    """Whoever has to call a customer must know which: the order's webhook may come last."""
    harness = build_harness(orders=True)
    harness.open()
    harness.change_stock("eu", "SKU-0", -49)
    harness.advance(5)
    harness.shops["eu"].sell("SKU-0", 1, race=True)
    harness.shops["us"].sell("SKU-0", 1, race=True)
    harness.advance(10)
    [finding] = harness.rows(
        "SELECT facts FROM finding WHERE kind='oversold' AND closed_at IS NULL"
    )
    told = json.loads(finding["facts"])["orders"]
    assert sorted(told, key=lambda each: each["store"]) == [
        as_told(alias, shop) for alias, shop in sorted(harness.shops.items())
    ]


def as_told(alias, shop):
    """Return a shop's last order as people are told of it."""
    order = list(shop.orders.values())[-1]
    return {"store": alias, "name": order.name, "page": order_page(shop.domain, order.id)}


def test_an_oversell_that_only_a_second_look_shows_names_its_order(build_harness):
    """A sale within the second of our own write is read again: by then its order is known."""
    harness = build_harness(orders=True)
    harness.open()
    harness.shops["eu"].sell("SKU-0", 30)
    harness.advance(0.4)
    harness.shops["us"].sell("SKU-0", 30, race=True)
    harness.advance(10)
    [move] = harness.rows("SELECT source FROM movement WHERE shared < 0")
    assert move["source"] == "refresh"
    [finding] = harness.rows(
        "SELECT facts FROM finding WHERE kind='oversold' AND closed_at IS NULL"
    )
    told = as_told("us", harness.shops["us"])
    assert json.loads(finding["facts"])["orders"] == [told]
    moved = harness.do(harness.process.service.activity())
    assert [each.page for each in moved if each.store == "us"] == [told["page"]]
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (-10, -10)


def test_history_names_the_order(build_harness):
    """Who moved what, which order, and what Tipo wrote."""
    harness = build_harness(orders=True)
    harness.open()
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(3)
    harness.change_stock("eu", "SKU-0", 10)
    harness.advance(3)
    [pool] = harness.do(harness.process.service.stock("sku-0"))
    entries = harness.do(harness.process.service.history(pool.id))
    told = [(each.store, each.kind, each.delta, each.cause) for each in entries]
    assert told == [
        ("us", "movement", -5, "order #1042"),
        ("eu", "adjustment", -5, ""),
        ("eu", "movement", 10, "restock or edit"),
        ("us", "adjustment", 10, ""),
    ]


@pytest.mark.parametrize("gone", ["close_location", "delete_location"])
def test_a_location_that_is_gone_holds_up_only_its_levels(build_harness, gone):
    """Stores go on; the levels there are left alone and said so."""
    harness = build_harness(stores=3, opened=True)
    uk = harness.shops["uk"]
    getattr(uk, gone)(next(iter(uk.locations)))
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(800)
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (45, 45)
    harness.advance(3600)
    assert set(kinds(harness)) & {"location_closed", "suspended"}
    assert "store_blocked" not in kinds(harness)


def test_the_same_mode_again_changes_nothing(build_harness):
    """A new first meeting is for a new mode."""
    harness = build_harness(opened=True)
    harness.set_mode(Mode.TWO_WAY)
    assert {row["baselined"] for row in harness.rows("SELECT baselined FROM level")} == {1}
