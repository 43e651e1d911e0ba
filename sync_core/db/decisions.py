"""What people decided about a pool, as lines of its history."""

from typing import Any

from sqlalchemy import Row, select

from sync_core.db.repository import SqlRepository
from sync_core.db.tables import EFFECT, LEVEL, PROPOSAL, RECEIPT, STORE
from sync_core.domain.proposals import Choice, ProposalKind
from sync_core.domain.texts import store_name
from sync_core.domain.values import Alias, PoolId, Role
from sync_core.domain.views import HistoryEntry

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


def decisions_of(room: SqlRepository, pool: PoolId, *, limit: int) -> list[HistoryEntry]:
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
    source = room.run(select(STORE.c.alias).where(STORE.c.role == Role.SOURCE.value)).scalar()
    return [_entry(row, source or "") for row in room.run(query)]


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
        was = row.facts["pack_before"]
        return f"packs of {row.subject} in {store_name(row.store)}, before {was}"
    choice = Choice(row.choice or row.signed)
    words = CHOICE_WORDS.get(choice, choice.replace("_", " "))
    return words.format(store=store_name(row.store), source=store_name(source), number=row.number)
