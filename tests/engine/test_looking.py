"""Stock that cannot be read by id holds up only itself."""

import pytest
from sqlalchemy import update

from sync_core.db.rows import LEVEL
from sync_core.domain.values import Mode
from tests.engine.test_sending import HOUR, MINUTE, assert_quiet, let_pass, standing, told

BROKEN, REFUSED = "INTERNAL_SERVER_ERROR", "INVALID_VARIABLE"
AWAITED = "SELECT item FROM level WHERE store = 'us' AND look_at IS NOT NULL"
UNREAD = "SELECT level_id, attempts FROM unread_level ORDER BY level_id"


def break_items(home, skus, code=REFUSED):
    """Make items unreadable in the us; return what mends them."""
    shop = home.shops["us"]
    gids = [f"gid://shopify/InventoryItem/{shop.item(sku).id}" for sku in skus]
    shop.faults.stumbles.update(dict.fromkeys(gids, code))

    def mend():
        for gid in gids:
            del shop.faults.stumbles[gid]

    return mend


def sell_unheard(home, skus):
    """Sell one of each in the us; only a look can tell."""
    faults = home.shops["us"].faults
    faults.webhook_lost = 1.0
    for sku in skus:
        home.act("us", sku, -1)
    faults.webhook_lost = 0.0


def synced(home):
    return [sku for sku in home.skus if home.shows("eu", sku) == home.expected(sku)]


@pytest.mark.parametrize("code", [REFUSED, BROKEN])
def test_an_item_that_cannot_be_read_holds_up_only_itself(house, code):
    """It is tried later, told once, and its end is told once; it counts when it is read."""
    home = house(opened=True, items=3)
    mend = break_items(home, ["SKU-1"], code)
    sell_unheard(home, home.skus)
    home.advance(15 * MINUTE)
    assert synced(home) == ["SKU-0", "SKU-2"]
    assert "stock_unread" in standing(home)
    home.act("eu", "SKU-0", -2)
    sell_unheard(home, ["SKU-2"])
    home.advance(11 * MINUTE)
    assert synced(home) == ["SKU-0", "SKU-2"]
    let_pass(home, 5)
    assert told(home, "stock_unread") == [0]
    assert told(home, "request_refused") == told(home, "unreachable") == []
    assert home.rows(UNREAD)[0]["attempts"] <= 20
    mend()
    home.advance(HOUR + MINUTE)
    assert told(home, "stock_unread") == [0, 1]
    assert synced(home) == home.skus
    assert home.rows(UNREAD) == []
    assert_quiet(home)


def test_many_that_cannot_be_read_hold_up_no_others(house):
    """However many there are, and wherever they are in line: a new meeting reads them all."""
    home = house(opened=True, items=24)
    bad = home.skus[:14]
    mend = break_items(home, bad, BROKEN)
    home.set_mode(Mode.ONE_WAY)
    home.advance(8)
    assert len(home.rows(AWAITED)) == len(home.rows(UNREAD)) == len(bad)
    home.advance(5 * MINUTE)
    (finding,) = home.rows("SELECT facts FROM finding WHERE kind = 'stock_unread'")
    assert '"title": null' in finding["facts"], "there are several"
    mend()
    home.advance(HOUR + MINUTE)
    assert home.rows(AWAITED) == home.rows(UNREAD) == []
    assert told(home, "stock_unread")[-1] == 1
    assert_quiet(home)


def test_those_that_are_always_asked_first_do_not_starve_the_others(house):
    """A location is given up after some failures: not always after the same ones."""
    home = house(opened=True, items=24)
    break_items(home, home.skus[4:])
    home.set_mode(Mode.ONE_WAY)
    home.advance(3 * MINUTE)
    assert len(home.rows(AWAITED)) == 20
    assert len(home.rows(UNREAD)) == 20


def test_what_has_failed_before_is_read_apart_from_the_rest(house):
    """However often all of that fails, whatever is new is read at once."""
    home = house(opened=True, items=24)
    break_items(home, home.skus[1:])
    home.set_mode(Mode.ONE_WAY)
    home.advance(3 * MINUTE)
    assert len(home.rows(UNREAD)) == 23
    now = home.clock.now()
    due = update(LEVEL).where(LEVEL.c.store == "us").values(look_at=now, look_since=now)
    home.process.database.run(lambda ledger: ledger.run(due))
    home.process.context.work.ring()
    home.advance(1)
    assert len(home.rows(AWAITED)) == len(home.rows(UNREAD)) == 23


def test_what_is_left_is_told_only_with_its_reason(house):
    """One of two is read: the other says so itself when it is tried."""
    home = house(opened=True)
    mend_one, mend_other = (break_items(home, [sku]) for sku in home.skus[:2])
    home.set_mode(Mode.ONE_WAY)
    home.advance(5 * MINUTE)
    mend_one()
    home.advance(10 * MINUTE)
    assert "stock_unread" in standing(home)
    notices = home.rows("SELECT facts FROM notice WHERE kind = 'stock_unread'")
    assert [each for each in notices if '"why": ""' in each["facts"]] == []
    mend_other()
    home.advance(HOUR)
    assert told(home, "stock_unread")[-1] == 1
    assert_quiet(home)


def test_a_location_of_which_nothing_can_be_read_is_not_taken_apart(house):
    """All of it waits together: what fails every time is not asked hundreds of times."""
    home = house(opened=True, items=24)
    mend = break_items(home, home.skus)
    sell_unheard(home, home.skus)
    shop = home.shops["us"]
    home.advance(10 * MINUTE)
    before = shop.counts.requests
    let_pass(home, 5)
    assert len(home.rows(UNREAD)) == 24
    assert shop.counts.requests - before < 260, "taken apart, it would be more than 320"
    assert told(home, "stock_unread") in ([0], [0, 0]), "perhaps of the first, then of several"
    mend()
    home.advance(HOUR + MINUTE)
    assert synced(home) == home.skus
    assert told(home, "stock_unread")[-1] == 1
    assert_quiet(home)


def test_a_restart_knows_what_could_not_be_read(house):
    """Nobody is told twice, and the end is told."""
    home = house(opened=True)
    mend = break_items(home, ["SKU-0"])
    sell_unheard(home, ["SKU-0"])
    home.advance(15 * MINUTE)
    (before,) = home.rows(UNREAD)
    home.kill()
    home.start()
    home.advance(5 * MINUTE)
    (after,) = home.rows(UNREAD)
    assert after["attempts"] >= before["attempts"] >= 4
    assert told(home, "stock_unread") == [0]
    mend()
    home.advance(HOUR + MINUTE)
    assert told(home, "stock_unread") == [0, 1]
    assert_quiet(home)


def test_a_store_that_is_down_is_not_the_fault_of_its_items(house):
    """All are read when it is back; nobody is told of items."""
    home = house(opened=True)
    faults = home.shops["us"].faults
    faults.outage = True
    home.set_mode(Mode.ONE_WAY)
    home.advance(15 * MINUTE)
    assert len(home.rows(AWAITED)) == len(home.skus)
    assert home.rows(UNREAD) == []
    faults.outage = False
    home.advance(15 * MINUTE)
    assert told(home, "stock_unread") == []
    assert told(home, "unreachable") == [0, 1]
    assert home.rows(AWAITED) == []
    assert_quiet(home)
