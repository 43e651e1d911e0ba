"""Brakes that have tripped: what they hold, and what people decide about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Text,
    bindparam,
    cast,
    delete,
    func,
    literal,
    select,
    update,
)

from sync_core.db.brakes import HOLD, KIND, OVER, STANDING, STILL, Watching, store_of
from sync_core.db.catalogue import PLACE
from sync_core.db.news import FINDING
from sync_core.db.room import chunks
from sync_core.db.rows import LEVEL, VARIANT
from sync_core.db.stock import POOL
from sync_core.domain.brake import Held, let_meet, pass_on, take_back
from sync_core.domain.decide import Effect
from sync_core.domain.shown import shown
from sync_core.domain.values import Alias, News, Outcome, Pool, PoolId, Severity
from sync_core.domain.views import BrakeView, StoppedProduct

OURS = (HOLD.c.brake == bindparam("brake")) & STILL


def _by_store(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the question in how many pools of a brake a store has a level like that."""
    of_pool = LEVEL.c.pool_id == HOLD.c.pool_id
    count = func.count(HOLD.c.pool_id.distinct())
    query = select(LEVEL.c.store, count).join(LEVEL, of_pool)
    return query.where(OURS, *conditions).group_by(LEVEL.c.store)


NETS = (
    select(HOLD.c.pool_id, func.sum(HOLD.c.delta).label("net"), func.count().label("moves"))
    .where(OURS)
    .group_by(HOLD.c.pool_id)
    .subquery()
)
SIZE = select(func.count(), func.sum(NETS.c.moves), func.sum(func.abs(NETS.c.net)))
LARGEST = (
    select(POOL.c.title, NETS.c.net)
    .join(POOL, POOL.c.id == NETS.c.pool_id)
    .order_by(func.abs(NETS.c.net).desc(), POOL.c.id)
    .limit(1)
)
# The levels that a movement is kept from are the names of a small JSON object: {"17": 0}.
IS_KEPT = cast(HOLD.c.kept, Text).like(literal('%"') + cast(LEVEL.c.id, Text) + '":%')
STOPPED = _by_store(IS_KEPT)
SHARING = _by_store(LEVEL.c.met, LEVEL.c.store != bindparam("store"))


