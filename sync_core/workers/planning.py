"""Write down what is owed. Runs inside the commit that made it owed."""

from collections.abc import Iterable
from datetime import datetime

from sync_core.clock import Ids
from sync_core.domain.plan import FULL, may_leave, plan
from sync_core.domain.values import LevelId
from sync_core.ports import Change, Ledger, Store

MOST = 8  # full batches written down at once

PAUSED = "paused"  # the setting that stops all writing


def write_down_all(
    ledger: Ledger, stores: Iterable[Store], ids: Ids, *, now: datetime, probing: bool = False
) -> int:
    """Write down batches for every store that may get some; return how many."""
    if ledger.setting(PAUSED) is not None:
        return 0
    return sum(write_down(ledger, store, ids, now=now, probing=probing) for store in stores)


def write_down(
    ledger: Ledger, store: Store, ids: Ids, *, now: datetime, probing: bool = False
) -> int:
    """Write down the batches that may leave for a store now; return how many.

    While one waits unsent, or the store is held, what is owed stays owed: differences net out.
    A probe of a store that is held is one batch.
    """
    state = ledger.store(store.alias)
    is_held = state.held_since is not None and not probing
    if is_held or ledger.has_unsent(store.alias):
        return 0
    pools = ledger.writable(store.alias, FULL if probing else FULL * MOST)
    written = 0
    last_left = state.last_left
    while pools and may_leave(rows=len(pools), last_left=last_left, now=now):
        rows, pools = pools[:FULL], pools[FULL:]
        outcomes = {}
        deltas: dict[LevelId, int] = {}
        for pool in ledger.pools(rows).values():
            outcomes[pool.id], owed = plan(pool, store.alias, now=now)
            deltas.update(owed)
        ledger.save(outcomes.values(), now=now)
        levels = {each.id: each for out in outcomes.values() for each in out.pool.levels}
        if deltas:
            changes = [
                Change(item=levels[level].spot.item, location=levels[level].spot.location, delta=by)
                for level, by in deltas.items()
            ]
            key = ids.new()
            body = store.write_down(key=key, reference=f"gid://tipo/Batch/{key}", changes=changes)
            planned = [(level, by, levels[level].meeting) for level, by in deltas.items()]
            ledger.write_down(store.alias, key, body, planned, now=now)
            written += 1
        last_left = now
    if last_left != state.last_left:
        ledger.left(store.alias, now=now)
    return written
