"""Movements that are kept from other stores: they wait to be explained, or a breaker holds them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import LEVEL, SOLD_AS, VARIANT, WITHHELD
from sync_core.domain.circuit_breaker import (
    CountedMovement,
    WithheldMovement,
    baseline_after_release,
    release,
    waiting_subject,
)
from sync_core.domain.values import Alias, LevelId, Outcome, Pool, PoolId

NOT_RELEASED = WITHHELD.c.released_at.is_(None)
WITHHELD_BY = (
    select(WITHHELD)
    .where(WITHHELD.c.breaker == bindparam("breaker"), NOT_RELEASED)
    .order_by(WITHHELD.c.id)
)
WAITING_SINCE = (
    select(WITHHELD.c.breaker, func.min(WITHHELD.c.at))
    .where(WITHHELD.c.breaker.in_(bindparam("breakers", expanding=True)), NOT_RELEASED)
    .group_by(WITHHELD.c.breaker)
)


class SqlWithheld(SqlRepository):
    def unexplained_since(self, stores: Iterable[Alias]) -> dict[Alias, datetime]:
        names = {waiting_subject(store): store for store in stores}
        rows = self.run(WAITING_SINCE, {"breakers": list(names)})
        return {names[breaker]: at for breaker, at in rows}

    def by(self, breaker: str) -> list[WithheldMovement]:
        return _withheld_movements(self.run(WITHHELD_BY, {"breaker": breaker}))

    def of_variants(
        self, breakers: Sequence[str], store: Alias, variants: Iterable[int]
    ) -> list[WithheldMovement]:
        query = (
            select(WITHHELD)
            .join(LEVEL, LEVEL.c.id == WITHHELD.c.level_id)
            .join(VARIANT, SOLD_AS)
            .where(WITHHELD.c.breaker.in_(breakers), NOT_RELEASED, VARIANT.c.store == store)
            .order_by(WITHHELD.c.id)
        )
        found: list[WithheldMovement] = []
        for some in chunks(sorted(variants), 500):
            found += _withheld_movements(self.run(query.where(VARIANT.c.variant_id.in_(some))))
        return found

    def parts(self, breaker: str, pools: Iterable[PoolId]) -> dict[PoolId, list[WithheldMovement]]:
        query = (
            select(WITHHELD)
            .where(WITHHELD.c.breaker == breaker, NOT_RELEASED)
            .order_by(WITHHELD.c.id)
        )
        found: dict[PoolId, list[WithheldMovement]] = {}
        for some in chunks(sorted(set(pools)), 500):
            for each in _withheld_movements(self.run(query.where(WITHHELD.c.pool_id.in_(some)))):
                found.setdefault(each.pool, []).append(each)
        return found

    def withhold(
        self,
        breaker: str,
        moves: Iterable[tuple[CountedMovement, Mapping[LevelId, int]]],
        *,
        now: datetime,
    ) -> None:
        rows = [
            {
                "breaker": breaker,
                "pool_id": each.pool,
                "level_id": each.level,
                "movement_id": each.id,
                "delta": each.counted - each.sold,
                "withheld_from": kept,
                "at": now,
            }
            for each, kept in moves
        ]
        if rows:
            self.run(insert(WITHHELD), rows)

    def take_over(self, breaker: str, waits: Iterable[int]) -> None:
        for some in chunks(list(waits), 500):
            self.run(
                update(WITHHELD)
                .where(WITHHELD.c.id.in_(some), NOT_RELEASED)
                .values(breaker=breaker)
            )

    def release(self, holds: Sequence[WithheldMovement], *, now: datetime) -> None:
        passed: set[int] = set()
        self.tx.stock.pools({each.pool for each in holds})
        for some in chunks([each.id for each in holds], 500):
            gone = (
                delete(WITHHELD)
                .where(WITHHELD.c.id.in_(some), NOT_RELEASED)
                .returning(WITHHELD.c.id)
            )
            passed.update(self.run(gone).scalars())
        self.apply_to_pools([each for each in holds if each.id in passed], release, now=now)

    def reduce(self, hold: WithheldMovement, delta: int, *, now: datetime) -> None:
        ours = (WITHHELD.c.id == hold.id) & (WITHHELD.c.delta == hold.delta) & NOT_RELEASED
        if self.run(update(WITHHELD).where(ours).values(delta=delta)).rowcount:
            self.apply_to_pools([replace(hold, delta=hold.delta - delta)], release, now=now)

    def apply_to_pools(
        self, holds: Iterable[WithheldMovement], step: Any, *, now: datetime
    ) -> None:
        """Do a step to the pool of each hold, and keep what has become of them."""
        holds = list(holds)
        before = self.tx.stock.pools({each.pool for each in holds})
        after: dict[PoolId, Pool] = dict(before)
        for each in holds:
            after[each.pool] = step(after[each.pool], each.delta, each.withheld_from)
        outcomes: list[Outcome] = [
            baseline_after_release(before[each], after[each]) for each in after
        ]
        self.tx.stock.save_outcomes(outcomes, now=now)


def _withheld_movements(rows: Iterable[Row[Any]]) -> list[WithheldMovement]:
    """Return what rows withhold; one that does not say from which levels stays withheld."""
    return [
        WithheldMovement(
            id=row.id,
            breaker=row.breaker,
            pool=PoolId(row.pool_id),
            level=LevelId(row.level_id),
            movement=row.movement_id,
            delta=row.delta,
            withheld_from=row.withheld_from,
            at=row.at,
        )
        for row in rows
        if row.withheld_from is not None
    ]
