"""Stored times move with the clock, and none waits for ever."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from sync_core.db.stored_times import (
    DUE,
    MOVED_AS_A_WHOLE,
    PAST,
    RECENT,
    SEALS,
    STORE_CLOCK,
    all_times,
)
from sync_core.db.tables import (
    BATCH,
    LEVEL,
    MOVEMENT,
    POST,
    PROPOSAL,
    REPORT,
    STORE,
    TRAFFIC_MINUTE,
)
from sync_core.domain.adjustments import KEY_LIFETIME
from sync_core.domain.values import NEVER
from sync_core.domain.views import NEVER_DUE
from tests.db.conftest import NOON, US, after

HOUR, MONTH = 3600, 30 * 86_400
BOTH = pytest.mark.parametrize("step", [-MONTH, -HOUR, HOUR, MONTH])


def test_every_time_has_its_place():
    """A new one must be given its own: else it is the one that waits for a month."""
    listed = [*DUE, *RECENT, *PAST, *STORE_CLOCK, *SEALS, MOVED_AS_A_WHOLE]
    assert sorted(listed) == sorted(all_times())


def move(database, step, *, known=True):
    """The clock was at noon, and is set."""
    database.run(
        lambda tx: tx.stored_times.shift(
            timedelta(seconds=step), now=after(step), key_age_known=known
        )
    )


def put(database, table, **values):
    database.run(lambda tx: tx.run(update(table).values(values)))


def one(database, column):
    query = select(column).limit(1)
    return database.run(lambda tx: tx.run(query).scalar_one())


@BOTH
def test_what_is_due_in_ten_minutes_is_due_in_ten_minutes(furnished, step):
    put(furnished, LEVEL, refresh_at=after(600), refresh_since=after(-1))
    put(furnished, BATCH, claimed_until=after(50), last_sent_at=after(-10))
    move(furnished, step)
    assert one(furnished, LEVEL.c.refresh_at) == after(step + 600)
    assert one(furnished, BATCH.c.claimed_until) == after(step + 50)
    assert one(furnished, LEVEL.c.refresh_since) == after(step - 1)


@BOTH
def test_what_was_due_is_due(furnished, step):
    put(furnished, LEVEL, refresh_at=after(-30))
    move(furnished, step)
    assert one(furnished, LEVEL.c.refresh_at) <= after(step)


@BOTH
def test_a_write_of_just_now_stays_of_just_now(furnished, step):
    """Else a read that lags behind would count two seconds too early, or be doubted for a month."""
    put(furnished, LEVEL, settled_at=after(-1), accounted_at=after(-2), seen_at=after(5))
    move(furnished, step)
    assert one(furnished, LEVEL.c.settled_at) == after(step - 1)
    assert one(furnished, LEVEL.c.accounted_at) == after(step - 2)
    assert one(furnished, LEVEL.c.seen_at) == after(5)  # the store's own


def test_what_was_never_is_never(furnished):
    put(furnished, LEVEL, settled_at=NEVER, accounted_at=NEVER)
    for step in (-MONTH, MONTH):
        move(furnished, step)
        assert one(furnished, LEVEL.c.settled_at) == NEVER


@pytest.mark.parametrize(
    ("step", "known", "age"),
    [
        pytest.param(-HOUR, True, 7200, id="back: as old as it is"),
        pytest.param(-MONTH, True, 7200, id="far back: as old as it is"),
        pytest.param(HOUR, True, 7200 + HOUR, id="forward: never younger than it may be"),
        pytest.param(-HOUR, False, KEY_LIFETIME.total_seconds(), id="nobody knows: too old"),
    ],
)
def test_a_key_never_gets_younger(furnished, step, known, age):
    """A store forgets a key after a day: what is sent under it then is written twice."""
    put(furnished, BATCH, first_sent_at=after(-7200))
    move(furnished, step, known=known)
    assert after(step) - one(furnished, BATCH.c.first_sent_at) == timedelta(seconds=age)


def test_a_batch_that_was_never_sent_has_no_age(furnished):
    put(furnished, BATCH, first_sent_at=None)
    move(furnished, -HOUR, known=False)
    assert one(furnished, BATCH.c.first_sent_at) is None


def test_nothing_has_happened_later_than_now(furnished):
    put(
        furnished, STORE, last_sent_at=after(-5), caught_up_to=after(-60), catalogue_at=after(-HOUR)
    )
    row = {
        "pool_id": 1,
        "level_id": 1,
        "level_baseline": 0,
        "delta": 1,
        "counted": 1,
        "source": "look",
    }
    furnished.run(lambda tx: tx.run(insert(MOVEMENT).values(row | {"at": after(-9)})))
    move(furnished, -MONTH)
    for column in (STORE.c.last_sent_at, STORE.c.caught_up_to, STORE.c.catalogue_at, MOVEMENT.c.at):
        assert one(furnished, column) == after(-MONTH)


def test_what_is_sealed_stays_as_it_is(furnished):
    """Else setting the clock would look as if somebody had altered the day."""
    row = {
        "pool_id": 1,
        "level_id": 1,
        "level_baseline": 0,
        "delta": 1,
        "counted": 1,
        "source": "look",
    }

    def recorded(tx):
        tx.run(insert(MOVEMENT).values(row | {"at": after(-9)}))

    furnished.run(recorded)
    assert furnished.run(lambda tx: tx.seals.open("2026-11-22", None, now=NOON))
    furnished.run(recorded)
    move(furnished, -MONTH)
    times = select(MOVEMENT.c.at).order_by(MOVEMENT.c.id)
    found = furnished.run(lambda tx: tx.run(times).scalars().all())
    assert found == [after(-9), after(-MONTH)]


@BOTH
def test_what_the_safety_stop_has_counted_still_counts(furnished, step):
    """Also where minutes meet: a clock that goes back and forth must not blind it."""
    minutes = [(-120, 5), (-60, 7), (step + step % 60 - 60, 11)]
    rows = [{"store": US, "at": after(at), "units": n, "emptied": 1} for at, n in minutes]
    furnished.run(lambda tx: tx.run(insert(TRAFFIC_MINUTE), rows))
    move(furnished, step)
    since = after(step - 600)
    assert furnished.run(lambda tx: tx.breaker.traffic_since(US, since=since)).units >= 12


def test_settings_of_a_time_to_come_are_forgotten(furnished):
    def keep(tx):
        tx.settings.take_leadership("slack", "me", now=NOON, until=after(30))
        for name in ("serving", "nights_since", "causes_since", f"circuit_breaker_ended:{US}"):
            tx.settings.set(name, NOON.isoformat())
        tx.settings.set("buffer:us", "2")

    furnished.run(keep)
    move(furnished, -3 * HOUR)
    now = after(-3 * HOUR)
    said = furnished.run(
        lambda tx: {
            name: tx.settings.get(name)
            for name in ("lead:slack", "serving", "nights_since", "causes_since", "buffer:us")
        }
    )
    assert said == {
        "lead:slack": None,
        "serving": None,
        "nights_since": now.isoformat(),
        "causes_since": now.isoformat(),
        "buffer:us": "2",
    }
    assert furnished.run(lambda tx: tx.breaker.closed_at(US)) == now


def test_nothing_waits_longer_than_it_ever_should(furnished):
    """Whatever wrote it: an older Tipo, a backup, a process that had not noticed yet."""
    put(furnished, LEVEL, refresh_at=after(MONTH), settled_at=after(MONTH), refresh_since=None)
    put(furnished, BATCH, claimed_until=after(MONTH))
    assert furnished.run(lambda tx: tx.stored_times.clamp(now=NOON)) == 5
    assert one(furnished, LEVEL.c.refresh_at) == NOON
    assert one(furnished, LEVEL.c.settled_at) == NOON
    assert one(furnished, BATCH.c.claimed_until) == NOON
    assert furnished.run(lambda tx: tx.stored_times.clamp(now=NOON)) == 0


def test_what_is_in_order_is_left_alone(furnished):
    put(furnished, LEVEL, refresh_at=after(3600), settled_at=after(-1))
    put(furnished, BATCH, claimed_until=after(60))
    assert furnished.run(lambda tx: tx.stored_times.clamp(now=NOON)) == 0
    assert one(furnished, LEVEL.c.refresh_at) == after(3600)


def test_a_night_that_has_not_come_may_come(furnished):
    """The clock was a month ahead for a night: that date has a night of its own."""
    row = {"kind": "night", "facts": {}, "progress": {}, "summary": {}, "wanted_at": NOON}
    nights = ["2026-11-22", "2026-11-23"]
    rows = [row | {"token": each, "night": each} for each in nights]
    furnished.run(lambda tx: tx.run(insert(REPORT), rows))
    move(furnished, -MONTH)
    found = furnished.run(lambda tx: tx.run(select(REPORT.c.night)).scalars().all())
    assert found == [None, None]


@pytest.mark.parametrize("step", [None, MONTH, -MONTH])
def test_a_post_that_is_never_due_stays_so(furnished, step):
    """Each start of a process would else say what was kept from people on purpose."""
    post = {"key": "a", "number": 1, "channel": "C", "body": {}, "due_at": NEVER_DUE}
    furnished.run(
        lambda tx: tx.run(insert(POST).values(post | {"kind": "", "version": 1, "sent": 0}))
    )
    if step is not None:
        move(furnished, step)
    furnished.run(lambda tx: tx.stored_times.clamp(now=NOON))
    assert one(furnished, POST.c.due_at) == NEVER_DUE


def test_a_post_waits_for_its_morning_and_a_proposal_for_its_end(furnished):
    post = {"key": "a", "number": 1, "channel": "C", "body": {}, "due_at": after(8 * HOUR)}
    proposal = {
        "token": "t",
        "kind": "fix",
        "facts": {},
        "options": [],
        "opened_at": NOON,
        "expires_at": after(900),
        "safe": False,
        "state": "open",
        "subject": "",
        "title": "",
    }
    furnished.run(
        lambda tx: tx.run(insert(POST).values(post | {"kind": "", "version": 1, "sent": 0}))
    )
    furnished.run(lambda tx: tx.run(insert(PROPOSAL).values(proposal)))
    move(furnished, -MONTH)
    assert one(furnished, POST.c.due_at) == after(8 * HOUR - MONTH)
    assert one(furnished, PROPOSAL.c.expires_at) == after(900 - MONTH)
    assert one(furnished, PROPOSAL.c.opened_at) == after(-MONTH)
