"""What people are shown: plain values, for any face."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sync_core.domain.audit import Breach, OrderShare
from sync_core.domain.leases import LeaseView
from sync_core.domain.process_roles import ProcessRole
from sync_core.domain.seals import AlteredSeal
from sync_core.domain.shadow import Shadow
from sync_core.domain.values import Alias, ItemId, LevelId, LocationId, Mode, PoolId, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreView:
    """One store at a glance."""

    alias: Alias
    domain: str
    role: Role
    mode: Mode | None  # of its connection; None for the source
    levels: int
    baselined: int
    due: int  # levels that wait to be written
    refreshes: int  # levels that wait to be read
    suspended: int
    open: int  # adjustments under way
    last_delivery_at: datetime | None
    blocked_why: str | None
    lease: LeaseView  # who writes to it
    seconds_p50: float | None  # from a batch's planning to its settling, last hour
    seconds_p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreakerView:
    """A circuit breaker that asks somebody to decide."""

    subject: str
    store: Alias  # what moved there is not passed on
    pools: int
    units: int
    since: datetime
    investigated_by: str | None = None  # who looks into it
    orders_known: bool = True  # else sales may be among it
    stopped: dict[Alias, int] = field(default_factory=dict)  # products, by store
    reached: dict[Alias, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedProduct:
    """One product that a circuit breaker asks about."""

    pool: PoolId
    title: str  # a merchant wrote it
    sku: str
    location_group: str
    store: Alias  # the one that changed
    before: int | None  # what it would show again if its stock was restored
    now: int | None
    units: int  # that restoring would give back, shared ones
    reached: tuple[Alias, ...]  # other stores where it had got to
    stopped: tuple[Alias, ...]  # other stores that it is kept from


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksView:
    """What the last whole audit of the books came to."""

    at: datetime  # when it ended
    pools: int  # whose every unit was looked at
    wrong: int  # whose books don't add up


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """What an audit that was asked for came to."""

    at: datetime
    pools: int
    levels: int
    wrong: int  # pools whose books don't add up
    breaches: tuple[Breach, ...] = ()  # some of them, if there are very many
    shares: tuple[OrderShare, ...] = ()  # of stores that tell us of orders


@dataclass(frozen=True, slots=True, kw_only=True)
class SealView:
    """What comparing the seals came to: up to the first day that was altered, if any was."""

    days: int = 0  # that are as they were sealed
    first: str | None = None
    last: str | None = None
    rows: int = 0
    digest: str | None = None  # of the last: what to keep elsewhere
    altered: AlteredSeal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything at a glance."""

    stores: tuple[StoreView, ...]
    pools: int
    agreed: int
    differing: int  # levels whose initial comparison differs
    oversold: int  # pools below zero that nobody wants there
    findings: int
    unhandled: int
    oldest_unhandled_at: datetime | None
    paused: str | None  # who paused, and when
    shadow: Shadow | None = None  # nothing is written
    serving_at: datetime | None  # last sign of life of a `tipo serve` that keeps stores in sync
    roles: Mapping[ProcessRole, datetime] = field(default_factory=dict)  # last sign of life of each
    breakers: tuple[CircuitBreakerView, ...] = ()
    books: BooksView | None = None  # None: none was made yet
    instance: str = ""  # the short name of this Tipo, once it has one


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBatches:
    """The batches of one store that it has not taken yet."""

    count: int
    unanswered: int  # sent, and perhaps written: the store has not said
    oldest_at: datetime  # when the oldest was planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits, beside what is at a glance: for figures."""

    quarantined: int  # deliveries
    posts: int  # that Slack should have by now
    oldest_post_at: datetime | None  # when the oldest of them was due
    batches: Mapping[Alias, OpenBatches]  # of stores that have some
    nightly_at: datetime | None  # when the last nightly comparison was done


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelView:
    """One level, for people."""

    id: LevelId
    store: Alias
    item: ItemId
    location: LocationId
    location_group: str
    mode: Mode
    book: int | None
    shows: int | None  # a live reading, None if none was asked for or none came
    outstanding: int
    baselined: bool
    suspended: str | None
    open_delta: int | None
    awaits_refresh: bool
    sku: str
    pack: int = 1  # shared units in one of this store's
    expected: int | None = None  # what it should show; None while nothing is agreed
    page: str = ""  # of its product, in the store's admin


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """One pool, for people."""

    id: PoolId
    title: str  # a merchant wrote it: escape it wherever it is shown
    handle: str
    location_group: str
    shared: int | None
    presold: bool = False  # it is below zero, and every store there sells on
    moved_at: datetime | None
    levels: tuple[LevelView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One line of a pool's history."""

    at: datetime
    store: Alias
    kind: str  # movement, adjustment, decision, gap
    delta: int
    shared: int | None  # after it, for a movement
    state: str  # settled, open, refused …; counted or not counted for a movement
    cause: str  # "order #1002", "order #1002 cancelled", "restock or edit"
    seconds: float | None = None  # from planning to settling, for an adjustment
    ref: int = 0
    page: str = ""  # of the order that explains it, in the store's admin


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A level that does not agree with its pool."""

    pool: PoolId
    title: str
    store: Alias
    shows: int | None
    should_show: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineProgress:
    """How far a store's initial comparison has come."""

    store: Alias
    levels: int
    agreed: int
    differing: int
    waiting: int
    suspended: int
    alone: int  # variants of this store that found no partner
    worst: tuple[Difference, ...]  # the ten greatest differences


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementView:
    """A movement, for people."""

    id: int
    at: datetime
    pool: PoolId
    title: str  # a merchant wrote it
    store: Alias
    delta: int
    counted: int  # by how much it moved the pool
    shared: int | None = None  # of the pool, after it
    cause: str  # "order #1002", "restock or edit" …
    page: str = ""  # of the order that explains it, in the store's admin


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyMovement:
    """How many units moved within one hour, by store."""

    at: datetime  # its beginning
    units: dict[Alias, int]  # absolute


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """A variant that shares its stock with nobody."""

    store: Alias
    item: ItemId
    title: str  # with its option values; a merchant wrote it
    handle: str
    sku: str
    page: str = ""  # of its product, in the store's admin
    why: str  # "no partner", "several have this SKU", "untracked", "bundle", "gift card" …


NEVER_DUE = datetime(9999, 12, 31, tzinfo=UTC)  # when a post is due that is never to be said


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message of ours in a channel, or one that is still to be sent."""

    key: str  # what it is about: "incident:17", "night:3", "activity:2026-11-23T08:15"
    channel: str
    parent: str | None = None  # the key of the message in whose thread it is
    kind: str = ""
    body: dict[str, object]  # what the words are made from; plain JSON
    due_at: datetime  # not before then
    version: int = 1  # goes up with every change
    sent: int = 0  # the version that Slack has
    ts: str | None = None  # Slack's name for it, once it has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is still open."""

    id: int
    kind: str
    subject: str
    severity: str
    facts: dict[str, object]
    opened_at: datetime
    muted_until: datetime | None = None  # somebody said to ignore it until then


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Something that people must be told."""

    id: int
    kind: str
    subject: str
    severity: str
    facts: dict[str, object]
    resolved: bool
    at: datetime
