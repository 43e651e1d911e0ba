"""Stored times, after somebody has set the clock.

Every time in the database is one of these (a test sees to it):

    DUE      when something is to happen, or to end     moved with the clock; and no later than the
                                                        longest that it is ever put off, or never
    RECENT   when something happened that a read, or    moved with the clock, if it was just now
             a person's answer, has to be later than
    PAST     when something happened, by our clock      never later than now
    THEIRS   by a store's clock                         left alone
    SEALS    when a day was sealed                      left alone, and so is all that is sealed
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Column,
    MetaData,
    Table,
    Update,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlmodel import SQLModel

from sync_core.db.circuit_breaker import ENDED_SETTING
from sync_core.db.order_events import CAUSES_SINCE
from sync_core.db.repository import SqlRepository
from sync_core.db.seals import SEALED_NUMBERS
from sync_core.db.tables import SEAL, TRAFFIC_MINUTE, Utc
from sync_core.domain.adjustments import KEY_LIFETIME
from sync_core.domain.clock_steps import MAX_IGNORED_STEP, NO_STEP
from sync_core.domain.process_roles import HEARTBEATS
from sync_core.domain.seals import SealedKind
from sync_core.domain.views import NEVER_DUE

TABLES: Final[MetaData] = SQLModel.metadata
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RECENT_FOR = timedelta(minutes=5)  # longer than a read may be doubted

# The longest that each is put off, with some room; None: as long as a person likes.
DUE: dict[str, timedelta | None] = {
    "level.refresh_at": 2 * HOUR,
    "batch.claimed_until": HOUR,
    "product_to_read.try_at": 2 * HOUR,
    "report.claimed_until": HOUR,
    "proposal.try_at": 2 * HOUR,
    "post.due_at": 2 * DAY,  # what quiet hours keep back
    "proposal.expires_at": None,
    "finding.muted_until": None,
}
RECENT = ("level.settled_at", "level.accounted_at", "level.refresh_since", "withheld_movement.at")
PAST = (
    *("store.catalogue_at", "store.caught_up_to", "store.last_delivery_at", "store.last_sent_at"),
    *("store.blocked_since", "location.behind_since", "lease.since", "connection.since"),
    *("product_to_read.wanted_at", "delivery.received_at", "delivery.handled_at"),
    *(
        "delivery.quarantined_at",
        "movement.at",
        "effect.at",
        "receipt.at",
        "withheld_movement.released_at",
    ),
    *("batch.planned_at", "batch.first_sent_at", "batch.last_sent_at", "batch.closed_at"),
    *("adjustment.planned_at", "adjustment.closed_at", "baseline.at", "notification.at"),
    *("finding.opened_at", "finding.closed_at", "report.wanted_at", "report.finished_at"),
    *("proposal.opened_at", "proposal.decided_at"),
)
STORE_CLOCK = (
    *("level.seen_at", "level.written_at", "level.reported_at", "level.deferred_at"),
    *("movement.seen_at", "batch.written_at", "order_event.at"),
)
SEALS = ("seal.drawn_at", "seal.closed_at", "seal.oldest")
SEALED = {number.table.name: kind for kind, number in SEALED_NUMBERS.items()}
MOVED_AS_A_WHOLE = "traffic_minute.at"  # moved as a whole: minutes that meet are one
# Short of a million rows, or in an index: looked at whenever a process begins.
CHECKED_AT_START = (
    *RECENT,
    *(each for each in PAST if each.startswith(("store.", "location."))),
    "batch.first_sent_at",
)

LEADER_SETTINGS = "lead:"  # settings that say until when a process leads
NIGHTS = "nights_since"  # the setting that says since when there are nights


@cache  # whenever a process begins: putting these together takes longer than running them
def _cap(column: Column[Any]) -> Update:
    late = update(column.table).where(column > bindparam("most"), column < NEVER_DUE)
    kind = SEALED.get(column.table.name)
    if kind is not None:
        late = late.where(SEALED_NUMBERS[kind] > bindparam("sealed"))
    return late.values({column.name: bindparam("now")})


class SqlStoredTimes(SqlRepository):
    def time(self) -> datetime:
        found: datetime = self.run(select(func.clock_timestamp())).scalar_one()
        return found

    def shift(self, step: timedelta, *, now: datetime, key_age_known: bool) -> None:
        before = now - step
        for column in map(_column, DUE):
            self._move_time(column, step, since=min(now, before))
        for column in map(_column, RECENT):
            self._move_time(column, step, since=min(now, before) - RECENT_FOR)
        self._age_keys(step, now, key_age_known=key_age_known)
        self._move_minutes(step)
        self.clamp(now=now, among=(*RECENT, *PAST))
        night = TABLES.tables["report"].c.night  # of a date that has not come: it may come yet
        tomorrow = (now + DAY).date().isoformat()
        self.run(update(night.table).where(night > tomorrow).values(night=None))

    def clamp(self, *, now: datetime, among: Iterable[str] = CHECKED_AT_START) -> int:
        count = self._pull_settings(now)
        for name, longest in DUE.items():
            if longest is not None:
                count += self._cap_time(_column(name), now + longest, now)
        for name in among:
            count += self._cap_time(_column(name), now + MAX_IGNORED_STEP, now)
        return count

    def _cap_time(self, column: Column[Any], most: datetime, now: datetime) -> int:
        given: dict[str, Any] = {"most": most, "now": now}
        kind = SEALED.get(column.table.name)
        if kind is not None:
            given["sealed"] = self._sealed_upto(kind)
        return self.run(_cap(column), given).rowcount

    def _sealed_upto(self, kind: SealedKind) -> int:
        lines = self.run(select(SEAL.c.lines).order_by(SEAL.c.id.desc()).limit(1)).scalar()
        return 0 if lines is None else int(lines[kind.value])

    def _move_time(self, column: Column[Any], step: timedelta, *, since: datetime) -> None:
        """Add to the times that are later than that. In here: databases add times differently."""
        keys = list(column.table.primary_key)
        rows = self.run(select(*keys, column).where(column > since, column < NEVER_DUE)).all()
        for *primary, at in rows:
            mine = [key == value for key, value in zip(keys, primary, strict=True)]
            moved = {column.name: _shifted(at, step)}
            self.run(update(column.table).where(*mine).values(moved))

    def _age_keys(self, step: timedelta, now: datetime, *, key_age_known: bool) -> None:
        """Keep a key that was sent as old as it is; one of unknown age is too old."""
        sent = _column("batch.first_sent_at")
        state = sent.table.c.state
        if not key_age_known:
            old = {sent.name: now - KEY_LIFETIME}
            self.run(update(sent.table).where(state == "open", sent.is_not(None)).values(old))
        elif step < NO_STEP:
            query = select(sent.table.c.id, sent).where(state == "open", sent.is_not(None))
            for number, at in self.run(query).all():
                mine = update(sent.table).where(sent.table.c.id == number)
                self.run(mine.values({sent.name: at + step}))

    def _move_minutes(self, step: timedelta) -> None:
        minutes = timedelta(minutes=round(step / timedelta(minutes=1)))
        rows = self.run(select(TRAFFIC_MINUTE)).all()
        self.run(delete(TRAFFIC_MINUTE))
        sums: dict[tuple[str, datetime], list[int]] = {}
        for row in rows:
            units, emptied = sums.get((row.store, row.at + minutes), (0, 0))
            sums[row.store, row.at + minutes] = [units + row.units, emptied + row.emptied]
        if sums:
            self.run(
                insert(TRAFFIC_MINUTE),
                [
                    {"store": store, "at": at, "units": units, "emptied": emptied}
                    for (store, at), (units, emptied) in sums.items()
                ],
            )

    def _pull_settings(self, now: datetime) -> int:
        """Forget what a setting says of a time to come; who needs it writes it again."""
        setting = TABLES.tables["setting"]
        name, value = setting.c.name, setting.c.value
        ours = or_(
            name.in_([*HEARTBEATS.values(), NIGHTS, CAUSES_SINCE]),
            name.startswith(LEADER_SETTINGS, autoescape=True),
            name.startswith(f"{ENDED_SETTING}:", autoescape=True),
        )
        count = 0
        for row in self.run(select(name, value).where(ours)).all():
            at = datetime.fromisoformat(row.value.split(" ", 1)[0])
            longest = HOUR if row.name.startswith(LEADER_SETTINGS) else MAX_IGNORED_STEP
            if at <= now + longest:
                continue
            count += 1
            mine = name == row.name
            if row.name in {NIGHTS, CAUSES_SINCE} or row.name.startswith(f"{ENDED_SETTING}:"):
                self.run(update(setting).where(mine).values(value=now.isoformat()))
            else:
                self.run(delete(setting).where(mine))
        return count


def _shifted(at: datetime, step: timedelta) -> datetime:
    try:
        return at + step
    except OverflowError:  # it was for ever, and is
        return at


def _column(name: str) -> Column[Any]:
    table, column = name.split(".")
    found: Table = TABLES.tables[table]
    return found.c[column]


def all_times() -> Iterator[str]:
    """Yield every time that the tables hold."""
    for table in TABLES.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, Utc):
                yield f"{table.name}.{column.name}"
