"""What the brake watches: minutes, movements and what explains them, and what waits or is held."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, bindparam, delete, func, insert, select, update

from sync_core.db.batches import ADJUSTMENT
from sync_core.db.catalogue import SqlCatalogue
from sync_core.db.deliveries import ORDER_EVENT
from sync_core.db.notifications import FINDING
from sync_core.db.repository import chunks
from sync_core.db.rows import LEVEL, STORE, VARIANT
from sync_core.db.stock import MOVEMENT, POOL
from sync_core.db.tables import EffectRow, TrafficMinuteRow, WithheldMovementRow
from sync_core.domain.causes import ORDER_WINDOW
from sync_core.domain.circuit_breaker import (
    BreakerLimits,
    CountedMovement,
    Traffic,
    WithheldMovement,
    is_emptied,
    waiting_subject,
)
from sync_core.domain.values import (
    Alias,
    ItemId,
    Level,
    LevelId,
    LevelKey,
    LocationId,
    Mode,
    PoolId,
    Role,
)
from sync_core.domain.webhook_events import OrderEvent, OrderEventKind

WITHHELD: Table = WithheldMovementRow.__table__  # type: ignore[attr-defined]
EFFECT: Table = EffectRow.__table__  # type: ignore[attr-defined]
TRAFFIC_MINUTE: Table = TrafficMinuteRow.__table__  # type: ignore[attr-defined]

KIND = "circuit_breaker"
# The setting that says until when a store's movements have been decided on.
ENDED_SETTING = "circuit_breaker_ended"
MINUTES_KEPT_FOR = timedelta(hours=2)  # minutes
LEVEL_TEMPLATE = Level(
    id=LevelId(0),
    key=LevelKey(store=Alias(""), item=ItemId(0), location=LocationId(0)),
    role=Role.SOURCE,
    mode=Mode.OFF,
)

# What every round asks is built once: putting a statement together costs more than running it.
TRAFFIC_SUMS = select(func.sum(TRAFFIC_MINUTE.c.units), func.sum(TRAFFIC_MINUTE.c.emptied)).where(
    TRAFFIC_MINUTE.c.store == bindparam("store"), TRAFFIC_MINUTE.c.at > bindparam("since")
)
IS_OPEN_BREAKER = (FINDING.c.kind == KIND) & FINDING.c.closed_at.is_(None)
OPEN_BREAKERS = (
    select(FINDING.c.subject, FINDING.c.facts).where(IS_OPEN_BREAKER).order_by(FINDING.c.id)
)
OPEN_BREAKER_OF_STORE = OPEN_BREAKERS.where(
    FINDING.c.subject.startswith(bindparam("prefix"))
).with_for_update()
NOT_RELEASED = WITHHELD.c.released_at.is_(None)
WITHHELD_BY = (
    select(WITHHELD)
    .where(WITHHELD.c.breaker == bindparam("breaker"), NOT_RELEASED)
    .order_by(WITHHELD.c.id)
)
WAITING_SINCE = (
    select(WITHHELD.c.breaker, func.min(WITHHELD.c.at))
    .where(WITHHELD.c.breaker.in_(bindparam("breakers", expanding=True)), NOT_RELEASED)
    .group_by(WITHHELD.c.breaker)
)


MOVEMENTS = (
    select(
        MOVEMENT, POOL.c.title, WITHHELD.c.breaker, LEVEL.c.buffer, LEVEL.c.pack, LEVEL.c.withheld
    )
    .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
    .join(POOL, POOL.c.id == MOVEMENT.c.pool_id)
    .outerjoin(WITHHELD, WITHHELD.c.movement_id == MOVEMENT.c.id)
    .where(MOVEMENT.c.counted != 0)
    .order_by(MOVEMENT.c.id)
)


def store_of(subject: str) -> Alias:
    """Return the store that a brake is about."""
    return Alias(subject.split(":")[1])


class SqlTraffic(SqlCatalogue):
    """The part of the ledger in which the brake watches."""

    # -- how much moves
    def traffic_since(self, store: Alias, *, since: datetime) -> Traffic:
        """Return how much moved in a store since then, by whole minutes."""
        units, emptied = self.run(TRAFFIC_SUMS, {"store": store, "since": since}).one()
        return Traffic(units=int(units or 0), emptied=int(emptied or 0))

    def count_traffic(self, moved: Mapping[Alias, Traffic], *, now: datetime) -> None:
        """Add to the present minute of each store. The last thing in a step: all meet here."""
        minute = now.replace(second=0, microsecond=0)
        for store in sorted(moved):
            more = moved[store]
            here = (TRAFFIC_MINUTE.c.store == store) & (TRAFFIC_MINUTE.c.at == minute)
            sums = {
                "units": TRAFFIC_MINUTE.c.units + more.units,
                "emptied": TRAFFIC_MINUTE.c.emptied + more.emptied,
            }
            if self.run(update(TRAFFIC_MINUTE).where(here).values(sums)).rowcount:
                continue
            self.run(
                delete(TRAFFIC_MINUTE).where(
                    TRAFFIC_MINUTE.c.store == store, TRAFFIC_MINUTE.c.at < now - MINUTES_KEPT_FOR
                )
            )
            fresh = {"store": store, "at": minute, "units": more.units, "emptied": more.emptied}
            if not self.insert_new(TRAFFIC_MINUTE, [fresh]):  # another process was faster
                self.run(update(TRAFFIC_MINUTE).where(here).values(sums))

    def units(self, store: Alias) -> int:
        """Return how many units a store's pools have; what is owed to customers is none."""
        query = select(func.sum(POOL.c.shared)).where(
            POOL.c.shared > 0,
            POOL.c.id.in_(select(LEVEL.c.pool_id).where(LEVEL.c.store == store)),
        )
        return int(self.run(query).scalar() or 0)

    # -- what moved
    def movements_since(
        self, store: Alias, *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        """Return the movements of a store since then."""
        rows = self.run(MOVEMENTS.where(LEVEL.c.store == store, MOVEMENT.c.at >= since))
        return [self._move(row, limits) for row in rows]

    def level_movements(
        self, levels: Iterable[LevelId], *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        """Return the movements of some levels since then."""
        return [
            self._move(row, limits)
            for some in chunks(sorted(levels), 500)
            for row in self.run(
                MOVEMENTS.where(MOVEMENT.c.level_id.in_(some), MOVEMENT.c.at >= since)
            )
        ]

    def pool_movements(
        self, pools: Iterable[PoolId], *, since: datetime, limits: BreakerLimits
    ) -> list[CountedMovement]:
        """Return the movements of some pools since then, in whatever store."""
        return [
            self._move(row, limits)
            for some in chunks(sorted(pools), 500)
            for row in self.run(
                MOVEMENTS.where(MOVEMENT.c.pool_id.in_(some), MOVEMENT.c.at >= since)
            )
        ]

    def decided_at(self, pools: Iterable[PoolId]) -> dict[PoolId, datetime]:
        """Return when people decided about pools last, where they have."""
        query = select(EFFECT.c.pool_id, func.max(EFFECT.c.at)).group_by(EFFECT.c.pool_id)
        return {
            PoolId(pool): at
            for some in chunks(sorted(pools), 500)
            for pool, at in self.run(query.where(EFFECT.c.pool_id.in_(some)))
        }

    def _move(self, row: Row[Any], limits: BreakerLimits) -> CountedMovement:
        level = replace(LEVEL_TEMPLATE, buffer=row.buffer, pack=row.pack, withheld=row.withheld)
        emptied = is_emptied(level, row.counted, row.shared, limits)
        return move_of(row, title=row.title, emptied=emptied, breaker=row.breaker)

    def order_events_of(
        self, levels: Sequence[LevelId], *, since: datetime
    ) -> dict[LevelId, list[OrderEvent]]:
        """Return what stores told of the variants of levels since then."""
        found: dict[LevelId, list[OrderEvent]] = {}
        query = (
            select(ORDER_EVENT, LEVEL.c.id.label("level"))
            .join(
                VARIANT,
                (VARIANT.c.store == ORDER_EVENT.c.store)
                & (VARIANT.c.variant_id == ORDER_EVENT.c.variant_id),
            )
            .join(LEVEL, (LEVEL.c.store == VARIANT.c.store) & (LEVEL.c.item == VARIANT.c.item))
            .where(ORDER_EVENT.c.at >= since - ORDER_WINDOW)
            .order_by(ORDER_EVENT.c.at, ORDER_EVENT.c.id)
        )
        for some in chunks(sorted(set(levels)), 500):
            for row in self.run(query.where(LEVEL.c.id.in_(some))):
                order_event = OrderEvent(
                    store=Alias(row.store),
                    kind=OrderEventKind(row.kind),
                    ref=row.ref,
                    line=row.line,
                    order_id=row.order_id,
                    name=row.name,
                    variant_id=row.variant_id,
                    quantity=row.quantity,
                    location=row.location,
                    at=row.at,
                )
                found.setdefault(LevelId(row.level), []).append(order_event)
        return found

    def open_deltas(self, pools: Iterable[PoolId]) -> dict[LevelId, int]:
        """Return what is being written to the levels of pools."""
        query = (
            select(ADJUSTMENT.c.level_id, ADJUSTMENT.c.delta)
            .join(LEVEL, LEVEL.c.id == ADJUSTMENT.c.level_id)
            .where(
                ADJUSTMENT.c.state == "open", ADJUSTMENT.c.level_baseline == LEVEL.c.level_baseline
            )
        )
        return {
            LevelId(row.level_id): row.delta
            for some in chunks(sorted(set(pools)), 500)
            for row in self.run(query.where(LEVEL.c.pool_id.in_(some)))
        }

    # -- what waits, and what is held
    def unexplained_since(self, stores: Iterable[Alias]) -> dict[Alias, datetime]:
        """Return since when something of a store waits to be explained."""
        names = {waiting_subject(store): store for store in stores}
        rows = self.run(WAITING_SINCE, {"breakers": list(names)})
        return {names[breaker]: at for breaker, at in rows}

    def open_breaker(self, store: Alias) -> tuple[str, dict[str, Any]] | None:
        """Return a store's brake and its facts, locked; None if it has not tripped."""
        found = self.run(OPEN_BREAKER_OF_STORE, {"prefix": f"circuit_breaker:{store}:"}).first()
        return None if found is None else (found.subject, found.facts)

    def breaker_closed_at(self, store: Alias) -> datetime | None:
        """Return when a brake of that store ended last: what moved before counts no more."""
        word = self.setting(f"{ENDED_SETTING}:{store}")
        return None if word is None else datetime.fromisoformat(word)

    def withheld(self, breaker: str) -> list[WithheldMovement]:
        """Return what a brake holds, or what waits, oldest first."""
        return [_withheld_movement(row) for row in self.run(WITHHELD_BY, {"breaker": breaker})]

    def withheld_of(
        self, breakers: Sequence[str], store: Alias, variants: Iterable[int]
    ) -> list[WithheldMovement]:
        """Return what these hold of some variants."""
        query = (
            select(WITHHELD)
            .join(LEVEL, LEVEL.c.id == WITHHELD.c.level_id)
            .join(VARIANT, (VARIANT.c.store == LEVEL.c.store) & (VARIANT.c.item == LEVEL.c.item))
            .where(WITHHELD.c.breaker.in_(breakers), NOT_RELEASED, VARIANT.c.store == store)
            .order_by(WITHHELD.c.id)
        )
        return [
            _withheld_movement(row)
            for some in chunks(sorted(variants), 500)
            for row in self.run(query.where(VARIANT.c.variant_id.in_(some)))
        ]

    def parts(self, breaker: str, pools: Iterable[PoolId]) -> dict[PoolId, list[WithheldMovement]]:
        """Return what of pools is part of a brake, or waits, oldest first."""
        query = (
            select(WITHHELD)
            .where(WITHHELD.c.breaker == breaker, NOT_RELEASED)
            .order_by(WITHHELD.c.id)
        )
        found: dict[PoolId, list[WithheldMovement]] = {}
        for some in chunks(sorted(set(pools)), 500):
            for row in self.run(query.where(WITHHELD.c.pool_id.in_(some))):
                found.setdefault(PoolId(row.pool_id), []).append(_withheld_movement(row))
        return found

    def has_open_breaker(self, pool: PoolId) -> bool:
        """Whether a brake asks about a pool: until it is answered nobody else decides about it."""
        query = select(WITHHELD.c.id).where(WITHHELD.c.pool_id == pool, NOT_RELEASED)
        return self.run(query.where(WITHHELD.c.breaker.startswith(f"{KIND}:"))).first() is not None

    def lock_store(self, store: Alias) -> None:
        """Let no other process trip the brake of this store meanwhile."""
        self.run(select(STORE.c.alias).where(STORE.c.alias == store).with_for_update())

    def withhold(
        self,
        breaker: str,
        moves: Iterable[tuple[CountedMovement, Mapping[LevelId, int]]],
        *,
        now: datetime,
    ) -> None:
        """Note what is part of a brake, or waits, and from whom it is kept."""
        rows = [
            {
                "breaker": breaker,
                "pool_id": each.pool,
                "level_id": each.level,
                "movement_id": each.id,
                "delta": each.counted - each.sold,
                "withheld_from": {
                    str(level): level_baseline for level, level_baseline in kept.items()
                },
                "at": now,
            }
            for each, kept in moves
        ]
        if rows:
            self.run(insert(WITHHELD), rows)

    def take_over(self, breaker: str, waits: Iterable[int]) -> None:
        """Let a brake hold what has waited."""
        for some in chunks(list(waits), 500):
            self.run(
                update(WITHHELD)
                .where(WITHHELD.c.id.in_(some), NOT_RELEASED)
                .values(breaker=breaker)
            )


def move_of(
    row: Row[Any], *, title: str, emptied: bool = False, breaker: str | None = None
) -> CountedMovement:
    """Return a movement's row as what is judged; a caller knows what is not in it."""
    return CountedMovement(
        id=row.id,
        pool=PoolId(row.pool_id),
        level=LevelId(row.level_id),
        delta=row.delta,
        counted=row.counted,
        at=row.at,
        seen_at=row.seen_at,
        emptied=emptied,
        title=title,
        breaker=breaker,
    )


def _withheld_movement(row: Row[Any]) -> WithheldMovement:
    """Return what a row holds."""
    return WithheldMovement(
        id=row.id,
        breaker=row.breaker,
        pool=PoolId(row.pool_id),
        level=LevelId(row.level_id),
        movement=row.movement_id,
        delta=row.delta,
        withheld_from={
            LevelId(int(level)): level_baseline
            for level, level_baseline in row.withheld_from.items()
        },
        at=row.at,
    )
