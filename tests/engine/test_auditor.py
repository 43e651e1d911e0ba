"""Somebody alters the database: it is found and told, that product stops, all others go on."""

import json
from datetime import UTC, timedelta

import pytest
from sqlalchemy import text

from sync_core.domain.proposals import Choice, ReportState
from sync_core.domain.values import Mode
from sync_core.workers import auditor, sealer
from tests.engine.test_nightly_report import ANN, check, decide, proposals
from tests.simulation.harness import Process, assert_conserved

HOUR = 3600
SWEEP_SETTING = 25  # seconds within which every pool has been audited, at this pace
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
    monkeypatch.setattr(auditor, "SWEEP_PAUSE", timedelta(seconds=20))


def alter(harness, query, pool=1):
    """Do to the database what nobody may, to a pool or its last update."""
    (update,) = harness.rows(f"{LAST_UPDATE}{pool}")
    known = {"pool": pool, "update": update["n"]}
    given = {name: value for name, value in known.items() if f":{name}" in query}
    harness.process.database.run(lambda tx: tx.run(text(query), given))


def findings(harness):
    """What stands."""
    return harness.rows(
        "SELECT kind, subject, severity, facts FROM finding WHERE closed_at IS NULL"
    )


def told(harness):
    """Whether each notice about books is an end."""
    rows = harness.rows("SELECT resolved FROM notification WHERE kind = 'books' ORDER BY id")
    return [bool(each["resolved"]) for each in rows]


def suspended(harness):
    rows = harness.rows("SELECT pool_id, store, suspended FROM level ORDER BY pool_id, store")
    return {(each["pool_id"], each["store"]): each["suspended"] for each in rows}


def shows(harness, sku=JACKET):
    return {alias: harness.shows(alias, sku) for alias in harness.shops}


def at_work(build_harness, **given):
    """Two products; the first was decided about, sold and written."""
    harness = build_harness(items=2, **given)
    harness.shops["us"].edit(JACKET, to=48)
    harness.advance(2)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(20)
    (differs,) = proposals(harness, check(harness))
    decide(harness, differs, Choice.USE_DESTINATION)
    harness.change_stock("eu", JACKET, -3)
    harness.advance(10)
    assert shows(harness) == {"eu": 45, "us": 45}
    assert_conserved(harness)
    return harness


def assert_stopped(harness):
    """One alert, critical; the jacket is written nowhere, the other product is."""
    (found,) = findings(harness)
    assert (found["kind"], found["subject"], found["severity"]) == ("books", "level:2", "critical")
    assert told(harness) == [False]
    assert suspended(harness) == {
        (1, "eu"): "unbalanced",
        (1, "us"): "unbalanced",
        (2, "eu"): None,
        (2, "us"): None,
    }
    before = shows(harness)["us"]
    harness.change_stock("eu", JACKET, -2)
    harness.change_stock("eu", "SKU-1", -4)
    harness.advance(30)
    assert shows(harness) == {"eu": before - 2, "us": before}
    assert shows(harness, "SKU-1") == {"eu": 46, "us": 46}


def assert_all_green(harness, stock):
    """Nothing stands, nothing waits, and every unit is explained; it goes on so."""
    harness.advance(60)
    assert shows(harness) == {"eu": stock, "us": stock}
    harness.change_stock("us", JACKET, -1)
    harness.advance(SWEEP_SETTING)
    assert shows(harness) == {"eu": stock - 1, "us": stock - 1}
    assert findings(harness) == []
    assert told(harness) == [False, True]
    assert set(suspended(harness).values()) == {None}
    assert harness.rows("SELECT 1 FROM adjustment WHERE state = 'open'") == []
    assert_conserved(harness)
    view = harness.do(harness.process.service.overview()).books
    assert (view.pools, view.wrong) == (2, 0)


