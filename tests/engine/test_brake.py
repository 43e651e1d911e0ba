"""The brake in the whole engine: what looks like a mistake is held, sales are not."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert

from sync_core.db.tables import EffectRow, ReceiptRow
from sync_core.domain.brake import LIMITS
from sync_core.domain.decide import BRAKED, Effect
from sync_core.domain.proposals import Choice, Person
from sync_core.domain.values import Mode, Outcome
from sync_core.workers.context import Pace
from sync_core.workers.proposing import Proposer
from tests.simulation.house import FIRST, Process, assert_conserved

PRODUCTS = 30
SMALL = replace(LIMITS, pools=3)


def assert_held_is_what_is_held(home):
    """For each level: `held` is the sum of what is held from it, in its present meeting."""
    held = {row["id"]: 0 for row in home.rows("SELECT id FROM level")}
    meetings = {row["id"]: row["meeting"] for row in home.rows("SELECT id, meeting FROM level")}
    for row in home.rows("SELECT delta, kept FROM hold WHERE released_at IS NULL"):
        kept = row["kept"] if isinstance(row["kept"], dict) else json.loads(row["kept"])
        for level, meeting in kept.items():
            if meetings[int(level)] == meeting:
                held[int(level)] += row["delta"]
    assert {row["id"]: row["held"] for row in home.rows("SELECT id, held FROM level")} == held


def check(home):
    """Assert what must hold at any moment."""
    assert_conserved(home)
    assert_held_is_what_is_held(home)


def wipe(home, alias, skus, *, to=0):
    """Let somebody import a spreadsheet."""
    for sku in skus:
        shop = home.shops[alias]
        home.outside.append((alias, sku, to - shop.available(sku)))
        shop.edit(sku, to=to)
    home._mail.ring()


def brakes(home):
    return home.do(step(home, lambda ledger: ledger.brakes()))


def step(home, work):
    return home.process.database.step(work)


def subject(home):
    [brake] = brakes(home)
    return brake.subject


def release(home, which=None):
    now = home.clock.now()
    which = which or subject(home)
    count = home.do(step(home, lambda ledger: ledger.release_brake(which, now=now)))
    home.process.context.work.ring()
    return count


def discard(home, which=None):
    """Ignore the changes, and keep the effects with a receipt, as whoever decides must."""
    now = home.clock.now()
    which = which or subject(home)

    def work(ledger):
        effects = ledger.discard_brake(which, now=now)
        given = dict.fromkeys(("team", "person", "name", "rule"), "ann")
        receipt = insert(ReceiptRow).values(
            kind="brake", choice="discard", place="", at=now, told=False, **given
        )
        number = ledger.run(receipt.returning(ReceiptRow.id)).scalar_one()
        for pool, each in effects:
            facts = {"pool_id": pool, "level_id": each.level, "moved": each.moved, "facts": {}}
            ledger.run(insert(EffectRow).values(receipt_id=number, at=now, **facts))
        return effects

    effects = home.do(step(home, work))
    home.process.context.work.ring()
    return effects


def shown(home, alias):
    return [home.shows(alias, sku) for sku in home.skus]


def notices(home):
    return home.rows("SELECT subject, over, facts FROM notice WHERE kind = 'brake' ORDER BY id")


@pytest.fixture
def braked(house):
    """A house of 30 products, all of them just wiped in `eu`."""
    home = house(items=PRODUCTS)
    home.open()
    home.advance(30)
    wipe(home, "eu", home.skus)
    home.advance(5)
    check(home)
    return home


def test_a_wiped_store_does_not_wipe_the_others(braked):
    """A spreadsheet of zeros is one message, not an empty shop."""
    home = braked
    assert shown(home, "eu") == [0] * PRODUCTS
    assert shown(home, "us") == [FIRST] * PRODUCTS
    [brake] = brakes(home)
    assert (brake.store, brake.pools, brake.units) == ("eu", PRODUCTS, PRODUCTS * FIRST)
    assert {(row["subject"], row["over"]) for row in notices(home)} == {(brake.subject, 0)}
    assert len(notices(home)) == 1
    home.advance(1400)
    check(home)
    assert shown(home, "us") == [FIRST] * PRODUCTS, "it stays on until somebody decides"
    assert len(notices(home)) == 1


def test_sales_are_never_held(braked):
    """In both stores, of what is held and of what is not, before and after the decision."""
    home = braked
    home.act("us", "SKU-0", -5)
    home.act("eu", "SKU-1", -2)
    home.advance(5)
    check(home)
    assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (-5, 45)
    assert (home.shows("eu", "SKU-1"), home.shows("us", "SKU-1")) == (-2, 48)


def test_released_is_passed_on(braked):
    """[Release]: it was meant. Once, however often somebody clicks."""
    home = braked
    home.act("us", "SKU-0", -5)
    home.advance(3)
    which = subject(home)
    assert release(home) == PRODUCTS
    assert release(home, which) == 0
    home.advance(5)
    check(home)
    assert shown(home, "eu") == shown(home, "us") == [-5, *[0] * (PRODUCTS - 1)]
    assert brakes(home) == []
    last = json.loads(notices(home)[-1]["facts"])
    assert (last["ended"], last["pools"], notices(home)[-1]["over"]) == ("released", PRODUCTS, 1)


def test_ignored_gives_the_store_back_what_it_had(braked):
    """[Ignore these changes]: less what has been sold since then, anywhere."""
    home = braked
    home.act("us", "SKU-0", -5)
    home.act("eu", "SKU-1", -2)
    home.advance(3)
    which = subject(home)
    assert len(discard(home)) == PRODUCTS
    assert discard(home, which) == []
    assert release(home, which) == 0
    home.advance(5)
    check(home)
    assert shown(home, "eu") == shown(home, "us") == [45, 48, *[FIRST] * (PRODUCTS - 2)]
    assert brakes(home) == []
    assert json.loads(notices(home)[-1]["facts"])["ended"] == "discarded"


def test_after_a_decision_the_brake_is_as_new(braked):
    """What was decided on does not trip it again; another wipe does."""
    home = braked
    discard(home)
    home.advance(5)
    home.act("eu", "SKU-0", -1)
    home.advance(5)
    assert brakes(home) == []
    wipe(home, "us", home.skus)
    home.advance(5)
    check(home)
    [second] = brakes(home)
    assert second.store == "us"
    assert shown(home, "eu") == [49, *[FIRST] * (PRODUCTS - 1)]
    release(home)
    home.advance(5)
    check(home)
    assert shown(home, "eu") == shown(home, "us") == [0] * PRODUCTS


def test_somebody_looks_into_it(braked):
    """[Hold and investigate]: everything stays as it is, and others see who does."""
    home = braked
    which = subject(home)
    now = home.clock.now()
    assert home.do(step(home, lambda ledger: ledger.hold_brake(which, "ann", now=now)))
    [brake] = brakes(home)
    assert (brake.held_by, brake.pools) == ("ann", PRODUCTS)
    [finding] = home.do(step(home, lambda ledger: ledger.findings_on([which])))
    facts = finding.facts
    assert (facts["held_by"], facts["units"], facts["worst"]) == ("ann", PRODUCTS * FIRST, -FIRST)
    release(home)
    assert not home.do(step(home, lambda ledger: ledger.hold_brake(which, "bob", now=now)))
    assert home.do(step(home, lambda ledger: ledger.findings_on([which]))) == []


@pytest.mark.parametrize(("pools", "trips"), [(20, False), (21, True)])
def test_more_than_twenty_pools_trip_it(house, pools, trips):
    home = house(items=2 * PRODUCTS)
    home.open()
    home.advance(30)
    wipe(home, "us", home.skus[:pools])
    home.advance(5)
    check(home)
    assert bool(brakes(home)) is trips
    assert sum(home.shows("eu", sku) == 0 for sku in home.skus) == (0 if trips else pools)


def test_what_follows_the_wipe_is_held_too(braked):
    """A spreadsheet takes its time; and it may be put right, which must not add up."""
    home = braked
    wipe(home, "eu", home.skus[:3], to=40)
    home.advance(5)
    check(home)
    assert shown(home, "us") == [FIRST] * PRODUCTS
    release(home)
    home.advance(5)
    check(home)
    assert shown(home, "us") == shown(home, "eu") == [40] * 3 + [0] * (PRODUCTS - 3)


@pytest.fixture
def slow(house):
    """Ten products wiped one by one: three had reached `us` before the brake tripped."""
    home = house(items=10, pace=Pace(listen=30, brake=SMALL))
    home.open()
    home.advance(30)
    for sku in home.skus:
        wipe(home, "eu", [sku])
        home.advance(2)
    check(home)
    assert shown(home, "us") == [0] * 3 + [FIRST] * 7
    return home


def facts_of(home):
    return json.loads(notices(home)[-1]["facts"])


def test_what_had_been_written_already_belongs_to_the_question(slow):
    """People are told of all that fell, of what was stopped, and of what was not."""
    [brake] = brakes(slow)
    assert (brake.pools, brake.units) == (10, 10 * FIRST)
    facts = facts_of(slow)
    assert (facts["stopped"], facts["reached"]) == ({"us": 7}, {"us": 3})
    assert facts["orders_known"] is False


def test_all_that_fell_is_restored_in_every_store(slow):
    """In the store that changed, and in those that it had reached; what was sold stays sold."""
    home = slow
    home.act("us", "SKU-9", -5)
    home.act("us", "SKU-0", -1)
    home.advance(3)
    which = subject(home)
    assert len(discard(home)) == 10
    assert discard(home, which) == []
    home.advance(5)
    check(home)
    assert shown(home, "us") == shown(home, "eu") == [49, *[FIRST] * 8, 45]


def test_all_that_fell_is_applied(slow):
    release(slow)
    slow.advance(5)
    check(slow)
    assert shown(slow, "us") == shown(slow, "eu") == [0] * 10


@pytest.mark.parametrize("store", ["eu", "us"])
@pytest.mark.parametrize("to", [30, FIRST, 60])
@pytest.mark.parametrize("before", [False, True], ids=["afterwards", "before it trips"])
def test_who_puts_it_right_by_hand_does_not_get_it_twice(house, store, to, before):
    """Somebody sees a zero and types the old number, in either store; then all is restored."""
    home = house(items=10, pace=Pace(listen=30, brake=SMALL))
    home.open()
    home.advance(30)
    for number, sku in enumerate(home.skus):
        if number == 4 or (before and number == 2):
            wipe(home, store, ["SKU-0"], to=to)
            home.advance(3)
        wipe(home, "eu", [sku])
        home.advance(3)
    home.advance(5)
    check(home)
    assert home.shows("eu", "SKU-0") == home.shows("us", "SKU-0") == to, "it reaches both at once"
    discard(home)
    home.advance(5)
    check(home)
    assert shown(home, "us") == shown(home, "eu") == [max(to, FIRST), *[FIRST] * 9]


def test_what_all_is_put_right_by_hand_needs_no_decision(slow):
    """The last zero that is corrected ends the question, and the stores show the same."""
    wipe(slow, "us", slow.skus[:3], to=FIRST)
    slow.advance(5)
    check(slow)
    [brake] = brakes(slow)
    assert brake.pools == 7
    wipe(slow, "eu", slow.skus[3:], to=FIRST)
    slow.advance(5)
    check(slow)
    assert brakes(slow) == []
    assert facts_of(slow)["ended"] == "put_right"
    assert shown(slow, "us") == shown(slow, "eu") == [FIRST] * 10
    slow.advance(700)
    assert brakes(slow) == []


def test_new_goods_in_a_store_that_it_never_reached_stay(slow):
    """They put nothing right there: they are more than there was."""
    slow.act("us", "SKU-9", 7)
    slow.advance(5)
    check(slow)
    discard(slow)
    slow.advance(5)
    check(slow)
    assert shown(slow, "us") == shown(slow, "eu") == [*[FIRST] * 9, 57]


def test_what_falls_after_the_question_belongs_to_it(house):
    """The message that people read says what there is to decide now."""
    home = house(items=10, pace=Pace(listen=30, brake=SMALL))
    home.open()
    home.advance(30)
    wipe(home, "eu", home.skus[:6])
    home.advance(60)
    assert facts_of(home)["pools"] == 6
    wipe(home, "eu", home.skus[6:9])
    home.advance(5)
    check(home)
    facts = facts_of(home)
    assert (facts["pools"], facts["stopped"], facts["reached"]) == (9, {"us": 9}, {})
    assert {row["subject"] for row in notices(home)} == {subject(home)}
    discard(home)
    home.advance(5)
    check(home)
    assert shown(home, "us") == shown(home, "eu") == [FIRST] * 10


def test_what_was_sold_within_a_fall_is_not_restored(house):
    """The shelf's own webhook was lost; the order's came before the wipe, or hours after it."""
    home = house(items=10, pace=Pace(listen=30, brake=SMALL), orders=True)
    home.open()
    home.advance(30)
    bring, late, taken = home._bring, [], True

    async def brought(alias, shop, message):
        if message.topic.startswith("inventory") and "sold" in late:
            shop.delivered(message, taken)
        elif message.topic.startswith("orders") and "orders" in late:
            await home.clock.sleep(60)
            await bring(alias, shop, message)
        else:
            await bring(alias, shop, message)

    home._bring = brought
    late += ["sold"]
    home.act("eu", "SKU-0", -5)
    home.advance(2)
    late += ["orders"]
    home.act("eu", "SKU-1", -7)
    home.advance(2)
    late.remove("sold")
    wipe(home, "eu", home.skus)
    home.advance(10)
    check(home)
    [brake] = brakes(home)
    assert brake.units == 10 * FIRST - 5
    assert shown(home, "us") == [45, *[FIRST] * 9], "sales are never held"
    home.advance(60)
    check(home)
    [brake] = brakes(home)
    assert brake.units == 10 * FIRST - 12
    discard(home)
    home.advance(5)
    check(home)
    assert shown(home, "us") == shown(home, "eu") == [45, 43, *[FIRST] * 8]


def test_a_decision_about_the_product_since_then_counts(house):
    """Somebody had settled the number before the brake tripped: it is theirs."""
    home = house(items=10, pace=Pace(listen=30, brake=SMALL))
    home.open()
    home.advance(30)
    wipe(home, "eu", ["SKU-0"])
    home.advance(3)
    now = home.clock.now()

    def settle(ledger):
        pool = ledger.pools([1])[1]
        assert pool.title == "Thing 0"
        given = dict.fromkeys(("team", "person", "name", "rule", "place"), "ann")
        receipt = insert(ReceiptRow).values(
            kind="fix", choice="use_number", at=now, told=True, **given
        )
        number = ledger.run(receipt.returning(ReceiptRow.id)).scalar_one()
        after = replace(pool, shared=40)
        levels = (replace(each, due=True) for each in after.levels)
        ledger.save([Outcome(pool=after.with_levels(levels))], now=now)
        effect = Effect(pool=pool.id, level=pool.levels[0].id, moved=40)
        ledger.save_effect(number, None, effect, 40, now=now)

    home.do(step(home, settle))
    home.process.context.work.ring()
    home.advance(3)
    wipe(home, "eu", home.skus[1:])
    home.advance(5)
    check(home)
    [brake] = brakes(home)
    assert brake.pools == 9
    discard(home)
    home.advance(5)
    check(home)
    assert shown(home, "us") == shown(home, "eu") == [40, *[FIRST] * 9]


@pytest.mark.parametrize(("down_to", "trips"), [(24, True), (26, False)])
def test_more_than_half_of_all_units_trip_it(house, down_to, trips):
    """No pool is empty, and still it is hardly meant."""
    limits = replace(LIMITS, units=200)
    home = house(items=10, pace=Pace(listen=30, brake=limits))
    home.open()
    home.advance(30)
    wipe(home, "us", home.skus, to=down_to)
    home.advance(5)
    check(home)
    assert bool(brakes(home)) is trips
    if trips:
        assert shown(home, "eu").count(FIRST) >= 5
        home.act("us", "SKU-0", -2)
        home.advance(3)
        discard(home)
        home.advance(5)
        check(home)
        assert shown(home, "eu") == shown(home, "us")
        assert home.shows("us", "SKU-9") == FIRST


def test_few_units_never_trip_it(house):
    """Half of a small stock is a good afternoon."""
    home = house(items=10)
    home.open()
    home.advance(30)
    wipe(home, "us", home.skus, to=5)
    home.advance(5)
    assert brakes(home) == []
    assert shown(home, "eu") == [5] * 10


def test_a_wipe_that_is_caught_up_is_held(house):
    """Its webhooks were lost: ten minutes later it is read, and looks the same."""
    home = house(items=PRODUCTS)
    home.open()
    home.shops["eu"].faults.webhook_lost = 1.0
    wipe(home, "eu", home.skus)
    home.advance(900)
    check(home)
    [brake] = brakes(home)
    assert brake.pools == PRODUCTS
    assert shown(home, "us") == [FIRST] * PRODUCTS


def test_a_flash_sale_never_trips_it(house):
    """Every unit has an order, which may be told before or after the shelf moves."""
    home = house(items=PRODUCTS, orders=True)
    home.open()
    home.advance(30)
    for sku in home.skus:
        home.act("eu", sku, -FIRST)
        home.advance(0.1)
    home.advance(8)
    check(home)
    assert notices(home) == []
    assert shown(home, "us") == [0] * PRODUCTS
    assert home.rows("SELECT * FROM hold") == []


def test_a_sale_whose_order_is_told_late_waits_for_seconds_only(house):
    """And then goes on: nobody is asked."""
    home = house(items=PRODUCTS, orders=True)
    home.open()
    home.advance(30)
    post, bring = home.shops["eu"].post, home._bring

    async def late(alias, shop, message):
        if message.topic.startswith("orders"):
            await home.clock.sleep(2)
        await bring(alias, shop, message)

    home._bring = late
    for sku in home.skus:
        home.act("eu", sku, -FIRST)
    home.advance(1)
    assert shown(home, "us") == [FIRST] * PRODUCTS
    check(home)
    home.advance(3)
    check(home)
    assert post.subscriptions
    assert notices(home) == []
    assert shown(home, "us") == [0] * PRODUCTS


def test_a_wipe_is_told_from_sales_where_orders_are_known(house):
    """The same evening: orders empty some shelves, a spreadsheet the others."""
    home = house(items=PRODUCTS, orders=True)
    home.open()
    home.advance(30)
    for sku in home.skus[:5]:
        home.act("eu", sku, -FIRST)
    wipe(home, "eu", home.skus[5:])
    home.advance(8)
    check(home)
    assert shown(home, "us") == [0] * 5 + [FIRST] * (PRODUCTS - 5)
    [brake] = brakes(home)
    assert brake.pools == PRODUCTS - 5
    # A whole shelf sold while the brake is on is a sale, too.
    wipe(home, "us", ["SKU-0"], to=20)
    home.advance(3)
    home.act("eu", "SKU-0", -20)
    home.advance(5)
    check(home)
    assert home.shows("us", "SKU-0") == 0


def test_a_single_edit_to_zero_is_only_a_little_late(house):
    """It waits to be explained; nobody explains it; it goes on."""
    home = house(orders=True)
    home.open()
    home.advance(30)
    wipe(home, "eu", ["SKU-0"])
    home.advance(1.5)
    assert home.shows("us", "SKU-0") == FIRST
    home.advance(3)
    check(home)
    assert home.shows("us", "SKU-0") == 0
    assert home.rows("SELECT * FROM hold") == []


@pytest.mark.parametrize("points", range(0, 24, 2))
@pytest.mark.parametrize("orders", [False, True], ids=["no orders", "orders"])
def test_a_crash_in_between_changes_nothing(house, points, orders):
    """At any commit: the wipe is held or it is not, and never half of a movement."""
    home = house(items=8, pace=Pace(listen=1, brake=SMALL), orders=orders)
    home.open()
    home.advance(30)
    home.process.fuse.left = points
    wipe(home, "eu", home.skus)
    home.advance(20)
    check(home)
    assert shown(home, "us").count(FIRST) >= 5, "before it trips three at most go through"
    home.act("us", "SKU-7", -5)
    home.process.fuse.left = points
    home.advance(3)
    discard(home)
    home.process.fuse.left = points
    home.advance(20)
    home.advance(700)
    check(home)
    assert shown(home, "eu") == shown(home, "us")
    assert home.shows("eu", "SKU-7") == FIRST - 5


@pytest.mark.parametrize("points", range(0, 24, 3))
def test_a_crash_while_it_is_restored_changes_nothing(slow, points):
    """At any commit: everything is restored once, also where it had reached the other store."""
    home = slow
    home.process.fuse.left = points
    home.act("us", "SKU-0", -3)
    home.advance(3)
    discard(home)
    home.process.fuse.left = points
    home.advance(20)
    home.advance(700)
    check(home)
    assert shown(home, "us") == shown(home, "eu") == [47, *[FIRST] * 9]


def test_nobody_decides_about_a_product_that_the_question_is_about(slow):
    """Else the number that they choose would be restored on top."""
    home = slow
    faults = home.shops["us"].faults
    faults.webhook_lost = 1.0
    wipe(home, "us", ["SKU-0"], to=4)
    home.advance(3)
    number = home.rows("SELECT id FROM level WHERE store = 'us' ORDER BY id")[0]["id"]

    async def examine():
        parts = home.process.context
        await Proposer(parts.records, parts.stores, parts.clock, parts.ids).examine([number], None)

    home.do(examine())
    faults.webhook_lost = 0.0
    [asked] = home.rows("SELECT token FROM proposal WHERE kind = 'fix' AND state = 'open'")
    ann = Person(team="T1", id="U1", name="ann")
    home.do(home.process.service.decide(asked["token"], Choice.USE_NUMBER, ann, "x", number=50))
    home.process.context.papers.ring()
    home.advance(5)
    check(home)
    [done] = home.rows("SELECT result FROM proposal WHERE kind = 'fix' AND state = 'done'")
    assert json.loads(done["result"])["why"] == BRAKED


def test_three_stores(house):
    """What one did is kept from both others, and given back to the one alone."""
    home = house(stores=3, items=8, pace=Pace(listen=30, brake=SMALL))
    home.open()
    home.advance(30)
    wipe(home, "us", home.skus)
    home.advance(5)
    check(home)
    home.act("uk", "SKU-7", -1)
    home.act("eu", "SKU-7", -1)
    home.advance(5)
    check(home)
    assert [home.shows(each, "SKU-7") for each in home.shops] == [48, -2, 48]
    discard(home)
    home.advance(5)
    check(home)
    assert [home.shows(each, "SKU-7") for each in home.shops] == [48, 48, 48]


def test_three_stores_of_which_one_was_reached(house):
    """Each gets what it must: the reached one its stock back, the other nothing at all."""
    home = house(stores=3, items=8, pace=Pace(listen=30, brake=SMALL))
    home.open()
    home.advance(30)
    now = home.clock.now()
    wipe(home, "eu", ["SKU-0"])
    home.advance(3)
    home.do(step(home, lambda ledger: ledger.hold("uk", "no token", now=now)))
    wipe(home, "eu", ["SKU-1"])
    home.advance(3)
    wipe(home, "eu", home.skus[2:])
    home.advance(5)
    check(home)
    facts = facts_of(home)
    assert facts["pools"] == 8
    assert facts["stopped"] == {"us": 6, "uk": 7}
    assert facts["reached"] == {"us": 2, "uk": 1}
    # Somebody at `us` types the old number: `uk` never lost it, and gets nothing on top.
    wipe(home, "us", ["SKU-1"], to=FIRST)
    home.advance(3)
    home.do(step(home, lambda ledger: ledger.let_go("uk", now=home.clock.now())))
    home.process.context.work.ring()
    home.advance(5)
    check(home)
    assert [home.shows(each, "SKU-1") for each in home.shops] == [FIRST] * 3
    discard(home)
    home.advance(5)
    check(home)
    for alias in home.shops:
        assert shown(home, alias) == [FIRST] * 8


def test_both_stores_are_wiped_one_after_the_other(house):
    """Two brakes at once: each is decided on by itself."""
    home = house(items=8, pace=Pace(listen=30, brake=SMALL))
    home.open()
    home.advance(30)
    wipe(home, "eu", home.skus)
    home.advance(5)
    wipe(home, "us", home.skus)
    home.advance(5)
    check(home)
    first, second = brakes(home)
    assert (first.store, second.store) == ("eu", "us")
    discard(home, first.subject)
    home.advance(5)
    check(home)
    assert (home.shows("eu", "SKU-7"), home.shows("us", "SKU-7")) == (FIRST, 0)
    release(home, second.subject)
    home.advance(5)
    check(home)
    assert (home.shows("eu", "SKU-7"), home.shows("us", "SKU-7")) == (0, 0)


@pytest.mark.parametrize("end", [release, discard])
def test_a_store_that_meets_anew_owes_nothing_of_it(house, end):
    """What was held from it ended with its old meeting; it differs, and a person is asked."""
    home = house(items=8, pace=Pace(listen=30, brake=SMALL))
    home.open()
    home.advance(30)
    wipe(home, "eu", home.skus)
    home.advance(5)
    home.set_mode(Mode.ONE_WAY)
    home.advance(20)
    check(home)
    home.do(step(home, lambda ledger: ledger.brakes()))
    written = home.written("us", "SKU-7")
    end(home)
    home.advance(20)
    check(home)
    assert home.written("us", "SKU-7") == written
    assert home.shows("us", "SKU-7") == FIRST
    assert home.shows("eu", "SKU-7") == (FIRST if end is discard else 0)
    if end is discard:  # they agree again, and go on together
        home.act("eu", "SKU-7", -3)
        home.advance(3)
        assert home.shows("us", "SKU-7") == FIRST - 3


def test_the_wiped_store_meets_anew(house):
    """It is given back what it had, from whatever it shows when somebody says so."""
    home = house(items=8, pace=Pace(listen=30, brake=SMALL))
    home.open()
    home.advance(30)
    wipe(home, "us", home.skus)
    home.advance(5)
    home.set_mode(Mode.OFF)
    home.advance(5)
    home.set_mode(Mode.TWO_WAY)
    home.advance(20)
    check(home)
    discard(home)
    home.advance(20)
    check(home)
    assert (home.shows("eu", "SKU-7"), home.shows("us", "SKU-7")) == (FIRST, FIRST)


def test_a_brake_outlives_a_new_process_and_a_pause(braked):
    """It is in the database: nothing of it is forgotten."""
    home = braked
    home.kill()
    home.start()
    home.do(home.process.service.pause(by="ann"))
    home.act("us", "SKU-0", -5)
    home.advance(30)
    release(home)
    home.advance(5)
    assert shown(home, "us")[1:] == [FIRST] * (PRODUCTS - 1)
    home.do(home.process.service.resume())
    home.process.context.work.ring()
    home.advance(5)
    check(home)
    assert shown(home, "us") == [-5, *[0] * (PRODUCTS - 1)]


def test_old_movements_do_not_count(house):
    """Twenty pools today and twenty tomorrow are no accident."""
    home = house(items=PRODUCTS)
    home.open()
    for some in (home.skus[:15], home.skus[15:]):
        wipe(home, "eu", some)
        home.advance(timedelta(minutes=12).total_seconds())
    assert brakes(home) == []
    assert shown(home, "us") == [0] * PRODUCTS


def test_two_processes_trip_it_once(house, empty_postgres_url):
    """On PostgreSQL, with the work shared: one brake, and every level held once."""
    home = house(items=PRODUCTS, url=empty_postgres_url)
    home.open()
    home.advance(30)
    second = Process(home)
    try:
        wipe(home, "eu", home.skus)
        home.advance(10)
        check(home)
        assert len(brakes(home)) == 1
        assert shown(home, "us").count(FIRST) >= PRODUCTS - 20
        discard(home)
        home.advance(10)
        check(home)
        assert shown(home, "eu") == shown(home, "us")
    finally:
        first, home.process = home.process, second
        home.kill()
        home.process = first
