"""`tipo check` compares now: here if nobody serves, else by whoever does."""

import asyncio

import pytest

from sync_core.app import assemble
from sync_core.settings import load

JACKET = "SFDJ-M"


def asked(work):
    """Ask the parts something."""

    async def ask():
        parts = assemble(load())
        try:
            return await work(parts)
        finally:
            await parts.close()

    return asyncio.run(ask())


def rest():
    asked(lambda parts: parts.service.rest())


@pytest.fixture
def alone(met):
    """The stores have met, and nobody serves any more."""
    rest()
    return met


def test_equal_stores_are_good_news(alone):
    said = alone.json("check")
    assert (said["drift"], said["counts"], said["findings"]) == (0, {}, [])
    assert said["summary"]["variants"] == {"eu": 12, "us": 12}
    assert said["summary"]["equal"] + said["summary"]["differing"] > 0
    assert said["disbelieved"] == []
    assert "Nothing differs that a person must decide" in alone("check").output


def test_a_missed_change_is_bad_news_with_its_numbers_and_the_way_on(alone):
    """A job that looks at the exit code must learn of it, and a person what to do."""
    alone.shops["us"].edit(JACKET, by=-5)

    said = alone("check", expect=1).output

    assert "1 missed change" in said
    assert "us moved from 50 to 45 and nobody told us" in said
    assert "Slim Fit Denim Jacket (M)" in said
    assert "approve them in Slack" in said
    assert alone.shops["eu"].available(JACKET) == 50  # it approves nothing