class Brakes(Watching):
    """The part of the ledger in which the brake holds."""

    def brakes(self) -> list[BrakeView]:
        """Return the brakes that stand, the oldest first."""
        return [_view(row.subject, row.facts) for row in self.run(STANDING)]

    def size_of(self, subject: str) -> dict[str, Any]:
        """Return what a brake asks about, and how far it has come.

        `pools` and `units`: what would be restored; `stopped` and `reached`: in how many products
        it is kept from each other store, and in how many it has got there.
        """
        given = {"brake": subject}
        pools, moves, units = self.run(SIZE, given).one()
        worst = self.run(LARGEST, given).first()
        stopped = self._per_store(STOPPED, given)
        sharing = self._per_store(SHARING, {**given, "store": store_of(subject)})
        return {
            "moves": int(moves or 0),
            "pools": pools,
            "units": int(units or 0),
            "title": "" if worst is None else worst.title,
            "worst": 0 if worst is None else int(worst.net),
            "stopped": stopped,
            "reached": {
                each: n - stopped.get(each, 0)
                for each, n in sharing.items()
                if n > stopped.get(each, 0)
            },
        }

    def _per_store(self, query: Select[Any], given: Mapping[str, Any]) -> dict[str, int]:
        return {row[0]: row[1] for row in self.run(query, given)}

    def tell_brake(self, subject: str, facts: dict[str, Any], *, now: datetime) -> None:
        """Tell people what a brake asks about by now."""
        said = {**facts, **self.size_of(subject)}
        severity = Severity.CRITICAL
        self.tell([News(kind=KIND, subject=subject, severity=severity, facts=said)], now=now)

    def stopped_products(
        self, subject: str, *, offset: int, limit: int
    ) -> tuple[int, list[StoppedProduct]]:
        """Return how many products a brake asks about, and some, the largest first."""
        given = {"brake": subject}
        total = self.run(SIZE, given).one()[0]
        query = (
            select(NETS.c.pool_id, NETS.c.net, POOL.c.title, PLACE.c.name)
            .join(POOL, POOL.c.id == NETS.c.pool_id)
            .join(PLACE, PLACE.c.id == POOL.c.place_id)
            .order_by(func.abs(NETS.c.net).desc(), NETS.c.pool_id)
        )
        rows = self.run(query.offset(offset).limit(limit), given).all()
        numbers = [PoolId(row.pool_id) for row in rows]
        pools, parts = self.pools(numbers), self.parts(subject, numbers)
        skus = self._skus(numbers, store_of(subject))
        return total, [
            _stopped(row, pools[row.pool_id], parts[row.pool_id], skus, store_of(subject))
            for row in rows
        ]

    def _skus(self, pools: Iterable[PoolId], store: Alias) -> dict[int, str]:
        """Return what the variants of pools are called in a store."""
        of_level = (VARIANT.c.store == LEVEL.c.store) & (VARIANT.c.item == LEVEL.c.item)
        query = select(LEVEL.c.pool_id, VARIANT.c.sku).join(VARIANT, of_level)
        return {
            row.pool_id: row.sku
            for some in chunks(sorted(pools), 500)
            for row in self.run(query.where(LEVEL.c.pool_id.in_(some), LEVEL.c.store == store))
        }

    # -- what people decide
    def release_brake(self, subject: str, *, now: datetime) -> int:
        """Pass on what a brake holds, and end it; return how many products that were about.

        A second time, or after somebody else has decided, nothing happens.
        """
        ended = self._end(subject, "released", now=now)
        self._save_each(ended, pass_on, now=now)
        return len({each.pool for each in ended})

    def discard_brake(self, subject: str, *, now: datetime) -> list[tuple[PoolId, Effect]]:
        """Take back what a brake asks about, and end it: whoever it has reached owes it back.

        Returns:
            What that did to each pool. The caller keeps it in the same step: the books are made
            of it, too. A second time, or after somebody else has decided, nothing.
        """
        ended = self._end(subject, "discarded", now=now)
        self._save_each(ended, take_back, now=now)
        moved: dict[PoolId, Effect] = {}
        for each in ended:
            before = moved.get(each.pool) or Effect(pool=each.pool, level=each.level, moved=0)
            moved[each.pool] = replace(before, moved=before.moved - each.delta)
        return list(moved.items())

    def hold_brake(self, subject: str, by: str, *, now: datetime) -> bool:
        """Note who looks into it; everything stays held. Whether the brake still stands."""
        standing = self._lock(subject)
        if standing is None:
            return False
        self.tell_brake(subject, {**standing, "held_by": by}, now=now)
        return True

    def _lock(self, subject: str) -> dict[str, Any] | None:
        """Return the facts of a brake that stands, and let nobody else end it or add to it."""
        wanted = STANDING.where(FINDING.c.subject == subject).with_for_update()
        found = self.run(wanted).first()
        return None if found is None else found.facts

    def _end(self, subject: str, how: str, *, now: datetime) -> list[Held]:
        """End a brake; return what it held, with the pools locked."""
        known = self.run(select(HOLD.c.pool_id).where(HOLD.c.brake == subject, STILL)).scalars()
        self.pools(PoolId(each) for each in known)  # first, as everybody does
        standing = self._lock(subject)
        if standing is None:
            return []
        size = self.size_of(subject)
        ended = self.held(subject)
        ours = (HOLD.c.brake == subject) & STILL
        self.run(update(HOLD).where(ours).values(released_at=now))
        self.close_brake(subject, {**standing, **size, "ended": how}, now=now)
        return ended

    def close_brake(self, subject: str, facts: dict[str, Any], *, now: datetime) -> None:
        """End a brake: what has moved until now counts no more, and people are told."""
        self.set(f"{OVER}:{store_of(subject)}", now.isoformat())
        self.tell([News(kind=KIND, subject=subject, facts=facts, over=True)], now=now)

    # -- what turns out to be explained
    def let_pass(self, holds: Sequence[Held], *, now: datetime) -> None:
        """Pass on some of what waits or is held, as if nobody had ever stopped it."""
        passed: set[int] = set()
        self.pools({each.pool for each in holds})
        for some in chunks([each.id for each in holds], 500):
            gone = delete(HOLD).where(HOLD.c.id.in_(some), STILL).returning(HOLD.c.id)
            passed.update(self.run(gone).scalars())
        self._save_each([each for each in holds if each.id in passed], pass_on, now=now)

    def shrink(self, hold: Held, delta: int, *, now: datetime) -> None:
        """Pass on a part of what waits or is held: `delta` of it is left."""
        ours = (HOLD.c.id == hold.id) & (HOLD.c.delta == hold.delta) & STILL
        if self.run(update(HOLD).where(ours).values(delta=delta)).rowcount:
            self._save_each([replace(hold, delta=hold.delta - delta)], pass_on, now=now)

    def _save_each(self, holds: Iterable[Held], step: Any, *, now: datetime) -> None:
        """Do a step to the pool of each hold, and keep what has become of them."""
        holds = list(holds)
        before = self.pools({each.pool for each in holds})
        after: dict[PoolId, Pool] = dict(before)
        for each in holds:
            after[each.pool] = step(after[each.pool], each.delta, each.kept)
        outcomes: list[Outcome] = [let_meet(before[each], after[each]) for each in after]
        self.save(outcomes, now=now)


def _stopped(
    row: Row[Any], pool: Pool, parts: Sequence[Held], skus: Mapping[int, str], store: Alias
) -> StoppedProduct:
    """Return one product that a brake asks about."""
    kept = {level for part in parts for level in part.kept}
    own = next((each for each in pool.levels if each.spot.store == store), None)
    others = [each for each in pool.levels if each is not own and each.met]
    restored = None if pool.shared is None else pool.shared - int(row.net)
    return StoppedProduct(
        pool=pool.id,
        title=pool.title,
        sku=skus.get(pool.id, ""),
        place=row.name,
        store=store,
        before=None if own is None or restored is None else shown(own, restored),
        now=None if own is None else own.book,
        units=-int(row.net),
        reached=tuple(each.spot.store for each in others if each.id not in kept),
        stopped=tuple(each.spot.store for each in others if each.id in kept),
    )


def _view(subject: str, facts: dict[str, Any]) -> BrakeView:
    """Return a brake for people."""
    return BrakeView(
        subject=subject,
        store=store_of(subject),
        pools=facts.get("pools", 0),
        units=facts.get("units", 0),
        since=datetime.fromisoformat(facts["since"]),
        held_by=facts.get("held_by"),
        orders_known=facts.get("orders_known", True),
        stopped=facts.get("stopped", {}),
        reached=facts.get("reached", {}),
    )
