"""What stores sell."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Index, Table, text
from sqlmodel import Field, SQLModel

from sync_core.db.tables.columns import NAMED, Json, Utc, index_where


class VariantRow(SQLModel, table=True):
    """What a store sells, as its catalogue says."""

    __tablename__: ClassVar[str] = "variant"
    __table_args__ = (
        Index("variant_product", "store", "product_id"),
        # Of a hash: what is sold may go by a name that no page of an ordered index holds.
        Index("variant_key", "key", postgresql_using="hash"),
        index_where(NAMED, "variant_sku", "sku", postgresql_using="hash"),
    )

    store: str = Field(primary_key=True, foreign_key="store.alias")
    item: int = Field(primary_key=True, sa_type=BigInteger)
    variant_id: int = Field(sa_type=BigInteger)
    product_id: int = Field(sa_type=BigInteger)
    handle: str
    title: str
    options: tuple[tuple[str, str], ...] = Field(sa_type=Json(tuple[tuple[str, str], ...], ()))
    sku: str
    barcode: str  # the main one, all that an older Tipo knew
    # None: an older Tipo wrote this row.
    barcodes: tuple[str, ...] | None = Field(None, sa_type=Json(tuple[str, ...] | None))
    tracked: bool
    bundle: bool
    gift_card: bool
    status: str
    policy: str = Field("deny", sa_column_kwargs={"server_default": text("'deny'")})
    key: str | None = None  # what it is matched by, in its normal form


VARIANT: Table = VariantRow.__table__  # type: ignore[attr-defined]


class BarcodeRow(SQLModel, table=True):
    """A barcode of a variant in the form in which it is compared, to find variants by any."""

    __tablename__: ClassVar[str] = "barcode"
    __table_args__ = (Index("barcode_code", "code"),)

    store: str = Field(primary_key=True, foreign_key="store.alias")
    item: int = Field(primary_key=True, sa_type=BigInteger)
    code: str = Field(primary_key=True)


BARCODE: Table = BarcodeRow.__table__  # type: ignore[attr-defined]


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


TO_READ: Table = ProductToReadRow.__table__  # type: ignore[attr-defined]
