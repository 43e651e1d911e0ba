"""What is old may go: a sum for settled adjustments, and indexes to find it, and to count by."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_retention"
down_revision = "2026_11_25_lease"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INDEXES = (
    ("act_order", "act", ["order_id"], None),
    ("batch_body", "batch", ["closed_at"], "length(body) > 0"),
    ("batch_state", "batch", ["store", "state", "id"], None),
    ("effect_proposal", "effect", ["proposal_id"], None),
    ("finding_closed", "finding", ["closed_at"], "closed_at IS NOT NULL"),
    ("level_suspended", "level", ["store"], "suspended IS NOT NULL"),
    ("level_unmet", "level", ["store"], "NOT met"),
    ("pool_oversold", "pool", ["id"], "shared < 0"),
    ("pool_unagreed", "pool", ["id"], "shared IS NULL"),
    ("proposal_finding", "proposal", ["finding_id"], None),
    ("proposal_opened", "proposal", ["opened_at"], None),
)


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    op.create_table(
        "settled",
        sa.Column("level_id", BIG, nullable=False),
        sa.Column("meeting", sa.Integer(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["level_id"], ["level.id"]),
        sa.PrimaryKeyConstraint("level_id", "meeting"),
    )
    for name, table, columns, where in INDEXES:
        part = None if where is None else sa.text(where)
        op.create_index(name, table, columns, sqlite_where=part, postgresql_where=part)
