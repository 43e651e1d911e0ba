"""Stock that cannot be read by id holds up only itself."""

import pytest
from sqlalchemy import update

from sync_core.db.tables import LEVEL
from sync_core.domain.values import Mode
from tests.engine.test_sender import HOUR, MINUTE, assert_quiet, release_withheld, standing, told
from tests.simulation.harness import assert_at_rest, assert_conserved

BROKEN, REFUSED = "INTERNAL_SERVER_ERROR", "INVALID_VARIABLE"
AWAITED = "SELECT item FROM level WHERE store = 'us' AND refresh_at IS NOT NULL"
UNREAD = "SELECT level_id, attempts FROM unread_level ORDER BY level_id"


def break_items(harness, skus, code=REFUSED):
    """Make items unreadable in the us; return what mends them."""
    shop = harness.shops["us"]
    gids = [f"gid://shopify/InventoryItem/{shop.item(sku).id}" for sku in skus]
    shop.faults.field_errors.update(dict.fromkeys(gids, code))

    def mend():
        for gid in gids:
            del shop.faults.field_errors[gid]

    return mend


def sell_unheard(harness, skus):
    """Sell one of each in the us; only a look can tell."""
    faults = harness.shops["us"].faults
    faults.webhook_lost = 1.0
    for sku in skus:
        harness.change_stock("us", sku, -1)
    faults.webhook_lost = 0.0


def synced(harness):
    return [sku for sku in harness.skus if harness.shows("eu", sku) == harness.expected(sku)]


@pytest.mark.parametrize("code", [REFUSED, BROKEN])
def test_an_item_that_cannot_be_read_holds_up_only_itself(build_harness, code):
    """It is tried later, told once, and its end is told once; it counts when it is read."""
    harness = build_harness(opened=True, items=3)
    mend = break_items(harness, ["SKU-1"], code)
    sell_unheard(harness, harness.skus)
    harness.advance(15 * MINUTE)
    assert synced(harness) == ["SKU-0", "SKU-2"]
    assert "stock_unread" in standing(harness)
    harness.change_stock("eu", "SKU-0", -2)
    sell_unheard(harness, ["SKU-2"])
    harness.advance(11 * MINUTE)
    assert synced(harness) == ["SKU-0", "SKU-2"]
    release_withheld(harness, 5)
    assert told(harness, "stock_unread") == [0]
    assert told(harness, "request_refused") == told(harness, "unreachable") == []
    assert harness.rows(UNREAD)[0]["attempts"] <= 20
    mend()
    harness.advance(HOUR + MINUTE)
    assert told(harness, "stock_unread") == [0, 1]
    assert synced(harness) == harness.skus
    assert harness.rows(UNREAD) == []
    assert_quiet(harness)


def test_many_that_cannot_be_read_hold_up_no_others(build_harness):
    """However many there are, and wherever they are in line: a new meeting reads them all."""
    harness = build_harness(opened=True, items=24)
    bad = harness.skus[:14]
    mend = break_items(harness, bad, BROKEN)
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(8)
    assert len(harness.rows(AWAITED)) == len(harness.rows(UNREAD)) == len(bad)
    harness.advance(5 * MINUTE)
    (finding,) = harness.rows("SELECT facts FROM finding WHERE kind = 'stock_unread'")
    assert '"title": null' in finding["facts"], "there are several"
    mend()
    harness.advance(HOUR + MINUTE)
    assert harness.rows(AWAITED) == harness.rows(UNREAD) == []
    assert told(harness, "stock_unread")[-1] == 1
    assert_quiet(harness)


def test_those_that_are_always_asked_first_do_not_starve_the_others(build_harness):
    """A location is given up after some failures: not always after the same ones."""
    harness = build_harness(opened=True, items=24)
    break_items(harness, harness.skus[4:])
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(3 * MINUTE)
    assert len(harness.rows(AWAITED)) == 20
    assert len(harness.rows(UNREAD)) == 20


def test_what_has_failed_before_is_read_apart_from_the_rest(build_harness):
    """However often all of that fails, whatever is new is read at once."""
    harness = build_harness(opened=True, items=24)
    break_items(harness, harness.skus[1:])
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(3 * MINUTE)
    assert len(harness.rows(UNREAD)) == 23
    now = harness.clock.now()
    due = update(LEVEL).where(LEVEL.c.store == "us").values(refresh_at=now, refresh_since=now)
    harness.process.database.run(lambda tx: tx.run(due))
    harness.process.context.store_work.notify()
    harness.advance(1)
    assert len(harness.rows(AWAITED)) == len(harness.rows(UNREAD)) == 23


def test_what_is_left_is_told_only_with_its_reason(build_harness):
    """One of two is read: the other says so itself when it is tried."""
    harness = build_harness(opened=True)
    mend_one, mend_other = (break_items(harness, [sku]) for sku in harness.skus[:2])
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(5 * MINUTE)
    mend_one()
    harness.advance(10 * MINUTE)
    assert "stock_unread" in standing(harness)
    notifications = harness.rows("SELECT facts FROM notification WHERE kind = 'stock_unread'")
    assert [each for each in notifications if '"why": ""' in each["facts"]] == []
    mend_other()
    harness.advance(HOUR)
    assert told(harness, "stock_unread")[-1] == 1
    assert_quiet(harness)


def test_a_location_of_which_nothing_can_be_read_is_not_taken_apart(build_harness):
    """All of it waits together: what fails every time is not asked hundreds of times."""
    harness = build_harness(opened=True, items=24)
    mend = break_items(harness, harness.skus)
    sell_unheard(harness, harness.skus)
    shop = harness.shops["us"]
    harness.advance(10 * MINUTE)
    before = shop.counts.requests
    release_withheld(harness, 5)
    assert len(harness.rows(UNREAD)) == 24
    assert shop.counts.requests - before < 260, "taken apart, it would be more than 320"
    assert told(harness, "stock_unread") in ([0], [0, 0]), "perhaps of the first, then of several"
    mend()
    harness.advance(HOUR + MINUTE)
    assert synced(harness) == harness.skus
    assert told(harness, "stock_unread")[-1] == 1
    assert_quiet(harness)


