"""Tell people where a pool below zero has become another thing without having moved."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sync_core.domain.oversell import oversold
from sync_core.domain.values import Alias
from sync_core.ports import Ledger


@contextmanager
def judged_again(ledger: Ledger, store: Alias | None, *, now: datetime) -> Iterator[None]:
    """Judge the pools below zero with a level of that store, or all, by what they are afterwards.

    Within it levels may leave their pools, and pools may start over.
    """
    before = ledger.pools(ledger.below_zero(store))
    yield
    for pool in ledger.pools(before).values():
        ledger.tell(oversold(before[pool.id], pool), now=now)
