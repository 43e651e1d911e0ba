"""Up to 20 barcodes for a variant, and whether it is sold below zero."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_barcodes"
down_revision = "2026_11_25_long_names"

AT_ONCE = 1000
LONGEST = 200  # characters; a longer one is read again with its catalogue


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    op.add_column("variant", sa.Column("barcodes", sa.JSON(), nullable=True))
    op.add_column(
        "variant",
        sa.Column("policy", sa.String(), server_default=sa.text("'deny'"), nullable=False),
    )
    op.create_table(
        "barcode",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("item", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["store"], ["store.alias"]),
        sa.PrimaryKeyConstraint("store", "item", "code"),
    )
    op.create_index("barcode_code", "barcode", ["code"], unique=False)
    _carry_over(op.get_bind())


def _carry_over(connection: sa.Connection) -> None:
    """Make the one barcode that each variant has had a row."""
    variant = _table("variant", "barcode")
    place = sa.tuple_(variant.c.store, variant.c.item)
    page = (
        sa.select(variant)
        .where(variant.c.barcode != "")
        .order_by(variant.c.store, variant.c.item)
        .limit(AT_ONCE)
    )
    new = sa.insert(_table("barcode", "code"))
    last = ("", 0)
    while rows := connection.execute(page.where(place > last)).all():
        last = (rows[-1].store, rows[-1].item)
        codes = [
            {"store": row.store, "item": row.item, "code": code}
            for row in rows
            if 0 < len(code := _normal(row.barcode)) <= LONGEST
        ]
        if codes:
            connection.execute(new, codes)


def _table(name: str, text: str) -> sa.TableClause:
    """Return a table with a text for each variant."""
    store, item = sa.column("store", sa.String), sa.column("item", sa.BigInteger)
    return sa.table(name, store, item, sa.column(text, sa.String))


def _normal(text: str) -> str:
    """Return a barcode in the form in which it is compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
