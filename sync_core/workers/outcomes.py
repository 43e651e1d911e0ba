"""Commit what has become of pools by what stores did or said: the one way in which that happens.

    in this order, in the transaction of the step
    --------------------------------------------------------------------------------------------
    save       pools, levels, movements and events: what follows sees them
    safety     what must not be passed on is withheld; what waits long enough is decided on
    contest    levels that somebody else writes to are stopped
    count      how much moved, minute by minute: last, since all processes meet at these rows

Nothing is planned here: the caller wakes the stores' own senders. What people decide is saved where
it is carried out, and is no traffic.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sync_core.domain.oversell import oversold_events
from sync_core.domain.values import Alias, LevelId, Outcome
from sync_core.domain.webhook_events import OrderEvent
from sync_core.ports import Transaction
from sync_core.workers.circuit_breaker import check_circuit_breakers, decide_waiting
from sync_core.workers.contest_detector import stop_contested
from sync_core.workers.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What others have to do with what was committed."""

    emptied: bool  # something fell to zero: it may wait to be explained
    waited: bool = False  # something that waited may be passed on now
    next_in: float | None = None  # seconds until something has waited long enough


def commit_outcomes(  # noqa: PLR0913  # each says what happened in this step
    tx: Transaction,
    outcomes: Sequence[Outcome],
    context: Context,
    *,
    now: datetime,
    order_events: Sequence[OrderEvent] = (),
    reversed_levels: Iterable[LevelId] = (),
    decides_waiting: bool = False,
) -> Committed:
    """Save outcomes, and let both breakers see what moved by them.

    Args:
        tx: The transaction of the step.
        outcomes: What became of pools, in order; the last word on a pool counts.
        context: The world.
        now: Our clock.
        order_events: What the stores have told of orders in this step, saved already: they explain.
        reversed_levels: The levels of which we have just settled an update against the one before.
        decides_waiting: Whether to decide on what has waited long enough as well.
    """
    tx.stock.save_outcomes(outcomes, now=now)
    moved = check_circuit_breakers(tx, outcomes, context, now=now, order_events=order_events)
    waited, next_in = (
        decide_waiting(tx, context, moved, now=now) if decides_waiting else (False, None)
    )
    stop_contested(tx, outcomes, context, now=now, reversed_levels=reversed_levels)
    tx.breaker.count_traffic(moved, now=now)
    emptied = any(each.emptied for each in moved.values())
    return Committed(emptied=emptied, waited=waited, next_in=next_in)


@contextmanager
def recheck_oversold(tx: Transaction, store: Alias | None, *, now: datetime) -> Iterator[None]:
    """Tell people of pools below zero that become another thing within it, without having moved.

    Levels may leave their pools, and pools may start over: each pool below zero with a level of
    that store, or of any, is judged by what it is afterwards.
    """
    before = tx.stock.pools(tx.stock.below_zero(store))
    yield
    for pool in tx.stock.pools(before).values():
        tx.notifications.notify(oversold_events(before[pool.id], pool), now=now)
