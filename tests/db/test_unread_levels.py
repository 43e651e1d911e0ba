"""Levels that could not be read are known to whoever comes next."""

from sqlalchemy import update

from sync_core.db.tables import LEVEL
from sync_core.domain.values import LevelId, LocationId
from sync_core.ports import UnreadLevel
from tests.db.conftest import EU, NOON, US


def unread_levels(level, attempts=1):
    return UnreadLevel(level=LevelId(level), location=LocationId(1), attempts=attempts)


def wanted(database, *levels):
    wish = update(LEVEL).where(LEVEL.c.id.in_(levels)).values(refresh_at=NOON)
    database.run(lambda tx: tx.run(wish))


def test_attempts_are_kept_until_a_level_is_read(furnished):
    wanted(furnished, 1, 2)
    furnished.run(lambda tx: tx.refreshes.save_unread(EU, [unread_levels(1)]))
    furnished.run(lambda tx: tx.refreshes.save_unread(US, [unread_levels(2)]))
    furnished.run(lambda tx: tx.refreshes.save_unread(US, [unread_levels(2, 2)]))
    assert furnished.run(lambda tx: tx.refreshes.unread(US)) == {2: unread_levels(2, 2)}
    assert furnished.run(lambda tx: tx.refreshes.forget_read(US)) == []


def test_what_awaits_no_look_any_more_is_unread_no_more(furnished):
    """Whoever has read it: a decision reads levels, too."""
    wanted(furnished, 1)
    furnished.run(lambda tx: tx.refreshes.save_unread(EU, [unread_levels(1)]))
    furnished.run(lambda tx: tx.refreshes.save_unread(US, [unread_levels(2, 5)]))
    assert furnished.run(lambda tx: tx.refreshes.forget_read(US)) == [unread_levels(2, 5)]
    assert furnished.run(lambda tx: tx.refreshes.unread(US)) == {}
    assert furnished.run(lambda tx: tx.refreshes.unread(EU)) == {1: unread_levels(1)}
