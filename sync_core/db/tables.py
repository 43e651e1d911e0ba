"""The tables. Their constraints make wrong states impossible, whoever forgets to check.

Rows have no methods; `rows.py` turns them into the values of the domain and back.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

OPEN = text("state = 'open'")
UNHANDLED = text("handled_at IS NULL")
QUARANTINED = text("quarantined_at IS NOT NULL")
REFRESH_DUE = text("refresh_at IS NOT NULL")
DUE = text("due")
OPEN_FINDING = text("closed_at IS NULL")
HAS_TURN = text("turn IS NOT NULL")
APPROVED = text("state = 'approved'")
NOT_RELEASED = text("released_at IS NULL")
UNSENT = text("sent < version")
NOT_BASELINED = text("NOT baselined")
SUSPENDED = text("suspended IS NOT NULL")
UNAGREED = text("shared IS NULL")
OVERSOLD = text("shared < 0")
HAS_BODY = text("length(body) > 0")
CLOSED = text("closed_at IS NOT NULL")
NAMED = text("sku <> ''")  # the others would all have one hash

ZERO = {"server_default": text("0")}  # for columns that older rows have not got
FALSE = {"server_default": text("false")}

# A row is never validated, so nothing is built that would do it: with 31 tables that takes a while.
SQLModel.model_config["defer_build"] = True

Big = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only


class Utc(TypeDecorator[datetime]):
    """An aware time in UTC, whatever the database makes of time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Store UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Return UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Tell alembic how to write our own type into a migration."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Utc) else False


class StoreRow(SQLModel, table=True):
    """What we have learned of a store."""

    __tablename__: ClassVar[str] = "store"

    alias: str = Field(primary_key=True)
    domain: str = Field(unique=True)
    role: str
    shop_id: str | None = None  # another one at the same address stops the store
    name: str | None = None
    scopes: str = ""
    catalogue_at: datetime | None = Field(None, sa_type=Utc)  # last read whole
    caught_up_to: datetime | None = Field(None, sa_type=Utc)  # start of the last full catch-up
    last_delivery_at: datetime | None = Field(None, sa_type=Utc)
    last_sent_at: datetime | None = Field(None, sa_type=Utc)  # when a batch was last planned
    blocked_since: datetime | None = Field(None, sa_type=Utc)  # nothing is sent meanwhile
    blocked_why: str | None = None
    write_refused: bool = Field(
        default=False, sa_column_kwargs=FALSE
    )  # held until a write is taken


class LeaseRow(SQLModel, table=True):
    """Who may write to a store, as far as this database knows; the store itself holds the mark."""

    __tablename__: ClassVar[str] = "lease"
    __table_args__ = (
        CheckConstraint(
            "state IN ('unknown', 'ours', 'older', 'foreign', 'taking_over')",
            name="lease_state_is_known",
        ),
    )

    store: str = Field(primary_key=True, foreign_key="store.alias")
    state: str = "unknown"
    since: datetime | None = Field(None, sa_type=Utc)  # of the state
    reason: str = ""  # taking over: what it was before, older or foreign
    ready: bool = False  # taking over: the mark is ours, and the wait is over
    by: str = ""  # who said: take over
    found: dict[str, Any] = Field(sa_type=JSON)  # the mark that is in our way
    weak: bool = False  # the store does not let us keep a mark; our subscriptions' name stands in


class RenewalRow(SQLModel, table=True):
    """A renewal that a store's mark may name: here before it is there."""

    __tablename__: ClassVar[str] = "renewal"
    __table_args__ = (Index("renewal_store", "store", "id"),)

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    store: str = Field(foreign_key="store.alias")
    token: str = Field(unique=True)


class BaselineRow(SQLModel, table=True):
    """A store's numbers were taken as they were: what happened before that is a gap."""

    __tablename__: ClassVar[str] = "baseline"

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    store: str | None = Field(None, foreign_key="store.alias")  # None: of every store
    reason: str  # foreign: another Tipo may have written; older: this database was
    by: str
    at: datetime = Field(sa_type=Utc)


class ConnectionRow(SQLModel, table=True):
    """Source ↔ one destination."""

    __tablename__: ClassVar[str] = "connection"
    __table_args__ = (
        CheckConstraint("mode IN ('two-way', 'one-way', 'off')", name="mode_is_known"),
    )

    destination: str = Field(primary_key=True, foreign_key="store.alias")
    mode: str = "off"
    since: datetime | None = Field(None, sa_type=Utc)
    by: str = ""


