"""How a level is read by id in a small world, and how such a read may lie."""

from collections.abc import Iterator

from sync_core.domain import accounting
from sync_core.domain.values import Reading, RefreshRequest, Suspension
from tests.model.world import NAMES, Engine, Shop, Step, World, at, put
from tests.model.worlds import Worlds

LAG = 1  # seconds: less than the two after which a read is believed


class ReadingById(Worlds):
    """The part of the design that is about reads."""

    def reading(self, world: World, number: int, engine: Engine, store: int) -> Iterator[Step]:
        """Begin to read, and end; where leases are the question, in one step."""
        request = engine.reads[store] or self.request(world, engine, store)
        if request is None:
            return
        if engine.reads[store] is None and not world.leased:
            reads = put(engine.reads, store, request)
            after = self.with_engine(world, number, engine._replace(reads=reads))
            yield f"{engine.name} begins to read {NAMES[store]}", after
            return
        engine = engine._replace(reads=put(engine.reads, store, None))
        world = self.with_engine(world, number, engine)
        shop = world.shops[store]
        yield (
            f"{engine.name} reads {shop.quantity} in {NAMES[store]}",
            self.read(world, number, request, (shop.quantity, shop.changed_at)),
        )
        for kind in self.kinds_of_lag(world, shop):
            yield (
                f"{engine.name} reads {shop.before[0]} in {NAMES[store]}, which is stale",
                self.read(self.less(world, kind), number, request, shop.before),
            )
        if world.left.odd:
            yield (
                f"{engine.name} reads no quantity in {NAMES[store]}",
                self.read(self.less(world, "odd"), number, request, None),
            )

    def request(self, world: World, engine: Engine, store: int) -> RefreshRequest | None:
        """Return what is to be read now; None: nothing."""
        level, now = engine.db.pool.levels[store], at(world.now)
        if level.refresh_at is None or level.refresh_at > now:
            return None
        return RefreshRequest(
            level=level.id,
            key=level.key,
            began=now,
            version=level.version,
            mark=level.refresh_mark,
        )

    def kinds_of_lag(self, world: World, shop: Shop) -> Iterator[str]:
        """Yield how a read may show what a store had before: for a second; or longer, visibly."""
        is_new = world.now - shop.changed_at <= LAG and shop.before[0] != shop.quantity
        if world.left.stale and is_new:
            yield "stale"
        if world.left.slow and shop.before[1] < shop.changed_at and not is_new:
            yield "slow"

    def read(
        self, world: World, number: int, request: RefreshRequest, found: tuple[int, int] | None
    ) -> World:
        """Account for what a read has found; None: no quantity at all."""
        pool = world.engines[number].db.pool
        reading = (
            Reading(key=request.key, trouble=Suspension.INACTIVE)
            if found is None
            else Reading(key=request.key, available=found[0], updated_at=at(found[1]))
        )
        outcome = accounting.apply_reading(pool, reading, request, now=at(world.now))
        return self.commit(world, number, outcome)
