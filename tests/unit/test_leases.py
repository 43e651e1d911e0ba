"""Who may write: the table, and the arithmetic of the wait."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.leases import (
    FIRST_MARK_WITHIN_SECONDS,
    RENEW_EVERY_SECONDS,
    TAKEOVER_WAIT_SECONDS,
    WRITE_LEASE_SECONDS,
    Lease,
    LeaseClaim,
    LeaseMark,
    LeaseState,
    LeaseView,
    RecordedLease,
    WritePermits,
    claim_of,
    lease_news,
    waits_until,
)
from sync_core.domain.values import Alias
from sync_core.shopify.http_client import REQUEST_TIMEOUT_SECONDS

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
EU, US = Alias("eu"), Alias("us")
OURS = RecordedLease(instance="a", renewals=frozenset({"r1", "r2"}))
times = st.floats(0, 1e6)


def mark(instance="a", renewal="r1"):
    return LeaseMark(instance=instance, renewal=renewal, at=NOON)


@pytest.mark.parametrize(
    ("found", "claim"),
    [
        pytest.param(None, LeaseClaim.TAKE, id="nothing: the first time"),
        pytest.param(mark(), LeaseClaim.RENEW, id="ours, and we know that renewal: we go on"),
        pytest.param(mark(renewal="r9"), LeaseClaim.OLDER, id="ours, a renewal we do not know"),
        pytest.param(mark(instance="b"), LeaseClaim.FOREIGN, id="another instance"),
        pytest.param(mark("b", "r9"), LeaseClaim.FOREIGN, id="another instance, another renewal"),
        pytest.param(mark("", ""), LeaseClaim.FOREIGN, id="one that we cannot read"),
    ],
)
def test_what_a_mark_means(found, claim):
    assert claim_of(found, OURS) is claim
    assert claim.may_write == (claim in {LeaseClaim.TAKE, LeaseClaim.RENEW})


def test_a_new_database_knows_no_renewal():
    assert claim_of(mark(), RecordedLease(instance="a", renewals=frozenset())) is LeaseClaim.OLDER


@given(renewed=times, taken=times, late=st.floats(0, 1))
def test_two_never_write_at_a_time(renewed, taken, late):
    """Whoever is cut off stops, requests under way included, before whoever takes over begins.

    The other's compare-and-set fails from the takeover on, so its last renewal was asked for
    before that.
    """
    lease = Lease()
    lease.renew(min(renewed, taken))
    last = lease.until + REQUEST_TIMEOUT_SECONDS * late
    assert last < waits_until(mark("b"), taken)


def test_nobody_waits_where_nobody_has_written():
    assert waits_until(None, 5.0) == 5.0
    assert waits_until(mark("b"), 5.0) == 5.0 + TAKEOVER_WAIT_SECONDS


def test_a_renewal_may_fail_once_before_the_writing_stops():
    assert (
        RENEW_EVERY_SECONDS + REQUEST_TIMEOUT_SECONDS
        < WRITE_LEASE_SECONDS
        < TAKEOVER_WAIT_SECONDS - REQUEST_TIMEOUT_SECONDS
    )


@given(asked=times, past=st.floats(0, 100))
def test_a_lease_runs_out_by_itself(asked, past):
    lease = Lease()
    assert not lease.may_write(asked)
    lease.renew(asked)
    assert lease.may_write(asked)
    assert lease.may_write(asked + past) == (asked + past < asked + WRITE_LEASE_SECONDS)


def test_a_late_answer_does_not_shorten_a_lease():
    lease = Lease()
    lease.renew(10.0)
    lease.renew(5.0)
    assert lease.may_write(10.0 + WRITE_LEASE_SECONDS - 1)
    lease.end()
    assert not lease.may_write(10.0)


def permits(*, seen=(EU, US)):
    made = WritePermits()
    made.begin([EU, US], 100.0, source=EU)
    for each in seen:
        made.note_mark(each, older=False, elsewhere=False)
        made.renew(each, 100.0)
    return made


def test_nothing_is_written_before_every_store_has_shown_its_mark():
    """One of them may say that this database is older than what Tipo has done."""
    made = permits(seen=[EU])
    assert not made.may_write(EU, 101.0)
    made.note_mark(US, older=False, elsewhere=False)
    assert made.may_write(EU, 101.0)
    assert not made.may_write(US, 101.0)


def test_a_process_that_is_about_to_end_begins_no_write():
    """Also when a renewal that was under way succeeds."""
    made = permits()
    assert made.may_write(EU, 101.0)
    made.close()
    made.renew(EU, 101.0)
    assert not made.may_write(EU, 101.0)


def test_a_store_that_does_not_answer_holds_the_others_up_only_for_a_while():
    made = permits(seen=[EU])
    assert not made.may_write(EU, 100.0 + FIRST_MARK_WITHIN_SECONDS - 0.1)
    assert made.may_write(EU, 100.0 + FIRST_MARK_WITHIN_SECONDS)


def test_an_older_database_writes_nowhere_until_all_is_well():
    made = permits()
    made.note_mark(US, older=True, elsewhere=True)
    assert not made.may_write(EU, 101.0)
    made.note_mark(US, older=False, elsewhere=False)
    assert made.may_write(EU, 101.0)
    assert not made.may_write(US, 101.0), "its lease has ended"


def test_a_new_start_begins_with_nothing():
    made = permits()
    made.begin([EU, US], 101.0, source=EU)
    assert not made.may_write(EU, 101.0)
    assert not made.may_write(Alias("unknown"), 101.0)


def test_of_two_that_share_the_stores_only_the_one_that_has_the_source_writes():
    """Each would take for sales what the other one writes."""
    made = permits()
    made.note_mark(US, older=False, elsewhere=True)
    made.end(US)
    assert made.may_write(EU, 101.0), "the source is ours"
    made = permits()
    made.note_mark(EU, older=False, elsewhere=True)
    made.end(EU)
    assert not made.may_write(US, 101.0), "the source is another one's"
    made.renew(EU, 102.0)
    assert made.may_write(US, 102.0), "it has been taken over"


def test_without_another_tipo_a_source_that_is_down_stops_nobody():
    made = permits()
    made.renew(US, 100.0 + WRITE_LEASE_SECONDS)
    assert not made.may_write(EU, 101.0 + WRITE_LEASE_SECONDS)
    assert made.may_write(US, 101.0 + WRITE_LEASE_SECONDS)


@pytest.mark.parametrize("state", [LeaseState.OLDER, LeaseState.FOREIGN, LeaseState.TAKING_OVER])
def test_what_an_earlier_process_has_noted_holds_while_the_store_is_down(state):
    made = permits(seen=[US])
    made.remember(LeaseView(store=EU, state=state, reason=LeaseState.FOREIGN))
    late = 100.0 + FIRST_MARK_WITHIN_SECONDS
    assert not made.may_write(US, late)


def told(*leases):
    return {(each.kind, each.subject): each for each in lease_news(leases)}


def test_all_is_over_where_the_lease_is_ours():
    events = told(LeaseView(store=EU, state=LeaseState.OURS))
    assert len(events) == 3
    assert all(each.resolved for each in events.values())


@pytest.mark.parametrize("reason", [None, LeaseState.FOREIGN])
def test_another_tipo_is_told_by_store_until_the_takeover_ends(reason):
    state = LeaseState.FOREIGN if reason is None else LeaseState.TAKING_OVER
    lease = LeaseView(
        store=US, state=state, since=NOON, reason=reason, by="ann", found=mark("0123456789")
    )
    events = told(lease, LeaseView(store=EU, state=LeaseState.OURS))
    assert not events["lease", "store:us"].resolved
    assert events["lease", "store:us"].facts == {
        "store": "us",
        "holder": "23456789",
        "seen": NOON.isoformat(),
        "taking_over": "ann",
        "asks": "us 2026-11-25T12:00:00+00:00" if reason is None else "",
    }
    assert events["lease", "store:eu"].resolved
    assert events["older_database", "database"].resolved


def test_an_older_database_is_told_once_for_all_its_stores():
    leases = [
        LeaseView(store=US, state=LeaseState.OLDER, since=NOON),
        LeaseView(store=EU, state=LeaseState.OLDER, since=NOON + timedelta(seconds=1)),
    ]
    events = told(*leases)
    assert events["older_database", "database"].facts == {
        "stores": "eu, us",
        "taking_over": "",
        "asks": "* 2026-11-25T12:00:00+00:00",
    }
    assert events["lease", "store:us"].resolved
