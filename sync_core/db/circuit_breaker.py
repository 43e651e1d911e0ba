"""Circuit breakers: what they count, what they ask about, and what people decide about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
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

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import (
    FINDING,
    LEVEL,
    LOCATION_GROUP,
    POOL,
    SOLD_AS,
    TRAFFIC_MINUTE,
    VARIANT,
    WITHHELD,
)
from sync_core.db.withheld import NOT_RELEASED
from sync_core.domain.circuit_breaker import Traffic, WithheldMovement, release, revert
from sync_core.domain.decisions import Effect
from sync_core.domain.quantities import target_of
from sync_core.domain.values import Alias, Event, Pool, PoolId, Severity
from sync_core.domain.views import CircuitBreakerView, StoppedProduct
from sync_core.stored import from_plain

KIND = "circuit_breaker"
# The setting that says until when a store's movements have been decided on.
ENDED_SETTING = "circuit_breaker_ended"
MINUTES_KEPT_FOR = timedelta(hours=2)  # minutes
# What every round asks is built once: putting a statement together costs more than running it.
TRAFFIC_SUMS = select(func.sum(TRAFFIC_MINUTE.c.units), func.sum(TRAFFIC_MINUTE.c.emptied)).where(
    TRAFFIC_MINUTE.c.store == bindparam("store"), TRAFFIC_MINUTE.c.at > bindparam("since")
)
IS_OPEN_BREAKER = (FINDING.c.kind == KIND) & FINDING.c.closed_at.is_(None)
OPEN_BREAKERS = (
    select(FINDING.c.subject, FINDING.c.facts).where(IS_OPEN_BREAKER).order_by(FINDING.c.id)
)
OPEN_BREAKER_OF_STORE = OPEN_BREAKERS.where(
    FINDING.c.subject.startswith(bindparam("prefix"))
).with_for_update()
WITHHELD_BY_BREAKER = (WITHHELD.c.breaker == bindparam("breaker")) & NOT_RELEASED


def _by_store(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the question in how many pools of a safety stop a store has a level like that."""
    of_pool = LEVEL.c.pool_id == WITHHELD.c.pool_id
    count = func.count(WITHHELD.c.pool_id.distinct())
    query = select(LEVEL.c.store, count).join(LEVEL, of_pool)
    return query.where(WITHHELD_BY_BREAKER, *conditions).group_by(LEVEL.c.store)


NET_PER_POOL = (
    select(WITHHELD.c.pool_id, func.sum(WITHHELD.c.delta).label("net"), func.count().label("moves"))
    .where(WITHHELD_BY_BREAKER)
    .group_by(WITHHELD.c.pool_id)
    .subquery()
)
BREAKER_SIZE = select(
    func.count(), func.sum(NET_PER_POOL.c.moves), func.sum(func.abs(NET_PER_POOL.c.net))
)
LARGEST_CHANGE = (
    select(POOL.c.title, NET_PER_POOL.c.net)
    .join(POOL, POOL.c.id == NET_PER_POOL.c.pool_id)
    .order_by(func.abs(NET_PER_POOL.c.net).desc(), POOL.c.id)
    .limit(1)
)
# The levels that a movement is kept from are the names of a small JSON object: {"17": 0}.
IS_WITHHELD_FROM = cast(WITHHELD.c.withheld_from, Text).like(
    literal('%"') + cast(LEVEL.c.id, Text) + '":%'
)
STOPPED_PER_STORE = _by_store(IS_WITHHELD_FROM)
SHARED_PER_STORE = _by_store(LEVEL.c.baselined, LEVEL.c.store != bindparam("store"))


def store_of(subject: str) -> Alias:
    """Return the store that a safety stop is about."""
    return Alias(subject.split(":")[1])


