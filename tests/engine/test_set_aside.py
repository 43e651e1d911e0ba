"""A delivery that cannot be processed costs only itself, and is kept until it can."""

import json
from dataclasses import replace
from math import ceil, log2

import pytest

from sync_core.domain.acts import ActsHeard
from sync_core.ports import Delivery
from sync_core.shopify.webhooks import heard
from sync_core.workers import folding
from sync_core.workers.folding import Folder
from tests.simulation.house import assert_at_rest, assert_conserved

LEVELS = "inventory_levels/update"


class Trap:
    """Reads as Tipo does, with a bug that some deliveries bring out."""

    def __init__(self, bad, bug=KeyError):
        self.bad = bad
        self.bug = bug
        self.mended = False

    def __call__(self, alias, topic, body):
        if topic == LEVELS and not self.mended and self.bad(json.loads(body)):
            raise self.bug("a bug")
        return heard(alias, topic, body)


def told(home):
    rows = home.rows(
        "SELECT subject, facts FROM finding WHERE kind = 'delivery_set_aside' AND closed_at IS NULL"
    )
    return {row["subject"]: json.loads(row["facts"]) for row in rows}


def notices(home):
    return len(home.rows("SELECT id FROM notice WHERE kind = 'delivery_set_aside'"))


def aside(home):
    return home.do(home.process.service.deliveries_set_aside())[1]


def retry(home, numbers=None):
    again = home.do(home.process.service.retry_deliveries(numbers, by="ann"))
    home.process.context.inbox.ring()  # the listener would, within half a second
    return again


def of_us(available):
    """That value in a webhook of the store us; its echo in the other is another matter."""
    return lambda level: level["available"] == available and level["inventory_item_id"] > 100_000


def assert_all_green(home):
    assert told(home) == {}
    assert aside(home) == []
    assert home.process.supervisor.down() == {}
    assert home.rows("SELECT id FROM delivery WHERE handled_at IS NULL") == []
    assert_at_rest(home)
    assert_conserved(home)


@pytest.mark.parametrize("bug", [KeyError, ValueError], ids=["a bug", "it cannot be read"])
@pytest.mark.parametrize("place", [0, 41, 199])
def test_one_bad_delivery_costs_log_n_steps_and_only_itself(house, monkeypatch, place, bug):
    """200 sales in one page: 199 are written within seconds; the other is kept, told, retried."""
    trap = Trap(lambda level: level["inventory_item_id"] == bad, bug)
    home = house(items=200, read=trap)
    home.open()
    bad = home.shops["us"].item(f"SKU-{place}").id
    folded = []
    whole = Folder._fold

    def counting(self, ledger, only=None):
        folded.append(1)
        return whole(self, ledger, only)

    home.process.receiver._inbox._event.clear()
    for sku in home.skus:
        home.act("us", sku, -1)
    monkeypatch.setattr(home.process.context.inbox, "ring", lambda: None)  # until all have come
    home.advance(3)
    monkeypatch.undo()
    waiting = home.rows("SELECT id FROM delivery WHERE handled_at IS NULL")
    assert len(waiting) >= 200
    monkeypatch.setattr(Folder, "_fold", counting)
    home.process.context.inbox.ring()
    home.advance(0.1)
    assert len(folded) <= 2 * ceil(log2(len(waiting))) + 6
    home.advance(5)
    assert {sku for sku in home.skus if home.shows("eu", sku) != 49} == {f"SKU-{place}"}
    [kept] = aside(home)
    assert (kept.store, kept.topic, kept.retrying) == ("us", LEVELS, False)
    facts = told(home)["delivery:us"]
    assert facts["count"] == 1
    assert facts["why"] == kept.why
    assert "a bug" in kept.why
    [row] = [each for each in home.rows("SELECT id, body FROM delivery") if each["id"] == kept.id]
    assert json.loads(row["body"])["inventory_item_id"] == bad
    # Tried again with the bug, it is set aside again, and nobody hears the same twice.
    assert retry(home, [kept.id]) == [kept.id]
    home.advance(5)
    assert [each.id for each in aside(home)] == [kept.id]
    assert notices(home) == 1
    trap.mended = True
    assert retry(home) == [kept.id]
    home.advance(5)
    assert home.shows("eu", f"SKU-{place}") == 49
    assert_all_green(home)
    assert notices(home) == 2


