"""What is asked all the time is answered by indexes, however many rows there are."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, text, update

from sync_core.db.retention import RETENTION_PERIODS
from sync_core.db.tables import (
    ADJUSTMENT,
    BATCH,
    DELIVERY,
    LEVEL,
    MOVEMENT,
    ORDER_EVENT,
    POOL,
    VARIANT,
)
from tests.db.conftest import NOON, US
from tests.unit.builders import variant

MANY = 30_000  # so many that a database with a choice takes the index
TABLES = "level|pool|movement|delivery|batch|order_event|adjustment"
WHOLE_POSTGRES = re.compile(rf"Seq Scan on ({TABLES})\b")
# Of these a scan reads only the rows that it is about.
SMALL_INDEXES = "pool_unagreed|pool_oversold|delivery_new|one_open_adjustment"
PARTIAL = rf"SCAN \w+ USING (COVERING )?INDEX ({SMALL_INDEXES})\b"


COUNTING = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= :many) "


def multiply(tx, table, **fresh):
    """Make many rows like the first of a table, each with a number `i` in what is fresh."""
    key = "item" if table is VARIANT else "id"
    names = [column.name for column in table.columns if column.name != "id"]
    values = ", ".join(fresh.get(name, f"one.{name}") for name in names)
    into = f"INSERT INTO {table.name} ({', '.join(names)}) "
    rows = f"SELECT {values} FROM {table.name} one, n WHERE one.{key} IN (:first, :second)"  # noqa: S608
    first, *more = tx.run(
        text(f"SELECT {key} FROM {table.name} ORDER BY {key} LIMIT 2")  # noqa: S608
    ).scalars()
    start = COUNTING + into if tx.is_sqlite else into + COUNTING
    given = {"many": MANY, "first": first, "second": more[0] if more else first}
    tx.run(text(start + rows), given)


def fill(tx):
    """Many pools that agree, and what a year has left."""
    multiply(tx, POOL)
    multiply(tx, LEVEL, pool_id="i", item="i")
    moved = {"level_baseline": 0, "delta": -1, "counted": -1, "shared": 49, "source": "webhook"}
    first = {"pool_id": 1, "level_id": 1, "at": NOON, **moved}
    tx.run(insert(MOVEMENT).values(first))
    multiply(tx, MOVEMENT, pool_id="i", level_id="i")
    hook = {"store": "eu", "webhook_id": "w", "topic": "x", "body": b"x"}
    tx.run(insert(DELIVERY).values(**hook, received_at=NOON, handled_at=NOON))
    multiply(tx, DELIVERY, webhook_id="'w' || i")
    batch = tx.batches.insert_batch(US, "key", b"x", [(2, -1, 0)], now=NOON)
    over = tx.batches.close(batch, "settled", now=NOON)
    tx.batches.close_adjustments([each.id for each in over], "settled", now=NOON)
    tx.run(update(BATCH).values(state="settled", closed_at=NOON, body=b""))
    multiply(tx, BATCH, key="'k' || i || '.' || one.id")
    multiply(tx, ADJUSTMENT, level_id="i", batch_id="i")
    said = {"store": "eu", "kind": "sale", "line": 1, "variant_id": 1, "quantity": 1, "at": NOON}
    tx.run(insert(ORDER_EVENT).values(ref=1, order_id=1, name="#1", **said))
    multiply(tx, ORDER_EVENT, ref="i", order_id="i", variant_id="i")
    tx.catalogue.save_variants([variant(item=1, variant_id=1)], [None])
    multiply(tx, VARIANT, item="i", variant_id="i", product_id="i")


@pytest.fixture
def full(furnished):
    furnished.run(fill)
    furnished.run(lambda tx: tx.run(text("ANALYZE")))
    furnished.run(lambda tx: tx.views.count_stock(now=NOON))
    return furnished


def tidied(tx):
    for keep, forget in RETENTION_PERIODS:
        forget(tx.retention, before=NOON - keep)


QUESTIONS = {
    "at a glance": lambda tx: tx.views.overview(now=NOON + timedelta(minutes=9)),
    "what came": lambda tx: tx.deliveries.unhandled(100),
    "what to look at": lambda tx: tx.refreshes.due(US, now=NOON, limit=100),
    "when to look": lambda tx: tx.refreshes.next_at(US),
    "what to write": lambda tx: tx.stock.writable_pools(US, 250),
    "what to send": lambda tx: tx.batches.lease(US, now=NOON, until=NOON),
    "when it was last written to": lambda tx: tx.batches.last_planned([7, 8]),
    "what moved": lambda tx: tx.movements.page(after=MANY - 50, limit=50),
    "a history": lambda tx: tx.views.history(7, limit=50),
    "what orders explain": lambda tx: tx.causes.record([7, 8], now=NOON + timedelta(minutes=9)),
    "the books": lambda tx: tx.audit.books([7, 8]),
    "orders by their names": lambda tx: tx.order_events.order_names([1, 2, 3]),
    "what is too old": tidied,
}


def plans(database, work):
    """Return how the database would answer each statement of a step."""
    asked = []

    def keep(_connection, _cursor, statement, parameters, _context, executemany):
        if not executemany:
            asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", keep)
    try:
        database.run(work)
    finally:
        event.remove(database.engine, "before_cursor_execute", keep)
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    with database.engine.begin() as connection:
        for statement, parameters in asked:
            if statement.split()[0] in {"SELECT", "UPDATE", "DELETE"}:
                rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
                yield statement, [str(row[-1]) for row in rows]


def test_no_question_that_is_asked_all_the_time_reads_a_whole_table(full):
    """A big shop has as many levels as it has; its health is asked for every few seconds."""
    for name, work in QUESTIONS.items():
        whole = [
            "\n".join([name, statement, *plan])
            for statement, plan in plans(full, work)
            if " AS head" not in statement  # the first rows of a table, in its own order
            if any(_reads_all(line) for line in plan)
        ]
        assert not whole, "\n\n".join(whole)


def _reads_all(line):
    scans = re.match(rf"SCAN ({TABLES})\b", line) and not re.match(PARTIAL, line)
    return scans or WHOLE_POSTGRES.search(line)


def test_how_many_there_are_is_counted_again_when_they_change(full):
    """A count that is minutes old is right unless pools were made, and then it is made anew."""
    first = full.run(lambda tx: tx.views.overview(now=NOON))
    count = MANY + 1
    assert (first.pools, first.agreed) == (count, count)
    assert [(each.levels, each.baselined) for each in first.stores] == [(count, count)] * 2
    row = {
        "id": MANY * 2,
        "location_group_id": 1,
        "title": "New",
        "shared": None,
        "first_shared": None,
    }
    full.run(lambda tx: tx.run(insert(POOL).values(row)))
    soon = full.run(lambda tx: tx.views.overview(now=NOON + timedelta(minutes=9)))
    late = full.run(lambda tx: tx.views.overview(now=NOON + timedelta(minutes=10)))
    assert (soon.pools, late.pools, late.agreed) == (count, count + 1, count)
