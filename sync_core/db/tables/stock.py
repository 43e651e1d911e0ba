"""Quantities: what there is, what moved, and what is kept back."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Index, Table, UniqueConstraint
from sqlmodel import Field, SQLModel

from sync_core.db.tables.catalogue import VARIANT
from sync_core.db.tables.columns import (
    DUE,
    NOT_BASELINED,
    NOT_RELEASED,
    OVERSOLD,
    REFRESH_DUE,
    SUSPENDED,
    UNAGREED,
    ZERO,
    Big,
    Json,
    Utc,
    index_where,
)
from sync_core.domain.values import LevelId


class PoolRow(SQLModel, table=True):
    """The levels that share stock."""

    __tablename__: ClassVar[str] = "pool"
    __table_args__ = (
        index_where(UNAGREED, "pool_unagreed", "id"),
        index_where(OVERSOLD, "pool_oversold", "id"),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    location_group_id: int = Field(foreign_key="location_group.id")
    title: str
    shared: int | None = Field(None, sa_type=BigInteger)
    first_shared: int | None = Field(None, sa_type=BigInteger)
    baseline: int = Field(0, sa_column_kwargs=ZERO)  # goes up when it starts over, whole


POOL: Table = PoolRow.__table__  # type: ignore[attr-defined]


class LevelRow(SQLModel, table=True):
    """One inventory item at one location in one store. In one pool, and once."""

    __tablename__: ClassVar[str] = "level"
    __table_args__ = (
        UniqueConstraint("store", "item", "location", name="one_level_per_key"),
        UniqueConstraint("pool_id", "store", name="one_level_per_store"),
        index_where(REFRESH_DUE, "level_refresh", "store", "refresh_at"),
        index_where(DUE, "level_due", "store"),
        index_where(NOT_BASELINED, "level_not_baselined", "store"),
        index_where(SUSPENDED, "level_suspended", "store"),
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


LEVEL: Table = LevelRow.__table__  # type: ignore[attr-defined]
SOLD_AS = (VARIANT.c.store == LEVEL.c.store) & (VARIANT.c.item == LEVEL.c.item)  # its variant


class UnreadLevelRow(SQLModel, table=True):
    """A level that could not be read at the last attempt; the next one is its `refresh_at`."""

    __tablename__: ClassVar[str] = "unread_level"
    __table_args__ = (Index("unread_level_store", "store"),)

    level_id: int = Field(sa_type=Big, primary_key=True, foreign_key="level.id")
    store: str = Field(foreign_key="store.alias")
    location: int = Field(sa_type=BigInteger)
    attempts: int  # in vain, in a row


UNREAD: Table = UnreadLevelRow.__table__  # type: ignore[attr-defined]


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


MOVEMENT: Table = MovementRow.__table__  # type: ignore[attr-defined]


class WithheldMovementRow(SQLModel, table=True):
    """What the safety stop keeps from being passed on: one movement's worth of a pool."""

    __tablename__: ClassVar[str] = "withheld_movement"
    __table_args__ = (
        index_where(NOT_RELEASED, "withheld_movement_open", "pool_id"),
        Index("withheld_movement_breaker", "breaker"),
    )

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    breaker: str  # the subject of its finding
    pool_id: int = Field(sa_type=Big, foreign_key="pool.id")
    level_id: int = Field(sa_type=Big, foreign_key="level.id")
    movement_id: int = Field(sa_type=Big, foreign_key="movement.id", unique=True)
    delta: int = Field(sa_type=BigInteger)
    # Levels, each with its baseline.
    withheld_from: dict[LevelId, int] = Field(sa_type=Json(dict[LevelId, int]))
    at: datetime = Field(sa_type=Utc)
    released_at: datetime | None = Field(None, sa_type=Utc)


WITHHELD: Table = WithheldMovementRow.__table__  # type: ignore[attr-defined]


class TrafficMinuteRow(SQLModel, table=True):
    """How much moved in a store within one minute: what the safety stop watches."""

    __tablename__: ClassVar[str] = "traffic_minute"

    store: str = Field(primary_key=True, foreign_key="store.alias")
    at: datetime = Field(sa_type=Utc, primary_key=True)
    units: int = Field(0, sa_type=BigInteger)  # moved, either way
    emptied: int = 0  # pools that one movement of ten units or more took to zero


TRAFFIC_MINUTE: Table = TrafficMinuteRow.__table__  # type: ignore[attr-defined]
