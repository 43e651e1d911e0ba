"""Weigh what has moved before anything of it is written down, in the same commit.

Sums by minute say whether it is worth looking closer; only then is it found out which movements
an order explains. What is withheld, and when, is in `domain/circuit_breaker.py`.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sync_core.domain.causes import ORDER_WINDOW
from sync_core.domain.circuit_breaker import (
    CountedMovement,
    Traffic,
    TripRule,
    WithheldMovement,
    explain_all,
    is_corrected,
    is_suspicious,
    levels_not_reached,
    levels_to_withhold,
    may_correct,
    may_trip,
    measure_traffic,
    tripped_rule,
    waiting_subject,
    withhold,
)
from sync_core.domain.values import NEVER, Alias, LevelId, Outcome, Pool, PoolId
from sync_core.domain.webhook_events import OrderEvent
from sync_core.ports import Transaction
from sync_core.workers.context import Context
from sync_core.workers.safety_questions import ask_about_breakers

log = logging.getLogger(__name__)

ORDER_TOPIC = "orders/create"
RECHECK_AFTER = timedelta(seconds=10)  # before what was found explained is gone through again …
UNITS_CACHED_FOR = timedelta(minutes=1)  # that the sum of a store's units is good for …
UNITS_TRUSTED_SHARE = 0.8  # … and how far to trust it
RECHECK_GROWTH = 1.1  # … unless so many times as much has moved by then
RETRY_SECONDS = 1.0  # seconds until others may be explained


def check_circuit_breakers(
    tx: Transaction,
    outcomes: Sequence[Outcome],
    context: Context,
    *,
    now: datetime,
    order_events: Iterable[OrderEvent] = (),
) -> dict[Alias, Traffic]:
    """Withhold of what has just moved what must not be passed on; return how much moved, by store.

    The caller counts the traffic once both breakers have seen it.
    """
    moved = measure_traffic(outcomes, context.config.breaker)
    told_variants: dict[Alias, set[int]] = {}
    for order_event in order_events:
        told_variants.setdefault(order_event.store, set()).add(order_event.variant_id)
    for store in sorted({*moved, *told_variants}):
        breaker = StoreCircuitBreaker(tx, context, store, now=now)
        if store in told_variants:
            breaker.release_explained(told_variants[store])
        if store in moved:
            levels = {m.level for out in outcomes for m in out.movements if m.counted}
            breaker.check(moved[store], levels)
    risen_levels = {m.level for out in outcomes for m in out.movements if m.counted > 0}
    if risen_levels:
        for each in tx.breaker.all():
            StoreCircuitBreaker(tx, context, each.store, now=now).withhold_corrections(risen_levels)
    return moved


def receives_order_webhooks(tx: Transaction, context: Context, store: Alias) -> bool:
    """Whether a store tells us of its orders."""
    scopes = tx.stores.get(store).scopes
    return context.public_url is not None and ORDER_TOPIC in context.topics(scopes)


def decide_waiting(
    tx: Transaction, context: Context, moved: dict[Alias, Traffic], *, now: datetime
) -> float | None:
    """Decide on what has waited long enough; return the seconds until there is more to decide."""
    stores = sorted(tx.withheld.unexplained_since(context.stores))
    waits = [
        StoreCircuitBreaker(tx, context, each, now=now).decide(moved.get(each, Traffic()))
        for each in stores
    ]
    return min((each for each in waits if each is not None), default=None)


class StoreCircuitBreaker:
    """One store, within one step."""

    def __init__(self, tx: Transaction, context: Context, store: Alias, *, now: datetime) -> None:
        self._tx = tx
        self._context = context
        self._limits = context.config.breaker
        self._store = store
        self._now = now
        self._waiting_list = waiting_subject(store)

    def check(self, own: Traffic, levels: set[LevelId]) -> None:
        """Weigh what has just moved, by those levels among others'."""
        tx = self._tx
        open_question = tx.breaker.open_of(self._store)
        if open_question is not None:
            self._withhold_more(*open_question, levels)
            return
        total = self._total(own)
        if self._is_worth_checking(total) and self._trip(total, levels):
            return
        if own.emptied or tx.withheld.unexplained_since([self._store]):
            self._wait_for_orders(levels)

    def decide(self, own: Traffic) -> float | None:
        """Trip, or pass on what has waited long enough; return the seconds until the next."""
        limits, total = self._limits, self._total(own)
        withheld = self._tx.withheld.by(self._waiting_list)
        age = self._now - withheld[0].at
        if age < limits.order_grace:
            return (limits.order_grace - age).total_seconds()
        if may_trip(total, limits):
            if self._trip(total, set()):
                return None
            if age < limits.max_wait and tripped_rule(
                self._undecided_moves(), self._tx.stock.units(self._store), limits
            ):
                return RETRY_SECONDS  # the last may yet be explained
        due = {each.pool for each in withheld if self._now - each.at >= limits.order_grace}
        self._tx.withheld.release([each for each in withheld if each.pool in due], now=self._now)
        rest = [each.at for each in withheld if each.pool not in due]
        if not rest:
            return None
        return max(0.01, (min(rest) + limits.order_grace - self._now).total_seconds())

    def withhold_corrections(self, risen_levels: set[LevelId]) -> None:
        """Take in what rises in other stores, if it puts right what the safety stop asks about."""
        open_question = self._tx.breaker.open_of(self._store)
        if open_question is None:
            return
        subject, facts = open_question
        moves = self._moves_of_this_step(risen_levels)
        parts = self._tx.withheld.parts(subject, {each.pool for each in moves})
        rises = [each for each in moves if may_correct(each, parts.get(each.pool, ()))]
        if rises:
            rule = TripRule(facts["rule"])
            self._withhold(subject, rises, rule, risen_levels)
            self._release_corrected(subject, rule, {each.pool for each in rises})
            self._notify(subject, facts, "put_right")

    def release_explained(self, variants: set[int]) -> None:
        """Pass on what waits, or is held, and is explained by what the store has told just now."""
        tx = self._tx
        names = [self._waiting_list, *(each.subject for each in tx.breaker.all())]
        withheld = tx.withheld.of_variants(names, self._store, variants)
        if not withheld:
            return
        levels = {each.level for each in withheld}
        moves = {
            m.id: m for m in self._recent_moves(levels, since=min(each.at for each in withheld))
        }
        explained = [h for h in withheld if h.movement in moves and moves[h.movement].explained]
        tx.withheld.release(explained, now=self._now)
        touched = {each.breaker for each in explained}
        for each in withheld:
            move = moves.get(each.movement)
            if move is None or move.explained or each.delta == move.counted - move.sold:
                continue
            tx.withheld.reduce(each, move.counted - move.sold, now=self._now)
            touched.add(each.breaker)
        for breaker in tx.breaker.all():
            open_question = tx.breaker.open_of(breaker.store)
            if breaker.subject in touched and open_question is not None:
                self._notify(*open_question, "explained")

    # -- what is looked at
    def _total(self, own: Traffic) -> Traffic:
        since = self._now - self._limits.within
        return self._tx.breaker.traffic_since(self._store, since=since) + own

    def _is_worth_checking(self, total: Traffic) -> bool:
        """Whether to find out what explains so much: not again if it has hardly grown since."""
        limits = self._limits
        if not may_trip(total, limits):
            return False
        few = total.units <= UNITS_TRUSTED_SHARE * limits.share * self._units_in_store()
        if total.emptied <= limits.pools and few:
            return False
        at, before = self._context.breaker_checks.get(self._store, (None, Traffic()))
        if at is None or not timedelta(0) <= self._now - at < RECHECK_AFTER:
            return True
        return (
            total.units > RECHECK_GROWTH * before.units
            or total.emptied > RECHECK_GROWTH * before.emptied
        )

    def _units_in_store(self) -> int:
        """Return about how many units the store has: a sum over all pools, once a minute."""
        at, units = self._context.units_in_store.get(self._store, (None, 0))
        if at is None or not timedelta(0) <= self._now - at < UNITS_CACHED_FOR:
            units = self._tx.stock.units(self._store)
            self._context.units_in_store[self._store] = self._now, units
        return units

    def _undecided_moves(self) -> list[CountedMovement]:
        """Return the movements that nobody has decided on yet, explained as far as they are."""
        since = self._now - self._limits.within
        decided = self._tx.breaker.closed_at(self._store)
        moves = self._tx.movements.since(self._store, since=since, limits=self._limits)
        return [
            each
            for each in self._explained(moves)
            if decided is None or each.at > decided or each.breaker == self._waiting_list
        ]

    def _recent_moves(
        self, levels: set[LevelId], since: datetime | None = None
    ) -> list[CountedMovement]:
        """Return what levels did of late: an order explains one movement, not two."""
        since = (since or self._now) - self._limits.within - ORDER_WINDOW
        return self._explained(
            self._tx.movements.of_levels(levels, since=since, limits=self._limits)
        )

    def _explained(self, moves: Sequence[CountedMovement]) -> list[CountedMovement]:
        times = [each.seen_at or each.at for each in moves]
        if not times:
            return []
        levels = {each.level for each in moves}
        order_events = self._tx.order_events.of_levels(sorted(levels), since=min(times))
        return explain_all(moves, order_events)

    def _past_waiting(self, moves: Iterable[CountedMovement]) -> list[CountedMovement]:
        """Return the movements that would have been explained by now."""
        if not receives_order_webhooks(self._tx, self._context, self._store):
            return list(moves)
        return [each for each in moves if self._now - each.at >= self._limits.order_grace]

    # -- what is done
    def _trip(self, total: Traffic, levels: set[LevelId]) -> bool:
        """Trip if there is reason to; return whether the safety stop is on."""
        moves = self._undecided_moves()
        units = self._tx.stock.units(self._store) - sum(each.counted for each in moves)
        rule = tripped_rule(self._past_waiting(moves), units, self._limits)  # of what was before
        if rule is None:
            self._context.breaker_checks[self._store] = (self._now, total)
            return False
        self._tx.stores.lock(self._store)
        open_question = self._tx.breaker.open_of(self._store)
        if open_question is not None:  # another process was faster
            self._withhold_more(*open_question, levels)
            return True
        subject = f"circuit_breaker:{self._store}:{self._now:%Y%m%dT%H%M%S%f}"
        waits = {each.movement: each for each in self._tx.withheld.by(self._waiting_list)}
        chosen = self._select(moves, rule, {each.pool for each in waits.values()})
        self._withhold(subject, [m for m in chosen if m.id not in waits], rule, levels)
        taken = {each.id for each in chosen}
        self._tx.withheld.take_over(subject, [waits[each].id for each in waits if each in taken])
        self._tx.withheld.release([waits[m] for m in waits if m not in taken], now=self._now)
        pools = {each.pool for each in chosen}
        self._withhold(subject, self._corrections_before(subject, pools), rule, levels)
        self._release_corrected(subject, rule, pools)
        since = min((each.at for each in chosen), default=self._now)
        facts = {
            "store": self._store,
            "rule": rule.value,
            "since": since.isoformat(),
            "orders_known": receives_order_webhooks(self._tx, self._context, self._store),
        }
        self._notify(subject, facts, "put_right")
        ask_about_breakers(self._tx, self._context.ids, now=self._now)
        log.warning(
            "the safety stop withholds what has moved in %s",
            self._store,
            extra={"event": "breaker_tripped", "store": self._store, "rule": rule.value},
        )
        return True

    def _withhold_more(self, subject: str, facts: dict[str, Any], levels: set[LevelId]) -> None:
        """Hold what has just moved, too, while the safety stop is on."""
        rule, moves = TripRule(facts["rule"]), self._moves_of_this_step(levels)
        parts = self._tx.withheld.parts(subject, {each.pool for each in moves})
        chosen = self._select(moves, rule, set(parts))
        if chosen:
            self._withhold(subject, chosen, rule, levels)
            self._release_corrected(subject, rule, {each.pool for each in chosen})
            self._notify(subject, facts, "put_right")

    def _corrections_before(self, subject: str, pools: set[PoolId]) -> list[CountedMovement]:
        """Return what put a pool right in other stores before the safety stop tripped."""
        since = self._now - self._limits.within
        moves = self._tx.movements.of_pools(pools, since=since, limits=self._limits)
        parts = self._tx.withheld.parts(subject, pools)
        return [
            each
            for each in self._explained(moves)
            if each.breaker is None and may_correct(each, parts.get(each.pool, ()))
        ]

    def _release_corrected(self, subject: str, rule: TripRule, pools: set[PoolId]) -> None:
        """Ask no more about what has been put right."""
        parts = self._tx.withheld.parts(subject, pools).values()
        passing = [each for some in parts if is_corrected(some, rule) for each in some]
        self._tx.withheld.release(passing, now=self._now)

    def _notify(self, subject: str, facts: dict[str, Any], ended: str) -> None:
        """Tell people what a safety stop asks about by now; if that is nothing, that it ended."""
        if self._tx.breaker.size(subject)["moves"]:
            self._tx.breaker.notify(subject, facts, now=self._now)
        else:
            self._tx.breaker.close(subject, {**facts, "ended": ended}, now=self._now)

    def _wait_for_orders(self, levels: set[LevelId]) -> None:
        """Let what may yet be explained wait, where the store tells us of its orders."""
        if not receives_order_webhooks(self._tx, self._context, self._store):
            return
        moves = self._moves_of_this_step(levels)
        parts = self._tx.withheld.parts(self._waiting_list, {each.pool for each in moves})
        self._withhold(
            self._waiting_list,
            self._select(moves, TripRule.EMPTIED, set(parts)),
            TripRule.EMPTIED,
            levels,
        )

    def _moves_of_this_step(self, levels: set[LevelId]) -> list[CountedMovement]:
        """Return the movements of this step."""
        return [m for m in self._recent_moves(levels) if m.at == self._now and m.breaker is None]

    def _select(
        self, moves: Sequence[CountedMovement], rule: TripRule, part: set[PoolId]
    ) -> list[CountedMovement]:
        """Return the movements that are part of it; `part`: the pools that are already."""
        pools = set(part)
        decided = self._tx.receipts.decided_at({each.pool for each in moves})
        chosen = []
        for each in moves:
            if each.at <= decided.get(each.pool, NEVER):
                continue  # somebody has settled since then what it should be
            if is_suspicious(each, rule, self._limits, is_part=each.pool in pools):
                pools.add(each.pool)
                chosen.append(each)
        return chosen

    def _withhold(
        self, name: str, moves: Sequence[CountedMovement], rule: TripRule, levels: set[LevelId]
    ) -> None:
        """Make movements part of a safety stop, or let them wait, each kept from the right ones."""
        moves = [each for each in moves if each.breaker is None]
        pools = self._tx.stock.pools({each.pool for each in moves})
        parts = self._tx.withheld.parts(name, pools)
        not_reached = self._levels_not_reached(moves, pools, levels)
        made = []
        for each in moves:
            parts_of_pool = parts.setdefault(each.pool, [])
            withheld_from = levels_to_withhold(
                each, not_reached[each.id], parts_of_pool, rule, self._limits
            )
            if name == self._waiting_list and not withheld_from:
                continue  # there is nothing to wait for
            delta = each.counted - each.sold
            pools[each.pool], kept = withhold(pools[each.pool], delta, withheld_from)
            made.append((each, kept))
            parts_of_pool.append(
                WithheldMovement(
                    id=0,
                    breaker=name,
                    pool=each.pool,
                    level=each.level,
                    movement=each.id,
                    delta=delta,
                    withheld_from=kept,
                    at=self._now,
                )
            )
        self._tx.stock.save_outcomes([Outcome(pool=each) for each in pools.values()], now=self._now)
        self._tx.withheld.withhold(name, made, now=self._now)

    def _levels_not_reached(
        self, moves: Iterable[CountedMovement], pools: Mapping[PoolId, Pool], levels: set[LevelId]
    ) -> dict[int, tuple[LevelId, ...]]:
        """Return the levels that movements have not reached; `levels`: those of this step."""
        opened = self._tx.batches.open_deltas(pools)
        planned = self._tx.batches.last_planned(pools)
        by_pool: dict[PoolId, list[CountedMovement]] = {}
        for each in moves:
            by_pool.setdefault(each.pool, []).append(each)
        found: dict[int, tuple[LevelId, ...]] = {}
        for pool, some in by_pool.items():
            fresh = {each.id for each in some if each.at == self._now and each.level in levels}
            found |= levels_not_reached(pools[pool], some, opened, planned, fresh=fresh)
        return found