class LocationGroupRow(SQLModel, table=True):
    """Locations that belong together, one per store."""

    __tablename__: ClassVar[str] = "location_group"

    id: int | None = Field(None, primary_key=True)
    name: str = Field(unique=True)


class LocationRow(SQLModel, table=True):
    """A store's location; a place has at most one of each store."""

    __tablename__: ClassVar[str] = "location"
    __table_args__ = (
        UniqueConstraint("location_group_id", "store", name="one_location_per_store"),
    )

    store: str = Field(primary_key=True, foreign_key="store.alias")
    location: int = Field(primary_key=True, sa_type=BigInteger)
    name: str
    active: bool
    owned: bool
    location_group_id: int | None = Field(None, foreign_key="location_group.id")
    behind_since: datetime | None = Field(None, sa_type=Utc)  # what changed since is not listed


class VariantRow(SQLModel, table=True):
    """What a store sells, as its catalogue says."""

    __tablename__: ClassVar[str] = "variant"
    __table_args__ = (
        Index("variant_product", "store", "product_id"),
        # Of a hash: what is sold may go by a name that no page of an ordered index holds.
        Index("variant_key", "key", postgresql_using="hash"),
        Index(
            "variant_sku",
            "sku",
            sqlite_where=NAMED,
            postgresql_where=NAMED,
            postgresql_using="hash",
        ),
    )

    store: str = Field(primary_key=True, foreign_key="store.alias")
    item: int = Field(primary_key=True, sa_type=BigInteger)
    variant_id: int = Field(sa_type=BigInteger)
    product_id: int = Field(sa_type=BigInteger)
    handle: str
    title: str
    options: list[Any] = Field(sa_type=JSON)
    sku: str
    barcode: str  # the main one, all that an older Tipo knew
    barcodes: list[Any] | None = Field(None, sa_type=JSON)  # None: an older Tipo wrote this row
    tracked: bool
    bundle: bool
    gift_card: bool
    status: str
    policy: str = Field("deny", sa_column_kwargs={"server_default": text("'deny'")})
    key: str | None = None  # what it is matched by, in its normal form


class ProductToReadRow(SQLModel, table=True):
    """A product that has changed and has to be read again."""

    __tablename__: ClassVar[str] = "product_to_read"
    __table_args__ = (Index("product_to_read_due", "store", "try_at"),)

    store: str = Field(primary_key=True, foreign_key="store.alias")
    product_id: int = Field(primary_key=True, sa_type=BigInteger)
    mark: int = 1  # how often it was noted: it may change while it is being read
    attempts: int = 0  # in vain, in a row
    wanted_at: datetime = Field(sa_type=Utc)
    try_at: datetime = Field(sa_type=Utc)


class UnreadLevelRow(SQLModel, table=True):
    """A level that could not be read at the last attempt; the next one is its `refresh_at`."""

    __tablename__: ClassVar[str] = "unread_level"
    __table_args__ = (Index("unread_level_store", "store"),)

    level_id: int = Field(sa_type=Big, primary_key=True, foreign_key="level.id")
    store: str = Field(foreign_key="store.alias")
    location: int = Field(sa_type=BigInteger)
    attempts: int  # in vain, in a row


class BarcodeRow(SQLModel, table=True):
    """A barcode of a variant in the form in which it is compared, to find variants by any."""

    __tablename__: ClassVar[str] = "barcode"
    __table_args__ = (Index("barcode_code", "code"),)

    store: str = Field(primary_key=True, foreign_key="store.alias")
    item: int = Field(primary_key=True, sa_type=BigInteger)
    code: str = Field(primary_key=True)


