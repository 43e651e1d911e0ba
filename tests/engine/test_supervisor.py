"""A worker that fails is restarted alone; people are told of it, and of its end."""

import json

import pytest
from sqlalchemy.exc import OperationalError

from sync_core.domain.values import Event
from sync_core.workers.auditor import Auditor
from sync_core.workers.delivery_processor import DeliveryProcessor
from sync_core.workers.refresher import Refresher
from sync_core.workers.sender import Sender
from tests.simulation.harness import assert_at_rest, assert_conserved

BUG = "ZeroDivisionError: a bug"


@pytest.fixture
def break_it(monkeypatch):
    """Break a method of a worker, of one store or of all; return what mends it."""

    def build(kind, name, store=None):
        whole = getattr(kind, name)

        def broken(self, *given):
            if store is None or self._store.alias == store:
                raise ZeroDivisionError("a bug")
            return whole(self, *given)

        monkeypatch.setattr(kind, name, broken)
        return lambda: monkeypatch.setattr(kind, name, whole)

    return build


def standing(harness):
    """What people know to be broken, with the reason."""
    rows = harness.rows(
        "SELECT subject, facts FROM finding WHERE kind = 'dead_worker' AND closed_at IS NULL"
    )
    return {row["subject"]: json.loads(row["facts"])["why"] for row in rows}


def notifications(harness):
    rows = harness.rows(
        "SELECT subject, resolved FROM notification WHERE kind = 'dead_worker' ORDER BY id"
    )
    return [(row["subject"], bool(row["resolved"])) for row in rows]


def assert_all_green(harness):
    """The queue is empty, the stores are in sync, nobody is told of anything."""
    supervisor = harness.process.supervisor
    assert supervisor.is_well()
    assert supervisor.down() == {}
    assert standing(harness) == {}
    assert harness.rows("SELECT id FROM delivery WHERE handled_at IS NULL") == []
    assert_at_rest(harness)
    assert_conserved(harness)


def test_a_worker_that_fails_holds_up_only_itself(build_harness, break_it):
    """The other stores are written to as ever; people know which worker it is, and why."""
    harness = build_harness(stores=3, opened=True, broken=True)
    mend = break_it(Sender, "_claim", "us")
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(2)
    assert (harness.shows("uk", "SKU-0"), harness.shows("us", "SKU-0")) == (45, 50)
    harness.advance(60)
    assert standing(harness) == {"worker:sender us": BUG}
    assert harness.process.supervisor.down() == {"sender us": BUG}
    assert harness.process.supervisor.is_well()
    harness.change_stock("uk", "SKU-1", -1)
    harness.advance(2)
    assert harness.shows("eu", "SKU-1") == 49
    mend()
    harness.advance(200)
    assert_all_green(harness)
    assert notifications(harness) == [("worker:sender us", False), ("worker:sender us", True)]


def test_health_is_green_again_as_soon_as_it_works_again(build_harness, break_it):
    """However often it failed before; the alert waits until it has lasted."""
    harness = build_harness(opened=True, broken=True)
    mend = break_it(DeliveryProcessor, "_process_page")
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(300)
    assert not harness.process.supervisor.is_well()
    assert standing(harness) == {"worker:delivery_processor": BUG}
    assert harness.shows("us", "SKU-0") == 50
    mend()
    harness.advance(40)
    assert harness.process.supervisor.is_well()
    assert harness.shows("us", "SKU-0") == 45
    assert standing(harness) == {"worker:delivery_processor": BUG}
    harness.advance(150)
    assert_all_green(harness)


def test_a_job_that_fails_is_told_and_tried_again_as_workers_are(build_harness, break_it):
    """By the clock or not: it alone is tried again, and people know of it."""
    harness = build_harness(opened=True, broken=True)
    mend = break_it(Auditor, "_audit_slice")
    harness.advance(80)
    assert standing(harness) == {"worker:auditor": BUG}
    assert harness.process.supervisor.is_well()
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(2)
    assert harness.shows("us", "SKU-0") == 45
    mend()
    harness.advance(200)
    assert_all_green(harness)
    assert notifications(harness) == [("worker:auditor", False), ("worker:auditor", True)]


