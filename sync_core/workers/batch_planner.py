"""Write down what is owed: a store's own sender, in the transaction that takes a batch."""

from datetime import datetime

from sync_core.clock import Ids
from sync_core.domain.adjustments import MAX_BATCH_ROWS, may_send, plan_adjustments
from sync_core.domain.values import LevelId
from sync_core.ports import QuantityChange, Store, Transaction

MAX_FULL_BATCHES = 8  # full batches written down at once

PAUSED_SETTING = "paused"  # the setting that stops all writing


def plan_batches(
    tx: Transaction, store: Store, ids: Ids, *, now: datetime, probing: bool = False
) -> int:
    """Write down the batches that may leave for a store now; return how many.

    While all writing is paused, one waits unsent, or the store is held, what is owed stays owed:
    differences net out. A probe of a store that is held is one batch.
    """
    if tx.setting(PAUSED_SETTING) is not None:
        return 0
    state = tx.store(store.alias)
    is_blocked = state.blocked_since is not None and not probing
    if is_blocked or tx.has_unsent(store.alias):
        return 0
    pools = tx.writable_pools(
        store.alias, MAX_BATCH_ROWS if probing else MAX_BATCH_ROWS * MAX_FULL_BATCHES
    )
    written = 0
    last_sent_at = state.last_sent_at
    while pools and may_send(rows=len(pools), last_sent_at=last_sent_at, now=now):
        rows, pools = pools[:MAX_BATCH_ROWS], pools[MAX_BATCH_ROWS:]
        outcomes = {}
        deltas: dict[LevelId, int] = {}
        for pool in tx.pools(rows).values():
            outcomes[pool.id], outstanding = plan_adjustments(pool, store.alias, now=now)
            deltas.update(outstanding)
        tx.save_outcomes(outcomes.values(), now=now)
        levels = {each.id: each for out in outcomes.values() for each in out.pool.levels}
        if deltas:
            changes = [
                QuantityChange(
                    item=levels[level].key.item, location=levels[level].key.location, delta=by
                )
                for level, by in deltas.items()
            ]
            key = ids.new()
            body = store.encode_batch(key=key, reference=f"gid://tipo/Batch/{key}", changes=changes)
            planned = [(level, by, levels[level].level_baseline) for level, by in deltas.items()]
            tx.insert_batch(store.alias, key, body, planned, now=now)
            written += 1
        last_sent_at = now
    if last_sent_at != state.last_sent_at:
        tx.record_sent(store.alias, now=now)
    return written
