"""What moved lately, and what shares its stock with nobody, read for people."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Row, and_, cast, func, or_, select

from sync_core.db.barcodes import BARCODE, OF_VARIANT
from sync_core.db.catalogue import LOCATION
from sync_core.db.inbox import ACT
from sync_core.db.news import FINDING
from sync_core.db.reports import Reports, act_of
from sync_core.db.rows import LEVEL, VARIANT, variant_of
from sync_core.db.stock import MOVEMENT, POOL
from sync_core.domain.acts import Act
from sync_core.domain.causes import NEAR, explain
from sync_core.domain.match import MATCHED_BY, MatchBy, clash, codes_of, title_of
from sync_core.domain.values import (
    Alias,
    ItemId,
    LocationId,
    News,
    Outcome,
    PoolId,
    Severity,
    Variant,
)
from sync_core.domain.views import Hour, Moved, Unmatched

HOUR = timedelta(hours=1)
MOST_ACTS = 5000
MOST_OVERSOLD = 50  # products whose orders are looked up at once


class Activity(Reports):
    """The part of the ledger that tells what goes on."""

    def moved(self, *, after: int, limit: int) -> list[Moved]:
        """Return movements in order, those after that number, each with its cause."""
        query = (
            select(MOVEMENT, LEVEL.c.store, POOL.c.title)
            .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
            .join(POOL, POOL.c.id == MOVEMENT.c.pool_id)
            .where(MOVEMENT.c.id > after)
            .order_by(MOVEMENT.c.id)
            .limit(limit)
        )
        rows = self.run(query).all()
        acts = self._acts_around(rows)
        return [_moved(row, acts[row.level_id]) for row in rows]

    def save(self, outcomes: Iterable[Outcome], *, now: datetime) -> None:
        """Keep what has become of pools; who oversold one is named at once, if that is known."""
        outcomes = list(outcomes)
        super().save(outcomes, now=now)
        if any(news.kind == "oversold" for each in outcomes for news in each.news):
            self.name_oversold(now=now)

    def name_oversold(self, *, now: datetime) -> None:
        """Put the orders that oversold a product into its finding, once they are known."""
        standing = FINDING.c.closed_at.is_(None) & (FINDING.c.kind == "oversold")
        for row in self.run(select(FINDING).where(standing).limit(MOST_OVERSOLD)).all():
            pool = PoolId(int(row.subject.removeprefix("pool:")))
            acts = self._takers(pool, int(row.facts["units"]))
            if acts and row.facts.get("acts") != acts:
                facts = {**row.facts, "acts": acts}
                severity = Severity(row.severity)
                told = News(kind="oversold", subject=row.subject, severity=severity, facts=facts)
                self.tell([told], now=now)

    def _takers(self, pool: PoolId, units: int) -> str:
        """Return who took the units that nobody has, and the last that somebody had."""
        query = (
            select(MOVEMENT, LEVEL.c.store, POOL.c.title)
            .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
            .join(POOL, POOL.c.id == MOVEMENT.c.pool_id)
            .where(MOVEMENT.c.pool_id == pool, MOVEMENT.c.counted < 0)
            .order_by(MOVEMENT.c.id.desc())
            .limit(20)
        )
        rows = []
        taken = 0
        for row in self.run(query):
            rows.append(row)
            taken -= row.counted
            if taken > units:
                break
        acts = self._acts_around(rows)
        moves = [_moved(row, acts[row.level_id]) for row in reversed(rows)]
        known = [
            f"{each.cause} in {each.store}" for each in moves if each.cause.startswith("order")
        ]
        return " and ".join(dict.fromkeys(known))

    def last_movement(self) -> int:
        """Return the number of the newest movement; 0 while there is none."""
        return int(self.run(select(func.coalesce(func.max(MOVEMENT.c.id), 0))).scalar_one())

    def _acts_around(self, rows: Sequence[Row[Any]]) -> dict[int, list[Act]]:
        """Return what stores told of these levels' variants around those times, by level."""
        found: dict[int, list[Act]] = defaultdict(list)
        if not rows:
            return found
        times = [row.seen_at or row.at for row in rows]
        of_variant = and_(VARIANT.c.store == ACT.c.store, VARIANT.c.variant_id == ACT.c.variant_id)
        of_level = and_(LEVEL.c.store == VARIANT.c.store, LEVEL.c.item == VARIANT.c.item)
        query = (
            select(ACT, LEVEL.c.id.label("level"))
            .join(VARIANT, of_variant)
            .join(LEVEL, of_level)
            .where(LEVEL.c.id.in_({row.level_id for row in rows}))
            .where(ACT.c.at.between(min(times) - NEAR, max(times) + NEAR))
            .order_by(ACT.c.at, ACT.c.id)
            .limit(MOST_ACTS)
        )
        told = self.run(query).all()
        names = self._order_names([row.order_id for row in told if not row.name])
        for row in told:
            found[row.level].append(act_of(row, names))
        return found

    def hours(self, *, now: datetime, count: int) -> list[Hour]:
        """Return how many units moved within each of the last hours, by store."""
        first = now.replace(minute=0, second=0, microsecond=0) - HOUR * (count - 1)
        units: dict[int, dict[Alias, int]] = defaultdict(dict)
        part = self._hour_of(first)
        query = (
            select(part, LEVEL.c.store, func.sum(func.abs(MOVEMENT.c.delta)))
            .join(LEVEL, LEVEL.c.id == MOVEMENT.c.level_id)
            .where(MOVEMENT.c.at >= first)
            .group_by(part, LEVEL.c.store)
        )
        for number, store, total in self.run(query):
            units[int(number)][Alias(store)] = int(total)
        return [Hour(at=first + HOUR * number, units=units[number]) for number in range(count)]

    def _hour_of(self, first: datetime) -> Any:
        """Return the expression that numbers a movement's hour, from `first` on."""
        if self.is_sqlite:
            days = func.julianday(MOVEMENT.c.at) - func.julianday(
                first.astimezone(UTC).replace(tzinfo=None)
            )
            return cast(days * 24 + 1e-6, Integer)
        seconds = func.extract("epoch", MOVEMENT.c.at) - first.timestamp()
        return cast(func.floor(seconds / 3600), Integer)

    # -- what shares with nobody
    def unmatched(self, *, limit: int, offset: int) -> tuple[int, list[Unmatched]]:
        """Return how many variants are in no pool, and some of them with the reason."""
        same = and_(LEVEL.c.store == VARIANT.c.store, LEVEL.c.item == VARIANT.c.item)
        alone = ~select(LEVEL.c.id).where(same).exists()
        total = int(self.run(select(func.count()).select_from(VARIANT).where(alone)).scalar_one())
        page = select(VARIANT).where(alone).order_by(VARIANT.c.store, VARIANT.c.title)
        rows = self.run(page.order_by(VARIANT.c.item).offset(offset).limit(limit)).all()
        doubled = self._doubled([row.key for row in rows if row.key is not None])
        alike: dict[str, list[Variant]] = defaultdict(list)
        if self.setting(MATCHED_BY) == MatchBy.BARCODE:
            same = VARIANT.c.key.in_({key for _, key in doubled})
            for row in self.run(select(VARIANT).where(same)):
                alike[row.key].append(variant_of(row))
        return total, [_unmatched(row, doubled, alike.get(row.key, ())) for row in rows]

    def _doubled(self, keys: Sequence[str]) -> set[tuple[str, str]]:
        """Return which of these keys several variants of one store have."""
        query = (
            select(VARIANT.c.store, VARIANT.c.key)
            .where(VARIANT.c.key.in_(keys), ~VARIANT.c.bundle, ~VARIANT.c.gift_card)
            .group_by(VARIANT.c.store, VARIANT.c.key)
            .having(func.count() > 1)
        )
        return {(row.store, row.key) for row in self.run(query)}

    def partners(self, store: Alias, item: ItemId) -> dict[Alias, ItemId]:
        """Return variants in no pool that are the same by SKU or barcode, one per other store."""
        mine = and_(VARIANT.c.store == store, VARIANT.c.item == item)
        row = self.run(select(VARIANT).where(mine)).first()
        if row is None:
            return {}
        codes = BARCODE.c.code.in_(codes_of(variant_of(row)))
        alike = or_(
            and_(VARIANT.c.sku == row.sku, VARIANT.c.sku != ""),
            select(BARCODE.c.item).where(OF_VARIANT, codes).exists(),
        )
        pooled = and_(LEVEL.c.store == VARIANT.c.store, LEVEL.c.item == VARIANT.c.item)
        free = ~select(LEVEL.c.id).where(pooled).exists()
        query = select(VARIANT.c.store, VARIANT.c.item).where(alike, free, VARIANT.c.store != store)
        found: dict[Alias, list[ItemId]] = defaultdict(list)
        for each in self.run(query.limit(50)):
            found[Alias(each.store)].append(ItemId(each.item))
        return {alias: items[0] for alias, items in found.items() if len(items) == 1}

    # -- places
    def locations(self) -> dict[Alias, list[tuple[LocationId, str]]]:
        """Return the open locations of each store."""
        query = select(LOCATION).where(LOCATION.c.active, LOCATION.c.owned)
        found: dict[Alias, list[tuple[LocationId, str]]] = {}
        for row in self.run(query.order_by(LOCATION.c.name, LOCATION.c.location)):
            found.setdefault(Alias(row.store), []).append((LocationId(row.location), row.name))
        return found

    def has_levels(self, place: int, stores: set[Alias]) -> bool:
        """Whether pools of a place have levels in these stores."""
        query = (
            select(LEVEL.c.id)
            .join(POOL, POOL.c.id == LEVEL.c.pool_id)
            .where(POOL.c.place_id == place, LEVEL.c.store.in_(stores))
            .limit(1)
        )
        return self.run(query).first() is not None


