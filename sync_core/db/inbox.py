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

from sqlalchemy import Table, and_, bindparam, delete, func, select, true, update

from sync_core.db.room import Room, chunks
from sync_core.db.rows import STORE
from sync_core.db.tables import ActRow, DeliveryRow
from sync_core.domain.acts import Act
from sync_core.domain.values import Alias
from sync_core.ports import Delivery, SetAside

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
ASIDE = select(*(each for each in DELIVERY.c if each.name != "body")).order_by(DELIVERY.c.id)


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

    def unhandled(self, limit: int, *, only: Sequence[int] | None = None) -> list[Delivery]:
        """Return the oldest deliveries nobody has handled; no other process gets them.

        `only`: of these, if they still are unhandled.
        """
        query = UNHANDLED if only is None else UNHANDLED.where(DELIVERY.c.id.in_(only))
        return [
            Delivery(
                id=row.id,
                store=Alias(row.store),
                webhook_id=row.webhook_id,
                topic=row.topic,
                body=row.body,
                received_at=row.received_at,
                set_aside=row.set_aside_at is not None,
            )
            for row in self.run(query, {"most": limit})
        ]

    def handled(self, deliveries: Iterable[int], *, now: datetime) -> None:
        """Tick deliveries off."""
        done = {"handled_at": now, "set_aside_at": None, "why": None}
        for some in chunks(list(deliveries), 500):
            self.run(update(DELIVERY).where(DELIVERY.c.id.in_(some)).values(done))

    def set_aside(self, delivery: int, why: str, *, now: datetime) -> Alias | None:
        """Keep an unhandled delivery out of the way; return its store, None if it was handled."""
        aside = {"handled_at": now, "set_aside_at": now, "why": why}
        new = (DELIVERY.c.id == delivery) & DELIVERY.c.handled_at.is_(None)
        query = update(DELIVERY).where(new).values(aside).returning(DELIVERY.c.store)
        return self.run(query).scalar()

    def deliveries_set_aside(
        self, store: Alias | None = None, *, limit: int = 1000
    ) -> tuple[int, list[SetAside]]:
        """Return how many are set aside and not handled since, and the oldest of them."""
        which = and_(
            DELIVERY.c.set_aside_at.is_not(None),
            true() if store is None else DELIVERY.c.store == store,
        )
        count = self.run(select(func.count()).select_from(DELIVERY).where(which)).scalar_one()
        return count, [
            SetAside(
                id=row.id,
                store=Alias(row.store),
                topic=row.topic,
                webhook_id=row.webhook_id,
                received_at=row.received_at,
                set_aside_at=row.set_aside_at,
                why=row.why or "",
                retrying=row.handled_at is None,
            )
            for row in self.run(ASIDE.where(which).limit(limit))
        ]

    def retry_deliveries(self, deliveries: Iterable[int] | None) -> list[int]:
        """Have what was set aside handled again, all or some of it; return which."""
        aside = and_(
            DELIVERY.c.set_aside_at.is_not(None),
            true() if deliveries is None else DELIVERY.c.id.in_(list(deliveries)),
        )
        again = update(DELIVERY).where(aside).values(handled_at=None)
        return sorted(self.run(again.returning(DELIVERY.c.id)).scalars())

    def forget(self, *, before: datetime) -> int:
        """Delete handled deliveries that came before then; return how many."""
        old = (
            select(DELIVERY.c.id)
            .where(
                DELIVERY.c.received_at < before,
                DELIVERY.c.handled_at.is_not(None),
                DELIVERY.c.set_aside_at.is_(None),
            )
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
