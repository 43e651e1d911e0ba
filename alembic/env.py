"""Migrations run on the connection that the application gives; see `sync_core.db.migrate`."""

from alembic import context
from sqlmodel import SQLModel

from sync_core.db import tables

config = context.config
connection = config.attributes.get("connection")

if connection is None:
    raise SystemExit("Run `tipo migrate`, or `make migration` to write a new one.")

context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    transactional_ddl=True,
    render_item=tables.render_item,
)
with context.begin_transaction():
    context.run_migrations()
