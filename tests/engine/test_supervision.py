"""A worker that fails is restarted alone; people are told of it, and of its end."""

import json

import pytest
from sqlalchemy.exc import OperationalError

from sync_core.domain.values import News
from sync_core.workers.folding import Folder
from sync_core.workers.looking import Looker
from sync_core.workers.sending import Sender
from tests.simulation.house import assert_at_rest, assert_conserved

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


def standing(home):
    """What people know to be broken, with the reason."""
    rows = home.rows(
        "SELECT subject, facts FROM finding WHERE kind = 'dead_worker' AND closed_at IS NULL"
    )
    return {row["subject"]: json.loads(row["facts"])["why"] for row in rows}


def notices(home):
    rows = home.rows("SELECT subject, \"over\" FROM notice WHERE kind = 'dead_worker' ORDER BY id")
    return [(row["subject"], bool(row["over"])) for row in rows]


def assert_all_green(home):
    """The queue is empty, the stores are in sync, nobody is told of anything."""
    supervisor = home.process.supervisor
    assert supervisor.is_well()
    assert supervisor.down() == {}
    assert standing(home) == {}
    assert home.rows("SELECT id FROM delivery WHERE handled_at IS NULL") == []
    assert_at_rest(home)
    assert_conserved(home)


def test_a_worker_that_fails_holds_up_only_itself(house, break_it):
    """The other stores are written to as ever; people know which worker it is, and why."""
    home = house(stores=3, opened=True, broken=True)
    mend = break_it(Sender, "_claim", "us")
    home.act("eu", "SKU-0", -5)
    home.advance(2)
    assert (home.shows("uk", "SKU-0"), home.shows("us", "SKU-0")) == (45, 50)
    home.advance(60)
    assert standing(home) == {"worker:sender us": BUG}
    assert home.process.supervisor.down() == {"sender us": BUG}
    assert home.process.supervisor.is_well()
    home.act("uk", "SKU-1", -1)
    home.advance(2)
    assert home.shows("eu", "SKU-1") == 49
    mend()
    home.advance(200)
    assert_all_green(home)
    assert notices(home) == [("worker:sender us", False), ("worker:sender us", True)]


def test_health_is_green_again_as_soon_as_it_works_again(house, break_it):
    """However often it failed before; the alert waits until it has lasted."""
    home = house(opened=True, broken=True)
    mend = break_it(Folder, "_page")
    home.act("eu", "SKU-0", -5)
    home.advance(300)
    assert not home.process.supervisor.is_well()
    assert standing(home) == {"worker:folder": BUG}
    assert home.shows("us", "SKU-0") == 50
    mend()
    home.advance(40)
    assert home.process.supervisor.is_well()
    assert home.shows("us", "SKU-0") == 45
    assert standing(home) == {"worker:folder": BUG}
    home.advance(150)
    assert_all_green(home)


def test_a_worker_that_fails_again_after_it_was_well_is_told_again(house, break_it):
    home = house(opened=True, broken=True)
    for _ in range(2):
        mend = break_it(Folder, "_page")
        home.advance(60)
        assert standing(home) == {"worker:folder": BUG}
        mend()
        home.advance(200)
        assert_all_green(home)
    assert notices(home) == [("worker:folder", False), ("worker:folder", True)] * 2


def test_a_worker_that_does_nothing_between_its_failures_is_told_too(house, break_it):
    """A batch is claimed for a minute: until then its sender has nothing to do."""
    home = house(opened=True, broken=True)
    mend = break_it(Sender, "_settle", "us")
    home.act("eu", "SKU-0", -5)
    home.advance(240)
    assert standing(home) == {"worker:sender us": BUG}
    mend()
    home.advance(400)
    assert_all_green(home)
    assert home.written("us", "SKU-0") == [-5]


def test_a_single_failure_is_told_to_nobody(house, break_it):
    home = house(opened=True, broken=True)
    mend = break_it(Looker, "_due", "us")
    home.process.context.work.ring()
    home.advance(0.5)
    mend()
    home.advance(300)
    [worker] = [each for each in home.process.supervisor.workers if each.name == "looker us"]
    assert worker.failures == 1
    assert notices(home) == []
    assert_all_green(home)


def test_what_an_earlier_process_told_ends_once_it_works_here(house):
    """It died before it could say so itself; or its workers had other names, or other stores."""
    home = house(opened=True)
    told = [
        News(kind="dead_worker", subject=f"worker:{name}", facts={"why": "x"})
        for name in ("engine", "sender us", "sender fr")
    ]
    now = home.clock.now()
    home.process.database.run(lambda ledger: ledger.tell(told, now=now))
    home.kill()
    home.start()
    home.advance(150)
    assert_all_green(home)


def test_a_silent_database_is_nobodys_fault(house):
    """News of it would come when it is over, from every worker at once."""
    home = house(opened=True, broken=True)
    database = home.process.database
    whole = database._run

    def away(*_given):
        raise OperationalError("SELECT", {}, Exception("the server is gone"))

    database._run = away
    home.act("eu", "SKU-0", -5)
    home.advance(600)
    assert not home.process.supervisor.is_well()
    database._run = whole
    home.advance(700)
    assert notices(home) == []
    assert_all_green(home)


def test_whoever_is_restarted_leaves_no_bell_behind(house, break_it):
    """A bell of each restart, rung for ever, is a leak of weeks."""
    home = house(stores=2, opened=True, broken=True)
    context = home.process.context
    before = {name: len(getattr(context, name)._bells) for name in ("work", "products", "papers")}
    mend = break_it(Sender, "_claim")
    home.advance(900)
    assert [each.failures for each in home.process.supervisor.workers if "sender" in each.name] > [
        20,
        20,
    ]
    mend()
    home.do(home.process.service.check("ann"))
    home.advance(300)
    after = {name: len(getattr(context, name)._bells) for name in before}
    assert after == before
    assert before["work"] == 4  # a sender and a looker for each store
    assert context.exports._bells == []
    assert_all_green(home)


def test_a_worker_that_fails_after_a_long_time_each_time_is_told_too(house, monkeypatch):
    """A step that hangs ends after minutes: slow failures are failures in a row."""
    home = house(opened=True, broken=True)
    whole = Folder._page

    async def hangs(self):
        await home.clock.sleep(900)
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Folder, "_page", hangs)
    home.advance(3000)
    assert standing(home) == {"worker:folder": BUG}
    monkeypatch.setattr(Folder, "_page", whole)
    home.advance(1100)
    assert_all_green(home)
