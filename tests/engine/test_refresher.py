"""Stock that cannot be read by id holds up only itself."""

import pytest
from sqlalchemy import update

from sync_core.db.tables import LEVEL
from sync_core.domain.values import Mode
from tests.engine.test_sender import HOUR, MINUTE, assert_quiet, release_withheld, standing, told

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
