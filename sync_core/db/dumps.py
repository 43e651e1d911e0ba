"""Whole tables, some rows at a time: each transaction is short, and nothing is held in memory.

A dump is no snapshot. What a comparison finds by it is read again before it counts.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Executable, bindparam, case, func, or_, select, tuple_

from sync_core.db.repository import SqlRepository
from sync_core.db.tables import CONNECTION, LEVEL, POOL, STORE, VARIANT
from sync_core.domain.discrepancies import Busy
from sync_core.domain.values import Mode, Role
from sync_core.ports import LevelDumpRow, VariantDumpRow

_IS_SOURCE = STORE.c.role == Role.SOURCE.value
_COUNTS = or_(_IS_SOURCE, func.coalesce(CONNECTION.c.mode, "") == Mode.TWO_WAY.value)
_BUSY = case(
    (LEVEL.c.open, Busy.OPEN.value),
    (LEVEL.c.due, Busy.DUE.value),
    (LEVEL.c.refresh_at.is_not(None), Busy.REFRESH.value),
    else_="",
)
LEVELS = (
    select(
        LEVEL.c.id,
        LEVEL.c.pool_id,
        POOL.c.location_group_id,
        LEVEL.c.store,
        LEVEL.c.item,
        LEVEL.c.location,
        case((_IS_SOURCE, 1), else_=0),
        case((_COUNTS, 1), else_=0),
        case((LEVEL.c.baselined, 1), else_=0),
        LEVEL.c.book,
        LEVEL.c.buffer,
        LEVEL.c.pack,
        LEVEL.c.withheld,
        func.coalesce(LEVEL.c.suspended, ""),
        _BUSY,
        POOL.c.shared,
    )
    .select_from(LEVEL)
    .join(POOL, POOL.c.id == LEVEL.c.pool_id)
    .join(STORE, STORE.c.alias == LEVEL.c.store)
    .outerjoin(CONNECTION, CONNECTION.c.destination == LEVEL.c.store)
    .where(LEVEL.c.id > bindparam("after"))
    .order_by(LEVEL.c.id)
    .limit(bindparam("most"))
)
VARIANTS = (
    select(
        VARIANT.c.store,
        VARIANT.c.item,
        VARIANT.c.handle,
        VARIANT.c.sku,
        VARIANT.c.policy,
        func.coalesce(VARIANT.c.key, ""),
    )
    # As one row, not as two conditions with an "or": so both databases begin in the index.
    .where(tuple_(VARIANT.c.store, VARIANT.c.item) > tuple_(bindparam("store"), bindparam("item")))
    .order_by(VARIANT.c.store, VARIANT.c.item)
    .limit(bindparam("most"))
)


class SqlDumps(SqlRepository):
    def levels(self, *, after: int, limit: int) -> Sequence[LevelDumpRow]:
        return self._lines(LEVELS, {"after": after, "most": limit})

    def variants(self, *, after: tuple[str, int], limit: int) -> Sequence[VariantDumpRow]:
        store, item = after
        return self._lines(VARIANTS, {"store": store, "item": item, "most": limit})

    def _lines(self, statement: Executable, given: dict[str, Any]) -> Sequence[Any]:
        """Return rows as the driver gives them: they are millions, of numbers and texts only."""
        result = self.run(statement, given)
        if result.cursor is None:
            raise TypeError("a statement that selects has a cursor")
        with closing(result):
            return result.cursor.fetchall()
