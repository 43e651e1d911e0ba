"""A database with two stores, one place, one pool of two levels, and one batch."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from sync_core.db.rows import new_level
from sync_core.db.tables import BatchRow, LevelRow, LocationGroupRow, PoolRow
from sync_core.domain.values import Alias, ItemId, LevelKey, LocationId, Role

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EU, US = Alias("eu"), Alias("us")


def after(seconds):
    return NOON + timedelta(seconds=seconds)


def level_key(store, item=1, location=1):
    return LevelKey(store=store, item=ItemId(item), location=LocationId(location))


def furnish(tx):
    """Both stores, and a pool (1) of two levels (1: eu, 2: us) that have met at 50."""
    tx.stores.register(EU, "urbanwear-eu.myshopify.com", Role.SOURCE)
    tx.stores.register(US, "urbanwear-us.myshopify.com", Role.DESTINATION)
    tx.run(insert(LocationGroupRow).values(name="Berlin"))
    tx.run(insert(PoolRow).values(location_group_id=1, title="Jacket", shared=50, first_shared=50))
    baselined = {"book": 50, "first_book": 50, "first_shared": 50, "baselined": True}
    rows = [new_level(1, level_key(store), **baselined) for store in (EU, US)]
    tx.run(insert(LevelRow), rows)
    tx.run(insert(BatchRow).values(store=US, key="k", body=b"{}", planned_at=NOON))


@pytest.fixture
def furnished(database):
    """The furnished database, on each kind."""
    database.run(furnish)
    return database
