"""Find a post by the message that it is: a click names nothing else."""

from alembic import op

revision = "2026_11_25_post_ts"
down_revision = "2026_11_25_retention"


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    op.create_index("post_ts", "post", ["ts"], unique=False)
