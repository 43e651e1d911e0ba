"""Brake: weigh what has moved before anything of it is written down, in the same commit.

Sums by minute say whether it is worth looking closer; only then is it found out which movements
an order explains. What is held, and when, is in `domain/brake.py`.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sync_core.domain.acts import Act
from sync_core.domain.brake import (
    Held,
    Move,
    Rule,
    Traffic,
    explain_all,
    hold,
    is_put_right,
    is_suspicious,
    judge,
    kept_from,
    may_put_right,
    may_trip,
    not_passed_on,
    traffic,
    wait_of,
)
from sync_core.domain.causes import NEAR
from sync_core.domain.values import NEVER, Alias, LevelId, Outcome, PoolId
from sync_core.ports import Ledger
from sync_core.workers.asking import ask_about_brakes
from sync_core.workers.context import Context

log = logging.getLogger(__name__)

ORDERS = "orders/create"
AGAIN = timedelta(seconds=10)  # before what was found explained is gone through again …
MINUTE = timedelta(minutes=1)  # that the sum of a store's units is good for …
MARGIN = 0.8  # … and how far to trust it
GROWN = 1.1  # … unless so many times as much has moved by then
SOON = 1.0  # seconds until others may be explained


def brake(
    ledger: Ledger,
    outcomes: Sequence[Outcome],
    context: Context,
    *,
    now: datetime,
    acts: Iterable[Act] = (),
) -> dict[Alias, Traffic]:
    """Hold of what has just moved what must not be passed on; return how much moved, by store.

    The caller writes down what is owed, and then counts the traffic.
    """
    moved = traffic(outcomes, context.pace.brake)
    told: dict[Alias, set[int]] = {}
    for act in acts:
        told.setdefault(act.store, set()).add(act.variant_id)
    for store in sorted({*moved, *told}):
        watch = Watch(ledger, context, store, now=now)
        if store in told:
            watch.let_explained_pass(told[store])
        if store in moved:
            levels = {m.level for out in outcomes for m in out.movements if m.counted}
            watch.weigh(moved[store], levels)
    risen = {m.level for out in outcomes for m in out.movements if m.counted > 0}
    if risen:
        for each in ledger.brakes():
            Watch(ledger, context, each.store, now=now).take_in(risen)
    return moved


def is_told_of_orders(ledger: Ledger, context: Context, store: Alias) -> bool:
    """Whether a store tells us of its orders."""
    scopes = ledger.store(store).scopes
    return context.public_url is not None and ORDERS in context.topics(scopes)


def settle_waits(
    ledger: Ledger, context: Context, moved: dict[Alias, Traffic], *, now: datetime
) -> tuple[bool, float | None]:
    """Decide on what has waited long enough to be explained.

    Returns:
        Whether anything has waited, and the seconds until there is more to decide.
    """
    stores = sorted(ledger.waiting(context.stores))
    waits = [
        Watch(ledger, context, each, now=now).settle(moved.get(each, Traffic())) for each in stores
    ]
    return bool(stores), min((each for each in waits if each is not None), default=None)


class Watch:
    """One store, within one step."""

    def __init__(self, ledger: Ledger, context: Context, store: Alias, *, now: datetime) -> None:
        self._ledger = ledger
        self._context = context
        self._limits = context.pace.brake
        self._store = store
        self._now = now
        self._wait = wait_of(store)

    def weigh(self, own: Traffic, levels: set[LevelId]) -> None:
        """Weigh what has just moved, by those levels among others'."""
        ledger = self._ledger
        standing = ledger.standing_brake(self._store)
        if standing is not None:
            self._hold_more(*standing, levels)
            return
        total = self._total(own)
        if self._is_worth(total) and self._trip(total, levels):
            return
        if own.emptied or ledger.waiting([self._store]):
            self._let_wait(levels)

    def settle(self, own: Traffic) -> float | None:
        """Trip, or pass on what has waited long enough; return the seconds until the next."""
        limits, total = self._limits, self._total(own)
        holds = self._ledger.held(self._wait)
        age = self._now - holds[0].at
        if age < limits.patience:
            return (limits.patience - age).total_seconds()
        if may_trip(total, limits):
            if self._trip(total, set()):
                return None
            if age < limits.longest and self._may_still_trip():
                return SOON  # what came last may be explained yet: until then all wait together
        ripe = {each.pool for each in holds if self._now - each.at >= limits.patience}
        self._ledger.let_pass([each for each in holds if each.pool in ripe], now=self._now)
        rest = [each.at for each in holds if each.pool not in ripe]
        if not rest:
            return None
        return max(0.01, (min(rest) + limits.patience - self._now).total_seconds())

    def take_in(self, risen: set[LevelId]) -> None:
        """Take in what rises in other stores, if it puts right what the brake asks about."""
        standing = self._ledger.standing_brake(self._store)
        if standing is None:
            return
        subject, facts = standing
        moves = self._fresh(risen)
        parts = self._ledger.parts(subject, {each.pool for each in moves})
        rises = [each for each in moves if may_put_right(each, parts.get(each.pool, ()))]
        if rises:
            rule = Rule(facts["rule"])
            self._hold(subject, rises, rule, risen)
            self._let_put_right_pass(subject, rule, {each.pool for each in rises})
            self._tell(subject, facts, "put_right")

    def let_explained_pass(self, variants: set[int]) -> None:
        """Pass on what waits, or is held, and is explained by what the store has told just now."""
        ledger = self._ledger
        names = [self._wait, *(each.subject for each in ledger.brakes())]
        holds = ledger.held_of(names, self._store, variants)
        if not holds:
            return
        levels = {each.level for each in holds}
        moves = {m.id: m for m in self._recent(levels, since=min(each.at for each in holds))}
        explained = [h for h in holds if h.movement in moves and moves[h.movement].explained]
        ledger.let_pass(explained, now=self._now)
        touched = {each.brake for each in explained}
        for each in holds:
            move = moves.get(each.movement)
            if move is None or move.explained or each.delta == move.counted - move.sold:
                continue
            ledger.shrink(each, move.counted - move.sold, now=self._now)
            touched.add(each.brake)
        for brake in ledger.brakes():
            standing = ledger.standing_brake(brake.store)
            if brake.subject in touched and standing is not None:
                self._tell(*standing, "explained")

    # -- what is looked at
    def _total(self, own: Traffic) -> Traffic:
        since = self._now - self._limits.within
        return self._ledger.traffic(self._store, since=since) + own

    def _is_worth(self, total: Traffic) -> bool:
        """Whether to find out what explains so much: not again if it has hardly grown since."""
        limits = self._limits
        if not may_trip(total, limits):
            return False
        few = total.units <= MARGIN * limits.share * self._stock()
        if total.emptied <= limits.pools and few:
            return False
        at, before = self._context.weighed.get(self._store, (None, Traffic()))
        if at is None or not timedelta(0) <= self._now - at < AGAIN:
            return True
        return total.units > GROWN * before.units or total.emptied > GROWN * before.emptied

    def _stock(self) -> int:
        """Return about how many units the store has: a sum over all pools, once a minute."""
        at, units = self._context.stock.get(self._store, (None, 0))
        if at is None or not timedelta(0) <= self._now - at < MINUTE:
            units = self._ledger.units(self._store)
            self._context.stock[self._store] = self._now, units
        return units

    def _moves(self) -> list[Move]:
        """Return the movements that nobody has decided on yet, explained as far as they are."""
        since = self._now - self._limits.within
        decided = self._ledger.decided_until(self._store)
        moves = self._ledger.moves(self._store, since=since, limits=self._limits)
        return [
            each
            for each in self._explained(moves)
            if decided is None or each.at > decided or each.brake == self._wait
        ]

    def _recent(self, levels: set[LevelId], since: datetime | None = None) -> list[Move]:
        """Return what levels did of late: an order explains one movement, not two."""
        since = (since or self._now) - self._limits.within - NEAR
        return self._explained(self._ledger.moves_of(levels, since=since, limits=self._limits))

    def _explained(self, moves: Sequence[Move]) -> list[Move]:
        times = [each.seen_at or each.at for each in moves]
        if not times:
            return []
        levels = {each.level for each in moves}
        acts = self._ledger.acts_of(sorted(levels), since=min(times))
        return explain_all(moves, acts)

    def _is_told_of_orders(self) -> bool:
        return is_told_of_orders(self._ledger, self._context, self._store)

    def _ripe(self, moves: Iterable[Move]) -> list[Move]:
        """Return the movements that would have been explained by now."""
        if not self._is_told_of_orders():
            return list(moves)
        return [each for each in moves if self._now - each.at >= self._limits.patience]

    def _may_still_trip(self) -> bool:
        return judge(self._moves(), self._units_before(()), self._limits) is not None

    def _units_before(self, moves: Iterable[Move]) -> int:
        """Return how many units the store had before those movements."""
        return self._ledger.units(self._store) - sum(each.counted for each in moves)

    # -- what is done
    def _trip(self, total: Traffic, levels: set[LevelId]) -> bool:
        """Trip if there is reason to; return whether the brake is on."""
        moves = self._moves()
        rule = judge(self._ripe(moves), self._units_before(moves), self._limits)
        if rule is None:
            self._context.weighed[self._store] = (self._now, total)
            return False
        self._ledger.lock_store(self._store)
        standing = self._ledger.standing_brake(self._store)
        if standing is not None:  # another process was faster
            self._hold_more(*standing, levels)
            return True
        subject = f"brake:{self._store}:{self._now:%Y%m%dT%H%M%S%f}"
        waits = {each.movement: each for each in self._ledger.held(self._wait)}
        chosen = self._choose(moves, rule, {each.pool for each in waits.values()})
        self._hold(subject, [m for m in chosen if m.id not in waits], rule, levels)
        taken = {each.id for each in chosen}
        self._ledger.take_over(subject, [waits[each].id for each in waits if each in taken])
        self._ledger.let_pass([waits[m] for m in waits if m not in taken], now=self._now)
        pools = {each.pool for each in chosen}
        self._hold(subject, self._put_right_before(subject, pools), rule, levels)
        self._let_put_right_pass(subject, rule, pools)
        since = min((each.at for each in chosen), default=self._now)
        facts = {
            "store": self._store,
            "rule": rule.value,
            "since": since.isoformat(),
            "orders_known": self._is_told_of_orders(),
        }
        self._tell(subject, facts, "put_right")
        ask_about_brakes(self._ledger, self._context.ids, now=self._now)
        log.warning(
            "the brake holds what has moved in %s",
            self._store,
            extra={"act": "brake_tripped", "store": self._store, "rule": rule.value},
        )
        return True

    def _hold_more(self, subject: str, facts: dict[str, Any], levels: set[LevelId]) -> None:
        """Hold what has just moved, too, while the brake is on."""
        rule, moves = Rule(facts["rule"]), self._fresh(levels)
        parts = self._ledger.parts(subject, {each.pool for each in moves})
        chosen = self._choose(moves, rule, set(parts))
        if chosen:
            self._hold(subject, chosen, rule, levels)
            self._let_put_right_pass(subject, rule, {each.pool for each in chosen})
            self._tell(subject, facts, "put_right")

    def _put_right_before(self, subject: str, pools: set[PoolId]) -> list[Move]:
        """Return what put a pool right in other stores before the brake tripped."""
        since = self._now - self._limits.within
        moves = self._ledger.moves_in(pools, since=since, limits=self._limits)
        parts = self._ledger.parts(subject, pools)
        return [
            each
            for each in self._explained(moves)
            if each.brake is None and may_put_right(each, parts.get(each.pool, ()))
        ]

    def _let_put_right_pass(self, subject: str, rule: Rule, pools: set[PoolId]) -> None:
        """Ask no more about what has been put right."""
        parts = self._ledger.parts(subject, pools).values()
        passing = [each for some in parts if is_put_right(some, rule) for each in some]
        self._ledger.let_pass(passing, now=self._now)

    def _tell(self, subject: str, facts: dict[str, Any], ended: str) -> None:
        """Tell people what a brake asks about by now; if it is nothing any more, that it ended."""
        if self._ledger.size_of(subject)["moves"]:
            self._ledger.tell_brake(subject, facts, now=self._now)
        else:
            self._ledger.close_brake(subject, {**facts, "ended": ended}, now=self._now)

    def _let_wait(self, levels: set[LevelId]) -> None:
        """Let what may yet be explained wait, where the store tells us of its orders."""
        if not self._is_told_of_orders():
            return
        moves = self._fresh(levels)
        parts = self._ledger.parts(self._wait, {each.pool for each in moves})
        self._hold(self._wait, self._choose(moves, Rule.EMPTIED, set(parts)), Rule.EMPTIED, levels)

    def _fresh(self, levels: set[LevelId]) -> list[Move]:
        """Return the movements of this step."""
        return [m for m in self._recent(levels) if m.at == self._now and m.brake is None]

    def _choose(self, moves: Sequence[Move], rule: Rule, part: set[PoolId]) -> list[Move]:
        """Return the movements that are part of it; `part`: the pools that are already."""
        pools = set(part)
        decided = self._ledger.decided_at({each.pool for each in moves})
        chosen = []
        for each in moves:
            if each.at <= decided.get(each.pool, NEVER):
                continue  # somebody has settled since then what it should be
            if is_suspicious(each, rule, self._limits, is_part=each.pool in pools):
                pools.add(each.pool)
                chosen.append(each)
        return chosen

    def _hold(self, name: str, moves: Sequence[Move], rule: Rule, levels: set[LevelId]) -> None:
        """Make movements part of a brake, or let them wait, each kept from whom it must be."""
        moves = [each for each in moves if each.brake is None]
        pools = self._ledger.pools({each.pool for each in moves})
        opened = self._ledger.opened(pools)
        parts = self._ledger.parts(name, pools)
        made = []
        for each in moves:
            fresh = each.at == self._now and each.level in levels
            waiting = not_passed_on(pools[each.pool], each, opened, fresh=fresh)
            theirs = parts.setdefault(each.pool, [])
            keep = kept_from(each, waiting, theirs, rule, self._limits)
            if name == self._wait and not keep:
                continue  # there is nothing to wait for
            delta = each.counted - each.sold
            pools[each.pool], kept = hold(pools[each.pool], delta, keep)
            made.append((each, kept))
            theirs.append(
                Held(
                    id=0,
                    brake=name,
                    pool=each.pool,
                    level=each.level,
                    movement=each.id,
                    delta=delta,
                    kept=kept,
                    at=self._now,
                )
            )
        self._ledger.save([Outcome(pool=each) for each in pools.values()], now=self._now)
        self._ledger.keep_back(name, made, now=self._now)
