"""A world small enough to be searched through: two stores, one pool, and all that may happen to it.

What a store does, who dies and what is lost is modelled here, in a few lines each; what Tipo makes
of it is decided by the real functions of the domain. A world is a value: the search
compares and counts them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from sync_core.domain.leases import Lease
from sync_core.domain.values import (
    Alias,
    ItemId,
    Level,
    LevelId,
    LevelKey,
    LocationId,
    Mode,
    Outcome,
    Pool,
    PoolId,
    RefreshRequest,
    Role,
)

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
NAMES = ("EU", "US")
STORES = range(len(NAMES))
FIRST_QUANTITY = 10
LONG_AGO = -1000  # seconds
KEYS = tuple(
    LevelKey(store=Alias(name.lower()), item=ItemId(n), location=LocationId(n))
    for n, name in enumerate(NAMES)
)
LEVELS = tuple(LevelId(n) for n in STORES)


@cache
def at(second: int) -> datetime:
    """Return the moment so many seconds after the start."""
    return START + timedelta(seconds=second)


def lease_from(now: int) -> int:
    """Return until when a lease lasts that is renewed now."""
    lease = Lease()
    lease.renew(now)
    return round(lease.until)


def seconds(moment: datetime) -> int:
    """Return how many seconds after the start that is."""
    return round((moment - START).total_seconds())


class Shop(NamedTuple):
    """One store, as it really is."""

    quantity: int = FIRST_QUANTITY
    changed_at: int = LONG_AGO  # `updated_at`
    before: tuple[int, int] = (FIRST_QUANTITY, LONG_AGO)  # quantity and `updated_at` before that
    done: tuple[tuple[str, int], ...] = ()  # keys, and when each was carried out
    outside: int = 0  # units that others have moved
    written: int = 0  # units that engines have written
    mark: tuple[str, str] | None = None  # instance and renewal of the one that may write

    def changed(self, quantity: int, now: int, **more: object) -> "Shop":
        """Return the store with another quantity."""
        return self._replace(
            quantity=quantity,
            changed_at=now,
            before=(self.quantity, self.changed_at),
            **more,
        )


class Batch(NamedTuple):
    """An adjustment that is written down, under a key."""

    key: str
    delta: int
    level_baseline: int
    sent_at: int | None = None  # since when it may have been carried out
    total: int = 0  # what the level is to show: only a broken design looks at it


class Sums(NamedTuple):
    """What is recorded, over the present baseline."""

    counted: int = 0
    movements: tuple[int, ...] = (0, 0)
    written: tuple[int, ...] = (0, 0)


class Durable(NamedTuple):
    """What a database holds: a crash leaves it, a restore brings an older one back."""

    pool: Pool
    batches: tuple[Batch | None, ...] = (None, None)
    sums: Sums = Sums()
    renewals: tuple[str, ...] = ()
    asks: bool = False  # a person is asked before anything is written
    taking: bool = False  # a person has said: take over


class Engine(NamedTuple):
    """One Tipo: its database, and what ends with its process."""

    name: str
    db: Durable
    answers: tuple[tuple[int, ...], ...] = ((), ())  # on their way: when the store wrote
    reads: tuple[RefreshRequest | None, ...] = (None, None)
    lease: int = -1  # until when it may write
    writes_from: int | None = None  # taking over: when the wait is over


class Webhook(NamedTuple):
    """A value on its way to an engine."""

    engine: int
    store: int
    value: int
    updated_at: int


class Left(NamedTuple):
    """What may still go wrong, and how often."""

    changes: tuple[int, ...] = ()  # of a quantity, in this order, in any store
    crashes: int = 0
    lost: int = 0  # requests or answers
    stale: int = 0  # reads that lag by a second
    slow: int = 0  # reads that lag by longer, and show it
    odd: int = 0  # reads without a quantity
    webhooks: int = 0  # lost ones
    early: int = 0  # webhooks that overtake others of their store
    refusals: int = 0
    ticks: int = 0  # seconds that pass for no reason
    days: int = 0
    again: int = 0  # sendings by a second process, before the first has its answer
    renewals: int = 0
    takeovers: int = 0
    copies: int = 0
    restores: int = 0


class World(NamedTuple):
    """All there is."""

    engines: tuple[Engine, ...]
    left: Left
    shops: tuple[Shop, ...] = (Shop(), Shop())
    webhooks: tuple[Webhook, ...] = ()
    now: int = 0
    marks: int = 0  # put into the stores so far
    copy: Durable | None = None
    moved: int = 0  # by how much others have changed all stores together
    leased: bool = False  # whether leases are part of this world
    catches_up: bool = False  # whether stores are asked what has changed

    @property
    def expected(self) -> int:
        """Return what both stores must show in the end, where they were equal at first."""
        return FIRST_QUANTITY + self.moved


Step = tuple[str, World]  # what happens, and the world after it


def level(store: int, **more: object) -> Level:
    """Return a level at rest that shows what its store had at first."""
    given: Mapping[str, object] = {
        "id": LEVELS[store],
        "key": KEYS[store],
        "role": Role.DESTINATION if store else Role.SOURCE,
        "mode": Mode.TWO_WAY,
        "book": FIRST_QUANTITY,
        "first_book": FIRST_QUANTITY,
        "baselined": True,
        **more,
    }
    return Level(**given)


def pool(*levels: Level, shared: int | None = FIRST_QUANTITY) -> Pool:
    """Return the pool of both levels."""
    both = levels or tuple(level(store) for store in STORES)
    return Pool(id=PoolId(1), title="Thing", shared=shared, first_shared=shared, levels=both)


def world(
    *,
    engines: int = 1,
    start: Pool | None = None,
    shown: tuple[int, ...] = (FIRST_QUANTITY, FIRST_QUANTITY),
    leased: bool = False,
    catches_up: bool = False,
    **left,
) -> World:
    """Return a world in which nothing has happened yet.

    Args:
        engines: How many Tipos there are.
        start: Their pool; by default all is equal, and at rest.
        shown: What each store shows.
        leased: Whether leases are part of it.
        catches_up: Whether stores are asked what has changed.
        left: What may happen.
    """
    names = ("A", "B")[:engines]
    made = [Engine(name, Durable(start or pool())) for name in names]
    mark = None
    if leased:  # the first has just renewed its lease
        mark = names[0], "r"
        made[0] = made[0]._replace(db=made[0].db._replace(renewals=("r",)), lease=lease_from(0))
    return World(
        engines=tuple(made),
        left=Left(**left),
        shops=tuple(Shop(each, before=(each, LONG_AGO), mark=mark) for each in shown),
        leased=leased,
        catches_up=catches_up,
    )


def put(items: tuple, number: int, item: object) -> tuple:
    """Return a tuple with one of its items replaced."""
    return (*items[:number], item, *items[number + 1 :])


def recorded(db: Durable, outcome: Outcome, *, written: Mapping[int, int] | None = None) -> Durable:
    """Return the database after a commit; sums are over the present baseline.

    Args:
        db: As it was.
        outcome: What became of the pool.
        written: What was settled, by store.
    """
    before, after, sums = db.pool, outcome.pool, db.sums
    counted = sums.counted if before.baseline == after.baseline else 0
    movements, settled = list(sums.movements), list(sums.written)
    for store, (old, new) in enumerate(zip(before.levels, after.levels, strict=True)):
        if old.level_baseline != new.level_baseline:
            movements[store] = settled[store] = 0
        elif written and store in written:
            settled[store] += written[store]
    for each in outcome.movements:
        counted += each.counted
        if each.level_baseline == after.level(each.level).level_baseline:
            movements[each.level] += each.delta
    return db._replace(pool=after, sums=Sums(counted, tuple(movements), tuple(settled)))
