"""A database that the version before the new names has written: two stores in the middle of a day.

It was made by that version itself, with all its workers: a sale that has reached both stores, and
one whose update `us` never answered; a report with a fix; a webhook that could not be processed; a
safety stop with held changes; a store that refuses us; and what the bot had posted of all that.
"""

import json
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from sync_core.db import migrate as migrations
from sync_core.db.database import SqlDatabase

EARLIER = "2026_11_26_seal"
WRITTEN = json.loads(Path(__file__).with_name("earlier.json").read_text())
SEQUENCES = """SELECT setval(pg_get_serial_sequence('{0}', 'id'), (SELECT max(id) FROM {0}))"""


def write_earlier(url, *, posted=None):
    """Make the database; `posted`: channel and ts of posts that were sent, by key."""
    database = SqlDatabase(url)
    rows = WRITTEN["rows"]
    with database.engine.begin() as connection:
        command.upgrade(migrations._config(connection), EARLIER)
        tables = sa.MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            made = [_row(table, row) for row in rows.get(table.name, ())]
            if table.name == "post":
                made = [{**row, **(posted or {}).get(row["key"], {})} for row in made]
            if made:
                connection.execute(sa.insert(table), made)
                if connection.dialect.name == "postgresql" and "id" in table.c:
                    connection.exec_driver_sql(SEQUENCES.format(table.name))
    database.close()


def _row(table, row):
    """Return a row with the types of its columns."""
    return {name: _value(table.c[name], value) for name, value in row.items()}


def _value(column, value):
    if value is None:
        return sa.null() if isinstance(column.type, sa.JSON) else None
    if isinstance(column.type, sa.DateTime):
        return datetime.fromisoformat(value)
    if isinstance(column.type, sa.LargeBinary):
        return value.encode()
    return value
