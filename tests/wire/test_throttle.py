"""Keeping within a store's budget."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.values import ItemId, LocationId
from sync_core.errors import NotSent, Throttled
from sync_core.ports import Budget, QuantityChange
from sync_core.shopify.documents import READ
from sync_core.shopify.throttle import QueryCosts, Throttle

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def told(available, maximum=2000.0, restore=100.0):
    return Budget(available=available, maximum=maximum, restore=restore)


@pytest.fixture
def throttle(clock):
    return Throttle(clock)


async def test_what_fits_goes_at_once(throttle, clock):
    await throttle.acquire_to_write(13)
    assert clock.slept == []
    assert throttle.budget().available == 1987


async def test_what_does_not_fit_waits_until_it_does(throttle, clock):
    throttle.finish(0, told(3.0))
    await throttle.acquire_to_write(13)
    assert clock.slept == [pytest.approx(0.1)]


async def test_the_budget_comes_back_with_time_and_not_beyond_its_size(throttle, clock):
    throttle.finish(0, told(500.0))
    await clock.sleep(2)
    assert throttle.budget().available == 700
    await clock.sleep(3600)
    assert throttle.budget().available == 2000


async def test_reading_leaves_something_to_writing(throttle, clock):
    throttle.finish(0, told(105.0))
    await throttle.acquire_to_write(10)
    assert clock.slept == []
    await throttle.acquire_to_read(10)
    assert clock.slept == [pytest.approx(0.15)]


async def test_what_is_dearer_than_the_bucket_waits_for_a_full_one(throttle, clock):
    """It must not wait without end."""
    throttle.finish(0, told(0.0, maximum=50.0, restore=10.0))
    await throttle.acquire_to_read(400)
    assert sum(clock.slept) == pytest.approx(5.0)


async def test_the_store_knows_better(throttle):
    await throttle.acquire_to_write(10)
    throttle.finish(10, told(40.0, maximum=1000.0, restore=50.0))
    assert throttle.budget() == told(40.0, maximum=1000.0, restore=50.0)


async def test_requests_under_way_are_taken_off(throttle):
    """Ten at once must not each believe that the whole budget is theirs."""
    await throttle.acquire_to_write(10)
    await throttle.acquire_to_write(300)
    throttle.finish(10, told(1990.0))
    assert throttle.budget().available == 1690
    throttle.finish(300, told(1690.0))
    assert throttle.budget().available == 1690


async def test_what_was_not_spent_comes_back(throttle):
    await throttle.acquire_to_write(300)
    throttle.finish(300, None, spent=False)
    assert throttle.budget().available == 2000


async def test_a_request_that_never_left_costs_nothing(store, wire):
    wire.side_effect = httpx.ConnectError("refused")
    for _ in range(50):
        with pytest.raises(NotSent):
            await store.product(7)
    assert store.budget().available == 2000


async def test_a_closed_door_holds_everybody(throttle, clock):
    throttle.close(5)
    await throttle.acquire_to_write(1)
    assert sum(clock.slept) == pytest.approx(5)


async def test_nobody_waits_too_long(throttle, clock):
    throttle.close(200)
    with pytest.raises(Throttled) as caught:
        await throttle.acquire_to_write(1)
    assert caught.value.wait == pytest.approx(200)
    assert clock.slept == []


async def test_small_reads_do_not_starve_a_large_one(throttle, clock):
    throttle.finish(0, told(150.0))
    order = []

    async def read(cost):
        await throttle.acquire_to_read(cost)
        order.append(cost)
        throttle.finish(cost, None)

    async with asyncio.TaskGroup() as group:
        for cost in (900, 10, 10):
            group.create_task(read(cost))
    assert order == [900, 10, 10]


@given(
    st.lists(
        st.tuples(st.floats(0, 2000), st.floats(0, 3000), st.floats(1, 5000), st.floats(1, 500))
    )
)
def test_the_estimate_stays_within_the_bucket(steps):
    class Standing:
        def now(self):
            return START

        async def sleep(self, seconds):
            raise AssertionError

    throttle = Throttle(Standing())
    for cost, available, maximum, restore in steps:
        throttle.finish(cost, told(available, maximum, restore))
        assert 0 <= throttle.budget().available <= maximum


def test_a_price_is_guessed_then_known():
    costs = QueryCosts()
    assert costs.estimate(READ, 100) == READ.estimate(100)
    costs.learn(READ, 100, 412.0)
    costs.learn(READ, 100, None)
    assert costs.estimate(READ, 100) == 412.0
    assert costs.estimate(READ, 50) == READ.estimate(50)


def test_a_request_asks_for_as_much_as_fits():
    costs = QueryCosts()
    assert costs.rows(READ) == 100
    costs.learn(READ, 1, 900.0)  # one row says nothing of many
    assert costs.rows(READ) == 100
    costs.learn(READ, 100, 450.0)
    assert costs.rows(READ) == 200
    costs.learn(READ, 100, 1.0)
    assert costs.rows(READ) == 250
    costs.reduce_rows(READ, 250)
    assert costs.rows(READ) == 125
    costs.reduce_rows(READ, 1)
    assert costs.rows(READ) == 1


async def test_a_store_paces_its_requests_by_what_it_answers(store, wire, clock):
    status = {"maximumAvailable": 2000, "currentlyAvailable": 3, "restoreRate": 5.0}
    extensions = {"cost": {"requestedQueryCost": 13, "throttleStatus": status}}
    payload = {
        "inventoryAdjustmentGroup": {"createdAt": "2026-11-23T01:33:56Z"},
        "userErrors": [],
    }
    answer = {"data": {"inventoryAdjustQuantities": payload}, "extensions": extensions}
    wire.mock(return_value=httpx.Response(200, json=answer))
    change = QuantityChange(item=ItemId(1), location=LocationId(2), delta=1)
    body = store.encode_batch(key="k", reference="r", changes=[change])
    await store.send(body)
    assert store.budget() == told(3.0, 2000.0, 5.0)
    await store.send(body)
    assert clock.slept == [pytest.approx(2.0)]


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"maximumAvailable": None, "currentlyAvailable": 3, "restoreRate": 5},
        {"maximumAvailable": 2000, "currentlyAvailable": True, "restoreRate": 5},
        {"maximumAvailable": 2000, "currentlyAvailable": 3, "restoreRate": 0},
        {"maximumAvailable": 2000, "currentlyAvailable": 3, "restoreRate": -5},
        {"maximumAvailable": "x", "currentlyAvailable": 3, "restoreRate": 5},
    ],
    ids=repr,
)
async def test_an_odd_status_changes_nothing(store, wire, status):
    extensions = {"cost": {"requestedQueryCost": 5, "throttleStatus": status}}
    body = {"data": {"product": None}, "extensions": extensions}
    wire.mock(return_value=httpx.Response(200, json=body))
    await store.product(7)
    assert (store.budget().maximum, store.budget().restore) == (2000, 100)
