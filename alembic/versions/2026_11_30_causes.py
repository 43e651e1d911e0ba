"""An order names the movement that it explains: once, however often it is asked."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_30_causes"
down_revision = "2026_11_30_names"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXPLAINS = sa.text("movement_id IS NOT NULL")


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    op.add_column("order_event", sa.Column("movement_id", BIG, nullable=True))
    op.create_index(
        "order_event_movement",
        "order_event",
        ["movement_id"],
        sqlite_where=EXPLAINS,
        postgresql_where=EXPLAINS,
    )
