"""What people are shown: plain values, for any face."""

from dataclasses import dataclass
from datetime import datetime

from sync_core.domain.values import Alias, ItemId, LevelId, LocationId, Mode, PoolId, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreView:
    """One store at a glance."""

    alias: Alias
    domain: str
    role: Role
    mode: Mode | None  # of its connection; None for the source
    levels: int
    met: int
    due: int  # levels that wait to be written
    looks: int  # levels that wait to be read
    suspended: int
    open: int  # adjustments under way
    last_delivery_at: datetime | None
    held_why: str | None
    seconds_p50: float | None  # from a batch's planning to its settling, last hour
    seconds_p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything at a glance."""

    stores: tuple[StoreView, ...]
    pools: int
    agreed: int
    differing: int  # levels whose first meeting differs
    oversold: int  # pools below zero
    findings: int
    unhandled: int
    oldest_unhandled_at: datetime | None
    paused: str | None  # who paused, and when
    serving_at: datetime | None  # last sign of life of `tipo serve`


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelView:
    """One level, for people."""

    id: LevelId
    store: Alias
    item: ItemId
    location: LocationId
    place: str
    mode: Mode
    book: int | None
    shows: int | None  # a live reading, None if none was asked for or none came
    owed: int
    met: bool
    suspended: str | None
    open_delta: int | None
    waits_for_look: bool
    sku: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """One pool, for people."""

    id: PoolId
    title: str  # a merchant wrote it: escape it wherever it is shown
    handle: str
    place: str
    shared: int | None
    moved_at: datetime | None
    levels: tuple[LevelView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a pool's history."""

    at: datetime
    store: Alias
    kind: str  # movement, adjustment
    delta: int
    shared: int | None  # after it, for a movement
    state: str  # settled, open, refused …; counted or not counted for a movement
    cause: str  # "order #1002", "order #1002 cancelled", "restock or edit"
    seconds: float | None = None  # from planning to settling, for an adjustment
    ref: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A level that does not agree with its pool."""

    pool: PoolId
    title: str
    store: Alias
    shows: int | None
    should_show: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """How far a store's first meeting has come."""

    store: Alias
    levels: int
    agreed: int
    differing: int
    waiting: int
    suspended: int
    alone: int  # variants of this store that found no partner
    worst: tuple[Difference, ...]  # the ten greatest differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that still stands."""

    id: int
    kind: str
    subject: str
    severity: str
    facts: dict[str, object]
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that people must be told."""

    id: int
    kind: str
    subject: str
    severity: str
    facts: dict[str, object]
    over: bool
    at: datetime
