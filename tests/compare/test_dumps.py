"""Dumping levels and variants from the database: all of them, some at a time, as they are."""

import csv
import io
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from sync_core.db.rows import new_level
from sync_core.db.tables import LevelRow, LocationGroupRow, PoolRow
from sync_core.domain.matching import MatchBy, key_of
from sync_core.domain.values import Alias, ItemId, LevelKey, LocationId, Mode, Role, Variant
from sync_core.workers import exporter
from sync_core.workers.exporter import dump_levels, dump_variants

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EU, US, UK = Alias("eu"), Alias("us"), Alias("uk")


def variant(store, item, sku=""):
    return Variant(
        store=store, variant_id=item, product_id=1, item=ItemId(item), handle='a,"b"\n\u00e9',
        title="t", options=(("Size", "M"),), sku=sku, barcodes=(), tracked=True, bundle=False,
        gift_card=False, status="ACTIVE",
    )  # fmt: skip


def level_key(store, item):
    return LevelKey(store=store, item=ItemId(item), location=LocationId(7))


def furnish(tx):
    """A source, one store of each mode, and a pool of three levels that are all different."""
    for store, role in ((EU, Role.SOURCE), (US, Role.DESTINATION), (UK, Role.DESTINATION)):
        tx.stores.register(store, f"{store}.myshopify.com", role)
    tx.baselines.request(US, Mode.TWO_WAY, by="test", now=NOON)
    tx.baselines.request(UK, Mode.ONE_WAY, by="test", now=NOON)
    tx.run(insert(LocationGroupRow).values(name="Berlin"))
    tx.run(insert(PoolRow).values(location_group_id=1, title="Jacket", shared=50, first_shared=50))
    tx.run(
        insert(LevelRow),
        [new_level(1, level_key(EU, 1), baselined=True, book=50, open=True, due=True)],
    )
    tx.run(insert(LevelRow), [new_level(1, level_key(US, 2), buffer=5, pack=2, refresh_at=NOON)])
    suspended = {**new_level(1, level_key(UK, 3), due=True), "suspended": "untracked"}
    tx.run(insert(LevelRow), [suspended])
    variants = [variant(EU, 1), variant(EU, 2, "S"), variant(US, 1), variant(US, 9)]
    tx.catalogue.save_variants(variants, [key_of(each, MatchBy.SKU) for each in variants])


@pytest.mark.parametrize("at_once", [1, 2, 5000])
async def test_every_level_is_dumped_once(database, tmp_path, monkeypatch, at_once):
    """What a level lacks is empty; whether its own changes count follows from its mode."""
    monkeypatch.setattr(exporter, "ROWS_PER_STEP", at_once)
    database.run(furnish)
    assert await dump_levels(database, tmp_path / "levels.csv") == 3
    rows = list(csv.reader((tmp_path / "levels.csv").read_text().splitlines()))
    assert rows == [
        list(exporter.LEVEL_NAMES),
        ["1", "1", "1", "eu", "1", "7", "1", "1", "1", "50", "0", "1", "0", "", "open", "50"],
        ["2", "1", "1", "us", "2", "7", "0", "1", "0", "", "5", "2", "0", "", "refresh", "50"],
        ["3", "1", "1", "uk", "3", "7", "0", "0", "0", "", "0", "1", "0", "untracked", "due", "50"],
    ]


@pytest.mark.parametrize("at_once", [1, 3, 5000])
async def test_every_variant_is_dumped_once(database, tmp_path, monkeypatch, at_once):
    """Merchants write anything: a text comes out as it went in."""
    monkeypatch.setattr(exporter, "ROWS_PER_STEP", at_once)
    database.run(furnish)
    assert await dump_variants(database, tmp_path / "variants.csv") == 4
    text = (tmp_path / "variants.csv").read_bytes().decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\x1f", quotechar="\x1e"))
    handle = variant(EU, 1).handle
    assert rows == [
        ["eu", "1", handle, "", "deny", ""],
        ["eu", "2", handle, "S", "deny", '["s"]'],
        ["us", "1", handle, "", "deny", ""],
        ["us", "9", handle, "", "deny", ""],
    ]


async def test_an_empty_database_is_dumped_too(database, tmp_path):
    """A first night has nothing of its own."""
    assert await dump_levels(database, tmp_path / "levels.csv") == 0
    assert await dump_variants(database, tmp_path / "variants.csv") == 0
    assert (tmp_path / "levels.csv").read_text().count("\n") == 1
    assert (tmp_path / "variants.csv").read_bytes() == b""
