"""Levels that have to be read: when, and how often that was tried in vain.

A level that could not be read has a row, so that a restart knows how often that was tried.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.stock import FOLLOWED, OF_STORE, joined
from sync_core.db.tables import LEVEL, UNREAD
from sync_core.domain.values import (
    Alias,
    ItemId,
    LevelId,
    LevelKey,
    LocationId,
    RefreshRequest,
    Suspension,
)
from sync_core.ports import UnreadLevel

NEEDS_REFRESH = OF_STORE & LEVEL.c.refresh_at.is_not(None) & LEVEL.c.open.is_(False) & FOLLOWED
HAS_NO_BOOK = LEVEL.c.book.is_(None) & LEVEL.c.suspended.is_(None)
WANTED_LATER = LEVEL.c.refresh_since > bindparam("since")
IS_DUE = NEEDS_REFRESH & (LEVEL.c.refresh_at <= bindparam("now"))
DUE_REFRESHES = (
    joined(LEVEL.c.id, LEVEL.c.item, LEVEL.c.location, LEVEL.c.version, LEVEL.c.refresh_mark)
    .where(IS_DUE)
    .order_by(LEVEL.c.refresh_at)
    .limit(bindparam("most"))
)
NEXT_REFRESH = joined(LEVEL.c.refresh_at).where(NEEDS_REFRESH).order_by(LEVEL.c.refresh_at).limit(1)
# Those that no export will read: whose refresh has no beginning is none of them.
BY_ID = ~HAS_NO_BOOK | LEVEL.c.refresh_since.is_(None) | ~WANTED_LATER
DUE_BY_ID, NEXT_BY_ID = DUE_REFRESHES.where(BY_ID), NEXT_REFRESH.where(BY_ID)
FIRST_READS = (
    joined(LEVEL.c.id, LEVEL.c.version, LEVEL.c.refresh_mark)
    .where(IS_DUE, HAS_NO_BOOK, WANTED_LATER, LEVEL.c.id > bindparam("after"))
    .order_by(LEVEL.c.id)
    .limit(bindparam("most"))
)
# What every round asks is built once: putting a statement together costs more than running it.
UNREAD_OF_STORE = (
    select(UNREAD, LEVEL.c.refresh_at.is_(None).label("done"))
    .join(LEVEL, LEVEL.c.id == UNREAD.c.level_id)
    .where(UNREAD.c.store == bindparam("alias"))
    .order_by(UNREAD.c.level_id)
)


class SqlRefreshes(SqlRepository):
    def due(
        self, store: Alias, *, now: datetime, limit: int, first_until: datetime | None = None
    ) -> list[RefreshRequest]:
        given = {"store": store, "now": now, "most": limit}
        found = (
            self.run(DUE_REFRESHES, given)
            if first_until is None
            else self.run(DUE_BY_ID, {**given, "since": first_until})
        )
        return [
            RefreshRequest(
                level=LevelId(level),
                key=LevelKey(store=store, item=ItemId(item), location=LocationId(location)),
                began=now,
                version=version,
                mark=mark,
            )
            for level, item, location, version, mark in found
        ]

    def next_at(self, store: Alias, *, first_until: datetime | None = None) -> datetime | None:
        if first_until is None:
            found: datetime | None = self.run(NEXT_REFRESH, {"store": store}).scalar()
        else:
            found = self.run(NEXT_BY_ID, {"store": store, "since": first_until}).scalar()
        return found

    def first_reads(
        self, store: Alias, *, now: datetime, since: datetime, after: LevelId, limit: int
    ) -> list[tuple[LevelId, int, int]]:
        given = {"store": store, "now": now, "since": since, "after": after, "most": limit}
        rows = self.run(FIRST_READS, given)
        return [(LevelId(level), version, mark) for level, version, mark in rows]

    def refresh_items(self, store: Alias, items: Iterable[ItemId], *, now: datetime) -> None:
        for some in chunks(list(items), 500):
            self.tx.stock.lock_pools((LEVEL.c.store == store) & LEVEL.c.item.in_(some))
            self.run(
                update(LEVEL)
                .where(LEVEL.c.store == store, LEVEL.c.item.in_(some))
                .where(LEVEL.c.suspended.is_distinct_from(Suspension.UNFINISHED.value))
                .values(refresh_at=now, refresh_since=now, refresh_mark=LEVEL.c.refresh_mark + 1)
            )

    def unread(self, store: Alias) -> dict[LevelId, UnreadLevel]:
        rows = self.run(UNREAD_OF_STORE, {"alias": store})
        return {LevelId(row.level_id): _unread(row) for row in rows}

    def save_unread(self, store: Alias, levels: Sequence[UnreadLevel]) -> None:
        rows = [
            {
                "level_id": each.level,
                "store": store,
                "location": each.location,
                "attempts": each.attempts,
            }
            for each in levels
        ]
        if rows:
            self.upsert(UNREAD, rows)

    def forget_read(self, store: Alias) -> list[UnreadLevel]:
        ended = [_unread(row) for row in self.run(UNREAD_OF_STORE, {"alias": store}) if row.done]
        for some in chunks([each.level for each in ended], 500):
            self.run(delete(UNREAD).where(UNREAD.c.level_id.in_(some)))
        return ended


def _unread(row: object) -> UnreadLevel:
    """Return a level that could not be read from its row."""
    return UnreadLevel(
        level=LevelId(row.level_id),  # type: ignore[attr-defined]
        location=LocationId(row.location),  # type: ignore[attr-defined]
        attempts=row.attempts,  # type: ignore[attr-defined]
    )
