"""What may happen next in a small world, by the design as it is; `broken.py` breaks it.

Every step is one that a store, a network, a person or one commit of Tipo makes: between any two of
them anything else may happen. What is written in one step with what precedes it here (an update is
written down and sent) commutes with all that could come between, but for a crash: that is a step.
"""

from collections.abc import Iterator
from itertools import count

from sync_core.domain import accounting, adjustments
from sync_core.domain.suspension import request_refresh
from sync_core.domain.values import (
    Adjustment,
    Level,
    Mode,
    Observation,
    Outcome,
    Role,
)
from tests.model.leasing import Leasing, due_at
from tests.model.reading import ReadingById
from tests.model.world import (
    KEYS,
    LEVELS,
    NAMES,
    STORES,
    Batch,
    Engine,
    Shop,
    Step,
    Webhook,
    World,
    at,
    put,
    seconds,
)

DAY = 25 * 3600  # seconds: a store has forgotten its keys by then
KEPT_KEYS = 24 * 3600  # seconds for which a store knows a key


class Design(Leasing, ReadingById):
    """The design: the steps of a world."""

    def steps(self, world: World) -> Iterator[Step]:
        """Yield all that may happen next, and the world after it."""
        yield from self.people(world)
        yield from self.faults(world)
        yield from self.work(world)
        for number, engine in enumerate(world.engines if world.leased else ()):
            yield from self.leasing(world, number, engine)
        yield from self.time(world)
        if self.is_idle(world):
            yield from self.catching_up(world)

    def is_idle(self, world: World) -> bool:
        """Whether nothing is under way, and nobody waits for anything."""
        is_idle = next(self.work(world), None) is None
        return is_idle and all(each <= world.now for each in self.alarms(world))

    def is_at_rest(self, world: World) -> bool:
        """Whether nothing happens any more unless somebody from outside does something."""
        return self.is_idle(world) and next(self.catching_up(world), None) is None

    def work(self, world: World) -> Iterator[Step]:
        """Yield what Tipo, the stores and the network do by themselves."""
        yield from self.deliveries(world)
        for number, engine in enumerate(world.engines):
            for store in STORES:
                yield from self.sending(world, number, engine, store)
                yield from self.reading(world, number, engine, store)

    # -- people
    def people(self, world: World) -> Iterator[Step]:
        left = world.left
        if left.changes:
            delta = left.changes[0]
            for store in STORES:
                shop = world.shops[store]
                after = self.emit(world, store, shop.quantity + delta)
                shop = after.shops[store]
                after = after._replace(
                    shops=put(after.shops, store, shop._replace(outside=shop.outside + abs(delta))),
                    left=left._replace(changes=left.changes[1:]),
                    moved=world.moved + delta * is_shared(world.engines[0].db.pool.levels[store]),
                )
                yield f"{-delta} sold in {NAMES[store]}", after
        for number, engine in enumerate(world.engines):
            if left.takeovers and engine.db.asks:
                db = engine.db._replace(asks=False, taking=True)
                after = self.with_engine(world, number, engine._replace(db=db))
                yield f"a person lets {engine.name} take over", self.less(after, "takeovers")

    def emit(self, world: World, store: int, quantity: int, **more) -> World:
        """Return the world with a quantity changed in a store, and its webhooks on their way."""
        shop = world.shops[store].changed(quantity, world.now, **more)
        fresh = [Webhook(n, store, quantity, world.now) for n in range(len(world.engines))]
        return world._replace(
            shops=put(world.shops, store, shop),
            webhooks=tuple(sorted((*world.webhooks, *fresh), key=_line)),
        )

    # -- faults
    def faults(self, world: World) -> Iterator[Step]:
        left = world.left
        for number, engine in enumerate(world.engines):
            if left.crashes:
                dead = Engine(engine.name, engine.db)
                yield (
                    f"{engine.name} dies",
                    self.less(self.with_engine(world, number, dead), "crashes"),
                )
            for store in STORES:
                if left.lost and engine.answers[store]:
                    gone = engine._replace(answers=put(engine.answers, store, ()))
                    after = self.with_engine(world, number, gone)
                    yield f"the answer of {NAMES[store]} is lost", self.less(after, "lost")
            if left.restores and world.copy is not None and self.is_told_apart(world):
                old = Engine(engine.name, world.copy)
                after = self.with_engine(world, number, old)._replace(copy=None)
                yield f"{engine.name} is restored from a copy", self.less(after, "restores")
            if left.copies:
                after = world._replace(copy=engine.db)
                yield f"a copy of {engine.name} is made", self.less(after, "copies")
        if left.webhooks:
            for each in dict.fromkeys(world.webhooks):
                yield (
                    f"a webhook of {NAMES[each.store]} is lost ({each.value})",
                    self.less(_without(world, each), "webhooks"),
                )

    def is_told_apart(self, world: World) -> bool:
        """Whether the stores have taken a renewal that the copy does not know: operating.md."""
        assert world.copy is not None
        mark = world.shops[0].mark
        return mark is not None and mark[1] not in world.copy.renewals

    # -- webhooks
    def deliveries(self, world: World) -> Iterator[Step]:
        """Bring webhooks: those of a store in order, but for what comes too early."""
        lines = set()
        for each in dict.fromkeys(world.webhooks):
            is_first = _line(each) not in lines
            lines.add(_line(each))
            if is_first or world.left.early:
                after = world if is_first else self.less(world, "early")
                yield self.delivery(_without(after, each), each, each.value)
            if is_first and world.left.odd:
                yield self.delivery(self.less(_without(world, each), "odd"), each, None)

    def delivery(self, world: World, arrived: Webhook, value: int | None) -> Step:
        engine, store = world.engines[arrived.engine], arrived.store
        seen = Observation(key=KEYS[store], available=value, updated_at=at(arrived.updated_at))
        outcome = accounting.observe(engine.db.pool, seen, now=at(world.now))
        after = self.commit(world, arrived.engine, outcome)
        what = "no quantity" if value is None else value
        return f"{engine.name} hears that {NAMES[store]} has {what}", after

    def catching_up(self, world: World) -> Iterator[Step]:
        """Ask a store what has changed, for webhooks that never came."""
        if not world.catches_up:
            return
        for number, engine in enumerate(world.engines):
            for store, each in enumerate(engine.db.pool.levels):
                if each.book != world.shops[store].quantity:
                    level = request_refresh(each, now=at(world.now))
                    outcome = Outcome(pool=engine.db.pool.with_level(level))
                    after = self.commit(world, number, outcome)
                    yield f"{engine.name} asks {NAMES[store]} what has changed", after

    # -- writing
    def sending(self, world: World, number: int, engine: Engine, store: int) -> Iterator[Step]:
        batch = engine.db.batches[store]
        if batch is None:
            yield from self.planning(world, number, engine, store)
            return
        if engine.answers[store]:
            yield from self.answering(world, number, engine, store, batch)
            if not world.left.again:
                return
            world = self.less(world, "again")
        if self.may_write(world, engine):
            yield from self.sending_again(world, number, engine, store, batch)

    def planning(self, world: World, number: int, engine: Engine, store: int) -> Iterator[Step]:
        """Write down what is outstanding, and send it; or die, or lose it, in between."""
        if not self.may_write(world, engine):
            return
        level = engine.db.pool.levels[store]
        if not level.due:
            return
        pool = engine.db.pool
        outcome, deltas = adjustments.plan_adjustments(pool, KEYS[store].store, now=at(world.now))
        delta = deltas.get(LEVELS[store], 0)
        if not delta:
            if outcome.pool != pool:
                yield (
                    f"{engine.name} finds nothing to write to {NAMES[store]}",
                    self.commit(world, number, outcome),
                )
            return
        key = self.key(world, engine, store, delta)
        target = delta + (level.book or 0)
        batch = Batch(key, delta, level.level_baseline, total=target)
        planned = self.write_down(world, number, outcome, store, batch)
        what = f"{engine.name} writes {delta:+} to {NAMES[store]}"
        sent = self.stamped(planned, number, store)
        yield what, self.carry_out(sent, number, store, batch)
        if world.left.lost:
            yield f"{what}, which is lost", self.less(sent, "lost")
        if world.left.crashes:
            engine = planned.engines[number]
            dead = self.with_engine(planned, number, Engine(engine.name, engine.db))
            yield f"{what} down, and dies", self.less(dead, "crashes")
        if world.left.refusals:
            refused = self.refused(self.less(planned, "refusals"), number, store, batch)
            yield f"{what}, which refuses it", refused

    def key(self, world: World, engine: Engine, store: int, delta: int) -> str:
        """Return a key for a new batch: never one that the store knows."""
        used = dict(world.shops[store].done)
        return next(name for n in count() if (name := f"{engine.name}{n}") not in used)

    def write_down(
        self, world: World, number: int, outcome: Outcome, store: int, batch: Batch
    ) -> World:
        """Commit a batch before it is sent."""
        world = self.commit(world, number, outcome)
        return self.with_batch(world, number, store, batch)

    def stamped(self, world: World, number: int, store: int) -> World:
        """Note that a batch may have been carried out from now on."""
        batch = world.engines[number].db.batches[store]
        if batch is None or batch.sent_at is not None:
            return world
        return self.with_batch(world, number, store, batch._replace(sent_at=world.now))

    def carry_out(self, world: World, number: int, store: int, batch: Batch) -> World:
        """Have the store do it, once for each key that it knows; its answer is on its way."""
        shop = world.shops[store]
        known = dict(shop.done)
        written_at = known.get(batch.key)
        if written_at is None or world.now - written_at > KEPT_KEYS:
            written_at = world.now
            units = abs(self.quantity_after(shop, batch) - shop.quantity)
            world = self.emit(
                world,
                store,
                self.quantity_after(shop, batch),
                done=(*shop.done, (batch.key, world.now)),
                written=shop.written + units,
            )
        engine = world.engines[number]
        answers = put(engine.answers, store, (*engine.answers[store], written_at))
        return self.with_engine(world, number, engine._replace(answers=answers))

    def quantity_after(self, shop: Shop, batch: Batch) -> int:
        """Return what a store has after a batch: deltas, never totals."""
        return shop.quantity + batch.delta

    def sending_again(
        self, world: World, number: int, engine: Engine, store: int, batch: Batch
    ) -> Iterator[Step]:
        """Send the same bytes again; or give up, where the key is too old to be sent blindly."""
        sent_at = None if batch.sent_at is None else at(batch.sent_at)
        if adjustments.is_doubtful(first_sent_at=sent_at, now=at(world.now)):
            outcome = adjustments.expire(
                engine.db.pool, adjustment(batch, store), now=at(world.now)
            )
            after = self.closed(world, number, store, outcome)
            yield f"{engine.name} gives up on a key that is too old", after
            return
        again = self.stamped(world, number, store)
        yield (
            f"{engine.name} sends {batch.delta:+} to {NAMES[store]} again",
            self.carry_out(again, number, store, self.batch_again(world, batch)),
        )

    def batch_again(self, world: World, batch: Batch) -> Batch:
        """Return what is sent when nobody knows whether it was done: the same."""
        return batch

    def answering(
        self, world: World, number: int, engine: Engine, store: int, batch: Batch
    ) -> Iterator[Step]:
        """The store's answer arrives: the batch is settled, by the first that has one."""
        written_at, *rest = engine.answers[store]
        answers = put(engine.answers, store, self.other_answers(tuple(rest)))
        world = self.with_engine(world, number, engine._replace(answers=answers))
        yield (
            f"{NAMES[store]} answers that it is done",
            self.settled(world, number, store, batch, written_at),
        )

    def other_answers(self, rest: tuple[int, ...]) -> tuple[int, ...]:
        """Return which answers to a settled batch still count: none."""
        return ()

    def settled(
        self, world: World, number: int, store: int, batch: Batch, written_at: int
    ) -> World:
        """Close a batch, and move the book by it, in one commit."""
        pool = world.engines[number].db.pool
        done = adjustment(batch, store)
        outcome = self.settle(world, pool, done, written_at)
        level = pool.levels[store]
        counts = level.level_baseline == batch.level_baseline and level.book is not None
        written = {store: batch.delta} if counts else None
        return self.closed(world, number, store, outcome, written=written)

    def settle(self, world: World, pool, done: Adjustment, written_at: int) -> Outcome:
        return adjustments.settle_adjustment(
            pool, done, written_at=at(written_at), now=at(world.now)
        )

    def refused(self, world: World, number: int, store: int, batch: Batch) -> World:
        """Take a row that the store refuses for what it is."""
        outcome = adjustments.refuse(
            world.engines[number].db.pool,
            adjustment(batch, store),
            why="refused",
            now=at(world.now),
        )
        return self.closed(world, number, store, outcome)

    # -- time
    def time(self, world: World) -> Iterator[Step]:
        if world.left.ticks:
            later = world._replace(now=world.now + 1)
            yield "a second passes", self.less(later, "ticks")
        if world.left.days and any(any(each.db.batches) for each in world.engines):
            later = world._replace(now=world.now + DAY)
            yield "25 hours pass", self.less(later, "days")
        renewals = [
            due_at(each) for each in world.engines if world.left.renewals and each.lease > 0
        ]
        due = [each for each in (*self.alarms(world), *renewals) if each > world.now]
        if due:
            yield f"{min(due) - world.now} s pass", world._replace(now=min(due))

    def alarms(self, world: World) -> Iterator[int]:
        """Yield when an engine has something to do."""
        for engine in world.engines:
            yield from (
                seconds(each.refresh_at)
                for each in engine.db.pool.levels
                if each.refresh_at is not None and not each.is_unreadable
            )
            if engine.writes_from is not None:
                yield engine.writes_from


def _line(webhook: Webhook) -> tuple[int, int]:
    """Return what keeps its order: what one store sends to one engine."""
    return webhook.engine, webhook.store


def _without(world: World, arrived: Webhook) -> World:
    """Return the world in which a webhook is no longer on its way."""
    rest = list(world.webhooks)
    rest.remove(arrived)
    return world._replace(webhooks=tuple(rest))


def is_shared(level: Level) -> bool:
    """Whether what others do to a level reaches its pool: the rule itself may be broken."""
    return level.role is Role.SOURCE or level.mode is Mode.TWO_WAY


def adjustment(batch: Batch, store: int) -> Adjustment:
    """Return the one row of a batch."""
    return Adjustment(
        id=1,
        batch=1,
        level=LEVELS[store],
        delta=batch.delta,
        level_baseline=batch.level_baseline,
    )
