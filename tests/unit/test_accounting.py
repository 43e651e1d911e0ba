"""What is done with a webhook's value and with a read by id: the tables, row by row."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sync_core.domain.accounting import (
    Verdict,
    _believe,
    apply_reading,
    is_doubtful,
    judge_reading,
    judge_webhook,
    move_shared,
    observe,
)
from sync_core.domain.adjustments import expire, mark_unwritten, refuse, settle_adjustment
from sync_core.domain.suspension import READ_LAG, request_refresh, restart_level, suspend
from sync_core.domain.values import (
    NEVER,
    Event,
    Mode,
    Movement,
    ObservedBy,
    Outcome,
    Severity,
    Suspension,
)
from tests.unit.builders import (
    NOON,
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

KNOWN = {"seen_at": at(0), "written_at": at(0), "reported_at": at(0)}


@pytest.mark.parametrize(
    ("facts", "value", "when", "verdict"),
    [
        pytest.param({"mode": Mode.OFF}, 45, 9, Verdict.IGNORE, id="not ours to follow"),
        pytest.param({"mode": Mode.OFF, "open": True}, 45, 9, Verdict.IGNORE, id="off though open"),
        pytest.param({"open": True}, 45, 9, Verdict.DEFER, id="has an open adjustment"),
        pytest.param({"open": True}, 50, 9, Verdict.DEFER, id="open, and equals the book"),
        pytest.param({"open": True}, None, 9, Verdict.DEFER, id="open, and no value"),
        pytest.param({"refresh_at": at(1)}, 45, 9, Verdict.DEFER, id="awaits a look"),
        pytest.param({"refresh_at": at(1)}, 50, 9, Verdict.DEFER, id="awaits, and equals the book"),
        pytest.param(
            {"suspended": Suspension.INACTIVE, "refresh_at": at(1)},
            45,
            9,
            Verdict.REFRESH,
            id="suspended",
        ),
        pytest.param(
            {"suspended": Suspension.INACTIVE, "open": True},
            45,
            9,
            Verdict.DEFER,
            id="suspended with an open adjustment",
        ),
        pytest.param({"book": None}, 45, 9, Verdict.REFRESH, id="has no book"),
        pytest.param({}, None, 9, Verdict.REFRESH, id="has no value"),
        pytest.param({}, 50, 9, Verdict.KNOWN, id="equals the book"),
        pytest.param({}, 50, -9, Verdict.KNOWN, id="equals the book, and is old"),
        pytest.param({}, 50, None, Verdict.KNOWN, id="equals the book, and has no time"),
        pytest.param({}, 45, 1, Verdict.ACCEPT, id="after all that we know"),
        pytest.param({"seen_at": at(1)}, 45, 1, Verdict.REFRESH, id="same second as the last seen"),
        pytest.param({"written_at": at(1)}, 45, 1, Verdict.REFRESH, id="same second as our write"),
        pytest.param({"seen_at": at(2)}, 45, 1, Verdict.REFRESH, id="before the last seen"),
        pytest.param({"written_at": at(2)}, 45, 1, Verdict.REFRESH, id="before our write"),
        pytest.param({"reported_at": at(2)}, 45, 1, Verdict.REFRESH, id="before something heard"),
        pytest.param({"reported_at": at(1)}, 45, 1, Verdict.ACCEPT, id="itself the newest heard"),
        pytest.param({}, 45, None, Verdict.REFRESH, id="differs, and has no time"),
    ],
)
def test_a_webhooks_value_gets_one_verdict(facts, value, when, verdict):
    """One row each of the first table, and the rows where two of them meet."""
    mine = level("us", **{**KNOWN, **facts})
    assert judge_webhook(mine, value, None if when is None else at(when)) is verdict


@pytest.mark.parametrize(
    ("facts", "reading", "began", "verdict"),
    [
        pytest.param(
            {}, read("us", None, trouble=Suspension.MISSING), 99, Verdict.SUSPEND, id="has trouble"
        ),
        pytest.param(
            {},
            read("us", 50, trouble=Suspension.UNTRACKED),
            99,
            Verdict.SUSPEND,
            id="has trouble and a number",
        ),
        pytest.param({}, read("us", None), 99, Verdict.SUSPEND, id="has no number"),
        pytest.param({"open": True}, read("us", 45), 99, Verdict.TOO_EARLY, id="open meanwhile"),
        pytest.param({"version": 9}, read("us", 45), 99, Verdict.TOO_EARLY, id="moved meanwhile"),
        pytest.param(
            {"settled_at": at(0)},
            read("us", 45),
            1.9,
            Verdict.TOO_EARLY,
            id="1.9 s after our write",
        ),
        pytest.param(
            {"settled_at": at(0)}, read("us", 45), 2, Verdict.ACCEPT, id="2 s after our write"
        ),
        pytest.param(
            {"accounted_at": at(0)},
            read("us", 45),
            1.9,
            Verdict.TOO_EARLY,
            id="1.9 s after a change",
        ),
        pytest.param(
            {"accounted_at": at(0)}, read("us", 45), 2, Verdict.ACCEPT, id="2 s after a change"
        ),
        pytest.param(
            {"written_at": at(1)}, read("us", 45), 30, Verdict.STALE, id="older than our write"
        ),
        pytest.param(
            {"reported_at": at(1)},
            read("us", 45),
            30,
            Verdict.STALE,
            id="older than what was heard",
        ),
        pytest.param(
            {"last_delta": 5},
            read("us", 45, -7200),
            30,
            Verdict.STALE,
            id="the book without our write",
        ),
        pytest.param(
            {"last_delta": 5},
            read("us", 45, None),
            30,
            Verdict.STALE,
            id="the book without our write, and no time",
        ),
        pytest.param(
            {"last_delta": 5, "written_at": at(0)},
            read("us", 45, 0),
            30,
            Verdict.STALE,
            id="the book without our write, in its second",
        ),
        pytest.param(
            {"last_delta": 5},
            read("us", 45, 1),
            30,
            Verdict.ACCEPT,
            id="a later change that undoes our write",
        ),
        pytest.param(
            {"last_delta": 5}, read("us", 44, None), 30, Verdict.ACCEPT, id="no time, not ours"
        ),
        pytest.param(
            {"book": None, "last_delta": 5},
            read("us", 45, None),
            30,
            Verdict.ACCEPT,
            id="no book yet",
        ),
        pytest.param(
            {"settled_at": at(0), "written_at": at(1)},
            read("us", 45),
            59.9,
            Verdict.STALE,
            id="stale 59.9 s after our write",
        ),
        pytest.param(
            {"settled_at": at(0), "written_at": at(1)},
            read("us", 45),
            60,
            Verdict.ACCEPT,
            id="stale 60 s after our write",
        ),
        pytest.param(
            {"refresh_since": at(10), "reported_at": at(1)},
            read("us", 45),
            69.9,
            Verdict.STALE,
            id="stale 59.9 s after the wish",
        ),
        pytest.param(
            {"refresh_since": at(10), "reported_at": at(1)},
            read("us", 45),
            70,
            Verdict.ACCEPT,
            id="stale 60 s after the wish",
        ),
        pytest.param({}, read("us", 50), 99, Verdict.ACCEPT, id="equals the book"),
    ],
)
def test_a_reading_gets_one_verdict(facts, reading, began, verdict):
    """One row each of the second table, and each of its limits from both sides."""
    mine = level("us", **{"refresh_since": at(0), "refresh_at": at(0), **facts})
    assert judge_reading(mine, reading, refresh_of(mine, began, version=0)) is verdict


# -- hear


def test_a_sale_moves_the_book_and_the_pool_and_makes_the_other_level_due():
    """The first scenario of all: 5 sold in the destination."""
    told = observe(pool(50, eu=50, us=50), seen("us", 45, 1, delivery=77), now=at(2))
    assert told.movements == (
        Movement(
            pool=1,
            level=2,
            level_baseline=0,
            delta=-5,
            counted=-5,
            shared=45,
            seen_at=at(1),
            source=ObservedBy.WEBHOOK,
            delivery=77,
        ),
    )
    assert told.pool == replace(
        pool(50, eu=50, us=50),
        shared=45,
        levels=(
            level("eu", 50, due=True),
            level(
                "us",
                45,
                first_book=50,
                first_shared=50,
                seen_at=at(1),
                reported_at=at(1),
                accounted_at=at(2),
                version=1,
            ),
        ),
    )
    assert told.events == ()


def test_an_echo_is_nothing_but_is_known_from_then_on():
    """Our own write comes back; what is older than it must not be taken for news afterwards."""
    told = observe(pool(50, eu=50, us=50), seen("us", 50, 3), now=at(4))
    assert told.pool == pool(50, level("eu"), level("us", seen_at=at(3), reported_at=at(3)))
    assert (told.movements, told.events) == ((), ())


@pytest.mark.parametrize("late", [1, 3])
def test_an_old_value_after_one_that_equals_the_book_is_looked_at(late):
    """Sold and restocked, and the sale's webhook comes last: it must not sell once more."""
    rested = observe(pool(50, eu=50, us=50), seen("us", 50, 3), now=at(4)).pool
    told = observe(rested, seen("us", 49, late), now=at(5))
    assert (told.pool.shared, books(told.pool)) == (50, {"eu": 50, "us": 50})
    assert told.pool.at(key("us")).awaits_refresh


