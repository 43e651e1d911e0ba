"""Many numbers are one parameter of a statement that is always the same."""

import pytest
from sqlalchemy import select

from sync_core.db.one_of import one_of
from sync_core.db.tables import LEVEL
from tests.db.conftest import EU, US, level_key

BY_ID = select(LEVEL.c.id).where(one_of(LEVEL.c.id, "some")).order_by(LEVEL.c.id)


@pytest.mark.parametrize(
    ("numbers", "found"),
    [([], []), ([2], [2]), ({1, 2, 99}, [1, 2]), (range(2, 50_000), [2])],
    ids=["none", "one", "one that nobody has", "more than a statement may have parameters"],
)
def test_rows_are_found_by_however_many_numbers(furnished, numbers, found):
    """A page of the catalogue, or all that a night has to look at, is one question."""
    assert furnished.run(lambda tx: list(tx.run(BY_ID, {"some": numbers}).scalars())) == found


def test_pools_are_found_by_any_of_their_levels(furnished):
    """A page of webhooks comes from both stores; what no pool has is nobody's."""
    known, unknown = {level_key(EU), level_key(US)}, {level_key(EU, item=99)}

    pools = furnished.run(lambda tx: tx.stock.pools_by_key(known | unknown))

    assert pools.keys() == known
    assert {pool.id for pool in pools.values()} == {1}
