"""Deliveries: kept once, handed out once, in order, forgotten late."""

from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import select

from sync_core.db.database import SqlDatabase
from sync_core.db.tables import OrderEventRow
from sync_core.domain.webhook_events import OrderEvent, OrderEventKind
from sync_core.ports import Delivery
from tests.conftest import needs_postgres
from tests.db.conftest import EU, NOON, US, after, furnish


def webhook(number, store=US, at=0):
    return Delivery(
        store=store,
        webhook_id=f"w{number}",
        topic="inventory_levels/update",
        body=f'{{"available": {number}}}'.encode(),
        received_at=after(at),
    )


def kept(database, limit=100):
    return database.run(lambda tx: [each.body for each in tx.deliveries.unhandled(limit)])


def test_a_delivery_is_kept_once(furnished):
    """Shopify delivers at least once, and a batch may hold the same one twice."""
    one, two = webhook(1), webhook(2)
    furnished.run(lambda tx: tx.deliveries.save([one, two, one]))
    furnished.run(lambda tx: tx.deliveries.save([two, webhook(3)]))
    assert kept(furnished) == [one.body, two.body, webhook(3).body]


def test_the_same_id_from_another_store_is_another_delivery(furnished):
    furnished.run(lambda tx: tx.deliveries.save([webhook(1, EU), webhook(1, US)]))
    assert len(kept(furnished)) == 2


def test_a_delivery_comes_back_as_it_was(furnished):
    """The signature was checked over these bytes; nobody may tidy them."""
    odd = Delivery(
        store=US, webhook_id="ü", topic="t", body=b"\x00\xff {'", received_at=after(0.000001)
    )
    furnished.run(lambda tx: tx.deliveries.save([odd]))
    (found,) = furnished.run(lambda tx: tx.deliveries.unhandled(1))
    assert (found.store, found.webhook_id, found.topic) == (US, "ü", "t")
    assert (found.body, found.received_at) == (odd.body, odd.received_at)


def test_the_oldest_come_first_and_no_more_than_asked_for(furnished):
    for number in range(5):
        furnished.run(lambda tx, n=number: tx.deliveries.save([webhook(n, at=-n)]))
    assert kept(furnished, limit=3) == [webhook(number).body for number in range(3)]


def test_what_is_handled_does_not_come_back(furnished):
    """Not even when the store delivers it again."""
    furnished.run(lambda tx: tx.deliveries.save([webhook(1), webhook(2)]))

    def handle(tx):
        (first,) = tx.deliveries.unhandled(1)
        tx.deliveries.mark_handled([first.id], now=NOON)

    furnished.run(handle)
    furnished.run(lambda tx: tx.deliveries.save([webhook(1)]))
    assert kept(furnished) == [webhook(2).body]


def test_a_step_that_fails_leaves_its_deliveries_unhandled(furnished):
    """Handled and accounted are one commit."""
    furnished.run(lambda tx: tx.deliveries.save([webhook(1)]))

    def fail(tx):
        tx.deliveries.mark_handled([each.id for each in tx.deliveries.unhandled(1)], now=NOON)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        furnished.run(fail)
    assert kept(furnished) == [webhook(1).body]


@needs_postgres
def test_two_processes_never_hold_the_same_delivery(postgres_url):
    """Each takes its own; none waits for the other."""
    with closing(SqlDatabase(postgres_url)) as one, closing(SqlDatabase(postgres_url)) as other:
        one.run(furnish)
        one.run(lambda tx: tx.deliveries.save([webhook(number) for number in range(4)]))

        def both(tx):
            mine = [each.webhook_id for each in tx.deliveries.unhandled(3)]
            found = other.run(lambda second: second.deliveries.unhandled(3))
            theirs = [each.webhook_id for each in found]
            return mine, theirs

        assert one.run(both) == (["w0", "w1", "w2"], ["w3"])


def oldest(database):
    return database.run(lambda tx: tx.views.overview(now=NOON)).oldest_unhandled_at


def test_the_age_of_the_inbox_is_that_of_its_oldest(furnished):
    """`/readyz` tells by it whether anybody works."""
    assert oldest(furnished) is None
    furnished.run(lambda tx: tx.deliveries.save([webhook(1, at=1), webhook(2, at=2)]))
    assert oldest(furnished) == after(1)
    furnished.run(lambda tx: tx.deliveries.mark_handled([1], now=NOON))
    assert oldest(furnished) == after(2)


def test_a_store_is_known_to_have_been_heard(furnished):
    furnished.run(lambda tx: tx.deliveries.save([webhook(1, US, at=1), webhook(2, US, at=9)]))
    assert furnished.run(lambda tx: tx.stores.get(US)).last_delivery_at == after(9)
    assert furnished.run(lambda tx: tx.stores.get(EU)).last_delivery_at is None


