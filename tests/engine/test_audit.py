"""Somebody alters the database: it is found and told, that product stops, all others go on."""

import json
from datetime import UTC, timedelta

import pytest
from sqlalchemy import text

from sync_core.domain.proposals import Choice, ReportState
from sync_core.domain.values import Mode
from sync_core.workers import auditing, sealing
from tests.engine.test_night import ANN, check, decide, proposals
from tests.simulation.house import Process, assert_conserved

HOUR = 3600
SWEEP = 25  # seconds within which every pool has been audited, at this pace
JACKET = "SKU-0"
# What is altered of a pool, and how.
FORGED = {
    "the shared quantity": "UPDATE pool SET shared = shared + 1 WHERE id = :pool",
    "what was first agreed": "UPDATE pool SET first_shared = first_shared - 1 WHERE id = :pool",
    "what was first agreed is gone": "UPDATE pool SET first_shared = NULL WHERE id = :pool",
    "a book": "UPDATE level SET book = book + 7 WHERE pool_id = :pool AND store = 'us'",
    "a first book": "UPDATE level SET first_book = 0 WHERE pool_id = :pool AND store = 'eu'",
    "how far a level moved": "UPDATE movement SET delta = delta - 1 WHERE pool_id = :pool",
    "how much of it counted": "UPDATE movement SET counted = 0 WHERE pool_id = :pool",
    "a movement is gone": "DELETE FROM movement WHERE pool_id = :pool",
    "a decision": "UPDATE effect SET moved = moved + 2 WHERE pool_id = :pool",
    "an update": "UPDATE adjustment SET delta = delta + 1 WHERE id = :update",
    "an update is gone": "DELETE FROM adjustment WHERE id = :update",
    "what became of an update": "UPDATE adjustment SET state = 'refused' WHERE id = :update",
    "an update is open again": "UPDATE adjustment SET state = 'open' WHERE id = :update",
    "what became of a batch": (
        "UPDATE batch SET state = 'refused' WHERE id = "
        "(SELECT batch_id FROM adjustment WHERE id = :update)"
    ),
    "a level seems to be written": (
        "UPDATE level SET open = true WHERE pool_id = :pool AND store = 'us'"
    ),
}
LAST_UPDATE = """SELECT max(a.id) AS n FROM adjustment a JOIN level l ON l.id = a.level_id
WHERE l.pool_id = """


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    """Sweep every 20 seconds: that is as good as every ten minutes, and quicker to play."""
    monkeypatch.setattr(auditing, "REST", timedelta(seconds=20))


def alter(home, query, pool=1):
    """Do to the database what nobody may, to a pool or its last update."""
    (update,) = home.rows(f"{LAST_UPDATE}{pool}")
    known = {"pool": pool, "update": update["n"]}
    given = {name: value for name, value in known.items() if f":{name}" in query}
    home.process.database.run(lambda ledger: ledger.run(text(query), given))


def findings(home):
    """What stands."""
    return home.rows("SELECT kind, subject, severity, facts FROM finding WHERE closed_at IS NULL")


def told(home):
    """Whether each notice about books is an end."""
    rows = home.rows("SELECT over FROM notice WHERE kind = 'books' ORDER BY id")
    return [bool(each["over"]) for each in rows]


def suspended(home):
    rows = home.rows("SELECT pool_id, store, suspended FROM level ORDER BY pool_id, store")
    return {(each["pool_id"], each["store"]): each["suspended"] for each in rows}


def shows(home, sku=JACKET):
    return {alias: home.shows(alias, sku) for alias in home.shops}


def at_work(house, **given):
    """Two products; the first was decided about, sold and written."""
    home = house(items=2, **given)
    home.shops["us"].edit(JACKET, to=48)
    home.advance(2)
    home.set_mode(Mode.TWO_WAY)
    home.advance(20)
    (differs,) = proposals(home, check(home))
    decide(home, differs, Choice.USE_DESTINATION)
    home.act("eu", JACKET, -3)
    home.advance(10)
    assert shows(home) == {"eu": 45, "us": 45}
    assert_conserved(home)
    return home


def assert_stopped(home):
    """One alert, critical; the jacket is written nowhere, the other product is."""
    (found,) = findings(home)
    assert (found["kind"], found["subject"], found["severity"]) == ("books", "level:2", "critical")
    assert told(home) == [False]
    assert suspended(home) == {
        (1, "eu"): "unbalanced",
        (1, "us"): "unbalanced",
        (2, "eu"): None,
        (2, "us"): None,
    }
    before = shows(home)["us"]
    home.act("eu", JACKET, -2)
    home.act("eu", "SKU-1", -4)
    home.advance(30)
    assert shows(home) == {"eu": before - 2, "us": before}
    assert shows(home, "SKU-1") == {"eu": 46, "us": 46}


