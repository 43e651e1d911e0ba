"""What moved: for the circuit breaker, for whoever follows the stream, and by the hour."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, Select, cast, func, select

from sync_core.db.order_events import explained_by, page_of
from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import LEVEL, MOVEMENT, POOL, WITHHELD
from sync_core.domain.circuit_breaker import BreakerLimits, CountedMovement, is_emptied
from sync_core.domain.values import (
    Alias,
    ItemId,
    Level,
    LevelId,
    LevelKey,
    LocationId,
    Mode,
    PoolId,
    Role,
)
from sync_core.domain.views import HourlyMovement, MovementView
from sync_core.domain.webhook_events import OrderEvent

HOUR = timedelta(hours=1)
LEVEL_TEMPLATE = Level(
    id=LevelId(0),
    key=LevelKey(store=Alias(""), item=ItemId(0), location=LocationId(0)),
    role=Role.SOURCE,
    mode=Mode.OFF,
)
MOVEMENTS = (
    select(
        MOVEMENT, POOL.c.title, WITHHELD.c.breaker, LEVEL.c.buffer, LEVEL.c.pack, LEVEL.c.withheld
    )
    .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
    .join(POOL, POOL.c.id == MOVEMENT.c.pool_id)
    .outerjoin(WITHHELD, WITHHELD.c.movement_id == MOVEMENT.c.id)
    .where(MOVEMENT.c.counted != 0)
    .order_by(MOVEMENT.c.id)
)
TOLD = (
    select(MOVEMENT, LEVEL.c.store, POOL.c.title)
    .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
    .join(POOL, POOL.c.id == MOVEMENT.c.pool_id)
)


class SqlMovements(SqlRepository):
    def since(
        self, store: Alias, *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        rows = self.run(MOVEMENTS.where(LEVEL.c.store == store, MOVEMENT.c.at >= since))
        return [self._move(row, limits) for row in rows]

    def of_levels(
        self, levels: Iterable[LevelId], *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        return self._of(MOVEMENT.c.level_id, levels, since, limits)

    def of_pools(
        self, pools: Iterable[PoolId], *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        return self._of(MOVEMENT.c.pool_id, pools, since, limits)

    def _of(
        self, column: ColumnElement[int], ids: Iterable[int], since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        return [
            self._move(row, limits)
            for some in chunks(sorted(ids), 500)
            for row in self.run(MOVEMENTS.where(column.in_(some), MOVEMENT.c.at >= since))
        ]

    def _move(self, row: Row[Any], limits: BreakerLimits) -> CountedMovement:
        level = replace(LEVEL_TEMPLATE, buffer=row.buffer, pack=row.pack, withheld=row.withheld)
        emptied = is_emptied(level, row.counted, row.shared, limits)
        return move_of(row, title=row.title, emptied=emptied, breaker=row.breaker)

    def page(self, *, after: int, limit: int) -> list[MovementView]:
        return self._views(TOLD.where(MOVEMENT.c.id > after).order_by(MOVEMENT.c.id).limit(limit))

    def latest(self, *, after: int, limit: int) -> list[MovementView]:
        passed_on = TOLD.where(MOVEMENT.c.id > after, MOVEMENT.c.counted != 0)
        return self._views(passed_on.order_by(MOVEMENT.c.id.desc()).limit(limit))

    def pools_moved(self, *, after: int, limit: int) -> list[PoolId]:
        passed_on = select(MOVEMENT.c.pool_id).where(MOVEMENT.c.id > after, MOVEMENT.c.counted != 0)
        last = passed_on.group_by(MOVEMENT.c.pool_id).order_by(func.max(MOVEMENT.c.id).desc())
        return [PoolId(number) for number in self.run(last.limit(limit)).scalars()]

    def count(self, *, after: int) -> int:
        passed_on = select(func.count()).where(MOVEMENT.c.id > after, MOVEMENT.c.counted != 0)
        return int(self.run(passed_on).scalar_one())

    def _views(self, query: Select[Any]) -> list[MovementView]:
        rows = self.run(query).all()
        order_events = self.tx.order_events.around(rows)
        domains = self.tx.stores.domains()
        return [_view(row, order_events[row.level_id], domains[row.store]) for row in rows]

    def last(self) -> int:
        return int(self.run(select(func.coalesce(func.max(MOVEMENT.c.id), 0))).scalar_one())

    def hours(self, *, now: datetime, count: int) -> list[HourlyMovement]:
        first = now.replace(minute=0, second=0, microsecond=0) - HOUR * (count - 1)
        units: dict[int, dict[Alias, int]] = defaultdict(dict)
        part = self._hour_of(first)
        query = (
            select(part, LEVEL.c.store, func.sum(func.abs(MOVEMENT.c.delta)))
            .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
            .where(MOVEMENT.c.at >= first)
            .group_by(part, LEVEL.c.store)
        )
        for number, store, total in self.run(query):
            units[int(number)][Alias(store)] = int(total)
        return [
            HourlyMovement(at=first + HOUR * number, units=units[number]) for number in range(count)
        ]

    def _hour_of(self, first: datetime) -> Any:
        """Return the expression that numbers a movement's hour, from `first` on."""
        if self.is_sqlite:
            days = func.julianday(MOVEMENT.c.at) - func.julianday(
                first.astimezone(UTC).replace(tzinfo=None)
            )
            return cast(days * 24 + 1e-6, Integer)
        seconds = func.extract("epoch", MOVEMENT.c.at) - first.timestamp()
        return cast(func.floor(seconds / 3600), Integer)


def move_of(
    row: Row[Any], *, title: str, emptied: bool = False, breaker: str | None = None
) -> CountedMovement:
    """Return a movement's row as what is judged; a caller knows what is not in it."""
    return CountedMovement(
        id=row.id,
        pool=PoolId(row.pool_id),
        level=LevelId(row.level_id),
        delta=row.delta,
        counted=row.counted,
        at=row.at,
        seen_at=row.seen_at,
        emptied=emptied,
        title=title,
        breaker=breaker,
    )


def _view(row: Row[Any], order_events: list[OrderEvent], domain: str) -> MovementView:
    """Return a movement as a line, and use up the order events that explain it."""
    cause, used = explained_by(row, order_events)
    return MovementView(
        id=row.id,
        at=row.at,
        pool=PoolId(row.pool_id),
        title=row.title,
        store=Alias(row.store),
        delta=row.delta,
        counted=row.counted,
        shared=row.shared,
        cause=cause,
        page=page_of(used, domain),
    )
