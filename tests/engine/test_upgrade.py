"""The engine on a database of the version before the new names: what was open is done, once."""

from contextlib import closing

import pytest

from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from tests.db.earlier import WRITTEN, write_earlier
from tests.simulation.harness import assert_conserved

[OPEN] = [each for each in WRITTEN["rows"]["batch"] if each["state"] == "open"]


@pytest.fixture
def upgraded(build_harness, empty_url):
    """The stores as they were, and Tipo started on the upgraded database."""
    harness = build_harness(items=len(WRITTEN["shows"]["eu"]))
    harness.kill()
    harness.loop.passed = WRITTEN["passed"]
    for alias, quantities in WRITTEN["shows"].items():
        shop = harness.shops[alias]
        for sku, quantity in quantities.items():
            shop.edit(sku, to=quantity)
        shop.outbox.clear()  # these have been told
        shop.metafields.clear()
    write_earlier(empty_url)
    with closing(SqlDatabase(empty_url)) as database:
        migrate(database.engine)
    harness.ids.count += 1_000  # the version before has used the first
    harness.url, harness._is_file = empty_url, False
    harness.start()
    return harness


def test_what_the_version_before_left_open_is_sent_once(upgraded):
    """The same bytes under the same key: nobody knows whether the store has executed them."""
    assert upgraded.shows("us", "SKU-2") == 50
    upgraded.advance(30)
    assert [each.key for each in upgraded.shops["us"].log if each.key == OPEN["key"]] == [
        OPEN["key"]
    ]
    assert upgraded.shows("us", "SKU-2") == upgraded.shows("eu", "SKU-2") == 48
    [batch] = upgraded.rows(f"SELECT state, attempts FROM batch WHERE id = {OPEN['id']}")  # noqa: S608
    assert (batch["state"], batch["attempts"]) == ("settled", OPEN["attempts"] + 1)
    assert_conserved(upgraded)


def test_the_store_that_refused_us_is_back_and_people_are_told(upgraded):
    upgraded.advance(30)
    told = upgraded.rows("SELECT resolved FROM notification WHERE kind = 'store_blocked'")
    assert [bool(each["resolved"]) for each in told] == [False, True]


def test_what_the_safety_stop_withheld_is_written_when_somebody_says_so(upgraded):
    upgraded.advance(30)
    assert [upgraded.shows("us", f"SKU-{n}") for n in range(4, 8)] == [50] * 4
    now, database = upgraded.clock.now(), upgraded.process.database
    [breaker] = upgraded.do(database.transaction(lambda tx: tx.breaker.all()))
    upgraded.do(database.transaction(lambda tx: tx.breaker.release(breaker.subject, now=now)))
    upgraded.process.context.store_work.notify()
    upgraded.advance(30)
    assert [upgraded.shows("us", f"SKU-{n}") for n in range(4, 8)] == [0] * 4
    assert_conserved(upgraded)