def test_a_level_that_is_off_hears_nothing():
    """Off is off: not even a mark is set."""
    start = pool(50, level("eu"), level("us", mode=Mode.OFF))
    assert observe(start, seen("us", 45, 1), now=at(2)).pool == start


def test_values_of_the_same_second_lead_to_a_look():
    """Whole seconds cannot order them: neither is dropped, and neither is believed."""
    one = observe(pool(50, eu=50, us=50), seen("us", 49, 1), now=at(1)).pool
    two = observe(one, seen("us", 48, 1), now=at(1.5)).pool
    mine = two.at(key("us"))
    assert (mine.book, two.shared, mine.refresh_at, mine.refresh_since) == (49, 49, at(3), at(1.5))


def test_one_way_a_destinations_change_moves_its_book_alone():
    """It is written nowhere; it shows as drift at night."""
    start = pool(50, level("eu"), level("us", mode=Mode.ONE_WAY))
    told = observe(start, seen("us", 45, 1), now=at(2))
    assert (told.pool.shared, books(told.pool), due(told.pool)) == (50, {"eu": 50, "us": 45}, set())
    assert [(each.delta, each.counted, each.shared) for each in told.movements] == [(-5, 0, 50)]


def test_one_way_the_sources_change_is_owed_to_the_destination():
    """One-way still writes one way."""
    start = pool(50, level("eu"), level("us", mode=Mode.ONE_WAY))
    told = observe(start, seen("eu", 45, 1), now=at(2))
    assert (told.pool.shared, due(told.pool)) == (45, {"us"})


