"""A database with two stores, one place, one pool of two levels, and one batch."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from sync_core.db.rows import new_level
from sync_core.db.tables import BatchRow, LevelRow, PlaceRow, PoolRow
from sync_core.domain.values import Alias, ItemId, LocationId, Role, Spot

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EU, US = Alias("eu"), Alias("us")


def after(seconds):
    return NOON + timedelta(seconds=seconds)


def spot(store, item=1, location=1):
    return Spot(store=store, item=ItemId(item), location=LocationId(location))


def furnish(ledger):
    """Both stores, and a pool (1) of two levels (1: eu, 2: us) that have met at 50."""
    ledger.enlist(EU, "urbanwear-eu.myshopify.com", Role.SOURCE)
    ledger.enlist(US, "urbanwear-us.myshopify.com", Role.DESTINATION)
    ledger.run(insert(PlaceRow).values(name="Berlin"))
    ledger.run(insert(PoolRow).values(place_id=1, title="Jacket", shared=50, first_shared=50))
    met = {"book": 50, "first_book": 50, "first_shared": 50, "met": True}
    rows = [new_level(1, spot(store), **met) for store in (EU, US)]
    ledger.run(insert(LevelRow), rows)
    ledger.run(insert(BatchRow).values(store=US, key="k", body=b"{}", planned_at=NOON))


@pytest.fixture
def furnished(database):
    """The furnished database, on each kind."""
    database.run(furnish)
    return database
