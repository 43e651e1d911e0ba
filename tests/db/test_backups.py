"""Copies of the database: whole, made while it is in use, put back so that nothing is lost."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sync_core.db import backups as module
from sync_core.db.backups import backups_of
from sync_core.db.database import SqlDatabase
from sync_core.domain.leases import LeaseMark, LeaseState
from sync_core.errors import DatabaseTooNew, NotBackedUp, NotRestored
from tests.db.conftest import EU, NOON, US, after, furnish

THEIRS = LeaseMark(instance="b", renewal="r", at=NOON)


def told(url, work):
    database = SqlDatabase(url)
    try:
        return database.run(work)
    finally:
        database.close()


def shared(url):
    return told(url, lambda tx: tx.views.pool_views([1])[0].shared)


def set_shared(url, units):
    from sqlalchemy import update  # noqa: PLC0415

    from sync_core.db.tables import POOL  # noqa: PLC0415

    told(url, lambda tx: tx.run(update(POOL).values(shared=units)))


def restore(url, file, *, at=60):
    found = backups_of(url)
    with found.staged(file, now=after(at)):
        return found.replace(now=after(at))


def beside(url, kept):
    """Return the URL of what was replaced."""
    if url.startswith("sqlite"):
        return f"sqlite:///{kept}"
    return url.rpartition("/")[0] + f"/{kept}"


@pytest.fixture
def url(database_url):
    told(database_url, furnish)
    return database_url


@pytest.fixture
def drop(request):
    """Drop what was replaced, where it is a database on the server."""
    made = []
    yield made.append
    import psycopg  # noqa: PLC0415

    for each in made:
        if each.startswith("postgresql"):
            server = os.environ["TIPO_TEST_POSTGRES_URL"]
            with psycopg.connect(server, autocommit=True) as connection:
                name = each.rpartition("/")[2]
                connection.execute(f'DROP DATABASE IF EXISTS "{name}"')


def test_what_was_backed_up_comes_back_and_what_was_there_is_kept(url, tmp_path, drop):
    file = tmp_path / "tipo.backup"
    backups_of(url).backup(file)
    set_shared(url, 45)
    kept = beside(url, restore(url, file))
    drop(kept)
    assert shared(url) == 50
    assert shared(kept) == 45
    assert [each.name for each in tmp_path.glob("*.partial")] == []
    assert [each.name for each in tmp_path.glob("*restoring*")] == []


def test_a_restored_database_asks_before_it_writes(url, tmp_path, drop):
    """Also where the copy says that somebody was taking over, or that all was well."""

    def work(tx):
        tx.leases.note(EU, LeaseState.OURS, None, weak=True, now=NOON)
        tx.leases.note(US, LeaseState.FOREIGN, THEIRS, weak=False, now=NOON)
        tx.leases.start_takeover(US, "ann", now=NOON)

    told(url, work)
    file = tmp_path / "tipo.backup"
    backups_of(url).backup(file)
    drop(beside(url, restore(url, file)))

    def look(tx):
        return tx.leases.all(), [
            (e.kind, e.subject) for e in tx.findings.page(kinds=["older_database"])
        ]

    leases, findings = told(url, look)
    assert findings == [("older_database", "database")]
    assert {
        each.store: (each.state, each.since, each.by, each.reason) for each in leases.values()
    } == {
        EU: (LeaseState.OLDER, after(60), "", None),
        US: (LeaseState.OLDER, after(60), "", None),
    }
    assert leases[EU].weak, "how that store keeps a mark is no news"


def test_a_database_that_was_never_served_asks_too(url, tmp_path, drop):
    file = tmp_path / "tipo.backup"
    backups_of(url).backup(file)
    drop(beside(url, restore(url, file)))
    assert {each.state for each in told(url, lambda tx: tx.leases.all()).values()} == {
        LeaseState.OLDER
    }


def test_a_database_in_use_is_not_replaced(url, tmp_path):
    file = tmp_path / "tipo.backup"
    backups_of(url).backup(file)
    set_shared(url, 45)
    serving = SqlDatabase(url)
    serving.run(lambda tx: tx.leases.all())
    try:
        with pytest.raises(NotRestored, match="in use: stop `tipo serve`"):
            restore(url, file)
        assert serving.run(lambda tx: tx.views.pool_views([1])[0].shared) == 45
    finally:
        serving.close()
    assert list(tmp_path.glob("*restoring*")) == []


def test_where_there_is_no_database_the_backup_becomes_it(sqlite_url, tmp_path):
    told(sqlite_url, furnish)
    file = tmp_path / "tipo.backup"
    backups_of(sqlite_url).backup(file)
    elsewhere = f"sqlite:///{tmp_path / 'new.db'}"
    assert restore(elsewhere, file) is None
    assert shared(elsewhere) == 50


@pytest.mark.parametrize(
    "kind", ["nothing", "text", "cut", "flipped", "odd", "another", "newer", "empty"]
)
def test_what_is_no_whole_backup_replaces_nothing(sqlite_url, tmp_path, kind):
    told(sqlite_url, furnish)
    file = tmp_path / "tipo.backup"
    backups_of(sqlite_url).backup(file)
    whole = file.read_bytes()
    match kind:
        case "nothing":
            file.unlink()
        case "text":
            file.write_text("hello")
        case "empty":
            file.write_bytes(b"")
        case "cut":
            file.write_bytes(whole[: len(whole) // 2])
        case "flipped":
            page = len(whole) - 4096  # of an index or a table that no start reads
            file.write_bytes(whole[:page] + b"\x0a" + os.urandom(4095))
        case "odd":  # one byte: a table and its index say different things
            assert whole.count(b"myshopify.com") > 2
            file.write_bytes(
                whole.replace(b"urbanwear-us.myshopify.com", b"urbanwear-us.myshopify.cem", 1)
            )
        case "another":
            file.unlink()
            with closing(sqlite3.connect(file)) as made:
                made.execute("CREATE TABLE t (x)")
        case "newer":
            with closing(sqlite3.connect(file)) as made:
                made.execute("UPDATE alembic_version SET version_num = '2999_01_01'")
                made.commit()
    before = Path(tmp_path / "tipo.db").read_bytes()
    with pytest.raises((NotRestored, DatabaseTooNew)):
        restore(sqlite_url, file)
    assert Path(tmp_path / "tipo.db").read_bytes() == before
    assert list(tmp_path.glob("*restoring*")) == []
    assert list(tmp_path.glob("*replaced*")) == []


def test_a_damaged_database_is_replaced_with_all_that_lies_beside_it(sqlite_url, tmp_path):
    """A log that was left behind would be written into the restored database."""
    told(sqlite_url, furnish)
    file, here = tmp_path / "tipo.backup", tmp_path / "tipo.db"
    backups_of(sqlite_url).backup(file)
    here.write_bytes(b"x" * 8192)
    Path(f"{here}-wal").write_bytes(b"y" * 4096)
    kept = Path(restore(sqlite_url, file))
    assert shared(sqlite_url) == 50
    assert (kept.read_bytes(), Path(f"{kept}-wal").read_bytes()) == (b"x" * 8192, b"y" * 4096)


def test_a_failure_at_the_last_step_leaves_the_database_in_its_place(
    sqlite_url, tmp_path, monkeypatch
):
    told(sqlite_url, furnish)
    file, here = tmp_path / "tipo.backup", tmp_path / "tipo.db"
    backups_of(sqlite_url).backup(file)
    set_shared(sqlite_url, 45)
    rename = Path.rename

    def refuse(self, target):
        if self.name.endswith("restoring"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(NotRestored, match="No space left"):
        restore(sqlite_url, file)
    assert here.exists()
    assert shared(sqlite_url) == 45


def test_a_copy_by_hand_is_restored_too(sqlite_url, tmp_path):
    """One that is still in the mode in which it was used, log and all, in a folder of its own."""
    told(sqlite_url, furnish)
    folder = tmp_path / "yesterday"
    folder.mkdir()
    serving = SqlDatabase(sqlite_url)
    serving.run(lambda tx: tx.settings.set("something", "new"))
    for end in ("", "-wal"):
        (folder / f"copy.db{end}").write_bytes(Path(f"{tmp_path / 'tipo.db'}{end}").read_bytes())
    serving.close()
    restore(sqlite_url, folder / "copy.db")
    assert told(sqlite_url, lambda tx: tx.settings.get("something")) == "new"


def test_a_backup_overwrites_nothing_and_only_its_owner_may_read_it(url, tmp_path):
    file = tmp_path / "tipo.backup"
    backups_of(url).backup(file)
    assert file.stat().st_mode & 0o077 == 0
    before = file.read_bytes()
    with pytest.raises(NotBackedUp, match="there already"):
        backups_of(url).backup(file)
    assert file.read_bytes() == before


def test_a_backup_that_fails_leaves_nothing_behind(url, tmp_path):
    with pytest.raises(NotBackedUp, match="cannot be written"):
        backups_of(url).backup(tmp_path / "no" / "such" / "folder")
    wrong = f"{url}_gone" if url.startswith("postgresql") else f"sqlite:///{tmp_path / 'gone.db'}"
    with pytest.raises(NotBackedUp):
        backups_of(wrong).backup(tmp_path / "tipo.backup")
    assert [each.name for each in tmp_path.iterdir() if "backup" in each.name] == []


def test_without_the_programs_of_postgresql_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    with pytest.raises(NotBackedUp, match="pg_dump is not installed here"):
        backups_of("postgresql://tipo:secret@127.0.0.1:1/tipo").backup(tmp_path / "b")


def test_nobody_on_this_machine_sees_the_password(monkeypatch, tmp_path):
    program = tmp_path / "pg_dump"
    program.write_text(
        '#!/bin/sh\nenv > env.txt\necho "$@" > words.txt\necho secret refused >&2\nexit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(NotBackedUp):
        backups_of("postgresql://tipo:geheim@127.0.0.1:1/tipo?sslmode=require").backup(
            tmp_path / "b"
        )
    assert "geheim" not in Path("words.txt").read_text()
    assert "sslmode=require" in Path("words.txt").read_text()
    assert "PGPASSWORD=geheim" in Path("env.txt").read_text()