@pytest.mark.parametrize("facts", [{}, {"book": None}, {"open": True}, {"refresh_at": at(1)}])
def test_no_value_never_moves_anything(facts):
    """Unknown is never zero."""
    start = pool(50, level("eu"), level("us", **facts))
    told = observe(start, seen("us", None, 1), now=at(2))
    assert (told.pool.shared, books(told.pool)) == (50, books(start))
    assert (told.movements, told.events) == ((), ())
    assert told.pool.at(key("us")).awaits_refresh


# -- what is heard while an adjustment is open


def open_pool(**facts):
    """Return a pool that owes 5 to the destination and has an adjustment of it open."""
    mine = {"open": True, "version": 1, **facts}
    return pool(45, level("eu", 45), level("us", **mine))


def settled(start, delta=-5, written=5, now=6):
    """Return the outcome of settling the destination's adjustment."""
    mine = start.at(key("us"))
    return settle_adjustment(start, adjustment(mine, delta), written_at=at(written), now=at(now))


def test_nothing_is_accounted_while_an_adjustment_is_open():
    """Most often it is our own write: the book would move twice."""
    told = observe(open_pool(), seen("us", 45, 5), now=at(5))
    assert (books(told.pool), told.pool.shared) == ({"eu": 45, "us": 50}, 45)
    assert (told.pool.at(key("us")).deferred, told.pool.at(key("us")).deferred_at) == (45, at(5))


def test_our_own_write_that_comes_back_before_the_answer_costs_nothing():
    """No look, no movement."""
    told = settled(observe(open_pool(), seen("us", 45, 5), now=at(5)).pool)
    mine = told.pool.at(key("us"))
    assert (mine.book, mine.deferred, mine.awaits_refresh, told.movements) == (45, None, False, ())


def test_a_sale_heard_while_open_and_after_our_write_is_accounted_on_settling():
    """The value already has our write in it."""
    told = settled(observe(open_pool(), seen("us", 43, 6), now=at(6)).pool)
    assert (told.pool.shared, books(told.pool), due(told.pool)) == (
        43,
        {"eu": 45, "us": 43},
        {"eu"},
    )
    assert [each.delta for each in told.movements] == [-2]


@pytest.mark.parametrize("when", [4, 5])
def test_a_sale_heard_while_open_and_not_after_our_write_is_looked_at(when):
    """It may be from before our write, or have it in."""
    told = settled(observe(open_pool(), seen("us", 48, when), now=at(6)).pool)
    mine = told.pool.at(key("us"))
    assert (mine.book, mine.refresh_at, told.pool.shared) == (45, at(8), 45)


