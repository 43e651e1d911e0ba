"""The location map: which locations of the stores share their stock."""

from typing import Any

from sqlalchemy import Select, insert, select, update

from sync_core.db.repository import SqlRepository
from sync_core.db.tables import LEVEL, LOCATION, LOCATION_GROUP, POOL, STORE
from sync_core.domain.location_groups import LocationGroup, LocationGroups
from sync_core.domain.values import Alias, LocationId

# What every round asks is built once: putting a statement together costs more than running it.
MAPPED_LOCATIONS = (
    select(LOCATION).where(LOCATION.c.location_group_id.is_not(None)).order_by(LOCATION.c.store)
)
EVERY_GROUP = select(LOCATION_GROUP).order_by(LOCATION_GROUP.c.id)
OPEN_LOCATIONS = select(LOCATION).where(LOCATION.c.active, LOCATION.c.owned)


class SqlLocationGroups(SqlRepository):
    def all(self) -> LocationGroups:
        found: dict[int, dict[Alias, LocationId]] = {}
        for row in self.run(MAPPED_LOCATIONS):
            found.setdefault(row.location_group_id, {})[Alias(row.store)] = LocationId(row.location)
        rows = self.run(EVERY_GROUP).all()
        return tuple(
            LocationGroup(id=row.id, name=row.name, locations=found.get(row.id, {})) for row in rows
        )

    def lock(self) -> None:
        if not self.is_sqlite:  # which has one writer
            # The stores: a map that has no rows yet cannot be locked, and it begins as one.
            every_store = select(STORE.c.alias).order_by(STORE.c.alias)
            self.run(every_store.with_for_update(key_share=True)).all()

    def save(self, location_groups: LocationGroups) -> None:
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

    def unmapped_locations(self) -> dict[Alias, list[tuple[LocationId, str]]]:
        unmapped = OPEN_LOCATIONS.where(LOCATION.c.location_group_id.is_(None))
        return self._by_store(unmapped.order_by(LOCATION.c.location))

    def locations(self) -> dict[Alias, list[tuple[LocationId, str]]]:
        return self._by_store(OPEN_LOCATIONS.order_by(LOCATION.c.name, LOCATION.c.location))

    def _by_store(self, query: Select[Any]) -> dict[Alias, list[tuple[LocationId, str]]]:
        found: dict[Alias, list[tuple[LocationId, str]]] = {}
        for row in self.run(query):
            found.setdefault(Alias(row.store), []).append((LocationId(row.location), row.name))
        return found

    def has_levels(self, location_group: int, stores: set[Alias]) -> bool:
        query = (
            select(LEVEL.c.id)
            .join(POOL, POOL.c.id == LEVEL.c.pool_id)
            .where(POOL.c.location_group_id == location_group, LEVEL.c.store.in_(stores))
            .limit(1)
        )
        return self.run(query).first() is not None
