"""The initial comparison decides nothing by itself."""

from dataclasses import replace

import pytest

from sync_core.domain.accounting import apply_reading, observe
from sync_core.domain.baseline import _admit, _join, baseline_levels
from sync_core.domain.values import Event, Mode, Movement, ObservedBy, Outcome, Severity, Suspension
from tests.unit.builders import (
    adjustment,
    at,
    books,
    due,
    key,
    level,
    new_level,
    pool,
    read,
    refresh_of,
    seen,
)


def waiting(store, **rest):
    """Return a level that was never read and awaits its first look."""
    return new_level(
        store, **{"refresh_at": at(0), "refresh_since": at(0), "refresh_mark": 1, **rest}
    )


def first_read(of, store, available, began=0):
    """Return the outcome of a level's first read."""
    mine = of.at(key(store))
    return apply_reading(of, read(store, available, -60), refresh_of(mine, began), now=at(began))


def baselined(of):
    """Return the stores whose levels are baselined."""
    return {each.key.store for each in of.levels if each.baselined}


def stories(outcome):
    """Return what is told, in short."""
    return [(each.kind, each.subject, each.resolved) for each in outcome.events]


def test_levels_that_agree_are_adopted():
    """50 and 50: nothing moves, nothing is written."""
    one = first_read(pool(None, waiting("eu"), waiting("us")), "eu", 50)
    assert (one.pool.shared, baselined(one.pool), one.events) == (None, set(), ())
    two = first_read(one.pool, "us", 50)
    assert (two.pool.shared, two.pool.first_shared) == (50, 50)
    assert (baselined(two.pool), due(two.pool), two.movements) == ({"eu", "us"}, set(), ())
    assert [(each.first_book, each.first_shared) for each in two.pool.levels] == [(50, 50)] * 2


@pytest.mark.parametrize("order", [("eu", "us"), ("us", "eu")])
def test_levels_that_differ_are_told_and_nothing_moves(order):
    """A person says which number holds."""
    told = Outcome(pool=pool(None, waiting("eu"), waiting("us")))
    for store in order:
        told = first_read(told.pool, store, {"eu": 50, "us": 47}[store])
    assert (told.pool.shared, books(told.pool)) == (None, {"eu": 50, "us": 47})
    assert (baselined(told.pool), due(told.pool), told.movements) == (set(), set(), ())
    assert told.events == (
        Event(
            kind="differs",
            subject="level:2",
            severity=Severity.WARNING,
            facts={
                "title": "Slim Fit Denim Jacket",
                "store": "us",
                "shows": 47,
                "should_show": 50,
                "shared": 50,
            },
        ),
    )


def test_levels_that_differed_and_agree_at_last_are_adopted():
    """Somebody set the number in the store's own admin."""
    told = observe(
        pool(None, new_level("eu", 50), new_level("us", 47)), seen("us", 50, 1), now=at(2)
    )
    assert (told.pool.shared, baselined(told.pool), told.movements) == (50, {"eu", "us"}, ())
    assert stories(told) == [("differs", "level:1", True), ("differs", "level:2", True)]


@pytest.mark.parametrize(
    ("first", "then"),
    [pytest.param("eu", "us", id="source"), pytest.param("us", "eu", id="destination")],
)
def test_a_sale_between_the_two_first_reads_does_not_keep_them_apart(first, then):
    """Stores go on selling while they meet; the sale is a movement of the one that sold."""
    one = first_read(pool(None, waiting("eu"), waiting("us")), first, 50).pool
    sold = observe(one, seen(first, 49, 1), now=at(1))
    assert sold.movements == ()
    two = first_read(sold.pool, then, 50, began=4)
    assert (two.pool.shared, two.pool.first_shared) == (49, 50)
    assert (books(two.pool), due(two.pool)) == ({first: 49, then: 50}, {then})
    assert [(each.level, each.delta, each.counted) for each in two.movements] == [
        (two.pool.at(key(first)).id, -1, -1)
    ]


def test_sales_in_both_stores_between_the_reads_add_up():
    """Both first reads were equal, and both have sold since."""
    start = pool(
        None,
        replace(new_level("eu", 48), first_book=50),
        replace(new_level("us", 49), first_book=50),
    )
    told = baseline_levels(Outcome(pool=start))
    assert (told.pool.shared, told.pool.first_shared, due(told.pool)) == (47, 50, {"eu", "us"})
    assert [each.delta for each in told.movements] == [-2, -1]


def test_a_sale_that_both_reads_have_in_them_is_no_movement():
    """They agree on what they show now."""
    start = pool(None, replace(new_level("eu", 48), first_book=50), new_level("us", 48))
    told = baseline_levels(Outcome(pool=start))
    assert (told.pool.shared, told.pool.first_shared, told.movements) == (48, 48, ())
    assert [each.first_book for each in told.pool.levels] == [48, 48]


def test_of_three_stores_the_one_that_differs_is_left_out():
    """The other two go on; it hears of that with every step, as one story."""
    told = baseline_levels(
        Outcome(pool=pool(None, new_level("eu", 50), new_level("us", 47), new_level("uk", 50)))
    )
    assert (told.pool.shared, baselined(told.pool), due(told.pool)) == (50, {"eu", "uk"}, set())
    assert stories(told) == [
        ("differs", "level:1", True),
        ("differs", "level:2", False),
        ("differs", "level:3", True),
    ]
    sold = observe(told.pool, seen("us", 46, 1), now=at(2))
    assert (sold.pool.shared, sold.movements) == (50, ())
    bought = observe(told.pool, seen("uk", 47, 1), now=at(2))
    assert (bought.pool.shared, baselined(bought.pool), due(bought.pool)) == (
        47,
        {"eu", "us", "uk"},
        {"eu"},
    )