def _moved(row: Row[Any], acts: list[Act]) -> Moved:
    """Return a movement as a line, and use up the acts that explain it."""
    cause, used = explain(row.delta, row.seen_at or row.at, acts)
    for each in used:
        acts.remove(each)
    return Moved(
        id=row.id,
        at=row.at,
        pool=PoolId(row.pool_id),
        title=row.title,
        store=Alias(row.store),
        delta=row.delta,
        counted=row.counted,
        cause=cause,
    )


def _unmatched(row: Row[Any], doubled: set[tuple[str, str]], alike: Sequence[Variant]) -> Unmatched:
    variant = variant_of(row)
    return Unmatched(
        store=variant.store,
        item=variant.item,
        title=title_of(variant),
        handle=variant.handle,
        sku=variant.sku,
        why=_why(row, doubled, alike),
    )


def _why(row: Row[Any], doubled: set[tuple[str, str]], alike: Sequence[Variant]) -> str:
    """Return why a variant shares its stock with nobody."""
    if row.gift_card or row.bundle:
        return "gift card" if row.gift_card else "bundle"
    if not row.tracked:
        return "not tracked"
    if row.key is None:
        return "nothing to match by"
    twins = {store for store, key in doubled if key == row.key}
    if not twins:
        return "no partner in another store"
    if alike:
        return clash(variant_of(row), alike)
    return f"several in {'this' if row.store in twins else 'another'} store look the same"
