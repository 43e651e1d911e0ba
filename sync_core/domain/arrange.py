"""Arrange matched variants into pools, one per place.

    of the spots that belong together              then
    ---------------------------------------------  ------------------------------------
    none is in a pool                              a new pool of all
    some are in one pool, the rest in none         the rest join it
    they are in several pools                      nothing: two histories cannot be one
    the pool has another level of the same store   nothing: a person decides

A pool is never taken apart by a new name: identity is inventory item and location.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sync_core.domain.match import Matches, normal, title_of
from sync_core.domain.texts import short_name
from sync_core.domain.values import Alias, LocationId, PoolId, Spot, Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Locations that belong together, one per store."""

    name: str
    locations: Mapping[Alias, LocationId]
    id: int = 0


Places = tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPool:
    """A pool to be made."""

    place: int
    title: str
    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """What is to be done so that matched variants share stock."""

    new: tuple[NewPool, ...] = ()
    joining: tuple[tuple[PoolId, Spot], ...] = ()
    conflicts: tuple[tuple[str, tuple[Spot, ...]], ...] = field(default=())  # title, spots


def arrange(matches: Matches, places: Places, taken: Mapping[Spot, PoolId]) -> Arrangement:
    """Return the pools that matched variants need; `taken`: which spots are in which pool."""
    stores_of: dict[PoolId, set[Alias]] = {}
    for spot, pool in taken.items():
        stores_of.setdefault(pool, set()).add(spot.store)
    new: list[NewPool] = []
    joining: list[tuple[PoolId, Spot]] = []
    conflicts: list[tuple[str, tuple[Spot, ...]]] = []
    for group in matches.groups:
        for place in places:
            spots = tuple(_spots(group, place))
            pools = {taken[spot] for spot in spots if spot in taken}
            free = [spot for spot in spots if spot not in taken]
            title = title_of(group[0])
            if len(spots) < 2 or not free:  # noqa: PLR2004
                continue
            if not pools:
                new.append(NewPool(place=place.id, title=title, spots=spots))
            elif len(pools) == 1 and not stores_of[min(pools)] & {spot.store for spot in free}:
                joining.extend((min(pools), spot) for spot in free)
            else:
                conflicts.append((title, spots))
    return Arrangement(new=tuple(new), joining=tuple(joining), conflicts=tuple(conflicts))


def _spots(group: Sequence[Variant], place: Place) -> Iterable[Spot]:
    """Yield where a group's variants are kept at a place."""
    for variant in group:
        if variant.store in place.locations:
            location = place.locations[variant.store]
            yield Spot(store=variant.store, item=variant.item, location=location)


def pair_places(
    known: Places, free: Mapping[Alias, Sequence[tuple[LocationId, str]]], stores: Iterable[Alias]
) -> Places:
    """Return the location map grown by what is obvious.

    locations that are free                        then
    ---------------------------------------------  -----------------------------
    exactly one in each store, and no place yet    they are one place
    of the same name, once each in several stores  they are one place of that name
    any other                                      a person says where they belong
    """
    if not known and all(len(free.get(store, ())) == 1 for store in stores):
        only = {store: free[store][0] for store in stores}
        name = short_name(next(iter(only.values()))[1])
        return (Place(name=name, locations={store: spot[0] for store, spot in only.items()}),)
    by_name: dict[str, list[tuple[Alias, LocationId, str]]] = {}
    for store, locations in free.items():
        for location, name in ((each, short_name(name)) for each, name in locations):
            by_name.setdefault(normal(name), []).append((store, location, name))
    taken = {normal(place.name) for place in known}
    grown = list(known)
    for name, same in sorted(by_name.items()):
        stores_named = {store for store, _, _ in same}
        if name not in taken and len(stores_named) == len(same) > 1:
            locations_here = {store: location for store, location, _ in same}
            grown.append(Place(name=same[0][2], locations=locations_here))
    return tuple(grown)
