"""The equations, one table each: what holds is no breach, and what is off by one is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.accounting import apply_reading, observe
from sync_core.domain.adjustments import may_write
from sync_core.domain.audit import (
    BOOKS,
    Law,
    LevelBooks,
    PoolBooks,
    breaches,
    check_batch,
    check_book,
    check_open,
    check_orders,
    check_shared,
    ended,
    finding_level,
    is_stopped,
    restart_pool,
    resume,
    stop,
)
from sync_core.domain.decisions import DecisionReading, PoolDecision, decide
from sync_core.domain.suspension import ReadLag
from sync_core.domain.values import Mode, Severity, Suspension
from tests.unit.builders import at, level, new_level, pool, read, refresh_of, seen

units = st.integers(-10_000, 10_000)
EU, US = 1, 2


def level_books(**given):
    """A level that started at 50, sold 4, and was written to by 1."""
    usual = {"level": US, "store": "us", "baselined": True, "is_open": False, "book": 47}
    sums = {"first_book": 50, "movements": -4, "written": 1, "opened": 0, "mismatched": 0}
    return LevelBooks(**{**usual, **sums, **given})


def pool_books(*levels, **given):
    """A pool that agreed on 50, of which 4 were sold, and of which a person took 1."""
    usual = {"pool": 1, "title": "Jacket", "shared": 45, "first_shared": 50}
    return PoolBooks(**{**usual, "movements": -4, "decisions": -1, "levels": levels, **given})


@pytest.mark.parametrize(
    ("given", "recorded", "expected"),
    [
        pytest.param({}, None, None, id="adds up"),
        pytest.param({"shared": None, "first_shared": None}, None, None, id="not agreed"),
        pytest.param({"shared": 46}, 46, 45, id="a unit more than was ever there"),
        pytest.param({"shared": 44}, 44, 45, id="a unit less"),
        pytest.param({"first_shared": 51}, 45, 46, id="another start"),
        pytest.param({"movements": -5}, 45, 44, id="a sale that moved nothing"),
        pytest.param({"decisions": 0}, 45, 46, id="a decision that is gone"),
        pytest.param({"first_shared": None}, 45, None, id="no start"),
    ],
)
def test_a_shared_quantity_is_the_first_and_all_that_moved_it(given, recorded, expected):
    found = check_shared(pool_books(**given))
    assert (found is None) is (recorded is None)
    if found is not None:
        assert (found.law, found.recorded, found.expected) == (Law.SHARED, recorded, expected)


@pytest.mark.parametrize(
    ("given", "recorded", "expected"),
    [
        pytest.param({}, None, None, id="adds up"),
        pytest.param({"baselined": False, "book": 99}, None, None, id="has not joined its pool"),
        pytest.param({"book": 48}, 48, 47, id="a unit more"),
        pytest.param({"book": 46}, 46, 47, id="a unit less"),
        pytest.param({"first_book": 49}, 47, 46, id="another start"),
        pytest.param({"movements": -3}, 47, 48, id="a sale that is gone"),
        pytest.param({"written": 0}, 47, 46, id="an update that is gone"),
        pytest.param({"book": None}, None, 47, id="no book"),
        pytest.param({"first_book": None}, 47, None, id="no start"),
    ],
)
def test_a_book_is_the_first_and_all_that_moved_it(given, recorded, expected):
    found = check_book(pool_books(), level_books(**given))
    assert (found is None) is (recorded is None and expected is None)
    if found is not None:
        assert (found.law, found.recorded, found.expected) == (Law.BOOK, recorded, expected)
        assert (found.store, found.level, found.pool) == ("us", US, 1)


@pytest.mark.parametrize(
    ("is_open", "opened", "adds_up"),
    [(False, 0, True), (True, 1, True), (False, 1, False), (True, 0, False), (True, 2, False)],
)
def test_a_level_is_open_exactly_if_one_adjustment_of_it_is(is_open, opened, adds_up):
    found = check_open(pool_books(), level_books(is_open=is_open, opened=opened))
    assert (found is None) is adds_up
    if found is not None:
        assert (found.law, found.recorded, found.expected) == (Law.OPEN, opened, int(is_open))


def test_an_adjustment_is_as_its_batch_is():
    assert check_batch(pool_books(), level_books()) is None
    found = check_batch(pool_books(), level_books(mismatched=2))
    assert (found.law, found.recorded, found.expected) == (Law.BATCH, 2, 0)


def test_orders_add_up_to_the_change_that_they_explain():
    """None at all may explain it: that is no breach, whatever moved."""
    assert check_orders(pool_books(), level_books()) is None
    found = check_orders(pool_books(), level_books(misexplained=2))
    assert (found.law, found.recorded, found.expected) == (Law.ORDERS, 2, 0)
    assert (found.store, found.level) == ("us", US)


@given(first=units, movements=units, others=units, off=units)
def test_exactly_what_is_off_is_a_breach_and_says_by_how_much(first, movements, others, off):
    """Of the pool and of the level alike, whatever the numbers are."""
    total = first + movements + others
    books = pool_books(
        level_books(book=total + off, first_book=first, movements=movements, written=others),
        shared=total + off,
        first_shared=first,
        movements=movements,
        decisions=others,
    )
    found = breaches(books)
    assert [each.law for each in found] == ([Law.SHARED, Law.BOOK] if off else [])
    assert all(each.recorded - each.expected == off for each in found)
    assert all(f"{each.recorded}" in each.why and f"{each.expected}" in each.why for each in found)


def test_every_level_is_looked_at_by_every_law():
    """One that is wrong hides no other."""
    wrong = {"is_open": True, "mismatched": 1, "book": 1, "misexplained": 1}
    found = breaches(pool_books(level_books(), level_books(**wrong), level_books(opened=1)))
    assert [each.law for each in found] == [Law.BOOK, Law.OPEN, Law.BATCH, Law.ORDERS, Law.OPEN]


def test_what_does_not_add_up_is_said_with_all_its_numbers():
    (found,) = breaches(pool_books(shared=47))
    assert found.why == (
        "the shared quantity is 47, expected 45 (start 50, changes -4, decisions -1)"
    )
    (found,) = breaches(pool_books(level_books(first_book=None)))
    assert (
        found.why == "us: the book is 47, expected missing (start missing, changes -4, updates +1)"
    )
    (found,) = breaches(pool_books(level_books(opened=1)))
    assert found.why == "us: updates under way: 1, expected 0"
    (found,) = breaches(pool_books(level_books(mismatched=1)))
    assert found.why == "us: updates at odds with their batch: 1"
    (found,) = breaches(pool_books(level_books(misexplained=1)))
    assert found.why == "us: changes that their orders don't add up to: 1"


# -- what becomes of the pool


def stopped(of):
    return stop(of, breaches(pool_books(shared=47)), now=at(0)).pool


def test_a_stopped_pool_is_not_written_to_and_people_are_told_once():
    start = pool(47, level("eu", 47), level("us", 45, due=True))
    outcome = stop(start, breaches(pool_books(shared=47)), now=at(0))
    assert {each.suspended for each in outcome.pool.levels} == {Suspension.UNBALANCED}
    assert not any(may_write(each) for each in outcome.pool.levels)
    (events,) = outcome.events
    assert (events.kind, events.subject, events.severity) == (BOOKS, "level:2", Severity.CRITICAL)
    assert events.facts["title"] == "Slim Fit Denim Jacket"
    assert "is 47, expected 45" in events.facts["why"]
    again = stop(outcome.pool, breaches(pool_books(shared=47)), now=at(60))
    assert (again.pool, again.events) == (outcome.pool, outcome.events)


def test_what_is_off_or_suspended_already_is_left_as_it_is():
    """Its own reason is the better one, and an end of ours must not take it back."""
    off, gone = level("us", mode=Mode.OFF), level("uk", suspended=Suspension.MISSING)
    after = stopped(pool(50, level("eu"), off, gone))
    assert [each.suspended for each in after.levels] == [Suspension.UNBALANCED, None, "missing"]
    assert finding_level(after).id == EU
    assert finding_level(pool(50, off)).id == US


@pytest.mark.parametrize("read_lag", [ReadLag()])
def test_a_stopped_level_waits_whatever_it_shows(read_lag):
    """What is read of it says nothing about its books."""
    of = stopped(pool(50, level("eu"), level("us")))
    heard = observe(of, seen("us", 45, 100), now=at(100))
    assert heard.movements == ()
    mine = heard.pool.level(US)
    after = apply_reading(heard.pool, read("us", 50, 100), refresh_of(mine, 110), now=at(110))
    assert (after.movements, after.events) == ((), ())
    assert after.pool.level(US).suspended is Suspension.UNBALANCED
    assert after.pool.level(US).refresh_at == at(110) + read_lag.suspended


def test_a_pool_whose_books_are_right_again_counts_what_was_sold_meanwhile():
    """The books are right, so that the difference to them is what stores did."""
    of = stopped(pool(50, level("eu"), level("us")))
    going = resume(of, now=at(60)).pool
    assert not is_stopped(going)
    assert all(each.awaits_refresh and each.due for each in going.levels), "read before written"
    mine = going.level(US)
    after = apply_reading(going, read("us", 45, 30), refresh_of(mine, 62), now=at(63))
    assert [(each.delta, each.counted) for each in after.movements] == [(-5, -5)]
    assert after.pool.shared == 45


def test_a_level_that_never_joined_comes_back_as_it_was():
    of = stopped(pool(None, new_level("eu", 50), new_level("us", 44)))
    going = resume(of, now=at(60)).pool
    assert [(each.baselined, each.due) for each in going.levels] == [(False, False)] * 2


def test_the_end_is_told_of_every_level_that_was_stopped():
    of = stopped(pool(50, level("eu"), level("us"), level("uk", mode=Mode.OFF)))
    assert [(each.kind, each.subject, each.resolved) for each in ended(of)] == [
        (BOOKS, "level:1", True),
        (BOOKS, "level:2", True),
    ]


def test_a_new_baseline_forgets_what_was_recorded():
    of = stopped(pool(47, level("eu"), level("us"), level("uk", suspended=Suspension.INACTIVE)))
    fresh = restart_pool(of)
    assert (fresh.shared, fresh.first_shared, fresh.baseline) == (None, None, 1)
    assert [each.suspended for each in fresh.levels] == [None, None, Suspension.INACTIVE]
    for before, after in zip(of.levels, fresh.levels, strict=True):
        assert (after.baselined, after.book, after.level_baseline) == (
            False,
            None,
            before.level_baseline + 1,
        )


def test_a_persons_answer_is_a_new_baseline_with_the_number_that_they_chose():
    """Nothing of the old books is in it: not the shared quantity, and no movement."""
    of = stopped(pool(47, level("eu", 50), level("us", 44)))
    reads = {
        each.id: DecisionReading(
            reading=read(each.key.store, each.book), version=each.version, began=at(9)
        )
        for each in of.levels
    }
    chosen = PoolDecision(level=US, target=50, saw={EU: 50, US: 44}, shared=47)
    outcome, effect = decide(of, chosen, reads, now=at(10))
    assert (outcome.pool.shared, outcome.pool.first_shared, outcome.pool.baseline) == (50, 50, 1)
    assert (effect.moved, effect.founded, outcome.movements) == (0, True, ())
    assert [(each.baselined, each.book, each.suspended) for each in outcome.pool.levels] == [
        (True, 50, None),
        (True, 44, None),
    ]
    assert [each.due for each in outcome.pool.levels] == [False, True]
    resolved = [each.subject for each in outcome.events if each.kind == BOOKS and each.resolved]
    assert resolved == ["level:1", "level:2"]
