"""Back up a database that is at work, and put it back: nothing is lost, and nothing is repeated."""

import sqlite3
from contextlib import closing
from threading import Event, Thread

import pytest

from sandbox.idempotency import Keys
from sync_core.db.backups import backups_of
from sync_core.domain.lease import RENEW_EVERY
from sync_core.domain.values import Alias
from tests.engine.test_lease import open_findings, shown, states, take_over
from tests.simulation.house import assert_at_rest, assert_conserved

EU, US = Alias("eu"), Alias("us")


class Copy:
    """A copy of a house's database, to be asked like the house itself."""

    def __init__(self, file):
        self.file = file

    def rows(self, query, values=()):
        with closing(sqlite3.connect(self.file)) as database:
            database.row_factory = sqlite3.Row
            return database.execute(query, values).fetchall()


@pytest.fixture
def home(house):
    return house(opened=True)


def backed_up(home, file):
    backups_of(home.url).backup(file)
    return file


def restored(home, file):
    """Stop, restore, start: as an operator would."""
    home.kill()
    home._reader.close()
    home._reader = None
    backups = backups_of(home.url)
    with backups.laid(file, now=home.clock.now()):
        backups.replace(now=home.clock.now())
    home.start()


def test_the_books_of_a_copy_add_up_however_much_is_under_way(home, tmp_path):
    """Copies are made one after the other in a thread while both stores sell and restock."""
    stop, files, failed = Event(), [], []

    def copy():
        try:
            while not stop.is_set():
                files.append(backed_up(home, tmp_path / f"{len(files)}.db"))
        except Exception as exc:  # noqa: BLE001 - shown below
            failed.append(exc)

    thread = Thread(target=copy)
    thread.start()
    try:
        for n in range(150):
            home.act((EU, US)[n % 2], f"SKU-{n % 3 % 2}", -1 if n % 5 else 6)
            home.advance(0.4)
    finally:
        stop.set()
        thread.join(60)
    assert failed == []
    moved = {Copy(each).rows("SELECT count(*) AS n FROM movement")[0]["n"] for each in files}
    assert len(moved) > 5, "copies of different moments"
    assert sum(bool(Copy(each).rows("SELECT 1 FROM batch WHERE state = 'open'")) for each in files)
    for each in files:
        assert_conserved(Copy(each))
    home.advance(60)
    assert_at_rest(home)


@pytest.mark.parametrize("later", [0, 29, 300])
def test_a_restored_backup_repeats_nothing_however_young_it_is(home, tmp_path, later):
    """Also within one renewal, where the stores' marks cannot tell that anything has happened."""
    home.act(EU, "SKU-0", 3)
    home.advance(40)
    copy = backed_up(home, tmp_path / "copy.db")
    home.act(US, "SKU-0", -5)
    home.advance(3 + later)
    assert shown(home) == (48, 48)
    restored(home, copy)
    home.advance(60)
    assert shown(home) == (48, 48)
    assert open_findings(home, "older_database") == ["database"]
    told = "SELECT count(*) AS n FROM notice WHERE kind = 'older_database'"
    assert home.rows(told)[0]["n"] == 1, "people are told, once"
    home.act(EU, "SKU-0", -1)
    home.advance(1300)
    assert shown(home) == (47, 48), "nothing is written before somebody says so"
    take_over(home, US)
    home.advance(100)
    assert states(home) == {"eu": "ours", "us": "ours"}
    assert len(open_findings(home, "differs")) == 1
    home.act(US, "SKU-1", -2)
    home.advance(60)
    assert shown(home, "SKU-1") == (48, 48)
    assert_conserved(home)


def test_a_backup_that_was_taken_while_a_batch_was_under_way_sends_it_never_again(home, tmp_path):
    """The store knows its key for a day; after that the same bytes would count twice."""
    home.shops[EU].faults.outage = True
    home.act(US, "SKU-0", -5)
    home.advance(5)
    copy = backed_up(home, tmp_path / "copy.db")
    assert Copy(copy).rows("SELECT 1 FROM batch WHERE state = 'open'")
    home.shops[EU].faults.outage = False
    home.advance(120)
    assert shown(home) == (45, 45)
    home.shops[EU].keys = Keys(home.clock.now)
    restored(home, copy)
    home.advance(60)
    take_over(home, EU)
    home.advance(200)
    assert shown(home) == (45, 45)
    assert open_findings(home, "differs", "older_database") == []
    assert_conserved(home)
    assert_at_rest(home)


def test_a_move_of_a_stopped_database_by_hand_asks_nobody(home):
    """Nothing has happened in between: the mark in each store is the one that it knows."""
    home.advance(40)
    home.kill()
    copy = home.path.with_name("moved.db")
    home.restore(home.backup(copy))
    home.act(US, "SKU-0", -5)
    home.advance(30)
    assert shown(home) == (45, 45)
    assert states(home) == {"eu": "ours", "us": "ours"}


WINDOW = 45  # seconds after a copy by hand, as docs/operating.md says


def just_renewed(home):
    """Let time pass until each store has just taken a renewal: the longest until the next one."""
    before = {alias: shop.counts.marks for alias, shop in home.shops.items()}
    while any(shop.counts.marks == before[alias] for alias, shop in home.shops.items()):
        home.advance(0.5)


@pytest.mark.parametrize("phase", [0, 7, 15, 22, 29])
def test_a_copy_by_hand_is_told_from_the_real_one_after_a_renewal(home, tmp_path, phase):
    """Wherever it falls between two of them."""
    just_renewed(home)
    home.advance(phase)
    copy = home.backup(tmp_path / "copy.db")
    home.act(US, "SKU-0", -5)
    home.advance(RENEW_EVERY + 1)
    home.restore(copy)
    home.advance(60)
    assert open_findings(home, "older_database") == ["database"]
    assert shown(home) == (45, 45)


@pytest.mark.parametrize("silent", [WINDOW, 50, 70, 300])
def test_what_tipo_writes_after_the_stated_time_is_never_repeated(home, tmp_path, silent):
    """Also where no store took a renewal meanwhile: then it takes none of our writes before one."""
    just_renewed(home)
    copy = home.backup(tmp_path / "copy.db")
    for shop in home.shops.values():
        shop.faults.outage = True
    home.act(US, "SKU-0", -5)
    home.advance(silent)
    for shop in home.shops.values():
        shop.faults.outage = False
    while not home.written(EU, "SKU-0"):
        home.advance(0.1)
    home.restore(copy)
    home.advance(60)
    assert open_findings(home, "older_database") == ["database"]
    assert shown(home) == (45, 45)
