"""The rows of the brake, on both databases."""

from dataclasses import replace

import pytest
from sqlalchemy import insert, select, update

from sync_core.db.brakes import HOLD, MINUTE
from sync_core.db.stock import MOVEMENT
from sync_core.domain.brake import LIMITS, Held, Traffic, hold
from sync_core.domain.values import Outcome
from tests.db.conftest import EU, NOON, US, after

SUBJECT = "brake:eu:1"


def test_minutes_add_up_and_are_forgotten(furnished):
    """The sums of ten minutes are ten rows, however much moves."""

    def work(ledger):
        for seconds in (0, 30, 70):
            ledger.count_traffic({EU: Traffic(units=5, emptied=1)}, now=after(seconds))
        ledger.count_traffic({US: Traffic(units=7)}, now=after(70))
        sums = [
            ledger.traffic(EU, since=after(-600)),
            ledger.traffic(EU, since=after(30)),
            ledger.traffic(US, since=after(-600)),
        ]
        ledger.count_traffic({EU: Traffic(units=1)}, now=after(86400))
        rows = ledger.run(select(MINUTE.c.units).where(MINUTE.c.store == EU)).scalars().all()
        return sums, rows

    sums, rows = furnished.run(work)
    assert sums == [Traffic(units=15, emptied=3), Traffic(units=5, emptied=1), Traffic(units=7)]
    assert rows == [1]


def wiped(ledger):
    """Let `eu` fall to zero, and a brake hold it."""
    ledger.run(
        insert(MOVEMENT).values(
            pool_id=1, level_id=1, meeting=0, delta=-50, counted=-50, shared=0, at=NOON,
            source="webhook",
        )
    )  # fmt: skip
    pool = ledger.pools([1])[1]
    pool = replace(pool.with_level(replace(pool.level(1), book=0)), shared=0)
    [move] = ledger.moves(EU, since=NOON, limits=LIMITS)
    assert (move.counted, move.emptied, move.brake) == (-50, True, None)
    held, kept = hold(pool, -50, [2])
    ledger.save([Outcome(pool=held)], now=NOON)
    ledger.keep_back(SUBJECT, [(move, kept)], now=NOON)
    ledger.tell_brake(SUBJECT, {"store": "eu", "since": NOON.isoformat()}, now=NOON)


def test_what_is_held_is_found_again(furnished):
    """A new process knows what the old one held."""
    furnished.run(wiped)
    one = Held(
        id=1, brake=SUBJECT, pool=1, level=1, movement=1, delta=-50, kept={2: 0}, at=NOON
    )  # fmt: skip
    assert furnished.run(lambda ledger: ledger.held(SUBJECT)) == [one]
    assert furnished.run(lambda ledger: ledger.parts(SUBJECT, [1, 2])) == {1: [one]}
    assert furnished.run(lambda ledger: ledger.parts(f"{SUBJECT}1", [1, 2])) == {}
    assert furnished.run(lambda ledger: (ledger.is_braked(1), ledger.is_braked(2))) == (True, False)
    assert furnished.run(lambda ledger: ledger.standing_brake(US)) is None
    subject, facts = furnished.run(lambda ledger: ledger.standing_brake(EU))
    assert (subject, facts["units"], facts["title"]) == (SUBJECT, 50, "Jacket")
    assert furnished.run(lambda ledger: ledger.opened([1])) == {}


def test_it_is_told_how_far_it_has_come(furnished):
    """What is kept from a store, and what has reached it: by a level's number, not its digits."""
    furnished.run(wiped)
    size = furnished.run(lambda ledger: ledger.size_of(SUBJECT))
    assert (size["pools"], size["moves"], size["units"], size["worst"]) == (1, 1, 50, -50)
    assert (size["stopped"], size["reached"]) == ({"us": 1}, {})

    def reach(ledger):
        ledger.run(update(HOLD).values(kept={"12": 0, "21": 2}))
        return ledger.size_of(SUBJECT)

    size = furnished.run(reach)
    assert (size["stopped"], size["reached"]) == ({}, {"us": 1})
    nothing = furnished.run(lambda ledger: ledger.size_of("brake:eu:2"))
    assert (nothing["pools"], nothing["units"], nothing["stopped"]) == (0, 0, {})


def test_its_products_are_listed(furnished):
    """What each showed before, and where it has got to; one page after the other."""
    furnished.run(wiped)

    def read(ledger, offset=0):
        return ledger.stopped_products(SUBJECT, offset=offset, limit=5)

    total, [one] = furnished.run(read)
    assert total == 1
    assert (one.title, one.place, one.store, one.sku) == ("Jacket", "Berlin", "eu", "")
    assert (one.before, one.now, one.units) == (50, 0, 50)
    assert (one.stopped, one.reached) == (("us",), ())
    furnished.run(lambda ledger: ledger.run(update(HOLD).values(kept={})))
    [one] = furnished.run(read)[1]
    assert (one.stopped, one.reached) == ((), ("us",))
    assert furnished.run(lambda ledger: read(ledger, 1)) == (1, [])


def test_a_part_of_it_is_passed_on_once(furnished):
    """Two processes hear of the same order: five units reach the other store, not ten."""
    furnished.run(wiped)
    [held] = furnished.run(lambda ledger: ledger.held(SUBJECT))
    for _ in range(2):
        furnished.run(lambda ledger: ledger.shrink(held, -45, now=after(5)))
    assert furnished.run(lambda ledger: ledger.pools([1]))[1].level(2).held == -45
    assert [each.delta for each in furnished.run(lambda ledger: ledger.held(SUBJECT))] == [-45]


@pytest.mark.parametrize(("end", "shared"), [("release_brake", 0), ("discard_brake", 50)])
def test_a_decision_happens_once(furnished, end, shared):
    """Whoever clicks, and however often."""
    furnished.run(wiped)
    done = furnished.run(lambda ledger: getattr(ledger, end)(SUBJECT, now=after(60)))
    again = furnished.run(lambda ledger: getattr(ledger, end)(SUBJECT, now=after(61)))
    assert (bool(done), bool(again)) == (True, False)
    pool = furnished.run(lambda ledger: ledger.pools([1]))[1]
    assert pool.shared == shared
    assert [(each.held, each.due) for each in pool.levels] == [
        (0, end == "discard_brake"),
        (0, end == "release_brake"),
    ]
    times = furnished.run(lambda ledger: ledger.run(select(HOLD.c.released_at)).scalars().all())
    assert times == [after(60)]
    assert furnished.run(lambda ledger: ledger.decided_until(EU)) == after(60)
    assert furnished.run(lambda ledger: ledger.brakes()) == []
