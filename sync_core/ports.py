"""What the core needs of the world, as promises.

`Store` is one Shopify store; `Records` is the database. Each says how it fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from sync_core.domain.values import Alias, ItemId, LocationId, Reading

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of a batch: add `delta` to what is available there."""

    item: ItemId
    location: LocationId
    delta: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place where a store keeps stock."""

    id: LocationId
    name: str
    active: bool
    owned: bool  # not another app's (fulfilment service)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopFacts:
    """What a store says of itself."""

    shop_id: str
    name: str
    domain: str
    locations: tuple[Location, ...]
    scopes: frozenset[str]
    api_version: str  # the version that answered
    time: datetime | None  # the store's clock, from the answer's Date header


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What is sold, as one store describes it."""

    store: Alias
    variant_id: int
    product_id: int
    item: ItemId
    handle: str
    title: str  # the product's
    options: tuple[tuple[str, str], ...]  # (name, value), in the product's order
    sku: str
    barcode: str
    tracked: bool
    bundle: bool
    gift_card: bool
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some of many; `after` is the cursor of the next page, None at the end."""

    rows: tuple[T, ...]
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A webhook subscription that the store holds for us."""

    id: str
    topic: str  # as a delivery names it: inventory_levels/update
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A store's leaky bucket, as its last answer told it; points."""

    available: float
    maximum: float
    restore: float  # points a second


class Store(Protocol):
    """One Shopify store. Every method may raise NotSent, Throttled, NoAnswer or AccessLost."""

    alias: Alias

    def budget(self) -> Budget:
        """Return what the store's last answer said of our budget, restored up to now."""

    def write_down(self, *, key: str, reference: str, changes: Sequence[Change]) -> bytes:
        """Return the bytes that `send` will send, for at most 250 changes. No I/O."""

    async def send(self, body: bytes) -> datetime:
        """Add every delta once, however often the same bytes are sent; return the store's time.

        Raises:
            RowsRefused: The store will not write some rows; nothing was written.
            Refused: The store will not take the batch as a whole; nothing was written.
            StillRunning: An earlier sending of these bytes is at work; send them again later.
            KeySpent: Nothing was written under this key, and nothing will be.
            KeyMisused: The store knows the key with other bytes.
            NotSent: It did not happen.
            NoAnswer: It may have been written.
            AccessLost: The store no longer accepts our token.
        """

    async def read(self, items: Sequence[ItemId], location: LocationId) -> list[Reading]:
        """Return one reading per item, in order; what is gone or odd has `trouble`.

        At most 250 items. A reading is by id, never by a search.
        """

    async def changed(
        self, location: LocationId, since: datetime, after: str | None
    ) -> Page[Reading]:
        """Return levels that a search says changed since then. May lag; never learn from it."""

    async def variants(self, after: str | None) -> Page[Variant]:
        """Return a page of the catalogue, by id."""

    async def product(self, product_id: int) -> list[Variant]:
        """Return all variants of one product; none when it is gone."""

    async def facts(self) -> ShopFacts:
        """Return what the store says of itself."""

    async def subscriptions(self) -> list[Subscription]:
        """Return all webhook subscriptions that are ours."""

    async def subscribe(self, topic: str, uri: str) -> None:
        """Have the store send us a topic. Refused if it will not."""

    async def unsubscribe(self, subscription: str) -> None:
        """Have the store stop sending. Quiet when it is gone already."""

    async def close(self) -> None:
        """Let go of connections."""