def test_whatever_is_altered_is_found_and_a_person_answers(build_harness, empty_url):
    """One row of each kind, each of another product: all of them stop, and nothing else does.

    The numbers that a person chooses are the start of new books.
    """
    harness = build_harness(items=len(FORGED) + 1, url=empty_url)
    for sku in harness.skus:
        harness.shops["us"].edit(sku, to=48)
    harness.advance(2)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(20)
    for each in proposals(harness, check(harness, 30)):
        harness.do(
            harness.process.service.decide(each.token, Choice.USE_DESTINATION, ANN, "listed")
        )
    harness.process.context.requests.notify()
    harness.advance(20)
    for sku in harness.skus:  # each in a batch of its own
        harness.change_stock("eu", sku, -3)
        harness.advance(1.5)
    harness.advance(5)
    assert_conserved(harness)
    for pool, query in enumerate(FORGED.values(), start=1):
        alter(harness, query, pool)
    harness.advance(SWEEP_SETTING)
    stopped = {pool for (pool, _), why in suspended(harness).items() if why == "unbalanced"}
    assert stopped == set(range(1, len(FORGED) + 1))
    assert {(each["kind"], each["severity"]) for each in findings(harness)} == {
        ("books", "critical")
    }
    assert told(harness) == [False] * len(FORGED)
    assert harness.do(harness.process.service.audit()).wrong == len(FORGED)
    for sku in harness.skus:
        harness.change_stock("eu", sku, -2)
    harness.advance(20)
    assert sorted(harness.shows("us", sku) for sku in harness.skus) == [43, *[45] * len(FORGED)]
    asked = [each for each in proposals(harness, check(harness, 40)) if each.subject == "books"]
    assert {(each.recommended, each.safe) for each in asked} == {(Choice.USE_SOURCE, False)}
    for each in asked:
        harness.do(harness.process.service.decide(each.token, Choice.USE_SOURCE, ANN, "listed"))
    harness.process.context.requests.notify()
    harness.advance(60)
    assert [harness.shows("us", sku) for sku in harness.skus] == [43] * len(harness.skus)
    harness.advance(SWEEP_SETTING)
    assert findings(harness) == []
    assert told(harness) == [False] * len(FORGED) + [True] * len(FORGED)
    assert harness.rows("SELECT 1 FROM adjustment WHERE state = 'open'") == []
    assert set(suspended(harness).values()) == {None}
    assert harness.do(harness.process.service.overview()).books.wrong == 0
    assert_conserved(harness)


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
def test_it_goes_on_by_itself_when_the_books_are_right_again(build_harness, there, back):
    """What was sold meanwhile is the difference to books that are right: nothing is lost."""
    harness = at_work(build_harness)
    alter(harness, there)
    harness.advance(SWEEP_SETTING)
    assert_stopped(harness)
    alter(harness, back)
    harness.advance(90)
    assert_all_green(harness, 43)


@pytest.mark.parametrize("answer", ["undone", "decided"])
def test_an_order_that_does_not_add_up_to_its_change_is_found(build_harness, answer):
    """Somebody makes one sale of five out of one of three, to explain what nobody sold."""
    harness = at_work(build_harness, orders=True)
    harness.change_stock("eu", JACKET, -2)
    harness.advance(400 + SWEEP_SETTING)
    (sale, other) = harness.rows(
        "SELECT movement_id, quantity FROM order_event WHERE movement_id IS NOT NULL ORDER BY id"
    )
    assert [sale["quantity"], other["quantity"]] == [3, 2]
    shares = harness.do(harness.process.service.audit()).shares
    assert [(each.store, each.moved, each.by_orders) for each in shares] == [("eu", 5, 5)]
    harness.change_stock("us", JACKET, -1)  # nobody waits for its order
    harness.change_stock("eu", JACKET, 3)  # a restock is explained by no order, and no fault
    harness.advance(SWEEP_SETTING)
    assert findings(harness) == []
    alter(harness, "UPDATE order_event SET quantity = quantity + 2 WHERE quantity = 3")
    harness.advance(SWEEP_SETTING)
    assert_stopped(harness)
    if answer == "undone":
        alter(harness, "UPDATE order_event SET quantity = quantity - 2 WHERE quantity = 5")
        harness.advance(90)
        assert_all_green(harness, 43)
        return
    (asked,) = proposals(harness, check(harness))
    decide(harness, asked, Choice.USE_SOURCE)
    assert_all_green(harness, 43)


def test_a_pool_that_is_stopped_and_of_which_nothing_stands_is_not_forgotten(
    build_harness, monkeypatch
):
    """Where very many are stopped at once, a sweep finds those that may go on."""
    monkeypatch.setattr(auditor, "MAX_STOPPED_POOLS", 0)
    harness = at_work(build_harness)
    alter(harness, FORGED["the shared quantity"])
    harness.advance(SWEEP_SETTING)
    assert_stopped(harness)
    alter(harness, "UPDATE pool SET shared = shared - 1 WHERE id = 1")
    harness.advance(SWEEP_SETTING + 5)
    assert_all_green(harness, 43)


