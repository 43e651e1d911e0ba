"""What the core needs of the world, as promises.

`Store` is one Shopify store; `Database` is the database. Each says how it fails.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from sync_core.bookkeeping import AuditRepository
from sync_core.domain.circuit_breaker import (
    BreakerLimits,
    CountedMovement,
    Traffic,
    WithheldMovement,
)
from sync_core.domain.contests import SettledWrite
from sync_core.domain.decisions import Effect
from sync_core.domain.discrepancies import ComparisonSummary, Discrepancy
from sync_core.domain.leases import LeaseMark, LeaseState, LeaseView, RecordedLease
from sync_core.domain.location_groups import LocationGroups, PoolAssignment
from sync_core.domain.matching import Key, MatchBy
from sync_core.domain.values import (
    Adjustment,
    Alias,
    Event,
    ItemId,
    Level,
    LevelId,
    LevelKey,
    LocationId,
    Mode,
    Outcome,
    Pool,
    PoolId,
    Reading,
    RefreshRequest,
    Role,
    Variant,
)
from sync_core.domain.views import (
    BaselineProgress,
    CircuitBreakerView,
    Finding,
    HistoryEntry,
    HourlyMovement,
    MovementView,
    Notification,
    Overview,
    PoolView,
    StoppedProduct,
    Unmatched,
)
from sync_core.domain.webhook_events import OrderEvent, WebhookEvent
from sync_core.proposals import DecisionRepositories

T = TypeVar("T")

LONG_TRANSACTION_SECONDS = 900.0  # the limit of a step that goes through a whole table


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook as received."""

    store: Alias
    webhook_id: str
    topic: str
    body: bytes
    received_at: datetime
    id: int = 0  # 0 until it is in the database
    quarantine: bool = False  # it did not fold once, and is tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedDelivery:
    """A delivery that could not be processed, without its bytes."""

    id: int
    store: Alias
    topic: str
    webhook_id: str
    received_at: datetime
    quarantined_at: datetime
    why: str
    retrying: bool  # somebody said to try it again, and it has not been yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Adjustments of one store, written down under one idempotency key."""

    id: int
    store: Alias
    key: str
    body: bytes
    rows: int
    attempts: int
    first_sent_at: datetime | None  # the first sending that may have been executed


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductToRead:
    """A product that has changed and has to be read again."""

    product: int
    mark: int  # how often it was noted
    attempts: int  # at reading it, in vain


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadLevel:
    """A level that could not be read."""

    level: LevelId
    location: LocationId
    attempts: int  # in vain, in a row


WebhookParser = Callable[[Alias, str, bytes], WebhookEvent]
"""Says what a delivery reports, from its store, topic and body. Raises ValueError."""


KeyedVariants = dict[tuple[Alias, ItemId], tuple[Variant, Key | None]]
"""Variants by store and item, each with the key that is kept for it."""

LevelDumpRow = tuple[
    int, int, int, str, int, int, bool, bool, bool, int | None, int, int, int, str, str, int | None
]
"""A level as it is dumped for a comparison: level, pool, place, store, item, location, is_source,
counts, met, book, buffer, pack, held, suspended, busy, shared; no word where nothing is the matter.
"""

VariantDumpRow = tuple[str, int, str, str, str, str]
"""A variant as it is dumped for a comparison: store, item, handle, sku, policy, key."""


class DumpRepository(Protocol):
    """The part of a transaction that gives a whole table away, some rows at a time."""

    def levels_dump(self, *, after: int, limit: int) -> Sequence[LevelDumpRow]:
        """Return the levels whose number is greater, in order."""

    def variants_dump(self, *, after: tuple[str, int], limit: int) -> Sequence[VariantDumpRow]:
        """Return the variants behind that store and item, in order."""


