"""All that can happen in small worlds: the design loses nothing, and each broken one does."""

import pytest

from tests.model.__main__ import PAGE, broken_designs, page
from tests.model.broken import BROKEN
from tests.model.design import Design
from tests.model.search import search
from tests.model.worlds_to_search import WORLDS


@pytest.mark.parametrize("name", WORLDS)
def test_the_design_loses_and_invents_nothing_in_any_order(name):
    found = search(Design(), WORLDS[name])
    assert found.wrong is None, "\n".join((*found.trace, found.wrong))
    assert found.rests > 1, "nothing ever came to rest: nothing was judged"


def test_each_broken_design_is_found_and_its_shortest_way_is_on_the_page():
    """A rule whose break is not noticed is no rule, or the model is blind to it."""
    results = broken_designs()
    survivors = [
        each.name for each, found in zip(BROKEN, results, strict=True) if found.wrong is None
    ]
    assert survivors == []
    assert PAGE.read_text("utf-8") == page(results), "run: python -m tests.model"


def test_what_was_broken_is_whole_again():
    """Else every test that follows would be about another design."""
    for each in BROKEN:
        before = {place: getattr(*place) for place in each.domain}
        with each.applied():
            pass
        assert {place: getattr(*place) for place in each.domain} == before
