"""Deliveries and batches keep the trace that they are part of, where traces are recorded."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_30_trace"
down_revision = "2026_11_30_causes"


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    for table in ("delivery", "batch"):
        op.add_column(table, sa.Column("trace", sa.String()))
