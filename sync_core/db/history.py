"""A pool's history, as lines: what moved, what people decided, what we wrote, and gaps."""

from collections.abc import Mapping
from datetime import datetime
from itertools import dropwhile
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, or_, select

from sync_core.db.order_events import explained_by, page_of
from sync_core.db.tables import (
    ADJUSTMENT,
    BASELINE,
    EFFECT,
    LEVEL,
    MOVEMENT,
    PROPOSAL,
    RECEIPT,
    STORE,
)
from sync_core.domain.causes import ORDER_NOT_KEPT
from sync_core.domain.proposals import Choice, ProposalKind
from sync_core.domain.texts import store_name
from sync_core.domain.values import Alias, PoolId, Role
from sync_core.domain.views import HistoryEntry
from sync_core.domain.webhook_events import OrderEvent

if TYPE_CHECKING:
    from sync_core.db.transaction import SqlTransaction

CHOICE_WORDS = {
    Choice.ACCEPT: "accept {store}'s change",
    Choice.USE_SOURCE: "use {source}'s number",
    Choice.USE_DESTINATION: "use {store}'s number",
    Choice.USE_LOWER: "use the lower number",
    Choice.USE_NUMBER: "use {number}",
    Choice.KEEP: "keep the difference back from {store}",
    Choice.RETRY: "sync {store} again",
    Choice.RELEASE: "apply the new numbers",
    Choice.DISCARD: "restore {store}'s stock",
}
GAPS = {
    "foreign": "numbers taken as they were, since another Tipo may have written",
    "older": "numbers taken as they were, since this database was older",
    "shadow_begins": "shadow mode began; numbers were taken as they were",
    "shadow_ends": "shadow mode ended; nothing of it was written",
}
ENTRY_ORDER = ("movement", "decision", "adjustment", "gap")  # of what happened in the same moment


def history_of(tx: "SqlTransaction", pool: PoolId, *, limit: int) -> list[HistoryEntry]:
    """Return the latest lines of a pool's history, oldest first."""
    moves = tx.run(
        select(MOVEMENT, LEVEL.c.store, LEVEL.c.item, LEVEL.c.location)
        .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
        .where(MOVEMENT.c.pool_id == pool)
        .order_by(MOVEMENT.c.id.desc())
        .limit(limit)
    ).all()
    order_events = tx.order_events.of_pool(pool, [row.seen_at or row.at for row in moves])
    since = tx.order_events.causes_since()
    domains = tx.stores.domains()
    entries = [_moved(row, order_events, since, domains) for row in reversed(moves)]
    entries += _writes(tx, pool, limit)
    entries += _decisions(tx, pool, limit=limit)
    entries += _gaps(tx, pool, limit)
    entries.sort(key=lambda each: (each.at, ENTRY_ORDER.index(each.kind)))
    begun = dropwhile(lambda each: each.kind == "gap", entries)  # before that it was not there
    return list(begun)[-limit:]


def _writes(tx: "SqlTransaction", pool: PoolId, limit: int) -> list[HistoryEntry]:
    """Return what we wrote to a pool's levels."""
    query = (
        select(ADJUSTMENT, LEVEL.c.store)
        .join(LEVEL, LEVEL.c.id == ADJUSTMENT.c.level_id)
        .where(LEVEL.c.pool_id == pool, ADJUSTMENT.c.state != "replaced")
        .order_by(ADJUSTMENT.c.id.desc())
        .limit(limit)
    )
    return [
        HistoryEntry(
            at=row.closed_at or row.planned_at,
            store=Alias(row.store),
            kind="adjustment",
            delta=row.delta,
            shared=None,
            state=row.state,
            cause=row.why or "",
            seconds=row.closed_at and (row.closed_at - row.planned_at).total_seconds(),
            ref=row.id,
        )
        for row in tx.run(query)
    ]


def _gaps(tx: "SqlTransaction", pool: PoolId, limit: int) -> list[HistoryEntry]:
    """Return when numbers of a pool's stores were taken as they were."""
    theirs = select(LEVEL.c.store).where(LEVEL.c.pool_id == pool)
    query = (
        select(BASELINE)
        .where(or_(BASELINE.c.store.is_(None), BASELINE.c.store.in_(theirs)))
        .order_by(BASELINE.c.id.desc())
        .limit(limit)
    )
    return [
        HistoryEntry(
            at=row.at,
            store=Alias(row.store or ""),
            kind="gap",
            delta=0,
            shared=None,
            state=row.reason,
            cause=f"{row.by}: {GAPS[row.reason]}",
            ref=row.id,
        )
        for row in tx.run(query)
    ]


def _moved(
    row: Any,
    order_events: dict[str, list[OrderEvent]],
    since: datetime,
    domains: Mapping[str, str],
) -> HistoryEntry:
    """Return a movement as a line, and use up the order events that explain it."""
    cause, used = explained_by(row, order_events[row.store])
    if not used and row.at < since:
        cause = ORDER_NOT_KEPT
    return HistoryEntry(
        at=row.at,
        store=Alias(row.store),
        kind="movement",
        delta=row.delta,
        shared=row.shared,
        state="counted" if row.counted else "not counted",
        cause=cause,
        ref=row.id,
        page=page_of(used, domains[row.store]),
    )


def _decisions(tx: "SqlTransaction", pool: PoolId, *, limit: int) -> list[HistoryEntry]:
    """Return the latest decisions about a pool, the newest first."""
    query = (
        select(
            EFFECT,
            RECEIPT.c.name,
            RECEIPT.c.undoes,
            RECEIPT.c.choice.label("signed"),
            PROPOSAL.c.choice,
            PROPOSAL.c.number,
            PROPOSAL.c.kind,
            PROPOSAL.c.subject,
            LEVEL.c.store,
        )
        .join(RECEIPT, RECEIPT.c.id == EFFECT.c.receipt_id)
        .join(LEVEL, LEVEL.c.id == EFFECT.c.level_id)
        .outerjoin(PROPOSAL, PROPOSAL.c.id == EFFECT.c.proposal_id)
        .where(EFFECT.c.pool_id == pool)
        .order_by(EFFECT.c.id.desc())
        .limit(limit)
    )
    source = tx.run(select(STORE.c.alias).where(STORE.c.role == Role.SOURCE.value)).scalar()
    return [_entry(row, source or "") for row in tx.run(query)]


def _entry(row: Row[Any], source: str) -> HistoryEntry:
    return HistoryEntry(
        at=row.at,
        store=Alias(row.store),
        kind="decision",
        delta=row.moved,
        shared=row.shared,
        state="decided",
        cause=f"{row.name}: {_words(row, source)}, receipt {row.receipt_id}",
        ref=row.receipt_id,
    )


def _words(row: Row[Any], source: str) -> str:
    """Return what somebody chose."""
    if row.undoes is not None:
        return f"undo receipt {row.undoes}"
    if row.kind == ProposalKind.PACK:
        was = "" if row.facts is None else f", before {row.facts.pack_before}"
        return f"packs of {row.subject} in {store_name(row.store)}{was}"
    choice = Choice(row.choice or row.signed)
    words = CHOICE_WORDS.get(choice, choice.replace("_", " "))
    return words.format(store=store_name(row.store), source=store_name(source), number=row.number)
