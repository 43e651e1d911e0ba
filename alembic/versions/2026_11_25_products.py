"""Products to be read again are rows, not words in a setting; a location may be behind."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_products"
down_revision = "2026_11_25_refused"

SETTING = "products_to_read:"


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    table = op.create_table(
        "product_to_read",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("try_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store"], ["store.alias"]),
        sa.PrimaryKeyConstraint("store", "product_id"),
    )
    op.create_index("product_to_read_due", "product_to_read", ["store", "try_at"])
    op.add_column("location", sa.Column("behind_since", sa.DateTime(timezone=True), nullable=True))
    _carry_over(op.get_bind(), table)


def _carry_over(connection: sa.Connection, table: sa.Table) -> None:
    """Make a row of each word; a product that was noted twice is one row."""
    setting = sa.table("setting", sa.column("name", sa.String), sa.column("value", sa.Text))
    store = sa.table("store", sa.column("alias", sa.String))
    known = set(connection.execute(sa.select(store.c.alias)).scalars())
    ours = setting.c.name.startswith(SETTING, autoescape=True)
    now = datetime.now(UTC)  # noqa: TID251 - a migration has no clock
    for name, value in connection.execute(sa.select(setting.c.name, setting.c.value).where(ours)):
        alias = name.removeprefix(SETTING)
        rows = [
            {
                "store": alias,
                "product_id": product,
                "mark": 1,
                "attempts": 0,
                "wanted_at": now,
                "try_at": now,
            }
            for product in sorted({int(each) for each in value.split()})
        ]
        if rows and alias in known:
            connection.execute(sa.insert(table), rows)
    connection.execute(sa.delete(setting).where(ours))