@pytest.mark.parametrize(
    ("heard", "deferred", "deferred_at"),
    [
        pytest.param([(48, 3), (45, 5)], 45, at(5), id="the newest"),
        pytest.param([(45, 5), (48, 3)], 45, at(5), id="the newest, though it came first"),
        pytest.param([(45, 5), (45, 5)], 45, at(5), id="the same twice"),
        pytest.param([(45, 5), (44, 5)], 44, NEVER, id="two of one second: anybody's guess"),
        pytest.param([(45, None)], 45, NEVER, id="one without a time"),
    ],
)
def test_the_newest_value_is_kept_for_later(heard, deferred, deferred_at):
    """One value is enough: each carries the whole difference."""
    told = open_pool()
    for value, when in heard:
        told = observe(told, seen("us", value, when), now=at(6)).pool
    assert (told.at(key("us")).deferred, told.at(key("us")).deferred_at) == (deferred, deferred_at)


def test_an_older_value_after_a_tie_is_not_believed():
    """A tie forgets its time; what is older than the tie must not pass for the newest."""
    told = open_pool()
    for value, when in [(44, 7), (43, 7), (42, 6)]:
        told = observe(told, seen("us", value, when), now=at(7)).pool
    told = settled(told, written=5, now=8)
    assert (books(told.pool)["us"], told.movements) == (45, ())
    assert told.pool.at(key("us")).awaits_refresh


@pytest.mark.parametrize(
    "heard",
    [
        pytest.param([(43, 5), (45, 5)], id="two of one second, the other way round"),
        pytest.param([(43, 5), (43, 5), (45, 5), (45, 5)], id="both twice"),
        pytest.param([(43, 5), (45, 5), (45, 4)], id="and an older one"),
        pytest.param([(45, 5), (43, None)], id="one without a time after one with it"),
    ],
)
def test_a_sale_that_came_before_the_echo_of_its_second_is_looked_for(heard):
    """That the book is among the values says nothing: the sale would be lost until a catch-up."""
    told = open_pool()
    for value, when in heard:
        told = observe(told, seen("us", value, when), now=at(6)).pool
    mine = settled(told).pool.at(key("us"))
    assert (mine.book, mine.deferred, mine.awaits_refresh) == (45, None, True)


def test_no_value_while_open_wishes_a_look_after_settling():
    """And what was kept for later waits for that look."""
    told = observe(open_pool(), seen("us", None, 5), now=at(5)).pool
    told = observe(told, seen("us", 43, 6), now=at(6)).pool
    done = settled(told).pool.at(key("us"))
    assert (done.book, done.deferred, done.awaits_refresh) == (45, 43, True)
    assert done.refresh_mark == told.at(key("us")).refresh_mark  # it was heard once


# -- settle, unwritten, refuse, expire


def test_settling_moves_the_book_by_what_was_written():
    """And nothing else of the pool."""
    told = settled(open_pool())
    assert told.pool == pool(
        45,
        level("eu", 45),
        level(
            "us",
            45,
            first_book=50,
            first_shared=50,
            version=2,
            written_at=at(5),
            reported_at=at(5),
            settled_at=at(6),
            last_delta=-5,
        ),
    )
    assert (told.movements, told.events) == ((), ())


def test_settling_never_turns_a_stores_clock_back():
    """A store's second server may be a little behind."""
    told = settled(open_pool(written_at=at(30), reported_at=at(40)), written=5)
    mine = told.pool.at(key("us"))
    assert (mine.written_at, mine.reported_at) == (at(30), at(40))


def test_an_adjustment_of_an_older_meeting_leaves_the_new_book_alone():
    """The new meeting reads the level when it is settled, our write included."""
    start = open_pool()
    asked = adjustment(start.at(key("us")), -5)
    anew = start.with_level(restart_level(start.at(key("us")), shared=45))
    told = settle_adjustment(anew, asked, written_at=at(5), now=at(6)).pool.at(key("us"))
    assert (told.book, told.open, told.baselined, told.settled_at) == (None, False, False, at(6))
    read_since = replace(anew.at(key("us")), book=50, first_book=50)
    kept = settle_adjustment(anew.with_level(read_since), asked, written_at=at(5), now=at(6))
    assert kept.pool.at(key("us")).book == 50


def test_a_level_that_starts_over_forgets_its_numbers_and_keeps_its_adjustment():
    """What was sent cannot be called back."""
    old = level(
        "us", 45, open=True, due=True, deferred=3, deferred_at=at(1), level_baseline=2, version=8
    )
    assert restart_level(old, shared=60) == replace(
        old,
        book=None,
        first_book=None,
        first_shared=60,
        baselined=False,
        level_baseline=3,
        due=False,
        deferred=None,
        deferred_at=NEVER,
        version=9,
    )


