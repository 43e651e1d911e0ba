"""What the engine promises, one story each, with the real client and database."""

import json
from datetime import timedelta

import pytest

from sandbox.faults import Answer
from sync_core.domain.values import Mode
from sync_core.workers.context import Pace
from tests.simulation.house import assert_at_rest, assert_conserved

READS = 0


def kinds(house):
    """Return the kinds of findings that stand."""
    return [row["kind"] for row in house.rows("SELECT kind FROM finding WHERE closed_at IS NULL")]


def asked(shop):
    """How often a store was asked something, its mark apart: that is renewed every 30 seconds."""
    return shop.counts.requests - shop.counts.marks


def test_the_two_scenarios_hold(house):
    """5 sold in the destination, then 10 restocked in the source."""
    home = house(opened=True)
    home.act("us", "SKU-0", -5)
    home.advance(1)
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (45, 45)
    home.act("eu", "SKU-0", 10)
    home.advance(1)
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (55, 55)
    assert_conserved(home)


def test_a_single_sale_costs_one_write_and_no_look(house):
    """The webhook's own value is good enough."""
    home = house(opened=True)
    before = {alias: asked(shop) for alias, shop in home.shops.items()}
    home.act("us", "SKU-0", -5)
    home.advance(60)
    after = {alias: asked(shop) for alias, shop in home.shops.items()}
    assert (after["us"] - before["us"], after["eu"] - before["eu"]) == (READS, 1)


@pytest.mark.parametrize("both", [False, True], ids=["in one store", "in both stores"])
def test_a_burst_costs_full_batches_and_no_reads(house, both):
    """1,000 changes within a second: at most 0.08 points each."""
    home = house(items=500 if both else 1000)
    home.open()
    home.advance(60)  # a thousand first looks cost more than a full bucket
    counts = {}
    for alias, shop in home.shops.items():
        counts[alias] = asked(shop), shop.counts.mutations - shop.counts.marks
    aliases = list(home.shops) if both else ["us"]
    for number, sku in enumerate(home.skus):
        for alias in aliases:
            home.act(alias, sku, -1 - number % 3)
        if number % 100 == 0:
            home.advance(0.1)
    home.advance(8)
    assert_at_rest(home)
    assert_conserved(home)
    requests = sum(asked(s) - counts[a][0] for a, s in home.shops.items())
    mutations = sum(
        s.counts.mutations - s.counts.marks - counts[a][1] for a, s in home.shops.items()
    )
    assert requests == mutations, "a read crept in"
    assert mutations * 13 / 1000 <= 0.08, mutations


def test_a_hot_item_gets_one_write_and_one_look_in_turn(house):
    """5 sales a second in each store: neither store starves, and neither is flooded."""
    home = house(items=1, opened=False)
    home.open()
    first = {alias: len(home.written(alias, "SKU-0")) for alias in home.shops}
    for _ in range(20 * 5):
        for alias in home.shops:
            home.act(alias, "SKU-0", -1, till=True)
        home.advance(0.2)
    home.advance(4)
    assert_at_rest(home)
    for alias in home.shops:
        assert len(home.written(alias, "SKU-0")) - first[alias] <= (20 + 4) / 2 + 1
    assert_conserved(home)


def test_one_refused_row_holds_up_only_itself(house):
    """A bundle among 250: the others are written, and people are told why it was not."""
    home = house(items=250)
    home.open()
    home.shops["us"].set_bundle("SKU-77")
    for sku in home.skus:
        home.act("eu", sku, -1)
    home.advance(10)
    shown = {sku: home.shows("us", sku) for sku in home.skus}
    assert {sku for sku, n in shown.items() if n != 49} == {"SKU-77"}
    assert shown["SKU-77"] == 50
    assert kinds(home) == ["suspended"]
    [finding] = home.rows("SELECT facts FROM finding WHERE closed_at IS NULL")
    assert "refused" in finding["facts"]
    assert "not allowed" in finding["facts"]
    # Once it is no bundle any more, the hourly look takes it back and it is written.
    home.shops["us"].set_bundle("SKU-77", bundle=False)
    home.advance(3700)
    assert_at_rest(home)
    assert kinds(home) == []


