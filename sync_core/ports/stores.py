"""Stores, and how far we are with each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync_core.domain.values import Alias, LocationId, Mode, Role
from sync_core.ports.store import ShopFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """What we know of a store."""

    alias: Alias
    domain: str
    role: Role
    mode: Mode
    shop_id: str | None
    name: str | None
    scopes: frozenset[str]
    catalogue_at: datetime | None
    caught_up_to: datetime | None
    last_delivery_at: datetime | None
    last_sent_at: datetime | None
    blocked_since: datetime | None
    blocked_why: str | None
    write_refused: bool = False  # it is held until it takes a write again


class StoreRepository(Protocol):
    """Stores, and how far we are with each."""

    def lock(self, store: Alias) -> None:
        """Let no other process trip the circuit breaker of this store meanwhile."""

    def register(self, alias: Alias, domain: str, role: Role) -> None:
        """Make a store of the settings known to the database."""

    def all(self) -> list[StoreState]:
        """Return what we know of each store, the source first."""

    def get(self, alias: Alias) -> StoreState:
        """Return what we know of a store."""

    def record_sent(self, store: Alias, *, now: datetime) -> None:
        """Note that a batch leaves."""

    def block(self, store: Alias, why: str, *, now: datetime, write_refused: bool = False) -> None:
        """Send nothing to a store until it is let go; tell people once.

        `write_refused`: it has refused a write, and that it says who it is does not lift this.
        """

    def unblock(self, store: Alias, *, now: datetime, written: bool = False) -> None:
        """Send to the store again, and tell people that it is over.

        A refused write is over when a write was taken (`written`), all else when it was not.
        """

    def save_shop_facts(self, store: Alias, facts: ShopFacts) -> None:
        """Keep what a store says of itself, and its locations."""

    def set_caught_up(self, store: Alias, *, to: datetime) -> None:
        """Note that every change before then has been looked at, but for locations behind."""

    def lagging_locations(self, store: Alias) -> dict[LocationId, datetime]:
        """Return the locations whose changes could not be listed, and since when."""

    def set_lagging(self, store: Alias, location: LocationId, since: datetime | None) -> None:
        """Note since when the changes of a location could not be listed; None: they could."""

    def mark_catalogue_read(self, store: Alias, *, now: datetime) -> None:
        """Note that a store's catalogue has been read whole."""

    def forget_catalogues(self) -> None:
        """Have every store's catalogue read whole again."""
