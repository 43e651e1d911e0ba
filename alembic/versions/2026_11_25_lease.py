"""Who may write to a store, and pools that start over: a number for each baseline."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_lease"
down_revision = "2026_11_25_products"

ZERO = sa.text("0")


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    op.create_table(
        "lease",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("weak", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "state IN ('unknown', 'ours', 'older', 'foreign', 'taking_over')",
            name="lease_state_is_known",
        ),
        sa.ForeignKeyConstraint(["store"], ["store.alias"]),
        sa.PrimaryKeyConstraint("store"),
    )
    op.create_table(
        "renewal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["store"], ["store.alias"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token"),
    )
    op.create_index("renewal_store", "renewal", ["store", "id"], unique=False)
    op.create_table(
        "baseline",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store"], ["store.alias"]),
        sa.PrimaryKeyConstraint("id"),
    )
    for table in ("pool", "movement", "effect"):
        op.add_column(
            table, sa.Column("baseline", sa.Integer(), server_default=ZERO, nullable=False)
        )
