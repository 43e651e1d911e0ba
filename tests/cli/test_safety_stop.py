"""`tipo safety-stop`: the same question as in Slack, for people who have the terminal."""

import asyncio
import csv

import pytest

from sync_core.clock import WallClock
from tests.cli.conftest import ask, rest, serving

BEFORE = [50, 50]


@pytest.fixture
def stopped(baselined, monkeypatch):
    """Everything in `eu` was set to zero, and the safety stop asks about it."""
    monkeypatch.setenv("TIPO_SAFETY_STOP__POOLS", "1")
    eu = baselined.shops["eu"]
    for item in eu.items.values():
        eu.edit(item.id, to=0)
    with serving():
        ask(_until(_is_asked))
    rest()
    return baselined


async def _is_asked(service):
    return bool((await service.overview()).breakers)


async def _is_over(service):
    overview = await service.overview()
    busy = any(each.due or each.open or each.refreshes for each in overview.stores)
    return not overview.breakers and not busy


def _until(holds):
    async def wait(parts):
        async with asyncio.timeout(20):
            while not await holds(parts.service):
                await WallClock().sleep(0.05)

    return wait


def sums(tipo):
    return {
        alias: sum(shop.available(each) for each in shop.items)
        for alias, shop in tipo.shops.items()
    }


def test_it_is_listed_written_to_a_file_and_restored(stopped, bare):
    """All products, with what they would be set back to; then one word restores them."""
    said = stopped("safety-stop", "--csv", "products.csv").output
    assert "Safety stop: 12 products changed at once in eu (Tipo can't see its orders)" in said
    assert "Updates stopped: 12 to us; none had reached another store." in said
    with (bare / "products.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert {(each["store"], each["now"], each["stopped"]) for each in rows} == {("eu", "0", "us")}
    assert all(each["before"] == each["units"] for each in rows)
    assert "Safety stop: 12 products" in stopped("status").output

    before = sums(stopped)
    with serving():
        said = stopped("safety-stop", "restore", "--yes").output
        ask(_until(_is_over))
    assert "The stock of eu is restored: 12 products set back to the previous numbers." in said
    after = sums(stopped)
    assert after["us"] == before["us"]
    assert after["eu"] == sum(int(each["before"]) for each in rows)
    assert "There is no safety stop" in stopped("safety-stop").output
    assert "there is no open safety stop" in (
        stopped("safety-stop", "restore", "--yes", expect=2).output
    )


def test_it_is_applied_when_somebody_serves(stopped):
    """Who decides while nothing runs is told so; it is carried out by the next process."""
    assert "there is no open safety stop of us" in (
        stopped("safety-stop", "apply", "us", "--yes", expect=2).output
    )
    said = stopped.json("safety-stop")["stops"]
    assert (said[0]["stop"]["pools"], len(said[0]["products"])) == (12, 12)
    assert "Receipt 1: it is done when `tipo serve` starts." in (
        stopped("safety-stop", "apply", "--yes").output
    )
    assert "it is being applied" in stopped("safety-stop", "apply", "--yes", expect=2).output
    with serving():
        ask(_until(_is_over))
    assert sums(stopped) == {"eu": 0, "us": 0}


def test_somebody_looks_into_it(stopped):
    """Everybody sees who; the question stays open, and nothing was decided: no receipt."""
    with serving():
        said = stopped("safety-stop", "investigate", "--yes").output
        ask(_until(_is_asked))
    rest()
    assert "You are on it" in said
    assert "is on it." in stopped("status").output
    assert sums(stopped)["us"] > 0
    assert stopped.json("receipts")["receipts"] == []