def test_what_was_certainly_not_written_stays_owed():
    """The book does not move; the level is planned again."""
    start = open_pool()
    told = mark_unwritten(start, adjustment(start.at(key("us")), -5), now=at(6))
    assert told.pool == pool(45, level("eu", 45), level("us", 50, due=True, version=2))


def test_what_was_heard_is_judged_when_nothing_was_written_too():
    """A refused batch must not swallow a sale."""
    start = observe(open_pool(), seen("us", 48, 3), now=at(3)).pool
    told = mark_unwritten(start, adjustment(start.at(key("us")), -5), now=at(6))
    assert (told.pool.shared, books(told.pool), due(told.pool)) == (
        43,
        {"eu": 45, "us": 48},
        {"eu", "us"},
    )


def test_what_was_heard_waits_for_the_look_when_nothing_was_written():
    """One look tells both."""
    start = observe(open_pool(refresh_at=at(4)), seen("us", 48, 3), now=at(3)).pool
    told = mark_unwritten(start, adjustment(start.at(key("us")), -5), now=at(6)).pool.at(key("us"))
    assert (told.book, told.deferred, told.due) == (50, 48, True)


def test_a_refused_adjustment_suspends_its_level_and_says_why():
    """The pool's other levels go on."""
    start = open_pool(deferred=3, deferred_at=at(1))
    told = refuse(start, adjustment(start.at(key("us")), -5), why="not stocked here", now=at(6))
    mine = told.pool.at(key("us"))
    assert (mine.open, mine.suspended, mine.book, mine.deferred) == (
        False,
        Suspension.REFUSED,
        50,
        None,
    )
    assert (mine.refresh_at, mine.refresh_since) == (at(6) + timedelta(hours=1), at(6))
    assert told.pool.at(key("eu")) == start.at(key("eu"))
    assert told.events == (
        Event(
            kind="suspended",
            subject="level:2",
            severity=Severity.WARNING,
            facts={
                "title": "Slim Fit Denim Jacket",
                "store": "us",
                "why": "refused",
                "book": 50,
                "shared": 45,
                "said": "not stocked here",
                "delta": -5,
            },
        ),
    )


@pytest.mark.parametrize(("book", "if_written"), [(50, 45), (None, None)])
def test_a_doubtful_adjustment_names_both_numbers(book, if_written):
    """Only a person can say which of them it is."""
    start = open_pool(book=book)
    told = expire(start, adjustment(start.at(key("us")), -5), now=at(6))
    mine = told.pool.at(key("us"))
    assert (mine.open, mine.suspended, mine.book) == (False, Suspension.UNFINISHED, book)
    (events,) = told.events
    assert (events.facts["book"], events.facts["if_written"], events.facts["delta"]) == (
        book,
        if_written,
        -5,
    )


def test_a_doubtful_level_is_never_decided_by_a_reading():
    """The reading may or may not have our write in it."""
    start = open_pool()
    doubtful = expire(start, adjustment(start.at(key("us")), -5), now=at(6)).pool
    mine = doubtful.at(key("us"))
    told = apply_reading(doubtful, read("us", 45, 7), refresh_of(mine, 7200), now=at(7201))
    assert told.pool == doubtful.with_level(replace(mine, refresh_at=at(7201) + timedelta(hours=1)))
    assert (told.movements, told.events) == ((), ())


# -- wish


def test_a_wish_waits_until_a_read_can_be_believed():
    """Reads lag behind writes."""
    assert request_refresh(level("us", settled_at=at(9)), now=at(10)).refresh_at == at(11)
    assert request_refresh(level("us", accounted_at=at(9)), now=at(10)).refresh_at == at(11)
    assert request_refresh(level("us"), now=at(10)).refresh_at == at(10)


def test_a_second_wish_changes_the_mark_alone():
    """Else an item that never rests would never be looked at."""
    one = request_refresh(level("us"), now=at(10))
    assert request_refresh(one, now=at(20)) == replace(one, refresh_mark=2)


def test_a_suspended_level_is_looked_at_soon_after_something_was_heard():
    """It may be back; but a hot one must not put the look off with every webhook."""
    away = suspend(pool(50, eu=50, us=50), level("us"), Suspension.INACTIVE, now=at(0)).pool
    for second in range(5, 40, 5):
        away = observe(away, seen("us", 40, second), now=at(second)).pool
    assert away.at(key("us")).refresh_at == at(15)


# -- looked


def awaiting(book=50, **facts):
    """Return a pool whose destination awaits a refresh."""
    mine = level(
        "us", book, **{"refresh_at": at(0), "refresh_since": at(0), "refresh_mark": 1, **facts}
    )
    return pool(50, level("eu"), mine)


