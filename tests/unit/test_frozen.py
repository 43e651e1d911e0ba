"""A changed copy of a frozen value is what `dataclasses.replace` makes, only sooner."""

import dataclasses

import pytest

from sync_core.domain.frozen import made_of, replace
from sync_core.domain.values import Observation
from tests.unit.builders import key, level


@pytest.mark.parametrize(
    "changes", [{}, {"due": True}, {"book": None, "version": 7}], ids=["none", "one", "two"]
)
def test_a_changed_copy_equals_what_dataclasses_make(changes):
    """Every rule of the domain makes its new values by it."""
    before = level("us", book=3)
    untouched = dataclasses.replace(before)

    assert replace(before, **changes) == dataclasses.replace(before, **changes)
    assert before == untouched


def test_a_value_with_slots_is_changed_too():
    """Not every value gave up its slots."""
    seen = Observation(key=key("us"), available=3, updated_at=None)

    assert replace(seen, available=4) == dataclasses.replace(seen, available=4)


def test_a_value_made_of_its_fields_is_one_like_any_other():
    """It is equal, has the same hash, and is as frozen."""
    whole = level("us", book=3)
    fields = {each.name: getattr(whole, each.name) for each in dataclasses.fields(whole)}

    made = made_of(type(whole), fields)

    assert made == whole
    assert hash(made) == hash(whole)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.book = 4
