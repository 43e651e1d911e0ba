"""The first hours of the fortnight, and a restore: that the program of two weeks still runs."""

from tests.simulation.fortnight import Fortnight


def test_a_morning_after_an_upgrade_and_a_restored_backup_are_exact():
    fortnight = Fortnight("a morning", changes=400)
    try:
        fortnight.begin()
        fortnight.backup = fortnight.harness.backup(fortnight.harness.folder / "copy.db")
        fortnight.work(until=10)
        fortnight.restore()
        fortnight.work(until=11)
        fortnight.harness.rest(900)
        fortnight.answer()
        fortnight.look(0)
    finally:
        fortnight.close()
    assert fortnight.harness.restores == 2
    assert len(fortnight.harness.outside) > 20
    assert any("restored" in each for each in fortnight.log), fortnight.log
