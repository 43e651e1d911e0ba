"""Who may write in a small world: both stores always hold the same mark."""

from collections.abc import Iterator

from sync_core.domain import leases
from sync_core.domain.audit import restart_pool
from sync_core.domain.suspension import request_refresh
from sync_core.domain.values import Outcome
from tests.model.world import Durable, Engine, Step, World, at, lease_from, recorded
from tests.model.worlds import Worlds


class Leasing(Worlds):
    """The part of the design that is about two Tipos, and about older databases."""

    def may_write(self, world: World, engine: Engine) -> bool:
        """Whether an engine may write now: while its lease lasts."""
        return not world.leased or world.now < engine.lease

    def leasing(self, world: World, number: int, engine: Engine) -> Iterator[Step]:
        """Renew the lease, or ask; or take over, wait, and take a new baseline."""
        if engine.db.asks:
            return
        db = engine.db
        known = leases.RecordedLease(instance=engine.name, renewals=frozenset(db.renewals))
        claim = leases.claim_of(mark_in(world), known)
        if db.taking:
            yield from self.taking_over(world, number, engine)
        elif claim.may_write and world.left.renewals and world.now >= due_at(engine):
            after = self.with_mark(world, number, engine)
            engine = after.engines[number]._replace(lease=lease_from(world.now))
            after = self.with_engine(after, number, engine)
            yield f"{engine.name} renews its lease", self.less(after, "renewals")
        elif not claim.may_write:
            asking = engine._replace(db=db._replace(asks=True), lease=-1)
            yield (
                f"{engine.name} finds the mark {claim.value}, and asks",
                self.with_engine(world, number, asking),
            )

    def with_mark(self, world: World, number: int, engine: Engine) -> World:
        """Put a new mark into the stores, which the database knows first."""
        renewal = f"r{world.marks}"
        db = engine.db._replace(renewals=(renewal,))
        mark = engine.name, renewal
        return self.with_engine(
            world._replace(
                marks=world.marks + 1,
                shops=tuple(each._replace(mark=mark) for each in world.shops),
            ),
            number,
            engine._replace(db=db),
        )

    def taking_over(self, world: World, number: int, engine: Engine) -> Iterator[Step]:
        if engine.writes_from is None:
            if not world.left.renewals:
                return
            after = self.with_mark(world, number, engine)
            until = leases.waits_until(mark_in(world), world.now)
            engine = after.engines[number]._replace(writes_from=round(until))
            yield (
                f"{engine.name} puts its mark there",
                self.less(self.with_engine(after, number, engine), "renewals"),
            )
        elif world.now >= engine.writes_from:
            db = rebaselined(engine.db, world.now)._replace(taking=False)
            engine = engine._replace(db=db, writes_from=None, lease=lease_from(world.now))
            after = self.with_engine(world, number, engine)
            yield f"{engine.name} takes a new baseline, and may write", after


def mark_in(world: World) -> leases.LeaseMark | None:
    """Return the mark that the stores hold."""
    mark = world.shops[0].mark
    return mark and leases.LeaseMark(instance=mark[0], renewal=mark[1], at=at(0))


def rebaselined(db: Durable, now: int) -> Durable:
    """Take a new baseline of everything: nothing that the database remembers holds."""
    pool = restart_pool(db.pool)
    fresh = [request_refresh(each, now=at(now)) for each in pool.levels]
    return recorded(db, Outcome(pool=pool.with_levels(fresh)))


def due_at(engine: Engine) -> int:
    """Return when a lease is due to be renewed: at once where there is none."""
    return engine.lease - round(leases.WRITE_LEASE_SECONDS - leases.RENEW_EVERY_SECONDS)
