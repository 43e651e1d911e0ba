"""Stores, connections, places, variants: who there is, and what belongs together."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from sync_core.db.barcodes import SqlBarcodes, as_key
from sync_core.db.repository import chunks
from sync_core.db.rows import (
    CONNECTION,
    LEVEL,
    STORE,
    VARIANT,
    new_level,
    store_state,
    variant_columns,
    variant_of,
)
from sync_core.db.stock import POOL
from sync_core.db.tables import LocationGroupRow, LocationRow, SettingRow
from sync_core.domain.location_groups import LocationGroup, LocationGroups, PoolAssignment
from sync_core.domain.matching import Key
from sync_core.domain.values import (
    NEVER,
    Alias,
    Event,
    ItemId,
    LevelKey,
    LocationId,
    Mode,
    PoolId,
    Role,
    Severity,
    Suspension,
    Variant,
)
from sync_core.ports import ShopFacts, StoreState

LOCATION_GROUP: Table = LocationGroupRow.__table__  # type: ignore[attr-defined]
LOCATION: Table = LocationRow.__table__  # type: ignore[attr-defined]
SETTING: Table = SettingRow.__table__  # type: ignore[attr-defined]

STOCK_COUNTS = (
    "counted"  # the setting that says how many pools and levels there are, and since when
)
BUFFER_SETTING = "buffer"  # the setting, by store, of what new levels keep back

# What every round asks is built once: putting a statement together costs more than running it.
STORE_STATES = select(STORE, CONNECTION.c.mode).outerjoin(
    CONNECTION, CONNECTION.c.destination == STORE.c.alias
)
ONE_STORE_STATE = STORE_STATES.where(STORE.c.alias == bindparam("alias"))
ONE_SETTING = select(SETTING.c.value).where(SETTING.c.name == bindparam("name"))


def restarted_values(*, now: datetime | None) -> dict[str, Any]:
    """Return what an UPDATE makes of levels that begin a new baseline; read from `now` on, or not.

    It does to many levels at once what `accounting.restart_level` does to one. Whether an
    adjustment is open is left as it is.
    """
    shared = select(POOL.c.shared).where(POOL.c.id == LEVEL.c.pool_id).scalar_subquery()
    return {
        "book": None,
        "first_book": None,
        "first_shared": shared,
        "baselined": False,
        "level_baseline": LEVEL.c.level_baseline + 1,
        "due": False,
        "withheld": 0,
        "manual_delta": 0,
        "suspended": None,
        "deferred": None,
        "deferred_at": NEVER,
        "version": LEVEL.c.version + 1,
        "refresh_at": now,
        "refresh_since": now,
        "refresh_mark": LEVEL.c.refresh_mark + 1,
    }


class SqlCatalogue(SqlBarcodes):
    """The part of the ledger that holds stores and what they sell."""

    # -- stores
    def register_store(self, alias: Alias, domain: str, role: Role) -> None:
        """Make a store of the settings known to the database."""
        self.upsert(STORE, [{"alias": alias, "domain": domain, "role": role.value}])
        if role is Role.DESTINATION:
            self.insert_new(CONNECTION, [{"destination": alias, "mode": "off", "by": ""}])
        else:
            self.run(delete(CONNECTION).where(CONNECTION.c.destination == alias))

    def store(self, alias: Alias) -> StoreState:
        """Return what we know of a store."""
        return store_state(self.run(ONE_STORE_STATE, {"alias": alias}).one())

    def stores(self) -> list[StoreState]:
        """Return what we know of each store, the source first."""
        first = case((STORE.c.role == Role.SOURCE.value, 0), else_=1)
        query = STORE_STATES.order_by(first, STORE.c.alias)
        return [store_state(row) for row in self.run(query)]

    def record_sent(self, store: Alias, *, now: datetime) -> None:
        """Note that a batch leaves."""
        self.run(update(STORE).where(STORE.c.alias == store).values(last_sent_at=now))

    def block_store(
        self, store: Alias, why: str, *, now: datetime, write_refused: bool = False
    ) -> None:
        """Send nothing to a store until it is let go; tell people once."""
        since = func.coalesce(STORE.c.blocked_since, now)
        self.run(
            update(STORE)
            .where(STORE.c.alias == store)
            .values(blocked_since=since, blocked_why=why, write_refused=write_refused)
        )
        facts: dict[str, str | int | float | bool | None] = {"store": store, "why": why}
        withheld = Event(
            kind="store_blocked", subject=f"store:{store}", severity=Severity.CRITICAL, facts=facts
        )
        self.notify([withheld], now=now)

    def unblock_store(self, store: Alias, *, now: datetime, written: bool = False) -> None:
        """Send to the store again; tell people that it is over."""
        unblock_store = update(STORE).where(
            STORE.c.alias == store, STORE.c.blocked_since.is_not(None)
        )
        unblock_store = unblock_store.where(STORE.c.write_refused.is_(written))
        values = {"blocked_since": None, "blocked_why": None, "write_refused": False}
        if self.run(unblock_store.values(values)).rowcount:
            self.notify(
                [Event(kind="store_blocked", subject=f"store:{store}", resolved=True)], now=now
            )

    def save_shop_facts(self, store: Alias, facts: ShopFacts) -> None:
        """Keep what a store says of itself, and its locations."""
        self.run(
            update(STORE)
            .where(STORE.c.alias == store)
            .values(shop_id=facts.shop_id, name=facts.name, scopes=" ".join(sorted(facts.scopes)))
        )
        rows = [
            {
                "store": store,
                "location": each.id,
                "name": each.name,
                "active": each.active,
                "owned": each.owned,
            }
            for each in facts.locations
        ]
        if rows:
            self.upsert(LOCATION, rows)

    def set_caught_up(self, store: Alias, *, to: datetime) -> None:
        """Note that every change before then has been looked at."""
        self.run(update(STORE).where(STORE.c.alias == store).values(caught_up_to=to))

    def lagging_locations(self, store: Alias) -> dict[LocationId, datetime]:
        """Return the locations whose changes could not be listed, and since when."""
        query = select(LOCATION.c.location, LOCATION.c.behind_since).where(
            LOCATION.c.store == store, LOCATION.c.behind_since.is_not(None)
        )
        return {LocationId(row.location): row.behind_since for row in self.run(query)}

    def set_lagging(self, store: Alias, location: LocationId, since: datetime | None) -> None:
        """Note since when the changes of a location could not be listed; None: they could."""
        here = (LOCATION.c.store == store) & (LOCATION.c.location == location)
        self.run(update(LOCATION).where(here).values(behind_since=since))

    def mark_catalogue_read(self, store: Alias, *, now: datetime) -> None:
        """Note that a store's catalogue has been read whole."""
        self.run(update(STORE).where(STORE.c.alias == store).values(catalogue_at=now))

    def forget_catalogues(self) -> None:
        """Have every store's catalogue read whole again."""
        self.run(update(STORE).values(catalogue_at=None))

    # -- modes
    def request_baseline(self, store: Alias, mode: Mode, *, by: str, now: datetime) -> None:
        """Change a connection's mode: all its levels meet their pools anew.

        Open adjustments stay open and are settled as ever. The statement does to every level
        at once what `account.restart_level` does to one.
        """
        self.run(
            update(CONNECTION)
            .where(CONNECTION.c.destination == store)
            .values(mode=mode.value, since=now, by=by)
        )
        self._lock_pools(LEVEL.c.store == store)
        theirs = LEVEL.c.store == store
        values = restarted_values(now=None if mode is Mode.OFF else now)
        self.run(update(LEVEL).where(theirs).values(values))
        if mode is Mode.OFF:
            return
        self._refresh_unbaselined_sources(select(LEVEL.c.pool_id).where(theirs), now)

    def _refresh_unbaselined_sources(self, pools: Select[Any], now: datetime) -> None:
        """Have source levels read that never met anybody: their pools can agree on nothing else."""
        source = select(STORE.c.alias).where(STORE.c.role == Role.SOURCE.value).scalar_subquery()
        unbaselined = LEVEL.c.baselined.is_(False) & (LEVEL.c.store == source)
        here = LEVEL.c.pool_id.in_(pools)
        self.run(update(LEVEL).where(unbaselined, here).values(restarted_values(now=now)))

    def _lock_pools(self, of_levels: ColumnElement[bool]) -> None:
        """Wait for whoever works on the pools of these levels: they write levels back whole."""
        if self.is_sqlite:
            return  # one writer
        pools = select(LEVEL.c.pool_id).where(of_levels)
        query = select(POOL.c.id).where(POOL.c.id.in_(pools)).order_by(POOL.c.id)
        self.run(query.with_for_update()).all()

    def set_buffer(
        self, pools: Sequence[PoolId] | None, units: int, stores: Sequence[Alias]
    ) -> int:
        """Keep units back from stores, in some pools or in all and those to come."""
        theirs = LEVEL.c.store.in_(stores) & (LEVEL.c.buffer != units)
        parts = [theirs]
        if pools is None:
            for store in sorted(stores):
                self.set_setting(f"{BUFFER_SETTING}:{store}", str(units))
        else:
            some = [LEVEL.c.pool_id.in_(few) for few in chunks(list(pools), 500)]
            parts = [theirs & each for each in some]
        count = 0
        for part in parts:
            self._lock_pools(part)
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

    # -- places
    def location_groups(self) -> LocationGroups:
        """Return the location map."""
        found: dict[int, dict[Alias, LocationId]] = {}
        for row in self.run(select(LOCATION).where(LOCATION.c.location_group_id.is_not(None))):
            found.setdefault(row.location_group_id, {})[Alias(row.store)] = LocationId(row.location)
        rows = self.run(select(LOCATION_GROUP).order_by(LOCATION_GROUP.c.id)).all()
        return tuple(
            LocationGroup(id=row.id, name=row.name, locations=found.get(row.id, {})) for row in rows
        )

    def unmapped_locations(self) -> dict[Alias, list[tuple[LocationId, str]]]:
        """Return the open locations of each store that belong to no place."""
        query = select(LOCATION).where(
            LOCATION.c.location_group_id.is_(None), LOCATION.c.active, LOCATION.c.owned
        )
        found: dict[Alias, list[tuple[LocationId, str]]] = {}
        for row in self.run(query.order_by(LOCATION.c.location)):
            found.setdefault(Alias(row.store), []).append((LocationId(row.location), row.name))
        return found

    def lock_location_groups(self) -> None:
        """Let nobody else change the location map meanwhile: it is read and written as a whole."""
        if not self.is_sqlite:  # which has one writer
            # The stores: a map that has no rows yet cannot be locked, and it begins as one.
            every_store = select(STORE.c.alias).order_by(STORE.c.alias)
            self.run(every_store.with_for_update(key_share=True)).all()

    def save_location_groups(self, location_groups: LocationGroups) -> None:
        """Keep the location map: places that have no id yet are new, and some have new names."""
        self.run(update(LOCATION).values(location_group_id=None))
        for location_group in location_groups:
            number = location_group.id
            if not number:
                new = (
                    insert(LOCATION_GROUP)
                    .values(name=location_group.name)
                    .returning(LOCATION_GROUP.c.id)
                )
                number = int(self.run(new).scalar_one())
            self.run(
                update(LOCATION_GROUP)
                .where(LOCATION_GROUP.c.id == number)
                .values(name=location_group.name)
            )
            for store, location in location_group.locations.items():
                self.run(
                    update(LOCATION)
                    .where(LOCATION.c.store == store, LOCATION.c.location == location)
                    .values(location_group_id=number)
                )

    # -- variants
    def save_variants(self, variants: Sequence[Variant], keys: Sequence[Key | None]) -> None:
        """Keep what stores sell."""
        rows = [
            variant_columns(variant, None if key is None else json.dumps(key))
            for variant, key in zip(variants, keys, strict=True)
        ]
        if rows:
            self.upsert(VARIANT, rows)
            self.save_barcodes(variants)

    def variants_of(self, store: Alias, product: int) -> list[Variant]:
        """Return what we know of a product."""
        query = select(VARIANT).where(VARIANT.c.store == store, VARIANT.c.product_id == product)
        return [variant_of(row) for row in self.run(query)]

    def drop_variants(self, store: Alias, items: Collection[ItemId]) -> None:
        """Forget variants that are gone."""
        for some in chunks(list(items), 500):
            gone = delete(VARIANT).where(VARIANT.c.store == store, VARIANT.c.item.in_(some))
            self.run(gone)
        self.drop_barcodes(store, items)

    def source_keys(
        self, source: Alias, after: ItemId, limit: int
    ) -> list[tuple[ItemId, Key | None]]:
        """Return items of the source behind that one, in order, and what they are matched by."""
        query = select(VARIANT.c.item, VARIANT.c.key).where(
            VARIANT.c.store == source, VARIANT.c.item > after
        )
        rows = self.run(query.order_by(VARIANT.c.item).limit(limit))
        return [(ItemId(row.item), as_key(row.key)) for row in rows]

    def variants_with(self, keys: Iterable[Key]) -> list[Variant]:
        """Return the variants with these keys."""
        texts = [json.dumps(key) for key in keys]
        return [
            variant_of(row)
            for some in chunks(texts, 500)
            for row in self.run(select(VARIANT).where(VARIANT.c.key.in_(some)))
        ]

    # -- pools
    def level_keys(self, items: Mapping[Alias, Iterable[ItemId]]) -> dict[LevelKey, PoolId]:
        """Return every spot of the pools that those items are in."""
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
        """Make new pools, and give levels to pools; the new ones are looked at."""
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
            self.set_setting(
                STOCK_COUNTS, json.dumps({"changed": now.isoformat(), "by": len(rows)})
            )
        joined = {pool for pool, _ in arrangement.joining}
        for pool in sorted(joined):
            shared = select(POOL.c.shared).where(POOL.c.id == pool).scalar_subquery()
            unbaselined = (
                LEVEL.c.baselined.is_(False) & LEVEL.c.book.is_(None) & (LEVEL.c.pool_id == pool)
            )
            self.run(update(LEVEL).where(unbaselined).values(first_shared=shared))

    def refresh_items(self, store: Alias, items: Iterable[ItemId], *, now: datetime) -> None:
        """Have items looked at that the store says are gone."""
        for some in chunks(list(items), 500):
            self._lock_pools((LEVEL.c.store == store) & LEVEL.c.item.in_(some))
            self.run(
                update(LEVEL)
                .where(LEVEL.c.store == store, LEVEL.c.item.in_(some))
                .where(LEVEL.c.suspended.is_distinct_from(Suspension.UNFINISHED.value))
                .values(refresh_at=now, refresh_since=now, refresh_mark=LEVEL.c.refresh_mark + 1)
            )

    # -- settings that processes leave for each other
    def setting(self, name: str) -> str | None:
        """Return a word left by a process."""
        found: str | None = self.run(ONE_SETTING, {"name": name}).scalar_one_or_none()
        return found

    def compare_and_set(self, name: str, before: str | None, after: str) -> bool:
        """Replace a word by another, if it still is what the caller believed."""
        if before is None:
            return self.insert_new(SETTING, [{"name": name, "value": after}]) == 1
        mine = update(SETTING).where(SETTING.c.name == name, SETTING.c.value == before)
        return self.run(mine.values(value=after)).rowcount == 1

    def add_setting(self, name: str, value: str) -> str | None:
        """Leave a word where there is none; return it, or None where there was one already."""
        return value if self.insert_new(SETTING, [{"name": name, "value": value}]) else None

    def pop_setting(self, name: str) -> str | None:
        """Take a word away; return it, or None where there was none."""
        gone = delete(SETTING).where(SETTING.c.name == name).returning(SETTING.c.value)
        found: str | None = self.run(gone).scalar_one_or_none()
        return found

    def set_setting(self, name: str, value: str | None) -> None:
        """Leave a word, or take it away."""
        if value is None:
            self.run(delete(SETTING).where(SETTING.c.name == name))
        else:
            self.upsert(SETTING, [{"name": name, "value": value}])
