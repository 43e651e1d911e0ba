"""Migrations run on the connection that the application gives; see `sync_core.db.migrate`."""

from typing import Literal

from alembic import context
from sqlmodel import AutoString, SQLModel

from sync_core.db import tables

connection = context.config.attributes.get("connection")

if connection is None:
    raise SystemExit("Run `tipo migrate`, or `make migration` to write a new one.")


def render_item(kind: str, item: object, drawn: object) -> str | Literal[False]:
    """Write types as SQLAlchemy's own: a migration must outlive the models of today."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    return tables.render_item(kind, item, drawn)


context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    transactional_ddl=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
