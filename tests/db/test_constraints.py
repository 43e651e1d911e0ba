"""The database refuses states that must never be, whoever forgets to check."""

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from sync_core.db.rows import new_level
from sync_core.db.tables import (
    AdjustmentRow,
    BatchRow,
    ConnectionRow,
    DeliveryRow,
    FindingRow,
    LevelRow,
    LocationGroupRow,
    LocationRow,
    OrderEventRow,
    PoolRow,
    StoreRow,
)
from tests.db.conftest import EU, NOON, US, level_key

ORDER_EVENT = {"store": US, "kind": "sale", "ref": 7, "line": 1, "order_id": 7, "name": "#1042"}
ORDER_EVENT |= {"variant_id": 3, "quantity": 1, "at": NOON}


def new(row, **values):
    return insert(row).values(values)


def adjustment(**given):
    start = {"level_id": 2, "batch_id": 1, "delta": -5, "level_baseline": 0, "planned_at": NOON}
    return insert(AdjustmentRow).values({**start, **given})


def delivery(store):
    start = {"webhook_id": "w", "topic": "inventory_levels/update", "body": b"{}"}
    return insert(DeliveryRow).values(store=store, received_at=NOON, **start)


def finding(**given):
    start = {"kind": "store_blocked", "severity": "critical", "facts": {}, "opened_at": NOON}
    return insert(FindingRow).values({**start, "subject": "store:us", **given})


def level(pool, at, **given):
    return insert(LevelRow).values({**new_level(pool, at), **given})


def location(number):
    row = {"name": "Berlin", "active": True, "owned": True, "location_group_id": 1}
    return insert(LocationRow).values(store=EU, location=number, **row)


SECOND_POOL = new(PoolRow, location_group_id=1, title="Shirt")
IMPOSSIBLE = {
    "two open adjustments of a level": (adjustment(), adjustment(delta=3)),
    "an adjustment of nothing": (adjustment(delta=0),),
    "an adjustment in an unknown state": (adjustment(state="maybe"),),
    "an adjustment without a batch": (adjustment(batch_id=99),),
    "an adjustment of no level": (adjustment(level_id=99),),
    "a batch in an unknown state": (update(BatchRow).values(state="replaced"),),
    "two batches under one key": (new(BatchRow, store=EU, key="k", body=b"", planned_at=NOON),),
    "a delivery kept twice": (delivery(US), delivery(US)),
    "a delivery of a store that nobody knows": (delivery("uk"),),
    "an item twice at one location": (SECOND_POOL, level(2, level_key(US))),
    "two levels of one store in a pool": (level(1, level_key(US, item=2)),),
    "a level without a pool": (level(99, level_key(US, item=2)),),
    "a level that has met and has no book": (update(LevelRow).values(book=None),),
    "a pack of nothing": (update(LevelRow).values(pack=0),),
    "a pool at no place": (new(PoolRow, location_group_id=99, title="Shirt"),),
    "a mode that nobody knows": (update(ConnectionRow).values(mode="three-way"),),
    "a connection to no store": (new(ConnectionRow, destination="uk"),),
    "two stores at one address": (
        new(StoreRow, alias="uk", domain="urbanwear-us.myshopify.com", role="destination"),
    ),
    "two locations of a store at one place": (location(1), location(2)),
    "two places of one name": (new(LocationGroupRow, name="Berlin"),),
    "a finding that stands twice": (finding(), finding(severity="info")),
    "a line of an order twice": (
        insert(OrderEventRow).values(ORDER_EVENT),
        insert(OrderEventRow).values(ORDER_EVENT),
    ),
}


@pytest.mark.parametrize("statements", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_the_database_refuses(furnished, statements):
    """A bug shall be an error in the log, not a wrong number in a store."""
    *steps, last = statements
    for step in steps:
        furnished.run(lambda tx, step=step: tx.run(step))
    with pytest.raises(IntegrityError):
        furnished.run(lambda tx: tx.run(last))


ALLOWED = {
    "an open adjustment beside a settled one": (adjustment(state="settled"), adjustment()),
    "open adjustments of two levels": (adjustment(level_id=1), adjustment(level_id=2)),
    "one webhook id from two stores": (delivery(EU), delivery(US)),
    "a finding that stands again": (finding(closed_at=NOON), finding()),
    "a level that has met nobody and has no book": (
        update(LevelRow).values(baselined=False, book=None),
    ),
    "locations without a place": (
        location(1),
        update(LocationRow).values(location_group_id=None),
        location(2),
    ),
}


@pytest.mark.parametrize("statements", ALLOWED.values(), ids=ALLOWED.keys())
def test_the_database_allows(furnished, statements):
    """A constraint that bites too early stops a store."""
    for each in statements:
        furnished.run(lambda tx, each=each: tx.run(each))


@pytest.mark.parametrize("number", [2**40, 9_007_199_254_740_991, -(2**40)])
def test_ids_and_quantities_are_wide(furnished, number):
    """Shopify's ids need more than 32 bits."""
    wide = {"location": abs(number), "book": number, "item": abs(number)}
    furnished.run(lambda tx: tx.run(update(LevelRow).where(LevelRow.id == 2).values(wide)))
    query = select(LevelRow.book, LevelRow.item).where(LevelRow.id == 2)
    assert furnished.run(lambda tx: tx.run(query).one()) == (number, abs(number))