def test_nothing_is_forgotten_that_nobody_has_handled(furnished):
    """However old: it is a sale that nobody has counted."""
    furnished.run(lambda tx: tx.deliveries.save([webhook(n, at=n) for n in range(4)]))
    furnished.run(lambda tx: tx.deliveries.mark_handled([2, 4], now=after(5)))
    assert furnished.run(lambda tx: tx.retention.forget_deliveries(before=after(3))) == 1
    assert kept(furnished) == [webhook(0).body, webhook(2).body]
    furnished.run(lambda tx: tx.deliveries.save([webhook(3)]))
    assert kept(furnished) == [webhook(0).body, webhook(2).body]


def test_thousands_of_deliveries_fit_into_one_step(furnished):
    """Databases limit the parameters of a statement; a burst must not meet the limit."""
    furnished.run(lambda tx: tx.deliveries.save([webhook(n) for n in range(3000)]))
    furnished.run(lambda tx: tx.deliveries.mark_handled(range(1, 2501), now=NOON))
    assert len(kept(furnished, limit=5000)) == 500


def test_what_an_order_says_is_kept_once(furnished):
    """A delivery handled again after a crash says the same again."""
    order_event = OrderEvent(
        store=US,
        kind=OrderEventKind.SALE,
        ref=2**40,
        line=1,
        order_id=2**40,
        name="#1042",
        variant_id=3,
        quantity=2,
        location=None,
        at=NOON,
    )
    for order_events in (
        [order_event, order_event],
        [
            order_event,
            replace(order_event, line=2),
            replace(order_event, kind=OrderEventKind.REFUND),
        ],
    ):
        furnished.run(lambda tx, order_events=order_events: tx.order_events.save(order_events))
    query = select(OrderEventRow.kind, OrderEventRow.line, OrderEventRow.quantity).order_by(
        OrderEventRow.id
    )
    said = furnished.run(lambda tx: tx.run(query).all())
    assert said == [("sale", 1, 2), ("sale", 2, 2), ("refund", 1, 2)]


def aside(database, store=None):
    return database.run(lambda tx: tx.deliveries.quarantined(store))


def test_what_is_set_aside_is_out_of_the_way_and_kept(furnished):
    """However old: it is a sale, perhaps, that nobody has counted."""
    furnished.run(lambda tx: tx.deliveries.save([webhook(n) for n in range(3)]))
    put = furnished.run(lambda tx: tx.deliveries.quarantine(2, "a bug", now=after(9)))
    assert put == US
    assert kept(furnished) == [webhook(0).body, webhook(2).body]
    furnished.run(lambda tx: tx.deliveries.mark_handled([1, 3], now=after(9)))
    assert oldest(furnished) is None
    assert furnished.run(lambda tx: tx.retention.forget_deliveries(before=after(86400 * 365))) == 2
    count, (found,) = aside(furnished)
    assert (count, found.id, found.why, found.quarantined_at) == (1, 2, "a bug", after(9))
    assert aside(furnished, US)[0] == 1
    assert aside(furnished, EU) == (0, [])


def test_what_is_tried_again_comes_back_until_it_is_handled(furnished):
    furnished.run(lambda tx: tx.deliveries.save([webhook(n) for n in range(3)]))
    for number in (1, 2):
        furnished.run(lambda tx, n=number: tx.deliveries.quarantine(n, "a bug", now=NOON))
    assert furnished.run(lambda tx: tx.deliveries.retry([2, 3])) == [2]
    again = furnished.run(lambda tx: tx.deliveries.unhandled(9))
    assert [(each.id, each.quarantine) for each in again] == [(2, True), (3, False)]
    assert [(each.id, each.retrying) for each in aside(furnished)[1]] == [(1, False), (2, True)]
    assert furnished.run(lambda tx: tx.retention.forget_deliveries(before=after(86400 * 365))) == 0
    furnished.run(lambda tx: tx.deliveries.mark_handled([2, 3], now=NOON))
    assert [each.id for each in aside(furnished)[1]] == [1]
    assert furnished.run(lambda tx: tx.deliveries.retry(None)) == [1]


def test_what_another_process_has_handled_is_not_set_aside(furnished):
    """It failed here, and folded there: two answers, and the better one holds."""
    furnished.run(lambda tx: tx.deliveries.save([webhook(1)]))
    furnished.run(lambda tx: tx.deliveries.mark_handled([1], now=NOON))
    assert furnished.run(lambda tx: tx.deliveries.quarantine(1, "a bug", now=NOON)) is None
    assert aside(furnished) == (0, [])


def test_some_deliveries_are_handed_out_by_number(furnished):
    """In their order, whatever the order asked for; without those that are handled by now."""
    furnished.run(lambda tx: tx.deliveries.save([webhook(n) for n in range(5)]))
    furnished.run(lambda tx: tx.deliveries.mark_handled([3], now=NOON))
    some = furnished.run(
        lambda tx: [each.id for each in tx.deliveries.unhandled(9, only=[4, 3, 2])]
    )
    assert some == [2, 4]
    assert furnished.run(lambda tx: tx.deliveries.unhandled(9, only=[])) == []