def test_a_reading_accounts_for_the_whole_difference():
    """The look is done and the other level due."""
    start = awaiting()
    told = apply_reading(start, read("us", 45, 1), refresh_of(start.at(key("us")), 3), now=at(4))
    mine = told.pool.at(key("us"))
    assert (told.pool.shared, books(told.pool), due(told.pool)) == (
        45,
        {"eu": 50, "us": 45},
        {"eu"},
    )
    assert (mine.refresh_at, mine.refresh_since, mine.seen_at, mine.reported_at) == (
        None,
        None,
        at(1),
        at(1),
    )
    assert [(each.delta, each.source) for each in told.movements] == [(-5, ObservedBy.REFRESH)]


def test_a_reading_without_a_time_is_as_good():
    """A store need not say when."""
    start = awaiting()
    told = apply_reading(start, read("us", 45, None), refresh_of(start.at(key("us")), 3), now=at(4))
    assert told.pool.shared == 45


@pytest.mark.parametrize("facts", [{"mode": Mode.OFF}, {"refresh_at": None}])
def test_a_reading_that_nobody_waits_for_is_nothing(facts):
    """Another round has been faster, or the mode has changed."""
    start = awaiting(**facts)
    assert (
        apply_reading(start, read("us", 45, 1), refresh_of(start.at(key("us")), 3), now=at(4)).pool
        == start
    )


def test_a_reading_from_before_our_write_is_repeated():
    """The level moved since the read began: as soon as it can be believed."""
    start = awaiting(version=3, settled_at=at(3))
    before = refresh_of(start.at(key("us")), 2, version=2)
    told = apply_reading(start, read("us", 45, 9), before, now=at(4))
    assert told.pool == start.with_level(replace(start.at(key("us")), refresh_at=at(5)))


def test_a_stale_reading_is_not_accounted_within_a_minute_and_is_after_it():
    """Nobody waits forever: a skewed clock must not hide a sale."""
    start, times = awaiting(written_at=at(9), settled_at=at(0)), []
    for _ in range(20):
        mine = start.at(key("us"))
        if not mine.awaits_refresh:
            break
        now = max(mine.refresh_at, at(2))
        start = apply_reading(
            start, read("us", 45, 1), refresh_of(mine, (now - NOON).total_seconds()), now=now
        ).pool
        times.append(((now - NOON).total_seconds(), start.shared))
    assert times == [(2, 50), (12, 50), (22, 50), (32, 50), (42, 50), (52, 50), (62, 45)]


@pytest.mark.parametrize(
    ("began", "shows", "since", "doubtful"),
    [
        pytest.param(2, 1, None, False, id="at the first look"),
        pytest.param(12, 1, None, True, id="at the second"),
        pytest.param(12, 1, 5, False, id="at the first of what was asked for later"),
        pytest.param(15, 1, 5, True, id="at the second of that"),
        pytest.param(12, 10, None, False, id="plainly newer"),
        pytest.param(62, 1, None, False, id="after a minute it is the truth"),
    ],
)
def test_what_stays_stale_is_doubtful(began, shows, since, doubtful):
    """Only then the primary is asked: it costs a write."""
    given = {} if since is None else {"refresh_since": at(since)}
    mine = awaiting(written_at=at(9), settled_at=at(0), **given).at(key("us"))
    assert is_doubtful(mine, read("us", 45, shows), refresh_of(mine, began)) is doubtful


def test_what_the_primary_confirms_is_believed_unless_the_level_has_moved():
    """It says what is there now; a write of ours that began meanwhile makes it old."""
    start = awaiting(written_at=at(9), settled_at=at(0))
    asked = refresh_of(start.at(key("us")), 12)
    told = apply_reading(start, read("us", 45, 1), asked, now=at(13), confirmed=True)
    assert (told.pool.shared, books(told.pool)) == (45, {"eu": 50, "us": 45})
    moved = start.with_level(replace(start.at(key("us")), version=9))
    told = apply_reading(moved, read("us", 45, 1), asked, now=at(13), confirmed=True)
    assert (told.pool.shared, told.movements) == (50, ())


@pytest.mark.parametrize("trouble", [Suspension.MISSING, Suspension.BUNDLE, None])
def test_a_reading_with_trouble_suspends_and_moves_nothing(trouble):
    """Unknown is never zero; said once."""
    start = awaiting(deferred=3, deferred_at=at(1))
    told = apply_reading(
        start, read("us", None, trouble=trouble), refresh_of(start.at(key("us")), 3), now=at(4)
    )
    mine = told.pool.at(key("us"))
    assert (told.pool.shared, books(told.pool), told.movements) == (50, {"eu": 50, "us": 50}, ())
    assert (mine.suspended, mine.deferred) == (trouble or Suspension.UNTRACKED, None)
    assert [each.kind for each in told.events] == ["suspended"]
    again = apply_reading(
        told.pool, read("us", None, trouble=trouble), refresh_of(mine, 9000), now=at(9001)
    )
    assert again.events == ()
    assert again.pool.at(key("us")).refresh_at == at(9001) + timedelta(hours=1)
    assert again.pool.at(key("us")).version == mine.version