def test_a_restart_knows_what_could_not_be_read(build_harness):
    """Nobody is told twice, and the end is told."""
    harness = build_harness(opened=True)
    mend = break_items(harness, ["SKU-0"])
    sell_unheard(harness, ["SKU-0"])
    harness.advance(15 * MINUTE)
    (before,) = harness.rows(UNREAD)
    harness.kill()
    harness.start()
    harness.advance(5 * MINUTE)
    (after,) = harness.rows(UNREAD)
    assert after["attempts"] >= before["attempts"] >= 4
    assert told(harness, "stock_unread") == [0]
    mend()
    harness.advance(HOUR + MINUTE)
    assert told(harness, "stock_unread") == [0, 1]
    assert_quiet(harness)


def test_a_store_that_is_down_is_not_the_fault_of_its_items(build_harness):
    """All are read when it is back; nobody is told of items."""
    harness = build_harness(opened=True)
    faults = harness.shops["us"].faults
    faults.outage = True
    harness.set_mode(Mode.ONE_WAY)
    harness.advance(15 * MINUTE)
    assert len(harness.rows(AWAITED)) == len(harness.skus)
    assert harness.rows(UNREAD) == []
    faults.outage = False
    harness.advance(15 * MINUTE)
    assert told(harness, "stock_unread") == []
    assert told(harness, "unreachable") == [0, 1]
    assert harness.rows(AWAITED) == []
    assert_quiet(harness)


# -- a change that looks like a stale read (rule 4)
SET = b"inventorySetQuantities"


def cancel_our_write(harness):
    """Somebody adds 3 in the very second in which Tipo writes -3: it reads as if we had not."""
    harness.advance(1 - harness.loop.passed % 1)
    harness.change_stock("us", "SKU-0", -3)
    while harness.shows("eu", "SKU-0") != 47:
        harness.advance(0.02)
    harness.change_stock("eu", "SKU-0", +3)
    written, added = harness.shops["eu"].log[-2:]
    assert (written.delta, added.delta, int(written.at.timestamp())) == (
        -3, 3, int(added.at.timestamp()),
    )  # fmt: skip


def questions(harness):
    """How often the store's primary was asked whether a quantity holds."""
    return sum(SET in each.body for each in harness.shops["eu"].exchanges)


def test_a_change_that_cancels_our_write_is_believed_within_seconds(build_harness):
    """For a minute the other store sold what was not there: no time tells it from a stale read."""
    harness = build_harness(opened=True)
    cancel_our_write(harness)
    harness.advance(20)
    assert_at_rest(harness)
    assert harness.shows("us", "SKU-0") == 50
    assert questions(harness) == 1
    harness.advance(60)
    assert_at_rest(harness)
    assert_conserved(harness)


def test_a_store_that_does_not_answer_so_is_waited_for_and_it_is_said_once(build_harness, caplog):
    """What a store does with a set that changes nothing is not documented."""
    caplog.set_level("INFO")
    harness = build_harness(opened=True)
    harness.shops["eu"].faults.refuses_equal_sets = True
    cancel_our_write(harness)
    harness.advance(20)
    assert harness.shows("us", "SKU-0") == 47
    harness.advance(60)
    assert_at_rest(harness)
    cancel_our_write(harness)
    harness.advance(80)
    assert_at_rest(harness)
    assert_conserved(harness)
    assert questions(harness) == 1
    events = [getattr(each, "event", "") for each in caplog.records]
    assert events.count("primary_not_asked") == 1


@pytest.mark.parametrize("why", ["no lease", "a doubt who it is", "paused", "a silent store"])
def test_nobody_is_asked_who_may_not_be_written_to(build_harness, why):
    """The question is a write, though it changes nothing: it needs leave as any other does."""
    harness = build_harness(opened=True)
    cancel_our_write(harness)
    harness.advance(1)
    if why == "no lease":
        harness.process.context.permits.end("eu")
    elif why == "a doubt who it is":
        harness.process.context.identified.discard("eu")
    elif why == "paused":
        harness.do(harness.process.service.pause(by="ann"))
    else:
        harness.shops["eu"].faults.mutations_only = True
        harness.shops["eu"].faults.outage = True
    harness.advance(14)
    assert questions(harness) == 0
    harness.shops["eu"].faults.outage = False
    if why == "paused":
        harness.do(harness.process.service.resume())
    harness.advance(120)
    assert_at_rest(harness)
    assert_conserved(harness)


def test_a_read_that_is_really_stale_is_not_believed_whatever_it_says(build_harness):
    """A replica lags for 25 s: the primary refuses what it says, and nothing is undone."""
    harness = build_harness(opened=True)
    eu = harness.shops["eu"]
    eu.faults.read_lag = eu.faults.read_lag_at_least = 25.0
    harness.advance(30)
    harness.change_stock("us", "SKU-0", -3)
    harness.advance(3)
    harness.process.database.run(
        lambda tx: tx.refreshes.refresh_items(
            "eu", [eu.item("SKU-0").id], now=harness.process.context.clock.now()
        )
    )
    harness.process.context.store_work.notify()
    harness.advance(20)
    assert questions(harness) >= 1
    assert_at_rest(harness)
    harness.advance(100)
    assert_at_rest(harness)
    assert_conserved(harness)
    assert harness.written("us", "SKU-0") == []
