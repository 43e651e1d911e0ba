"""What `tipo export` writes: every row of a kind, in order, some at a time.

Pages go by number, from the first row of the range to the last one that was there when the export
began: memory is bounded, no transaction is long, and what comes meanwhile is not half in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Row,
    Select,
    Subquery,
    and_,
    func,
    or_,
    select,
    true,
)

from sync_core.db.order_events import explained_by
from sync_core.db.repository import SqlRepository
from sync_core.db.tables import (
    ADJUSTMENT,
    BATCH,
    EFFECT,
    FINDING,
    LEVEL,
    LOCATION_GROUP,
    MOVEMENT,
    POOL,
    PROPOSAL,
    RECEIPT,
    SOLD_AS,
    VARIANT,
)
from sync_core.domain.causes import ORDER_NOT_KEPT, ORDER_WINDOW
from sync_core.domain.drift import cause
from sync_core.domain.proposals import DecisionResult
from sync_core.domain.webhook_events import OrderEvent

ExportLine = dict[str, str | int | bool | datetime | None]
OrderEventKey = tuple[str, str, int, int]

CAUSE_LOOKBACK = (
    2 * ORDER_WINDOW
)  # movements before a range that may have used up the orders at its beginning


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """From then on, up to before then; None is without an end."""

    since: datetime | None = None
    until: datetime | None = None

    def of(self, at: ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the condition that a time is within."""
        parts = [] if self.since is None else [at >= self.since]
        parts += [] if self.until is None else [at < self.until]
        return and_(true(), *parts)

    def contains(self, at: datetime) -> bool:
        """Whether a time is within."""
        after = self.since is None or at >= self.since
        return after and (self.until is None or at < self.until)


@dataclass(slots=True)
class ExplainedOrders:
    """Orders that have explained a movement: none explains two, whatever page they are on."""

    keys: dict[OrderEventKey, datetime] = field(default_factory=dict)

    def unused(self, order_events: Iterable[OrderEvent]) -> list[OrderEvent]:
        """Return the order events that have explained nothing yet."""
        return [each for each in order_events if _key(each) not in self.keys]

    def use(self, order_events: Iterable[OrderEvent]) -> None:
        """Note that order events have explained something."""
        self.keys.update({_key(each): each.at for each in order_events})

    def without_older_than(self, then: datetime) -> "ExplainedOrders":
        """Return a copy without what no later movement can be near to."""
        return ExplainedOrders({key: at for key, at in self.keys.items() if at >= then})


class SqlExports(SqlRepository):
    def bounds(
        self, table: FromClause, at: ColumnElement[Any], wanted: TimeRange
    ) -> tuple[int, int]:
        """Return the first and the last number of a range; (1, 0) if it holds nothing."""
        number = table.c.id
        query = select(func.min(number), func.max(number)).where(wanted.of(at))
        first, last = self.run(query).one()
        return (1, 0) if first is None else (int(first), int(last))

    # -- movements
    def movement_bounds(self, wanted: TimeRange) -> tuple[int, int]:
        """Return which movements to read: also some before the range, for their causes."""
        since = None if wanted.since is None else wanted.since - CAUSE_LOOKBACK
        early = TimeRange(since=since, until=wanted.until)
        return self.bounds(MOVEMENT, MOVEMENT.c.at, early)

    def movements(
        self, after: int, last: int, limit: int, explained: ExplainedOrders
    ) -> tuple[list[ExportLine], ExplainedOrders]:
        """Return movements in order with their causes, and the orders that are used up by then."""
        page = _page(select(MOVEMENT), MOVEMENT.c.id, after, last, limit)
        rows = self.run(_with_names(page).order_by(page.c.id)).all()
        if not rows:
            return [], explained
        order_events = self.tx.order_events.around(rows)
        # A copy: the step may be run again, and must find what it found the first time.
        explained = explained.without_older_than(
            min(row.seen_at or row.at for row in rows) - CAUSE_LOOKBACK
        )
        since = self.tx.order_events.causes_since()
        lines = []
        for row in rows:
            why, used = explained_by(row, explained.unused(order_events[row.level_id]))
            if not used and row.at < since:
                why = ORDER_NOT_KEPT
            explained.use(used)
            lines.append(_movement(row, why))
        return lines, explained

    # -- adjustments
    def adjustment_bounds(self, wanted: TimeRange) -> tuple[int, int]:
        """Return the first and the last adjustment that was planned within a range."""
        return self.bounds(ADJUSTMENT, ADJUSTMENT.c.planned_at, wanted)

    def adjustments(self, after: int, last: int, limit: int) -> list[ExportLine]:
        """Return adjustments in order, those after that number."""
        page = _page(select(ADJUSTMENT), ADJUSTMENT.c.id, after, last, limit)
        query = _with_names(page, BATCH.c.key.label("batch_key"), by_level=True)
        query = query.join(BATCH, BATCH.c.id == page.c.batch_id).order_by(page.c.id)
        return [_adjustment(row) for row in self.run(query)]

    # -- findings
    def finding_bounds(self, wanted: TimeRange) -> tuple[int, int]:
        """Return the first and the last finding that was opened within a range."""
        return self.bounds(FINDING, FINDING.c.opened_at, wanted)

    def export_findings(self, after: int, last: int, limit: int) -> list[ExportLine]:
        """Return findings in order, open or not, those after that number."""
        page = _page(select(FINDING), FINDING.c.id, after, last, limit)
        return [_finding(row) for row in self.run(select(page).order_by(page.c.id))]

    # -- decisions
    def decision_bounds(self, wanted: TimeRange) -> tuple[int, int]:
        """Return the first and the last receipt that was signed within a range."""
        return self.bounds(RECEIPT, RECEIPT.c.at, wanted)

    def decisions(self, after: tuple[int, int], last: int, limit: int) -> list[ExportLine]:
        """Return decided proposals by receipt, those after that receipt and proposal."""
        receipt, proposal = after
        mine = PROPOSAL.c.receipt_id
        later = or_(mine > receipt, and_(mine == receipt, PROPOSAL.c.id > proposal))
        query = (
            select(PROPOSAL, RECEIPT.c.person, RECEIPT.c.name, RECEIPT.c.rule, RECEIPT.c.undoes)
            .join(RECEIPT, RECEIPT.c.id == mine)
            .where(mine.is_not(None), later, mine <= last)
            .order_by(mine, PROPOSAL.c.id)
            .limit(limit)
        )
        rows = self.run(query).all()
        shared = self._shared_after(sorted({row.receipt_id for row in rows}))
        return [_decision(row, shared) for row in rows]

    def _shared_after(self, receipts: Sequence[int]) -> dict[int, int | None]:
        """Return what the pool of each proposal agreed on, where it was about one pool."""
        query = (
            select(EFFECT.c.proposal_id, func.max(EFFECT.c.shared))
            .where(EFFECT.c.receipt_id.in_(receipts), EFFECT.c.proposal_id.is_not(None))
            .group_by(EFFECT.c.proposal_id)
            .having(func.count() == 1)
        )
        return {row[0]: row[1] for row in self.run(query)}


