"""Pools, one per location group, and the map of places."""

import pytest

from sync_core.domain.location_groups import (
    LocationGroup,
    NewPool,
    PoolAssignment,
    assign_pools,
    pair_places,
    title_of,
)
from sync_core.domain.matching import Matches
from tests.unit.builders import LOCATION, key, variant

EU, US, UK = key("eu"), key("us"), key("uk")
EVERYWHERE = LocationGroup(
    id=3, name="Warehouse", locations={"eu": LOCATION, "us": LOCATION, "uk": LOCATION}
)
THREE = Matches(groups=((variant("eu"), variant("us"), variant("uk")),))
TWO = Matches(groups=((variant("eu"), variant("us")),))
TITLE = "Slim Fit Denim Jacket (M)"


@pytest.mark.parametrize(
    ("taken", "arrangement"),
    [
        pytest.param(
            {},
            {"new": (NewPool(location_group=3, title=TITLE, level_keys=(EU, US, UK)),)},
            id="none is in a pool",
        ),
        pytest.param({EU: 1, US: 1}, {"joining": ((1, UK),)}, id="some are in one pool"),
        pytest.param({US: 1}, {"joining": ((1, EU), (1, UK))}, id="one is in a pool"),
        pytest.param({EU: 1, US: 1, UK: 1}, {}, id="all are in one pool"),
        pytest.param(
            {EU: 1, US: 2}, {"conflicts": ((TITLE, (EU, US, UK)),)}, id="in several pools"
        ),
        pytest.param(
            {EU: 1, US: 1, key("uk", 999): 1},
            {"conflicts": ((TITLE, (EU, US, UK)),)},
            id="the pool has another level of the same store",
        ),
        pytest.param(
            {EU: 1, key("uk", 999): 2},
            {"joining": ((1, US), (1, UK))},
            id="another pool of that store is none of its business",
        ),
    ],
)
def test_matched_variants_are_arranged_by_the_table(taken, arrangement):
    """One row each."""
    assert assign_pools(THREE, (EVERYWHERE,), taken) == PoolAssignment(**arrangement)


def test_levels_that_are_all_in_pools_are_left_where_they_are():
    """Two histories cannot be one, and nobody is asked each time."""
    assert assign_pools(TWO, (EVERYWHERE,), {EU: 1, US: 2}) == PoolAssignment()


def test_there_is_a_pool_for_each_place_that_two_stores_have():
    """A place of one store alone shares nothing."""
    berlin = LocationGroup(id=4, name="Berlin", locations={"eu": 41, "us": 42})
    lonely = LocationGroup(id=5, name="Lyon", locations={"eu": 51})
    made = assign_pools(TWO, (EVERYWHERE, berlin, lonely), {})
    assert [
        (each.location_group, [one.location for one in each.level_keys]) for each in made.new
    ] == [
        (3, [LOCATION, LOCATION]),
        (4, [41, 42]),
    ]


@pytest.mark.parametrize(
    ("options", "title"),
    [
        pytest.param(
            (("Size", "M"), ("Colour", "Blue")), "Slim Fit Denim Jacket (M, Blue)", id="two"
        ),
        pytest.param((("Title", "Default Title"),), "Slim Fit Denim Jacket", id="the only variant"),
        pytest.param((), "Slim Fit Denim Jacket", id="none"),
    ],
)
def test_a_variant_is_called_what_people_call_it(options, title):
    """Nobody has ever bought a Default Title."""
    assert title_of(variant(options=options)) == title


KNOWN = LocationGroup(id=1, name="Berlin", locations={"eu": 1, "us": 2})


@pytest.mark.parametrize(
    ("known", "free", "places"),
    [
        pytest.param(
            (),
            {"eu": [(1, "Berlin")], "us": [(2, "Austin")]},
            [("Berlin", {"eu": 1, "us": 2})],
            id="exactly one in each, and no place yet",
        ),
        pytest.param(
            (KNOWN,),
            {"eu": [(3, "Lyon")], "us": [(4, "Austin")]},
            [("Berlin", {"eu": 1, "us": 2})],
            id="one in each, but there is a place",
        ),
        pytest.param(
            (),
            {"eu": [(1, "Lyon"), (3, "Berlin")], "us": [(2, " BERLIN "), (4, "Austin")]},
            [("Berlin", {"eu": 3, "us": 2})],
            id="the same name, once in each",
        ),
        pytest.param(
            (),
            {"eu": [(1, "Berlin"), (3, "berlin")], "us": [(2, "Berlin")]},
            [],
            id="the same name, twice in one",
        ),
        pytest.param(
            (KNOWN,),
            {"eu": [(3, "Berlin")], "us": [(4, "berlin")]},
            [("Berlin", {"eu": 1, "us": 2})],
            id="the name of a place that there is",
        ),
        pytest.param(
            (), {"eu": [(1, "Lyon"), (3, "Nice")], "us": [(2, "Reno")]}, [], id="any other"
        ),
        pytest.param((), {"eu": [(1, "Lyon")]}, [], id="a store without any"),
        pytest.param((), {}, [], id="none at all"),
    ],
)
def test_places_are_paired_by_what_is_obvious(known, free, places):
    """One row each."""
    found = pair_places(known, free, ["eu", "us"])
    assert [(each.name, dict(each.locations)) for each in found] == places
