"""What this database knows of who may write to each store. The store itself holds the mark."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, delete, insert, select, update

from sync_core.db.repository import SqlRepository
from sync_core.db.tables import (
    LEASE,
    RENEWAL,
    SETTING,
    STORE,
)
from sync_core.domain.leases import LeaseMark, LeaseState, LeaseView, RecordedLease
from sync_core.domain.values import Alias, Role

INSTANCE = "instance"  # the setting that names this database, made once
ONE_LEASE = select(LEASE).where(LEASE.c.store == bindparam("store"))
INSTANCE_NAME = select(SETTING.c.value).where(SETTING.c.name == INSTANCE)
ROLE = select(STORE.c.role).where(STORE.c.alias == bindparam("store"))
SOURCE = Role.SOURCE.value
RENEWALS_OF_STORE = select(RENEWAL.c.token).where(RENEWAL.c.store == bindparam("store"))
NEW_RENEWAL = insert(RENEWAL)
# Another process of ours may have read the mark before we renewed it, and asks only now.
MAX_RENEWALS_KEPT = 100
THIS_RENEWAL = select(RENEWAL.c.id).where(RENEWAL.c.token == bindparam("token")).scalar_subquery()
OLDEST_RENEWAL_KEPT = (
    select(RENEWAL.c.id)
    .where(RENEWAL.c.store == bindparam("store"), RENEWAL.c.id < THIS_RENEWAL)
    .order_by(RENEWAL.c.id.desc())
    .limit(1)
    .offset(MAX_RENEWALS_KEPT)
)


class SqlLeases(SqlRepository):
    def instance(self, new: str) -> str:
        name = self.run(INSTANCE_NAME).scalar()
        if name is None:
            self.insert_new(SETTING, [{"name": INSTANCE, "value": new}])
            name = self.run(INSTANCE_NAME).scalar_one()
        return str(name)

    def recorded(self, store: Alias) -> RecordedLease:
        return RecordedLease(
            instance=self.run(INSTANCE_NAME).scalar() or "",
            renewals=frozenset(self.run(RENEWALS_OF_STORE, {"store": store}).scalars()),
        )

    def begin_renewal(self, store: Alias, token: str) -> None:
        self.run(NEW_RENEWAL, {"store": store, "token": token})

    def end_renewal(self, store: Alias, token: str) -> None:
        last = self.run(OLDEST_RENEWAL_KEPT, {"store": store, "token": token}).scalar()
        if last is not None:
            self.run(delete(RENEWAL).where(RENEWAL.c.store == store, RENEWAL.c.id <= last))

    def all(self) -> dict[Alias, LeaseView]:
        return {Alias(row.store): _view(row) for row in self.run(select(LEASE))}

    def of(self, store: Alias) -> LeaseView:
        row = self.run(ONE_LEASE, {"store": store}).first()
        return LeaseView(store=store, state=LeaseState.UNKNOWN) if row is None else _view(row)

    def note(
        self, store: Alias, state: LeaseState, found: LeaseMark | None, *, weak: bool, now: datetime
    ) -> bool:
        noted = self.of(store)
        if (noted.state, noted.weak) == (state, weak):
            return False  # as nearly always: a renewal writes nothing more
        fresh = {"store": store, "state": "unknown", "reason": "", "ready": False, "by": ""}
        self.insert_new(LEASE, [{**fresh, "found": None, "weak": False}])
        mine = update(LEASE).where(LEASE.c.store == store, LEASE.c.state != "taking_over")
        is_other = LEASE.c.state != state.value
        since = case((is_other, now), else_=LEASE.c.since)
        changed = self.run(
            mine.where(is_other | (LEASE.c.weak != weak)).values(
                state=state.value, since=since, found=found, weak=weak
            )
        )
        return changed.rowcount == 1

    def restored(self, *, now: datetime) -> None:
        """Know that Tipo has gone on since this copy was made: no store is written to unasked."""
        stores = self.run(select(STORE.c.alias)).scalars().all()
        fresh = {"reason": "", "ready": False, "by": "", "found": None, "weak": False}
        self.insert_new(LEASE, [{**fresh, "store": e, "state": "unknown"} for e in stores])
        changed = {"reason": "", "ready": False, "by": "", "found": None}
        self.run(update(LEASE).values(**changed, state="older", since=now))

    def start_takeover(self, store: Alias, by: str, *, now: datetime) -> bool:
        lease = self.of(store)
        if not lease.state.asks:
            return False
        theirs = LEASE.c.state == lease.state.value  # still, where two say it at the same time
        is_source = self.run(ROLE, {"store": store}).scalar() == SOURCE
        if lease.state is LeaseState.FOREIGN and not is_source:
            theirs &= LEASE.c.store == store
        values = {"state": "taking_over", "since": now, "by": by, "ready": False}
        taken = update(LEASE).where(theirs).values(**values, reason=lease.state.value)
        return self.run(taken).rowcount > 0

    def lose_takeover(self, store: Alias) -> None:
        mine = (LEASE.c.store == store) & (LEASE.c.state == "taking_over")
        lost = {"state": "unknown", "reason": "", "by": "", "ready": False}
        self.run(update(LEASE).where(mine).values(**lost))

    def end_takeover(self, store: Alias, *, now: datetime) -> LeaseView | None:
        mine = (LEASE.c.store == store) & (LEASE.c.state == "taking_over")
        self.run(update(LEASE).where(mine).values(ready=True))
        lease = self.of(store)
        if lease.state is not LeaseState.TAKING_OVER:
            return None
        if lease.reason is LeaseState.OLDER:
            mine = (LEASE.c.reason == "older") & (LEASE.c.state == "taking_over")
            if self.run(select(LEASE.c.store).where(mine, LEASE.c.ready.is_(False))).first():
                return None
        ended = {
            "state": "ours",
            "since": now,
            "found": None,
            "by": "",
            "reason": "",
            "ready": False,
        }
        return lease if self.run(update(LEASE).where(mine).values(**ended)).rowcount else None


def _view(row: Any) -> LeaseView:
    return LeaseView(
        store=Alias(row.store),
        state=LeaseState(row.state),
        since=row.since,
        reason=LeaseState(row.reason) if row.reason else None,
        by=row.by,
        weak=row.weak,
        found=row.found,
    )