def test_a_new_baseline_ends_it_too(build_harness):
    """The stores' numbers are taken as they are: nothing of the old books is left to be wrong."""
    harness = at_work(build_harness)
    alter(harness, FORGED["the shared quantity"])
    harness.advance(SWEEP_SETTING)
    now = harness.clock.now()
    harness.process.database.run(lambda tx: tx.baselines.reset(None, now=now))
    harness.advance(90)
    assert_all_green(harness, 45)


def test_a_connection_that_starts_over_does_not_write_on_wrong_books(build_harness):
    """Its levels come back, the pool's quantity is as wrong as before."""
    harness = at_work(build_harness)
    alter(harness, FORGED["the shared quantity"])
    harness.advance(SWEEP_SETTING)
    harness.set_mode(Mode.OFF)
    harness.advance(5)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(SWEEP_SETTING)
    assert len(harness.written("us", JACKET)) == 1
    assert suspended(harness)[1, "us"] == "unbalanced"
    assert {each["kind"] for each in findings(harness)} == {"books", "differs"}


def test_what_a_store_will_not_take_is_not_forgotten_while_the_pool_is_stopped(build_harness):
    """An update that was on its way when it was stopped still ends as ever."""
    harness = at_work(build_harness)
    harness.shops["us"].faults.outage = True
    harness.change_stock("eu", JACKET, -5)
    harness.advance(5)
    alter(harness, FORGED["what was first agreed"])
    harness.advance(SWEEP_SETTING)
    assert suspended(harness)[1, "us"] == "unbalanced"
    harness.shops["us"].faults.outage = False
    harness.advance(120)
    assert shows(harness) == {"eu": 40, "us": 40}
    alter(harness, "UPDATE pool SET first_shared = first_shared + 1 WHERE id = 1")
    harness.advance(90)
    assert_all_green(harness, 40)


def test_the_night_audits_all_and_says_so(build_harness):
    harness = at_work(build_harness)
    alter(harness, FORGED["a book"])
    harness.do(harness.process.service.remember_first_start())
    harness.advance(60)
    at = (harness.clock.now() - timedelta(minutes=1)).time()
    night = harness.do(harness.process.service.request_nightly_report(at, UTC))
    harness.process.context.requests.notify()
    harness.advance(60)
    report = harness.do(harness.process.service.report(night.id))
    assert report.state is ReportState.DONE
    assert (report.summary["books"]["pools"], report.summary["books"]["wrong"]) == (2, 1)
    assert "books" in [each.subject for each in proposals(harness, report)]


def test_a_sweep_goes_on_where_a_process_died(build_harness, monkeypatch):
    """Nobody begins again, and nobody waits for the next sweep."""
    monkeypatch.setattr(auditor, "POOLS_PER_SLICE", 1)
    monkeypatch.setattr(auditor, "SLICE_PAUSE", timedelta(seconds=10))
    harness = build_harness(items=4)
    harness.open()
    while (
        '"after": 2'
        not in harness.rows("SELECT value FROM setting WHERE name = 'sweep'")[0]["value"]
    ):
        harness.advance(1)
    alter(harness, "UPDATE pool SET shared = shared + 1 WHERE id = 4")
    harness.kill()
    harness.start()
    harness.advance(22)
    assert [each["kind"] for each in findings(harness)] == ["books"]


def test_two_processes_share_the_sweep(build_harness, empty_postgres_url):
    """One alert, and one end."""
    harness = at_work(build_harness, url=empty_postgres_url)
    second = Process(harness)
    try:
        alter(harness, FORGED["the shared quantity"])
        harness.advance(SWEEP_SETTING)
        assert_stopped(harness)
        alter(harness, "UPDATE pool SET shared = shared - 1 WHERE id = 1")
        harness.advance(90)
        assert_all_green(harness, 43)
    finally:
        harness.end(second)


# -- seals


def later(harness, seconds):
    """Let time pass in which nobody is there."""
    harness.kill()
    harness.loop.passed += seconds
    harness.start()
    harness.advance(6)  # the first run of each job is 5 s after the start


def days(harness, count=1):
    """Let days pass, with a sale each: each is sealed an hour after it has ended."""
    for _ in range(count):
        harness.change_stock("eu", JACKET, -1)
        harness.advance(3)
        later(harness, 24 * HOUR)
        later(harness, 2 * HOUR)


def verified(harness):
    return harness.do(harness.process.service.verify())


