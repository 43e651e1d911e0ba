"""An order names the change that it explains: once, in every answer, as long as it is kept."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import insert, select, text, update

from sync_core.db import causes
from sync_core.db.causes import LOOKBACK, RECORDED_AFTER
from sync_core.db.rows import new_level
from sync_core.db.tables import LEVEL, MOVEMENT, ORDER_EVENT, POOL, LevelRow
from sync_core.domain.audit import Law, breaches
from sync_core.domain.matching import MatchBy, key_of
from sync_core.domain.values import PoolId
from sync_core.domain.webhook_events import OrderEvent, OrderEventKind
from tests.db.conftest import EU, NOON, US, after, level_key
from tests.db.proposal_helpers import at_once
from tests.unit.builders import variant

LATER = NOON + timedelta(minutes=10)
SALE, REFUND = OrderEventKind.SALE, OrderEventKind.REFUND


@pytest.fixture
def shop(furnished):
    """Both levels are of variants that the catalogue knows."""
    sold = [variant(store, item=1) for store in ("eu", "us")]
    keys = [key_of(each, MatchBy.HANDLE) for each in sold]
    furnished.run(lambda tx: tx.catalogue.save_variants(sold, keys))
    return furnished


def move(database, level, delta, seconds=0):
    """A level moved; return the number of the movement. Its book goes with it."""

    def work(tx):
        moved = {"pool_id": 1, "level_id": level, "level_baseline": 0, "counted": 0}
        when = {"at": after(seconds), "seen_at": after(seconds), "source": "webhook"}
        made = insert(MOVEMENT).values(**moved, delta=delta, **when).returning(MOVEMENT.c.id)
        book = {"book": LEVEL.c.book + delta}
        tx.run(update(LEVEL).where(LEVEL.c.id == level).values(book))
        return tx.run(made).scalar_one()

    return database.run(work)


def order(ref, quantity, seconds=0, *, store=EU, kind=SALE, variant_id=None):
    return OrderEvent(
        store=store, kind=kind, ref=ref, line=1, order_id=ref, name=f"#{ref}",
        variant_id=variant_id or variant(store, item=1).variant_id, quantity=quantity,
        location=None, at=after(seconds),
    )  # fmt: skip


def tell(database, *orders):
    database.run(lambda tx: tx.order_events.save(orders))


def record(database, now=LATER):
    return database.run(lambda tx: tx.causes.record([PoolId(1)], now=now))


def recorded(database):
    """Return which movement each order explains."""
    query = select(ORDER_EVENT.c.ref, ORDER_EVENT.c.movement_id)
    return {row.ref: row.movement_id for row in database.run(lambda tx: tx.run(query).all())}


def laws(database):
    books = database.run(lambda tx: tx.audit.books([PoolId(1)]))
    return [(each.law, each.store) for pool in books for each in breaches(pool)]


def test_orders_that_add_up_to_a_change_are_recorded_once(shop):
    sold, edited = move(shop, 1, -3), move(shop, 1, -5, 1)
    back = move(shop, 2, 2, 2)
    tell(shop, order(1, 1), order(2, 2), order(3, 2, 3, store=US, kind=REFUND))
    assert record(shop) == 3
    assert recorded(shop) == {1: sold, 2: sold, 3: back}
    assert record(shop) == 0
    assert recorded(shop) == {1: sold, 2: sold, 3: back}
    assert edited not in recorded(shop).values()
    assert laws(shop) == []


def test_a_change_waits_for_its_orders_and_late_ones_are_recorded_all_the_same(shop):
    """An order's webhook may come after that of the level, and be sent again for two days."""
    sold = move(shop, 1, -2)
    tell(shop, order(1, 1))
    early = NOON + RECORDED_AFTER - timedelta(seconds=1)
    assert record(shop, now=early) == 0
    tell(shop, order(2, 1, 1))
    assert record(shop, now=NOON + timedelta(days=2)) == 2
    assert recorded(shop) == {1: sold, 2: sold}


def test_orders_that_explain_nothing_are_given_up(shop):
    """Else each sweep would look at every order of a year."""
    tell(shop, order(1, 1))
    assert record(shop) == 0
    move(shop, 1, -1)
    assert record(shop, now=NOON + LOOKBACK + timedelta(minutes=1)) == 0
    assert record(shop, now=NOON + LOOKBACK - timedelta(minutes=1)) == 1


def test_an_order_with_a_change_of_its_own_is_no_cause_of_a_missed_one(shop):
    """Else a fix would be called safe by an order that explains another change."""
    move(shop, 1, -2)
    tell(shop, order(1, 2))
    ask = partial(shop.run, lambda tx: tx.order_events.cause_of(PoolId(1), EU, -2, after(60)))
    assert ask() == "order #1"
    record(shop)
    assert ask() is None