def assert_all_green(home, stock):
    """Nothing stands, nothing waits, and every unit is explained; it goes on so."""
    home.advance(60)
    assert shows(home) == {"eu": stock, "us": stock}
    home.act("us", JACKET, -1)
    home.advance(SWEEP)
    assert shows(home) == {"eu": stock - 1, "us": stock - 1}
    assert findings(home) == []
    assert told(home) == [False, True]
    assert set(suspended(home).values()) == {None}
    assert home.rows("SELECT 1 FROM adjustment WHERE state = 'open'") == []
    assert_conserved(home)
    view = home.do(home.process.service.overview()).books
    assert (view.pools, view.wrong) == (2, 0)


def test_whatever_is_altered_is_found_and_a_person_answers(house, empty_url):
    """One row of each kind, each of another product: all of them stop, and nothing else does.

    The numbers that a person chooses are the start of new books.
    """
    home = house(items=len(FORGED) + 1, url=empty_url)
    for sku in home.skus:
        home.shops["us"].edit(sku, to=48)
    home.advance(2)
    home.set_mode(Mode.TWO_WAY)
    home.advance(20)
    for each in proposals(home, check(home, 30)):
        home.do(home.process.service.decide(each.token, Choice.USE_DESTINATION, ANN, "listed"))
    home.process.context.papers.ring()
    home.advance(20)
    for sku in home.skus:  # each in a batch of its own
        home.act("eu", sku, -3)
        home.advance(1.5)
    home.advance(5)
    assert_conserved(home)
    for pool, query in enumerate(FORGED.values(), start=1):
        alter(home, query, pool)
    home.advance(SWEEP)
    stopped = {pool for (pool, _), why in suspended(home).items() if why == "unbalanced"}
    assert stopped == set(range(1, len(FORGED) + 1))
    assert {(each["kind"], each["severity"]) for each in findings(home)} == {("books", "critical")}
    assert told(home) == [False] * len(FORGED)
    assert home.do(home.process.service.audit()).wrong == len(FORGED)
    for sku in home.skus:
        home.act("eu", sku, -2)
    home.advance(20)
    assert sorted(home.shows("us", sku) for sku in home.skus) == [43, *[45] * len(FORGED)]
    asked = [each for each in proposals(home, check(home, 40)) if each.subject == "books"]
    assert {(each.recommended, each.safe) for each in asked} == {(Choice.USE_SOURCE, False)}
    for each in asked:
        home.do(home.process.service.decide(each.token, Choice.USE_SOURCE, ANN, "listed"))
    home.process.context.papers.ring()
    home.advance(60)
    assert [home.shows("us", sku) for sku in home.skus] == [43] * len(home.skus)
    home.advance(SWEEP)
    assert findings(home) == []
    assert told(home) == [False] * len(FORGED) + [True] * len(FORGED)
    assert home.rows("SELECT 1 FROM adjustment WHERE state = 'open'") == []
    assert set(suspended(home).values()) == {None}
    assert home.do(home.process.service.overview()).books.wrong == 0
    assert_conserved(home)


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (FORGED["the shared quantity"], "UPDATE pool SET shared = shared - 1 WHERE id = 1"),
        (FORGED["a book"], "UPDATE level SET book = book - 7 WHERE pool_id = 1 AND store = 'us'"),
        (
            FORGED["a level seems to be written"],
            "UPDATE level SET open = false WHERE pool_id = 1 AND store = 'us'",
        ),
    ],
    ids=["shared", "book", "open"],
)
def test_it_goes_on_by_itself_when_the_books_are_right_again(house, there, back):
    """What was sold meanwhile is the difference to books that are right: nothing is lost."""
    home = at_work(house)
    alter(home, there)
    home.advance(SWEEP)
    assert_stopped(home)
    alter(home, back)
    home.advance(90)
    assert_all_green(home, 43)


def test_a_pool_that_is_stopped_and_of_which_nothing_stands_is_not_forgotten(house, monkeypatch):
    """Where very many are stopped at once, a sweep finds those that may go on."""
    monkeypatch.setattr(auditing, "MOST_STOPPED", 0)
    home = at_work(house)
    alter(home, FORGED["the shared quantity"])
    home.advance(SWEEP)
    assert_stopped(home)
    alter(home, "UPDATE pool SET shared = shared - 1 WHERE id = 1")
    home.advance(SWEEP + 5)
    assert_all_green(home, 43)


