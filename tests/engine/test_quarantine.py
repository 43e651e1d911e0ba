"""A delivery that cannot be processed costs only itself, and is kept until it can."""

import json
from dataclasses import replace
from math import ceil, log2

import pytest

from sync_core.domain.webhook_events import OrderEvents
from sync_core.ports import Delivery
from sync_core.shopify.webhooks import parse_webhook
from sync_core.workers import outcomes
from sync_core.workers.context import EngineConfig
from sync_core.workers.delivery_processor import DeliveryProcessor
from tests.simulation.harness import assert_at_rest, assert_conserved

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
        return parse_webhook(alias, topic, body)


def told(harness):
    rows = harness.rows(
        "SELECT subject, facts FROM finding WHERE kind = 'delivery_set_aside' AND closed_at IS NULL"
    )
    return {row["subject"]: json.loads(row["facts"]) for row in rows}


def notifications(harness):
    return len(harness.rows("SELECT id FROM notification WHERE kind = 'delivery_set_aside'"))


def aside(harness):
    return harness.do(harness.process.service.quarantined_deliveries())[1]


def retry(harness, numbers=None):
    return harness.do(harness.process.service.retry_deliveries(numbers, by="ann"))


def of_us(available):
    """That value in a webhook of the store us; its echo in the other is another matter."""
    return lambda level: level["available"] == available and level["inventory_item_id"] > 100_000


def assert_all_green(harness):
    assert told(harness) == {}
    assert aside(harness) == []
    assert harness.process.supervisor.down() == {}
    assert harness.rows("SELECT id FROM delivery WHERE handled_at IS NULL") == []
    assert_at_rest(harness)
    assert_conserved(harness)


@pytest.mark.parametrize("bug", [KeyError, ValueError], ids=["a bug", "it cannot be read"])
@pytest.mark.parametrize("place", [0, 41, 199])
def test_one_bad_delivery_costs_log_n_steps_and_only_itself(build_harness, monkeypatch, place, bug):
    """200 sales in one page: 199 are written within seconds; the other is kept, told, retried."""
    trap = Trap(lambda level: level["inventory_item_id"] == bad, bug)
    harness = build_harness(items=200, read=trap)
    harness.open()
    bad = harness.shops["us"].item(f"SKU-{place}").id
    folded = []
    whole = DeliveryProcessor._process

    def counting(self, tx, only=None):
        folded.append(1)
        return whole(self, tx, only)

    harness.process.context.inbox._event.clear()
    for sku in harness.skus:
        harness.change_stock("us", sku, -1)
    monkeypatch.setattr(
        harness.process.context.inbox, "notify", lambda: None
    )  # until all have come
    harness.advance(3)
    monkeypatch.undo()
    waiting = harness.rows("SELECT id FROM delivery WHERE handled_at IS NULL")
    assert len(waiting) >= 200
    monkeypatch.setattr(DeliveryProcessor, "_process", counting)
    harness.process.context.inbox.notify()
    harness.advance(0.1)
    assert len(folded) <= 2 * ceil(log2(len(waiting))) + 6
    harness.advance(5)
    assert {sku for sku in harness.skus if harness.shows("eu", sku) != 49} == {f"SKU-{place}"}
    [kept] = aside(harness)
    assert (kept.store, kept.topic, kept.retrying) == ("us", LEVELS, False)
    facts = told(harness)["delivery:us"]
    assert facts["count"] == 1
    assert facts["why"] == kept.why
    assert "a bug" in kept.why
    [row] = [
        each for each in harness.rows("SELECT id, body FROM delivery") if each["id"] == kept.id
    ]
    assert json.loads(row["body"])["inventory_item_id"] == bad
    # Tried again with the bug, it is set aside again, and nobody hears the same twice.
    assert retry(harness, [kept.id]) == [kept.id]
    harness.advance(5)
    assert [each.id for each in aside(harness)] == [kept.id]
    assert notifications(harness) == 1
    trap.mended = True
    assert retry(harness) == [kept.id]
    harness.advance(5)
    assert harness.shows("eu", f"SKU-{place}") == 49
    assert_all_green(harness)
    assert notifications(harness) == 2


