"""One Shopify store, as the core needs it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from sync_core.domain.leases import LeaseMark
from sync_core.domain.values import Alias, ItemId, LevelKey, LocationId, Reading, Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityChange:
    """One row of a batch: add `delta` to what is available there."""

    item: ItemId
    location: LocationId
    delta: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where a store keeps stock."""

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


T = TypeVar("T")


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
    name: str = ""  # who made it, where that was said


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMark:
    """The mark that a store holds, and the digest that replacing it takes; None: there is none."""

    mark: LeaseMark | None
    digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A store's leaky bucket, as its last answer told it; points."""

    available: float
    maximum: float
    restore: float  # points a second


class ExportStage(StrEnum):
    """How far a store has come with an export."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # the store gave up; what there is of it is no export
    GONE = "gone"  # the store does not know it, or no longer gives its file away


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportState:
    """What a store says of an export: one line for each variant it sells."""

    operation: str
    stage: ExportStage
    objects: int = 0  # so far; once it is done, as many as the file has lines
    why: str | None = None  # it failed
    locations: tuple[LocationId, ...] = ()  # what was asked for, in the order of the columns
    finished_at: datetime | None = None  # by the store's clock
    size: int | None = None  # bytes of the file
    url: str | None = field(default=None, repr=False)  # opens the file to whoever has it


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPage:
    """Some lines of an export that was read page by page; `after` is None at the end."""

    lines: tuple[bytes, ...]
    after: str | None


class Store(Protocol):
    """One Shopify store. Every method may raise NotSent, Throttled, NoAnswer or AccessLost."""

    alias: Alias

    def budget(self) -> Budget:
        """Return what the store's last answer said of our budget, restored up to now."""

    def encode_batch(self, *, key: str, reference: str, changes: Sequence[QuantityChange]) -> bytes:
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

    async def confirm(self, level: LevelKey, quantity: int, *, key: str) -> bool:
        """Return whether a level has that quantity at this moment, by a write that changes nothing.

        Every question has a key of its own.

        Raises:
            Refused: The store does not answer such questions; nothing was written.
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

    async def start_export(self, locations: Sequence[LocationId]) -> str:
        """Have the store write down what it sells and has at these locations; return a name.

        Raises:
            StillRunning: Too many exports of ours are under way there.
            Refused: The store does not export this, nor will it later.
            NoAnswer: One may be under way; starting another does no harm.
        """

    async def export_state(self, operation: str) -> ExportState:
        """Return how far an export has come."""

    async def download_export(self, state: ExportState, to: Path) -> int:
        """Bring the file of an export that is done to disk, whole or not at all; return its lines.

        Raises:
            Refused: The store does not give the file away, or it is not what was said of it.
            NotSent: The host that keeps the file cannot be reached.
            NoAnswer: The file did not come whole.
            OSError: It cannot be written here.
        """

    async def export_page(self, locations: Sequence[LocationId], after: str | None) -> ExportPage:
        """Return some lines of the same shape, read in the ordinary way."""

    def exported(self, line: bytes, locations: Sequence[LocationId]) -> Sequence[Reading]:
        """Return what a line of an export of these locations says: a reading for each. No I/O.

        None, where the line cannot be read.
        """

    async def facts(self) -> ShopFacts:
        """Return what the store says of itself."""

    async def subscriptions(self) -> list[Subscription]:
        """Return all webhook subscriptions that are ours."""

    async def subscribe(self, topic: str, uri: str, name: str) -> None:
        """Have the store send us a topic, under a name of ours. Refused if it will not."""

    async def unsubscribe(self, subscription: str) -> None:
        """Have the store stop sending. Quiet when it is gone already."""

    async def mark(self) -> StoredMark:
        """Return the mark that the store holds of whoever may write to it.

        One that cannot be understood is somebody else's: its instance is empty.

        Raises:
            NotPermitted: The store does not let us keep one.
        """

    async def write_mark(self, mark: LeaseMark, digest: str | None) -> str:
        """Replace the mark with that digest (None: there is none yet); return the new digest.

        Raises:
            MarkChanged: It is another one by now; nothing was written.
            NotPermitted: The store does not let us keep one.
            NoAnswer: It may have been written.
        """

    async def close(self) -> None:
        """Let go of connections."""
