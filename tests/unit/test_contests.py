"""Who undoes what we write is stopped; who sells never is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.accounting import apply_reading, observe
from sync_core.domain.adjustments import plan_adjustments
from sync_core.domain.circuit_breaker import CountedMovement
from sync_core.domain.contests import (
    FINDING_KIND,
    ContestHistory,
    Pattern,
    SettledWrite,
    contested,
    explain_leniently,
    find_contest,
    may_answer,
    pool_of,
    resume,
    stop,
    subject_of,
)
from sync_core.domain.values import Mode, Severity, Suspension
from sync_core.domain.webhook_events import OrderEvent, OrderEventKind
from tests.unit.builders import LONG_AGO, NOON, at, level, pool, read, refresh_of, seen

EU, US = 1, 2


def history(*events, orders=False, every=1.0, brought_back=False):
    """Build a history of the level `eu`, an event a second.

    w-5: our update; m+5: it changed; o-5: an order explains it; e+5, x+5: another level changed,
    or an order explains it there; 0: nothing.
    """
    writes, moves = [], []
    for n, event in enumerate(events):
        what, delta, when = event[0], int(event[1:] or 0), at(n * every)
        if what == "w":
            writes.append(SettledWrite(delta=delta, at=when))
        elif what in "moex":
            of = EU if what in "mo" else US
            moves.append(
                CountedMovement(
                    id=n,
                    pool=1,
                    level=of,
                    delta=delta,
                    counted=delta,
                    at=when,
                    seen_at=when,
                    emptied=False,
                    explained=what in "ox",
                )
            )
    return ContestHistory(writes=writes, moves=moves, orders_seen=orders, brought_back=brought_back)


def seen_in(*events, **given):
    found = find_contest(EU, history(*events, **given))
    return None if found is None else found.pattern


BACK = ["w-5", "m+5"]
ANSWERS = {
    "an app that holds its own number": ["w-5", "m+5", "w+5", "m-5", "w-5", "m+5"],
    "one that only puts back": BACK * 3,
    "one that undoes several updates at once": ["w-1", "w-2", "m+3"] * 3,
    "one that undoes the last of several": ["w-1", "w-2", "m+2"] * 3,
    "updates go on after the third": [*BACK * 3, "w-5"],
    "after a sale of its own": ["m-2", *BACK * 3],
}


@pytest.mark.parametrize("orders", [True, False])
@pytest.mark.parametrize("events", ANSWERS.values(), ids=ANSWERS)
def test_three_answers_in_a_row_that_undo_our_updates(events, orders):
    assert seen_in(*events, orders=orders) is Pattern.UNDONE


NOT_UNDONE = {
    "two answers": BACK * 2,
    "a sale between": [*BACK * 2, "m-1", *BACK],
    "a sale at the end": [*BACK * 3, "m-1"],
    "another number once": [*BACK * 2, "w-5", "m+4"],
    "an order explains one": [*BACK * 2, "w-5", "o+5"],
    "nothing was written before one": [*BACK * 2, "m+5"],
    "updates that add up to nothing": ["w-5", "w+5", "m+3"] * 3,
    "changes alone": ["m+5"] * 8,
    "updates alone": ["w-5"] * 8,
}


@pytest.mark.parametrize("orders", [True, False])
@pytest.mark.parametrize("events", NOT_UNDONE.values(), ids=NOT_UNDONE)
def test_less_than_three_answers_in_a_row_are_nothing(events, orders):
    assert seen_in(*events, orders=orders) is None


def test_sales_that_answer_restocks_need_orders_that_do_not_explain_them():
    """A sold-out item: each unit that comes in elsewhere is bought at once."""
    bought = ["w+1", "m-1"] * 3
    assert seen_in(*bought) is None
    assert seen_in(*bought, orders=True) is Pattern.UNDONE
    assert seen_in(*["w+1", "o-1"] * 3, orders=True) is None


def test_one_of_three_must_put_units_back():
    assert seen_in("w+5", "m-5", "w+5", "m-5", "w-5", "m+5") is Pattern.UNDONE
    assert seen_in("w+5", "m-5", "w-5", "m+5", "w+5", "m-5") is Pattern.UNDONE


def test_what_takes_longer_than_ten_minutes_is_nothing():
    assert seen_in(*BACK * 3, every=120) is Pattern.UNDONE
    assert seen_in(*BACK * 3, every=121) is None


def test_five_repeats_in_a_row():
    """An app that passes on what we pass on: without an end each change runs away."""
    down, up = ["w-5", "m-5"], ["w+5", "m+5"]
    assert seen_in(*up * 5) is Pattern.REPEATED
    assert seen_in(*up * 4) is None
    assert seen_in(*down * 5, orders=True) is Pattern.REPEATED
    assert seen_in(*down * 4, orders=True) is None
    assert seen_in(*down * 9) is None, "nobody can tell it from sales in both stores"
    assert seen_in(*up * 4, *down) is None
    assert seen_in(*down * 4, "w-5", "o-5", orders=True) is None
    assert seen_in(*down * 2, "w-5", "m+5", *down * 2, orders=True) is None


def turns(n, by=5, what="e"):
    """Return n updates by turns, each caused by a change elsewhere."""
    signs = ["-", "+"] * n
    return [each for s in signs[:n] for each in (f"{what}{s}{by}", f"w{s}{by}")]


def test_updates_to_and_fro_that_nobody_caused():
    assert seen_in(*turns(6), orders=True) is Pattern.TO_AND_FRO
    assert seen_in(*turns(5), orders=True) is None
    assert seen_in(*turns(12)) is Pattern.TO_AND_FRO
    assert seen_in(*turns(11), orders=True, brought_back=True) is None
    assert seen_in(*turns(12), orders=True, brought_back=True) is Pattern.TO_AND_FRO
    assert seen_in(*turns(11)) is None
    assert seen_in(*turns(6, what="x"), orders=True) is None, "sold and cancelled, by turns"
    assert seen_in(*[each for each in turns(12) if each[0] == "w"], orders=True) is None, "a buffer"
    assert seen_in(*turns(4), "e-5", "w-5", "e-5", "w-5", orders=True) is None
    assert seen_in(*turns(6), orders=True, every=54) is Pattern.TO_AND_FRO
    assert seen_in(*turns(6), orders=True, every=61) is None


def test_where_orders_are_not_seen_turns_must_be_of_one_size():
    odd = ["e-5", "w-5", "e+6", "w+6"]
    assert seen_in(*odd * 3, orders=True) is Pattern.TO_AND_FRO
    assert seen_in(*odd * 6) is None


def test_what_was_seen_is_told():
    found = find_contest(EU, history("w-1", "w-2", "m+3", "w+3", "m-3", "w-3", "0", "m+3"))
    assert (found.times, found.units, found.seconds) == (3, 3, 7)
    found = find_contest(EU, history(*turns(6, by=2), orders=True))
    assert (found.times, found.units, found.seconds) == (6, 2, 10)


sales = st.lists(st.tuples(st.sampled_from("wme"), st.integers(-3, -1)), max_size=80)


@given(sales=sales)
def test_sales_are_never_a_contest(sales):
    """However hot, in however many stores, and with nobody telling us of orders."""
    assert find_contest(EU, history(*(f"{what}{by}" for what, by in sales))) is None


bought = st.lists(
    st.tuples(st.sampled_from("wwox"), st.sampled_from([-2, -1, -1, -1, 1, 1])), max_size=80
)


@given(bought=bought)
def test_sales_and_what_comes_back_are_never_a_contest_where_orders_tell(bought):
    told = [f"{what}{by:+d}" for what, by in bought]
    assert find_contest(EU, history(*told, orders=True)) is None


# -- whether it is worth looking
@pytest.mark.parametrize(
    ("last", "delta", "pattern"),
    [
        (-5, 5, Pattern.UNDONE),
        (5, -3, Pattern.UNDONE),
        (-5, -5, Pattern.REPEATED),
        (-5, -4, None),
        (0, 5, None),
    ],
)
def test_what_a_change_may_be_part_of(last, delta, pattern):
    mine = level(last_delta=last, settled_at=NOON)
    assert may_answer(mine, delta, now=at(600)) is pattern
    assert may_answer(mine, delta, now=at(601)) is None


# -- stopping and resuming
@pytest.fixture
def stopped():
    """A pool of three whose `eu` is stopped, owed 5 less."""
    mine = pool(45, level("eu", 50, due=True), level("us", 45), level("uk", 45))
    found = find_contest(EU, history(*BACK * 3))
    return stop(mine, mine.level(EU), found, now=NOON)


def test_a_stopped_level_is_told_once_and_not_written_to(stopped):
    after = stopped.pool
    assert contested(after) == [after.level(EU)]
    [events] = stopped.events
    assert (events.kind, events.subject, events.severity) == (
        FINDING_KIND,
        "contest:1",
        Severity.CRITICAL,
    )
    assert pool_of(events.subject) == after.id
    assert events.facts["stores"] == "eu"
    assert plan_adjustments(after, "eu", now=at(60))[1] == {}


def test_another_level_of_the_pool_is_the_same_story(stopped):
    found = find_contest(EU, history(*BACK * 3))
    again = stop(stopped.pool, stopped.pool.level(US), found, now=at(9))
    assert again.events[0].subject == subject_of(stopped.pool.id)
    assert again.events[0].facts["stores"] == "eu, us"


def test_what_a_stopped_level_shows_counts_as_ever(stopped):
    """By webhook and by reading; nothing lifts it but a person."""
    heard = observe(stopped.pool, seen("eu", 48, 20), now=at(20))
    assert heard.pool.shared == 43
    assert {each.key.store for each in heard.pool.levels if each.due} == {"eu", "us", "uk"}
    wished = observe(heard.pool, seen("eu", 47, 20), now=at(21)).pool
    assert wished.level(EU).awaits_refresh
    late = observe(wished, seen("eu", 46, 40), now=at(41)).pool
    assert late.level(EU).deferred == 46, "heard while a look is wanted"
    found = apply_reading(late, read("eu", 46, 40), refresh_of(late.level(EU), 50), now=at(51))
    assert (found.pool.shared, found.pool.level(EU).book) == (41, 46)
    assert found.pool.level(EU).deferred is None, "nothing that is pending holds it up"
    assert contested(found.pool)
    assert found.events == ()


def test_a_stopped_level_that_is_gone_is_suspended_as_ever(stopped):
    wished = observe(stopped.pool, seen("eu", 48, None), now=at(20)).pool
    gone = read("eu", None, None, trouble=Suspension.MISSING)
    found = apply_reading(wished, gone, refresh_of(wished.level(EU), 30), now=at(31))
    assert found.pool.level(EU).suspended is Suspension.MISSING
    assert found.pool.level(EU).is_unreadable


def test_resumed_it_is_read_and_then_written(stopped):
    found = resume(stopped.pool, now=at(60))
    assert contested(found.pool) == []
    assert found.events[0].resolved
    mine = found.pool.level(EU)
    assert (mine.due, mine.awaits_refresh) == (True, True)
    assert plan_adjustments(found.pool, "eu", now=at(61))[1] == {}
    read_ = apply_reading(found.pool, read("eu", 50, -99), refresh_of(mine, 63), now=at(63))
    assert plan_adjustments(read_.pool, "eu", now=at(63))[1] == {EU: -5}


def test_one_that_only_follows_is_told_as_such():
    mine = pool(45, level("eu", 45), level("us", 50, mode=Mode.ONE_WAY))
    found = stop(mine, mine.level(US), find_contest(EU, history(*BACK * 3)), now=NOON)
    assert found.events[0].facts["follows"] is True


def test_no_other_suspension_is_lifted_by_resuming():
    mine = pool(45, level("eu", 50, suspended=Suspension.REFUSED, due=False), level("us", 45))
    assert resume(mine, now=NOON).pool == mine
    assert replace(mine.level(EU), settled_at=LONG_AGO).is_unreadable


@pytest.mark.parametrize(
    ("delta", "kind", "when", "explained"),
    [
        pytest.param(-2, OrderEventKind.SALE, 5, True, id="a sale near it, of another number"),
        pytest.param(2, OrderEventKind.REFUND, 5, True, id="a return near it"),
        pytest.param(2, OrderEventKind.SALE, 5, False, id="a sale puts nothing back"),
        pytest.param(-2, OrderEventKind.SALE, 121, False, id="too long after it"),
    ],
)
def test_where_in_doubt_a_customer_did_it(delta, kind, when, explained):
    """One reading may contain a sale and a return, and then equals neither."""
    move = CountedMovement(
        id=1, pool=1, level=EU, delta=delta, counted=delta, at=NOON, seen_at=NOON, emptied=False
    )
    other = OrderEvent(
        store="eu", kind=kind, ref=1, line=1, order_id=7, name="#7", variant_id=1, quantity=5,
        location=None, at=at(when),
    )  # fmt: skip
    [told] = explain_leniently([move], {EU: [other]}, EU)
    assert told.explained is explained
