"""Batches: written down before they are sent, sent by one at a time, closed once."""

from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from sync_core.db.database import SqlDatabase
from sync_core.db.tables import AdjustmentRow, BatchRow
from sync_core.domain.values import Adjustment, LevelId
from sync_core.ports import Batch
from tests.conftest import needs_postgres
from tests.db.conftest import EU, NOON, US, after, furnish

BODY = b'{"delta": -5}\x00\xff'
ONE_ROW = ((LevelId(2), -5, 0),)


def written(database, key="key", rows=ONE_ROW, store=US):
    """Write a batch down; return its number."""
    return database.run(lambda tx: tx.batches.insert_batch(store, key, BODY, rows, now=NOON))


def lease_batch(database, at=0, until=30, store=US):
    return database.run(lambda tx: tx.batches.lease(store, now=after(at), until=after(until)))


def close(database, number, state="settled", at=3):
    return database.run(lambda tx: tx.batches.close(number, state, now=after(at)))


def release_batch(database, batch, at, *, executed=True):
    return database.run(lambda tx: tx.batches.release(batch, until=after(at), executed=executed))


@pytest.fixture
def quiet(furnished):
    """The furnished database without its batch."""
    close(furnished, 1)
    return furnished


def test_a_batch_is_sent_with_the_bytes_that_were_written_down(quiet):
    """The same key with other bytes is refused, or worse, taken."""
    number = written(quiet)
    first = Batch(
        id=number,
        store=US,
        key="key",
        body=BODY,
        rows=1,
        attempts=0,
        planned_at=after(0),
        first_sent_at=None,
    )
    assert lease_batch(quiet) == first
    again = replace(first, attempts=1, first_sent_at=after(0))
    assert lease_batch(quiet, at=30, until=60) == again
    assert lease_batch(quiet, at=60, until=90) == replace(again, attempts=2)


def test_nobody_else_sends_a_batch_that_is_being_sent(quiet):
    written(quiet)
    assert lease_batch(quiet, until=30) is not None
    assert lease_batch(quiet, at=29) is None
    assert quiet.run(lambda tx: tx.batches.next_at(US)) == after(30)


def test_a_released_batch_is_sent_when_its_time_has_come(quiet):
    written(quiet)
    batch = lease_batch(quiet, until=300)
    release_batch(quiet, batch, at=5)
    assert lease_batch(quiet, at=4) is None
    assert lease_batch(quiet, at=5).id == batch.id


def test_a_sending_that_was_certainly_not_executed_leaves_no_trace(quiet):
    """Else a store that refuses us for a day would leave doubt where there is none."""
    written(quiet)
    for at in (0, 10, 20):
        batch = lease_batch(quiet, at=at)
        assert batch.first_sent_at is None
        assert not quiet.run(lambda tx: tx.batches.has_unsent(US)), "it is on its way"
        release_batch(quiet, batch, at=at, executed=False)
        assert quiet.run(lambda tx: tx.batches.has_unsent(US))


def test_the_first_doubtful_sending_is_remembered(quiet):
    """Its key ages from then on, however often the batch is refused later, or sent again."""
    written(quiet)
    for at, executed in ((0, False), (10, True), (20, False), (30, True), (40, False)):
        batch = lease_batch(quiet, at=at)
        release_batch(quiet, batch, at=at, executed=executed)
    assert lease_batch(quiet, at=50).first_sent_at == after(10)


def test_whoever_was_overtaken_takes_nothing_back(quiet):
    """Two processes send the same batch: the slow one knows nothing of the other's sending."""
    written(quiet)
    slow = lease_batch(quiet, at=0, until=30)
    fast = lease_batch(quiet, at=30, until=60)
    release_batch(quiet, slow, at=31, executed=False)
    assert lease_batch(quiet, at=59) is None, "it is being sent"
    release_batch(quiet, fast, at=60, executed=True)
    release_batch(quiet, slow, at=61, executed=False)
    assert lease_batch(quiet, at=61).first_sent_at == after(0)


def test_fresh_batches_go_before_those_that_were_tried(quiet):
    """One batch in trouble does not hold up the others."""
    tried = written(quiet, "tried", [(LevelId(1), 1, 0)])
    lease_batch(quiet, until=0)
    fresh = written(quiet, "fresh", [(LevelId(2), 2, 0)])
    assert [lease_batch(quiet).id, lease_batch(quiet).id] == [fresh, tried]


def test_each_store_has_its_own_batches(quiet):
    written(quiet, store=EU)
    assert lease_batch(quiet, store=US) is None
    assert quiet.run(lambda tx: tx.batches.next_at(US)) is None
    assert lease_batch(quiet, store=EU) is not None


def test_a_batch_waits_until_it_was_sent_once(quiet):
    assert not quiet.run(lambda tx: tx.batches.has_unsent(US))
    written(quiet)
    assert quiet.run(lambda tx: tx.batches.has_unsent(US))
    lease_batch(quiet)
    assert not quiet.run(lambda tx: tx.batches.has_unsent(US))


