"""A database of the version before the new names is upgraded, and all that was open goes on."""

from contextlib import closing

import pytest
from sqlalchemy import text

from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate, revisions
from sync_core.domain.values import Alias
from tests.db.earlier import EARLIER, WRITTEN, write_earlier

EU, US = Alias("eu"), Alias("us")
STOP = "circuit_breaker:eu:20261123T090047000000"


@pytest.fixture
def upgraded(empty_url):
    """The database of the version before, with the new names."""
    write_earlier(empty_url)
    with closing(SqlDatabase(empty_url)) as database:
        assert migrate(database.engine)[0] == revisions()[revisions().index(EARLIER) + 1]
        yield database


def rows(database, query):
    with database.engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_no_row_is_lost_and_what_is_sealed_keeps_its_words(upgraded):
    """The daily seals are made of these very values, in this order."""
    names = {"hold": "withheld_movement", "minute": "traffic_minute", "notice": "notification"}
    names |= {"place": "location_group"}
    for table, before in WRITTEN["rows"].items():
        name = names.get(table, table)
        assert rows(upgraded, f"SELECT count(*) FROM {name}") == [(len(before),)], table  # noqa: S608
    found = rows(upgraded, "SELECT source, level_baseline, baseline FROM movement ORDER BY id")
    kept = [(row["source"], row["meeting"], row["baseline"]) for row in WRITTEN["rows"]["movement"]]
    assert found == kept


def test_no_word_of_before_is_left(upgraded):
    """In no kind, subject, fact or post: nobody would find it there any more."""
    for table, column in (  # as both databases write JSON
        ("finding", "facts"),
        ("notification", "facts"),
        ("proposal", "facts"),
        ("post", "body"),
        ("finding", "subject"),
        ("notification", "subject"),
        ("proposal", "subject"),
        ("withheld_movement", "breaker"),
        ("setting", "name"),
    ):
        for (value,) in rows(upgraded, f"SELECT CAST({column} AS TEXT) FROM {table}"):  # noqa: S608
            for gone in ("brake:", "brake_over", "held_by", '"meeting"', '"brake"', '"held"'):
                assert gone not in value.replace("circuit_breaker:", ""), (table, value)


def test_findings_and_notifications_go_on_by_their_new_names(upgraded):
    found = {each.kind: each for each in upgraded.run(lambda tx: tx.findings.newest())}
    assert set(found) == {"missed", "circuit_breaker", "store_blocked", "dead_worker"}
    stop = found["circuit_breaker"]
    assert (stop.subject, stop.facts["investigated_by"]) == (STOP, "ann")
    dead = found["dead_worker"]
    assert (dead.subject, dead.facts["worker"]) == ("worker:refresher us", "refresher us")
    told = upgraded.run(lambda tx: tx.notifications.page(after=0))
    assert [each.kind for each in told] == [
        *("mode", "report", "report", "circuit_breaker", "circuit_breaker", "store_blocked"),
    ]
    assert [each.facts["kind"] for each in told if each.kind == "report"] == ["baseline"] * 2
    state = upgraded.run(lambda tx: tx.stores.get(US))
    assert state.blocked_why == "the token was withdrawn"
    assert upgraded.run(lambda tx: tx.breaker.closed_at(US)) is not None


def test_the_safety_stop_still_withholds_and_can_be_decided(upgraded):
    [breaker] = upgraded.run(lambda tx: tx.breaker.all())
    assert (breaker.subject, breaker.pools, breaker.investigated_by) == (STOP, 4, "ann")
    parts = upgraded.run(lambda tx: tx.withheld.by(STOP))
    assert [(each.delta, len(each.withheld_from)) for each in parts] == [(-50, 1)] * 4
    question = upgraded.run(
        lambda tx: tx.proposals.open_about(
            next(e.id for e in tx.findings.newest() if e.subject == STOP)
        )
    )
    assert (question.subject, question.facts) == ("circuit_breaker", {"subject": STOP})
    assert upgraded.run(lambda tx: tx.breaker.release(STOP, now=breaker.since)) == 4


def test_a_quarantined_webhook_can_be_tried_again(upgraded):
    count, [found] = upgraded.run(lambda tx: tx.deliveries.quarantined())
    assert (count, found.webhook_id, found.why) == (1, "bad", "it is no JSON")
    assert upgraded.run(lambda tx: tx.deliveries.retry(None)) == [found.id]


def test_the_bot_finds_its_stories_again(upgraded):
    """Else each open incident would be told once more, and its end nowhere."""
    posts = upgraded.run(
        lambda tx: tx.posts.by_key(["ledger:news", "incident:4", "incident:6", "report:2"])
    )
    assert set(posts["ledger:news"].body["stories"]) == {
        f"circuit_breaker {STOP}",
        "store_blocked store:us",
    }
    incident = posts["incident:4"].body
    assert (incident["kind"], incident["open"]) == ("circuit_breaker", {STOP: ""})
    assert incident["facts"]["investigated_by"] == "ann"
    assert posts["incident:6"].body["kind"] == "store_blocked"
    assert posts["report:2"].body["kind"] == "baseline"
