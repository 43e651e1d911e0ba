"""Levels that could not be read: a row each, so that a restart knows how often that was tried."""

from collections.abc import Sequence

from sqlalchemy import Table, bindparam, delete, select

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.rows import LEVEL
from sync_core.db.tables import UnreadLevelRow
from sync_core.domain.values import Alias, LevelId, LocationId
from sync_core.ports import UnreadLevel

UNREAD: Table = UnreadLevelRow.__table__  # type: ignore[attr-defined]

# What every round asks is built once: putting a statement together costs more than running it.
OF_STORE = (
    select(UNREAD, LEVEL.c.refresh_at.is_(None).label("done"))
    .join(LEVEL, LEVEL.c.id == UNREAD.c.level_id)
    .where(UNREAD.c.store == bindparam("alias"))
    .order_by(UNREAD.c.level_id)
)


class SqlUnreadLevels(SqlRepository):
    """The part of the ledger that knows which levels could not be read."""

    def unread_levels(self, store: Alias) -> dict[LevelId, UnreadLevel]:
        """Return the levels of a store that could not be read at the last attempt."""
        rows = self.run(OF_STORE, {"alias": store})
        return {LevelId(row.level_id): _unread(row) for row in rows}

    def save_unread_levels(self, store: Alias, levels: Sequence[UnreadLevel]) -> None:
        """Note levels that could not be read."""
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

    def forget_read_levels(self, store: Alias) -> list[UnreadLevel]:
        """Forget levels that await no look any more, whoever has read them; return them."""
        ended = [_unread(row) for row in self.run(OF_STORE, {"alias": store}) if row.done]
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