def test_a_store_that_is_down_holds_up_only_itself(house):
    """Two stores go on; the third is written the sum when it is back."""
    home = house(stores=3, opened=True)
    home.shops["uk"].faults.outage = True
    home.act("us", "SKU-0", -5)
    home.advance(1)
    assert home.shows("eu", "SKU-0") == 45
    for _ in range(10):
        home.act("eu", "SKU-0", -1)
        home.advance(30)
    assert home.shows("us", "SKU-0") == 35
    assert "unreachable" in kinds(home)
    before = len(home.written("uk", "SKU-0"))
    home.shops["uk"].faults.outage = False
    home.advance(150)
    assert_at_rest(home)
    assert len(home.written("uk", "SKU-0")) - before <= 2, "differences net out"
    home.advance(700)
    assert kinds(home) == []


def test_a_dead_token_holds_the_store_and_tells_once(house):
    """Deltas are kept, and written when the token works again."""
    home = house(opened=True)
    tokens = home.shops["us"].access
    known, tokens.permanent_token = tokens.permanent_token, "shpat_other"
    for _ in range(5):
        home.act("eu", "SKU-0", -1)
        home.advance(100)
    assert kinds(home) == ["held"]
    assert len(home.rows("SELECT id FROM notice WHERE kind = 'held'")) == 1
    tokens.permanent_token = known
    home.advance(130)
    assert home.shows("us", "SKU-0") == 45
    assert kinds(home) == []


def test_a_key_that_is_too_old_is_never_sent_blindly(house):
    """Nobody can say whether it was written: people are told both numbers."""
    home = house(opened=True)
    shop = home.shops["us"]
    shop.faults.next = [Answer.DROP_AFTER]
    home.act("eu", "SKU-0", -5)
    home.advance(0.2)
    shop.faults.outage = True
    home.advance(300)
    home.loop.passed += timedelta(hours=21).total_seconds()  # the machine slept
    home.advance(60)
    shop.faults.outage = False
    home.advance(200)
    assert len(home.written("us", "SKU-0")) == 1
    assert home.shows("us", "SKU-0") == 45
    [finding] = home.rows("SELECT facts FROM finding WHERE kind='suspended' AND closed_at IS NULL")
    assert '"why": "unfinished"' in finding["facts"]
    assert '"book": 50' in finding["facts"]
    assert '"if_written": 45' in finding["facts"]
    # The pool's other levels go on, and the other items too.
    home.act("us", "SKU-1", -1)
    home.advance(2)
    assert home.shows("eu", "SKU-1") == 49


def test_a_lost_answer_is_asked_for_with_the_same_key(house):
    """It was written once, however often it was sent."""
    home = house(opened=True)
    home.shops["eu"].faults.next = [Answer.DROP_AFTER, Answer.ERROR_AFTER, Answer.TRUNCATED]
    home.act("us", "SKU-0", -5)
    home.advance(30)
    assert home.written("eu", "SKU-0") == [-5]
    assert_at_rest(home)
    [batch] = home.rows("SELECT attempts FROM batch WHERE store = 'eu'")
    assert batch["attempts"] == 4


def test_one_way_follows_the_source_only(house):
    """A destination's own change moves its book, is written nowhere, and stays."""
    home = house()
    home.advance(2)
    home.set_mode(Mode.ONE_WAY)
    home.advance(5)
    home.act("us", "SKU-0", -3)
    home.advance(5)
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (50, 47)
    assert home.written("us", "SKU-0") == []
    home.act("eu", "SKU-1", -5)
    home.advance(5)
    assert home.shows("us", "SKU-1") == 45
    assert_conserved(home)


def test_a_first_meeting_decides_nothing(house):
    """Equal is agreed; different is left alone and listed, and nothing is written."""
    home = house()
    home.shops["us"].edit("SKU-0", to=47)
    home.advance(2)
    home.set_mode(Mode.TWO_WAY)
    home.advance(5)
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (50, 47)
    assert kinds(home) == ["differs"]
    [meeting] = home.do(home.process.service.meetings())
    assert (meeting.agreed, meeting.differing, meeting.waiting) == (1, 1, 0)
    assert meeting.worst[0].shows == 47
    # Once somebody makes them equal, they are adopted without being asked.
    home.shops["us"].edit("SKU-0", to=50)
    home.advance(5)
    assert kinds(home) == []


