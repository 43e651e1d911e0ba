"""A store may be held because it refuses to be written to, although it can be read."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_refused"
down_revision = "2026_11_24_set_aside"


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    op.add_column(
        "store",
        sa.Column("write_refused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