def test_a_reading_without_a_number_is_never_believed():
    """The guard holds whoever forgets to ask first."""
    start = awaiting()
    mine = start.at(key("us"))
    told = _believe(start, mine, read("us", None), heard=False, now=at(4), read_lag=READ_LAG)
    assert told == Outcome(pool=start)


def test_a_level_that_comes_back_as_it_was_goes_on():
    """What the others did meanwhile is outstanding and written."""
    away = suspend(pool(50, eu=50, us=50), level("us"), Suspension.INACTIVE, now=at(0)).pool
    sold = observe(away, seen("eu", 48, 5), now=at(5)).pool
    told = apply_reading(
        sold, read("us", 50, 5), refresh_of(sold.at(key("us")), 7200), now=at(7201)
    )
    assert (told.pool.shared, books(told.pool), due(told.pool)) == (
        48,
        {"eu": 48, "us": 50},
        {"us"},
    )
    assert told.events == (Event(kind="suspended", subject="level:2", resolved=True),)


@pytest.mark.parametrize("why", [Suspension.INACTIVE, Suspension.REFUSED])
def test_a_level_that_comes_back_with_another_number_meets_its_pool_anew(why):
    """Stocked again at 0 is no sale of 50: nobody can say what happened, so nothing moves."""
    away = suspend(pool(50, eu=50, us=50), level("us"), why, now=at(0)).pool
    told = apply_reading(away, read("us", 0, 5), refresh_of(away.at(key("us")), 7200), now=at(7201))
    assert (told.pool.shared, told.movements, due(told.pool)) == (50, (), set())
    assert [each.kind for each in told.events] == ["suspended", "differs"]


def test_a_refused_level_that_comes_back_is_written_what_it_was_owed():
    """Nothing moved meanwhile: nothing else would make it due."""
    start = open_pool()
    away = refuse(start, adjustment(start.at(key("us")), -5), why="no", now=at(6)).pool
    told = apply_reading(away, read("us", 50), refresh_of(away.at(key("us")), 7200), now=at(7201))
    assert (told.movements, due(told.pool)) == ((), {"us"})


@pytest.mark.parametrize("why", [Suspension.MISSING, Suspension.UNTRACKED])
@pytest.mark.parametrize("then", [None, Suspension.REFUSED, Suspension.INACTIVE])
def test_a_level_that_was_gone_meets_its_pool_anew(why, then):
    """A new item shows 0: nobody sold 50. What else goes wrong meanwhile does not change that."""
    away = suspend(pool(50, eu=50, us=50), level("us"), why, now=at(0)).pool
    if then:
        away = suspend(away, away.at(key("us")), then, now=at(1)).pool
    told = apply_reading(away, read("us", 0, 5), refresh_of(away.at(key("us")), 7200), now=at(7201))
    mine = told.pool.at(key("us"))
    assert (told.pool.shared, books(told.pool), due(told.pool)) == (50, {"eu": 50, "us": 0}, set())
    assert (mine.baselined, mine.level_baseline, told.movements) == (False, 1, ())
    assert [(each.kind, each.resolved) for each in told.events] == [
        ("suspended", True),
        ("differs", False),
    ]


# -- what is heard while a read is under way


def test_what_is_heard_during_a_read_is_judged_after_it():
    """The read may have begun before the sale."""
    start = awaiting()
    reading = refresh_of(start.at(key("us")), 3)
    heard = observe(start, seen("us", 44, 4), now=at(4)).pool
    told = apply_reading(heard, read("us", 45, 2), reading, now=at(5))
    # The reading is older than what was heard: once more.
    assert (told.pool.shared, told.pool.at(key("us")).refresh_at) == (50, at(15))
    again = apply_reading(heard, read("us", 45, 4), reading, now=at(5))
    assert (again.pool.shared, books(again.pool)["us"]) == (45, 45)
    assert again.pool.at(key("us")).awaits_refresh


def test_what_is_heard_during_a_read_and_is_newer_than_the_truth_is_accounted():
    """After a minute even a stale reading counts, and the newer value on top of it."""
    start = awaiting()
    reading = refresh_of(start.at(key("us")), 100)
    heard = observe(start, seen("us", 44, 101), now=at(101)).pool
    told = apply_reading(heard, read("us", 45, 2), reading, now=at(102))
    assert (told.pool.shared, books(told.pool)["us"]) == (44, 44)
    assert [each.delta for each in told.movements] == [-5, -1]