class CircuitBreakerRepository(Protocol):
    """The part of a transaction in which the circuit breaker watches and holds."""

    def traffic_since(self, store: Alias, *, since: datetime) -> Traffic:
        """Return how much moved in a store since then, by whole minutes."""

    def count_traffic(self, moved: Mapping[Alias, Traffic], *, now: datetime) -> None:
        """Add to the present minute of each store. The last thing in a step: all meet here."""

    def units(self, store: Alias) -> int:
        """Return how many units a store's pools have."""

    def movements_since(
        self, store: Alias, *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        """Return the movements of a store since then."""

    def level_movements(
        self, levels: Iterable[LevelId], *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        """Return the movements of some levels since then."""

    def pool_movements(
        self, pools: Iterable[PoolId], *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        """Return the movements of some pools since then, in whatever store."""

    def decided_at(self, pools: Iterable[PoolId]) -> dict[PoolId, datetime]:
        """Return when people decided about pools last, where they have."""

    def order_events_of(
        self, levels: Sequence[LevelId], *, since: datetime
    ) -> dict[LevelId, list[OrderEvent]]:
        """Return what stores told of the variants of levels since then."""

    def open_deltas(self, pools: Iterable[PoolId]) -> dict[LevelId, int]:
        """Return what is being written to the levels of pools."""

    def unexplained_since(self, stores: Iterable[Alias]) -> dict[Alias, datetime]:
        """Return since when something of a store waits to be explained."""

    def withheld(self, breaker: str) -> list[WithheldMovement]:
        """Return what a circuit breaker holds, or what waits, oldest first."""

    def withheld_of(
        self, breakers: Sequence[str], store: Alias, variants: Iterable[int]
    ) -> list[WithheldMovement]:
        """Return what these hold of some variants."""

    def parts(self, breaker: str, pools: Iterable[PoolId]) -> dict[PoolId, list[WithheldMovement]]:
        """Return what of pools is part of a circuit breaker, or waits, oldest first."""

    def has_open_breaker(self, pool: PoolId) -> bool:
        """Whether a breaker asks about a pool: until the answer nobody else decides on it."""

    def lock_store(self, store: Alias) -> None:
        """Let no other process trip the circuit breaker of this store meanwhile."""

    def open_breaker(self, store: Alias) -> tuple[str, dict[str, Any]] | None:
        """Return a store's brake and its facts, locked; None if it has not tripped."""

    def breaker_closed_at(self, store: Alias) -> datetime | None:
        """Return when a breaker of that store ended last: what moved before counts no more."""

    def withhold(
        self,
        breaker: str,
        moves: Iterable[tuple[CountedMovement, Mapping[LevelId, int]]],
        *,
        now: datetime,
    ) -> None:
        """Note what is part of a circuit breaker, or waits, and from whom it is kept."""

    def take_over(self, breaker: str, waits: Iterable[int]) -> None:
        """Let a circuit breaker hold what has waited."""

    def release_withheld(self, holds: Sequence[WithheldMovement], *, now: datetime) -> None:
        """Pass on some of what waits or is held, as if nobody had ever stopped it."""

    def reduce_withheld(self, hold: WithheldMovement, delta: int, *, now: datetime) -> None:
        """Pass on a part of what waits or is held: `delta` of it is left."""

    def breaker_size(self, subject: str) -> dict[str, Any]:
        """Return what a circuit breaker asks about, and how far it has come."""

    def notify_breaker(self, subject: str, facts: dict[str, Any], *, now: datetime) -> None:
        """Tell people what a circuit breaker asks about by now."""

    def close_breaker(self, subject: str, facts: dict[str, Any], *, now: datetime) -> None:
        """End a circuit breaker: what has moved until now counts no more, and people are told."""

    # -- for people
    def breakers(self) -> list[CircuitBreakerView]:
        """Return the circuit breakers that are open, the oldest first."""

    def stopped_products(
        self, subject: str, *, offset: int, limit: int
    ) -> tuple[int, list[StoppedProduct]]:
        """Return how many products a circuit breaker asks about, and some, the largest first."""

    def release_breaker(self, subject: str, *, now: datetime) -> int:
        """Pass on what a breaker holds, and end it; return how many products that were about."""

    def discard_breaker(self, subject: str, *, now: datetime) -> list[tuple[PoolId, Effect]]:
        """Take back what a breaker asks about, and end it; return what that did, to be kept."""

    def investigate_breaker(self, subject: str, by: str, *, now: datetime) -> bool:
        """Note who looks into it; everything stays held. Whether the breaker still stands."""


class ContestRepository(Protocol):
    """Levels that somebody else changes back."""

    def recent_writes(
        self, level: Level, *, since: datetime, until: datetime
    ) -> list[SettledWrite]:
        """Return our latest updates of a level, oldest first; at most `MAX_WRITES`."""

    def recent_movements(
        self, pool: Pool, *, since: datetime, until: datetime
    ) -> list[CountedMovement]:
        """Return the latest movements of a pool, oldest first; at most `MAX_MOVEMENTS`."""

    def newest_order_at(self, store: Alias) -> datetime | None:
        """Return the time of the newest order that a store has told us of, among the latest."""

    def contested_at(self, pool: Pool, *, since: datetime) -> datetime | None:
        """Return when levels of the pool were last stopped, or resumed since then."""

    def contested_pools(self, some: Iterable[PoolId]) -> set[PoolId]:
        """Return those of the pools that have a contested level."""


class LeaseRepository(Protocol):
    """The part of a transaction that knows who may write."""

    def instance(self, new: str) -> str:
        """Return the name of this database; `new` if it has none yet."""

    def recorded(self, store: Alias) -> RecordedLease:
        """Return what this database says of itself and of a store. Read it after the mark."""

    def begin_renewal(self, store: Alias, token: str) -> None:
        """Know a renewal, before the store does."""

    def end_renewal(self, store: Alias, token: str) -> None:
        """Note that the store has taken a renewal: it holds no earlier one any more."""

    def leases(self) -> dict[Alias, LeaseView]:
        """Return what is known of each store's lease."""

    def lease(self, store: Alias) -> LeaseView:
        """Return what is known of a store's lease."""

    def note_lease(
        self, store: Alias, state: LeaseState, found: LeaseMark | None, *, weak: bool, now: datetime
    ) -> bool:
        """Note what a store's mark means. False: nothing new, or somebody takes over."""

    def start_takeover(self, store: Alias, by: str, *, now: datetime) -> bool:
        """Let whoever serves take a store over; False if nobody is in our way there."""

    def lose_takeover(self, store: Alias) -> None:
        """Note that somebody else has taken over since: what we find there counts again."""

    def end_takeover(self, store: Alias, *, now: datetime) -> LeaseView | None:
        """Note that a store may be written to after its baseline; return what has ended, once."""

    def reset_baselines(self, store: Alias | None, *, now: datetime) -> None:
        """Take a store's numbers as they are, or every store's: all is read from now on."""

    def save_baseline(self, store: Alias | None, reason: str, by: str, *, now: datetime) -> None:
        """Keep that numbers were taken as they were: those of a store, or of all."""


class StoredTimesRepository(Protocol):
    """The part of a transaction that moves times with the clock."""

    def time(self) -> datetime:
        """Return what time it is where the database is: PostgreSQL's own clock."""

    def shift_times(self, step: timedelta, *, now: datetime, key_age_known: bool) -> None:
        """Move what was stored before the clock was set by `transaction`; `now`: since then."""

    def clamp_times(self, *, now: datetime) -> int:
        """Have nothing wait longer than it ever should, or have happened later than now."""


class WorkKind(StrEnum):
    """What a transaction leaves for others to do."""

    DELIVERIES = "deliveries"  # to be processed
    REQUESTS = "requests"  # somebody asked for something, or changed it: everybody looks


class Transaction(
    DecisionRepositories,
    DumpRepository,
    CircuitBreakerRepository,
    ContestRepository,
    LeaseRepository,
    StoredTimesRepository,
    AuditRepository,
    Protocol,
):
    """The database within one transaction: all that is done here happens, or none of it."""

    def announce(self, work: WorkKind) -> None:
        """Once this is committed, wake whoever does such work, in this process and in others."""

    # -- the inbox
    def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Keep deliveries that are not known yet."""

    def unhandled(self, limit: int, *, only: Sequence[int] | None = None) -> list[Delivery]:
        """Return the oldest deliveries nobody has handled; no other process gets them.

        `only`: of these, if they still are unhandled.
        """

    def mark_handled(self, deliveries: Iterable[int], *, now: datetime) -> None:
        """Tick deliveries off."""

    def quarantine(self, delivery: int, why: str, *, now: datetime) -> Alias | None:
        """Keep an unhandled delivery out of the way; return its store, None if it was handled."""

    def quarantined_deliveries(
        self, store: Alias | None = None, *, limit: int = 1000
    ) -> tuple[int, list[QuarantinedDelivery]]:
        """Return how many are quarantined and not handled since, and the oldest of them."""

    def retry_deliveries(self, deliveries: Iterable[int] | None) -> list[int]:
        """Have what was quarantined handled again, all or some of it; return which."""

    def oldest_unhandled(self) -> datetime | None:
        """Return when the oldest delivery came that nobody has handled."""

    def forget_deliveries(self, *, before: datetime) -> int:
        """Delete handled deliveries that came before then; return how many."""

    # -- pools and levels
    def pools_by_key(self, level_keys: Iterable[LevelKey]) -> dict[LevelKey, Pool]:
        """Return the pools that have a level there, locked."""

    def pools(self, wanted: Iterable[PoolId]) -> dict[PoolId, Pool]:
        """Return pools by id, locked."""

    def below_zero(self, store: Alias | None) -> list[PoolId]:
        """Return the pools with a level of that store, or all, that have less than nothing."""

    def pools_of(self, levels: Iterable[LevelId]) -> dict[LevelId, Pool]:
        """Return the pool of each level, locked."""

    def save_outcomes(self, outcomes: Iterable[Outcome], *, now: datetime) -> None:
        """Keep what has become of pools, with the movements and the events."""

    def notify_once(self, events: Iterable[Event], *, now: datetime) -> None:
        """Keep events that only happened: one notification each, and no finding."""

    def notify(self, events: Iterable[Event], *, now: datetime) -> None:
        """Keep events: one notification each, and the finding that it opens, changes or closes."""

    def due_refreshes(self, store: Alias, *, now: datetime, limit: int) -> list[RefreshRequest]:
        """Return the refreshes that are due at a store, the longest wanted first."""

    def next_refresh(self, store: Alias) -> datetime | None:
        """Return when the next refresh is due."""

    def unread_levels(self, store: Alias) -> dict[LevelId, UnreadLevel]:
        """Return the levels of a store that could not be read at the last attempt."""

    def save_unread_levels(self, store: Alias, levels: Sequence[UnreadLevel]) -> None:
        """Note levels that could not be read."""

    def forget_read_levels(self, store: Alias) -> list[UnreadLevel]:
        """Forget levels that await no refresh any more, whoever has read them; return them."""

    # -- batches
    def writable_pools(self, store: Alias, limit: int) -> list[PoolId]:
        """Return pools with a level in that store that is due and may be written."""

    def has_unsent(self, store: Alias) -> bool:
        """Whether a batch waits that was never sent."""

    def insert_batch(
        self,
        store: Alias,
        key: str,
        body: bytes,
        rows: Sequence[tuple[LevelId, int, int]],
        *,
        now: datetime,
    ) -> int:
        """Keep a batch and its adjustments (level, delta, level_baseline); return its id."""

    def lease_batch(self, store: Alias, *, now: datetime, until: datetime) -> Batch | None:
        """Take the next open batch for sending, and note that it may be executed from now on."""

    def next_batch_at(self, store: Alias) -> datetime | None:
        """Return from when on an open batch may be claimed; None when none is open."""

    def release_batch(self, batch: Batch, *, until: datetime, executed: bool) -> None:
        """Give a claimed batch back; `executed`: whether the store may have executed it."""

    def release_batches(self, store: Alias) -> None:
        """Let every open batch of a store be claimed again at once."""

    def close_batch(
        self, batch: int, state: str, *, now: datetime, written_at: datetime | None = None
    ) -> list[Adjustment]:
        """Close an open batch; return its open adjustments by row, none if it was not open."""

    def close_adjustments(
        self, which: Iterable[int], state: str, *, now: datetime, why: str | None = None
    ) -> set[int]:
        """Close open adjustments; return those that were open."""

    # -- stores, connections, catalogue
    def register_store(self, alias: Alias, domain: str, role: Role) -> None:
        """Make a store of the settings known to the database."""

    def stores(self) -> list[StoreState]:
        """Return what we know of each store, the source first."""

    def request_baseline(self, store: Alias, mode: Mode, *, by: str, now: datetime) -> None:
        """Change a connection's mode: all its levels are baselined again."""

    def unmapped_locations(self) -> dict[Alias, list[tuple[LocationId, str]]]:
        """Return the open locations of each store that belong to no group."""

    def refresh_items(self, store: Alias, items: Iterable[ItemId], *, now: datetime) -> None:
        """Have items looked at that the store says are gone."""

    def store(self, alias: Alias) -> StoreState:
        """Return what we know of a store."""

    def record_sent(self, store: Alias, *, now: datetime) -> None:
        """Note that a batch leaves."""

    def block_store(
        self, store: Alias, why: str, *, now: datetime, write_refused: bool = False
    ) -> None:
        """Send nothing to a store until it is let go; tell people once.

        `write_refused`: it has refused a write, and that it says who it is does not lift this.
        """

    def unblock_store(self, store: Alias, *, now: datetime, written: bool = False) -> None:
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

    def location_groups(self) -> LocationGroups:
        """Return the location map."""

    def lock_location_groups(self) -> None:
        """Let nobody else change the location map meanwhile: it is read and written as a whole."""

    def save_location_groups(self, location_groups: LocationGroups) -> None:
        """Keep the location map."""

    def save_variants(self, variants: Sequence[Variant], keys: Sequence[Key | None]) -> None:
        """Keep what stores sell."""

    def variants_of(self, store: Alias, product: int) -> list[Variant]:
        """Return what we know of a product."""

    def keyed_variants(self, variants: Iterable[Variant]) -> KeyedVariants:
        """Return what is kept of these variants by now."""

    def lock_keys(self) -> None:
        """Let nobody else change keys meanwhile: one barcode may change those of many variants."""

    def matching_variants(self, variants: Sequence[Variant], keys: Iterable[Key]) -> KeyedVariants:
        """Return all that match these variants by barcode, or matched what had these keys."""

    def save_keys(
        self, keyed: Mapping[Key, Sequence[Variant]], keyed_variants: KeyedVariants
    ) -> None:
        """Keep the keys of variants, where they are others than those kept."""

    def drop_variants(self, store: Alias, items: Collection[ItemId]) -> None:
        """Forget variants that are gone."""

    def products_of(self, store: Alias, items: Sequence[ItemId]) -> list[int]:
        """Return the products that these items are of, as far as we know them."""

    def enqueue_product(self, store: Alias, product: int, *, now: datetime) -> None:
        """Note that a product has changed, whether or not somebody is reading it right now."""

    def products_to_read(
        self, store: Alias, *, now: datetime, limit: int
    ) -> Sequence[ProductToRead]:
        """Return the products that may be read now, first those that were never tried in vain."""

    def next_product(self, store: Alias) -> datetime | None:
        """Return when the next product may be read; None when there is none."""

    def product_done(self, store: Alias, read: ProductToRead, *, now: datetime) -> None:
        """Note that a product was read; if it changed meanwhile, it has to be read once more."""

    def retry_product(self, store: Alias, read: ProductToRead, *, until: datetime) -> None:
        """Note that a product could not be read, and when to try again."""

    def source_keys(
        self, source: Alias, after: ItemId, limit: int
    ) -> list[tuple[ItemId, Key | None]]:
        """Return items of the source behind that one, in order, and what they are matched by."""

    def variants_with(self, keys: Iterable[Key]) -> list[Variant]:
        """Return the variants with these keys."""

    def level_keys(self, items: Mapping[Alias, Iterable[ItemId]]) -> dict[LevelKey, PoolId]:
        """Return which levels of those items are in which pool."""

    def assign_pools(self, arrangement: PoolAssignment, *, now: datetime) -> None:
        """Make new pools, and give levels to pools."""

    def mark_catalogue_read(self, store: Alias, *, now: datetime) -> None:
        """Note that a store's catalogue has been read whole."""

    def forget_catalogues(self) -> None:
        """Have every store's catalogue read whole again."""

    def save_order_events(self, order_events: Iterable[OrderEvent]) -> None:
        """Keep what orders and refunds say."""

    def set_buffer(
        self, pools: Sequence[PoolId] | None, units: int, stores: Sequence[Alias]
    ) -> int:
        """Keep units back from stores, in some pools or in all and those to come."""

    def locations(self) -> dict[Alias, list[tuple[LocationId, str]]]:
        """Return the open locations of each store."""

    def has_levels(self, location_group: int, stores: set[Alias]) -> bool:
        """Whether pools of a location group have levels in these stores."""

    # -- what people are shown
    def movements_after(self, *, after: int, limit: int) -> list[MovementView]:
        """Return movements in order, those after that number, each with its cause."""

    def add_oversold_orders(self, *, now: datetime) -> None:
        """Put the orders that oversold a product into its finding, once they are known."""

    def last_movement(self) -> int:
        """Return the number of the newest movement; 0 while there is none."""

    def hours(self, *, now: datetime, count: int) -> list[HourlyMovement]:
        """Return how many units moved within each of the last hours, by store."""

    def unmatched(self, *, limit: int, offset: int) -> tuple[int, list[Unmatched]]:
        """Return how many variants are in no pool, and some of them with the reason."""

    def partners(self, store: Alias, item: ItemId) -> dict[Alias, ItemId]:
        """Return variants in no pool that are the same by SKU or barcode, one per other store."""

    def overview(self, *, now: datetime) -> Overview:
        """Return everything at a glance."""

    def find_pools(self, words: str, *, limit: int = 50) -> list[PoolId]:
        """Return the pools of a handle, SKU or barcode, or of all the words in a title."""

    def pool_views(self, wanted: Sequence[PoolId]) -> list[PoolView]:
        """Return pools for people, in the order asked for."""

    def history(self, pool: PoolId, *, limit: int) -> list[HistoryEntry]:
        """Return the latest lines of a pool's history, oldest first."""

    def cause_of(self, pool: PoolId, store: Alias, delta: int, at: datetime) -> str | None:
        """Return the orders that explain a change around that time, if they do."""

    def baseline_progress(self, store: Alias) -> BaselineProgress:
        """Return how far a store's initial comparison has come."""

    def findings(self, *, limit: int = 200) -> list[Finding]:
        """Return what is open, the newest first."""

    def notifications(self, *, after: int, limit: int = 100) -> list[Notification]:
        """Return notification in order, those after that number."""

    # -- settings that processes leave for each other
    def setting(self, name: str) -> str | None:
        """Return a word left by a process."""

    def compare_and_set(self, name: str, before: str | None, after: str) -> bool:
        """Replace a word by another, if it still is what the caller believed."""

    def add_setting(self, name: str, value: str) -> str | None:
        """Leave a word where there is none; return it, or None where there was one already."""

    def pop_setting(self, name: str) -> str | None:
        """Take a word away; return it, or None where there was none."""

    def set_setting(self, name: str, value: str | None) -> None:
        """Leave a word, or take it away."""


class Database(Protocol):
    """The database."""

    async def transaction(
        self, work: Callable[[Transaction], T], *, limit: float | None = None
    ) -> T:
        """Do work in one transaction and commit it. It may be run again after a conflict.

        `limit`: the seconds it may take; None is about a minute.

        Raises:
            NoDatabase: It could not be reached or written in time; the work is not at fault.
        """

    def subscribe(self, wake: Callable[[WorkKind], None]) -> AbstractContextManager[None]:
        """Call `wake` for what transactions of this object announce, as long as this is open."""


# -- comparing


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One location of an export: `l0` is the first column."""

    location_group: int
    location: LocationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to compare."""

    source: Alias
    exports: Mapping[Alias, Path]  # of the source and of each destination
    columns: Mapping[Alias, tuple[Column, ...]]  # as the exports were asked for
    levels: Path  # our own, dumped after the exports were made
    variants: Path
    match_by: MatchBy
    agreeing: bool = False  # tell of levels, too, that are not baselined and agree


class Comparison(Protocol):
    """The stores' exports beside our levels."""

    tally: ComparisonSummary

    def suspects(self) -> AsyncIterator[Sequence[Discrepancy]]:
        """Yield what is not plainly fine, some at a time: levels first, then variants."""


class Comparer(Protocol):
    """Compares files of any size within a bounded memory."""

    def compare(self, question: Question) -> AbstractAsyncContextManager[Comparison]:
        """Compare; what was found can be read as long as the context lasts.

        Raises:
            NotCompared: A file cannot be read, was made for other locations, or it takes too long.
        """
