"""Deliveries: kept once, handled once, forgotten after a week.

    handled_at  set_aside_at  it is
    ----------  ------------  -------------------------------------------------
    none        none          new
    set         none          handled; forgotten after a week
    set         set           set aside: it could not be processed; never forgotten
    none        set           to be tried again, since somebody said so

Nothing is forgotten that has not been accounted for.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, func, select, true, update

from sync_core.db.one_of import one_of
from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import DELIVERY, MOVEMENT, STORE
from sync_core.domain.values import Alias, PoolId
from sync_core.ports import Delivery, QuarantinedDelivery

# What every round asks is built once: putting a statement together costs more than running it.
UNHANDLED = (
    select(DELIVERY)
    .where(DELIVERY.c.handled_at.is_(None))
    .order_by(DELIVERY.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
HEARD_OF = (
    update(STORE)
    .where(STORE.c.alias == bindparam("store"))
    .values(last_delivery_at=bindparam("newest"))
)
MARK_HANDLED = (
    update(DELIVERY)
    .where(one_of(DELIVERY.c.id, "some"))
    .values(handled_at=bindparam("now"), quarantined_at=None, why=None)
)
QUARANTINED = select(*(each for each in DELIVERY.c if each.name != "body")).order_by(DELIVERY.c.id)


class SqlDeliveries(SqlRepository):
    def save(self, deliveries: Sequence[Delivery]) -> None:
        rows = [
            {
                "store": each.store,
                "webhook_id": each.webhook_id,
                "topic": each.topic,
                "body": each.body,
                "received_at": each.received_at,
                "trace": each.trace,
            }
            for each in deliveries
        ]
        self.insert_new(DELIVERY, rows)
        for alias in sorted({each.store for each in deliveries}):  # one order: no deadlock
            newest = max(each.received_at for each in deliveries if each.store == alias)
            self.run(HEARD_OF, {"store": alias, "newest": newest})

    def unhandled(self, limit: int, *, only: Sequence[int] | None = None) -> list[Delivery]:
        query = UNHANDLED if only is None else UNHANDLED.where(DELIVERY.c.id.in_(only))
        return [
            Delivery(
                id=row.id,
                store=Alias(row.store),
                webhook_id=row.webhook_id,
                topic=row.topic,
                body=row.body,
                received_at=row.received_at,
                quarantine=row.quarantined_at is not None,
                trace=row.trace,
            )
            for row in self.run(query, {"most": limit})
        ]

    def mark_handled(self, deliveries: Iterable[int], *, now: datetime) -> None:
        if some := list(deliveries):
            self.run(MARK_HANDLED, {"some": some, "now": now})

    def quarantine(self, delivery: int, why: str, *, now: datetime) -> Alias | None:
        quarantined = {"handled_at": now, "quarantined_at": now, "why": why}
        new = (DELIVERY.c.id == delivery) & DELIVERY.c.handled_at.is_(None)
        query = update(DELIVERY).where(new).values(quarantined).returning(DELIVERY.c.store)
        return self.run(query).scalar()

    def quarantined(
        self, store: Alias | None = None, *, limit: int = 1000
    ) -> tuple[int, list[QuarantinedDelivery]]:
        which = and_(
            DELIVERY.c.quarantined_at.is_not(None),
            true() if store is None else DELIVERY.c.store == store,
        )
        count = self.run(select(func.count()).select_from(DELIVERY).where(which)).scalar_one()
        return count, [
            QuarantinedDelivery(
                id=row.id,
                store=Alias(row.store),
                topic=row.topic,
                webhook_id=row.webhook_id,
                received_at=row.received_at,
                quarantined_at=row.quarantined_at,
                why=row.why or "",
                retrying=row.handled_at is None,
            )
            for row in self.run(QUARANTINED.where(which).limit(limit))
        ]

    def retry(self, deliveries: Iterable[int] | None) -> list[int]:
        quarantined = and_(
            DELIVERY.c.quarantined_at.is_not(None),
            true() if deliveries is None else DELIVERY.c.id.in_(list(deliveries)),
        )
        again = update(DELIVERY).where(quarantined).values(handled_at=None)
        return sorted(self.run(again.returning(DELIVERY.c.id)).scalars())

    def traces_of(self, pools: Iterable[PoolId]) -> list[str]:
        last = select(func.max(MOVEMENT.c.id)).group_by(MOVEMENT.c.pool_id)
        query = select(DELIVERY.c.trace).join(MOVEMENT, MOVEMENT.c.delivery_id == DELIVERY.c.id)
        found = (
            self.run(query.where(MOVEMENT.c.id.in_(last.where(MOVEMENT.c.pool_id.in_(some)))))
            for some in chunks(sorted(set(pools)), 500)
        )
        return sorted({row.trace for rows in found for row in rows if row.trace is not None})