def test_what_was_heard_before_a_read_is_in_it():
    """It is not judged a second time."""
    heard = observe(awaiting(), seen("us", 44, 1), now=at(1)).pool
    told = apply_reading(
        heard, read("us", 45, 2), refresh_of(heard.at(key("us")), 3), now=at(4)
    ).pool
    mine = told.at(key("us"))
    assert (told.shared, mine.deferred, mine.deferred_at, mine.awaits_refresh) == (
        45,
        None,
        NEVER,
        False,
    )


def test_what_is_owed_after_a_look_is_written_before_later_is_judged():
    """One write and one refresh in turn: neither starves."""
    start = awaiting()
    sold = observe(start, seen("eu", 40, 1), now=at(1)).pool
    reading = refresh_of(sold.at(key("us")), 100)
    heard = observe(sold, seen("us", 44, 101), now=at(101)).pool
    told = apply_reading(heard, read("us", 50, 2), reading, now=at(102)).pool
    mine = told.at(key("us"))
    assert (told.shared, mine.book, mine.deferred, mine.due, mine.awaits_refresh) == (
        40,
        50,
        44,
        True,
        False,
    )


def test_one_way_what_is_heard_during_a_read_is_not_left_lying():
    """A level that owes for its own change is never planned for it: nothing else comes by."""
    start = pool(
        50, level("eu"), level("us", mode=Mode.ONE_WAY, refresh_at=at(0), refresh_since=at(0))
    )
    reading = refresh_of(start.at(key("us")), 100)
    heard = observe(start, seen("us", 44, 101), now=at(101)).pool
    told = apply_reading(heard, read("us", 45, 2), reading, now=at(102)).pool
    assert (told.shared, books(told), told.at(key("us")).deferred) == (
        50,
        {"eu": 50, "us": 44},
        None,
    )


@pytest.mark.parametrize(
    ("why", "value", "reads", "again"),
    [
        (Suspension.INACTIVE, 44, 50, 102),
        (Suspension.INACTIVE, None, 50, 102),
        (None, None, 45, 104),  # it was accounted for at 102, and then left in peace
    ],
)
def test_a_wish_during_a_read_outlives_it(why, value, reads, again):
    """Where nothing was kept for later, the read that began before it is not its answer."""
    start = awaiting(suspended=why)
    reading = refresh_of(start.at(key("us")), 100)
    heard = observe(start, seen("us", value, 101), now=at(101)).pool
    told = apply_reading(heard, read("us", reads, 101), reading, now=at(102)).pool
    mine = told.at(key("us"))
    assert (told.shared, mine.book) == (reads, reads)
    assert (mine.suspended, mine.refresh_at) == (None, at(again))


# -- shared, and what it makes due


def test_a_move_of_nothing_makes_nothing_due():
    """Nor does a pool move that has not agreed."""
    start = pool(50, level("eu", 40), level("us"))
    assert move_shared(start, 0) == start
    fresh = pool(None, new_level("eu", 50), new_level("us"))
    assert move_shared(fresh, 5) == fresh


def test_a_move_makes_due_what_owes_or_will_owe():
    """An open level may owe nothing now and much when it is settled."""
    start = pool(
        50,
        level("eu", 49),
        level("us", 49, open=True),
        new_level("uk", 20),
    )
    assert due(move_shared(start, -1)) == {"us"}
    assert due(move_shared(start, 1)) == {"eu", "us"}


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        pytest.param(1, 0, (), id="none left"),
        pytest.param(1, -1, ((Severity.CRITICAL, 1, False),), id="begins"),
        pytest.param(-1, -3, ((Severity.CRITICAL, 3, False),), id="grows"),
        pytest.param(-3, -1, (), id="shrinks"),
        pytest.param(-3, 0, ((Severity.INFO, None, True),), id="is over"),
        pytest.param(-3, 9, ((Severity.INFO, None, True),), id="is over, with some to spare"),
    ],
)
def test_overselling_is_told_as_one_story(before, after, events):
    """Both stores sold the last unit: people must know, and know when it is over."""
    told = observe(pool(before, eu=before, us=before), seen("us", after, 1), now=at(2))
    mine = [each for each in told.events if each.kind == "oversold"]
    assert tuple((each.severity, each.facts.get("units"), each.resolved) for each in mine) == events
    assert {each.subject for each in told.events} <= {"pool:1"}
    assert all(each.resolved for each in told.events if each.kind != "oversold")
