"""Which order events explain which movements, recorded; and how much that is."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, exists, func, select, update

from sync_core.db.order_events import OF_VARIANT, order_event_of
from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import LEVEL, MOVEMENT, ORDER_EVENT, SOLD_AS, STORE, VARIANT
from sync_core.domain.audit import OrderShare
from sync_core.domain.causes import ORDER_WINDOW, UnexplainedMovement, find_causes
from sync_core.domain.values import Alias, LevelId, PoolId
from sync_core.domain.webhook_events import OrderEvent

# A movement waits so long for its orders: for the window, and for webhooks that are slow.
RECORDED_AFTER = ORDER_WINDOW + timedelta(minutes=3)
MAX_RECORDED = 1000  # order events in one step: the next sweep goes on with what is left
LOOKBACK = timedelta(days=3)  # what explains nothing by then never will: webhooks end after two

IS_EXPLAINED = exists(select(ORDER_EVENT.c.id).where(ORDER_EVENT.c.movement_id == MOVEMENT.c.id))
FREE = (
    select(LEVEL.c.pool_id)
    .select_from(LEVEL)
    .join(VARIANT, SOLD_AS)
    .join(ORDER_EVENT, OF_VARIANT)
    .where(
        LEVEL.c.pool_id.in_(bindparam("some", expanding=True)),
        ORDER_EVENT.c.movement_id.is_(None),
        ORDER_EVENT.c.at >= bindparam("since"),
    )
)
WITH_FREE_ORDER_EVENTS = FREE.distinct()
FREE_ORDER_EVENTS = (
    FREE.with_only_columns(ORDER_EVENT, LEVEL.c.id.label("level"))
    .order_by(ORDER_EVENT.c.at, ORDER_EVENT.c.id)
    .with_for_update(of=ORDER_EVENT)
)
UNEXPLAINED = (
    select(MOVEMENT)
    .where(
        MOVEMENT.c.pool_id.in_(bindparam("some", expanding=True)),
        MOVEMENT.c.at.between(bindparam("since"), bindparam("until")),
        ~IS_EXPLAINED,
    )
    .order_by(MOVEMENT.c.id)
)
RECORD = update(ORDER_EVENT).where(
    ORDER_EVENT.c.store == bindparam("of"),
    ORDER_EVENT.c.kind == bindparam("what"),
    ORDER_EVENT.c.ref == bindparam("number"),
    ORDER_EVENT.c.line == bindparam("part"),
)


class SqlCauses(SqlRepository):
    def record(self, pools: Iterable[PoolId], *, now: datetime) -> int:
        count = 0
        for some in chunks(sorted(set(pools)), 500):
            found = self.run(WITH_FREE_ORDER_EVENTS, {"some": some, "since": now - LOOKBACK})
            candidates = sorted(found.scalars())
            if candidates:
                count += self._record(candidates, now)
        return count

    def _record(self, pools: Sequence[int], now: datetime) -> int:
        # Locked: pools, so that nobody else explains these movements; orders, since an item may be
        # in several pools, at one location each.
        self.tx.stock.lock_pools(LEVEL.c.pool_id.in_(pools))
        order_events: dict[LevelId, list[OrderEvent]] = defaultdict(list)
        for row in self.run(FREE_ORDER_EVENTS, {"some": pools, "since": now - LOOKBACK}):
            order_events[LevelId(row.level)].append(order_event_of(row, {}))
        times = {"since": now - LOOKBACK - ORDER_WINDOW, "until": now - RECORDED_AFTER}
        movements = [
            UnexplainedMovement(
                id=row.id, level=LevelId(row.level_id), delta=row.delta, at=row.seen_at or row.at
            )
            for row in self.run(UNEXPLAINED, {"some": pools, **times})
        ]
        found = find_causes(movements, order_events, enough=MAX_RECORDED)
        if found:
            rows = [
                {
                    "of": each.store,
                    "what": each.kind.value,
                    "number": each.ref,
                    "part": each.line,
                    "movement_id": each.explains,
                }
                for each in found
            ]
            self.run(RECORD, rows)
        return len(found)

    def shares(self, *, now: datetime) -> list[OrderShare]:
        found = (
            self._share(Alias(store), now) for store in self.run(select(STORE.c.alias)).scalars()
        )
        return [each for each in found if each is not None]

    def _share(self, store: Alias, now: datetime) -> OrderShare | None:
        explained = (
            select(ORDER_EVENT.c.movement_id)
            .where(ORDER_EVENT.c.movement_id.is_not(None), ORDER_EVENT.c.store == store)
            .order_by(ORDER_EVENT.c.movement_id)
            .limit(1)
        )
        first = self.run(explained).scalar()
        if first is None:
            return None
        units = func.abs(MOVEMENT.c.delta)
        explained_units = case((IS_EXPLAINED, units), else_=0)
        sums = (func.coalesce(func.sum(each), 0) for each in (units, explained_units))
        of_store = (
            select(func.min(MOVEMENT.c.at), *sums)
            .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
            .where(
                LEVEL.c.store == store,
                MOVEMENT.c.id >= first,
                MOVEMENT.c.at <= now - RECORDED_AFTER,
            )
        )
        since, moved, by_orders = self.run(of_store).one()
        return OrderShare(store=store, since=since, moved=int(moved), by_orders=int(by_orders))
