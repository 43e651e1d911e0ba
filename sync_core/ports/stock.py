"""Quantities: pools and their levels."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from sync_core.domain.location_groups import PoolAssignment
from sync_core.domain.values import Alias, ItemId, LevelId, LevelKey, Outcome, Pool, PoolId


class StoreWork(NamedTuple):
    """What the workers of one store have to do by what was saved."""

    store: Alias
    is_read: bool  # a level awaits a refresh; else one is due to be written to


class StockRepository(Protocol):
    """Quantities: pools and their levels."""

    store_work: set[StoreWork]
    """What is to be done by all that was saved in this transaction."""

    def units(self, store: Alias) -> int:
        """Return how many units a store's pools have; a pool below zero has none."""

    def pools_by_key(self, level_keys: Iterable[LevelKey]) -> dict[LevelKey, Pool]:
        """Return the pools that have a level there, locked."""

    def pools(self, wanted: Iterable[PoolId]) -> dict[PoolId, Pool]:
        """Return pools by id, locked in the order of their ids."""

    def below_zero(self, store: Alias | None) -> list[PoolId]:
        """Return the pools with a level of that store, or all, that have less than nothing."""

    def pools_of(self, levels: Iterable[LevelId]) -> dict[LevelId, Pool]:
        """Return the pool of each level, locked."""

    def save_outcomes(self, outcomes: Iterable[Outcome], *, now: datetime) -> None:
        """Keep what has become of pools; who oversold one is named at once, if that is known."""

    def writable_pools(self, store: Alias, limit: int) -> list[PoolId]:
        """Return pools with a level in that store that is due and may be written."""

    def level_keys(self, items: Mapping[Alias, Iterable[ItemId]]) -> dict[LevelKey, PoolId]:
        """Return which levels of those items are in which pool."""

    def assign_pools(self, arrangement: PoolAssignment, *, now: datetime) -> None:
        """Make new pools, and give levels to pools; the new ones are looked at."""

    def set_buffer(
        self, pools: Sequence[PoolId] | None, units: int, stores: Sequence[Alias]
    ) -> int:
        """Keep units back from stores, in some pools or in all and those to come."""
