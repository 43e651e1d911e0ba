"""What stores tell us, what we write to them, and the seals over it."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    LargeBinary,
    Table,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

from sync_core.db.tables.columns import (
    EXPLAINS,
    HAS_BODY,
    OPEN,
    QUARANTINED,
    UNHANDLED,
    Big,
    Json,
    Utc,
    index_where,
)
from sync_core.domain.seals import SealedContent, SealedKind

NO_LINES = dict.fromkeys(SealedKind, 0)


class DeliveryRow(SQLModel, table=True):
    """One webhook as received."""

    __tablename__: ClassVar[str] = "delivery"
    __table_args__ = (
        UniqueConstraint("store", "webhook_id", name="delivery_once"),
        index_where(UNHANDLED, "delivery_new", "id"),
        Index("delivery_age", "received_at"),
        index_where(QUARANTINED, "delivery_quarantined", "store", "id"),
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
    trace: str | None = None  # that its webhook is part of, where traces are recorded


DELIVERY: Table = DeliveryRow.__table__  # type: ignore[attr-defined]


class OrderEventRow(SQLModel, table=True):
    """What an order, a cancellation or a refund says of one variant."""

    __tablename__: ClassVar[str] = "order_event"
    __table_args__ = (
        UniqueConstraint("store", "kind", "ref", "line", name="order_event_once"),
        Index("order_event_variant", "store", "variant_id", "at"),
        Index("order_event_order", "order_id"),
        index_where(EXPLAINS, "order_event_movement", "movement_id"),
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
    movement_id: int | None = Field(None, sa_type=Big)  # that it explains, all of it; one at most


ORDER_EVENT: Table = OrderEventRow.__table__  # type: ignore[attr-defined]


class BatchRow(SQLModel, table=True):
    """Up to 250 adjustments of one store under one idempotency key."""

    __tablename__: ClassVar[str] = "batch"
    __table_args__ = (
        index_where(OPEN, "batch_open", "store"),
        Index("batch_state", "store", "state", "id"),
        index_where(HAS_BODY, "batch_body", "closed_at"),
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
    trace: str | None = None  # that its plan is part of, where traces are recorded


BATCH: Table = BatchRow.__table__  # type: ignore[attr-defined]


class AdjustmentRow(SQLModel, table=True):
    """One adjustment. At most one per level is open."""

    __tablename__: ClassVar[str] = "adjustment"
    __table_args__ = (
        index_where(OPEN, "one_open_adjustment", "level_id", unique=True),
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


ADJUSTMENT: Table = AdjustmentRow.__table__  # type: ignore[attr-defined]


class SettledSumRow(SQLModel, table=True):
    """What a level's settled adjustments came to whose own rows are too old to be kept."""

    __tablename__: ClassVar[str] = "settled_sum"

    level_id: int = Field(sa_type=Big, primary_key=True, foreign_key="level.id")
    level_baseline: int = Field(primary_key=True)
    delta: int = Field(sa_type=BigInteger)


SETTLED_SUM: Table = SettledSumRow.__table__  # type: ignore[attr-defined]


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
    # The last number in it, by kind of row.
    lines: dict[SealedKind, int] = Field(sa_type=Json(dict[SealedKind, int], NO_LINES))
    contents: dict[SealedKind, SealedContent] = Field(
        sa_type=Json(dict[SealedKind, SealedContent], {})
    )
    # Adjustments that belong to the next one.
    open: tuple[int, ...] = Field(sa_type=Json(tuple[int, ...], ()))
    oldest: datetime | None = Field(None, sa_type=Utc)  # when its first adjustment was closed
    digest: str | None = None  # None: the line is drawn, and the seal not yet closed
    closed_at: datetime | None = Field(None, sa_type=Utc)


SEAL: Table = SealRow.__table__  # type: ignore[attr-defined]