def test_what_waits_behind_a_page_with_a_bad_one_follows_at_once(build_harness, monkeypatch):
    """Nobody wakes it for them: they were there before."""
    trap = Trap(lambda level: level["inventory_item_id"] == bad)
    config = EngineConfig(recheck_every=30, deliveries_per_round=100)
    harness = build_harness(items=150, read=trap, config=config)
    harness.open()
    bad = harness.shops["us"].item("SKU-0").id
    inbox = harness.process.context.inbox
    wake = inbox.notify
    monkeypatch.setattr(inbox, "notify", lambda: None)
    for sku in harness.skus:
        harness.change_stock("us", sku, -1)
    harness.advance(3)
    waiting = "SELECT id FROM delivery WHERE store = 'us' AND handled_at IS NULL"
    assert len(harness.rows(waiting)) >= 150
    wake()
    harness.advance(1)
    assert harness.rows(waiting) == []


def test_several_bad_ones_of_two_stores_are_two_alerts(build_harness):
    trap = Trap(lambda level: level["available"] in {49, 48})
    harness = build_harness(items=3, opened=False, read=trap)
    harness.open()
    for alias, sku in (("us", "SKU-0"), ("us", "SKU-1"), ("eu", "SKU-2")):
        harness.change_stock(alias, sku, -1)
    harness.advance(3)
    assert {subject: facts["count"] for subject, facts in told(harness).items()} == {
        "delivery:us": 2,
        "delivery:eu": 1,
    }
    trap.mended = True
    retry(harness)
    harness.advance(10)
    assert_all_green(harness)


def test_an_old_delivery_that_is_tried_again_undoes_nothing(build_harness):
    """Newer sales have been counted since: its old value only means that the store is read."""
    trap = Trap(of_us(45))
    harness = build_harness(opened=True, read=trap)
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(3)
    assert len(aside(harness)) == 1
    harness.change_stock("us", "SKU-0", -2)
    harness.advance(3)
    assert harness.shows("eu", "SKU-0") == 43
    trap.mended = True
    retry(harness)
    harness.advance(10)
    assert_all_green(harness)


def test_a_stock_level_is_caught_up_without_its_delivery(build_harness):
    """Nobody has to do anything for the numbers: what a webhook did not tell is looked for."""
    trap = Trap(of_us(45))
    harness = build_harness(opened=True, read=trap)
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(700)
    assert len(aside(harness)) == 1
    assert_at_rest(harness)
    assert_conserved(harness)


def test_where_no_delivery_is_at_fault_none_is_set_aside(build_harness, monkeypatch):
    """Each would fail alone, too; and all would be out of the way, for a bug of our own."""
    harness = build_harness(opened=True, broken=True)

    def broken(*_given, **_named):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(outcomes, "decide_waiting", broken)
    for _ in range(5):
        harness.change_stock("us", "SKU-0", -1)
    harness.advance(60)
    assert harness.process.supervisor.down() == {"delivery_processor": "ZeroDivisionError: a bug"}
    assert aside(harness) == []
    monkeypatch.undo()
    harness.advance(200)
    assert_all_green(harness)


def test_a_process_that_dies_between_any_two_steps_loses_none(build_harness):
    """Half a bisection is on the disk: what was folded stays folded, the rest comes again."""
    trap = Trap(of_us(47))
    harness = build_harness(items=8, read=trap)
    harness.open()
    harness.advance(1)  # past the report on the baseline: the first to die has the webhooks
    for number, sku in enumerate(harness.skus):
        harness.change_stock("us", sku, -3 if number == 5 else -1)
    for points in range(1, 40, 3):
        harness.process.fuse.left = points
        harness.advance(1)
    harness.advance(10)
    assert len(aside(harness)) == 1
    trap.mended = True
    retry(harness)
    harness.advance(700)
    assert_all_green(harness)


def test_what_postgresql_cannot_keep_is_set_aside(build_harness, empty_postgres_url):
    """A real one: a number that its columns have no room for, read where nobody looks for it."""

    def careless(alias, topic, body):
        said = parse_webhook(alias, topic, body)
        if isinstance(said, OrderEvents):
            return OrderEvents(
                order_events=tuple(replace(each, quantity=2**40) for each in said.order_events)
            )
        return said

    harness = build_harness(url=empty_postgres_url, items=3, read=careless)
    harness.open()
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
        received_at=harness.clock.now(),
    )
    harness.do(harness.process.receiver.store(bad))
    harness.change_stock("us", "SKU-0", -5)
    harness.advance(10)
    assert_at_rest(harness)
    [kept] = aside(harness)
    assert (kept.webhook_id, kept.topic) == ("bad", "orders/create")
    assert "out of range" in kept.why
    assert harness.process.supervisor.down() == {}