def test_several_bad_ones_of_two_stores_are_two_alerts(house):
    trap = Trap(lambda level: level["available"] in {49, 48})
    home = house(items=3, opened=False, read=trap)
    home.open()
    for alias, sku in (("us", "SKU-0"), ("us", "SKU-1"), ("eu", "SKU-2")):
        home.act(alias, sku, -1)
    home.advance(3)
    assert {subject: facts["count"] for subject, facts in told(home).items()} == {
        "delivery:us": 2,
        "delivery:eu": 1,
    }
    trap.mended = True
    retry(home)
    home.advance(10)
    assert_all_green(home)


def test_an_old_delivery_that_is_tried_again_undoes_nothing(house):
    """Newer sales have been counted since: its old value only means that the store is read."""
    trap = Trap(of_us(45))
    home = house(opened=True, read=trap)
    home.act("us", "SKU-0", -5)
    home.advance(3)
    assert len(aside(home)) == 1
    home.act("us", "SKU-0", -2)
    home.advance(3)
    assert home.shows("eu", "SKU-0") == 43
    trap.mended = True
    retry(home)
    home.advance(10)
    assert_all_green(home)


def test_a_stock_level_is_caught_up_without_its_delivery(house):
    """Nobody has to do anything for the numbers: what a webhook did not tell is looked for."""
    trap = Trap(of_us(45))
    home = house(opened=True, read=trap)
    home.act("us", "SKU-0", -5)
    home.advance(700)
    assert len(aside(home)) == 1
    assert_at_rest(home)
    assert_conserved(home)


def test_where_no_delivery_is_at_fault_none_is_set_aside(house, monkeypatch):
    """Each would fail alone, too; and all would be out of the way, for a bug of our own."""
    home = house(opened=True, broken=True)

    def broken(*_given, **_named):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(folding, "settle_waits", broken)
    for _ in range(5):
        home.act("us", "SKU-0", -1)
    home.advance(60)
    assert home.process.supervisor.down() == {"folder": "ZeroDivisionError: a bug"}
    assert aside(home) == []
    monkeypatch.undo()
    home.advance(200)
    assert_all_green(home)


def test_a_process_that_dies_between_any_two_steps_loses_none(house):
    """Half a bisection is on the disk: what was folded stays folded, the rest comes again."""
    trap = Trap(of_us(47))
    home = house(items=8, read=trap)
    home.open()
    for number, sku in enumerate(home.skus):
        home.act("us", sku, -3 if number == 5 else -1)
    for points in range(1, 40, 3):
        home.process.fuse.left = points
        home.advance(1)
    home.advance(10)
    assert len(aside(home)) == 1
    trap.mended = True
    retry(home)
    home.advance(700)
    assert_all_green(home)


def test_what_postgresql_cannot_keep_is_set_aside(house, empty_postgres_url):
    """A real one: a number that its columns have no room for, read where nobody looks for it."""

    def careless(alias, topic, body):
        said = heard(alias, topic, body)
        if isinstance(said, ActsHeard):
            return ActsHeard(acts=tuple(replace(each, quantity=2**40) for each in said.acts))
        return said

    home = house(url=empty_postgres_url, items=3, read=careless)
    home.open()
    order = {
        "id": 1,
        "name": "#1042",
        "created_at": "2026-11-23T09:00:00Z",
        "line_items": [{"id": 1, "variant_id": 1, "quantity": 1}],
    }
    bad = Delivery(
        store="us",
        webhook_id="bad",
        topic="orders/create",
        body=json.dumps(order).encode(),
        received_at=home.clock.now(),
    )
    home.do(home.process.receiver.keep(bad))
    home.act("us", "SKU-0", -5)
    home.advance(10)
    assert_at_rest(home)
    [kept] = aside(home)
    assert (kept.webhook_id, kept.topic) == ("bad", "orders/create")
    assert "out of range" in kept.why
    assert home.process.supervisor.down() == {}
