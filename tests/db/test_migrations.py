"""What migrations make is what the models say, on both databases."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from sqlmodel import SQLModel

from sync_core.db import migrate as migrations
from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import current, draft, head, migrate, revisions
from sync_core.db.rows import variant_of
from sync_core.db.tables import VARIANT
from sync_core.domain.values import InventoryPolicy
from sync_core.errors import DatabaseTooNew

COMMA = re.compile(r", (?![^(]*\))")  # not the commas within brackets
SQLITE_SHAPE = """SELECT type, name, tbl_name, sql FROM sqlite_master
  WHERE name NOT LIKE 'sqlite_%' AND tbl_name <> 'alembic_version'"""
POSTGRES_SHAPE = """
  SELECT 'column', table_name, column_name,
    concat_ws(' ', data_type, is_nullable, column_default, is_identity)
  FROM information_schema.columns
  WHERE table_schema = 'public' AND table_name <> 'alembic_version'
  UNION ALL SELECT 'index', tablename, indexname, indexdef
  FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
  UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
    AND conrelid::regclass::text <> 'alembic_version'"""


@pytest.fixture
def empty(empty_url):
    database = SqlDatabase(empty_url)
    yield database
    database.close()


def shape(engine):
    """Every column, index and constraint, in the database's own words."""
    query = SQLITE_SHAPE if engine.dialect.name == "sqlite" else POSTGRES_SHAPE
    with engine.begin() as connection:
        rows = [tuple(str(each) for each in row) for row in connection.execute(text(query))]
    return sorted(_settled(row) for row in rows)


def _settled(row):
    """The parts of a SQLite table in one order: constraints may be listed in any.

    A name that was given by a change is quoted.
    """
    *start, words = row
    words = words.replace('"', "")
    if words.startswith("CREATE TABLE"):
        # A column that was added later stands in the line of its neighbour.
        opening, *parts = words.replace(", \n", "\n").split("\n")
        columns = [each for part in parts for each in COMMA.split(part)]
        return (*start, opening, *sorted(part.strip() for part in columns if part.strip()))
    return (*start, " ".join(words.split()))


def test_a_migrated_database_differs_in_nothing_from_the_models(database):
    """Else an upgraded Tipo and a new one would live in different houses."""
    with database.engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_conditions_and_checks_are_migrated_too(empty):
    """Alembic compares neither partial indexes nor checks, and they are the policy."""
    migrate(empty.engine)
    migrated = shape(empty.engine)
    SQLModel.metadata.drop_all(empty.engine)
    SQLModel.metadata.create_all(empty.engine)
    assert migrated == shape(empty.engine) != []


def test_an_empty_database_gets_every_revision_once(empty):
    assert current(empty.engine) is None
    assert migrate(empty.engine) == revisions()
    assert current(empty.engine) == head() == revisions()[-1]
    assert migrate(empty.engine) == []


def test_starts_at_the_same_moment_wait_for_each_other(empty_url):
    """Several processes come up at once: one migrates, nobody fails."""

    def start(_):
        database = SqlDatabase(empty_url)
        try:
            return migrate(database.engine)
        finally:
            database.close()

    with ThreadPoolExecutor(6) as pool:
        applied = list(pool.map(start, range(6)))
    assert sorted(applied) == [[]] * 5 + [revisions()]


def test_a_migration_that_fails_leaves_nothing_behind(empty, monkeypatch):
    """The next start must find the database as it was, not half a schema."""

    def full(*_given, **_more):
        raise OSError("the disk is full")

    monkeypatch.setattr("alembic.op.create_index", full)
    with pytest.raises(OSError, match="the disk is full"):
        migrate(empty.engine)
    assert current(empty.engine) is None
    assert shape(empty.engine) == []


def test_a_database_from_the_future_is_left_alone(database):
    """An older Tipo would misread what a newer one wrote."""
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '2031_01_01_later'"))
    before = shape(database.engine)
    with pytest.raises(DatabaseTooNew, match="revision 2031_01_01_later, which this Tipo does not"):
        migrate(database.engine)
    assert shape(database.engine) == before


def test_a_draft_is_empty_while_no_model_has_changed(tmp_path, database, monkeypatch):
    """`make migration` finds what is missing, and nothing else."""
    folder = shutil.copytree(migrations.scripts(), tmp_path / "alembic")
    monkeypatch.setattr(migrations, "scripts", lambda: folder)
    draft(database.engine, "2031_01_01_nothing")
    written = (folder / "versions" / "2031_01_01_nothing.py").read_text()
    assert "revision = '2031_01_01_nothing'" in written
    assert f"down_revision = {current(database.engine)!r}" in written
    assert "op." not in written


BARCODES = "2026_11_25_barcodes"
SOLD = """INSERT INTO variant (store, item, variant_id, product_id, handle, title, options, sku,
  barcode, tracked, bundle, gift_card, status)
  VALUES ('eu', :item, 1, 1, 'jacket', 'Jacket', '[]', '', :barcode, {yes}, {no}, {no}, 'ACTIVE')"""


def test_the_barcode_that_a_variant_had_is_one_of_its_barcodes(empty, monkeypatch):
    """An upgraded Tipo finds and matches what it knew, before any store has been read again."""
    then = revisions().index(BARCODES)
    monkeypatch.setattr("alembic.command.upgrade", _to(revisions()[then - 1]))
    migrate(empty.engine)
    monkeypatch.undo()
    yes, no = ("1", "0") if empty.engine.dialect.name == "sqlite" else ("true", "false")
    items = [*range(1, 1502), 3_000_000_000_000]
    with empty.engine.begin() as connection:
        store = "INSERT INTO store (alias, domain, role, scopes) VALUES ('eu', 'd', 'source', '')"
        connection.execute(text(store))
        rows = [{"item": each, "barcode": f" {each}a "} for each in items]
        connection.execute(text(SOLD.format(yes=yes, no=no)), [*rows, {"item": 0, "barcode": ""}])
    assert migrate(empty.engine) == revisions()[then:]
    with empty.engine.begin() as connection:
        codes = connection.execute(text("SELECT item, code FROM barcode ORDER BY item")).all()
        kept = [variant_of(row) for row in connection.execute(select(VARIANT))]
    assert [tuple(row) for row in codes] == [(each, f"{each}a") for each in items]
    assert {each.item: each.barcodes for each in kept} == {
        0: (),
        **{each: (f" {each}a ",) for each in items},
    }
    assert {each.policy for each in kept} == {InventoryPolicy.DENY}


def _to(revision):
    """Return alembic's `upgrade`, ending at that revision whatever was asked for."""
    whole = command.upgrade
    return lambda config, _: whole(config, revision)
