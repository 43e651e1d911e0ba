"""A mutant that can no longer be made would be missed only by a run of them all."""

from dataclasses import replace

import pytest

from tests.mutants.__main__ import misplaced
from tests.mutants.table import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_each_mutant_finds_the_rule_that_it_breaks(mutant):
    assert misplaced(mutant) == []


@pytest.mark.parametrize("gone", ["tests/unit/test_gone.py", "tests/mutants/test_mutants.py::test"])
def test_a_mutant_that_names_tests_that_are_gone_is_misplaced(gone):
    """Else a run of hours ends where it comes to that one."""
    assert misplaced(replace(MUTANTS[0], first=gone)) == [f"{MUTANTS[0].name}: there is no {gone}"]
