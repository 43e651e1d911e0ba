"""Levels that could not be read, and how often that was tried."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_unread"
down_revision = "2026_11_25_barcodes"


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    op.create_table(
        "unread_level",
        sa.Column("level_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("location", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["level_id"], ["level.id"]),
        sa.ForeignKeyConstraint(["store"], ["store.alias"]),
        sa.PrimaryKeyConstraint("level_id"),
    )
    op.create_index("unread_level_store", "unread_level", ["store"], unique=False)