class PoolRow(SQLModel, table=True):
    """The levels that share stock."""

    __tablename__: ClassVar[str] = "pool"
    __table_args__ = (
        Index("pool_unagreed", "id", sqlite_where=UNAGREED, postgresql_where=UNAGREED),
        Index("pool_oversold", "id", sqlite_where=OVERSOLD, postgresql_where=OVERSOLD),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    location_group_id: int = Field(foreign_key="location_group.id")
    title: str
    shared: int | None = Field(None, sa_type=BigInteger)
    first_shared: int | None = Field(None, sa_type=BigInteger)
    baseline: int = Field(0, sa_column_kwargs=ZERO)  # goes up when it starts over, whole


class LevelRow(SQLModel, table=True):
    """One inventory item at one location in one store. In one pool, and once."""

    __tablename__: ClassVar[str] = "level"
    __table_args__ = (
        UniqueConstraint("store", "item", "location", name="one_level_per_key"),
        UniqueConstraint("pool_id", "store", name="one_level_per_store"),
        Index(
            "level_refresh",
            "store",
            "refresh_at",
            sqlite_where=REFRESH_DUE,
            postgresql_where=REFRESH_DUE,
        ),
        Index("level_due", "store", sqlite_where=DUE, postgresql_where=DUE),
        Index(
            "level_not_baselined",
            "store",
            sqlite_where=NOT_BASELINED,
            postgresql_where=NOT_BASELINED,
        ),
        Index("level_suspended", "store", sqlite_where=SUSPENDED, postgresql_where=SUSPENDED),
        CheckConstraint("pack > 0", name="pack_is_positive"),
        CheckConstraint("NOT baselined OR book IS NOT NULL", name="baselined_has_a_book"),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    pool_id: int = Field(sa_type=Big, foreign_key="pool.id")
    store: str = Field(foreign_key="store.alias")
    item: int = Field(sa_type=BigInteger)
    location: int = Field(sa_type=BigInteger)
    buffer: int = 0
    pack: int = 1
    withheld: int = Field(0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    manual_delta: int = Field(0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    book: int | None = Field(None, sa_type=BigInteger)
    first_book: int | None = Field(None, sa_type=BigInteger)
    first_shared: int | None = Field(None, sa_type=BigInteger)
    baselined: bool = False
    level_baseline: int = 0
    open: bool = False
    due: bool = False
    suspended: str | None = None
    seen_at: datetime = Field(sa_type=Utc)
    written_at: datetime = Field(sa_type=Utc)
    reported_at: datetime = Field(sa_type=Utc)
    accounted_at: datetime = Field(sa_type=Utc)
    settled_at: datetime = Field(sa_type=Utc)
    last_delta: int = Field(0, sa_type=BigInteger)
    refresh_at: datetime | None = Field(None, sa_type=Utc)
    refresh_since: datetime | None = Field(None, sa_type=Utc)
    refresh_mark: int = 0
    deferred: int | None = Field(None, sa_type=BigInteger)
    deferred_at: datetime = Field(sa_type=Utc)
    version: int = 0


class DeliveryRow(SQLModel, table=True):
    """One webhook as received."""

    __tablename__: ClassVar[str] = "delivery"
    __table_args__ = (
        UniqueConstraint("store", "webhook_id", name="delivery_once"),
        Index("delivery_new", "id", sqlite_where=UNHANDLED, postgresql_where=UNHANDLED),
        Index("delivery_age", "received_at"),
        Index(
            "delivery_quarantined",
            "store",
            "id",
            sqlite_where=QUARANTINED,
            postgresql_where=QUARANTINED,
        ),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    store: str = Field(foreign_key="store.alias")
    webhook_id: str
    topic: str
    body: bytes = Field(sa_type=LargeBinary)
    received_at: datetime = Field(sa_type=Utc)
    handled_at: datetime | None = Field(None, sa_type=Utc)  # accounted for, or set aside
    quarantined_at: datetime | None = Field(None, sa_type=Utc)  # until it is accounted for
    why: str | None = None  # it was set aside


class MovementRow(SQLModel, table=True):
    """A change that somebody else made. Written once, never altered."""

    __tablename__: ClassVar[str] = "movement"
    __table_args__ = (
        Index("movement_pool", "pool_id", "id"),
        Index("movement_at", "at"),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    pool_id: int = Field(sa_type=Big, foreign_key="pool.id")
    level_id: int = Field(sa_type=Big, foreign_key="level.id")
    level_baseline: int
    delta: int = Field(sa_type=BigInteger)
    counted: int = Field(sa_type=BigInteger)
    shared: int | None = Field(None, sa_type=BigInteger)
    at: datetime = Field(sa_type=Utc)  # our clock
    seen_at: datetime | None = Field(None, sa_type=Utc)  # the store's
    source: str
    delivery_id: int | None = Field(None, sa_type=Big)
    baseline: int = Field(0, sa_column_kwargs=ZERO)  # of its pool, when it was accounted for


class BatchRow(SQLModel, table=True):
    """Up to 250 adjustments of one store under one idempotency key."""

    __tablename__: ClassVar[str] = "batch"
    __table_args__ = (
        Index("batch_open", "store", sqlite_where=OPEN, postgresql_where=OPEN),
        Index("batch_state", "store", "state", "id"),
        Index("batch_body", "closed_at", sqlite_where=HAS_BODY, postgresql_where=HAS_BODY),
        CheckConstraint(
            "state IN ('open', 'settled', 'refused', 'doubtful')", name="batch_state_is_known"
        ),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    store: str = Field(foreign_key="store.alias")
    key: str = Field(unique=True)
    # The very bytes that are sent, again and again; a week after the end there are none.
    body: bytes = Field(sa_type=LargeBinary)
    state: str = "open"
    planned_at: datetime = Field(sa_type=Utc)
    first_sent_at: datetime | None = Field(None, sa_type=Utc)
    last_sent_at: datetime | None = Field(None, sa_type=Utc)
    attempts: int = 0
    claimed_until: datetime | None = Field(None, sa_type=Utc)  # nobody else sends it meanwhile
    closed_at: datetime | None = Field(None, sa_type=Utc)
    written_at: datetime | None = Field(None, sa_type=Utc)  # by the store's clock


class AdjustmentRow(SQLModel, table=True):
    """One adjustment. At most one per level is open."""

    __tablename__: ClassVar[str] = "adjustment"
    __table_args__ = (
        Index(
            "one_open_adjustment", "level_id", unique=True, sqlite_where=OPEN, postgresql_where=OPEN
        ),
        Index("adjustment_batch", "batch_id"),
        Index("adjustment_level", "level_id", "id"),
        CheckConstraint("delta <> 0", name="delta_is_something"),
        CheckConstraint(
            "state IN ('open', 'settled', 'refused', 'replaced', 'doubtful')",
            name="adjustment_state_is_known",
        ),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    level_id: int = Field(sa_type=Big, foreign_key="level.id")
    batch_id: int = Field(sa_type=Big, foreign_key="batch.id")
    delta: int = Field(sa_type=BigInteger)
    level_baseline: int
    state: str = "open"
    why: str | None = None
    planned_at: datetime = Field(sa_type=Utc)
    closed_at: datetime | None = Field(None, sa_type=Utc)


class SettledSumRow(SQLModel, table=True):
    """What a level's settled adjustments came to whose own rows are too old to be kept."""

    __tablename__: ClassVar[str] = "settled_sum"

    level_id: int = Field(sa_type=Big, primary_key=True, foreign_key="level.id")
    level_baseline: int = Field(primary_key=True)
    delta: int = Field(sa_type=BigInteger)


class SealRow(SQLModel, table=True):
    """What was recorded by the end of a day, as a hash over it and the seal before. Kept for ever.

    A seal follows one other, and is followed by one: two processes cannot fork the chain.
    """

    __tablename__: ClassVar[str] = "seal"

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    day: str = Field(unique=True)  # 2026-11-24, UTC
    previous: int = Field(sa_type=Big, unique=True)  # the seal before; 0: this is the first
    format: int
    drawn_at: datetime = Field(sa_type=Utc)
    lines: dict[str, Any] = Field(sa_type=JSON)  # the last number in it, by kind of row
    contents: dict[str, Any] = Field(sa_type=JSON)  # by kind: how many rows, their hash
    open: list[Any] = Field(sa_type=JSON)  # adjustments that belong to the next one
    oldest: datetime | None = Field(None, sa_type=Utc)  # when its first adjustment was closed
    digest: str | None = None  # None: the line is drawn, and the seal not yet closed
    closed_at: datetime | None = Field(None, sa_type=Utc)


class FindingRow(SQLModel, table=True):
    """Something that cannot be settled without a person, or an incident that lasts."""

    __tablename__: ClassVar[str] = "finding"
    __table_args__ = (
        Index(
            "one_open_finding",
            "kind",
            "subject",
            unique=True,
            sqlite_where=OPEN_FINDING,
            postgresql_where=OPEN_FINDING,
        ),
        Index("finding_closed", "closed_at", sqlite_where=CLOSED, postgresql_where=CLOSED),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    kind: str
    subject: str
    severity: str
    facts: dict[str, Any] = Field(sa_type=JSON)
    opened_at: datetime = Field(sa_type=Utc)
    closed_at: datetime | None = Field(None, sa_type=Utc)
    muted_until: datetime | None = Field(None, sa_type=Utc)  # somebody said to ignore it


class NotificationRow(SQLModel, table=True):
    """Something that people must be told; it waits here until they have been."""

    __tablename__: ClassVar[str] = "notification"

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    kind: str
    subject: str
    severity: str
    facts: dict[str, Any] = Field(sa_type=JSON)
    resolved: bool = False
    at: datetime = Field(sa_type=Utc)


class OrderEventRow(SQLModel, table=True):
    """What an order, a cancellation or a refund says of one variant."""

    __tablename__: ClassVar[str] = "order_event"
    __table_args__ = (
        UniqueConstraint("store", "kind", "ref", "line", name="order_event_once"),
        Index("order_event_variant", "store", "variant_id", "at"),
        Index("order_event_order", "order_id"),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    store: str = Field(foreign_key="store.alias")
    kind: str  # sale, cancellation, refund
    ref: int = Field(sa_type=BigInteger)  # the order's or the refund's id
    line: int = Field(sa_type=BigInteger)
    order_id: int = Field(sa_type=BigInteger)
    name: str  # "#1042", empty where the store did not say
    variant_id: int = Field(sa_type=BigInteger)
    quantity: int  # units, always positive
    location: int | None = Field(None, sa_type=BigInteger)
    at: datetime = Field(sa_type=Utc)


class SettingRow(SQLModel, table=True):
    """A word that the processes leave for each other."""

    __tablename__: ClassVar[str] = "setting"

    name: str = Field(primary_key=True)
    value: str = Field(sa_type=Text)


class ReportRow(SQLModel, table=True):
    """A comparison of the stores, from the wish to the result. One at a time, one a night."""

    __tablename__: ClassVar[str] = "report"
    __table_args__ = (
        Index(
            "one_comparison",
            "turn",
            unique=True,
            sqlite_where=HAS_TURN,
            postgresql_where=HAS_TURN,
        ),
        UniqueConstraint("night", name="one_report_per_night"),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    token: str = Field(unique=True)
    kind: str
    state: str = "wanted"
    turn: str | None = None  # set on the one comparison whose turn it is
    night: str | None = None  # 2026-11-23, for the scheduled ones
    by: str = ""
    facts: dict[str, Any] = Field(sa_type=JSON)
    progress: dict[str, Any] = Field(sa_type=JSON)
    summary: dict[str, Any] = Field(sa_type=JSON)
    wanted_at: datetime = Field(sa_type=Utc)
    finished_at: datetime | None = Field(None, sa_type=Utc)
    claimed_until: datetime | None = Field(None, sa_type=Utc)  # nobody else works on it meanwhile
    attempts: int = 0
    why_failed: str = ""


class ProposalRow(SQLModel, table=True):
    """Something to be decided by a person, once. At most one is open per finding."""

    __tablename__: ClassVar[str] = "proposal"
    __table_args__ = (
        Index(
            "one_proposal_per_finding",
            "finding_id",
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index("proposal_report", "report_id", "id"),
        Index("proposal_finding", "finding_id"),
        Index("proposal_opened", "opened_at"),
        Index("proposal_receipt", "receipt_id"),
        Index("proposal_approved", "id", sqlite_where=APPROVED, postgresql_where=APPROVED),
        CheckConstraint(
            "state IN ('open', 'approved', 'done', 'dismissed', 'outdated', 'expired')",
            name="proposal_state_is_known",
        ),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    token: str = Field(unique=True)
    kind: str
    state: str = "open"
    report_id: int | None = Field(None, sa_type=Big, foreign_key="report.id")
    finding_id: int | None = Field(None, sa_type=Big, foreign_key="finding.id")
    subject: str = ""
    title: str = ""
    facts: dict[str, Any] = Field(sa_type=JSON)
    options: list[Any] = Field(sa_type=JSON)
    recommended: str | None = None
    safe: bool = False
    opened_at: datetime = Field(sa_type=Utc)
    expires_at: datetime = Field(sa_type=Utc)
    choice: str | None = None
    number: int | None = Field(None, sa_type=BigInteger)  # the one a person entered
    receipt_id: int | None = Field(None, sa_type=Big, foreign_key="receipt.id")
    decided_at: datetime | None = Field(None, sa_type=Utc)
    try_at: datetime | None = Field(None, sa_type=Utc)  # when to try again to carry it out
    result: dict[str, Any] | None = Field(None, sa_type=JSON)


class ReceiptRow(SQLModel, table=True):
    """Who decided, when, where, and what allowed it. Written once."""

    __tablename__: ClassVar[str] = "receipt"

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    kind: str
    choice: str
    team: str
    person: str
    name: str
    rule: str
    origin: str = ""  # where the click was: a channel and a message
    at: datetime = Field(sa_type=Utc)
    undoes: int | None = Field(None, sa_type=Big, foreign_key="receipt.id", unique=True)
    notified: bool = False  # the result has become a notification


class EffectRow(SQLModel, table=True):
    """What one decision did to one pool. Written once; the books are made of these, too."""

    __tablename__: ClassVar[str] = "effect"
    __table_args__ = (
        Index("effect_pool", "pool_id", "id"),
        Index("effect_receipt", "receipt_id"),
        Index("effect_proposal", "proposal_id"),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    receipt_id: int = Field(sa_type=Big, foreign_key="receipt.id")
    proposal_id: int | None = Field(None, sa_type=Big, foreign_key="proposal.id")
    pool_id: int = Field(sa_type=Big, foreign_key="pool.id")
    level_id: int = Field(sa_type=Big, foreign_key="level.id")
    moved: int = Field(sa_type=BigInteger)
    shared: int | None = Field(None, sa_type=BigInteger)  # after it
    facts: dict[str, Any] = Field(sa_type=JSON)  # who joined, buffers: what taking it back needs
    at: datetime = Field(sa_type=Utc)
    baseline: int = Field(0, sa_column_kwargs=ZERO)  # of its pool, when it was decided


class WithheldMovementRow(SQLModel, table=True):
    """What the brake keeps from being passed on: one movement's worth of a pool."""

    __tablename__: ClassVar[str] = "withheld_movement"
    __table_args__ = (
        Index(
            "withheld_movement_open",
            "pool_id",
            sqlite_where=NOT_RELEASED,
            postgresql_where=NOT_RELEASED,
        ),
        Index("withheld_movement_breaker", "breaker"),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    breaker: str  # the subject of its finding
    pool_id: int = Field(sa_type=Big, foreign_key="pool.id")
    level_id: int = Field(sa_type=Big, foreign_key="level.id")
    movement_id: int = Field(sa_type=Big, foreign_key="movement.id", unique=True)
    delta: int = Field(sa_type=BigInteger)
    withheld_from: dict[str, Any] = Field(sa_type=JSON)  # levels, each with its baseline
    at: datetime = Field(sa_type=Utc)
    released_at: datetime | None = Field(None, sa_type=Utc)


class TrafficMinuteRow(SQLModel, table=True):
    """How much moved in a store within one minute: what the brake watches."""

    __tablename__: ClassVar[str] = "traffic_minute"

    store: str = Field(primary_key=True, foreign_key="store.alias")
    at: datetime = Field(sa_type=Utc, primary_key=True)
    units: int = Field(0, sa_type=BigInteger)  # moved, either way
    emptied: int = 0  # pools that one movement of ten units or more took to zero


class PostRow(SQLModel, table=True):
    """A message in a channel, sent or to be sent; `body` is what its words are made from."""

    __tablename__: ClassVar[str] = "post"
    __table_args__ = (
        Index("post_due", "due_at", sqlite_where=UNSENT, postgresql_where=UNSENT),
        Index("post_ts", "ts"),
    )

    key: str = Field(primary_key=True)
    number: int = Field(sa_type=Big)  # in the order of their making
    channel: str
    parent: str | None = None
    kind: str = ""
    body: dict[str, Any] = Field(sa_type=JSON)
    due_at: datetime = Field(sa_type=Utc)
    version: int = 1
    sent: int = 0
    ts: str | None = None
    why: str | None = None  # why it could not be sent the last time
