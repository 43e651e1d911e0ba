"""The rows of the brake, on both databases."""

from dataclasses import replace

import pytest
from sqlalchemy import insert, select, update

from sync_core.db.tables import MOVEMENT, TRAFFIC_MINUTE, WITHHELD
from sync_core.domain.circuit_breaker import BREAKER_LIMITS, Traffic, WithheldMovement, withhold
from sync_core.domain.values import Outcome
from tests.db.conftest import EU, NOON, US, after

SUBJECT = "circuit_breaker:eu:1"


def test_minutes_add_up_and_are_forgotten(furnished):
    """The sums of ten minutes are ten rows, however much moves."""

    def work(tx):
        for seconds in (0, 30, 70):
            tx.breaker.count_traffic({EU: Traffic(units=5, emptied=1)}, now=after(seconds))
        tx.breaker.count_traffic({US: Traffic(units=7)}, now=after(70))
        sums = [
            tx.breaker.traffic_since(EU, since=after(-600)),
            tx.breaker.traffic_since(EU, since=after(30)),
            tx.breaker.traffic_since(US, since=after(-600)),
        ]
        tx.breaker.count_traffic({EU: Traffic(units=1)}, now=after(86400))
        rows = (
            tx.run(select(TRAFFIC_MINUTE.c.units).where(TRAFFIC_MINUTE.c.store == EU))
            .scalars()
            .all()
        )
        return sums, rows

    sums, rows = furnished.run(work)
    assert sums == [Traffic(units=15, emptied=3), Traffic(units=5, emptied=1), Traffic(units=7)]
    assert rows == [1]


def wiped(tx):
    """Let `eu` fall to zero, and a brake hold it."""
    tx.run(
        insert(MOVEMENT).values(
            pool_id=1, level_id=1, level_baseline=0, delta=-50, counted=-50, shared=0, at=NOON,
            source="webhook",
        )
    )  # fmt: skip
    pool = tx.stock.pools([1])[1]
    pool = replace(pool.with_level(replace(pool.level(1), book=0)), shared=0)
    [move] = tx.movements.since(EU, since=NOON, limits=BREAKER_LIMITS)
    assert (move.counted, move.emptied, move.breaker) == (-50, True, None)
    withheld, kept = withhold(pool, -50, [2])
    tx.stock.save_outcomes([Outcome(pool=withheld)], now=NOON)
    tx.withheld.withhold(SUBJECT, [(move, kept)], now=NOON)
    tx.breaker.notify(SUBJECT, {"store": "eu", "since": NOON.isoformat()}, now=NOON)


def test_what_is_held_is_found_again(furnished):
    """A new process knows what the old one held."""
    furnished.run(wiped)
    one = WithheldMovement(
        id=1, breaker=SUBJECT, pool=1, level=1, movement=1, delta=-50, withheld_from={2: 0}, at=NOON
    )  # fmt: skip
    assert furnished.run(lambda tx: tx.withheld.by(SUBJECT)) == [one]
    assert furnished.run(lambda tx: tx.withheld.parts(SUBJECT, [1, 2])) == {1: [one]}
    assert furnished.run(lambda tx: tx.withheld.parts(f"{SUBJECT}1", [1, 2])) == {}
    assert furnished.run(lambda tx: (tx.breaker.asks_about(1), tx.breaker.asks_about(2))) == (
        True,
        False,
    )
    assert furnished.run(lambda tx: tx.breaker.open_of(US)) is None
    subject, facts = furnished.run(lambda tx: tx.breaker.open_of(EU))
    assert (subject, facts["units"], facts["title"]) == (SUBJECT, 50, "Jacket")
    assert furnished.run(lambda tx: tx.batches.open_deltas([1])) == {}


def test_it_is_told_how_far_it_has_come(furnished):
    """What is kept from a store, and what has reached it: by a level's number, not its digits."""
    furnished.run(wiped)
    size = furnished.run(lambda tx: tx.breaker.size(SUBJECT))
    assert (size["pools"], size["moves"], size["units"], size["worst"]) == (1, 1, 50, -50)
    assert (size["stopped"], size["reached"]) == ({"us": 1}, {})

    def reach(tx):
        tx.run(update(WITHHELD).values(withheld_from={"12": 0, "21": 2}))
        return tx.breaker.size(SUBJECT)

    size = furnished.run(reach)
    assert (size["stopped"], size["reached"]) == ({}, {"us": 1})
    nothing = furnished.run(lambda tx: tx.breaker.size("circuit_breaker:eu:2"))
    assert (nothing["pools"], nothing["units"], nothing["stopped"]) == (0, 0, {})


def test_its_products_are_listed(furnished):
    """What each showed before, and where it has got to; one page after the other."""
    furnished.run(wiped)

    def read(tx, offset=0):
        return tx.breaker.stopped_products(SUBJECT, offset=offset, limit=5)

    total, [one] = furnished.run(read)
    assert total == 1
    assert (one.title, one.location_group, one.store, one.sku) == ("Jacket", "Berlin", "eu", "")
    assert (one.before, one.now, one.units) == (50, 0, 50)
    assert (one.stopped, one.reached) == (("us",), ())
    furnished.run(lambda tx: tx.run(update(WITHHELD).values(withheld_from={})))
    [one] = furnished.run(read)[1]
    assert (one.stopped, one.reached) == ((), ("us",))
    assert furnished.run(lambda tx: read(tx, 1)) == (1, [])


def test_a_part_of_it_is_passed_on_once(furnished):
    """Two processes hear of the same order: five units reach the other store, not ten."""
    furnished.run(wiped)
    [withheld] = furnished.run(lambda tx: tx.withheld.by(SUBJECT))
    for _ in range(2):
        furnished.run(lambda tx: tx.withheld.reduce(withheld, -45, now=after(5)))
    assert furnished.run(lambda tx: tx.stock.pools([1]))[1].level(2).withheld == -45
    assert [each.delta for each in furnished.run(lambda tx: tx.withheld.by(SUBJECT))] == [-45]


@pytest.mark.parametrize(("end", "shared"), [("release", 0), ("discard", 50)])
def test_a_decision_happens_once(furnished, end, shared):
    """Whoever clicks, and however often."""
    furnished.run(wiped)
    done = furnished.run(lambda tx: getattr(tx.breaker, end)(SUBJECT, now=after(60)))
    again = furnished.run(lambda tx: getattr(tx.breaker, end)(SUBJECT, now=after(61)))
    assert (bool(done), bool(again)) == (True, False)
    pool = furnished.run(lambda tx: tx.stock.pools([1]))[1]
    assert pool.shared == shared
    assert [(each.withheld, each.due) for each in pool.levels] == [
        (0, end == "discard"),
        (0, end == "release"),
    ]
    times = furnished.run(lambda tx: tx.run(select(WITHHELD.c.released_at)).scalars().all())
    assert times == [after(60)]
    assert furnished.run(lambda tx: tx.breaker.closed_at(EU)) == after(60)
    assert furnished.run(lambda tx: tx.breaker.all()) == []
