"""Faults of the catalogue (docs/faults.md) that no other test is about."""

import json
import random
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from sandbox.faults import ShopFault
from sync_core.domain.values import Mode
from tests.engine.test_promises import kinds
from tests.simulation.harness import assert_at_rest, assert_conserved

HOUR = timedelta(hours=1).total_seconds()


def written_keys(harness, alias):
    """Return the keys under which a store was written to."""
    return {each.key for each in harness.shops[alias].log if each.key is not None}


def test_a_full_disk_stops_writing_before_a_store_is_asked(build_harness):
    """What cannot be written down is not sent; with room again, all goes on."""
    harness = build_harness(opened=True)
    harness.broken = True  # its workers fail, and start again
    connection = harness.process.database._connection
    (pages,) = connection.exec_driver_sql("PRAGMA page_count").one()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    connection.rollback()
    for _ in range(60):
        for alias in harness.shops:
            harness.change_stock(alias, "SKU-0", 1)
        harness.advance(2)
    kept = {row["key"] for row in harness.rows("SELECT key FROM batch")}
    assert all(written_keys(harness, alias) <= kept for alias in harness.shops)
    assert {harness.shows(alias, "SKU-0") for alias in harness.shops} != {50 + 120}
    assert_conserved(harness)
    connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    connection.rollback()
    harness.advance(1400)
    assert_conserved(harness)
    assert_at_rest(harness)


@pytest.mark.parametrize("seed", range(4))
def test_a_commit_whose_answer_is_lost_happens_once(build_harness, seed):
    """The connection breaks after the commit: the step is run again, and finds that it was done."""
    harness = build_harness(opened=True)
    database, luck, lost = harness.process.database, random.Random(seed), []
    run = database._run

    def forgetful(work, attempt, limit):
        done = run(work, attempt, limit)
        if luck.random() < 0.2:
            lost.append(1)
            gone = Exception("server closed the connection")
            raise OperationalError("COMMIT", {}, gone, connection_invalidated=True)
        return done

    database._run = forgetful
    for turn in range(30):
        harness.change_stock(("eu", "us")[turn % 2], "SKU-0", -1 if turn % 3 else 4)
        harness.advance(luck.choice((0.1, 0.6, 2.5)))
        assert_conserved(harness)
    harness.advance(120)
    assert len(lost) > 20
    database._run = run
    harness.advance(700)
    assert_conserved(harness)
    assert_at_rest(harness)


def test_a_key_that_the_store_knows_otherwise_is_never_replaced(build_harness):
    """Somebody altered the bytes of a batch that may have been written: people are asked."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.next = [ShopFault.DROP_AFTER, *[ShopFault.ERROR_BEFORE] * 3]
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(0.7)
    [batch] = harness.rows("SELECT body FROM batch WHERE state = 'open'")
    altered = bytes(batch["body"]).replace(b":-5", b":-6").replace(b": -5", b": -6")
    assert altered != bytes(batch["body"])
    query = "UPDATE batch SET body = ?"
    harness.process.database.run(
        lambda tx: tx.connection.exec_driver_sql(query, (altered,)).rowcount
    )
    harness.advance(120)
    assert harness.written("us", "SKU-0") == [-5]
    assert kinds(harness) == ["suspended"]
    [finding] = harness.rows("SELECT facts FROM finding WHERE closed_at IS NULL")
    assert json.loads(finding["facts"])["why"] == "unfinished"
    assert len(harness.rows("SELECT 1 FROM batch")) == 1
    assert_conserved(harness)


def test_edited_orders_and_returns_are_changes_like_any_other(build_harness):
    """Whatever moves `available` is taken over; the cause matters to people only."""
    harness = build_harness(opened=True, orders=True)
    shop = harness.shops["eu"]
    order = shop.sell("SKU-0", 3)
    harness.advance(2)
    for change, left in (
        (lambda: shop.edit_order(order, 2), 45),
        (lambda: shop.edit_order(order, -1), 46),
        (lambda: shop.refund(order, 1), 47),
        (lambda: shop.cancel(order), 50),
    ):
        change()
        harness._mail_wakeup.notify()
        harness.advance(5)
        assert {harness.shows(alias, "SKU-0") for alias in harness.shops} == {left}
    assert_conserved(harness)


def test_both_stores_are_away_and_one_comes_back(build_harness):
    """What the one did is counted at once, what the other is owed waits for it."""
    harness = build_harness(opened=True)
    for shop in harness.shops.values():
        shop.faults.outage = True
        shop.faults.webhook_lost = 1.0
    harness.change_stock("eu", "SKU-0", -2)
    harness.change_stock("us", "SKU-0", -3)
    harness.advance(1200)
    harness.shops["eu"].faults.outage = False
    harness.advance(1400)
    [pool] = harness.rows("SELECT shared FROM pool WHERE id = 1")
    assert pool["shared"] == 48
    assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (48, 47)
    harness.shops["us"].faults.outage = False
    harness.advance(1400)
    assert_conserved(harness)
    assert_at_rest(harness)


def test_half_a_day_without_a_store_costs_a_write_for_each_product(build_harness):
    """Differences net out: what was sold a hundred times is written once, in few batches."""
    harness = build_harness(items=300)
    harness.open()
    harness.shops["us"].faults.outage = True
    for _ in range(2):
        for sku in harness.skus:
            harness.change_stock("eu", sku, -1)
        harness.rest(6 * HOUR)
    before = len(written_keys(harness, "us"))
    harness.shops["us"].faults.outage = False
    harness.advance(600)
    assert_at_rest(harness)
    assert_conserved(harness)
    # One update of each was under way when the store went away, and it is sent first.
    assert max(len(harness.written("us", sku)) for sku in harness.skus) <= 2
    assert len(written_keys(harness, "us")) - before <= 6


def test_a_connection_that_is_switched_off_in_mid_flight_settles_what_is_open(build_harness):
    """What left may be written; it is asked for until the store answers, and written once."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.next = [ShopFault.DROP_AFTER, ShopFault.ERROR_AFTER]
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(0.7)
    harness.set_mode(Mode.OFF)
    harness.advance(60)
    assert harness.rows("SELECT 1 FROM adjustment WHERE state = 'open'") == []
    assert harness.written("us", "SKU-0") == [-5]
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(60)
    assert kinds(harness) == []
    assert_conserved(harness)
    assert_at_rest(harness)
