"""Who makes work wakes who does it: within a process nobody waits for a poll, or polls for long."""

from collections import Counter

import pytest

from sandbox.faults import ShopFault
from sync_core.workers.context import EngineConfig
from sync_core.workers.delivery_processor import DeliveryProcessor
from sync_core.workers.lease_keeper import LeaseKeeper
from tests.simulation.harness import KeptConnection, assert_at_rest

SELDOM = EngineConfig(recheck_every=600, catch_up_every=0)


def test_at_rest_a_process_asks_the_database_less_than_once_a_second(build_harness, monkeypatch):
    """51 transactions a minute, of which the supervisor's are 12 and the two leases' 8."""
    count = Counter()
    run = KeptConnection._run

    def counting(self, work, attempt, limit):
        count["transactions"] += 1
        return run(self, work, attempt, limit)

    harness = build_harness(config=EngineConfig())
    harness.open()
    harness.advance(120)
    monkeypatch.setattr(KeptConnection, "_run", counting)
    harness.advance(600)
    assert count["transactions"] <= 10 * 52


def names_of_steps(monkeypatch):
    """Collect the name of each transaction's work."""
    steps = []
    run = KeptConnection._run

    def noting(self, work, attempt, limit):
        steps.append(getattr(work, "func", work).__qualname__)
        return run(self, work, attempt, limit)

    monkeypatch.setattr(KeptConnection, "_run", noting)
    return steps


def test_a_change_wakes_only_those_whom_it_concerns(build_harness, monkeypatch):
    """Five transactions bring it across, and two take in its echo: kept, and nothing to do."""
    harness = build_harness(config=SELDOM)
    harness.open()
    harness.advance(60)
    steps = names_of_steps(monkeypatch)
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(20)
    assert harness.shows("eu", "SKU-0") == 45
    assert steps.count("_save") == steps.count("DeliveryProcessor._process") == 2
    assert steps.count("Sender._claim") == 2
    assert steps.count("Refresher._due") == 0
    assert_at_rest(harness)


def test_a_doubt_wakes_the_refresher_of_its_store_alone(build_harness, monkeypatch):
    """A webhook of the second in which we have written: only a read by id tells what holds."""
    harness = build_harness(config=SELDOM)
    harness.open()
    harness.advance(60)
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(0.3)
    steps = names_of_steps(monkeypatch)
    harness.change_stock("us", "SKU-0", -1)
    harness.advance(10)
    assert harness.shows("eu", "SKU-0") == harness.shows("us", "SKU-0") == 44
    assert 0 < steps.count("Refresher._due") < 6
    assert_at_rest(harness)


def test_what_waited_for_a_key_that_is_spent_wakes_those_whom_it_concerns(build_harness):
    """A sale in the store meanwhile is judged when the update is given up: the other's sender."""
    harness = build_harness(config=SELDOM)
    harness.open()
    harness.advance(60)
    us = harness.shops["us"].faults
    us.mutations_only, us.next = True, [ShopFault.DROP_BEFORE, ShopFault.SPENT]
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(0.3)
    assert us.next == [ShopFault.SPENT], "the update is under way"
    harness.change_stock("us", "SKU-0", -1)
    harness.advance(10)
    assert us.next == []
    assert harness.shows("eu", "SKU-0") == harness.shows("us", "SKU-0") == 44
    assert_at_rest(harness)


@pytest.mark.parametrize(
    ("seconds", "next_page"),
    [(0.0, 1000), (0.05, 1000), (0.2, 250), (2.0, 100)],
    ids=["at once", "as long as it may", "four times as long", "on a very slow machine"],
)
def test_a_page_of_deliveries_lets_others_have_the_database_in_time(
    build_harness, seconds, next_page
):
    """While a page is processed no webhook is committed, and a store waits for each answer."""
    processor = DeliveryProcessor(build_harness().process.context)
    processor._adapt_page_size(1000, seconds)
    assert processor._page_size == next_page


def test_a_sale_passes_through_the_house_without_a_poll(build_harness):
    """Kept, processed, sent: each step wakes the next."""
    harness = build_harness(config=SELDOM)
    harness.open()
    harness.advance(60)
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(3)
    assert harness.shows("eu", "SKU-0") == 45
    assert_at_rest(harness)


def test_what_a_person_asks_in_the_same_process_is_done_without_a_poll(build_harness):
    """Paused, five are owed; resumed, they are written at once."""
    harness = build_harness(config=SELDOM)
    harness.open()
    harness.advance(40)  # the next look at what other processes want is far
    harness.do(harness.process.service.pause(by="ann"))
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(3)
    assert harness.shows("eu", "SKU-0") == 50
    harness.do(harness.process.service.resume())
    harness.advance(3)
    assert harness.shows("eu", "SKU-0") == 45


def test_a_wait_of_next_to_nothing_is_a_wait(build_harness, monkeypatch):
    """What is due in 1e-13 s (sums of floats miss a moment) is asked for again, not without end."""
    rounds = Counter()

    async def due_at_once(self):
        rounds[self._store.alias] += 1
        assert rounds[self._store.alias] < 5000
        return 1e-13

    monkeypatch.setattr(LeaseKeeper, "round", due_at_once)
    harness = build_harness()
    harness.advance(1)
    assert 500 < rounds["eu"] <= 1001