def sealed(harness):
    return harness.rows("SELECT * FROM seal ORDER BY id")


def test_every_day_is_sealed_and_the_first_that_was_altered_is_named(build_harness):
    """Though every equation may hold: when, who and why are sealed as well."""
    harness = at_work(build_harness)
    alter(harness, "DELETE FROM seal")  # as if it had just been updated to a Tipo that seals
    later(harness, 10)
    assert verified(harness).days == 0, "the line is drawn, and not closed before an hour"
    assert len(sealed(harness)) == 1
    later(harness, 2 * HOUR)
    first = verified(harness)
    assert (first.days, first.altered) == (1, None), "whatever was there is sealed at once"
    days(harness, 3)
    found = verified(harness)
    assert (found.days, found.altered, found.rows > first.rows) == (4, None, True)
    assert found.digest == sealed(harness)[-1]["digest"]
    copy = harness.backup(harness.folder / "copy.db")
    names = [each["day"] for each in sealed(harness)]
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
        alter(harness, query)
        altered = verified(harness).altered
        assert (altered.what, altered.day) == (what, names[day]), query
        harness.restore(copy)
        harness.advance(0.1)
        assert verified(harness).altered is None, "a copy is as it was sealed"


def test_what_is_open_at_the_line_is_in_the_next_seal(build_harness):
    """It has not come to its end, which is what is sealed."""
    harness = at_work(build_harness)
    later(harness, 2 * HOUR)
    harness.shops["us"].faults.outage = True
    harness.change_stock("eu", JACKET, -5)
    harness.advance(3)
    (number,) = harness.rows("SELECT id FROM adjustment WHERE state = 'open'")
    later(harness, 16 * HOUR)
    later(harness, 2 * HOUR)
    (_, second) = sealed(harness)
    assert (json.loads(second["open"]), second["digest"] is None) == ([number["id"]], False)
    harness.shops["us"].faults.outage = False
    harness.advance(30)
    days(harness)
    assert json.loads(sealed(harness)[2]["open"]) == []
    assert verified(harness).altered is None
    alter(
        harness, "UPDATE adjustment SET why = 'x' WHERE id = (SELECT max(id) - 1 FROM adjustment)"
    )
    assert verified(harness).altered.day == sealed(harness)[2]["day"]


def test_a_clock_that_is_set_back_breaks_no_seal(build_harness):
    """What is recorded for a day that is sealed has a number behind its line."""
    harness = at_work(build_harness)
    later(harness, 2 * HOUR)
    days(harness, 2)
    later(harness, -30 * HOUR)
    harness.change_stock("eu", JACKET, -1)
    harness.advance(3)
    assert verified(harness).altered is None
    days(harness, 3)
    assert verified(harness).altered is None
    assert harness.rows("SELECT 1 FROM seal WHERE digest IS NULL") == []
    alter(harness, "DELETE FROM movement WHERE id = (SELECT max(id) FROM movement)")
    assert verified(harness).altered is not None


def test_seals_are_equal_on_both_databases(build_harness, empty_postgres_url):
    """The same history has the same hashes, whatever keeps it."""
    found = []
    for given in ({}, {"url": empty_postgres_url}):
        harness = at_work(build_harness, **given)
        later(harness, 2 * HOUR)
        days(harness)
        found.append(verified(harness))
    assert found[0] == found[1]
    assert (found[0].days, found[0].altered) == (2, None)


def test_what_is_no_longer_kept_is_no_longer_compared(build_harness, monkeypatch):
    """Updates go after 400 days, here after one; all else stays comparable."""
    harness = at_work(build_harness)
    later(harness, 2 * HOUR)
    days(harness)
    monkeypatch.setattr(sealer, "ADJUSTMENTS_KEPT_FOR", timedelta(days=1))
    before = harness.clock.now() - timedelta(days=1)
    gone = harness.process.database.run(lambda tx: tx.retention.forget_adjustments(before=before))
    assert gone > 0
    assert verified(harness).altered is None
    assert_conserved(harness)
    alter(harness, "UPDATE movement SET source = 'x' WHERE id = 1")
    assert verified(harness).altered.what == "movements"
    monkeypatch.setattr(sealer, "ADJUSTMENTS_KEPT_FOR", timedelta(days=2))
    alter(harness, "UPDATE movement SET source = 'webhook' WHERE id = 1")
    assert verified(harness).altered.what == "adjustments", "as long as they must be there"