@pytest.mark.parametrize(
    ("facts", "joins", "shared"),
    [
        pytest.param({"book": 45}, True, 45, id="equals what it should show now"),
        pytest.param(
            {"book": 48, "first_book": 50, "first_shared": 50},
            True,
            43,
            id="equalled it when the meeting was called",
        ),
        pytest.param(
            {"book": 50, "first_book": 50, "first_shared": 50},
            True,
            45,
            id="equalled it then, and has done nothing since",
        ),
        pytest.param(
            {"book": 48, "first_book": 49, "first_shared": 50}, False, 45, id="anything else"
        ),
        pytest.param(
            {"book": 48, "first_book": 50, "first_shared": None},
            False,
            45,
            id="nobody knows what it should have shown",
        ),
        pytest.param(
            {"book": 48, "first_book": None, "first_shared": 50},
            False,
            45,
            id="nobody knows its first value",
        ),
    ],
)
def test_a_level_joins_a_pool_that_has_agreed(facts, joins, shared):
    """One row each of the table."""
    start = pool(45, level("eu", 45), new_level("us", **facts))
    told = baseline_levels(Outcome(pool=start))
    assert (told.pool.at(key("us")).baselined, told.pool.shared) == (joins, shared)
    assert stories(told) == [("differs", "level:2", joins)]
    assert ("us" in due(told.pool)) == (joins and facts["book"] != shared)


def test_a_level_that_joins_with_a_sale_says_so():
    """The movement is written down like every other."""
    mine = new_level("us", 48, first_book=50, first_shared=50, level_baseline=3, seen_at=at(1))
    told = baseline_levels(Outcome(pool=pool(45, level("eu", 45), mine)))
    assert told.movements == (
        Movement(
            pool=1,
            level=2,
            level_baseline=3,
            delta=-2,
            counted=-2,
            shared=43,
            seen_at=at(1),
            source=ObservedBy.REFRESH,
        ),
    )
    assert told.pool.at(key("us")).first_book == 50


def test_a_pack_sold_before_a_level_joins_takes_as_many_as_are_in_it():
    """In a baseline too."""
    mine = new_level("us", 4, first_book=5, first_shared=50, pack=10)
    told = baseline_levels(Outcome(pool=pool(50, level("eu"), mine)))
    assert (told.pool.shared, due(told.pool)) == (40, {"eu"})
    assert [(each.delta, each.counted) for each in told.movements] == [(-1, -10)]


def test_one_way_a_level_joins_and_its_sale_is_not_counted():
    """Its own changes move its book alone, in a baseline too."""
    mine = new_level("us", 48, first_book=50, first_shared=50, mode=Mode.ONE_WAY)
    told = baseline_levels(Outcome(pool=pool(45, level("eu", 45), mine)))
    assert (told.pool.shared, due(told.pool)) == (45, {"us"})
    assert [(each.delta, each.counted) for each in told.movements] == [(-2, 0)]


def test_a_level_with_an_open_adjustment_is_due_when_another_joins():
    """It owes nothing now, and will when it is settled."""
    start = pool(
        50,
        level("eu", 49, open=True),
        new_level("us", 49, first_book=50, first_shared=50),
    )
    told = baseline_levels(Outcome(pool=start))
    assert (told.pool.shared, due(told.pool)) == (49, {"eu"})


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"mode": Mode.OFF}, id="is off"),
        pytest.param({"suspended": Suspension.INACTIVE}, id="is suspended"),
        pytest.param({"refresh_at": at(1)}, id="awaits a look"),
        pytest.param({"open": True}, id="has an adjustment open"),
        pytest.param({"book": None}, id="was never read"),
    ],
)
@pytest.mark.parametrize("store", ["eu", "us"])
@pytest.mark.parametrize("shared", [None, 50])
def test_a_level_that_is_not_ready_does_not_meet(facts, store, shared):
    """Nothing may be decided about it yet."""
    each = {
        name: new_level(name, **{"book": 50, "first_book": 50, **(facts if name == store else {})})
        for name in ("eu", "us")
    }
    told = baseline_levels(Outcome(pool=pool(shared, *each.values())))
    assert store not in baselined(told.pool)
    assert told.events == () or shared == 50


def test_nobody_agrees_without_the_source():
    """Two destinations have no say of their own."""
    told = baseline_levels(Outcome(pool=pool(None, new_level("us", 50), new_level("uk", 50))))
    assert (told.pool.shared, told.events) == (None, ())


def test_buffers_and_packs_meet_by_what_they_should_show():
    """Five kept back, and cartons of ten."""
    start = pool(
        None, new_level("eu", 50), new_level("us", 45, buffer=5), new_level("uk", 5, pack=10)
    )
    told = baseline_levels(Outcome(pool=start))
    assert (told.pool.shared, baselined(told.pool), due(told.pool)) == (
        50,
        {"eu", "us", "uk"},
        set(),
    )


def test_a_meeting_that_was_called_anew_is_met_by_the_first_value_after_it():
    """What is under way from before is settled as ever, and the book is read after it."""
    start = pool(50, level("eu"), waiting("us", open=True, level_baseline=1, first_shared=50))
    told = first_read(start, "us", 50)
    assert (told.pool.at(key("us")).book, baselined(told.pool)) == (None, {"eu"})
    assert adjustment(start.at(key("us")), 1).level_baseline == 1


def test_nobody_is_admitted_without_a_number():
    """The guards hold whoever forgets to ask first."""
    unread = Outcome(pool=pool(50, level("eu"), new_level("us")))
    unagreed = Outcome(pool=pool(None, new_level("eu", 50), new_level("us", 50)))
    for told in (unread, unagreed):
        assert _join(told, told.pool.at(key("us"))) is told
        assert _admit(told, told.pool.at(key("us")), 50) is told