def test_a_new_baseline_ends_it_too(house):
    """The stores' numbers are taken as they are: nothing of the old books is left to be wrong."""
    home = at_work(house)
    alter(home, FORGED["the shared quantity"])
    home.advance(SWEEP)
    now = home.clock.now()
    home.process.database.run(lambda ledger: ledger.new_baseline(None, now=now))
    home.advance(90)
    assert_all_green(home, 45)


def test_a_connection_that_starts_over_does_not_write_on_wrong_books(house):
    """Its levels come back, the pool's quantity is as wrong as before."""
    home = at_work(house)
    alter(home, FORGED["the shared quantity"])
    home.advance(SWEEP)
    home.set_mode(Mode.OFF)
    home.advance(5)
    home.set_mode(Mode.TWO_WAY)
    home.advance(SWEEP)
    assert len(home.written("us", JACKET)) == 1
    assert suspended(home)[1, "us"] == "unbalanced"
    assert {each["kind"] for each in findings(home)} == {"books", "differs"}


def test_what_a_store_will_not_take_is_not_forgotten_while_the_pool_is_stopped(house):
    """An update that was on its way when it was stopped still ends as ever."""
    home = at_work(house)
    home.shops["us"].faults.outage = True
    home.act("eu", JACKET, -5)
    home.advance(5)
    alter(home, FORGED["what was first agreed"])
    home.advance(SWEEP)
    assert suspended(home)[1, "us"] == "unbalanced"
    home.shops["us"].faults.outage = False
    home.advance(120)
    assert shows(home) == {"eu": 40, "us": 40}
    alter(home, "UPDATE pool SET first_shared = first_shared + 1 WHERE id = 1")
    home.advance(90)
    assert_all_green(home, 40)


def test_the_night_audits_all_and_says_so(house):
    home = at_work(house)
    alter(home, FORGED["a book"])
    home.do(home.process.service.begin_nights())
    home.advance(60)
    at = (home.clock.now() - timedelta(minutes=1)).time()
    night = home.do(home.process.service.night(at, UTC))
    home.process.context.papers.ring()
    home.advance(60)
    report = home.do(home.process.service.report(night.id))
    assert report.state is ReportState.DONE
    assert (report.summary["books"]["pools"], report.summary["books"]["wrong"]) == (2, 1)
    assert "books" in [each.subject for each in proposals(home, report)]


def test_a_sweep_goes_on_where_a_process_died(house, monkeypatch):
    """Nobody begins again, and nobody waits for the next sweep."""
    monkeypatch.setattr(auditing, "SLICE", 1)
    monkeypatch.setattr(auditing, "PACE", timedelta(seconds=10))
    home = house(items=4)
    home.open()
    while (
        '"after": 2' not in home.rows("SELECT value FROM setting WHERE name = 'sweep'")[0]["value"]
    ):
        home.advance(1)
    alter(home, "UPDATE pool SET shared = shared + 1 WHERE id = 4")
    home.kill()
    home.start()
    home.advance(22)
    assert [each["kind"] for each in findings(home)] == ["books"]


def test_two_processes_share_the_sweep(house, empty_postgres_url):
    """One alert, and one end."""
    home = at_work(house, url=empty_postgres_url)
    second = Process(home)
    try:
        alter(home, FORGED["the shared quantity"])
        home.advance(SWEEP)
        assert_stopped(home)
        alter(home, "UPDATE pool SET shared = shared - 1 WHERE id = 1")
        home.advance(90)
        assert_all_green(home, 43)
    finally:
        home.end(second)


# -- seals


def later(home, seconds):
    """Let time pass in which nobody is there."""
    home.kill()
    home.loop.passed += seconds
    home.start()
    home.advance(3)


def days(home, count=1):
    """Let days pass, with a sale each: each is sealed an hour after it has ended."""
    for _ in range(count):
        home.act("eu", JACKET, -1)
        home.advance(3)
        later(home, 24 * HOUR)
        later(home, 2 * HOUR)


def verified(home):
    return home.do(home.process.service.verify())


def sealed(home):
    return home.rows("SELECT * FROM seal ORDER BY id")


