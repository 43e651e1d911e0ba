"""Proposals, receipts, effects and findings: row ↔ value, as explicit functions."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Row

from sync_core.db.tables.decisions import EffectFacts, ProposalRow, ReceiptRow
from sync_core.domain.decisions import Effect, JoinedLevel
from sync_core.domain.proposals import (
    Choice,
    DecisionResult,
    MissedChange,
    Person,
    Proposal,
    ProposalKind,
    ProposalState,
    ReceiptLine,
)
from sync_core.domain.values import Alias, LevelId, PoolId
from sync_core.errors import UnreadableValue
from sync_core.ports import Draft
from sync_core.stored import from_plain


def draft_columns(draft: Draft) -> dict[str, Any]:
    """Return the columns of a new proposal."""
    return {
        "kind": draft.kind.value,
        "finding_id": draft.finding,
        "subject": draft.subject,
        "title": draft.title,
        "facts": dict(draft.facts),
        "options": draft.options,
        "recommended": None if draft.recommended is None else draft.recommended.value,
        "safe": draft.safe,
    }


def proposal_of(row: ProposalRow, receipt: ReceiptRow | None) -> Proposal:
    """Return a proposal from its row, and from that of the decision."""
    return Proposal(
        id=row.id,
        token=row.token,
        kind=ProposalKind(row.kind),
        state=ProposalState(row.state),
        report=row.report_id,
        finding=row.finding_id,
        subject=row.subject,
        title=row.title,
        facts=row.facts,
        options=row.options,
        recommended=None if row.recommended is None else Choice(row.recommended),
        safe=row.safe,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        choice=None if row.choice is None else Choice(row.choice),
        by=None if receipt is None else person_of(receipt),
        decided_at=row.decided_at,
        receipt=row.receipt_id,
        result=row.result,
    )


def person_of(row: ReceiptRow) -> Person:
    """Return who signed."""
    return Person(team=row.team, id=row.person, name=row.name)


def receipt_line(row: ProposalRow) -> ReceiptLine:
    """Return what came of one proposal, from its row."""
    result = row.result or DecisionResult()
    return ReceiptLine(
        title=row.title,
        choice=Choice(row.choice or ""),
        done=result.done,
        why=result.why or result.waits,
        moved=result.moved,
        pools=result.pools,
        writes=result.writes,
        change=_change(row.facts) if row.choice == Choice.ACCEPT else None,
    )


class _MissedFacts(msgspec.Struct, frozen=True):
    """What the facts of a fix say of a missed change."""

    store: Alias = Alias("")
    book: int | None = None
    shows: int | None = None
    order: str | None = None


def _change(facts: Mapping[str, Any]) -> MissedChange | None:
    """Return what a store did, if the facts of a proposal say so."""
    said = from_plain(facts, _MissedFacts)
    if said.book is None or said.shows is None:
        return None
    return MissedChange(store=said.store, delta=said.shows - said.book, order=said.order or "")


def effect_facts(effect: Effect) -> EffectFacts:
    """Return what of an effect has no column of its own."""
    return EffectFacts(
        joined=tuple((each.level, each.level_baseline, each.written) for each in effect.joined),
        buffer_before=effect.buffer_before,
        pack_before=effect.pack_before,
        founded=effect.founded,
    )


def effect_of(row: Row[Any]) -> Effect:
    """Return an effect from its row.

    Raises:
        UnreadableValue: If it can't be read: half of it must not be taken back.
    """
    facts: EffectFacts | None = row.facts
    if facts is None:
        raise UnreadableValue(f"effect {row.id} of receipt {row.receipt_id}")
    return Effect(
        pool=PoolId(row.pool_id),
        level=LevelId(row.level_id),
        moved=row.moved,
        joined=tuple(
            JoinedLevel(level=level, level_baseline=level_baseline, written=written)
            for level, level_baseline, written in facts.joined
        ),
        buffer_before=facts.buffer_before,
        pack_before=facts.pack_before,
        founded=facts.founded,
        baseline=row.baseline,
    )