def test_off_writes_and_counts_nothing(house):
    """And the way back is a new first meeting."""
    home = house(opened=True)
    home.set_mode(Mode.OFF)
    home.act("us", "SKU-0", -5)
    home.advance(5)
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (50, 45)
    home.set_mode(Mode.TWO_WAY)
    home.advance(5)
    assert kinds(home) == ["differs"]
    assert home.written("eu", "SKU-0") == []


def test_a_mode_changed_in_mid_flight_settles_what_is_open(house):
    """Flags change; an adjustment that left is resolved as ever."""
    home = house(opened=True, latency=0.5)
    home.act("eu", "SKU-0", -5)
    home.advance(0.4)
    home.set_mode(Mode.ONE_WAY)
    home.advance(15)
    assert home.written("us", "SKU-0") == [-5]
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (45, 45)
    assert_conserved(home)
    assert kinds(home) == []


def test_paused_counts_and_resumed_writes_the_sum(house):
    """`pause` stops writing, not counting."""
    home = house(opened=True)
    home.do(home.process.service.pause(by="ann"))
    for _ in range(3):
        home.act("us", "SKU-0", -2)
        home.advance(3)
    assert home.shows("eu", "SKU-0") == 50
    home.do(home.process.service.resume())
    home.process.context.work.ring()
    home.advance(2)
    assert home.written("eu", "SKU-0") == [-6]


def test_a_lost_subscription_is_made_again_and_what_was_missed_is_found(house):
    """Shopify deletes subscriptions silently; we look every hour."""
    home = house(opened=True, pace=Pace(catch_up=0, listen=30))
    home.shops["us"].drop_subscriptions()
    home.act("us", "SKU-0", -5)
    home.advance(3500)
    assert home.shows("eu", "SKU-0") == 50
    home.advance(300)
    assert_at_rest(home)
    assert len(home.shops["us"].post.subscriptions) >= 5
    assert set(kinds(home)) == {"webhooks_gone", "webhooks_missed"}


def test_without_webhooks_polling_does_it(house):
    """No public address: stores are asked every five seconds."""
    home = house(pace=Pace(poll=5.0, listen=30))
    for shop in home.shops.values():
        shop.faults.webhook_lost = 1.0
    home.open()
    home.act("us", "SKU-0", -5)
    home.advance(12)
    assert_at_rest(home)


def test_a_renamed_handle_keeps_its_pool_and_becomes_a_notice(house):
    """Identity is item and location, whatever the product is called."""
    home = house(opened=True)
    home.shops["us"].rename("thing-0", "new-thing")
    home._mail.ring()
    home.advance(5)
    assert kinds(home) == ["renamed"]
    home.act("us", "SKU-0", -5)
    home.advance(2)
    assert_at_rest(home)


def test_a_new_product_joins_when_both_stores_have_it(house):
    """Products created later are matched by their webhooks."""
    home = house(opened=True)
    for shop in home.shops.values():
        product = shop.add_product("Late", "late")
        shop.set_sku(product.variants[0].item.id, "SKU-L")
        shop.restock("SKU-L", 7)
    home._mail.ring()
    home.advance(20)
    home.shops["us"].sell("SKU-L", 2)
    home._mail.ring()
    home.advance(5)
    assert home.shows("eu", "SKU-L") == 5


def test_untracked_is_not_zero(house):
    """The level is left alone and said so; tracked again, it meets anew."""
    home = house(opened=True)
    home.shops["us"].untrack("SKU-0")
    home.act("us", "SKU-1", -1)
    home.advance(700)
    home.act("eu", "SKU-0", -5)
    home.advance(700)
    assert home.shows("eu", "SKU-0") == 45
    assert "suspended" in kinds(home)
    assert home.shows("eu", "SKU-1") == 49


def test_a_deleted_item_is_left_alone(house):
    """The pool's other levels go on."""
    home = house(stores=3, opened=True)
    home.shops["uk"].delete_product("thing-0")
    home._mail.ring()
    home.advance(10)
    home.act("us", "SKU-0", -5)
    home.advance(5)
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (45, 45)
    assert kinds(home) == ["suspended"]


