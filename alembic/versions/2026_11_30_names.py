"""One name for each thing: tables, columns and stored words say what the code says.

No number changes. What the daily seals are made of keeps its words, too: those of movements,
adjustments, receipts and effects, and so the kinds and choices of proposals.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "2026_11_30_names"
down_revision = "2026_11_26_seal"

TABLES = {
    "act": "order_event",
    "hold": "withheld_movement",
    "minute": "traffic_minute",
    "notice": "notification",
    "place": "location_group",
    "settled": "settled_sum",
}
COLUMNS = {  # by the table's old name
    "adjustment": {"meeting": "level_baseline"},
    "delivery": {"set_aside_at": "quarantined_at"},
    "hold": {"brake": "breaker", "kept": "withheld_from"},
    "level": {
        "heard_at": "reported_at",
        "held": "withheld",
        "later": "deferred",
        "later_at": "deferred_at",
        "look_at": "refresh_at",
        "look_mark": "refresh_mark",
        "look_since": "refresh_since",
        "meeting": "level_baseline",
        "met": "baselined",
        "ordered": "manual_delta",
    },
    "location": {"place_id": "location_group_id"},
    "movement": {"meeting": "level_baseline"},
    "notice": {"over": "resolved"},
    "pool": {"place_id": "location_group_id"},
    "receipt": {"place": "origin", "told": "notified"},
    "report": {"busy": "turn"},
    "settled": {"meeting": "level_baseline"},
    "store": {
        "held_since": "blocked_since",
        "held_why": "blocked_why",
        "last_left": "last_sent_at",
    },
}
INDEXES = {
    "act_order": "order_event_order",
    "act_variant": "order_event_variant",
    "delivery_aside": "delivery_quarantined",
    "hold_brake": "withheld_movement_breaker",
    "hold_open": "withheld_movement_open",
    "level_unmet": "level_not_baselined",
    "level_wanted": "level_refresh",
    "one_open": "one_open_adjustment",
    "one_standing": "one_open_finding",
    "proposal_wanted": "proposal_approved",
}
CONSTRAINTS = {  # by the table's new name
    "delivery": {"each_once": "delivery_once"},
    "level": {"met_has_a_book": "baselined_has_a_book", "one_level_per_spot": "one_level_per_key"},
    "order_event": {"each_act_once": "order_event_once"},
}

KINDS = {"brake": "circuit_breaker", "held": "store_blocked"}  # of findings and notifications
REPORT_KINDS = {"meeting": "baseline"}
FACTS = {"held_by": "investigated_by"}  # keys of JSON
WORKERS = {"folder": "delivery_processor", "keeper": "upkeep", "looker": "refresher"}
AT_ONCE = 1000  # rows that are read at a time


def upgrade() -> None:
    """Go forward; the way back is a backup."""
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    for old, new in TABLES.items():
        op.execute(f"ALTER TABLE {old} RENAME TO {new}")
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _rename_in_sqlite(connection)
    else:
        _rename_in_postgresql(connection)
    _rename_words(connection)


# -- indexes and constraints
def _rename_in_sqlite(connection: sa.Connection) -> None:
    """Make indexes again by their new names, and write those of constraints into the schema."""
    master = sa.table("sqlite_master", sa.column("name"), sa.column("sql"))
    for old, new in INDEXES.items():
        words = sa.select(master.c.sql).where(master.c.name == old)
        made = connection.execute(words).scalar_one().replace(f"INDEX {old} ", f"INDEX {new} ", 1)
        op.execute(f"DROP INDEX {old}")
        connection.exec_driver_sql(made)
    # SQLite has no statement for it. Their names are in the text of a table, and nowhere else.
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    for table, names in CONSTRAINTS.items():
        for old, new in names.items():
            words = sa.func.replace(master.c.sql, f"CONSTRAINT {old} ", f"CONSTRAINT {new} ")
            op.execute(sa.update(master).where(master.c.name == table).values(sql=words))
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")


def _rename_in_postgresql(connection: sa.Connection) -> None:
    """Rename what was named by us, and what PostgreSQL has named after tables and columns."""
    for old, new in INDEXES.items():
        op.execute(f"ALTER INDEX {old} RENAME TO {new}")
    for table, names in CONSTRAINTS.items():
        for old, new in names.items():
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
    for old, new in TABLES.items():
        if sa.inspect(connection).has_sequence(f"{old}_id_seq"):
            op.execute(f"ALTER SEQUENCE {old}_id_seq RENAME TO {new}_id_seq")
    found = "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE conrelid <> 0"
    for table, name in connection.exec_driver_sql(found).all():
        if (new := _named_after(table, name)) != name:
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {name} TO {new}")


def _named_after(table: str, name: str) -> str:
    """Return what PostgreSQL would call a constraint that it named: pool_place_id_fkey."""
    before = next((old for old, new in TABLES.items() if new == table), table)
    if not name.startswith(f"{before}_"):
        return name
    rest = name.removeprefix(before)
    for old, new in COLUMNS.get(before, {}).items():
        rest = rest.replace(f"_{old}_", f"_{new}_")
    return table + rest


# -- stored words
def _rename_words(connection: sa.Connection) -> None:
    """Say in the new words what findings, reports, proposals, posts and settings say."""
    for table in ("finding", "notification"):
        _replace(connection, table, "kind", KINDS)
        _replace_beginning(connection, table, "subject", "brake:", "circuit_breaker:")
        for old, new in WORKERS.items():
            _replace_beginning(connection, table, "subject", f"worker:{old}", f"worker:{new}")
    _replace(connection, "proposal", "subject", KINDS)
    _replace(connection, "report", "kind", REPORT_KINDS)
    _replace_beginning(connection, "withheld_movement", "breaker", "brake:", "circuit_breaker:")
    _replace(connection, "setting", "name", {"bell": "wakeup"})
    _replace_beginning(connection, "setting", "name", "brake_over:", "circuit_breaker_ended:")
    _convert(connection, "finding", "id", "facts", lambda facts, _: _renamed(facts))
    _convert(connection, "proposal", "id", "facts", lambda facts, _: _renamed(facts))
    _convert(connection, "notification", "id", "facts", _notification, "kind")
    _convert(connection, "post", "key", "body", _post, "kind")


def _notification(facts: Any, kind: str) -> Any:
    return _renamed(facts, REPORT_KINDS if kind == "report" else {})


def _post(body: Any, kind: str) -> Any:
    """Return what a post is made of; each kind of post has kinds of its own in it."""
    match kind:
        case "ledger":
            stories = body.get("stories", {})
            return {**body, "stories": {_story(base): told for base, told in stories.items()}}
        case "report":
            return _renamed(body, REPORT_KINDS)
        case "receipt":  # of a proposal, whose kinds have kept their words
            return _renamed(body)
        case _:
            return _renamed(body, KINDS)


def _story(base: str) -> str:
    """Return the name of a story: its kind, and its subject or where it is."""
    kind, _, rest = base.partition(" ")
    return f"{KINDS.get(kind, kind)} {_subject(rest)}"


def _renamed(value: Any, kinds: Mapping[str, str] = MappingProxyType({}), name: str = "") -> Any:
    """Return JSON with new names of facts, new subjects, and new kinds where it has some."""
    match value:
        case dict():
            return {
                FACTS.get(key) or _renamed(key): _renamed(each, kinds, key)
                for key, each in value.items()
            }
        case list():
            return [_renamed(each, kinds) for each in value]
        case str() if name == "kind":
            return kinds.get(value, value)
        case str() if name == "worker":
            return _worker(value)
        case str():
            return _subject(value)
        case _:
            return value


def _subject(text: str) -> str:
    """Return what something is about: brake:eu:20261123T093000, worker:looker us."""
    of, colon, rest = text.partition(":")
    if of == "brake" and ":" in rest:
        return f"circuit_breaker:{rest}"
    return f"worker:{_worker(rest)}" if of == "worker" and colon else text


def _worker(name: str) -> str:
    """Return the name of a worker, which may be one of a store."""
    work, space, store = name.partition(" ")
    return f"{WORKERS.get(work, work)}{space}{store}"


def _replace(connection: sa.Connection, table: str, column: str, words: Mapping[str, str]) -> None:
    """Replace some words of a column by others."""
    held = sa.table(table, sa.column(column, sa.String))
    for old, new in words.items():
        mine = held.c[column] == old
        connection.execute(sa.update(held).where(mine).values({column: new}))


def _replace_beginning(
    connection: sa.Connection, table: str, column: str, old: str, new: str
) -> None:
    """Replace how the words of a column begin."""
    text = sa.column(column, sa.String)
    mine = sa.update(sa.table(table, text)).where(text.startswith(old, autoescape=True))
    rest = sa.func.substr(text, len(old) + 1)
    connection.execute(mine.values({column: sa.literal(new) + rest}))


def _convert(
    connection: sa.Connection,
    table: str,
    key: str,
    column: str,
    convert: Callable[[Any, str], Any],
    kind: str | None = None,
) -> None:
    """Convert the JSON of a column, row by row, some rows at a time."""
    number, json = sa.column(key), sa.column(column, sa.JSON)
    of = sa.literal("") if kind is None else sa.column(kind)
    rows = sa.select(number, json, of.label("of")).select_from(sa.table(table)).order_by(number)
    some = connection.execute(rows.limit(AT_ONCE)).all()
    while some:
        changed = [
            {"mine": row[0], "new": new}
            for row in some
            if (new := convert(row[1], row[2])) != row[1]
        ]
        if changed:
            mine = sa.update(sa.table(table, number, json)).where(number == sa.bindparam("mine"))
            connection.execute(mine.values({column: sa.bindparam("new", type_=sa.JSON)}), changed)
        some = connection.execute(rows.where(number > some[-1][0]).limit(AT_ONCE)).all()
