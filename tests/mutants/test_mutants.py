"""A mutant that can no longer be made would be missed only by a run of them all."""

import pytest

from tests.mutants.__main__ import misplaced
from tests.mutants.table import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_each_mutant_finds_the_rule_that_it_breaks(mutant):
    assert misplaced(mutant) == []
