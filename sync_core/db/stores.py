"""Stores: what they say of themselves, and how far we are with each."""

from datetime import datetime

from sqlalchemy import bindparam, case, delete, func, select, update

from sync_core.db.repository import SqlRepository
from sync_core.db.rows import store_state
from sync_core.db.tables import CONNECTION, LOCATION, STORE
from sync_core.domain.values import Alias, Event, LocationId, Role, Severity
from sync_core.ports import ShopFacts, StoreState

# What every round asks is built once: putting a statement together costs more than running it.
STORE_STATES = select(STORE, CONNECTION.c.mode).outerjoin(
    CONNECTION, CONNECTION.c.destination == STORE.c.alias
)
ONE_STORE_STATE = STORE_STATES.where(STORE.c.alias == bindparam("alias"))
SOURCE_FIRST = case((STORE.c.role == Role.SOURCE.value, 0), else_=1)
ALL_STORE_STATES = STORE_STATES.order_by(SOURCE_FIRST, STORE.c.alias)
LAGGING = select(LOCATION.c.location, LOCATION.c.behind_since).where(
    LOCATION.c.store == bindparam("alias"), LOCATION.c.behind_since.is_not(None)
)


class SqlStores(SqlRepository):
    def register(self, alias: Alias, domain: str, role: Role) -> None:
        self.upsert(STORE, [{"alias": alias, "domain": domain, "role": role.value}])
        if role is Role.DESTINATION:
            self.insert_new(CONNECTION, [{"destination": alias, "mode": "off", "by": ""}])
        else:
            self.run(delete(CONNECTION).where(CONNECTION.c.destination == alias))

    def get(self, alias: Alias) -> StoreState:
        return store_state(self.run(ONE_STORE_STATE, {"alias": alias}).one())

    def all(self) -> list[StoreState]:
        return [store_state(row) for row in self.run(ALL_STORE_STATES)]

    def domains(self) -> dict[str, str]:
        """Return where each store is, by alias."""
        return {row.alias: row.domain for row in self.run(select(STORE.c.alias, STORE.c.domain))}

    def lock(self, store: Alias) -> None:
        self.run(select(STORE.c.alias).where(STORE.c.alias == store).with_for_update())

    def record_sent(self, store: Alias, *, now: datetime) -> None:
        self.run(update(STORE).where(STORE.c.alias == store).values(last_sent_at=now))

    def block(self, store: Alias, why: str, *, now: datetime, write_refused: bool = False) -> None:
        since = func.coalesce(STORE.c.blocked_since, now)
        self.run(
            update(STORE)
            .where(STORE.c.alias == store)
            .values(blocked_since=since, blocked_why=why, write_refused=write_refused)
        )
        facts: dict[str, str | int | float | bool | None] = {"store": store, "why": why}
        withheld = Event(
            kind="store_blocked", subject=f"store:{store}", severity=Severity.CRITICAL, facts=facts
        )
        self.tx.notifications.notify([withheld], now=now)

    def unblock(self, store: Alias, *, now: datetime, written: bool = False) -> None:
        unblock_store = update(STORE).where(
            STORE.c.alias == store, STORE.c.blocked_since.is_not(None)
        )
        unblock_store = unblock_store.where(STORE.c.write_refused.is_(written))
        values = {"blocked_since": None, "blocked_why": None, "write_refused": False}
        if self.run(unblock_store.values(values)).rowcount:
            self.tx.notifications.notify(
                [Event(kind="store_blocked", subject=f"store:{store}", resolved=True)], now=now
            )

    def save_shop_facts(self, store: Alias, facts: ShopFacts) -> None:
        self.run(
            update(STORE)
            .where(STORE.c.alias == store)
            .values(shop_id=facts.shop_id, name=facts.name, scopes=" ".join(sorted(facts.scopes)))
        )
        rows = [
            {
                "store": store,
                "location": each.id,
                "name": each.name,
                "active": each.active,
                "owned": each.owned,
            }
            for each in facts.locations
        ]
        if rows:
            self.upsert(LOCATION, rows)

    def set_caught_up(self, store: Alias, *, to: datetime) -> None:
        self.run(update(STORE).where(STORE.c.alias == store).values(caught_up_to=to))

    def lagging_locations(self, store: Alias) -> dict[LocationId, datetime]:
        rows = self.run(LAGGING, {"alias": store})
        return {LocationId(row.location): row.behind_since for row in rows}

    def set_lagging(self, store: Alias, location: LocationId, since: datetime | None) -> None:
        here = (LOCATION.c.store == store) & (LOCATION.c.location == location)
        self.run(update(LOCATION).where(here).values(behind_since=since))

    def mark_catalogue_read(self, store: Alias, *, now: datetime) -> None:
        self.run(update(STORE).where(STORE.c.alias == store).values(catalogue_at=now))

    def forget_catalogues(self) -> None:
        self.run(update(STORE).values(catalogue_at=None))
