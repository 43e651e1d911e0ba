"""Proposals, receipts, effects and findings: row ↔ value, as explicit functions."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from sync_core.domain.decisions import Effect, JoinedLevel
from sync_core.domain.proposals import (
    Choice,
    MissedChange,
    Option,
    Person,
    Proposal,
    ProposalKind,
    ProposalState,
    ReceiptLine,
    Write,
)
from sync_core.domain.values import Alias, LevelId, PoolId
from sync_core.domain.views import BooksView, Finding
from sync_core.ports import Draft


def draft_columns(draft: Draft) -> dict[str, Any]:
    """Return the columns of a new proposal."""
    return {
        "kind": draft.kind.value,
        "finding_id": draft.finding,
        "subject": draft.subject,
        "title": draft.title,
        "facts": dict(draft.facts),
        "options": [_option_to_json(each) for each in draft.options],
        "recommended": None if draft.recommended is None else draft.recommended.value,
        "safe": draft.safe,
    }


def _option_to_json(option: Option) -> dict[str, Any]:
    return {
        "choice": option.choice.value,
        "words": option.words,
        "target": option.target,
        "writes": writes_to_json(option.writes),
    }


def writes_to_json(writes: tuple[Write, ...]) -> list[dict[str, Any]]:
    """Return writes as plain JSON."""
    return [{"store": each.store, "before": each.before, "after": each.after} for each in writes]


def writes_of(kept: Any) -> tuple[Write, ...]:
    """Return writes from plain JSON."""
    return tuple(
        Write(store=Alias(each["store"]), before=each["before"], after=each["after"])
        for each in kept or ()
    )


def _option_of(kept: Mapping[str, Any]) -> Option:
    return Option(
        choice=Choice(kept["choice"]),
        words=kept["words"],
        target=kept["target"],
        writes=writes_of(kept["writes"]),
    )


def proposal_of(row: Row[Any]) -> Proposal:
    """Return a proposal from its row, joined with who decided."""
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
        options=tuple(_option_of(each) for each in row.options),
        recommended=None if row.recommended is None else Choice(row.recommended),
        safe=row.safe,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        choice=None if row.choice is None else Choice(row.choice),
        by=None if row.person is None else person_of(row),
        decided_at=row.decided_at,
        receipt=row.receipt_id,
        result=row.result,
    )


def person_of(row: Row[Any]) -> Person:
    """Return who signed."""
    return Person(team=row.team, id=row.person, name=row.name)


def receipt_line(row: Row[Any]) -> ReceiptLine:
    """Return what came of one proposal, from its row."""
    result = row.result or {}
    return ReceiptLine(
        title=row.title,
        choice=Choice(row.choice),
        done=bool(result.get("done")),
        why=result.get("why") or result.get("waits") or "",
        moved=int(result.get("moved") or 0),
        pools=int(result.get("pools") or 0),
        writes=writes_of(result.get("writes")),
        change=_change(row.facts) if row.choice == Choice.ACCEPT else None,
    )


def _change(facts: Mapping[str, Any]) -> MissedChange | None:
    """Return what a store did, if the facts of a proposal say so."""
    book, shows = facts.get("book"), facts.get("shows")
    if book is None or shows is None:
        return None
    order = str(facts.get("order") or "")
    return MissedChange(store=Alias(facts["store"]), delta=shows - book, order=order)


def effect_facts(effect: Effect) -> dict[str, Any]:
    """Return what of an effect has no column of its own."""
    return {
        "joined": [[each.level, each.level_baseline, each.written] for each in effect.joined],
        "buffer_before": effect.buffer_before,
        "pack_before": effect.pack_before,
        "founded": effect.founded,
    }


def effect_of(row: Row[Any]) -> Effect:
    """Return an effect from its row."""
    return Effect(
        pool=PoolId(row.pool_id),
        level=LevelId(row.level_id),
        moved=row.moved,
        joined=tuple(
            JoinedLevel(level=LevelId(level), level_baseline=level_baseline, written=written)
            for level, level_baseline, written in row.facts["joined"]
        ),
        buffer_before=row.facts["buffer_before"],
        pack_before=row.facts.get("pack_before"),  # not in what older versions have kept
        founded=row.facts["founded"],
        baseline=row.baseline,
    )


def finding_of(row: Row[Any]) -> Finding:
    """Return a finding from its row."""
    return Finding(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        severity=row.severity,
        facts=row.facts,
        opened_at=row.opened_at,
        muted_until=row.muted_until,
    )


def last_audit_of(words: str | None) -> BooksView | None:
    """Return what the last whole audit came to, as it was left in a setting."""
    if words is None:
        return None
    kept = json.loads(words)
    at = datetime.fromisoformat(kept["at"])
    return BooksView(at=at, pools=kept["pools"], wrong=kept["wrong"])
