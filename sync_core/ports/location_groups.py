"""The location map, and the locations that may be in it."""

from typing import Protocol

from sync_core.domain.location_groups import LocationGroups
from sync_core.domain.values import Alias, LocationId


class LocationGroupRepository(Protocol):
    """The location map, and the locations that may be in it."""

    def unmapped_locations(self) -> dict[Alias, list[tuple[LocationId, str]]]:
        """Return the open locations of each store that belong to no group."""

    def all(self) -> LocationGroups:
        """Return the location map."""

    def lock(self) -> None:
        """Let nobody else change the location map meanwhile: it is read and written as a whole."""

    def save(self, location_groups: LocationGroups) -> None:
        """Keep the location map: groups that have no id yet are new, and some have new names."""

    def locations(self) -> dict[Alias, list[tuple[LocationId, str]]]:
        """Return the open locations of each store."""

    def has_levels(self, location_group: int, stores: set[Alias]) -> bool:
        """Whether pools of a location group have levels in these stores."""
