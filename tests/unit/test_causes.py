"""Why a level moved, in words."""

from datetime import timedelta

import pytest

from sync_core.domain.causes import explain
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
