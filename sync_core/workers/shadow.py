"""What shadow mode has come to: read where people are told of it, kept nowhere."""

from datetime import datetime

from sync_core.domain.shadow import (
    APART_KINDS,
    WRONG_KINDS,
    Shadow,
    ShadowUpdate,
    ShadowView,
    count_doubled,
    would_write,
)
from sync_core.domain.values import Pool
from sync_core.domain.views import MovementView
from sync_core.ports import Transaction
from sync_core.ports.settings import SHADOW_SETTING
from sync_core.stored import from_json

LATEST_UPDATES = 5  # that people are shown
MAX_POOLS_COMPARED = 500  # of those that moved last: is another app at work?


def shadow_view(tx: Transaction, *, now: datetime) -> ShadowView | None:
    """Return what shadow mode has come to; None where it is off."""
    kept = tx.settings.get(SHADOW_SETTING)
    if kept is None:
        return None
    shadow = from_json(kept, Shadow)
    latest = tx.movements.latest(after=shadow.after, limit=LATEST_UPDATES)
    moved = tx.movements.pools_moved(after=shadow.after, limit=MAX_POOLS_COMPARED)
    pools = tx.stock.pools({*moved, *(each.pool for each in latest)})
    counts = tx.findings.count(now=now)
    counts["doubled"] = count_doubled([pools[each] for each in moved])
    counts["circuit_breaker"] = sum(each.pools for each in tx.breaker.all())
    return ShadowView(
        by=shadow.by,
        since=shadow.since,
        at=now,
        changes=tx.movements.count(after=shadow.after),
        latest=tuple(_update(each, pools[each.pool]) for each in latest),
        wrong={kind: counts[kind] for kind in WRONG_KINDS if counts.get(kind)},
        apart={kind: counts[kind] for kind in APART_KINDS if counts.get(kind)},
    )


def _update(moved: MovementView, pool: Pool) -> ShadowUpdate:
    """Return what a movement would have had written."""
    return ShadowUpdate(
        id=moved.id,
        at=moved.at,
        title=moved.title,
        store=moved.store,
        delta=moved.delta,
        cause=moved.cause,
        writes=would_write(pool, moved.store, moved.counted, moved.shared),
    )