def test_a_worker_that_fails_again_after_it_was_well_is_told_again(build_harness, break_it):
    harness = build_harness(opened=True, broken=True)
    for _ in range(2):
        mend = break_it(DeliveryProcessor, "_process_page")
        harness.advance(60)
        assert standing(harness) == {"worker:delivery_processor": BUG}
        mend()
        harness.advance(200)
        assert_all_green(harness)
    assert (
        notifications(harness)
        == [("worker:delivery_processor", False), ("worker:delivery_processor", True)] * 2
    )


def test_a_worker_that_does_nothing_between_its_failures_is_told_too(build_harness, break_it):
    """A batch is claimed for a minute: until then its sender has nothing to do."""
    harness = build_harness(opened=True, broken=True)
    mend = break_it(Sender, "_settle", "us")
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(240)
    assert standing(harness) == {"worker:sender us": BUG}
    mend()
    harness.advance(400)
    assert_all_green(harness)
    assert harness.written("us", "SKU-0") == [-5]


def test_a_single_failure_is_told_to_nobody(build_harness, break_it):
    harness = build_harness(opened=True, broken=True)
    mend = break_it(Refresher, "_due", "us")
    harness.process.context.store_work.notify()
    harness.advance(0.5)
    mend()
    harness.advance(300)
    [worker] = [each for each in harness.process.supervisor.workers if each.name == "refresher us"]
    assert worker.failures == 1
    assert notifications(harness) == []
    assert_all_green(harness)


def test_what_an_earlier_process_told_ends_once_it_works_here(build_harness):
    """It died before it could say so itself; or its workers had other names, or other stores."""
    harness = build_harness(opened=True)
    told = [
        Event(kind="dead_worker", subject=f"worker:{name}", facts={"why": "x"})
        for name in ("engine", "sender us", "sender fr")
    ]
    now = harness.clock.now()
    harness.process.database.run(lambda tx: tx.notifications.notify(told, now=now))
    harness.kill()
    harness.start()
    harness.advance(150)
    assert_all_green(harness)


def test_a_silent_database_is_nobodys_fault(build_harness):
    """News of it would come when it is over, from every worker at once."""
    harness = build_harness(opened=True, broken=True)
    database = harness.process.database
    whole = database._run

    def away(*_given):
        raise OperationalError("SELECT", {}, Exception("the server is gone"))

    database._run = away
    harness.change_stock("eu", "SKU-0", -5)
    harness.advance(600)
    assert not harness.process.supervisor.is_well()
    database._run = whole
    harness.advance(700)
    assert notifications(harness) == []
    assert_all_green(harness)


def test_whoever_is_restarted_leaves_no_bell_behind(build_harness, break_it):
    """A bell of each restart, rung for ever, is a leak of weeks."""
    harness = build_harness(stores=2, opened=True, broken=True)
    context = harness.process.context
    before = {
        name: len(getattr(context, name)._subscribers)
        for name in ("store_work", "catalogues", "requests")
    }
    mend = break_it(Sender, "_claim")
    harness.advance(900)
    assert [
        each.failures for each in harness.process.supervisor.workers if "sender" in each.name
    ] > [
        20,
        20,
    ]
    mend()
    harness.do(harness.process.service.check("ann"))
    harness.advance(300)
    after = {name: len(getattr(context, name)._subscribers) for name in before}
    assert after == before
    assert before["store_work"] == 4  # a sender and a looker for each store
    assert context.exports._subscribers == []
    assert_all_green(harness)


def test_a_worker_that_fails_after_a_long_time_each_time_is_told_too(build_harness, monkeypatch):
    """A step that hangs ends after minutes: slow failures are failures in a row."""
    harness = build_harness(opened=True, broken=True)
    whole = DeliveryProcessor._process_page

    async def hangs(self):
        await harness.clock.sleep(900)
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(DeliveryProcessor, "_process_page", hangs)
    harness.advance(3000)
    assert standing(harness) == {"worker:delivery_processor": BUG}
    monkeypatch.setattr(DeliveryProcessor, "_process_page", whole)
    harness.advance(1100)
    assert_all_green(harness)
