"""The machine's clock is set, by an hour or a month, either way: all goes on, and is told."""

import json
from datetime import timedelta

import pytest

from sandbox.faults import ShopFault
from sync_core.workers import timekeeper
from tests.engine.test_sender import standing
from tests.simulation.harness import Process, assert_at_rest, assert_conserved
from tests.simulation.virtual_time import VirtualClock

HOUR, MINUTE = timedelta(hours=1), 60
STEPS = {
    "an hour back": -HOUR,
    "an hour forward": HOUR,
    "a month back": timedelta(days=-30),
    "a month forward": timedelta(days=30),
}
steps = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())


def told(harness):
    rows = harness.rows(
        "SELECT resolved, facts FROM notification WHERE kind = 'clock_step' ORDER BY id"
    )
    read = [
        row["facts"] if isinstance(row["facts"], dict) else json.loads(row["facts"]) for row in rows
    ]
    return [(bool(row["resolved"]), f["seconds"]) for row, f in zip(rows, read, strict=True)]


def sell_everywhere(harness):
    for number, sku in enumerate(harness.skus):
        harness.change_stock("us", sku, -1 - number)
        harness.change_stock("eu", sku, 2)


def assert_all_green(harness):
    assert_at_rest(harness)
    assert_conserved(harness)
    assert harness.process.supervisor.down() == {}
    for query in (
        "SELECT id FROM delivery WHERE handled_at IS NULL",
        "SELECT id FROM batch WHERE state = 'open'",
        "SELECT id FROM level WHERE due OR refresh_at IS NOT NULL",
        "SELECT product_id FROM product_to_read",
    ):
        assert harness.rows(query) == [], query


@steps
def test_changes_go_on_within_seconds(build_harness, step):
    """Measured before: an hour back, and nothing was written for an hour, while all was green."""
    harness = build_harness(opened=True)
    sell_everywhere(harness)
    harness.advance(3)
    harness.wall.skew += step
    sell_everywhere(harness)
    harness.advance(20)
    assert_at_rest(harness)
    assert told(harness) == [(False, step.total_seconds())]
    assert harness.process.timekeeper.health() == {"was_set_by_seconds": step.total_seconds()}
    sell_everywhere(harness)
    harness.advance(5)
    assert_all_green(harness)
    harness.advance(75 * MINUTE)
    assert told(harness)[1:] == [(True, step.total_seconds())]
    assert standing(harness) == []
    assert harness.process.timekeeper.health() == {"was_set_by_seconds": 0}
    assert harness.process.timekeeper.may_delete_old() == (step < timedelta(days=1))


