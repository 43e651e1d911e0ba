"""Batches and their adjustments: written down before they are sent, closed once."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Table, func, insert, select, update

from sync_core.db.room import Room, chunks
from sync_core.db.tables import AdjustmentRow, BatchRow
from sync_core.domain.values import Adjustment, Alias, LevelId
from sync_core.ports import Batch

BATCH: Table = BatchRow.__table__  # type: ignore[attr-defined]
ADJUSTMENT: Table = AdjustmentRow.__table__  # type: ignore[attr-defined]


class Batches(Room):
    """The part of the ledger that holds what we write to stores."""

    def has_unsent(self, store: Alias) -> bool:
        """Whether a batch waits that was never sent."""
        query = select(BATCH.c.id).where(
            BATCH.c.store == store, BATCH.c.state == "open", BATCH.c.first_sent_at.is_(None)
        )
        return self.run(query.limit(1)).first() is not None

    def write_down(
        self,
        store: Alias,
        key: str,
        body: bytes,
        rows: Sequence[tuple[LevelId, int, int]],
        *,
        now: datetime,
    ) -> int:
        """Keep a batch and its adjustments (level, delta, meeting); return its id."""
        batch = insert(BATCH).values(
            store=store, key=key, body=body, planned_at=now, state="open", attempts=0
        )
        number = int(self.run(batch.returning(BATCH.c.id)).scalar_one())
        self.run(
            insert(ADJUSTMENT),
            [
                {
                    "batch_id": number,
                    "level_id": level,
                    "delta": delta,
                    "meeting": meeting,
                    "state": "open",
                    "planned_at": now,
                }
                for level, delta, meeting in rows
            ],
        )
        return number

    def claim(self, store: Alias, *, now: datetime, until: datetime) -> Batch | None:
        """Take the next open batch for sending, and note that it may be sent from now on."""
        free = BATCH.c.claimed_until.is_(None) | (BATCH.c.claimed_until <= now)
        query = (
            select(BATCH)
            .where(BATCH.c.store == store, BATCH.c.state == "open", free)
            .order_by(BATCH.c.attempts, BATCH.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = self.run(query).first()
        if row is None:
            return None
        self.run(
            update(BATCH)
            .where(BATCH.c.id == row.id, BATCH.c.state == "open")
            .values(
                first_sent_at=func.coalesce(BATCH.c.first_sent_at, now),
                last_sent_at=now,
                attempts=BATCH.c.attempts + 1,
                claimed_until=until,
            )
        )
        count = select(func.count()).where(ADJUSTMENT.c.batch_id == row.id)
        return Batch(
            id=row.id,
            store=store,
            key=row.key,
            body=row.body,
            rows=self.run(count).scalar_one(),
            attempts=row.attempts,
            first_sent_at=row.first_sent_at,
        )

    def release(self, batch: int, *, until: datetime) -> None:
        """Let an open batch be claimed again from then on."""
        self.run(
            update(BATCH)
            .where(BATCH.c.id == batch, BATCH.c.state == "open")
            .values(claimed_until=until)
        )

    def next_claim(self, store: Alias) -> datetime | None:
        """Return from when on an open batch may be claimed."""
        query = select(func.min(BATCH.c.claimed_until)).where(
            BATCH.c.store == store, BATCH.c.state == "open"
        )
        found: datetime | None = self.run(query).scalar()
        return found

    def close_batch(
        self, batch: int, state: str, *, now: datetime, written_at: datetime | None = None
    ) -> list[Adjustment]:
        """Close an open batch; return its open adjustments by row, none if it was not open."""
        closed = self.run(
            update(BATCH)
            .where(BATCH.c.id == batch, BATCH.c.state == "open")
            .values(state=state, closed_at=now, written_at=written_at, claimed_until=None)
        )
        if closed.rowcount != 1:
            return []
        query = select(ADJUSTMENT).where(ADJUSTMENT.c.batch_id == batch).order_by(ADJUSTMENT.c.id)
        return [
            Adjustment(
                id=row.id,
                batch=batch,
                level=LevelId(row.level_id),
                delta=row.delta,
                meeting=row.meeting,
            )
            for row in self.run(query.where(ADJUSTMENT.c.state == "open"))
        ]

    def close_adjustments(
        self, which: Iterable[int], state: str, *, now: datetime, why: str | None = None
    ) -> set[int]:
        """Close open adjustments; return those that were open."""
        hit: set[int] = set()
        for some in chunks(list(which), 500):
            closed = (
                update(ADJUSTMENT)
                .where(ADJUSTMENT.c.id.in_(some), ADJUSTMENT.c.state == "open")
                .values(state=state, closed_at=now, why=why)
                .returning(ADJUSTMENT.c.id)
            )
            hit.update(self.run(closed).scalars())
        return hit
