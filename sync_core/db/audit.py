"""What is recorded of pools, summed up for the audit. Each law is one statement: one snapshot."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import (
    ADJUSTMENT,
    BATCH,
    EFFECT,
    LEVEL,
    MOVEMENT,
    ORDER_EVENT,
    POOL,
    SETTLED_SUM,
    SOLD_AS,
    VARIANT,
)
from sync_core.domain.audit import LevelBooks, PoolBooks
from sync_core.domain.causes import UNIT_SIGN
from sync_core.domain.values import Alias, LevelId, PoolId, Suspension


def _sum(column: ColumnElement[Any], *which: ColumnElement[bool]) -> ColumnElement[Any]:
    return select(func.coalesce(func.sum(column), 0)).where(*which).scalar_subquery()


OF_LEVEL = ADJUSTMENT.c.level_id == LEVEL.c.id
INCONSISTENT = or_(
    and_(ADJUSTMENT.c.state == "open", BATCH.c.state.is_distinct_from("open")),
    and_(
        ADJUSTMENT.c.state == "settled",
        ADJUSTMENT.c.level_baseline == LEVEL.c.level_baseline,
        BATCH.c.state.is_distinct_from("settled"),
    ),
)
EXPLAINS = ORDER_EVENT.c.movement_id == MOVEMENT.c.id
ORDERED = (  # what the orders that explain a movement come to; null, and equal to all, if none does
    select(
        func.sum(
            ORDER_EVENT.c.quantity
            * case({each.value: sign for each, sign in UNIT_SIGN.items()}, value=ORDER_EVENT.c.kind)
        )
    )
    .where(EXPLAINS)
    .scalar_subquery()
)
# A variant's item never changes. What the catalogue no longer knows may be right.
OF_ANOTHER_LEVEL = exists(
    select(ORDER_EVENT.c.id)
    .select_from(ORDER_EVENT.outerjoin(VARIANT, SOLD_AS))
    .where(
        EXPLAINS,
        or_(ORDER_EVENT.c.store != LEVEL.c.store, ORDER_EVENT.c.variant_id != VARIANT.c.variant_id),
    )
    .correlate(MOVEMENT, LEVEL)
)
POOL_BOOKS: Select[Any] = select(
    POOL.c.id,
    POOL.c.title,
    POOL.c.shared,
    POOL.c.first_shared,
    _sum(
        MOVEMENT.c.counted,
        MOVEMENT.c.pool_id == POOL.c.id,
        MOVEMENT.c.baseline == POOL.c.baseline,
    ).label("movements"),
    _sum(EFFECT.c.moved, EFFECT.c.pool_id == POOL.c.id, EFFECT.c.baseline == POOL.c.baseline).label(
        "decisions"
    ),
).order_by(POOL.c.id)
LEVEL_BOOKS: Select[Any] = select(
    LEVEL.c.id,
    LEVEL.c.pool_id,
    LEVEL.c.store,
    LEVEL.c.baselined,
    LEVEL.c.open,
    LEVEL.c.book,
    LEVEL.c.first_book,
    LEVEL.c.suspended,
    _sum(
        MOVEMENT.c.delta,
        MOVEMENT.c.pool_id == LEVEL.c.pool_id,  # by its index
        MOVEMENT.c.level_id == LEVEL.c.id,
        MOVEMENT.c.level_baseline == LEVEL.c.level_baseline,
    ).label("movements"),
    _sum(
        ADJUSTMENT.c.delta,
        OF_LEVEL,
        ADJUSTMENT.c.level_baseline == LEVEL.c.level_baseline,
        ADJUSTMENT.c.state == "settled",
    ).label("written"),
    _sum(
        SETTLED_SUM.c.delta,
        SETTLED_SUM.c.level_id == LEVEL.c.id,
        SETTLED_SUM.c.level_baseline == LEVEL.c.level_baseline,
    ).label("kept"),
    select(func.count())
    .where(OF_LEVEL, ADJUSTMENT.c.state == "open")
    .scalar_subquery()
    .label("opened"),
    select(func.count())
    .select_from(ADJUSTMENT.outerjoin(BATCH, BATCH.c.id == ADJUSTMENT.c.batch_id))
    .where(OF_LEVEL, INCONSISTENT)
    .scalar_subquery()
    .label("mismatched"),
    select(func.count())
    .select_from(MOVEMENT)
    .where(
        MOVEMENT.c.pool_id == LEVEL.c.pool_id,
        MOVEMENT.c.level_id == LEVEL.c.id,
        MOVEMENT.c.level_baseline == LEVEL.c.level_baseline,
        or_(MOVEMENT.c.delta != ORDERED, OF_ANOTHER_LEVEL),
    )
    .scalar_subquery()
    .label("misexplained"),
).order_by(LEVEL.c.id)
POOL_BOOKS_OF_POOLS = POOL_BOOKS.where(POOL.c.id.in_(bindparam("some", expanding=True)))
LEVEL_BOOKS_OF_POOLS = LEVEL_BOOKS.where(LEVEL.c.pool_id.in_(bindparam("some", expanding=True)))
NEXT_POOLS = (
    select(POOL.c.id)
    .where(POOL.c.id > bindparam("after"))
    .order_by(POOL.c.id)
    .limit(bindparam("most"))
)


class SqlAudit(SqlRepository):
    def pools_after(self, after: PoolId, *, limit: int) -> list[PoolId]:
        return [
            PoolId(each) for each in self.run(NEXT_POOLS, {"after": after, "most": limit}).scalars()
        ]

    def books(self, wanted: Iterable[PoolId]) -> list[PoolBooks]:
        found: list[PoolBooks] = []
        for some in chunks(sorted(set(wanted)), 500):
            levels = self.run(LEVEL_BOOKS_OF_POOLS, {"some": some}).mappings().all()
            found += books_of(
                self.run(POOL_BOOKS_OF_POOLS, {"some": some}).mappings().all(), levels
            )
        return found

    def close_orphaned(self, pool: PoolId, *, now: datetime) -> None:
        levels = select(LEVEL.c.id).where(LEVEL.c.pool_id == pool)
        open_ones = select(BATCH.c.id).where(BATCH.c.state == "open")
        lost = (
            ADJUSTMENT.c.level_id.in_(levels),
            ADJUSTMENT.c.state == "open",
            ADJUSTMENT.c.batch_id.not_in(open_ones),
        )
        values = {"state": "doubtful", "closed_at": now, "why": "its batch was closed without it"}
        self.run(update(ADJUSTMENT).where(*lost).values(values))
        is_open = (
            select(func.count() > 0).where(OF_LEVEL, ADJUSTMENT.c.state == "open").scalar_subquery()
        )
        self.run(update(LEVEL).where(LEVEL.c.pool_id == pool).values(open=is_open))


def books_of(pools: Sequence[Any], levels: Sequence[Any]) -> list[PoolBooks]:
    """Return what is recorded of pools, from the rows of `POOL_BOOKS` and `LEVEL_BOOKS`."""
    theirs: dict[int, list[LevelBooks]] = {}
    for row in levels:
        theirs.setdefault(row["pool_id"], []).append(_level_books(row))
    return [
        PoolBooks(
            pool=PoolId(row["id"]),
            title=row["title"],
            shared=row["shared"],
            first_shared=row["first_shared"],
            movements=int(row["movements"]),
            decisions=int(row["decisions"]),
            levels=tuple(theirs.get(row["id"], ())),
        )
        for row in pools
    ]


def _level_books(row: Any) -> LevelBooks:
    return LevelBooks(
        level=LevelId(row["id"]),
        store=Alias(row["store"]),
        baselined=bool(row["baselined"]),
        is_open=bool(row["open"]),
        book=row["book"],
        first_book=row["first_book"],
        movements=int(row["movements"]),
        written=int(row["written"]) + int(row["kept"]),
        opened=row["opened"],
        mismatched=row["mismatched"],
        misexplained=row["misexplained"],
        stopped=row["suspended"] == Suspension.UNBALANCED.value,
    )
