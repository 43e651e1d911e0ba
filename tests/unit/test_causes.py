"""Why a level moved, in words."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.causes import (
    ORDER_WINDOW,
    UNIT_SIGN,
    UnexplainedMovement,
    explain,
    explain_movement,
    find_causes,
)
from sync_core.domain.webhook_events import OrderEvent, OrderEventKind
from tests.unit.builders import NOON, at


def order_event(name, quantity, *, kind=OrderEventKind.SALE, when=0):
    """Return what an order says of one of its lines."""
    return OrderEvent(
        store="eu", kind=kind, ref=1, line=1, order_id=77, name=name, variant_id=1001,
        quantity=quantity, location=None, at=at(when),
    )  # fmt: skip


ONE, TWO, THREE = order_event("#1", 1), order_event("#2", 2), order_event("#3", 3)
FAR, DEFER = order_event("#8", 1, when=-90), order_event("#9", 1, when=30)
BACK = order_event("#1", 1, kind=OrderEventKind.CANCELLATION)
MONEY = order_event("", 2, kind=OrderEventKind.REFUND)


@pytest.mark.parametrize(
    ("delta", "order_events", "cause", "used"),
    [
        pytest.param(-2, [ONE, TWO], "order #2", (TWO,), id="one order"),
        pytest.param(-3, [ONE, TWO], "order #1, order #2", (ONE, TWO), id="two in a row"),
        pytest.param(-3, [ONE, TWO, THREE], "order #3", (THREE,), id="the fewest"),
        pytest.param(-1, [FAR, ONE, DEFER], "order #1", (ONE,), id="the nearest"),
        pytest.param(1, [BACK], "order #1 cancelled", (BACK,), id="a cancellation"),
        pytest.param(2, [MONEY], "refund of order 77", (MONEY,), id="a refund without a name"),
        pytest.param(-4, [ONE, TWO, THREE], "changed in the store", (), id="not in a row"),
        pytest.param(5, [ONE], "restock or edit", (), id="it rose"),
        pytest.param(-5, [], "changed in the store", (), id="it fell"),
        pytest.param(
            -1, [order_event("#9", 1, when=121)], "changed in the store", (), id="too late"
        ),
    ],
)
def test_a_movement_is_explained_by_the_table(delta, order_events, cause, used):
    """One row each."""
    assert explain(delta, NOON, order_events) == (cause, used)


@pytest.mark.parametrize("minutes", [-2, 2])
def test_two_minutes_are_near(minutes):
    """A store puts an order and its stock movement together, in either order."""
    order = order_event("#1", 1, when=minutes * 60)
    assert explain(-1, order.at - timedelta(minutes=minutes), [order])[1] == (order,)


# -- what is recorded


@pytest.mark.parametrize(
    ("order_events", "cause"),
    [
        pytest.param([replace(TWO, explains=7), ONE], "order #2", id="as it was recorded"),
        pytest.param([replace(ONE, explains=8), DEFER], "order #9", id="not what explains another"),
        pytest.param(
            [replace(ONE, explains=8)], "changed in the store", id="that and nothing else"
        ),
        pytest.param([ONE, TWO], "order #1", id="not recorded yet"),
    ],
)
def test_a_recorded_cause_is_the_cause_whoever_asks(order_events, cause):
    """Two pages of one history must not give one order to two changes."""
    assert explain_movement(7, -1, NOON, order_events)[0] == cause


def movement(number, delta, *, level=1, when=0):
    return UnexplainedMovement(id=number, level=level, delta=delta, at=at(when))


def test_an_order_of_an_item_at_two_locations_explains_one_change():
    """Stores don't say which location an online order was sent from."""
    moved = [movement(1, -1, level=1), movement(2, -1, level=2)]
    assert find_causes(moved, {1: [ONE], 2: [ONE]}, enough=9) == [replace(ONE, explains=1)]


def test_what_nothing_explains_takes_no_order():
    assert (
        find_causes([movement(1, -4), movement(2, -1, when=200)], {1: [ONE, TWO]}, enough=9) == []
    )
    assert find_causes([movement(1, -1)], {}, enough=9) == []


def test_what_is_left_for_later_is_whole_changes():
    """A step is short; the orders of one change are recorded in the same one."""
    moved = [movement(1, -3), movement(2, -3)]
    found = find_causes(moved, {1: [ONE, TWO, THREE]}, enough=1)
    assert found == [replace(THREE, explains=1)]
    found = find_causes(moved, {1: [ONE, TWO]}, enough=1)
    assert found == [replace(ONE, explains=1), replace(TWO, explains=1)]


KINDS_OF_EVENT = st.sampled_from(list(OrderEventKind))
EVENTS = st.lists(st.tuples(st.integers(1, 4), KINDS_OF_EVENT, st.integers(0, 400)), max_size=8)
MOVES = st.lists(st.tuples(st.integers(-6, 6), st.integers(1, 2), st.integers(0, 400)), max_size=8)


@given(events=EVENTS, moves=MOVES)
def test_what_is_recorded_keeps_the_law_of_the_audit(events, moves):
    """Each order explains one change at most, and a change's orders add up to it, near in time."""
    told = [
        replace(order_event(f"#{n}", quantity, kind=kind, when=when), ref=n)
        for n, (quantity, kind, when) in enumerate(sorted(events, key=lambda each: each[2]))
    ]
    moved = [
        movement(n, delta, level=where, when=when) for n, (delta, where, when) in enumerate(moves)
    ]
    found = find_causes(moved, {1: told, 2: told[::2]}, enough=99)
    assert max(Counter(each.ref for each in found).values(), default=1) == 1
    for each in moved:
        mine = [order for order in found if order.explains == each.id]
        if mine:
            assert sum(UNIT_SIGN[order.kind] * order.quantity for order in mine) == each.delta
            assert all(abs(order.at - each.at) <= ORDER_WINDOW for order in mine)
            assert each.level == 1 or all(replace(o, explains=None) in told[::2] for o in mine)