def test_every_day_is_sealed_and_the_first_that_was_altered_is_named(house):
    """Though every equation may hold: when, who and why are sealed as well."""
    home = at_work(house)
    alter(home, "DELETE FROM seal")  # as if it had just been updated to a Tipo that seals
    later(home, 10)
    assert verified(home).days == 0, "the line is drawn, and not closed before an hour"
    assert len(sealed(home)) == 1
    later(home, 2 * HOUR)
    first = verified(home)
    assert (first.days, first.altered) == (1, None), "whatever was there is sealed at once"
    days(home, 3)
    found = verified(home)
    assert (found.days, found.altered, found.rows > first.rows) == (4, None, True)
    assert found.digest == sealed(home)[-1]["digest"]
    copy = home.backup(home.folder / "copy.db")
    names = [each["day"] for each in sealed(home)]
    assert len(set(names)) == 4
    for what, day, query in (
        ("movements", 2, "UPDATE movement SET source = 'x' WHERE id = 3"),
        ("movements", 3, "DELETE FROM movement WHERE id = (SELECT max(id) FROM movement)"),
        ("adjustments", 3, "UPDATE adjustment SET why = 'x' WHERE id = :update"),
        ("receipts", 0, "UPDATE receipt SET name = 'bob'"),
        ("effects", 0, "UPDATE effect SET facts = '{}'"),
        ("seal", 1, "UPDATE seal SET drawn_at = closed_at WHERE id = 2"),
        ("seal", 2, "DELETE FROM seal WHERE id = 2"),
    ):
        alter(home, query)
        altered = verified(home).altered
        assert (altered.what, altered.day) == (what, names[day]), query
        home.restore(copy)
        home.advance(0.1)
        assert verified(home).altered is None, "a copy is as it was sealed"


def test_what_is_open_at_the_line_is_in_the_next_seal(house):
    """It has not come to its end, which is what is sealed."""
    home = at_work(house)
    later(home, 2 * HOUR)
    home.shops["us"].faults.outage = True
    home.act("eu", JACKET, -5)
    home.advance(3)
    (number,) = home.rows("SELECT id FROM adjustment WHERE state = 'open'")
    later(home, 16 * HOUR)
    later(home, 2 * HOUR)
    (_, second) = sealed(home)
    assert (json.loads(second["open"]), second["digest"] is None) == ([number["id"]], False)
    home.shops["us"].faults.outage = False
    home.advance(30)
    days(home)
    assert json.loads(sealed(home)[2]["open"]) == []
    assert verified(home).altered is None
    alter(home, "UPDATE adjustment SET why = 'x' WHERE id = (SELECT max(id) - 1 FROM adjustment)")
    assert verified(home).altered.day == sealed(home)[2]["day"]


def test_a_clock_that_is_set_back_breaks_no_seal(house):
    """What is recorded for a day that is sealed has a number behind its line."""
    home = at_work(house)
    later(home, 2 * HOUR)
    days(home, 2)
    later(home, -30 * HOUR)
    home.act("eu", JACKET, -1)
    home.advance(3)
    assert verified(home).altered is None
    days(home, 3)
    assert verified(home).altered is None
    assert home.rows("SELECT 1 FROM seal WHERE digest IS NULL") == []
    alter(home, "DELETE FROM movement WHERE id = (SELECT max(id) FROM movement)")
    assert verified(home).altered is not None


def test_seals_are_equal_on_both_databases(house, empty_postgres_url):
    """The same history has the same hashes, whatever keeps it."""
    found = []
    for given in ({}, {"url": empty_postgres_url}):
        home = at_work(house, **given)
        later(home, 2 * HOUR)
        days(home)
        found.append(verified(home))
    assert found[0] == found[1]
    assert (found[0].days, found[0].altered) == (2, None)


def test_what_is_no_longer_kept_is_no_longer_compared(house, monkeypatch):
    """Updates go after 400 days, here after one; all else stays comparable."""
    home = at_work(house)
    later(home, 2 * HOUR)
    days(home)
    monkeypatch.setattr(sealing, "KEPT", timedelta(days=1))
    before = home.clock.now() - timedelta(days=1)
    gone = home.process.database.run(lambda ledger: ledger.forget_adjustments(before=before))
    assert gone > 0
    assert verified(home).altered is None
    assert_conserved(home)
    alter(home, "UPDATE movement SET source = 'x' WHERE id = 1")
    assert verified(home).altered.what == "movements"
    monkeypatch.setattr(sealing, "KEPT", timedelta(days=2))
    alter(home, "UPDATE movement SET source = 'webhook' WHERE id = 1")
    assert verified(home).altered.what == "adjustments", "as long as they must be there"
