"""The brake in the whole engine: what looks like a mistake is held, sales are not."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert

from sync_core.db.tables import EffectRow, ReceiptRow
from sync_core.domain.circuit_breaker import BREAKER_LIMITS
from sync_core.domain.decisions import SAFETY_STOP_FIRST, Effect
from sync_core.domain.proposals import Choice, Person
from sync_core.domain.values import Mode, Outcome
from sync_core.workers.context import EngineConfig
from sync_core.workers.proposer import Proposer
from tests.simulation.harness import INITIAL_QUANTITY, Process, assert_conserved

PRODUCTS = 30
SMALL = replace(BREAKER_LIMITS, pools=3)


def assert_held_is_what_is_held(harness):
    """For each level: `held` is the sum of what is held from it, in its present meeting."""
    held = {row["id"]: 0 for row in harness.rows("SELECT id FROM level")}
    meetings = {
        row["id"]: row["level_baseline"]
        for row in harness.rows("SELECT id, level_baseline FROM level")
    }
    for row in harness.rows(
        "SELECT delta, withheld_from FROM withheld_movement WHERE released_at IS NULL"
    ):
        kept = (
            row["withheld_from"]
            if isinstance(row["withheld_from"], dict)
            else json.loads(row["withheld_from"])
        )
        for level, level_baseline in kept.items():
            if meetings[int(level)] == level_baseline:
                held[int(level)] += row["delta"]
    assert {
        row["id"]: row["withheld"] for row in harness.rows("SELECT id, withheld FROM level")
    } == held


def check(harness):
    """Assert what must hold at any moment."""
    assert_conserved(harness)
    assert_held_is_what_is_held(harness)


def wipe(harness, alias, skus, *, to=0):
    """Let somebody import a spreadsheet."""
    for sku in skus:
        shop = harness.shops[alias]
        harness.outside.append((alias, sku, to - shop.available(sku)))
        shop.edit(sku, to=to)
    harness._mail_wakeup.notify()


def breakers(harness):
    return harness.do(transaction(harness, lambda tx: tx.breaker.all()))


def transaction(harness, work):
    return harness.process.database.transaction(work)


def subject(harness):
    [breaker] = breakers(harness)
    return breaker.subject


def release(harness, which=None):
    now = harness.clock.now()
    which = which or subject(harness)
    count = harness.do(transaction(harness, lambda tx: tx.breaker.release(which, now=now)))
    harness.process.context.store_work.notify()
    return count


def discard(harness, which=None):
    """Ignore the changes, and keep the effects with a receipt, as whoever decides must."""
    now = harness.clock.now()
    which = which or subject(harness)

    def work(tx):
        effects = tx.breaker.discard(which, now=now)
        given = dict.fromkeys(("team", "person", "name", "rule"), "ann")
        receipt = insert(ReceiptRow).values(
            kind="brake", choice="discard", origin="", at=now, notified=False, **given
        )
        number = tx.run(receipt.returning(ReceiptRow.id)).scalar_one()
        for pool, each in effects:
            facts = {"pool_id": pool, "level_id": each.level, "moved": each.moved, "facts": {}}
            tx.run(insert(EffectRow).values(receipt_id=number, at=now, **facts))
        return effects

    effects = harness.do(transaction(harness, work))
    harness.process.context.store_work.notify()
    return effects


def shown(harness, alias):
    return [harness.shows(alias, sku) for sku in harness.skus]


def notifications(harness):
    return harness.rows(
        "SELECT subject, resolved, facts FROM notification"
        " WHERE kind = 'circuit_breaker' ORDER BY id"
    )


@pytest.fixture
def braked(build_harness):
    """A house of 30 products, all of them just wiped in `eu`."""
    harness = build_harness(items=PRODUCTS)
    harness.open()
    harness.advance(30)
    wipe(harness, "eu", harness.skus)
    harness.advance(5)
    check(harness)
    return harness


def test_a_wiped_store_does_not_wipe_the_others(braked):
    """A spreadsheet of zeros is one message, not an empty shop."""
    harness = braked
    assert shown(harness, "eu") == [0] * PRODUCTS
    assert shown(harness, "us") == [INITIAL_QUANTITY] * PRODUCTS
    [breaker] = breakers(harness)
    assert (breaker.store, breaker.pools, breaker.units) == (
        "eu",
        PRODUCTS,
        PRODUCTS * INITIAL_QUANTITY,
    )
    assert {(row["subject"], row["resolved"]) for row in notifications(harness)} == {
        (breaker.subject, 0)
    }
    assert len(notifications(harness)) == 1
    harness.advance(1400)
    check(harness)
    assert shown(harness, "us") == [INITIAL_QUANTITY] * PRODUCTS, (
        "it stays on until somebody decides"
    )
    assert len(notifications(harness)) == 1


def test_sales_are_never_held(braked):
    """In both stores, of what is held and of what is not, before and after the decision."""
    harness = braked
    harness.change_stock("us", "SKU-0", -5)
    harness.change_stock("eu", "SKU-1", -2)
    harness.advance(5)
    check(harness)
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (-5, 45)
    assert (harness.shows("eu", "SKU-1"), harness.shows("us", "SKU-1")) == (-2, 48)


def test_released_is_passed_on(braked):
    """[Release]: it was meant. Once, however often somebody clicks."""
    harness = braked
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(3)
    which = subject(harness)
    assert release(harness) == PRODUCTS
    assert release(harness, which) == 0
    harness.advance(5)
    check(harness)
    assert shown(harness, "eu") == shown(harness, "us") == [-5, *[0] * (PRODUCTS - 1)]
    assert breakers(harness) == []
    last = json.loads(notifications(harness)[-1]["facts"])
    assert (last["ended"], last["pools"], notifications(harness)[-1]["resolved"]) == (
        "released",
        PRODUCTS,
        1,
    )


def test_ignored_gives_the_store_back_what_it_had(braked):
    """[Ignore these changes]: less what has been sold since then, anywhere."""
    harness = braked
    harness.change_stock("us", "SKU-0", -5)
    harness.change_stock("eu", "SKU-1", -2)
    harness.advance(3)
    which = subject(harness)
    assert len(discard(harness)) == PRODUCTS
    assert discard(harness, which) == []
    assert release(harness, which) == 0
    harness.advance(5)
    check(harness)
    assert (
        shown(harness, "eu")
        == shown(harness, "us")
        == [45, 48, *[INITIAL_QUANTITY] * (PRODUCTS - 2)]
    )
    assert breakers(harness) == []
    assert json.loads(notifications(harness)[-1]["facts"])["ended"] == "discarded"


def test_after_a_decision_the_brake_is_as_new(braked):
    """What was decided on does not trip it again; another wipe does."""
    harness = braked
    discard(harness)
    harness.advance(5)
    harness.change_stock("eu", "SKU-0", -1)
    harness.advance(5)
    assert breakers(harness) == []
    wipe(harness, "us", harness.skus)
    harness.advance(5)
    check(harness)
    [second] = breakers(harness)
    assert second.store == "us"
    assert shown(harness, "eu") == [49, *[INITIAL_QUANTITY] * (PRODUCTS - 1)]
    release(harness)
    harness.advance(5)
    check(harness)
    assert shown(harness, "eu") == shown(harness, "us") == [0] * PRODUCTS


def test_what_was_let_through_is_not_counted_again(build_harness):
    """One more product that sells out a moment later is one, and no wipe."""
    harness = build_harness(items=6, config=EngineConfig(recheck_every=30, breaker=SMALL))
    harness.open()
    harness.advance(30)
    wipe(harness, "eu", harness.skus[:4])
    harness.advance(5)
    release(harness)
    harness.advance(5)
    wipe(harness, "eu", harness.skus[4:5])
    harness.advance(5)
    assert breakers(harness) == []
    assert shown(harness, "us") == [*[0] * 5, INITIAL_QUANTITY]
    check(harness)


def test_somebody_looks_into_it(braked):
    """[Hold and investigate]: everything stays as it is, and others see who does."""
    harness = braked
    which = subject(harness)
    now = harness.clock.now()
    assert harness.do(
        transaction(harness, lambda tx: tx.breaker.investigate(which, "ann", now=now))
    )
    [breaker] = breakers(harness)
    assert (breaker.investigated_by, breaker.pools) == ("ann", PRODUCTS)
    [finding] = harness.do(transaction(harness, lambda tx: tx.findings.on([which])))
    facts = finding.facts
    assert (facts["investigated_by"], facts["units"], facts["worst"]) == (
        "ann",
        PRODUCTS * INITIAL_QUANTITY,
        -INITIAL_QUANTITY,
    )
    release(harness)
    assert not harness.do(
        transaction(harness, lambda tx: tx.breaker.investigate(which, "bob", now=now))
    )
    assert harness.do(transaction(harness, lambda tx: tx.findings.on([which]))) == []


@pytest.mark.parametrize(("pools", "trips"), [(20, False), (21, True)])
def test_more_than_twenty_pools_trip_it(build_harness, pools, trips):
    harness = build_harness(items=2 * PRODUCTS)
    harness.open()
    harness.advance(30)
    wipe(harness, "us", harness.skus[:pools])
    harness.advance(5)
    check(harness)
    assert bool(breakers(harness)) is trips
    assert sum(harness.shows("eu", sku) == 0 for sku in harness.skus) == (0 if trips else pools)


def test_what_follows_the_wipe_is_held_too(braked):
    """A spreadsheet takes its time; and it may be put right, which must not add up."""
    harness = braked
    wipe(harness, "eu", harness.skus[:3], to=40)
    harness.advance(5)
    check(harness)
    assert shown(harness, "us") == [INITIAL_QUANTITY] * PRODUCTS
    release(harness)
    harness.advance(5)
    check(harness)
    assert shown(harness, "us") == shown(harness, "eu") == [40] * 3 + [0] * (PRODUCTS - 3)


@pytest.fixture
def slow(build_harness):
    """Ten products wiped one by one: three had reached `us` before the brake tripped."""
    harness = build_harness(items=10, config=EngineConfig(recheck_every=30, breaker=SMALL))
    harness.open()
    harness.advance(30)
    for sku in harness.skus:
        wipe(harness, "eu", [sku])
        harness.advance(2)
    check(harness)
    assert shown(harness, "us") == [0] * 3 + [INITIAL_QUANTITY] * 7
    return harness


def facts_of(harness):
    return json.loads(notifications(harness)[-1]["facts"])


def test_what_had_been_written_already_belongs_to_the_question(slow):
    """People are told of all that fell, of what was stopped, and of what was not."""
    [breaker] = breakers(slow)
    assert (breaker.pools, breaker.units) == (10, 10 * INITIAL_QUANTITY)
    facts = facts_of(slow)
    assert (facts["stopped"], facts["reached"]) == ({"us": 7}, {"us": 3})
    assert facts["orders_known"] is False


def test_all_that_fell_is_restored_in_every_store(slow):
    """In the store that changed, and in those that it had reached; what was sold stays sold."""
    harness = slow
    harness.change_stock("us", "SKU-9", -5)
    harness.change_stock("us", "SKU-0", -1)
    harness.advance(3)
    which = subject(harness)
    assert len(discard(harness)) == 10
    assert discard(harness, which) == []
    harness.advance(5)
    check(harness)
    assert shown(harness, "us") == shown(harness, "eu") == [49, *[INITIAL_QUANTITY] * 8, 45]


def test_all_that_fell_is_applied(slow):
    release(slow)
    slow.advance(5)
    check(slow)
    assert shown(slow, "us") == shown(slow, "eu") == [0] * 10


@pytest.mark.parametrize("store", ["eu", "us"])
@pytest.mark.parametrize("to", [30, INITIAL_QUANTITY, 60])
@pytest.mark.parametrize("before", [False, True], ids=["afterwards", "before it trips"])
def test_who_puts_it_right_by_hand_does_not_get_it_twice(build_harness, store, to, before):
    """Somebody sees a zero and types the old number, in either store; then all is restored."""
    harness = build_harness(items=10, config=EngineConfig(recheck_every=30, breaker=SMALL))
    harness.open()
    harness.advance(30)
    for number, sku in enumerate(harness.skus):
        if number == 4 or (before and number == 2):
            wipe(harness, store, ["SKU-0"], to=to)
            harness.advance(3)
        wipe(harness, "eu", [sku])
        harness.advance(3)
    harness.advance(5)
    check(harness)
    assert harness.shows("eu", "SKU-0") == harness.shows("us", "SKU-0") == to, (
        "it reaches both at once"
    )
    discard(harness)
    harness.advance(5)
    check(harness)
    assert (
        shown(harness, "us")
        == shown(harness, "eu")
        == [max(to, INITIAL_QUANTITY), *[INITIAL_QUANTITY] * 9]
    )


def test_what_all_is_put_right_by_hand_needs_no_decision(slow):
    """The last zero that is corrected ends the question, and the stores show the same."""
    wipe(slow, "us", slow.skus[:3], to=INITIAL_QUANTITY)
    slow.advance(5)
    check(slow)
    [breaker] = breakers(slow)
    assert breaker.pools == 7
    wipe(slow, "eu", slow.skus[3:], to=INITIAL_QUANTITY)
    slow.advance(5)
    check(slow)
    assert breakers(slow) == []
    assert facts_of(slow)["ended"] == "put_right"
    assert shown(slow, "us") == shown(slow, "eu") == [INITIAL_QUANTITY] * 10
    slow.advance(700)
    assert breakers(slow) == []


def test_new_goods_in_a_store_that_it_never_reached_stay(slow):
    """They put nothing right there: they are more than there was."""
    slow.change_stock("us", "SKU-9", 7)
    slow.advance(5)
    check(slow)
    discard(slow)
    slow.advance(5)
    check(slow)
    assert shown(slow, "us") == shown(slow, "eu") == [*[INITIAL_QUANTITY] * 9, 57]


def test_what_falls_after_the_question_belongs_to_it(build_harness):
    """The message that people read says what there is to decide now."""
    harness = build_harness(items=10, config=EngineConfig(recheck_every=30, breaker=SMALL))
    harness.open()
    harness.advance(30)
    wipe(harness, "eu", harness.skus[:6])
    harness.advance(60)
    assert facts_of(harness)["pools"] == 6
    wipe(harness, "eu", harness.skus[6:9])
    harness.advance(5)
    check(harness)
    facts = facts_of(harness)
    assert (facts["pools"], facts["stopped"], facts["reached"]) == (9, {"us": 9}, {})
    assert {row["subject"] for row in notifications(harness)} == {subject(harness)}
    discard(harness)
    harness.advance(5)
    check(harness)
    assert shown(harness, "us") == shown(harness, "eu") == [INITIAL_QUANTITY] * 10


def test_what_was_sold_within_a_fall_is_not_restored(build_harness):
    """The shelf's own webhook was lost; the order's came before the wipe, or hours after it."""
    harness = build_harness(
        items=10, config=EngineConfig(recheck_every=30, breaker=SMALL), orders=True
    )
    harness.open()
    harness.advance(30)
    bring, late, taken = harness._deliver_one, [], True

    async def brought(alias, shop, message):
        if message.topic.startswith("inventory") and "sold" in late:
            shop.delivered(message, taken)
        elif message.topic.startswith("orders") and "orders" in late:
            await harness.clock.sleep(60)
            await bring(alias, shop, message)
        else:
            await bring(alias, shop, message)

    harness._deliver_one = brought
    late += ["sold"]
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(2)
    late += ["orders"]
    harness.change_stock("eu", "SKU-1", -7)
    harness.advance(2)
    late.remove("sold")
    wipe(harness, "eu", harness.skus)
    harness.advance(10)
    check(harness)
    [breaker] = breakers(harness)
    assert breaker.units == 10 * INITIAL_QUANTITY - 5
    assert shown(harness, "us") == [45, *[INITIAL_QUANTITY] * 9], "sales are never held"
    harness.advance(60)
    check(harness)
    [breaker] = breakers(harness)
    assert breaker.units == 10 * INITIAL_QUANTITY - 12
    discard(harness)
    harness.advance(5)
    check(harness)
    assert shown(harness, "us") == shown(harness, "eu") == [45, 43, *[INITIAL_QUANTITY] * 8]


def test_a_decision_about_the_product_since_then_counts(build_harness):
    """Somebody had settled the number before the brake tripped: it is theirs."""
    harness = build_harness(items=10, config=EngineConfig(recheck_every=30, breaker=SMALL))
    harness.open()
    harness.advance(30)
    wipe(harness, "eu", ["SKU-0"])
    harness.advance(3)
    now = harness.clock.now()

    def settle(tx):
        pool = tx.stock.pools([1])[1]
        assert pool.title == "Thing 0"
        given = dict.fromkeys(("team", "person", "name", "rule", "origin"), "ann")
        receipt = insert(ReceiptRow).values(
            kind="fix", choice="use_number", at=now, notified=True, **given
        )
        number = tx.run(receipt.returning(ReceiptRow.id)).scalar_one()
        after = replace(pool, shared=40)
        levels = (replace(each, due=True) for each in after.levels)
        tx.stock.save_outcomes([Outcome(pool=after.with_levels(levels))], now=now)
        effect = Effect(pool=pool.id, level=pool.levels[0].id, moved=40)
        tx.receipts.save_effect(number, None, effect, 40, now=now)

    harness.do(transaction(harness, settle))
    harness.process.context.store_work.notify()
    harness.advance(3)
    wipe(harness, "eu", harness.skus[1:])
    harness.advance(5)
    check(harness)
    [breaker] = breakers(harness)
    assert breaker.pools == 9
    discard(harness)
    harness.advance(5)
    check(harness)
    assert shown(harness, "us") == shown(harness, "eu") == [40, *[INITIAL_QUANTITY] * 9]


@pytest.mark.parametrize(("down_to", "trips"), [(24, True), (26, False)])
def test_more_than_half_of_all_units_trip_it(build_harness, down_to, trips):
    """No pool is empty, and still it is hardly meant."""
    limits = replace(BREAKER_LIMITS, units=200)
    harness = build_harness(items=10, config=EngineConfig(recheck_every=30, breaker=limits))
    harness.open()
    harness.advance(30)
    wipe(harness, "us", harness.skus, to=down_to)
    harness.advance(5)
    check(harness)
    assert bool(breakers(harness)) is trips
    if trips:
        assert shown(harness, "eu").count(INITIAL_QUANTITY) >= 5
        harness.change_stock("us", "SKU-0", -2)
        harness.advance(3)
        discard(harness)
        harness.advance(5)
        check(harness)
        assert shown(harness, "eu") == shown(harness, "us")
        assert harness.shows("us", "SKU-9") == INITIAL_QUANTITY


def test_few_units_never_trip_it(build_harness):
    """Half of a small stock is a good afternoon."""
    harness = build_harness(items=10)
    harness.open()
    harness.advance(30)
    wipe(harness, "us", harness.skus, to=5)
    harness.advance(5)
    assert breakers(harness) == []
    assert shown(harness, "eu") == [5] * 10


def test_a_wipe_that_is_caught_up_is_held(build_harness):
    """Its webhooks were lost: ten minutes later it is read, and looks the same."""
    harness = build_harness(items=PRODUCTS)
    harness.open()
    harness.shops["eu"].faults.webhook_lost = 1.0
    wipe(harness, "eu", harness.skus)
    harness.advance(900)
    check(harness)
    [breaker] = breakers(harness)
    assert breaker.pools == PRODUCTS
    assert shown(harness, "us") == [INITIAL_QUANTITY] * PRODUCTS


def test_a_flash_sale_never_trips_it(build_harness):
    """Every unit has an order, which may be told before or after the shelf moves."""
    harness = build_harness(items=PRODUCTS, orders=True)
    harness.open()
    harness.advance(30)
    for sku in harness.skus:
        harness.change_stock("eu", sku, -INITIAL_QUANTITY)
        harness.advance(0.1)
    harness.advance(8)
    check(harness)
    assert notifications(harness) == []
    assert shown(harness, "us") == [0] * PRODUCTS
    assert harness.rows("SELECT * FROM withheld_movement") == []


def test_a_sale_whose_order_is_told_late_waits_for_seconds_only(build_harness):
    """And then goes on: nobody is asked."""
    harness = build_harness(items=PRODUCTS, orders=True)
    harness.open()
    harness.advance(30)
    post, bring = harness.shops["eu"].webhooks, harness._deliver_one

    async def late(alias, shop, message):
        if message.topic.startswith("orders"):
            await harness.clock.sleep(2)
        await bring(alias, shop, message)

    harness._deliver_one = late
    for sku in harness.skus:
        harness.change_stock("eu", sku, -INITIAL_QUANTITY)
    harness.advance(1)
    assert shown(harness, "us") == [INITIAL_QUANTITY] * PRODUCTS
    check(harness)
    harness.advance(3)
    check(harness)
    assert post.subscriptions
    assert notifications(harness) == []
    assert shown(harness, "us") == [0] * PRODUCTS


def test_a_wipe_is_told_from_sales_where_orders_are_known(build_harness):
    """The same evening: orders empty some shelves, a spreadsheet the others."""
    harness = build_harness(items=PRODUCTS, orders=True)
    harness.open()
    harness.advance(30)
    for sku in harness.skus[:5]:
        harness.change_stock("eu", sku, -INITIAL_QUANTITY)
    wipe(harness, "eu", harness.skus[5:])
    harness.advance(8)
    check(harness)
    assert shown(harness, "us") == [0] * 5 + [INITIAL_QUANTITY] * (PRODUCTS - 5)
    [breaker] = breakers(harness)
    assert breaker.pools == PRODUCTS - 5
    # A whole shelf sold while the brake is on is a sale, too.
    wipe(harness, "us", ["SKU-0"], to=20)
    harness.advance(3)
    harness.change_stock("eu", "SKU-0", -20)
    harness.advance(5)
    check(harness)
    assert harness.shows("us", "SKU-0") == 0


def test_a_single_edit_to_zero_is_only_a_little_late(build_harness):
    """It waits to be explained; nobody explains it; it goes on."""
    harness = build_harness(orders=True)
    harness.open()
    harness.advance(30)
    wipe(harness, "eu", ["SKU-0"])
    harness.advance(1.5)
    assert harness.shows("us", "SKU-0") == INITIAL_QUANTITY
    harness.advance(3)
    check(harness)
    assert harness.shows("us", "SKU-0") == 0
    assert harness.rows("SELECT * FROM withheld_movement") == []


@pytest.mark.parametrize("points", range(0, 24, 2))
@pytest.mark.parametrize("orders", [False, True], ids=["no orders", "orders"])
def test_a_crash_in_between_changes_nothing(build_harness, points, orders):
    """At any commit: the wipe is held or it is not, and never half of a movement."""
    harness = build_harness(
        items=8, config=EngineConfig(recheck_every=1, breaker=SMALL), orders=orders
    )
    harness.open()
    harness.advance(30)
    harness.process.fuse.left = points
    wipe(harness, "eu", harness.skus)
    harness.advance(20)
    check(harness)
    assert shown(harness, "us").count(INITIAL_QUANTITY) >= 5, (
        "before it trips three at most go through"
    )
    harness.change_stock("us", "SKU-7", -5)
    harness.process.fuse.left = points
    harness.advance(3)
    discard(harness)
    harness.process.fuse.left = points
    harness.advance(20)
    harness.advance(700)
    check(harness)
    assert shown(harness, "eu") == shown(harness, "us")
    assert harness.shows("eu", "SKU-7") == INITIAL_QUANTITY - 5


@pytest.mark.parametrize("points", range(0, 24, 3))
def test_a_crash_while_it_is_restored_changes_nothing(slow, points):
    """At any commit: everything is restored once, also where it had reached the other store."""
    harness = slow
    harness.process.fuse.left = points
    harness.change_stock("us", "SKU-0", -3)
    harness.advance(3)
    harness.process.fuse.put_out()  # a change takes fewer commits than that
    discard(harness)
    harness.process.fuse.left = points
    harness.advance(20)
    harness.advance(700)
    check(harness)
    assert shown(harness, "us") == shown(harness, "eu") == [47, *[INITIAL_QUANTITY] * 9]


def test_nobody_decides_about_a_product_that_the_question_is_about(slow):
    """Else the number that they choose would be restored on top."""
    harness = slow
    faults = harness.shops["us"].faults
    faults.webhook_lost = 1.0
    wipe(harness, "us", ["SKU-0"], to=4)
    harness.advance(3)
    number = harness.rows("SELECT id FROM level WHERE store = 'us' ORDER BY id")[0]["id"]

    async def examine():
        parts = harness.process.context
        await Proposer(parts.database, parts.stores, parts.clock, parts.ids).examine([number], None)

    harness.do(examine())
    faults.webhook_lost = 0.0
    [asked] = harness.rows("SELECT token FROM proposal WHERE kind = 'fix' AND state = 'open'")
    ann = Person(team="T1", id="U1", name="ann")
    harness.do(
        harness.process.service.decide(asked["token"], Choice.USE_NUMBER, ann, "x", number=50)
    )
    harness.process.context.requests.notify()
    harness.advance(5)
    check(harness)
    [done] = harness.rows("SELECT result FROM proposal WHERE kind = 'fix' AND state = 'done'")
    assert json.loads(done["result"])["why"] == SAFETY_STOP_FIRST


def test_three_stores(build_harness):
    """What one did is kept from both others, and given back to the one alone."""
    harness = build_harness(stores=3, items=8, config=EngineConfig(recheck_every=30, breaker=SMALL))
    harness.open()
    harness.advance(30)
    wipe(harness, "us", harness.skus)
    harness.advance(5)
    check(harness)
    harness.change_stock("uk", "SKU-7", -1)
    harness.change_stock("eu", "SKU-7", -1)
    harness.advance(5)
    check(harness)
    assert [harness.shows(each, "SKU-7") for each in harness.shops] == [48, -2, 48]
    discard(harness)
    harness.advance(5)
    check(harness)
    assert [harness.shows(each, "SKU-7") for each in harness.shops] == [48, 48, 48]


def test_three_stores_of_which_one_was_reached(build_harness):
    """Each gets what it must: the reached one its stock back, the other nothing at all."""
    harness = build_harness(stores=3, items=8, config=EngineConfig(recheck_every=30, breaker=SMALL))
    harness.open()
    harness.advance(30)
    now = harness.clock.now()
    wipe(harness, "eu", ["SKU-0"])
    harness.advance(3)
    harness.do(transaction(harness, lambda tx: tx.stores.block("uk", "no token", now=now)))
    wipe(harness, "eu", ["SKU-1"])
    harness.advance(3)
    wipe(harness, "eu", harness.skus[2:])
    harness.advance(5)
    check(harness)
    facts = facts_of(harness)
    assert facts["pools"] == 8
    assert facts["stopped"] == {"us": 6, "uk": 7}
    assert facts["reached"] == {"us": 2, "uk": 1}
    # Somebody at `us` types the old number: `uk` never lost it, and gets nothing on top.
    wipe(harness, "us", ["SKU-1"], to=INITIAL_QUANTITY)
    harness.advance(3)
    harness.do(transaction(harness, lambda tx: tx.stores.unblock("uk", now=harness.clock.now())))
    harness.process.context.store_work.notify()
    harness.advance(5)
    check(harness)
    assert [harness.shows(each, "SKU-1") for each in harness.shops] == [INITIAL_QUANTITY] * 3
    discard(harness)
    harness.advance(5)
    check(harness)
    for alias in harness.shops:
        assert shown(harness, alias) == [INITIAL_QUANTITY] * 8


@pytest.mark.parametrize("end", [release, discard])
@pytest.mark.parametrize("back", [INITIAL_QUANTITY, 20])
@pytest.mark.parametrize("is_out", [False, True])
def test_no_store_is_given_what_nobody_has(build_harness, is_out, back, end):
    """Emptied, put right and emptied again: all of it is withheld from who has heard of none.

    From who has heard of the first two, only the last is: else that store would be given as much
    on top.
    """
    harness = build_harness(items=8, config=EngineConfig(recheck_every=30, breaker=SMALL))
    harness.open()
    harness.advance(30)
    now = harness.clock.now()
    if is_out:
        harness.do(transaction(harness, lambda tx: tx.stores.block("us", "no token", now=now)))
    for to in (0, back):
        wipe(harness, "eu", ["SKU-0"], to=to)
        harness.advance(3)
        assert harness.shows("us", "SKU-0") == (INITIAL_QUANTITY if is_out else to)
    written = harness.written("us", "SKU-0")
    wipe(harness, "eu", harness.skus)
    harness.advance(5)
    if is_out:
        harness.do(transaction(harness, lambda tx: tx.stores.unblock("us", now=now)))
        harness.process.context.store_work.notify()
        harness.advance(5)
    check(harness)
    assert harness.written("us", "SKU-0") == written
    assert facts_of(harness)["stopped"] == {"us": 8}
    end(harness)
    harness.advance(5)
    check(harness)
    left = 0 if end is release else INITIAL_QUANTITY
    assert [shown(harness, alias) for alias in harness.shops] == [[left] * 8] * 2


def test_both_stores_are_wiped_one_after_the_other(build_harness):
    """Two brakes at once: each is decided on by itself."""
    harness = build_harness(items=8, config=EngineConfig(recheck_every=30, breaker=SMALL))
    harness.open()
    harness.advance(30)
    wipe(harness, "eu", harness.skus)
    harness.advance(5)
    wipe(harness, "us", harness.skus)
    harness.advance(5)
    check(harness)
    first, second = breakers(harness)
    assert (first.store, second.store) == ("eu", "us")
    discard(harness, first.subject)
    harness.advance(5)
    check(harness)
    assert (harness.shows("eu", "SKU-7"), harness.shows("us", "SKU-7")) == (INITIAL_QUANTITY, 0)
    release(harness, second.subject)
    harness.advance(5)
    check(harness)
    assert (harness.shows("eu", "SKU-7"), harness.shows("us", "SKU-7")) == (0, 0)


@pytest.mark.parametrize("end", [release, discard])
def test_a_store_that_meets_anew_owes_nothing_of_it(build_harness, end):
    """What was held from it ended with its old meeting; it differs, and a person is asked."""
    harness = build_harness(items=8, config=EngineConfig(recheck_every=30, breaker=SMALL))
    harness.open()
    harness.advance(30)
    wipe(harness, "eu", harness.skus)
    harness.advance(5)
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(20)
    check(harness)
    harness.do(transaction(harness, lambda tx: tx.breaker.all()))
    written = harness.written("us", "SKU-7")
    end(harness)
    harness.advance(20)
    check(harness)
    assert harness.written("us", "SKU-7") == written
    assert harness.shows("us", "SKU-7") == INITIAL_QUANTITY
    assert harness.shows("eu", "SKU-7") == (INITIAL_QUANTITY if end is discard else 0)
    if end is discard:  # they agree again, and go on together
        harness.change_stock("eu", "SKU-7", -3)
        harness.advance(3)
        assert harness.shows("us", "SKU-7") == INITIAL_QUANTITY - 3


def test_the_wiped_store_meets_anew(build_harness):
    """It is given back what it had, from whatever it shows when somebody says so."""
    harness = build_harness(items=8, config=EngineConfig(recheck_every=30, breaker=SMALL))
    harness.open()
    harness.advance(30)
    wipe(harness, "us", harness.skus)
    harness.advance(5)
    harness.set_mode(Mode.OFF)
    harness.advance(5)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(20)
    check(harness)
    discard(harness)
    harness.advance(20)
    check(harness)
    assert (harness.shows("eu", "SKU-7"), harness.shows("us", "SKU-7")) == (
        INITIAL_QUANTITY,
        INITIAL_QUANTITY,
    )


def test_a_brake_outlives_a_new_process_and_a_pause(braked):
    """It is in the database: nothing of it is forgotten."""
    harness = braked
    harness.kill()
    harness.start()
    harness.do(harness.process.service.pause(by="ann"))
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(30)
    release(harness)
    harness.advance(5)
    assert shown(harness, "us")[1:] == [INITIAL_QUANTITY] * (PRODUCTS - 1)
    harness.do(harness.process.service.resume())
    harness.process.context.store_work.notify()
    harness.advance(5)
    check(harness)
    assert shown(harness, "us") == [-5, *[0] * (PRODUCTS - 1)]


def test_old_movements_do_not_count(build_harness):
    """Twenty pools today and twenty tomorrow are no accident."""
    harness = build_harness(items=PRODUCTS)
    harness.open()
    for some in (harness.skus[:15], harness.skus[15:]):
        wipe(harness, "eu", some)
        harness.advance(timedelta(minutes=12).total_seconds())
    assert breakers(harness) == []
    assert shown(harness, "us") == [0] * PRODUCTS


def test_two_processes_trip_it_once(build_harness, empty_postgres_url):
    """On PostgreSQL, with the work shared: one brake, and every level held once."""
    harness = build_harness(items=PRODUCTS, url=empty_postgres_url)
    harness.open()
    harness.advance(30)
    second = Process(harness)
    try:
        wipe(harness, "eu", harness.skus)
        harness.advance(10)
        check(harness)
        assert len(breakers(harness)) == 1
        assert shown(harness, "us").count(INITIAL_QUANTITY) >= PRODUCTS - 20
        discard(harness)
        harness.advance(10)
        check(harness)
        assert shown(harness, "eu") == shown(harness, "us")
    finally:
        first, harness.process = harness.process, second
        harness.kill()
        harness.process = first
