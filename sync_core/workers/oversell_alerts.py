"""Tell people where a pool below zero has become another thing without having moved."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sync_core.domain.oversell import oversold_events
from sync_core.domain.values import Alias
from sync_core.ports import Transaction


@contextmanager
def recheck_oversold(tx: Transaction, store: Alias | None, *, now: datetime) -> Iterator[None]:
    """Judge the pools below zero with a level of that store, or all, by what they are afterwards.

    Within it levels may leave their pools, and pools may start over.
    """
    before = tx.pools(tx.below_zero(store))
    yield
    for pool in tx.pools(before).values():
        tx.notify(oversold_events(before[pool.id], pool), now=now)
