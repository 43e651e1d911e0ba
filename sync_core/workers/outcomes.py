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

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_core.domain.circuit_breaker import CountedMovement
from sync_core.domain.contests import (
    CONTEST_WINDOW,
    ContestHistory,
    Pattern,
    explain_leniently,
    find_contest,
    may_answer,
    stop,
    subject_of,
)
from sync_core.domain.oversell import oversold_events
from sync_core.domain.values import NEVER, Alias, Level, LevelId, Outcome, Pool
from sync_core.domain.webhook_events import OrderEvent, OrderEventKind
from sync_core.ports import StoreWork, Transaction
from sync_core.workers.circuit_breaker import (
    check_circuit_breakers,
    decide_waiting,
    receives_order_webhooks,
)
from sync_core.workers.context import Context
from sync_core.workers.safety_questions import ask_to_resume

log = logging.getLogger(__name__)

MAX_LEVELS_PER_STEP = 50  # levels looked into in one step: who goes on gets its turn
RECHECK_AFTER = timedelta(seconds=10)  # before a level is checked again
MAX_CHECKS_REMEMBERED = 10_000  # levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What others have to do with what was committed."""

    emptied: bool  # something fell to zero: it may wait to be explained
    next_in: float | None = None  # seconds until something has waited long enough
    store_work: frozenset[StoreWork] = frozenset()  # whom to wake


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
    next_in = decide_waiting(tx, context, moved, now=now) if decides_waiting else None
    stop_contested(tx, outcomes, context, now=now, reversed_levels=reversed_levels)
    tx.breaker.count_traffic(moved, now=now)
    emptied = any(each.emptied for each in moved.values())
    return Committed(
        emptied=emptied,
        next_in=next_in,
        store_work=frozenset(tx.stock.store_work),
    )


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


def take_new_baseline(tx: Transaction, store: Alias | None, *, now: datetime) -> None:
    """Take a store's numbers as they are, or every store's; a safety stop holds nothing of before.

    What is under way to it is given up: what is read now contains it.
    """
    with recheck_oversold(tx, store, now=now):
        tx.baselines.reset(store, now=now)
    for breaker in tx.breaker.all():
        if not tx.withheld.by(breaker.subject):
            gone: dict[str, str | int | float | bool | None] = {"store": breaker.store}
            tx.breaker.close(breaker.subject, {**gone, "ended": "baseline"}, now=now)


# -- contested levels: domain/contests.py. Sales cost nothing here: only a change against our last
# update, or the very same once more, has the history read: a few short ranges of indexes.
def stop_contested(
    tx: Transaction,
    outcomes: Sequence[Outcome],
    context: Context,
    *,
    now: datetime,
    reversed_levels: Iterable[LevelId] = (),
) -> None:
    """Stop the levels that this step shows to be contested. Before anything is written down.

    Args:
        tx: The present transaction.
        outcomes: What has moved in it, kept already.
        context: The world.
        now: Our clock.
        reversed_levels: The levels of which we have just settled an update against the one before.
    """
    wanted = dict.fromkeys(reversed_levels)
    for outcome in outcomes:
        for each in outcome.movements:
            level = outcome.pool.level(each.level)
            pattern = may_answer(level, each.delta, now=now)
            if pattern is Pattern.UNDONE or (
                pattern is Pattern.REPEATED and _is_due(level, each.delta, tx, context, now)
            ):
                wanted[level.id] = None
    if not wanted:
        return
    for number in list(wanted)[:MAX_LEVELS_PER_STEP]:
        pool = tx.stock.pools_of([number]).get(number)
        if pool is not None:
            _inspect(tx, pool, pool.level(number), context, now=now)


def _is_due(level: Level, delta: int, tx: Transaction, context: Context, now: datetime) -> bool:
    """Whether to look into what may be a sale as well: of a hot item each may be as large."""
    checked_at = context.contest_checks.get(level.id, NEVER)
    if timedelta(0) <= now - checked_at < RECHECK_AFTER:
        return False
    if len(context.contest_checks) >= MAX_CHECKS_REMEMBERED:
        context.contest_checks.clear()
    context.contest_checks[level.id] = now
    return delta > 0 or receives_order_webhooks(tx, context, level.key.store)


def _inspect(tx: Transaction, pool: Pool, level: Level, context: Context, *, now: datetime) -> None:
    """Stop a level if its history shows that it is contested."""
    if not (level.active and level.baselined):
        return
    contest = find_contest(level.id, _history(tx, pool, level, context, now=now))
    if contest is None:
        return
    tx.stock.save_outcomes([stop(pool, level, contest, now=now)], now=now)
    ask_to_resume(tx, tx.findings.on([subject_of(pool.id)]), context.ids, now=now)
    log.warning(
        "%s is not updated any more: somebody else keeps changing it",
        pool.title,
        extra={"event": "contested", "store": level.key.store, "pattern": contest.pattern.value},
    )


def _history(
    tx: Transaction, pool: Pool, level: Level, context: Context, *, now: datetime
) -> ContestHistory:
    """Return what became of a level of late; where orders are told, as far as they must be here."""
    stores = {each.key.store for each in pool.levels}
    known = all(receives_order_webhooks(tx, context, each) for each in sorted(stores))
    until = now - context.config.breaker.order_grace if known else now
    times = (
        now - CONTEST_WINDOW,
        tx.contests.contested_at(pool, since=now - CONTEST_WINDOW) or NEVER,
        tx.receipts.decided_at([pool.id]).get(pool.id, NEVER),
    )
    since = max(times)
    moves = tx.contests.recent_movements(pool, since=since, until=until)
    order_events = (
        tx.order_events.of_levels([each.id for each in pool.levels], since=since) if moves else {}
    )
    return ContestHistory(
        writes=tx.contests.recent_writes(level, since=since, until=until),
        moves=explain_leniently(moves, order_events, level.id),
        orders_seen=known and _orders_reported_since(tx, level, moves),
        brought_back=any(
            order_event.kind is not OrderEventKind.SALE
            for some in order_events.values()
            for order_event in some
        ),
    )


def _orders_reported_since(tx: Transaction, level: Level, moves: Sequence[CountedMovement]) -> bool:
    """Whether a level's store has told us of an order since the level moved last."""
    times = [each.seen_at or each.at for each in moves if each.level == level.id]
    reported_until = tx.contests.newest_order_at(level.key.store)
    return bool(times) and reported_until is not None and reported_until >= times[-1]