@needs_postgres
def test_two_processes_never_claim_the_same_batch(postgres_url):
    with closing(SqlDatabase(postgres_url)) as one, closing(SqlDatabase(postgres_url)) as other:
        one.run(furnish)
        second = written(one)

        def both(tx):
            return tx.batches.lease(US, now=NOON, until=after(9)).id, lease_batch(other).id

        assert one.run(both) == (1, second)


def test_only_the_first_to_close_a_batch_gets_its_adjustments(quiet):
    """Whoever gets them moves the books: twice would be twice the units."""
    number = written(quiet, rows=[(LevelId(2), -5, 0), (LevelId(1), 7, 3)])
    assert close(quiet, number) == [
        Adjustment(id=1, batch=number, level=LevelId(2), delta=-5, level_baseline=0),
        Adjustment(id=2, batch=number, level=LevelId(1), delta=7, level_baseline=3),
    ]
    assert close(quiet, number) == []
    assert close(quiet, number, "refused") == []
    assert lease_batch(quiet, at=999) is None
    assert quiet.run(lambda tx: tx.batches.next_at(US)) is None


def test_a_closed_batch_stays_as_it_was_closed(quiet):
    """A late answer, a late release: the batch has been settled."""
    number = written(quiet)
    late = lease_batch(quiet)
    stated = {"now": after(3), "written_at": after(2)}
    quiet.run(lambda tx: tx.batches.close(number, "settled", **stated))
    close(quiet, number, "doubtful", at=9)
    release_batch(quiet, late, at=9)
    query = select(
        BatchRow.state, BatchRow.closed_at, BatchRow.written_at, BatchRow.claimed_until
    ).where(BatchRow.id == number)
    row = quiet.run(lambda tx: tx.run(query).one())
    assert row == ("settled", after(3), after(2), None)


def test_an_adjustment_is_closed_once(quiet):
    """Only the transaction whose UPDATE hit the open row moves the book."""
    number = written(quiet, rows=[(LevelId(2), -5, 0), (LevelId(1), 7, 0)])

    def settle(which, state, why=None):
        return quiet.run(
            lambda tx: tx.batches.close_adjustments(which, state, now=after(3), why=why)
        )

    assert settle([1], "refused", why="the item is not stocked") == {1}
    assert settle([1, 2, 99], "settled") == {2}
    assert settle([1, 2], "settled") == set()
    query = select(AdjustmentRow.state, AdjustmentRow.why).order_by(AdjustmentRow.id)
    rows = quiet.run(lambda tx: tx.run(query).all())
    assert rows == [("refused", "the item is not stocked"), ("settled", None)]
    assert close(quiet, number) == []


def test_rows_taken_out_go_again_under_a_new_key(quiet):
    """A refused row is closed; the rest is written down anew in the same step."""
    number = written(quiet, rows=[(LevelId(2), -5, 0), (LevelId(1), 7, 0)])

    def split(tx):
        first, second = tx.batches.close(number, "refused", now=after(3))
        tx.batches.close_adjustments([first.id], "refused", now=after(3), why="not stocked")
        tx.batches.close_adjustments([second.id], "replaced", now=after(3))
        rest = [(second.level, second.delta, second.level_baseline)]
        return tx.batches.insert_batch(US, "new key", BODY, rest, now=after(3))

    fresh = quiet.run(split)
    found = lease_batch(quiet, at=3)
    assert (found.id, found.key, found.rows) == (fresh, "new key", 1)


def test_a_level_with_an_open_adjustment_gets_no_second_one(quiet):
    """The whole batch is refused, not half of it."""
    written(quiet)
    with pytest.raises(IntegrityError):
        written(quiet, "other", [(LevelId(1), 1, 0), (LevelId(2), 1, 0)])
    query = select(BatchRow.key).where(BatchRow.state == "open")
    assert quiet.run(lambda tx: tx.run(query).scalars().all()) == ["key"]


@pytest.mark.parametrize("state", ["open", "settled", "refused", "replaced", "doubtful"])
def test_it_is_known_when_a_level_was_last_written_to(quiet, state):
    """By what is in its book, or is on its way there: not by what did not happen."""
    assert quiet.run(lambda tx: tx.batches.last_planned([1])) == {}

    def plan(tx, key, at, ends):
        number = tx.batches.insert_batch(US, key, BODY, ONE_ROW, now=after(at))
        if ends != "open":
            batch_ends = "refused" if ends == "replaced" else ends
            rows = tx.batches.close(number, batch_ends, now=after(at))
            tx.batches.close_adjustments([each.id for each in rows], ends, now=after(at))

    quiet.run(lambda tx: plan(tx, "first", 1, "settled"))
    assert quiet.run(lambda tx: tx.batches.last_planned([1])) == {2: after(1)}
    quiet.run(lambda tx: plan(tx, "second", 2, state))
    counts = state in {"open", "settled"}
    assert quiet.run(lambda tx: tx.batches.last_planned([1])) == {2: after(2 if counts else 1)}
    assert quiet.run(lambda tx: tx.batches.last_planned([])) == {}
