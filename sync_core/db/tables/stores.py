"""Stores, what they are connected by, and who may write to them."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, CheckConstraint, Index, Table, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from sync_core.db.tables.columns import FALSE, Big, Json, Utc
from sync_core.domain.leases import LeaseMark


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


STORE: Table = StoreRow.__table__  # type: ignore[attr-defined]


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
    # The mark that is in our way.
    found: LeaseMark | None = Field(sa_type=Json(LeaseMark), nullable=False)
    weak: bool = False  # the store does not let us keep a mark; our subscriptions' name stands in


LEASE: Table = LeaseRow.__table__  # type: ignore[attr-defined]


class RenewalRow(SQLModel, table=True):
    """A renewal that a store's mark may name: here before it is there."""

    __tablename__: ClassVar[str] = "renewal"
    __table_args__ = (Index("renewal_store", "store", "id"),)

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    store: str = Field(foreign_key="store.alias")
    token: str = Field(unique=True)


RENEWAL: Table = RenewalRow.__table__  # type: ignore[attr-defined]


class BaselineRow(SQLModel, table=True):
    """A store's numbers were taken as they were: what happened before that is a gap."""

    __tablename__: ClassVar[str] = "baseline"

    id: int | None = Field(None, sa_type=Big, primary_key=True)
    store: str | None = Field(None, foreign_key="store.alias")  # None: of every store
    reason: str  # foreign: another Tipo may have written; older: this database was
    by: str
    at: datetime = Field(sa_type=Utc)


BASELINE: Table = BaselineRow.__table__  # type: ignore[attr-defined]


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


CONNECTION: Table = ConnectionRow.__table__  # type: ignore[attr-defined]


class LocationGroupRow(SQLModel, table=True):
    """Locations that belong together, one per store."""

    __tablename__: ClassVar[str] = "location_group"

    id: int | None = Field(None, primary_key=True)
    name: str = Field(unique=True)


LOCATION_GROUP: Table = LocationGroupRow.__table__  # type: ignore[attr-defined]


class LocationRow(SQLModel, table=True):
    """A store's location; a shared location has at most one of each store."""

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


LOCATION: Table = LocationRow.__table__  # type: ignore[attr-defined]


class SettingRow(SQLModel, table=True):
    """A word that the processes leave for each other."""

    __tablename__: ClassVar[str] = "setting"

    name: str = Field(primary_key=True)
    value: str = Field(sa_type=Text)


SETTING: Table = SettingRow.__table__  # type: ignore[attr-defined]
