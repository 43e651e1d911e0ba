"""Seals: where each day ends in each table, and what was in it. One row a day, never altered.

A row's number is given before it is committed: one of a transaction that still runs may turn up
behind a line that has been drawn meanwhile. So a line is drawn first and closed an hour later, when
every transaction that could have begun before it is over; the longest may take 15 minutes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, Row, func, select, type_coerce, update

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import ADJUSTMENT, EFFECT, MOVEMENT, RECEIPT, SEAL
from sync_core.domain.seals import FORMAT, Seal, SealedKind, Value
from sync_core.stored import from_row

# What is sealed, in this order: format 1.
SEALED_COLUMNS: Mapping[SealedKind, tuple[ColumnElement[Any], ...]] = {
    SealedKind.MOVEMENTS: tuple(
        MOVEMENT.c[name]
        for name in (
            *("id", "pool_id", "level_id", "level_baseline", "delta", "counted", "shared"),
            *("at", "seen_at", "source", "delivery_id", "baseline"),
        )
    ),
    SealedKind.RECEIPTS: tuple(
        RECEIPT.c[name]
        for name in (
            *("id", "kind", "choice", "team", "person", "name", "rule", "origin", "at", "undoes"),
        )
    ),
    SealedKind.EFFECTS: tuple(
        EFFECT.c[name] if name != "facts" else type_coerce(EFFECT.c.facts, JSON)  # as it was stored
        for name in (
            *("id", "receipt_id", "proposal_id", "pool_id", "level_id", "moved", "shared"),
            *("facts", "at", "baseline"),
        )
    ),
    SealedKind.ADJUSTMENTS: tuple(
        ADJUSTMENT.c[name]
        for name in (
            *("id", "level_id", "batch_id", "delta", "level_baseline", "state", "why"),
            *("planned_at", "closed_at"),
        )
    ),
}
SEALED_NUMBERS = {kind: columns[0] for kind, columns in SEALED_COLUMNS.items()}


class SqlSeals(SqlRepository):
    def last(self) -> Seal | None:
        row = self.run(select(SEAL).order_by(SEAL.c.id.desc()).limit(1)).first()
        return None if row is None else from_row(row, Seal)

    def page(self, *, after: int, limit: int) -> list[Seal]:
        query = select(SEAL).where(SEAL.c.id > after).order_by(SEAL.c.id).limit(limit)
        return [from_row(row, Seal) for row in self.run(query)]

    def open(self, day: str, before: Seal | None, *, now: datetime) -> bool:
        lines = {
            kind: int(self.run(select(func.coalesce(func.max(number), 0))).scalar_one())
            for kind, number in SEALED_NUMBERS.items()
        }
        row = {
            "day": day,
            "previous": 0 if before is None else before.id,
            "format": FORMAT,
            "drawn_at": now,
            "lines": lines,
            "contents": {},
            "open": (),
        }
        return self.insert_new(SEAL, [row]) == 1

    def sealed_rows(
        self, kind: SealedKind, *, after: int, upto: int, limit: int
    ) -> Sequence[tuple[Value, ...]]:
        number = SEALED_NUMBERS[kind]
        query = select(*SEALED_COLUMNS[kind]).where(number > after, number <= upto)
        return [_canonical_row(row) for row in self.run(query.order_by(number).limit(limit))]

    def sealed_adjustments(self, which: Iterable[int]) -> Sequence[tuple[Value, ...]]:
        columns, number = (
            SEALED_COLUMNS[SealedKind.ADJUSTMENTS],
            SEALED_NUMBERS[SealedKind.ADJUSTMENTS],
        )
        return [
            _canonical_row(row)
            for some in chunks(sorted(which), 500)
            for row in self.run(select(*columns).where(number.in_(some)).order_by(number))
        ]

    def close(self, seal: Seal, *, now: datetime) -> bool:
        closed = update(SEAL).where(SEAL.c.id == seal.id, SEAL.c.digest.is_(None))
        values = {
            "contents": seal.contents,
            "open": seal.open,
            "oldest": seal.oldest,
            "digest": seal.digest,
            "closed_at": now,
        }
        return self.run(closed.values(values)).rowcount == 1


def _canonical_row(row: Row[Any]) -> tuple[Value, ...]:
    """Return a row as both databases and all versions would."""
    return tuple(
        json.dumps(each, sort_keys=True, separators=(",", ":")) if isinstance(each, dict) else each
        for each in row
    )
