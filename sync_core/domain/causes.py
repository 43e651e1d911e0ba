"""Say why a level moved.

    the movement, and what its store told us of the same variant   cause
    -------------------------------------------------------------  -----------------------------
    one or a few acts in a row within two minutes add up to it     their orders, by name: the fewest
                                                                   events that do, and the nearest
    nothing does, and it rose                                      restock or edit
    nothing does, and it fell                                      changed in the store

A cause is for people only: no quantity depends on it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from sync_core.domain.webhook_events import OrderEvent, OrderEventKind

ORDER_WINDOW = timedelta(minutes=2)  # a store puts an order and its stock movement together
ORDER_NOT_KEPT = "orders of that time are no longer kept"
CAUSE_WORDS = {
    OrderEventKind.SALE: "order {name}",
    OrderEventKind.CANCELLATION: "order {name} cancelled",
    OrderEventKind.REFUND: "refund of order {name}",
}
UNIT_SIGN = {OrderEventKind.SALE: -1, OrderEventKind.CANCELLATION: 1, OrderEventKind.REFUND: 1}


def explain(
    delta: int, at: datetime, order_events: Sequence[OrderEvent]
) -> tuple[str, tuple[OrderEvent, ...]]:
    """Return the cause of a movement in words, and the order events that it uses up."""
    near = [each for each in order_events if abs(each.at - at) <= ORDER_WINDOW]
    sums = [0, *accumulate(UNIT_SIGN[each.kind] * each.quantity for each in near)]
    for n in range(1, len(near) + 1):
        runs = [
            near[end - n : end] for end in range(n, len(sums)) if sums[end] - sums[end - n] == delta
        ]
        if runs:
            used = tuple(min(runs, key=lambda run: max(abs(each.at - at) for each in run)))
            return ", ".join(_words(each) for each in used), used
    return ("restock or edit" if delta > 0 else "changed in the store"), ()


def _words(order_event: OrderEvent) -> str:
    """Return what an order event is called."""
    return CAUSE_WORDS[order_event.kind].format(name=order_event.name or f"{order_event.order_id}")
