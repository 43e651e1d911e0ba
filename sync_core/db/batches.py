"""Batches and their adjustments: written down before they are sent, closed once."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from sync_core import tracing
from sync_core.db.one_of import one_of
from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import ADJUSTMENT, BATCH, LEVEL
from sync_core.domain.values import Adjustment, Alias, LevelId, PoolId
from sync_core.ports import Batch

# What every round asks is built once: putting a statement together costs more than running it.
OPEN_IN_STORE = (BATCH.c.store == bindparam("store")) & (BATCH.c.state == "open")
ONE_UNSENT = select(BATCH.c.id).where(OPEN_IN_STORE, BATCH.c.first_sent_at.is_(None)).limit(1)
CLAIMABLE = (
    select(BATCH)
    .where(
        OPEN_IN_STORE, BATCH.c.claimed_until.is_(None) | (BATCH.c.claimed_until <= bindparam("now"))
    )
    .order_by(BATCH.c.attempts, BATCH.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
IN_BOOKS = ("open", "settled")  # any other adjustment did not happen, or nobody knows
CLOSE_ADJUSTMENTS = (
    update(ADJUSTMENT)
    .where(one_of(ADJUSTMENT.c.id, "some"), ADJUSTMENT.c.state == "open")
    .values(state=bindparam("to"), closed_at=bindparam("now"), why=bindparam("reason"))
    .returning(ADJUSTMENT.c.id)
)
NEXT_CLAIM = select(func.min(BATCH.c.claimed_until)).where(OPEN_IN_STORE)


class SqlBatches(SqlRepository):
    def has_unsent(self, store: Alias) -> bool:
        return self.run(ONE_UNSENT, {"store": store}).first() is not None

    def insert_batch(
        self,
        store: Alias,
        key: str,
        body: bytes,
        rows: Sequence[tuple[LevelId, int, int]],
        *,
        now: datetime,
    ) -> int:
        batch = insert(BATCH).values(
            store=store,
            key=key,
            body=body,
            planned_at=now,
            state="open",
            attempts=0,
            trace=tracing.current(),
        )
        number = int(self.run(batch.returning(BATCH.c.id)).scalar_one())
        self.run(
            insert(ADJUSTMENT),
            [
                {
                    "batch_id": number,
                    "level_id": level,
                    "delta": delta,
                    "level_baseline": level_baseline,
                    "state": "open",
                    "planned_at": now,
                }
                for level, delta, level_baseline in rows
            ],
        )
        return number

    def lease(self, store: Alias, *, now: datetime, until: datetime) -> Batch | None:
        row = self.run(CLAIMABLE, {"store": store, "now": now}).first()
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
            planned_at=row.planned_at,
            first_sent_at=row.first_sent_at,
            trace=row.trace,
        )

    def release(self, batch: Batch, *, until: datetime, executed: bool) -> None:
        values: dict[str, Any] = {"claimed_until": until}
        if not executed:
            values["first_sent_at"] = batch.first_sent_at
        # Somebody who has claimed it since then may be sending it right now: that is his stamp.
        mine = (BATCH.c.id == batch.id) & (BATCH.c.attempts == batch.attempts + 1)
        self.run(update(BATCH).where(mine, BATCH.c.state == "open").values(values))

    def release_all(self, store: Alias) -> None:
        ours = (BATCH.c.store == store) & (BATCH.c.state == "open")
        self.run(update(BATCH).where(ours).values(claimed_until=None))

    def next_at(self, store: Alias) -> datetime | None:
        found: datetime | None = self.run(NEXT_CLAIM, {"store": store}).scalar()
        return found

    def close(
        self, batch: int, state: str, *, now: datetime, written_at: datetime | None = None
    ) -> list[Adjustment]:
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
                level_baseline=row.level_baseline,
            )
            for row in self.run(query.where(ADJUSTMENT.c.state == "open"))
        ]

    def close_adjustments(
        self, which: Iterable[int], state: str, *, now: datetime, why: str | None = None
    ) -> set[int]:
        given = {"some": list(which), "to": state, "now": now, "reason": why}
        return set(self.run(CLOSE_ADJUSTMENTS, given).scalars()) if given["some"] else set()

    def open_deltas(self, pools: Iterable[PoolId]) -> dict[LevelId, int]:
        query = (
            select(ADJUSTMENT.c.level_id, ADJUSTMENT.c.delta)
            .join(LEVEL, LEVEL.c.id == ADJUSTMENT.c.level_id)
            .where(
                ADJUSTMENT.c.state == "open", ADJUSTMENT.c.level_baseline == LEVEL.c.level_baseline
            )
        )
        return {
            LevelId(row.level_id): row.delta
            for some in chunks(sorted(set(pools)), 500)
            for row in self.run(query.where(LEVEL.c.pool_id.in_(some)))
        }

    def last_planned(self, pools: Iterable[PoolId]) -> dict[LevelId, datetime]:
        last = (
            select(ADJUSTMENT.c.planned_at)
            .where(ADJUSTMENT.c.level_id == LEVEL.c.id, ADJUSTMENT.c.state.in_(IN_BOOKS))
            .order_by(ADJUSTMENT.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = select(LEVEL.c.id, last.label("planned_at"))
        return {
            LevelId(row.id): row.planned_at
            for some in chunks(sorted(set(pools)), 500)
            for row in self.run(query.where(LEVEL.c.pool_id.in_(some)))
            if row.planned_at is not None
        }
