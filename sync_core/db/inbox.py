"""Deliveries: kept once, handled once, forgotten after a week."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Table, bindparam, delete, select, update

from sync_core.db.room import Room, chunks
from sync_core.db.rows import STORE
from sync_core.db.tables import ActRow, DeliveryRow
from sync_core.domain.acts import Act
from sync_core.domain.values import Alias
from sync_core.ports import Delivery

DELIVERY: Table = DeliveryRow.__table__  # type: ignore[attr-defined]
ACT: Table = ActRow.__table__  # type: ignore[attr-defined]

# What every round asks is built once: putting a statement together costs more than running it.
UNHANDLED = (
    select(DELIVERY)
    .where(DELIVERY.c.handled_at.is_(None))
    .order_by(DELIVERY.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


class Inbox(Room):
    """The part of the ledger that holds what stores told us."""

    def receive(self, deliveries: Sequence[Delivery]) -> None:
        """Keep deliveries that are not known yet."""
        rows = [
            {
                "store": each.store,
                "webhook_id": each.webhook_id,
                "topic": each.topic,
                "body": each.body,
                "received_at": each.received_at,
            }
            for each in deliveries
        ]
        self.insert_new(DELIVERY, rows)
        for alias in sorted({each.store for each in deliveries}):  # one order: no deadlock
            newest = max(each.received_at for each in deliveries if each.store == alias)
            self.run(update(STORE).where(STORE.c.alias == alias).values(last_delivery_at=newest))

    def unhandled(self, limit: int) -> list[Delivery]:
        """Return the oldest deliveries nobody has handled; no other process gets them."""
        return [
            Delivery(
                id=row.id,
                store=Alias(row.store),
                webhook_id=row.webhook_id,
                topic=row.topic,
                body=row.body,
                received_at=row.received_at,
            )
            for row in self.run(UNHANDLED, {"most": limit})
        ]

    def handled(self, deliveries: Iterable[int], *, now: datetime) -> None:
        """Tick deliveries off."""
        for some in chunks(list(deliveries), 500):
            self.run(update(DELIVERY).where(DELIVERY.c.id.in_(some)).values(handled_at=now))

    def forget(self, *, before: datetime) -> int:
        """Delete handled deliveries that came before then; return how many."""
        old = (
            select(DELIVERY.c.id)
            .where(DELIVERY.c.received_at < before, DELIVERY.c.handled_at.is_not(None))
            .limit(5000)
        )
        return self.run(delete(DELIVERY).where(DELIVERY.c.id.in_(old))).rowcount

    def oldest_unhandled(self) -> datetime | None:
        """Return when the oldest delivery came that nobody has handled."""
        query = (
            select(DELIVERY.c.received_at)
            .where(DELIVERY.c.handled_at.is_(None))
            .order_by(DELIVERY.c.id)
            .limit(1)
        )
        found: datetime | None = self.run(query).scalar()
        return found

    def save_acts(self, acts: Iterable[Act]) -> None:
        """Keep what orders and refunds say, each line once."""
        rows = [
            {
                "store": each.store,
                "kind": each.kind.value,
                "ref": each.ref,
                "line": each.line,
                "order_id": each.order_id,
                "name": each.name,
                "variant_id": each.variant_id,
                "quantity": each.quantity,
                "location": each.location,
                "at": each.at,
            }
            for each in acts
        ]
        self.insert_new(ACT, rows)
