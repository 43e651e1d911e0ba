"""What a level shows and owes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.accounting import observe
from sync_core.domain.quantities import outstanding, target_of
from tests.unit.builders import at, level, new_level, pool, seen

quantities = st.integers(-1000, 1000)
buffers = st.integers(0, 30)
packs = st.integers(1, 12)


@pytest.mark.parametrize(
    ("shared", "buffer", "pack", "number"),
    [
        pytest.param(50, 0, 1, 50, id="neither"),
        pytest.param(50, 5, 1, 45, id="more than the buffer"),
        pytest.param(6, 5, 1, 1, id="one more than the buffer"),
        pytest.param(5, 5, 1, 0, id="the buffer"),
        pytest.param(3, 5, 1, 0, id="less than the buffer"),
        pytest.param(0, 5, 1, 0, id="none"),
        pytest.param(-3, 5, 1, -3, id="below zero with a buffer"),
        pytest.param(29, 0, 10, 2, id="packs are rounded down"),
        pytest.param(-1, 0, 10, -1, id="packs below zero are rounded down"),
        pytest.param(29, 10, 10, 1, id="buffer before packs"),
        pytest.param(-3, 5, 2, -2, id="below zero with both"),
    ],
)
def test_a_level_shows_by_the_table(shared, buffer, pack, number):
    """One row each."""
    assert target_of(level("us", buffer=buffer, pack=pack), shared) == number


@given(one=quantities, more=st.integers(0, 100), buffer=buffers, pack=packs)
def test_more_stock_never_shows_less(one, more, buffer, pack):
    """Else a restock would take something off sale."""
    mine = level("us", buffer=buffer, pack=pack)
    assert target_of(mine, one) <= target_of(mine, one + more) <= target_of(mine, one) + more


@given(shared=quantities, book=quantities, buffer=buffers, pack=packs)
def test_what_is_owed_follows_from_shared_and_book(shared, book, buffer, pack):
    """Writing it makes the level show what it should; then nothing is outstanding."""
    mine = level("us", book, buffer=buffer, pack=pack)
    assert book + outstanding(mine, shared) == target_of(mine, shared)
    assert outstanding(level("us", target_of(mine, shared), buffer=buffer, pack=pack), shared) == 0


@pytest.mark.parametrize(
    ("mine", "shared"),
    [
        pytest.param(level("us"), None, id="nothing agreed"),
        pytest.param(level("us", None), 9, id="no book"),
        pytest.param(new_level("us", 50), 9, id="not met"),
    ],
)
def test_nothing_is_owed_before_there_is_an_agreement(mine, shared):
    """Unknown is never zero."""
    assert outstanding(mine, shared) == 0


@given(shared=st.integers(0, 1000), sold=st.integers(1, 20), pack=packs)
def test_a_pack_sold_takes_as_many_as_are_in_it(shared, sold, pack):
    """A carton of ten sold is ten units gone, and its own store owes nothing for it."""
    start = pool(shared, level("eu", shared), level("us", shared // pack, pack=pack))
    told = observe(start, seen("us", shared // pack - sold, 1), now=at(2)).pool
    assert told.shared == shared - sold * pack
    assert [outstanding(each, told.shared) for each in told.levels] == [-sold * pack, 0]
