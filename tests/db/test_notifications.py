"""News: a finding stands until it is over, and people are told each turn once."""

import threading
from contextlib import closing

import psycopg
import pytest

from sync_core.db.database import SqlDatabase
from sync_core.domain.values import Event, Severity
from tests.conftest import needs_postgres
from tests.db.conftest import EU, US, after, furnish

WAITING = """SELECT 1 FROM pg_stat_activity
  WHERE wait_event_type = 'Lock' AND datname = current_database()"""


def events(*, resolved=False, kind="refused", **facts):
    severity = Severity.INFO if resolved else Severity.WARNING
    return Event(kind=kind, subject="level:2", severity=severity, facts=facts, resolved=resolved)


def told(database, *parts, at=0):
    database.run(lambda tx: tx.notifications.notify(parts, now=after(at)))


def findings(database):
    found = database.run(lambda tx: tx.findings.newest())
    return [(each.kind, each.subject, each.facts, each.opened_at) for each in found]


def notifications(database, beyond=0):
    found = database.run(lambda tx: tx.notifications.page(after=beyond))
    return [(each.kind, each.facts, each.resolved, each.at) for each in found]


def test_news_opens_a_finding_and_tells_it(furnished):
    told(furnished, events(why="not stocked"))
    assert findings(furnished) == [("refused", "level:2", {"why": "not stocked"}, after(0))]
    assert notifications(furnished) == [("refused", {"why": "not stocked"}, False, after(0))]


def test_the_same_news_again_is_no_news(furnished):
    """A fault is told in one clear notice, however often it is met."""
    told(furnished, events(why="not stocked"), events(why="not stocked"))
    told(furnished, events(why="not stocked"), at=5)
    assert findings(furnished) == [("refused", "level:2", {"why": "not stocked"}, after(0))]
    assert len(notifications(furnished)) == 1


def test_news_that_changes_is_told_again(furnished):
    told(furnished, events(units=3))
    told(furnished, events(units=4), at=5)
    assert findings(furnished) == [("refused", "level:2", {"units": 4}, after(0))]
    assert [facts for _, facts, _, _ in notifications(furnished)] == [{"units": 3}, {"units": 4}]


def test_the_end_is_told_with_what_it_was_about(furnished):
    """Whoever reads it must not have to look up the beginning."""
    told(furnished, events(why="not stocked", units=3))
    told(furnished, events(resolved=True, units=0), at=5)
    assert findings(furnished) == []
    *_, end = notifications(furnished)
    assert end == ("refused", {"why": "not stocked", "units": 0}, True, after(5))


def test_what_never_began_does_not_end(furnished):
    told(furnished, events(resolved=True))
    assert (findings(furnished), notifications(furnished)) == ([], [])


def test_what_is_over_may_come_back(furnished):
    for second, resolved in enumerate((False, True, True, False)):
        told(furnished, events(resolved=resolved, why="again"), at=second)
    assert [opened for *_, opened in findings(furnished)] == [after(3)]
    assert [resolved for _, _, resolved, _ in notifications(furnished)] == [False, True, False]


def test_a_first_meeting_is_told_as_a_sum_not_level_by_level(furnished):
    """Ten thousand differing levels are one message."""
    told(furnished, events(kind="differs", eu=50, us=47))
    assert [kind for kind, *_ in findings(furnished)] == ["differs"]
    assert notifications(furnished) == []


def test_notices_are_read_in_order_from_where_one_stopped(furnished):
    told(furnished, *[events(units=number) for number in range(4)])
    assert [facts["units"] for _, facts, _, _ in notifications(furnished, beyond=2)] == [2, 3]


def test_news_of_a_step_that_fails_is_not_told(furnished):
    """Nobody hears of what did not happen."""

    def fail(tx):
        tx.notifications.notify([events(why="not stocked")], now=after(0))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        furnished.run(fail)
    assert (findings(furnished), notifications(furnished)) == ([], [])


def test_a_store_is_held_once_and_let_go_once(furnished):
    """One notice of the beginning and one of the end, whatever happens in between."""
    for second in (0, 5):
        furnished.run(lambda tx, s=second: tx.stores.block(US, "token refused", now=after(s)))
    state = furnished.run(lambda tx: tx.stores.get(US))
    assert (state.blocked_since, state.blocked_why) == (after(0), "token refused")
    for second in (7, 9):
        furnished.run(lambda tx, s=second: tx.stores.unblock(US, now=after(s)))
    assert [(resolved, at) for _, _, resolved, at in notifications(furnished)] == [
        (False, after(0)),
        (True, after(7)),
    ]
    assert furnished.run(lambda tx: tx.stores.get(US)).blocked_since is None
    assert furnished.run(lambda tx: tx.stores.get(EU)).blocked_since is None


@needs_postgres
def test_two_processes_that_meet_a_fault_at_once_tell_it_once(postgres_url):
    """Neither step fails for it: it has other things to keep."""
    with closing(SqlDatabase(postgres_url)) as one, closing(SqlDatabase(postgres_url)) as other:
        one.run(furnish)
        second = threading.Thread(target=told, args=(other, events(why="brake")))

        def first(tx):
            tx.notifications.notify([events(why="brake")], now=after(0))
            second.start()
            with psycopg.connect(postgres_url, autocommit=True) as watcher:
                while not watcher.execute(WAITING).fetchone():
                    assert second.is_alive()

        one.run(first)
        second.join(10)
        assert [facts for _, facts, _, _ in notifications(one)] == [{"why": "brake"}]
