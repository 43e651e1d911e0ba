"""`tipo deliveries`: what could not be processed, and trying it again."""

import json

from sync_core.domain.values import Alias
from sync_core.ports import Delivery
from tests.cli.conftest import ask, serving

TOPIC = "inventory_levels/update"
WHY = "KeyError: 'a bug'"


def keep_aside(*bodies):
    """Have deliveries of `us` set aside, as the worker does."""

    async def work(parts):
        now = parts.clock.now()
        kept = [
            Delivery(store=Alias("us"), webhook_id=f"w{n}", topic=TOPIC, body=each, received_at=now)
            for n, each in enumerate(bodies)
        ]

        def work(tx):
            tx.deliveries.save(kept)
            new = [
                each.id for each in tx.deliveries.unhandled(100) if each.webhook_id.startswith("w")
            ]
            for number in new:
                tx.deliveries.quarantine(number, WHY, now=now)
            return new

        return await parts.database.transaction(work)

    return ask(work)


def level(tipo, available):
    """What a webhook says of a jacket of `us`."""
    shop = tipo.shops["us"]
    item = shop.item("SFDJ-M")
    return json.dumps(
        {
            "inventory_item_id": item.id,
            "location_id": next(iter(shop.locations)),
            "available": available,
            "updated_at": "2026-11-23T11:35:10+01:00",
        }
    ).encode()


def test_there_are_none(alone):
    assert "every webhook was processed" in alone("deliveries").output
    assert alone.json("deliveries") == {"count": 0, "deliveries": []}
    assert alone.json("deliveries", "retry", "--yes")["retried"] == []


def test_they_are_listed_with_the_reason_and_without_their_bytes(alone):
    (number,) = keep_aside(b'{"secret": "of a customer"}')
    said = alone.json("deliveries", expect=1)
    assert said["count"] == 1
    (listed,) = said["deliveries"]
    assert (listed["id"], listed["store"], listed["topic"]) == (number, "us", TOPIC)
    assert (listed["why"], listed["retrying"]) == (WHY, False)
    shown = alone("deliveries", expect=1).output
    assert WHY in shown
    assert "tipo deliveries retry" in shown
    assert "customer" not in shown + json.dumps(said)


def test_a_number_that_is_not_set_aside_is_refused_and_nothing_is_tried(alone):
    (number,) = keep_aside(b"{}")
    answer = alone("deliveries", "retry", number, 999, "--yes", expect=2)
    assert "not waiting to be retried: 999" in answer.output
    assert alone.json("deliveries", expect=1)["deliveries"][0]["retrying"] is False


def test_nothing_is_tried_without_a_yes(alone, person):
    keep_aside(b"{}")
    assert "Nothing was changed" in alone("deliveries", "retry", says="n\n").output
    assert alone.json("deliveries", expect=1)["deliveries"][0]["retrying"] is False


def test_it_waits_for_the_next_process_that_serves(alone):
    (number,) = keep_aside(level(alone, alone.shops["us"].available("SFDJ-M")))
    said = alone("deliveries", "retry", "--yes").output
    assert "1 will be processed when `tipo serve` starts" in said
    (listed,) = alone.json("deliveries", expect=1)["deliveries"]
    assert (listed["id"], listed["retrying"]) == (number, True)

    async def none_left(service):
        return (await service.quarantined_deliveries())[0] == 0

    alone.work(none_left)
    assert alone.json("deliveries")["count"] == 0


def test_what_is_processed_and_what_fails_again_is_told(alone):
    """Exit 1 as long as one of them cannot be processed; the other is done."""
    good, bad = keep_aside(level(alone, alone.shops["us"].available("SFDJ-M")), b"{}")
    with serving():
        said = alone.json("deliveries", "retry", good, bad, "--yes", expect=1)
    assert (said["retried"], said["serving"]) == ([good, bad], True)
    (left,) = said["remaining"]
    assert (left["id"], left["retrying"]) == (bad, False)
    assert "missing" in left["why"]
    (listed,) = alone.json("deliveries", expect=1)["deliveries"]
    assert listed["id"] == bad
