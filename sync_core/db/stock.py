"""Pools, levels, movements: loaded whole, saved only where they changed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Table, Update, bindparam, insert, select, true, tuple_, update

from sync_core.db.notifications import SqlNotifications
from sync_core.db.repository import chunks
from sync_core.db.rows import (
    CONNECTION,
    LEVEL,
    LEVEL_COLUMNS,
    MUTABLE,
    STORE,
    VARIANT,
    level_changes,
    level_of,
)
from sync_core.db.tables import DUE, OVERSOLD, MovementRow, PoolRow
from sync_core.domain.values import (
    Alias,
    ItemId,
    Level,
    LevelId,
    LevelKey,
    LocationId,
    Mode,
    Outcome,
    Pool,
    PoolId,
    RefreshRequest,
)

POOL: Table = PoolRow.__table__  # type: ignore[attr-defined]
MOVEMENT: Table = MovementRow.__table__  # type: ignore[attr-defined]
FOLLOWED = CONNECTION.c.mode.is_(None) | (CONNECTION.c.mode != Mode.OFF.value)
OF_STORE = LEVEL.c.store == bindparam("store")


def _joined(*columns: Any) -> Select[Any]:
    """Select from levels with their store and connection."""
    return (
        select(*columns)
        .select_from(LEVEL)
        .join(STORE, STORE.c.alias == LEVEL.c.store)
        .outerjoin(CONNECTION, CONNECTION.c.destination == LEVEL.c.store)
    )


# What every round asks is built once: putting a statement together costs more than running it.
SOLD_AS = (VARIANT.c.store == LEVEL.c.store) & (VARIANT.c.item == LEVEL.c.item)
LEVELS = _joined(LEVEL.c.pool_id, *LEVEL_COLUMNS).outerjoin(VARIANT, SOLD_AS).order_by(LEVEL.c.id)
LEVELS_OF = LEVELS.where(LEVEL.c.pool_id.in_(bindparam("some", expanding=True)))
POOLS = (
    select(POOL)
    .where(POOL.c.id.in_(bindparam("some", expanding=True)))
    .order_by(POOL.c.id)
    .with_for_update()
)
POOL_OF = select(LEVEL.c.id, LEVEL.c.pool_id).where(
    LEVEL.c.id.in_(bindparam("some", expanding=True))
)
NEEDS_REFRESH = OF_STORE & LEVEL.c.refresh_at.is_not(None) & LEVEL.c.open.is_(False) & FOLLOWED
DUE_REFRESHES = (
    _joined(LEVEL.c.id, LEVEL.c.item, LEVEL.c.location, LEVEL.c.version, LEVEL.c.refresh_mark)
    .where(NEEDS_REFRESH, LEVEL.c.refresh_at <= bindparam("now"))
    .order_by(LEVEL.c.refresh_at)
    .limit(bindparam("most"))
)
NEXT_REFRESH = (
    _joined(LEVEL.c.refresh_at).where(NEEDS_REFRESH).order_by(LEVEL.c.refresh_at).limit(1)
)
WRITABLE = (
    _joined(LEVEL.c.pool_id)
    .where(
        OF_STORE,
        DUE,  # in the very words of its index: SQLite knows no other way to it
        LEVEL.c.baselined | (LEVEL.c.manual_delta != 0),
        LEVEL.c.open.is_(False),
        LEVEL.c.refresh_at.is_(None),
        LEVEL.c.suspended.is_(None),
        FOLLOWED,
    )
    .order_by(LEVEL.c.id)
    .limit(bindparam("most"))
)


def _update(table: Table, *names: str) -> Update:
    """Return an UPDATE of rows by their ids, given as `key`."""
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    return update(table).where(table.c.id == bindparam("key")).values(values)


MUTABLE_OF_POOL = ("shared", "first_shared", "baseline")  # what a step may change of a pool
SAVE_POOL = _update(POOL, *MUTABLE_OF_POOL)
SAVE_LEVEL = _update(LEVEL, "suspended", *MUTABLE)


class SqlStock(SqlNotifications):
    """The part of the ledger that holds quantities."""

    def pools(self, wanted: Iterable[PoolId]) -> dict[PoolId, Pool]:
        """Return pools by id, locked in the order of their ids."""
        found: dict[PoolId, Pool] = {}
        for some in chunks(sorted(set(wanted)), 500):
            rows = self.run(POOLS, {"some": some}).all()
            levels = self._levels(some)
            for row in rows:
                pool = Pool(
                    id=PoolId(row.id),
                    title=row.title,
                    shared=row.shared,
                    first_shared=row.first_shared,
                    baseline=row.baseline,
                    levels=tuple(levels.get(row.id, ())),
                )
                found[pool.id] = pool
                self._loaded[pool.id] = pool
        return found

    def _levels(self, pools: Sequence[PoolId]) -> dict[int, list[Level]]:
        """Return levels by pool."""
        found: dict[int, list[Level]] = {}
        for pool, *rest in self.run(LEVELS_OF, {"some": pools}):
            found.setdefault(pool, []).append(level_of(rest))
        return found

    def below_zero(self, store: Alias | None) -> list[PoolId]:
        """Return the pools with a level of that store, or all, that have less than nothing."""
        mine = (LEVEL.c.pool_id == POOL.c.id) & (LEVEL.c.store == store)
        theirs = true() if store is None else select(LEVEL.c.id).where(mine).exists()
        low = select(POOL.c.id).where(OVERSOLD, theirs).order_by(POOL.c.id)
        return [PoolId(number) for number in self.run(low).scalars()]

    def pools_by_key(self, level_keys: Iterable[LevelKey]) -> dict[LevelKey, Pool]:
        """Return the pools that have a level there, locked."""
        by_spot: dict[LevelKey, PoolId] = {}
        keys = [(each.store, each.item, each.location) for each in set(level_keys)]
        where = tuple_(LEVEL.c.store, LEVEL.c.item, LEVEL.c.location)
        for some in chunks(keys, 300):
            query = select(LEVEL.c.store, LEVEL.c.item, LEVEL.c.location, LEVEL.c.pool_id)
            for store, item, location, pool in self.run(query.where(where.in_(some))):
                key = LevelKey(store=Alias(store), item=ItemId(item), location=LocationId(location))
                by_spot[key] = PoolId(pool)
        pools = self.pools(by_spot.values())
        return {key: pools[pool] for key, pool in by_spot.items()}

    def pools_of(self, levels: Iterable[LevelId]) -> dict[LevelId, Pool]:
        """Return the pool of each level, locked."""
        by_level: dict[LevelId, PoolId] = {}
        for some in chunks(list(set(levels)), 500):
            rows = self.run(POOL_OF, {"some": some})
            by_level.update((LevelId(level), PoolId(pool)) for level, pool in rows)
        pools = self.pools(by_level.values())
        return {level: pools[pool] for level, pool in by_level.items()}

    def save_outcomes(self, outcomes: Iterable[Outcome], *, now: datetime) -> None:
        """Keep what has become of pools, with the movements and the news."""
        outcomes = list(outcomes)
        last = {each.pool.id: each.pool for each in outcomes}  # the last word on each pool
        self._save_pools(list(last.values()))
        self._save_movements(outcomes, now)
        self.notify([events for each in outcomes for events in each.events], now=now)

    def _save_pools(self, pools: Sequence[Pool]) -> None:
        """Update the pools and levels that differ from what was loaded."""
        moved: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        for pool in pools:
            before = self._loaded[pool.id]
            agreed = {name: getattr(pool, name) for name in MUTABLE_OF_POOL}
            if agreed != {name: getattr(before, name) for name in MUTABLE_OF_POOL}:
                moved.append({"key": pool.id, **agreed})
            known = {each.id: each for each in before.levels}
            changed += [level_changes(each) for each in pool.levels if each != known[each.id]]
            self._loaded[pool.id] = pool
        if moved:
            self.run(SAVE_POOL, moved)
        if changed:
            self.run(SAVE_LEVEL, changed)

    def _save_movements(self, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Add movements to the history, under the baseline of their pools."""
        rows = [
            {
                "pool_id": each.pool,
                "level_id": each.level,
                "level_baseline": each.level_baseline,
                "delta": each.delta,
                "counted": each.counted,
                "shared": each.shared,
                "at": now,
                "seen_at": each.seen_at,
                "source": each.source.value,
                "delivery_id": each.delivery,
                "baseline": outcome.pool.baseline,
            }
            for outcome in outcomes
            for each in outcome.movements
        ]
        if rows:
            self.run(insert(MOVEMENT), rows)

    def due_refreshes(self, store: Alias, *, now: datetime, limit: int) -> list[RefreshRequest]:
        """Return the looks that are due at a store, the longest wanted first."""
        return [
            RefreshRequest(
                level=LevelId(level),
                key=LevelKey(store=store, item=ItemId(item), location=LocationId(location)),
                began=now,
                version=version,
                mark=mark,
            )
            for level, item, location, version, mark in self.run(
                DUE_REFRESHES, {"store": store, "now": now, "most": limit}
            )
        ]

    def next_refresh(self, store: Alias) -> datetime | None:
        """Return when the next look is due."""
        found: datetime | None = self.run(NEXT_REFRESH, {"store": store}).scalar()
        return found

    def writable_pools(self, store: Alias, limit: int) -> list[PoolId]:
        """Return pools with a level in that store that is due and may be written."""
        rows = self.run(WRITABLE, {"store": store, "most": limit})
        return [PoolId(row.pool_id) for row in rows]
