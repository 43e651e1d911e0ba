"""Settings of a face: of two people who save at once, neither overwrites the other unseen."""

import asyncio
from functools import partial

import pytest

from sync_core.clock import RandomIds
from sync_core.domain.proposals import Person
from sync_core.errors import NotAllowed
from sync_core.service.commands import _keep_preferences
from sync_core.service.service import Service
from tests.conftest import needs_postgres
from tests.db.conftest import NOON
from tests.db.test_catalogue import _Noon, held_up, two

ANN, BOB = Person(team="T1", id="U1", name="ann"), Person(team="T1", id="U2", name="bob")


async def test_all_are_kept_or_none(database):
    """A form of several settings is one answer: half of it would be nobody's choice."""
    service = Service(database, {}, _Noon(), RandomIds())
    await service.set_preferences({"quiet": "1", "alerts": '"all"'}, ANN)
    with pytest.raises(NotAllowed, match="somebody has just changed"):
        await service.set_preferences(
            {"alerts": '"digest"', "quiet": "3"}, BOB, expected={"alerts": '"all"', "quiet": "2"}
        )
    found = await service.read_preferences("quiet", "alerts", "approvers")
    assert {name: (each.value, each.by) for name, each in found.items()} == {
        "quiet": ("1", "ann"),
        "alerts": ('"all"', "ann"),
    }
    await service.set_preferences({"quiet": "3"}, BOB, expected={"quiet": "1"})
    assert (await service.read_preferences("quiet"))["quiet"].by == "bob"


@needs_postgres
@pytest.mark.parametrize("before", [None, "1"])
def test_two_who_save_in_the_same_moment(postgres_url, before):
    """Both have read the same: the second one's save ends without a change."""
    with two(postgres_url) as (one, other):
        service = Service(one, {}, _Noon(), RandomIds())
        if before is not None:
            asyncio.run(service.set_preferences({"quiet": before}, ANN))
        refused = []

        def save(tx, value, by):
            expected = {"quiet": before}
            _keep_preferences(tx, {"quiet": value}, by, expected, NOON)

        def second(tx):
            try:
                save(tx, "3", BOB)
            except NotAllowed as exc:
                refused.append(str(exc))

        held_up(postgres_url, one, partial(save, value="2", by=ANN), other, second)
        kept = asyncio.run(service.read_preferences("quiet"))["quiet"]
        assert (kept.value, kept.by, len(refused)) == ("2", "ann", 1)
