"""Back up a database that is at work, and put it back: nothing is lost, and nothing is repeated."""

import sqlite3
from contextlib import closing
from threading import Event, Thread

import pytest

from sandbox.idempotency import IdempotencyKeys
from sync_core.db.backups import backups_of
from sync_core.domain.leases import RENEW_EVERY_SECONDS
from sync_core.domain.values import Alias
from tests.engine.test_lease_keeper import open_findings, shown, states, take_over
from tests.simulation.harness import assert_at_rest, assert_conserved

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
def harness(build_harness):
    return build_harness(opened=True)


def backed_up(harness, file):
    backups_of(harness.url).backup(file)
    return file


def restored(harness, file):
    """Stop, restore, start: as an operator would."""
    harness.kill()
    harness._reader.close()
    harness._reader = None
    backups = backups_of(harness.url)
    with backups.staged(file, now=harness.clock.now()):
        backups.replace(now=harness.clock.now())
    harness.start()


def test_the_books_of_a_copy_add_up_however_much_is_under_way(harness, tmp_path):
    """Copies are made one after the other in a thread while both stores sell and restock."""
    stop, files, failed = Event(), [], []

    def copy():
        try:
            while not stop.is_set():
                files.append(backed_up(harness, tmp_path / f"{len(files)}.db"))
        except Exception as exc:  # noqa: BLE001 - shown below
            failed.append(exc)

    thread = Thread(target=copy)
    thread.start()
    try:
        for n in range(150):
            harness.change_stock((EU, US)[n % 2], f"SKU-{n % 3 % 2}", -1 if n % 5 else 6)
            harness.advance(0.4)
    finally:
        stop.set()
        thread.join(60)
    assert failed == []
    moved = {Copy(each).rows("SELECT count(*) AS n FROM movement")[0]["n"] for each in files}
    assert len(moved) > 5, "copies of different moments"
    assert sum(bool(Copy(each).rows("SELECT 1 FROM batch WHERE state = 'open'")) for each in files)
    for each in files:
        assert_conserved(Copy(each))
    harness.advance(60)
    assert_at_rest(harness)


@pytest.mark.parametrize("later", [0, 29, 300])
def test_a_restored_backup_repeats_nothing_however_young_it_is(harness, tmp_path, later):
    """Also within one renewal, where the stores' marks cannot tell that anything has happened."""
    harness.change_stock(EU, "SKU-0", 3)
    harness.advance(40)
    copy = backed_up(harness, tmp_path / "copy.db")
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(3 + later)
    assert shown(harness) == (48, 48)
    restored(harness, copy)
    harness.advance(60)
    assert shown(harness) == (48, 48)
    assert open_findings(harness, "older_database") == ["database"]
    told = "SELECT count(*) AS n FROM notification WHERE kind = 'older_database'"
    assert harness.rows(told)[0]["n"] == 1, "people are told, once"
    harness.change_stock(EU, "SKU-0", -1)
    harness.advance(1300)
    assert shown(harness) == (47, 48), "nothing is written before somebody says so"
    missed = "SELECT 1 FROM notification WHERE kind = 'webhooks_missed'"
    assert harness.rows(missed) == [], "its webhooks came, before the backup was put back"
    take_over(harness, US)
    harness.advance(100)
    assert states(harness) == {"eu": "ours", "us": "ours"}
    assert len(open_findings(harness, "differs")) == 1
    harness.change_stock(US, "SKU-1", -2)
    harness.advance(60)
    assert shown(harness, "SKU-1") == (48, 48)
    assert_conserved(harness)


def test_a_backup_that_was_taken_while_a_batch_was_under_way_sends_it_never_again(
    harness, tmp_path
):
    """The store knows its key for a day; after that the same bytes would count twice."""
    harness.shops[EU].faults.outage = True
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(5)
    copy = backed_up(harness, tmp_path / "copy.db")
    assert Copy(copy).rows("SELECT 1 FROM batch WHERE state = 'open'")
    harness.shops[EU].faults.outage = False
    harness.advance(120)
    assert shown(harness) == (45, 45)
    harness.shops[EU].keys = IdempotencyKeys(harness.clock.now)
    restored(harness, copy)
    harness.advance(60)
    take_over(harness, EU)
    harness.advance(200)
    assert shown(harness) == (45, 45)
    assert open_findings(harness, "differs", "older_database") == []
    assert_conserved(harness)
    assert_at_rest(harness)


def test_a_move_of_a_stopped_database_by_hand_asks_nobody(harness):
    """Nothing has happened in between: the mark in each store is the one that it knows."""
    harness.advance(40)
    harness.kill()
    copy = harness.path.with_name("moved.db")
    harness.restore(harness.backup(copy))
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(30)
    assert shown(harness) == (45, 45)
    assert states(harness) == {"eu": "ours", "us": "ours"}


WINDOW = 45  # seconds after a copy by hand, as docs/operating.md says


def just_renewed(harness):
    """Let time pass until each store has just taken a renewal: the longest until the next one."""
    before = {alias: shop.counts.metafield_writes for alias, shop in harness.shops.items()}
    while any(
        shop.counts.metafield_writes == before[alias] for alias, shop in harness.shops.items()
    ):
        harness.advance(0.5)


@pytest.mark.parametrize("phase", [0, 7, 15, 22, 29])
def test_a_copy_by_hand_is_told_from_the_real_one_after_a_renewal(harness, tmp_path, phase):
    """Wherever it falls between two of them."""
    just_renewed(harness)
    harness.advance(phase)
    copy = harness.backup(tmp_path / "copy.db")
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(RENEW_EVERY_SECONDS + 1)
    harness.restore(copy)
    harness.advance(60)
    assert open_findings(harness, "older_database") == ["database"]
    assert shown(harness) == (45, 45)


@pytest.mark.parametrize("silent", [WINDOW, 50, 70, 300])
def test_what_tipo_writes_after_the_stated_time_is_never_repeated(harness, tmp_path, silent):
    """Also where no store took a renewal meanwhile: then it takes none of our writes before one."""
    just_renewed(harness)
    copy = harness.backup(tmp_path / "copy.db")
    for shop in harness.shops.values():
        shop.faults.outage = True
    harness.change_stock(US, "SKU-0", -5)
    harness.advance(silent)
    for shop in harness.shops.values():
        shop.faults.outage = False
    while not harness.written(EU, "SKU-0"):
        harness.advance(0.1)
    harness.restore(copy)
    harness.advance(60)
    assert open_findings(harness, "older_database") == ["database"]
    assert shown(harness) == (45, 45)
