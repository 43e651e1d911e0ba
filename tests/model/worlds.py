"""How one world follows from another."""

from dataclasses import replace

from sync_core.domain.values import Outcome
from tests.model.world import (
    Batch,
    Engine,
    Shop,
    World,
    put,
    recorded,
)


class Worlds:
    """What the steps of a design are made of."""

    def normal(self, world: World) -> World:
        """Return the world without what can make no difference: counters, and keys long done."""
        used = {
            batch.key
            for db in (*(each.db for each in world.engines), world.copy)
            if db is not None
            for batch in db.batches
            if batch is not None
        }
        shops = tuple(self.shop_without(shop, used, world) for shop in world.shops)
        return world._replace(engines=tuple(map(_without_counters, world.engines)), shops=shops)

    def shop_without(self, shop: Shop, used: set[str], world: World) -> Shop:
        done = tuple(each for each in shop.done if each[0] in used)
        before = shop.before if world.left.stale or world.left.slow else (0, 0)
        return shop._replace(done=done, before=before)

    def commit(self, world: World, number: int, outcome: Outcome, **more) -> World:
        engine = world.engines[number]
        db = recorded(engine.db, outcome, **more)
        return self.with_engine(world, number, engine._replace(db=db))

    def with_engine(self, world: World, number: int, engine: Engine) -> World:
        return world._replace(engines=put(world.engines, number, engine))

    def with_batch(self, world: World, number: int, store: int, batch: Batch | None) -> World:
        engine = world.engines[number]
        db = engine.db._replace(batches=put(engine.db.batches, store, batch))
        return self.with_engine(world, number, engine._replace(db=db))

    def closed(self, world: World, number: int, store: int, outcome: Outcome, **more) -> World:
        """Return the world in which a batch has ended, in one commit."""
        return self.with_batch(self.commit(world, number, outcome, **more), number, store, None)

    def less(self, world: World, name: str) -> World:
        left = world.left
        return world._replace(left=left._replace(**{name: getattr(left, name) - 1}))


def _without_counters(engine: Engine) -> Engine:
    """A level's version and mark are only ever compared with those of a read under way."""
    levels = tuple(
        each
        if read is not None or not (each.version or each.refresh_mark)
        else replace(each, version=0, refresh_mark=0)
        for each, read in zip(engine.db.pool.levels, engine.reads, strict=True)
    )
    pool = replace(engine.db.pool, levels=levels)
    return engine._replace(db=engine.db._replace(pool=pool))
