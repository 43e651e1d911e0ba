"""Say why a level moved.

    the movement, and what its store told us of the same variant   cause
    -------------------------------------------------------------  -----------------------------
    one or a few acts in a row within two minutes add up to it     their orders, by name: the fewest
                                                                   events that do, and the nearest
    nothing does, and it rose                                      restock or edit
    nothing does, and it fell                                      changed in the store

A cause is for people only: no quantity depends on it. Some minutes later, when orders have had the
time to come, it is recorded: from then on an order explains the same movement in every answer, and
never a second one. What is recorded is audited: audit.py.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate

from sync_core.domain.values import LevelId
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


def explain_movement(
    movement: int, delta: int, at: datetime, order_events: Sequence[OrderEvent]
) -> tuple[str, tuple[OrderEvent, ...]]:
    """Return the recorded cause of a movement, else what orders without a movement explain."""
    recorded = tuple(each for each in order_events if each.explains == movement)
    if recorded:
        return ", ".join(_words(each) for each in recorded), recorded
    return explain(delta, at, [each for each in order_events if each.explains is None])


@dataclass(frozen=True, slots=True, kw_only=True)
class UnexplainedMovement:
    """A movement without a recorded cause."""

    id: int
    level: LevelId
    delta: int
    at: datetime


def find_causes(
    movements: Iterable[UnexplainedMovement],
    order_events: Mapping[LevelId, Sequence[OrderEvent]],
    *,
    enough: int,
) -> list[OrderEvent]:
    """Return the order events that explain some of the movements, each with the one it explains.

    An item at two locations has one row of orders: what explains a movement here explains none
    there.

    Args:
        movements: In the order in which they were recorded.
        order_events: What stores told of each level's variant, oldest first.
        enough: Order events after which to leave the rest for later.
    """
    found: dict[OrderEvent, OrderEvent] = {}
    for movement in movements:
        if len(found) >= enough:
            break  # between two movements: half of what explains one adds up to nothing
        known = order_events.get(movement.level, ())
        first = bisect_left(known, movement.at - ORDER_WINDOW, key=_time)
        last = bisect_right(known, movement.at + ORDER_WINDOW, key=_time)
        unused = [each for each in known[first:last] if each not in found]
        _, used = explain(movement.delta, movement.at, unused)
        found.update({each: replace(each, explains=movement.id) for each in used})
    return list(found.values())


def _time(order_event: OrderEvent) -> datetime:
    return order_event.at


def _words(order_event: OrderEvent) -> str:
    """Return what an order event is called."""
    return CAUSE_WORDS[order_event.kind].format(name=order_event.name or f"{order_event.order_id}")