def test_an_uninstalled_app_stops_writing(house):
    """No retries for ever: the store is held, and people are told."""
    home = house(opened=True)
    home.shops["us"].uninstall()
    home._mail.ring()
    home.advance(5)
    requests = asked(home.shops["us"])
    home.act("eu", "SKU-0", -5)
    home.advance(300)
    assert kinds(home) == ["held"]
    assert asked(home.shops["us"]) - requests <= 12


def test_another_shop_at_the_same_address_stops_the_store(house):
    """A wrong token or domain must never write to a stranger's stock."""
    home = house(opened=True)
    home.kill()
    home.shops["us"].id = 99
    home.start()
    home.act("eu", "SKU-0", -5)
    home.advance(5)
    assert kinds(home) == ["held"]
    assert home.written("us", "SKU-0") == []


def test_oversold_is_written_as_it_is_and_told(house):
    """Both stores sell the last unit: both end at -1, and somebody is told."""
    home = house(opened=True)
    home.act("eu", "SKU-0", -49)
    home.advance(3)
    home.act("eu", "SKU-0", -1)
    home.act("us", "SKU-0", -1)
    home.advance(5)
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (-1, -1)
    assert kinds(home) == ["oversold"]
    home.act("eu", "SKU-0", 5)
    home.advance(5)
    assert kinds(home) == []


def test_an_oversold_product_names_the_orders(house):
    """Whoever has to call a customer must know which: the order's webhook may come last."""
    home = house(orders=True)
    home.open()
    home.act("eu", "SKU-0", -49)
    home.advance(5)
    home.shops["eu"].sell("SKU-0", 1, race=True)
    home.shops["us"].sell("SKU-0", 1, race=True)
    home.advance(10)
    [finding] = home.rows("SELECT facts FROM finding WHERE kind='oversold' AND closed_at IS NULL")
    orders = {alias: list(shop.orders.values())[-1].name for alias, shop in home.shops.items()}
    acts = json.loads(finding["facts"])["acts"]
    assert {f"order {orders['eu']} in eu", f"order {orders['us']} in us"} == set(
        acts.split(" and ")
    )


def test_an_oversell_that_only_a_second_look_shows_names_its_order(house):
    """A sale within the second of our own write is read again: by then its order is known."""
    home = house(orders=True)
    home.open()
    home.shops["eu"].sell("SKU-0", 30)
    home.advance(0.4)
    home.shops["us"].sell("SKU-0", 30, race=True)
    home.advance(10)
    [move] = home.rows("SELECT source FROM movement WHERE shared < 0")
    assert move["source"] == "look"
    [finding] = home.rows("SELECT facts FROM finding WHERE kind='oversold' AND closed_at IS NULL")
    [order] = home.shops["us"].orders.values()
    assert json.loads(finding["facts"])["acts"] == f"order {order.name} in us"
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (-10, -10)


def test_history_names_the_order(house):
    """Who moved what, which order, and what Tipo wrote."""
    home = house(orders=True)
    home.open()
    home.act("us", "SKU-0", -5)
    home.advance(3)
    home.act("eu", "SKU-0", 10)
    home.advance(3)
    [pool] = home.do(home.process.service.stock("sku-0"))
    entries = home.do(home.process.service.history(pool.id))
    told = [(each.store, each.kind, each.delta, each.cause) for each in entries]
    assert told == [
        ("us", "movement", -5, "order #1042"),
        ("eu", "adjustment", -5, ""),
        ("eu", "movement", 10, "restock or edit"),
        ("us", "adjustment", 10, ""),
    ]


@pytest.mark.parametrize("gone", ["close_location", "delete_location"])
def test_a_location_that_is_gone_holds_up_only_its_levels(house, gone):
    """Stores go on; the levels there are left alone and said so."""
    home = house(stores=3, opened=True)
    uk = home.shops["uk"]
    getattr(uk, gone)(next(iter(uk.locations)))
    home.act("us", "SKU-0", -5)
    home.advance(800)
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (45, 45)
    home.advance(3600)
    assert set(kinds(home)) & {"location_closed", "suspended"}
    assert "held" not in kinds(home)


def test_the_same_mode_again_changes_nothing(house):
    """A new first meeting is for a new mode."""
    home = house(opened=True)
    home.set_mode(Mode.TWO_WAY)
    assert {row["met"] for row in home.rows("SELECT met FROM level")} == {1}
