"""Find variants by a name of any length: an ordered index of PostgreSQL takes 2,704 bytes."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_long_names"
down_revision = "2026_11_25_post_ts"

NAMED = sa.text("sku <> ''")


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    op.drop_index("variant_key", "variant")
    op.create_index("variant_key", "variant", ["key"], postgresql_using="hash")
    op.drop_index("variant_sku", "variant")
    op.create_index(
        "variant_sku",
        "variant",
        ["sku"],
        sqlite_where=NAMED,
        postgresql_where=NAMED,
        postgresql_using="hash",
    )
