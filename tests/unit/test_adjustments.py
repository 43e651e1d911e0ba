"""Which adjustments are written down, and when a batch leaves."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sync_core.domain.adjustments import (
    MAX_BATCH_ROWS,
    is_doubtful,
    may_send,
    may_write,
    plan_adjustments,
    settle_adjustment,
)
from sync_core.domain.values import MAX_QUANTITY, Mode, Suspension
from tests.unit.builders import LONG_AGO, NOON, adjustment, at, key, level, new_level, pool, seen


@pytest.mark.parametrize(
    ("facts", "delta", "stays_due"),
    [
        pytest.param({"due": False}, None, False, id="is not due"),
        pytest.param({"baselined": False}, None, True, id="has not met"),
        pytest.param({"mode": Mode.OFF}, None, True, id="is off"),
        pytest.param({"suspended": Suspension.MISSING}, None, True, id="is suspended"),
        pytest.param({"open": True}, None, True, id="is open"),
        pytest.param({"refresh_at": at(9)}, None, True, id="awaits a look"),
        pytest.param({"book": 45}, None, False, id="owes nothing"),
        pytest.param({}, -5, False, id="owes"),
        pytest.param({"mode": Mode.ONE_WAY}, -5, False, id="owes, one-way"),
        pytest.param({"buffer": 10}, -15, False, id="owes, with a buffer"),
        pytest.param({"pack": 10}, -46, False, id="owes, in packs"),
    ],
)
def test_a_level_is_planned_by_the_table(facts, delta, stays_due):
    """One row each."""
    start = pool(45, level("eu", 45), level("us", **{"due": True, **facts}))
    told, deltas = plan_adjustments(start, "us", now=at(1))
    mine = told.pool.at(key("us"))
    assert deltas == ({} if delta is None else {2: delta})
    assert mine.due is stays_due
    assert mine.open is (delta is not None or facts.get("open", False))
    assert mine.version == (0 if delta is None else 1)
    assert mine.book == start.at(key("us")).book
    assert told.pool.at(key("eu")) == start.at(key("eu"))
    assert (told.events, told.movements) == ((), ())


def test_one_adjustment_is_open_at_a_time():
    """Planning twice writes once, whatever happens in between."""
    once, _ = plan_adjustments(pool(45, level("eu", 45), level("us", due=True)), "us", now=at(1))
    moved = replace(once.pool.at(key("us")), due=True)
    twice, deltas = plan_adjustments(once.pool.with_level(moved), "us", now=at(2))
    assert (deltas, twice.pool) == ({}, once.pool.with_level(moved))


def test_a_store_is_planned_alone():
    """A batch is one store's."""
    start = pool(45, level("eu", due=True), level("us", due=True), level("uk", due=True))
    told, deltas = plan_adjustments(start, "us", now=at(1))
    assert deltas == {2: -5}
    assert [each.open for each in told.pool.levels] == [False, True, False]


@pytest.mark.parametrize(
    ("shared", "told"),
    [
        pytest.param(MAX_QUANTITY, (MAX_QUANTITY - 50, None), id="the most"),
        pytest.param(MAX_QUANTITY + 1, (None, Suspension.REFUSED), id="more than that"),
        pytest.param(-MAX_QUANTITY, (-MAX_QUANTITY - 50, None), id="the least"),
        pytest.param(-MAX_QUANTITY - 1, (None, Suspension.REFUSED), id="less than that"),
    ],
)
def test_more_than_a_store_can_hold_is_not_asked_of_it(shared, told):
    """A batch with such a row would be refused whole."""
    outcome, deltas = plan_adjustments(pool(shared, level("us", due=True)), "us", now=at(1))
    mine = outcome.pool.at(key("us"))
    assert (deltas.get(2), mine.suspended, mine.open) == (*told, told[1] is None)
    assert [each.facts["said"] for each in outcome.events] == (
        ["more than a store can hold"] if told[1] else []
    )


