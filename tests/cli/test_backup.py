"""Back up, restore, take over: what a person who runs Tipo types, and is told."""

import pytest

from sync_core.domain.leases import LeaseState
from tests.cli.conftest import ask, rest, serving

JACKET = "SFDJ-M"


def leases():
    found = ask(lambda parts: parts.service.leases())
    return {each.store: each.state for each in found}


def test_a_backup_is_made_and_restored_and_the_next_start_asks(alone, bare):
    said = alone("backup", "tipo.backup").output
    assert "sqlite:///tipo.db is backed up to tipo.backup (" in said
    said = alone("restore", "tipo.backup", "--yes").output
    assert "sqlite:///tipo.db is restored from tipo.backup" in said
    (kept,) = bare.glob("tipo.db.replaced-*")
    assert f"kept as {kept.name}" in said
    assert "Then run `tipo takeover`" in said
    assert leases() == {"eu": LeaseState.OLDER, "us": LeaseState.OLDER}
    assert "this database is older than what Tipo has done" in alone("status").output
    # One store is named, and all are asked about: what is older is so for every store.
    said = alone("takeover", "us", "--yes", "--time-out", 0).output
    assert "eu, us: it is done when `tipo serve` starts" in said
    assert leases() == {"eu": LeaseState.TAKING_OVER, "us": LeaseState.TAKING_OVER}
    assert "is taking over EU and US" in alone("takeover", expect=2).output


def test_programs_are_told_as_json(alone, bare):
    made = alone.json("backup", "tipo.backup")
    assert made == {"file": "tipo.backup", "bytes": (bare / "tipo.backup").stat().st_size}
    back = alone.json("restore", "tipo.backup", "--yes")
    assert back["database"] == "sqlite:///tipo.db"
    assert (bare / back["kept"]).exists()
    assert back["last_change"] is None


def test_restoring_asks_first(alone, bare, person):
    alone("backup", "tipo.backup")
    before = leases()
    assert "Nothing was changed" in alone("restore", "tipo.backup", says="n\n").output
    assert list(bare.glob("tipo.db.*")) == []
    assert leases() == before


def test_nobody_to_ask_is_no_yes(alone, bare):
    alone("backup", "tipo.backup")
    assert "nobody can be asked" in alone("restore", "tipo.backup", expect=2).output
    assert list(bare.glob("tipo.db.*")) == []


def test_a_database_that_is_served_is_backed_up_and_not_replaced(baselined, bare):
    with serving():
        baselined("backup", "tipo.backup")
        said = baselined("restore", "tipo.backup", "--yes", expect=2).output
    assert "in use: stop `tipo serve`" in said
    assert list(bare.glob("tipo.db.replaced*")) == []
    rest()
    baselined("restore", "tipo.backup", "--yes")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("backup", "tipo.db"), "there already"),
        (("backup", "no/where"), "cannot be written"),
        (("restore", "gone", "--yes"), "there is no file gone"),
    ],
)
def test_what_cannot_be_done_is_said(alone, words, why):
    assert why in alone(*words, expect=2).output


def test_before_the_first_start_there_is_nothing_to_back_up(tipo, bare):
    assert "there is no database" in tipo("backup", "tipo.backup", expect=2).output
    assert list(bare.iterdir()) == []


def test_a_backup_is_of_the_database_as_it_is_and_brings_nothing_up_to_date(alone, monkeypatch):
    """It is made before an upgrade, by the new version at times."""
    monkeypatch.setattr("sync_core.app.parts.migrate", lambda _: pytest.fail("it was migrated"))
    alone("backup", "tipo.backup")
