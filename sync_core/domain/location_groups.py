"""Arrange matched variants into pools, one per location group.

    of the levels that belong together             then
    ---------------------------------------------  ------------------------------------
    none is in a pool                              a new pool of all
    some are in one pool, the rest in none         the rest join it
    they are in several pools                      nothing: two histories cannot be one
    the pool has another level of the same store   nothing: a person decides

A pool is never taken apart by a new name: identity is inventory item and location.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sync_core.domain.matching import Matches, normal, title_of
from sync_core.domain.texts import short_name
from sync_core.domain.values import Alias, LevelKey, LocationId, PoolId, Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationGroup:
    """Locations that belong together, one per store."""

    name: str
    locations: Mapping[Alias, LocationId]
    id: int = 0


LocationGroups = tuple[LocationGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPool:
    """A pool to be made."""

    location_group: int
    title: str
    level_keys: tuple[LevelKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolAssignment:
    """What is to be done so that matched variants share stock."""

    new: tuple[NewPool, ...] = ()
    joining: tuple[tuple[PoolId, LevelKey], ...] = ()
    conflicts: tuple[tuple[str, tuple[LevelKey, ...]], ...] = field(default=())  # title, keys


def assign_pools(
    matches: Matches, location_groups: LocationGroups, taken: Mapping[LevelKey, PoolId]
) -> PoolAssignment:
    """Return the pools that matched variants need; `taken`: which levels are in which pool."""
    stores_of: dict[PoolId, set[Alias]] = {}
    for key, pool in taken.items():
        stores_of.setdefault(pool, set()).add(key.store)
    new: list[NewPool] = []
    joining: list[tuple[PoolId, LevelKey]] = []
    conflicts: list[tuple[str, tuple[LevelKey, ...]]] = []
    for group in matches.groups:
        for location_group in location_groups:
            level_keys = tuple(_spots(group, location_group))
            pools = {taken[key] for key in level_keys if key in taken}
            free = [key for key in level_keys if key not in taken]
            title = title_of(group[0])
            if len(level_keys) < 2 or not free:  # noqa: PLR2004
                continue
            if not pools:
                new.append(
                    NewPool(location_group=location_group.id, title=title, level_keys=level_keys)
                )
            elif len(pools) == 1 and not stores_of[min(pools)] & {key.store for key in free}:
                joining.extend((min(pools), key) for key in free)
            else:
                conflicts.append((title, level_keys))
    return PoolAssignment(new=tuple(new), joining=tuple(joining), conflicts=tuple(conflicts))


def _spots(group: Sequence[Variant], location_group: LocationGroup) -> Iterable[LevelKey]:
    """Yield where a group's variants are kept in a location group."""
    for variant in group:
        if variant.store in location_group.locations:
            location = location_group.locations[variant.store]
            yield LevelKey(store=variant.store, item=variant.item, location=location)


def pair_places(
    known: LocationGroups,
    free: Mapping[Alias, Sequence[tuple[LocationId, str]]],
    stores: Iterable[Alias],
) -> LocationGroups:
    """Return the location map grown by what is obvious.

    locations that are free                        then
    ---------------------------------------------  -----------------------------
    exactly one in each store, and no group yet    they are one group
    of the same name, once each in several stores  they are one group of that name
    any other                                      a person says where they belong
    """
    if not known and all(len(free.get(store, ())) == 1 for store in stores):
        only = {store: free[store][0] for store in stores}
        name = short_name(next(iter(only.values()))[1])
        return (LocationGroup(name=name, locations={store: key[0] for store, key in only.items()}),)
    by_name: dict[str, list[tuple[Alias, LocationId, str]]] = {}
    for store, locations in free.items():
        for location, name in ((each, short_name(name)) for each, name in locations):
            by_name.setdefault(normal(name), []).append((store, location, name))
    taken = {normal(location_group.name) for location_group in known}
    grown = list(known)
    for name, same in sorted(by_name.items()):
        stores_named = {store for store, _, _ in same}
        if name not in taken and len(stores_named) == len(same) > 1:
            locations_here = {store: location for store, location, _ in same}
            grown.append(LocationGroup(name=same[0][2], locations=locations_here))
    return tuple(grown)
