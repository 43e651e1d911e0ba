"""Deliveries that could not be processed: kept aside, with the reason."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_24_set_aside"
down_revision = "2026_11_23_people"


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    op.add_column("delivery", sa.Column("set_aside_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("delivery", sa.Column("why", sa.String(), nullable=True))
    op.create_index(
        "delivery_aside",
        "delivery",
        ["store", "id"],
        unique=False,
        sqlite_where=sa.text("set_aside_at IS NOT NULL"),
        postgresql_where=sa.text("set_aside_at IS NOT NULL"),
    )