def _page(
    query: Select[Any], number: ColumnElement[int], after: int, last: int, limit: int
) -> Subquery:
    """Return some rows by number. Cut before anything is joined: a database joins what is left."""
    return query.where(number > after, number <= last).order_by(number).limit(limit).subquery()


def _with_names(page: Subquery, *more: ColumnElement[Any], by_level: bool = False) -> Select[Any]:
    """Return the page's rows with what people call their levels."""
    pool = LEVEL.c.pool_id if by_level else page.c.pool_id
    names = (LEVEL.c.store, LOCATION_GROUP.c.name.label("location_group"), POOL.c.title)
    return (
        select(page, *names, VARIANT.c.handle, VARIANT.c.sku, *more)
        .join(LEVEL, LEVEL.c.id == page.c.level_id)
        .join(POOL, POOL.c.id == pool)
        .join(LOCATION_GROUP, LOCATION_GROUP.c.id == POOL.c.location_group_id)
        .outerjoin(VARIANT, SOLD_AS)
    )


def _product_columns(row: Row[Any]) -> ExportLine:
    return {
        "store": row.store,
        "location_group": row.location_group,
        "title": row.title,
        "handle": row.handle or "",
        "sku": row.sku or "",
    }


def _movement(row: Row[Any], why: str) -> ExportLine:
    return {
        "id": row.id,
        "at": row.at,
        **_product_columns(row),
        "delta": row.delta,
        "counted": row.counted,
        "shared_after": row.shared,
        "cause": why,
        "source": row.source,
    }


def _adjustment(row: Row[Any]) -> ExportLine:
    return {
        "id": row.id,
        "planned_at": row.planned_at,
        "closed_at": row.closed_at,
        **_product_columns(row),
        "delta": row.delta,
        "state": row.state,
        "why": row.why or "",
        "batch_key": row.batch_key,
    }


def _finding(row: Row[Any]) -> ExportLine:
    facts: Mapping[str, Any] = row.facts
    return {
        "id": row.id,
        "kind": row.kind,
        "severity": row.severity,
        "store": str(facts.get("store") or ""),
        "title": str(facts.get("title") or ""),
        "cause": cause(row.kind, facts),
        "opened_at": row.opened_at,
        "closed_at": row.closed_at,
        "muted_until": row.muted_until,
    }


def _decision(row: Row[Any], shared: Mapping[int, int | None]) -> ExportLine:
    result: DecisionResult = row.result or DecisionResult()
    return {
        "receipt": row.receipt_id,
        "proposal": row.id,
        "at": row.decided_at,
        "who": row.name,
        "person": row.person,
        "rule": row.rule,
        "kind": row.kind,
        "subject": row.subject,
        "title": row.title,
        "choice": row.choice,
        "state": row.state,
        "done": result.done,
        "why": result.why or result.waits,
        "moved": result.moved,
        "shared_after": shared.get(row.id),
        "undoes": row.undoes,
    }


def _key(order_event: OrderEvent) -> OrderEventKey:
    return (order_event.store, order_event.kind.value, order_event.ref, order_event.line)
