"""What the brake watches: minutes, movements and what explains them, and what waits or is held."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, bindparam, delete, func, insert, select, update

from sync_core.db.batches import ADJUSTMENT
from sync_core.db.catalogue import Catalogue
from sync_core.db.inbox import ACT
from sync_core.db.news import FINDING
from sync_core.db.room import chunks
from sync_core.db.rows import LEVEL, STORE, VARIANT
from sync_core.db.stock import MOVEMENT, POOL
from sync_core.db.tables import EffectRow, HoldRow, MinuteRow
from sync_core.domain.acts import Act, ActKind
from sync_core.domain.brake import Held, Limits, Move, Traffic, is_emptied, wait_of
from sync_core.domain.causes import NEAR
from sync_core.domain.values import (
    Alias,
    ItemId,
    Level,
    LevelId,
    LocationId,
    Mode,
    PoolId,
    Role,
    Spot,
)

HOLD: Table = HoldRow.__table__  # type: ignore[attr-defined]
EFFECT: Table = EffectRow.__table__  # type: ignore[attr-defined]
MINUTE: Table = MinuteRow.__table__  # type: ignore[attr-defined]

KIND = "brake"
OVER = "brake_over"  # the setting that says until when a store's movements have been decided on
KEEP = timedelta(hours=2)  # minutes
NOBODY = Level(
    id=LevelId(0),
    spot=Spot(store=Alias(""), item=ItemId(0), location=LocationId(0)),
    role=Role.SOURCE,
    mode=Mode.OFF,
)

# What every round asks is built once: putting a statement together costs more than running it.
SUMS = select(func.sum(MINUTE.c.units), func.sum(MINUTE.c.emptied)).where(
    MINUTE.c.store == bindparam("store"), MINUTE.c.at > bindparam("since")
)
IS_BRAKE = (FINDING.c.kind == KIND) & FINDING.c.closed_at.is_(None)
STANDING = select(FINDING.c.subject, FINDING.c.facts).where(IS_BRAKE).order_by(FINDING.c.id)
OF_STORE = STANDING.where(FINDING.c.subject.startswith(bindparam("prefix"))).with_for_update()
STILL = HOLD.c.released_at.is_(None)
HELD = select(HOLD).where(HOLD.c.brake == bindparam("brake"), STILL).order_by(HOLD.c.id)
WAITING = (
    select(HOLD.c.brake, func.min(HOLD.c.at))
    .where(HOLD.c.brake.in_(bindparam("brakes", expanding=True)), STILL)
    .group_by(HOLD.c.brake)
)


MOVES = (
    select(MOVEMENT, POOL.c.title, HOLD.c.brake, LEVEL.c.buffer, LEVEL.c.pack, LEVEL.c.held)
    .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
    .join(POOL, POOL.c.id == MOVEMENT.c.pool_id)
    .outerjoin(HOLD, HOLD.c.movement_id == MOVEMENT.c.id)
    .where(MOVEMENT.c.counted != 0)
    .order_by(MOVEMENT.c.id)
)


def store_of(subject: str) -> Alias:
    """Return the store that a brake is about."""
    return Alias(subject.split(":")[1])


class Watching(Catalogue):
    """The part of the ledger in which the brake watches."""

    # -- how much moves
    def traffic(self, store: Alias, *, since: datetime) -> Traffic:
        """Return how much moved in a store since then, by whole minutes."""
        units, emptied = self.run(SUMS, {"store": store, "since": since}).one()
        return Traffic(units=int(units or 0), emptied=int(emptied or 0))

    def count_traffic(self, moved: Mapping[Alias, Traffic], *, now: datetime) -> None:
        """Add to the present minute of each store. The last thing in a step: all meet here."""
        minute = now.replace(second=0, microsecond=0)
        for store in sorted(moved):
            more = moved[store]
            here = (MINUTE.c.store == store) & (MINUTE.c.at == minute)
            sums = {
                "units": MINUTE.c.units + more.units,
                "emptied": MINUTE.c.emptied + more.emptied,
            }
            if self.run(update(MINUTE).where(here).values(sums)).rowcount:
                continue
            self.run(delete(MINUTE).where(MINUTE.c.store == store, MINUTE.c.at < now - KEEP))
            fresh = {"store": store, "at": minute, "units": more.units, "emptied": more.emptied}
            if not self.insert_new(MINUTE, [fresh]):  # another process was faster
                self.run(update(MINUTE).where(here).values(sums))

    def units(self, store: Alias) -> int:
        """Return how many units a store's pools have; what is owed to customers is none."""
        query = select(func.sum(POOL.c.shared)).where(
            POOL.c.shared > 0,
            POOL.c.id.in_(select(LEVEL.c.pool_id).where(LEVEL.c.store == store)),
        )
        return int(self.run(query).scalar() or 0)

    # -- what moved
    def moves(self, store: Alias, *, since: datetime, limits: Limits) -> list[Move]:
        """Return the movements of a store since then."""
        rows = self.run(MOVES.where(LEVEL.c.store == store, MOVEMENT.c.at >= since))
        return [self._move(row, limits) for row in rows]

    def moves_of(self, levels: Iterable[LevelId], *, since: datetime, limits: Limits) -> list[Move]:
        """Return the movements of some levels since then."""
        return [
            self._move(row, limits)
            for some in chunks(sorted(levels), 500)
            for row in self.run(MOVES.where(MOVEMENT.c.level_id.in_(some), MOVEMENT.c.at >= since))
        ]

    def moves_in(self, pools: Iterable[PoolId], *, since: datetime, limits: Limits) -> list[Move]:
        """Return the movements of some pools since then, in whatever store."""
        return [
            self._move(row, limits)
            for some in chunks(sorted(pools), 500)
            for row in self.run(MOVES.where(MOVEMENT.c.pool_id.in_(some), MOVEMENT.c.at >= since))
        ]

    def decided_at(self, pools: Iterable[PoolId]) -> dict[PoolId, datetime]:
        """Return when people decided about pools last, where they have."""
        query = select(EFFECT.c.pool_id, func.max(EFFECT.c.at)).group_by(EFFECT.c.pool_id)
        return {
            PoolId(pool): at
            for some in chunks(sorted(pools), 500)
            for pool, at in self.run(query.where(EFFECT.c.pool_id.in_(some)))
        }

    def _move(self, row: Row[Any], limits: Limits) -> Move:
        level = replace(NOBODY, buffer=row.buffer, pack=row.pack, held=row.held)
        emptied = is_emptied(level, row.counted, row.shared, limits)
        return move_of(row, title=row.title, emptied=emptied, brake=row.brake)

    def acts_of(self, levels: Sequence[LevelId], *, since: datetime) -> dict[LevelId, list[Act]]:
        """Return what stores told of the variants of levels since then."""
        found: dict[LevelId, list[Act]] = {}
        query = (
            select(ACT, LEVEL.c.id.label("level"))
            .join(
                VARIANT,
                (VARIANT.c.store == ACT.c.store) & (VARIANT.c.variant_id == ACT.c.variant_id),
            )
            .join(LEVEL, (LEVEL.c.store == VARIANT.c.store) & (LEVEL.c.item == VARIANT.c.item))
            .where(ACT.c.at >= since - NEAR)
            .order_by(ACT.c.at, ACT.c.id)
        )
        for some in chunks(sorted(set(levels)), 500):
            for row in self.run(query.where(LEVEL.c.id.in_(some))):
                act = Act(
                    store=Alias(row.store),
                    kind=ActKind(row.kind),
                    ref=row.ref,
                    line=row.line,
                    order_id=row.order_id,
                    name=row.name,
                    variant_id=row.variant_id,
                    quantity=row.quantity,
                    location=row.location,
                    at=row.at,
                )
                found.setdefault(LevelId(row.level), []).append(act)
        return found

    def opened(self, pools: Iterable[PoolId]) -> dict[LevelId, int]:
        """Return what is being written to the levels of pools."""
        query = (
            select(ADJUSTMENT.c.level_id, ADJUSTMENT.c.delta)
            .join(LEVEL, LEVEL.c.id == ADJUSTMENT.c.level_id)
            .where(ADJUSTMENT.c.state == "open", ADJUSTMENT.c.meeting == LEVEL.c.meeting)
        )
        return {
            LevelId(row.level_id): row.delta
            for some in chunks(sorted(set(pools)), 500)
            for row in self.run(query.where(LEVEL.c.pool_id.in_(some)))
        }

    # -- what waits, and what is held
    def waiting(self, stores: Iterable[Alias]) -> dict[Alias, datetime]:
        """Return since when something of a store waits to be explained."""
        names = {wait_of(store): store for store in stores}
        rows = self.run(WAITING, {"brakes": list(names)})
        return {names[brake]: at for brake, at in rows}

    def standing_brake(self, store: Alias) -> tuple[str, dict[str, Any]] | None:
        """Return a store's brake and its facts, locked; None if it has not tripped."""
        found = self.run(OF_STORE, {"prefix": f"brake:{store}:"}).first()
        return None if found is None else (found.subject, found.facts)

    def decided_until(self, store: Alias) -> datetime | None:
        """Return when a brake of that store ended last: what moved before counts no more."""
        word = self.setting(f"{OVER}:{store}")
        return None if word is None else datetime.fromisoformat(word)

    def held(self, brake: str) -> list[Held]:
        """Return what a brake holds, or what waits, oldest first."""
        return [_held(row) for row in self.run(HELD, {"brake": brake})]

    def held_of(self, brakes: Sequence[str], store: Alias, variants: Iterable[int]) -> list[Held]:
        """Return what these hold of some variants."""
        query = (
            select(HOLD)
            .join(LEVEL, LEVEL.c.id == HOLD.c.level_id)
            .join(VARIANT, (VARIANT.c.store == LEVEL.c.store) & (VARIANT.c.item == LEVEL.c.item))
            .where(HOLD.c.brake.in_(brakes), STILL, VARIANT.c.store == store)
            .order_by(HOLD.c.id)
        )
        return [
            _held(row)
            for some in chunks(sorted(variants), 500)
            for row in self.run(query.where(VARIANT.c.variant_id.in_(some)))
        ]

    def parts(self, brake: str, pools: Iterable[PoolId]) -> dict[PoolId, list[Held]]:
        """Return what of pools is part of a brake, or waits, oldest first."""
        query = select(HOLD).where(HOLD.c.brake == brake, STILL).order_by(HOLD.c.id)
        found: dict[PoolId, list[Held]] = {}
        for some in chunks(sorted(set(pools)), 500):
            for row in self.run(query.where(HOLD.c.pool_id.in_(some))):
                found.setdefault(PoolId(row.pool_id), []).append(_held(row))
        return found

    def is_braked(self, pool: PoolId) -> bool:
        """Whether a brake asks about a pool: until it is answered nobody else decides about it."""
        query = select(HOLD.c.id).where(HOLD.c.pool_id == pool, STILL)
        return self.run(query.where(HOLD.c.brake.startswith(f"{KIND}:"))).first() is not None

    def lock_store(self, store: Alias) -> None:
        """Let no other process trip the brake of this store meanwhile."""
        self.run(select(STORE.c.alias).where(STORE.c.alias == store).with_for_update())

    def keep_back(
        self, brake: str, moves: Iterable[tuple[Move, Mapping[LevelId, int]]], *, now: datetime
    ) -> None:
        """Note what is part of a brake, or waits, and from whom it is kept."""
        rows = [
            {
                "brake": brake,
                "pool_id": each.pool,
                "level_id": each.level,
                "movement_id": each.id,
                "delta": each.counted - each.sold,
                "kept": {str(level): meeting for level, meeting in kept.items()},
                "at": now,
            }
            for each, kept in moves
        ]
        if rows:
            self.run(insert(HOLD), rows)

    def take_over(self, brake: str, waits: Iterable[int]) -> None:
        """Let a brake hold what has waited."""
        for some in chunks(list(waits), 500):
            self.run(update(HOLD).where(HOLD.c.id.in_(some), STILL).values(brake=brake))


def move_of(row: Row[Any], *, title: str, emptied: bool = False, brake: str | None = None) -> Move:
    """Return a movement's row as what is judged; a caller knows what is not in it."""
    return Move(
        id=row.id,
        pool=PoolId(row.pool_id),
        level=LevelId(row.level_id),
        delta=row.delta,
        counted=row.counted,
        at=row.at,
        seen_at=row.seen_at,
        emptied=emptied,
        title=title,
        brake=brake,
    )


def _held(row: Row[Any]) -> Held:
    """Return what a row holds."""
    return Held(
        id=row.id,
        brake=row.brake,
        pool=PoolId(row.pool_id),
        level=LevelId(row.level_id),
        movement=row.movement_id,
        delta=row.delta,
        kept={LevelId(int(level)): meeting for level, meeting in row.kept.items()},
        at=row.at,
    )
