"""The machine's clock is set, by an hour or a month, either way: all goes on, and is told."""

import json
from datetime import timedelta

import pytest

from sandbox.faults import Answer
from sync_core.workers import timekeeper
from tests.engine.test_sending import standing
from tests.simulation.house import Process, assert_at_rest, assert_conserved
from tests.simulation.virtual import VirtualClock

HOUR, MINUTE = timedelta(hours=1), 60
STEPS = {
    "an hour back": -HOUR,
    "an hour forward": HOUR,
    "a month back": timedelta(days=-30),
    "a month forward": timedelta(days=30),
}
steps = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())


def told(home):
    rows = home.rows("SELECT over, facts FROM notice WHERE kind = 'clock_step' ORDER BY id")
    read = [
        row["facts"] if isinstance(row["facts"], dict) else json.loads(row["facts"]) for row in rows
    ]
    return [(bool(row["over"]), f["seconds"]) for row, f in zip(rows, read, strict=True)]


def sell_everywhere(home):
    for number, sku in enumerate(home.skus):
        home.act("us", sku, -1 - number)
        home.act("eu", sku, 2)


def assert_all_green(home):
    assert_at_rest(home)
    assert_conserved(home)
    assert home.process.supervisor.down() == {}
    for query in (
        "SELECT id FROM delivery WHERE handled_at IS NULL",
        "SELECT id FROM batch WHERE state = 'open'",
        "SELECT id FROM level WHERE due OR look_at IS NOT NULL",
        "SELECT product_id FROM product_to_read",
    ):
        assert home.rows(query) == [], query


@steps
def test_changes_go_on_within_seconds(house, step):
    """Measured before: an hour back, and nothing was written for an hour, while all was green."""
    home = house(opened=True)
    sell_everywhere(home)
    home.advance(3)
    home.wall.skew += step
    sell_everywhere(home)
    home.advance(20)
    assert_at_rest(home)
    assert told(home) == [(False, step.total_seconds())]
    assert home.process.timekeeper.health() == {"was_set_by_seconds": step.total_seconds()}
    sell_everywhere(home)
    home.advance(5)
    assert_all_green(home)
    home.advance(75 * MINUTE)
    assert told(home)[1:] == [(True, step.total_seconds())]
    assert standing(home) == []
    assert home.process.timekeeper.health() == {"was_set_by_seconds": 0}
    assert home.process.timekeeper.may_forget() == (step < timedelta(days=1))


@steps
def test_what_waits_in_the_middle_of_it_goes_on(house, step):
    """A batch without an answer, a store that is throttled, a look, a product to be read."""
    home = house(opened=True)
    home.shops["us"].faults.next.extend([Answer.DROP_AFTER, Answer.ERROR_BEFORE])
    sell_everywhere(home)
    home.shops["us"].rename("thing-1", "thing-x")
    home.advance(0.7)
    home.wall.skew += step
    home.advance(3 * MINUTE)
    sell_everywhere(home)
    home.advance(2 * MINUTE)
    assert_all_green(home)


@pytest.mark.parametrize("step", [-HOUR, HOUR, timedelta(days=-30)])
def test_a_step_while_nobody_served(house, step):
    """It was killed in the middle of its work; the machine runs on, and its clock is set."""
    home = house(opened=True)
    home.shops["us"].faults.outage = True
    sell_everywhere(home)
    home.advance(1.2)
    home.kill()
    home.wall.skew += step
    home.start()
    home.advance(0.1)
    assert told(home) == [(False, step.total_seconds())]
    home.shops["us"].faults.outage = False
    home.advance(3 * MINUTE)
    sell_everywhere(home)
    home.advance(2 * MINUTE)
    assert_all_green(home)


@steps
def test_a_machine_that_was_started_again_with_a_wrong_clock(house, monkeypatch, step):
    """Nobody can say how long it was off. Back is seen; forward may as well be true."""
    home = house(opened=True)
    sell_everywhere(home)
    home.advance(70)
    home.kill()
    monkeypatch.setattr(timekeeper, "boot_id", lambda: "another")
    home.wall.skew += step
    home.start()
    sell_everywhere(home)
    home.advance(10)
    assert_all_green(home)
    assert len(told(home)) == (step < timedelta(0))


@pytest.mark.parametrize(
    ("step", "boot"),
    [
        pytest.param(timedelta(days=30), None, id="a month forward"),
        pytest.param(-HOUR, "another", id="back, and started again"),
    ],
)
def test_a_batch_in_doubt_whose_key_may_be_too_old_is_asked_about(house, monkeypatch, step, boot):
    """A paused machine and a wrong clock look the same: a month may have passed, in truth."""
    home = house(opened=True)
    shop = home.shops["us"]
    shop.faults.mutations_only, shop.faults.answers = True, {Answer.DROP_AFTER: 1.0}
    home.act("eu", "SKU-0", -5)
    home.advance(3)
    if boot:
        home.kill()
        monkeypatch.setattr(timekeeper, "boot_id", lambda: boot)
    home.wall.skew += step
    home.advance(10)
    shop.faults.answers = {}
    home.act("eu", "SKU-1", -2)
    home.advance(3 * MINUTE)
    assert home.shows("us", "SKU-1") == 48
    assert home.shows("us", "SKU-0") == 45  # written, once
    assert standing(home) == ["clock_step", "suspended"]
    assert_conserved(home)


def test_processes_with_differing_clocks_go_by_that_of_their_database(house, empty_postgres_url):
    """An hour apart, they work side by side; a step of the shared clock is moved and told once."""
    home = house(url=empty_postgres_url)
    home.kill()
    shared = VirtualClock(home.loop)
    home.shared_time = shared.now
    home.start()
    home.open()
    mine, home.wall = home.wall, VirtualClock(home.loop, HOUR)
    others = Process(home)
    home.wall = mine
    try:
        for _ in range(3):
            sell_everywhere(home)
            home.advance(3)
        home.advance(MINUTE)
        assert_all_green(home)
        assert told(home) == []
        shared.skew -= timedelta(days=30)
        home.advance(10)
        assert others.stepped
        home.end(others)
        others = Process(home)
        sell_everywhere(home)
        home.advance(MINUTE)
        assert_all_green(home)
        assert told(home) == [(False, -30 * 86_400)]
    finally:
        home.end(others)


def test_the_clock_of_one_machine_among_others_is_set(house):
    """What goes by it begins anew; nothing stored is touched, and nobody is bothered."""
    home = house(opened=True)
    home.kill()
    home.shared_time = home.clock.now
    home.start()
    home.advance(2)
    first = home.process
    home.wall.skew -= HOUR
    home.advance(10)
    assert first.stepped
    sell_everywhere(home)
    home.advance(5)
    assert home.process is not first
    assert not home.process.stepped
    assert_all_green(home)
    assert told(home) == []


def test_a_clock_that_is_wrong_all_the_time_hides_no_change(house):
    """An hour ahead of the stores, "what changed since then" would ask of an hour to come."""
    home = house(opened=True)
    home.wall.skew += HOUR
    home.advance(15 * MINUTE)
    for shop in home.shops.values():
        shop.faults.webhook_lost = 1.0
    sell_everywhere(home)
    home.advance(11 * MINUTE)
    assert_at_rest(home)
    assert_conserved(home)
