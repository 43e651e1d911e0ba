"""The words of the trade, as frozen values.

A *pool* has one shared quantity; each of its *levels* has a book. Everything else follows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NewType

from sync_core.domain.frozen import replace

Alias = NewType("Alias", str)  # what people call a store: eu, us
ItemId = NewType("ItemId", int)  # a store's inventory item
LocationId = NewType("LocationId", int)  # a store's location
LevelId = NewType("LevelId", int)
PoolId = NewType("PoolId", int)

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
MAX_QUANTITY = 2_000_000_000  # what a store can hold of one item, either sign


class Role(StrEnum):
    """What a store is to the others."""

    SOURCE = "source"
    DESTINATION = "destination"


class Mode(StrEnum):
    """How a destination is connected to the source."""

    TWO_WAY = "two-way"
    ONE_WAY = "one-way"
    OFF = "off"


class InventoryPolicy(StrEnum):
    """What a store does when a customer wants more of a variant than there is."""

    DENY = "deny"
    CONTINUE = "continue"  # it sells on, below zero: a pre-order


class Suspension(StrEnum):
    """Why a level is suspended. Unknown is never zero."""

    MISSING = "missing"  # the item is gone, or was never stocked there
    UNTRACKED = "untracked"  # its quantity means nothing
    INACTIVE = "inactive"  # the location is closed, or does not stock it
    BUNDLE = "bundle"  # made of other items; a store lets nobody write it
    GIFT_CARD = "gift_card"
    REFUSED = "refused"  # the store would not take our adjustment
    UNFINISHED = "unfinished"  # an adjustment may or may not have happened, and its key has expired
    CONTESTED = "contested"  # somebody else changes it back: what it shows is true all the same
    UNBALANCED = "unbalanced"  # the books of its pool do not add up

    @property
    def needs_baseline(self) -> bool:
        """Whether a level that comes back from this must be baselined again."""
        return self in {Suspension.MISSING, Suspension.UNTRACKED}


class ObservedBy(StrEnum):
    """Where an observation came from."""

    WEBHOOK = "webhook"
    REFRESH = "refresh"  # rows from before 2026-11-30 say "look", and stay: they are sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelKey:
    """Where a quantity is kept: the identity of a level, whatever its product is called."""

    store: Alias
    item: ItemId
    location: LocationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """`available` of a level as a webhook reported it."""

    key: LevelKey
    available: int | None  # None: untracked, so it means nothing
    updated_at: datetime | None  # whole seconds, by the store's clock
    delivery: int | None = None  # which webhook said so


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a read by id found at a level. `trouble` says why a quantity cannot be believed."""

    key: LevelKey
    available: int | None = None
    updated_at: datetime | None = None
    trouble: Suspension | None = None


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
    barcodes: tuple[str, ...]  # in the store's order, the main one first
    tracked: bool
    bundle: bool
    gift_card: bool
    status: str
    policy: InventoryPolicy = InventoryPolicy.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRequest:
    """A read by id of one level, as it was when the read began."""

    level: LevelId
    key: LevelKey
    began: datetime
    version: int
    mark: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A delta that is written down, perhaps sent, not yet settled."""

    id: int
    batch: int
    level: LevelId
    delta: int
    level_baseline: int  # the level's baseline when it was planned


@dataclass(frozen=True, kw_only=True)  # no slots: see frozen.py
class Level:
    """One inventory item at one location in one store."""

    id: LevelId
    key: LevelKey
    role: Role
    mode: Mode  # of its store's connection; the source's is two-way
    policy: InventoryPolicy = InventoryPolicy.DENY  # of its variant, as its store says
    buffer: int = 0  # units kept back from this store
    pack: int = 1  # shared units in one of this store's
    withheld: int = (
        0  # units of `shared` that are not passed on to it: the circuit breaker holds them
    )
    manual_delta: int = 0  # a delta that a person ordered for it, whatever its pool says
    book: int | None = None  # what it shows, as far as we have accounted for it
    first_book: int | None = None  # where this baseline began
    first_shared: int | None = None  # what the pool had agreed on when this baseline was called
    baselined: bool = False  # shares the pool's quantity
    level_baseline: int = 0  # goes up when the level must be baselined again
    open: bool = False  # an adjustment is under way
    due: bool = False  # the pool has moved since this level was planned
    suspended: Suspension | None = None
    seen_at: datetime = NEVER  # `updated_at` of the last accounted observation (store's clock)
    written_at: datetime = NEVER  # `createdAt` of our last settled write (store's clock)
    reported_at: datetime = NEVER  # newest `updated_at` anybody told us of (store's clock)
    accounted_at: datetime = NEVER  # when we last accounted for a change (our clock)
    settled_at: datetime = NEVER  # when we last settled a write (our clock)
    last_delta: int = 0  # of our last settled write
    refresh_at: datetime | None = None  # a refresh is requested, not before this (our clock)
    refresh_since: datetime | None = None  # since when it has been wanted
    refresh_mark: int = 0  # goes up with every request for a refresh
    deferred: int | None = None  # newest value reported while an adjustment was open
    deferred_at: datetime = NEVER  # its `updated_at`
    version: int = 0  # goes up whenever the book moves or an adjustment opens

    @property
    def active(self) -> bool:
        """Whether this level takes part in its pool's life."""
        return self.mode is not Mode.OFF and self.suspended is None

    @property
    def counts(self) -> bool:
        """Whether its own changes move the pool."""
        return self.role is Role.SOURCE or self.mode is Mode.TWO_WAY

    @property
    def is_unreadable(self) -> bool:
        """Whether what it shows means nothing until its suspension is lifted."""
        return self.suspended not in {None, Suspension.CONTESTED}

    @property
    def awaits_refresh(self) -> bool:
        """Whether nothing may be decided about it before it is read by id."""
        return self.refresh_at is not None


