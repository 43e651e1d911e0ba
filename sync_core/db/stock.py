"""Pools, levels, movements: loaded whole, saved only where they changed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Update,
    bindparam,
    func,
    insert,
    select,
    true,
    tuple_,
    update,
)

from sync_core.db.one_of import one_of
from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.rows import LEVEL_COLUMNS, MUTABLE, level_changes, level_of, new_level
from sync_core.db.tables import (
    CONNECTION,
    DUE,
    LEVEL,
    MOVEMENT,
    OVERSOLD,
    POOL,
    SETTING,
    SOLD_AS,
    STORE,
    VARIANT,
)
from sync_core.domain.location_groups import PoolAssignment
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
)
from sync_core.ports.stock import StoreWork
from sync_core.stored import to_json

if TYPE_CHECKING:
    from sync_core.db.transaction import SqlTransaction

FOLLOWED = CONNECTION.c.mode.is_(None) | (CONNECTION.c.mode != Mode.OFF.value)
OF_STORE = LEVEL.c.store == bindparam("store")
STOCK_COUNTS = (
    "counted"  # the setting that says how many pools and levels there are, and since when
)
BUFFER_SETTING = "buffer"  # the setting, by store, of what new levels keep back


def joined(*columns: Any) -> Select[Any]:
    """Select from levels with their store and connection."""
    return (
        select(*columns)
        .select_from(LEVEL)
        .join(STORE, STORE.c.alias == LEVEL.c.store)
        .outerjoin(CONNECTION, CONNECTION.c.destination == LEVEL.c.store)
    )


# What every round asks is built once: putting a statement together costs more than running it.
LEVELS = joined(LEVEL.c.pool_id, *LEVEL_COLUMNS).outerjoin(VARIANT, SOLD_AS).order_by(LEVEL.c.id)
LEVELS_OF = LEVELS.where(one_of(LEVEL.c.pool_id, "some"))
POOLS = select(POOL).where(one_of(POOL.c.id, "some")).order_by(POOL.c.id).with_for_update()
POOL_OF = select(LEVEL.c.id, LEVEL.c.pool_id).where(one_of(LEVEL.c.id, "some"))
POOLS_OF_ITEMS = select(LEVEL.c.pool_id).where(
    OF_STORE, LEVEL.c.location == bindparam("location"), one_of(LEVEL.c.item, "items")
)
WRITABLE = (
    joined(LEVEL.c.pool_id)
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


class SqlStock(SqlRepository):
    def __init__(self, tx: "SqlTransaction") -> None:
        super().__init__(tx)
        self._loaded: dict[PoolId, Pool] = {}
        self.store_work: set[StoreWork] = set()

    def pools(self, wanted: Iterable[PoolId]) -> dict[PoolId, Pool]:
        numbers = set(wanted)
        if not numbers:
            return {}
        rows = self.run(POOLS, {"some": numbers}).all()
        levels = self._levels(numbers)
        found = {
            PoolId(row.id): Pool(
                id=PoolId(row.id),
                title=row.title,
                shared=row.shared,
                first_shared=row.first_shared,
                baseline=row.baseline,
                levels=tuple(levels.get(row.id, ())),
            )
            for row in rows
        }
        self._loaded.update(found)
        return found

    def _levels(self, pools: Iterable[PoolId]) -> dict[int, list[Level]]:
        """Return levels by pool."""
        found: dict[int, list[Level]] = {}
        for pool, *rest in self.run(LEVELS_OF, {"some": pools}).all():
            found.setdefault(pool, []).append(level_of(rest))
        return found

    def below_zero(self, store: Alias | None) -> list[PoolId]:
        mine = (LEVEL.c.pool_id == POOL.c.id) & (LEVEL.c.store == store)
        theirs = true() if store is None else select(LEVEL.c.id).where(mine).exists()
        low = select(POOL.c.id).where(OVERSOLD, theirs).order_by(POOL.c.id)
        return [PoolId(number) for number in self.run(low).scalars()]

    def units(self, store: Alias) -> int:
        query = select(func.sum(POOL.c.shared)).where(
            POOL.c.shared > 0,
            POOL.c.id.in_(select(LEVEL.c.pool_id).where(LEVEL.c.store == store)),
        )
        return int(self.run(query).scalar() or 0)

    def pools_by_key(self, level_keys: Iterable[LevelKey]) -> dict[LevelKey, Pool]:
        items: dict[tuple[Alias, LocationId], set[ItemId]] = {}
        wanted = set(level_keys)
        for each in wanted:
            items.setdefault((each.store, each.location), set()).add(each.item)
        numbers: set[PoolId] = set()
        for (store, location), some in items.items():
            given = {"store": store, "location": location, "items": some}
            numbers.update(self.run(POOLS_OF_ITEMS, given).scalars().all())
        return {
            level.key: pool
            for pool in self.pools(numbers).values()
            for level in pool.levels
            if level.key in wanted
        }

    def pools_of(self, levels: Iterable[LevelId]) -> dict[LevelId, Pool]:
        rows = self.run(POOL_OF, {"some": set(levels)}).all()
        pools = self.pools(pool for _, pool in rows)
        return {LevelId(level): pools[pool] for level, pool in rows}

    def lock_pools(self, of_levels: ColumnElement[bool]) -> None:
        """Wait for whoever works on the pools of these levels: they write levels back whole."""
        if self.is_sqlite:
            return  # one writer
        pools = select(LEVEL.c.pool_id).where(of_levels)
        query = select(POOL.c.id).where(POOL.c.id.in_(pools)).order_by(POOL.c.id)
        self.run(query.with_for_update()).all()

    def save_outcomes(self, outcomes: Iterable[Outcome], *, now: datetime) -> None:
        outcomes = list(outcomes)
        last = {each.pool.id: each.pool for each in outcomes}  # the last word on each pool
        self._save_pools(list(last.values()))
        self._save_movements(outcomes, now)
        events = [event for each in outcomes for event in each.events]
        self.tx.notifications.notify(events, now=now)
        if any(event.kind == "oversold" for event in events):
            self.tx.order_events.add_oversold_orders(now=now)

    def _save_pools(self, pools: Sequence[Pool]) -> None:
        """Update the pools and levels that differ from what was loaded."""
        moved: list[dict[str, Any]] = []
        changed: list[Level] = []
        for pool in pools:
            before = self._loaded[pool.id]
            agreed = {name: getattr(pool, name) for name in MUTABLE_OF_POOL}
            if agreed != {name: getattr(before, name) for name in MUTABLE_OF_POOL}:
                moved.append({"key": pool.id, **agreed})
            known = {each.id: each for each in before.levels}
            changed += [each for each in pool.levels if each != known[each.id]]
            self._loaded[pool.id] = pool
        if moved:
            self.run(SAVE_POOL, moved)
        if changed:
            self.run(SAVE_LEVEL, [level_changes(each) for each in changed])
        for each in changed:
            if each.due:
                self.store_work.add(StoreWork(each.key.store, is_read=False))
            if each.awaits_refresh:
                self.store_work.add(StoreWork(each.key.store, is_read=True))

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

    def writable_pools(self, store: Alias, limit: int) -> list[PoolId]:
        rows = self.run(WRITABLE, {"store": store, "most": limit})
        return [PoolId(row.pool_id) for row in rows]

    def level_keys(self, items: Mapping[Alias, Iterable[ItemId]]) -> dict[LevelKey, PoolId]:
        pairs = [(store, item) for store, some in items.items() for item in some]
        pools: set[int] = set()
        for some in chunks(pairs, 300):
            where = tuple_(LEVEL.c.store, LEVEL.c.item).in_(some)
            pools.update(self.run(select(LEVEL.c.pool_id).where(where)).scalars())
        found: dict[LevelKey, PoolId] = {}
        for numbers in chunks(sorted(pools), 500):
            for row in self.run(select(LEVEL).where(LEVEL.c.pool_id.in_(numbers))):
                level_key = LevelKey(
                    store=Alias(row.store),
                    item=ItemId(row.item),
                    location=LocationId(row.location),
                )
                found[level_key] = PoolId(row.pool_id)
        return found

    def assign_pools(self, arrangement: PoolAssignment, *, now: datetime) -> None:
        if not (arrangement.new or arrangement.joining):
            return
        wanted = {"refresh_at": now, "refresh_since": now, "refresh_mark": 1}
        buffers = self._buffers_of_new()

        def fresh(pool: int, level_key: LevelKey) -> dict[str, Any]:
            return new_level(pool, level_key, buffer=buffers.get(level_key.store, 0), **wanted)

        rows = [fresh(pool, level_key) for pool, level_key in arrangement.joining]
        for some in chunks(arrangement.new, 500):
            made = [
                {"location_group_id": each.location_group, "title": each.title} for each in some
            ]
            new = insert(POOL).returning(POOL.c.id, sort_by_parameter_order=True)
            numbers = list(self.run(new, made).scalars())
            rows += [
                fresh(number, level_key)
                for number, each in zip(numbers, some, strict=True)
                for level_key in each.level_keys
            ]
        for few in chunks(rows, 500):
            self.run(insert(LEVEL), list(few))
        if rows:
            self.tx.settings.set(STOCK_COUNTS, to_json({"changed": now, "by": len(rows)}))
        joined = {pool for pool, _ in arrangement.joining}
        for pool in sorted(joined):
            shared = select(POOL.c.shared).where(POOL.c.id == pool).scalar_subquery()
            unbaselined = (
                LEVEL.c.baselined.is_(False) & LEVEL.c.book.is_(None) & (LEVEL.c.pool_id == pool)
            )
            self.run(update(LEVEL).where(unbaselined).values(first_shared=shared))

    def set_buffer(
        self, pools: Sequence[PoolId] | None, units: int, stores: Sequence[Alias]
    ) -> int:
        theirs = LEVEL.c.store.in_(stores) & (LEVEL.c.buffer != units)
        parts = [theirs]
        if pools is None:
            for store in sorted(stores):
                self.tx.settings.set(f"{BUFFER_SETTING}:{store}", str(units))
        else:
            some = [LEVEL.c.pool_id.in_(few) for few in chunks(list(pools), 500)]
            parts = [theirs & each for each in some]
        count = 0
        for part in parts:
            self.lock_pools(part)
            values = {
                "buffer": units,
                "due": LEVEL.c.baselined | LEVEL.c.due,
                "version": LEVEL.c.version + 1,
            }
            count += self.run(update(LEVEL).where(part).values(values)).rowcount
        return count

    def _buffers_of_new(self) -> dict[Alias, int]:
        """Return what new levels keep back, by store; nobody changes it before they are there.

        Whoever changes it then finds them. A lock needs a row, so that each store has one.
        """
        names = {
            f"{BUFFER_SETTING}:{alias}": Alias(alias)
            for alias in self.run(select(STORE.c.alias).order_by(STORE.c.alias)).scalars()
        }
        self.insert_new(SETTING, [{"name": name, "value": "0"} for name in names])
        mine = select(SETTING).where(SETTING.c.name.in_(names)).order_by(SETTING.c.name)
        return {
            names[row.name]: int(row.value) for row in self.run(mine.with_for_update(read=True))
        }