@steps
def test_what_waits_in_the_middle_of_it_goes_on(build_harness, step):
    """A batch without an answer, a store that is throttled, a look, a product to be read."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.next.extend([ShopFault.DROP_AFTER, ShopFault.ERROR_BEFORE])
    sell_everywhere(harness)
    harness.shops["us"].rename("thing-1", "thing-x")
    harness.advance(0.7)
    harness.wall.skew += step
    harness.advance(3 * MINUTE)
    sell_everywhere(harness)
    harness.advance(2 * MINUTE)
    assert_all_green(harness)


@pytest.mark.parametrize("step", [-HOUR, HOUR, timedelta(days=-30)])
def test_a_step_while_nobody_served(build_harness, step):
    """It was killed in the middle of its work; the machine runs on, and its clock is set."""
    harness = build_harness(opened=True)
    harness.shops["us"].faults.outage = True
    sell_everywhere(harness)
    harness.advance(1.2)
    harness.kill()
    harness.wall.skew += step
    harness.start()
    harness.advance(0.1)
    assert told(harness) == [(False, step.total_seconds())]
    harness.shops["us"].faults.outage = False
    harness.advance(3 * MINUTE)
    sell_everywhere(harness)
    harness.advance(2 * MINUTE)
    assert_all_green(harness)


@steps
def test_a_machine_that_was_started_again_with_a_wrong_clock(build_harness, monkeypatch, step):
    """Nobody can say how long it was off. Back is seen; forward may as well be true."""
    harness = build_harness(opened=True)
    sell_everywhere(harness)
    harness.advance(70)
    harness.kill()
    monkeypatch.setattr(timekeeper, "boot_id", lambda: "another")
    harness.wall.skew += step
    harness.start()
    sell_everywhere(harness)
    harness.advance(10)
    assert_all_green(harness)
    assert len(told(harness)) == (step < timedelta(0))


@pytest.mark.parametrize(
    ("step", "boot"),
    [
        pytest.param(timedelta(days=30), None, id="a month forward"),
        pytest.param(-HOUR, "another", id="back, and started again"),
    ],
)
def test_a_batch_in_doubt_whose_key_may_be_too_old_is_asked_about(
    build_harness, monkeypatch, step, boot
):
    """A paused machine and a wrong clock look the same: a month may have passed, in truth."""
    harness = build_harness(opened=True)
    shop = harness.shops["us"]
    shop.faults.mutations_only, shop.faults.answers = True, {ShopFault.DROP_AFTER: 1.0}
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(3)
    if boot:
        harness.kill()
        monkeypatch.setattr(timekeeper, "boot_id", lambda: boot)
    harness.wall.skew += step
    harness.advance(10)
    shop.faults.answers = {}
    harness.change_stock("eu", "SKU-1", -2)
    harness.advance(3 * MINUTE)
    assert harness.shows("us", "SKU-1") == 48
    assert harness.shows("us", "SKU-0") == 45  # written, once
    assert standing(harness) == ["clock_step", "suspended"]
    assert_conserved(harness)


def test_processes_with_differing_clocks_go_by_that_of_their_database(
    build_harness, empty_postgres_url
):
    """An hour apart, they work side by side; a step of the shared clock is moved and told once."""
    harness = build_harness(url=empty_postgres_url)
    harness.kill()
    shared = VirtualClock(harness.loop)
    harness.shared_time = shared.now
    harness.start()
    harness.open()
    mine, harness.wall = harness.wall, VirtualClock(harness.loop, HOUR)
    others = Process(harness)
    harness.wall = mine
    try:
        for _ in range(3):
            sell_everywhere(harness)
            harness.advance(3)
        harness.advance(MINUTE)
        assert_all_green(harness)
        assert told(harness) == []
        shared.skew -= timedelta(days=30)
        harness.advance(10)
        assert others.on_clock_step
        harness.end(others)
        others = Process(harness)
        sell_everywhere(harness)
        harness.advance(MINUTE)
        assert_all_green(harness)
        assert told(harness) == [(False, -30 * 86_400)]
    finally:
        harness.end(others)


def test_the_clock_of_one_machine_among_others_is_set(build_harness):
    """What goes by it begins anew; nothing stored is touched, and nobody is bothered."""
    harness = build_harness(opened=True)
    harness.kill()
    harness.shared_time = harness.clock.now
    harness.start()
    harness.advance(2)
    first = harness.process
    harness.wall.skew -= HOUR
    harness.advance(10)
    assert first.on_clock_step
    sell_everywhere(harness)
    harness.advance(5)
    assert harness.process is not first
    assert not harness.process.on_clock_step
    assert_all_green(harness)
    assert told(harness) == []


def test_a_clock_that_is_wrong_all_the_time_hides_no_change(build_harness):
    """An hour ahead of the stores, "what changed since then" would ask of an hour to come."""
    harness = build_harness(opened=True)
    harness.wall.skew += HOUR
    harness.advance(15 * MINUTE)
    for shop in harness.shops.values():
        shop.faults.webhook_lost = 1.0
    sell_everywhere(harness)
    harness.advance(11 * MINUTE)
    assert_at_rest(harness)
    assert_conserved(harness)