@dataclass(frozen=True, kw_only=True)  # no slots: see frozen.py
class Pool:
    """The levels that share stock: matched variants at one location group."""

    id: PoolId
    title: str  # a merchant wrote it: escape it wherever it is shown
    shared: int | None = None  # None before the first agreement
    first_shared: int | None = None  # what was first agreed on
    baseline: int = 0  # goes up when the pool starts over: what was before counts no more
    levels: tuple[Level, ...] = ()

    def level(self, wanted: LevelId) -> Level:
        """Return the level of that id."""
        return next(each for each in self.levels if each.id == wanted)

    def at(self, key: LevelKey) -> Level:
        """Return the level with that key."""
        return next(each for each in self.levels if each.key == key)

    def with_level(self, level: Level) -> "Pool":
        """Return the pool with one of its levels replaced."""
        return replace(
            self, levels=tuple(level if each.id == level.id else each for each in self.levels)
        )

    def with_levels(self, levels: Iterable[Level]) -> "Pool":
        """Return the pool with other levels."""
        return replace(self, levels=tuple(levels))

    def others(self, level: Level) -> Iterator[Level]:
        """Yield every level but that one."""
        return (each for each in self.levels if each.id != level.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A change that somebody else made to a level, once accounted for."""

    pool: PoolId
    level: LevelId
    level_baseline: int
    delta: int  # in the level's own units
    counted: int  # by how much it moved `shared`
    shared: int | None  # after it
    seen_at: datetime | None  # by the store's clock
    source: ObservedBy
    delivery: int | None = None


@dataclass(frozen=True, kw_only=True)  # no slots: see frozen.py
class Outcome:
    """What a decision made of a pool."""

    pool: Pool
    movements: tuple[Movement, ...] = ()
    events: tuple["Event", ...] = ()

    def then(self, deferred: "Outcome") -> "Outcome":
        """Return this and what a later decision made of the same pool, as one."""
        return Outcome(
            pool=deferred.pool,
            movements=(*self.movements, *deferred.movements),
            events=(*self.events, *deferred.events),
        )


class Severity(StrEnum):
    """How bad it is, as a word."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that people must be told: what a notification is made of.

    `subject` names the one thing that it is about; a later event with the same kind and
    subject continues the same incident, and `resolved` ends it.
    """

    kind: str
    subject: str
    severity: Severity = Severity.INFO
    facts: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    resolved: bool = False