class SqlCircuitBreaker(SqlRepository):
    def traffic_since(self, store: Alias, *, since: datetime) -> Traffic:
        units, emptied = self.run(TRAFFIC_SUMS, {"store": store, "since": since}).one()
        return Traffic(units=int(units or 0), emptied=int(emptied or 0))

    def count_traffic(self, moved: Mapping[Alias, Traffic], *, now: datetime) -> None:
        minute = now.replace(second=0, microsecond=0)
        for store in sorted(moved):
            more = moved[store]
            here = (TRAFFIC_MINUTE.c.store == store) & (TRAFFIC_MINUTE.c.at == minute)
            sums = {
                "units": TRAFFIC_MINUTE.c.units + more.units,
                "emptied": TRAFFIC_MINUTE.c.emptied + more.emptied,
            }
            if self.run(update(TRAFFIC_MINUTE).where(here).values(sums)).rowcount:
                continue
            self.run(
                delete(TRAFFIC_MINUTE).where(
                    TRAFFIC_MINUTE.c.store == store, TRAFFIC_MINUTE.c.at < now - MINUTES_KEPT_FOR
                )
            )
            fresh = {"store": store, "at": minute, "units": more.units, "emptied": more.emptied}
            if not self.insert_new(TRAFFIC_MINUTE, [fresh]):  # another process was faster
                self.run(update(TRAFFIC_MINUTE).where(here).values(sums))

    def asks_about(self, pool: PoolId) -> bool:
        query = select(WITHHELD.c.id).where(WITHHELD.c.pool_id == pool, NOT_RELEASED)
        return self.run(query.where(WITHHELD.c.breaker.startswith(f"{KIND}:"))).first() is not None

    def open_of(self, store: Alias) -> tuple[str, dict[str, Any]] | None:
        found = self.run(OPEN_BREAKER_OF_STORE, {"prefix": f"circuit_breaker:{store}:"}).first()
        return None if found is None else (found.subject, found.facts)

    def closed_at(self, store: Alias) -> datetime | None:
        word = self.tx.settings.get(f"{ENDED_SETTING}:{store}")
        return None if word is None else datetime.fromisoformat(word)

    def all(self) -> list[CircuitBreakerView]:
        return [_breaker_view(row.subject, row.facts) for row in self.run(OPEN_BREAKERS)]

    def size(self, subject: str) -> dict[str, Any]:
        given = {"breaker": subject}
        pools, moves, units = self.run(BREAKER_SIZE, given).one()
        worst = self.run(LARGEST_CHANGE, given).first()
        stopped = self._per_store(STOPPED_PER_STORE, given)
        sharing = self._per_store(SHARED_PER_STORE, {**given, "store": store_of(subject)})
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

    def notify(self, subject: str, facts: dict[str, Any], *, now: datetime) -> None:
        said = {**facts, **self.size(subject)}
        severity = Severity.CRITICAL
        self.tx.notifications.notify(
            [Event(kind=KIND, subject=subject, severity=severity, facts=said)], now=now
        )

    def stopped_products(
        self, subject: str, *, offset: int, limit: int
    ) -> tuple[int, list[StoppedProduct]]:
        given = {"breaker": subject}
        total = self.run(BREAKER_SIZE, given).one()[0]
        query = (
            select(NET_PER_POOL.c.pool_id, NET_PER_POOL.c.net, POOL.c.title, LOCATION_GROUP.c.name)
            .join(POOL, POOL.c.id == NET_PER_POOL.c.pool_id)
            .join(LOCATION_GROUP, LOCATION_GROUP.c.id == POOL.c.location_group_id)
            .order_by(func.abs(NET_PER_POOL.c.net).desc(), NET_PER_POOL.c.pool_id)
        )
        rows = self.run(query.offset(offset).limit(limit), given).all()
        numbers = [PoolId(row.pool_id) for row in rows]
        pools, parts = self.tx.stock.pools(numbers), self.tx.withheld.parts(subject, numbers)
        skus = self._skus(numbers, store_of(subject))
        return total, [
            _stopped_product(row, pools[row.pool_id], parts[row.pool_id], skus, store_of(subject))
            for row in rows
        ]

    def _skus(self, pools: Iterable[PoolId], store: Alias) -> dict[int, str]:
        """Return what the variants of pools are called in a store."""
        query = select(LEVEL.c.pool_id, VARIANT.c.sku).join(VARIANT, SOLD_AS)
        return {
            row.pool_id: row.sku
            for some in chunks(sorted(pools), 500)
            for row in self.run(query.where(LEVEL.c.pool_id.in_(some), LEVEL.c.store == store))
        }

    def release(self, subject: str, *, now: datetime) -> int:
        ended = self._close(subject, "released", now=now)
        self.tx.withheld.apply_to_pools(ended, release, now=now)
        return len({each.pool for each in ended})

    def discard(self, subject: str, *, now: datetime) -> list[tuple[PoolId, Effect]]:
        ended = self._close(subject, "discarded", now=now)
        self.tx.withheld.apply_to_pools(ended, revert, now=now)
        moved: dict[PoolId, Effect] = {}
        for each in ended:
            before = moved.get(each.pool) or Effect(pool=each.pool, level=each.level, moved=0)
            moved[each.pool] = replace(before, moved=before.moved - each.delta)
        return list(moved.items())

    def investigate(self, subject: str, by: str, *, now: datetime) -> bool:
        facts = self._lock_open(subject)
        if facts is None:
            return False
        self.notify(subject, {**facts, "investigated_by": by}, now=now)
        return True

    def _lock_open(self, subject: str) -> dict[str, Any] | None:
        """Return the facts of an open safety stop, and let nobody else end it or add to it."""
        wanted = OPEN_BREAKERS.where(FINDING.c.subject == subject).with_for_update()
        found = self.run(wanted).first()
        return None if found is None else found.facts

    def _close(self, subject: str, how: str, *, now: datetime) -> list[WithheldMovement]:
        """End a safety stop; return what it withheld, with the pools locked."""
        known = self.run(
            select(WITHHELD.c.pool_id).where(WITHHELD.c.breaker == subject, NOT_RELEASED)
        ).scalars()
        self.tx.stock.pools(PoolId(each) for each in known)  # first, as everybody does
        facts = self._lock_open(subject)
        if facts is None:
            return []
        size = self.size(subject)
        ended = self.tx.withheld.by(subject)
        ours = (WITHHELD.c.breaker == subject) & NOT_RELEASED
        self.run(update(WITHHELD).where(ours).values(released_at=now))
        self.close(subject, {**facts, **size, "ended": how}, now=now)
        return ended

    def close(self, subject: str, facts: dict[str, Any], *, now: datetime) -> None:
        self.tx.settings.set(f"{ENDED_SETTING}:{store_of(subject)}", now.isoformat())
        self.tx.notifications.notify(
            [Event(kind=KIND, subject=subject, facts=facts, resolved=True)], now=now
        )


def _stopped_product(
    row: Row[Any],
    pool: Pool,
    parts: Sequence[WithheldMovement],
    skus: Mapping[int, str],
    store: Alias,
) -> StoppedProduct:
    """Return one product that a safety stop asks about."""
    kept = {level for part in parts for level in part.withheld_from}
    own = next((each for each in pool.levels if each.key.store == store), None)
    others = [each for each in pool.levels if each is not own and each.baselined]
    restored = None if pool.shared is None else pool.shared - int(row.net)
    return StoppedProduct(
        pool=pool.id,
        title=pool.title,
        sku=skus.get(pool.id, ""),
        location_group=row.name,
        store=store,
        before=None if own is None or restored is None else target_of(own, restored),
        now=None if own is None else own.book,
        units=-int(row.net),
        reached=tuple(each.key.store for each in others if each.id not in kept),
        stopped=tuple(each.key.store for each in others if each.id in kept),
    )


def _breaker_view(subject: str, facts: dict[str, Any]) -> CircuitBreakerView:
    """Return a safety stop for people."""
    own = {"subject": subject, "store": store_of(subject)}
    return from_plain({"pools": 0, "units": 0, **facts, **own}, CircuitBreakerView)