def test_every_page_says_the_same_cause(shop):
    """A page that begins in the middle gave the order to the second change once more."""
    first, second = move(shop, 1, -5), move(shop, 1, -5, 1)
    tell(shop, order(1042, 5))
    record(shop)

    def causes_after(number):
        found = shop.run(lambda tx: tx.movements.page(after=number, limit=9))
        return {each.id: each.cause for each in found}

    assert causes_after(0) == {first: "order #1042", second: "changed in the store"}
    assert causes_after(first) == {second: "changed in the store"}
    told = [each.cause for each in shop.run(lambda tx: tx.views.history(PoolId(1), limit=1))]
    assert told == ["changed in the store"]


def test_an_item_at_two_locations_has_its_orders_once(shop):
    """Two pools, one variant: what explains the one explains nothing in the other."""

    def add_location(tx):
        tx.run(insert(POOL).values(location_group_id=1, title="Jacket", shared=9, first_shared=9))
        baselined = {"book": 9, "first_book": 9, "first_shared": 9, "baselined": True}
        tx.run(insert(LevelRow), [new_level(2, level_key(EU, location=2), **baselined)])

    shop.run(add_location)
    sold = move(shop, 1, -1)
    other = {"pool_id": 2, "level_id": 3, "level_baseline": 0, "delta": -1, "counted": 0}
    shop.run(
        lambda tx: tx.run(insert(MOVEMENT).values(**other, at=NOON, seen_at=NOON, source="webhook"))
    )
    tell(shop, order(1, 1))
    shop.run(lambda tx: tx.causes.record([PoolId(1), PoolId(2)], now=LATER))
    assert recorded(shop) == {1: sold}


def test_processes_that_record_at_once_record_each_cause_once(shop, database_url):
    """Each change has its orders, and none has another's as well."""
    sold = [move(shop, 1, -1, 300 * n) for n in range(12)]
    for first in (0, 50):
        tell(shop, *(order(first + n, 1, 300 * n) for n in range(12)))
    now = NOON + timedelta(hours=2)

    async def work(database, _turn):
        return await database.transaction(lambda tx: tx.causes.record([PoolId(1)], now=now))

    assert sum(at_once(database_url, 4, work)) == 12
    explained = [each for each in recorded(shop).values() if each is not None]
    assert sorted(explained) == sold
    assert laws(shop) == []


@pytest.mark.parametrize(
    "altered",
    [
        "quantity = 3",
        "kind = 'refund'",
        "store = 'us'",
        "variant_id = 99",
        "movement_id = (SELECT max(id) FROM movement)",
    ],
)
def test_what_no_longer_adds_up_is_a_breach(shop, altered):
    """Of the level whose change it is, and of no other."""
    move(shop, 1, -2)
    move(shop, 1, -7, 1)
    tell(shop, order(1, 2))
    record(shop)
    assert laws(shop) == []
    shop.run(lambda tx: tx.run(text(f"UPDATE order_event SET {altered}")))  # noqa: S608
    assert laws(shop) == [(Law.ORDERS, EU)]


def test_a_product_that_the_catalogue_forgot_breaks_no_law(shop):
    """It was deleted in the store; what it sold before is as right as ever."""
    move(shop, 1, -2)
    tell(shop, order(1, 2))
    record(shop)
    shop.run(lambda tx: tx.run(text("DELETE FROM variant")))
    assert laws(shop) == []


def test_a_new_baseline_has_nothing_of_the_old_one_to_explain(shop):
    move(shop, 1, -2)
    tell(shop, order(1, 2))
    record(shop)
    shop.run(lambda tx: tx.run(text("UPDATE order_event SET quantity = 9")))
    shop.run(lambda tx: tx.run(text("UPDATE level SET level_baseline = 1, first_book = book")))
    assert laws(shop) == []


def test_orders_that_are_too_old_take_their_causes_with_them(shop, monkeypatch):
    """Half of what explains a change adds up to nothing, and would look like a breach."""
    sold = move(shop, 1, -3, 30)
    tell(shop, order(1, 1, 0), order(2, 2, 60), order(3, 4, 61))
    whole = move(shop, 1, -4, 61)
    record(shop)
    assert recorded(shop) == {1: sold, 2: sold, 3: whole}
    assert shop.run(lambda tx: tx.retention.forget_order_events(before=after(30))) == 1
    assert recorded(shop) == {2: None, 3: whole}
    assert laws(shop) == []
    told = shop.run(lambda tx: tx.views.history(PoolId(1), limit=9))
    assert [each.cause for each in told] == ["changed in the store", "order #3"]
    monkeypatch.setattr(causes, "LOOKBACK", timedelta(days=999))
    assert record(shop) == 0, "what is left of them explains nothing else"


def test_how_much_orders_explain_is_counted_by_store(shop):
    """From the first change that one explains: before that nobody told us of orders."""
    move(shop, 1, -9)
    move(shop, 1, -3, 400)
    move(shop, 1, 5, 800)
    move(shop, 2, -1, 800)
    tell(shop, order(1, 3, 400))
    now = NOON + timedelta(hours=1)
    assert shop.run(lambda tx: tx.causes.shares(now=now)) == []
    record(shop, now=now)
    (share,) = shop.run(lambda tx: tx.causes.shares(now=now))
    assert (share.store, share.since) == (EU, after(400))
    assert (share.moved, share.by_orders, share.otherwise) == (8, 3, 5)
