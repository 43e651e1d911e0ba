"""Levels that could not be read are known to whoever comes next."""

from sqlalchemy import update

from sync_core.db.rows import LEVEL
from sync_core.domain.values import LevelId, LocationId
from sync_core.ports import Unread
from tests.db.conftest import EU, NOON, US


def unread(level, attempts=1):
    return Unread(level=LevelId(level), location=LocationId(1), attempts=attempts)


def wanted(database, *levels):
    wish = update(LEVEL).where(LEVEL.c.id.in_(levels)).values(look_at=NOON)
    database.run(lambda ledger: ledger.run(wish))


def test_attempts_are_kept_until_a_level_is_read(furnished):
    wanted(furnished, 1, 2)
    furnished.run(lambda ledger: ledger.save_unread(EU, [unread(1)]))
    furnished.run(lambda ledger: ledger.save_unread(US, [unread(2)]))
    furnished.run(lambda ledger: ledger.save_unread(US, [unread(2, 2)]))
    assert furnished.run(lambda ledger: ledger.unread(US)) == {2: unread(2, 2)}
    assert furnished.run(lambda ledger: ledger.forget_read(US)) == []


def test_what_awaits_no_look_any_more_is_unread_no_more(furnished):
    """Whoever has read it: a decision reads levels, too."""
    wanted(furnished, 1)
    furnished.run(lambda ledger: ledger.save_unread(EU, [unread(1)]))
    furnished.run(lambda ledger: ledger.save_unread(US, [unread(2, 5)]))
    assert furnished.run(lambda ledger: ledger.forget_read(US)) == [unread(2, 5)]
    assert furnished.run(lambda ledger: ledger.unread(US)) == {}
    assert furnished.run(lambda ledger: ledger.unread(EU)) == {1: unread(1)}