def test_what_was_heard_and_waits_for_no_settlement_is_looked_at():
    """The level owes nothing any more: nothing else would come by."""
    start = pool(50, level("eu"), level("us", due=True, deferred=48, deferred_at=at(0)))
    told, deltas = plan_adjustments(start, "us", now=at(1))
    mine = told.pool.at(key("us"))
    assert (deltas, mine.due, mine.deferred, mine.refresh_at) == ({}, False, None, at(1))


def test_what_was_heard_waits_for_the_settlement_of_what_is_owed():
    """One look fewer."""
    start = pool(45, level("eu", 45), level("us", due=True, deferred=48, deferred_at=at(0)))
    told, deltas = plan_adjustments(start, "us", now=at(1))
    assert (deltas, told.pool.at(key("us")).deferred) == ({2: -5}, 48)


def test_nothing_is_planned_before_the_first_agreement():
    """Even if somebody marked it due."""
    assert not may_write(new_level("us", 50, due=True))


@pytest.mark.parametrize(
    ("baseline", "book"),
    [
        pytest.param(3, 45, id="the same baseline"),
        pytest.param(4, 50, id="baselined again meanwhile"),
    ],
)
def test_a_write_that_is_done_moves_its_book_unless_it_is_baselined_again(baseline, book):
    """A later baseline was read from the store, and has it or has not."""
    sent = adjustment(level("us", level_baseline=3), -5)
    start = pool(45, level("eu", 45), level("us", open=True, level_baseline=baseline))
    mine = settle_adjustment(start, sent, written_at=at(1), now=at(2)).pool.at(key("us"))
    assert (mine.book, mine.open, mine.settled_at, mine.last_delta) == (book, False, at(2), -5)


@pytest.mark.parametrize(
    ("written", "known"),
    [
        pytest.param(at(1), at(1), id="newer than what is known"),
        pytest.param(LONG_AGO - timedelta(1), LONG_AGO, id="older than what is known"),
    ],
)
def test_a_write_tells_when_the_store_last_changed_the_level(written, known):
    """What the store reports of before is no news."""
    start = pool(45, level("eu", 45), level("us", open=True))
    sent = adjustment(level("us"), -5)
    mine = settle_adjustment(start, sent, written_at=written, now=at(2)).pool.at(key("us"))
    assert (mine.written_at, mine.reported_at) == (known, known)


@pytest.mark.parametrize(
    ("rows", "ago", "leaves"),
    [
        pytest.param(1, None, True, id="the first ever"),
        pytest.param(MAX_BATCH_ROWS, 0, True, id="full"),
        pytest.param(MAX_BATCH_ROWS - 1, 0.49, False, id="not full, 0.49 s after the last"),
        pytest.param(1, 0.5, True, id="0.5 s after the last"),
    ],
)
def test_a_batch_leaves_full_or_half_a_second_after_the_last(rows, ago, leaves):
    """A single sale does not wait; a burst does not cost a batch each."""
    last = None if ago is None else at(-ago)
    assert may_send(rows=rows, last_sent_at=last, now=NOON) is leaves


@pytest.mark.parametrize(
    ("sent", "doubtful"),
    [
        pytest.param(None, False, id="never sent"),
        pytest.param(timedelta(hours=20) - timedelta(seconds=1), False, id="just below 20 h"),
        pytest.param(timedelta(hours=20), True, id="20 h"),
    ],
)
def test_an_old_key_is_not_sent_blindly(sent, doubtful):
    """The store forgets keys after 24 h: the same bytes would then be written twice."""
    first = None if sent is None else NOON - sent
    assert is_doubtful(first_sent_at=first, now=NOON) is doubtful


def test_a_spot_is_looked_up_by_what_it_is():
    """Two builders, one identity."""
    assert pool(1, eu=1).at(seen("eu", 0).key).id == 1
