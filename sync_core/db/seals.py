"""Seals: where each day ends in each table, and what was in it. One row a day, never altered.

A row's number is given before it is committed: one of a transaction that still runs may turn up
behind a line that has been drawn meanwhile. So a line is drawn first and closed an hour later, when
every transaction that could have begun before it is over; the longest may take 15 minutes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, update

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import ADJUSTMENT, EFFECT, MOVEMENT, RECEIPT, SEAL
from sync_core.domain.seals import FORMAT, Seal, SealedContent, SealedKind, Value

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
        EFFECT.c[name]
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
    """Seals of days."""

    def last_seal(self) -> Seal | None:
        """Return the newest seal, closed or not."""
        row = self.run(select(SEAL).order_by(SEAL.c.id.desc()).limit(1)).first()
        return None if row is None else _seal(row)

    def seals(self, *, after: int, limit: int) -> list[Seal]:
        """Return seals in order, those after that number."""
        query = select(SEAL).where(SEAL.c.id > after).order_by(SEAL.c.id).limit(limit)
        return [_seal(row) for row in self.run(query)]

    def open_seal(self, day: str, before: Seal | None, *, now: datetime) -> bool:
        """Draw the line of a day's seal; False if there is one, or somebody was faster."""
        lines = {
            kind.value: int(self.run(select(func.coalesce(func.max(number), 0))).scalar_one())
            for kind, number in SEALED_NUMBERS.items()
        }
        row = {
            "day": day,
            "previous": 0 if before is None else before.id,
            "format": FORMAT,
            "drawn_at": now,
            "lines": lines,
            "contents": {},
            "open": [],
        }
        return self.insert_new(SEAL, [row]) == 1

    def sealed_rows(
        self, kind: SealedKind, *, after: int, upto: int, limit: int
    ) -> Sequence[tuple[Value, ...]]:
        """Return rows as they are sealed, in order; the first value is the row's number."""
        number = SEALED_NUMBERS[kind]
        query = select(*SEALED_COLUMNS[kind]).where(number > after, number <= upto)
        return [_canonical_row(row) for row in self.run(query.order_by(number).limit(limit))]

    def sealed_adjustments(self, which: Iterable[int]) -> Sequence[tuple[Value, ...]]:
        """Return adjustments as they are sealed, in order."""
        columns, number = (
            SEALED_COLUMNS[SealedKind.ADJUSTMENTS],
            SEALED_NUMBERS[SealedKind.ADJUSTMENTS],
        )
        return [
            _canonical_row(row)
            for some in chunks(sorted(which), 500)
            for row in self.run(select(*columns).where(number.in_(some)).order_by(number))
        ]

    def close_seal(self, seal: Seal, *, now: datetime) -> bool:
        """Keep what a seal has come to; False if it was closed already."""
        contents = {
            kind.value: {"rows": each.rows, "digest": each.digest}
            for kind, each in seal.contents.items()
        }
        closed = update(SEAL).where(SEAL.c.id == seal.id, SEAL.c.digest.is_(None))
        values = {
            "contents": contents,
            "open": list(seal.open),
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


def _seal(row: Row[Any]) -> Seal:
    return Seal(
        id=row.id,
        day=row.day,
        previous=row.previous,
        format=row.format,
        drawn_at=row.drawn_at,
        lines={kind: int(row.lines[kind.value]) for kind in SealedKind},
        contents={
            SealedKind(kind): SealedContent(rows=each["rows"], digest=each["digest"])
            for kind, each in row.contents.items()
        },
        open=tuple(row.open),
        oldest=row.oldest,
        digest=row.digest,
    )
