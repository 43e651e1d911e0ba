"""The design with one rule broken at a time: each of them must lose or invent units, or never rest.

A rule that the domain decides is broken there, in the real module; one that the shell keeps (what
is written down when, what is sent, who may write) is broken in the steps of the model.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sync_core.domain import accounting, adjustments, baseline, leases
from sync_core.domain.accounting import Verdict
from sync_core.domain.values import NEVER, Level, Outcome, Reading
from tests.model.design import Design, adjustment
from tests.model.world import Batch, World, at

judge_webhook, judge_reading = accounting.judge_webhook, accounting.judge_reading
apply_reading, request_refresh = accounting.apply_reading, accounting.request_refresh
settle_adjustment, claim_of = adjustments.settle_adjustment, leases.claim_of


@dataclass(frozen=True)
class Broken:
    """One rule, broken."""

    rule: int  # of the design's
    name: str
    world: str  # in which it shows
    design: type[Design] = Design
    domain: Mapping[tuple[Any, str], Any] = field(default_factory=dict)  # what stands there now

    @contextmanager
    def applied(self) -> Iterator[Design]:
        """Break it in the domain for a while."""
        before = {place: getattr(*place) for place in self.domain}
        try:
            for (where, name), other in self.domain.items():
                setattr(where, name, other)
            yield self.design()
        finally:
            for (where, name), own in before.items():
                setattr(where, name, own)


# -- rule 1: deltas, never totals
class Totals(Design):
    def quantity_after(self, shop, batch):
        return batch.total


def book_by_total(pool, done, **when) -> Outcome:
    outcome = settle_adjustment(pool, done, **when)
    level = replace(outcome.pool.level(done.level), book=outcome.pool.shared)
    return replace(outcome, pool=outcome.pool.with_level(level))


# -- rule 2: written down before it is sent, and sent again until there is an answer
class SentFirst(Design):
    """It is written down when the store has answered; a crash in between forgets it."""

    def planning(self, world, number, engine, store):
        for name, after in super().planning(world, number, engine, store):
            batch = after.engines[number].db.batches[store]
            if batch is not None and not after.engines[number].answers[store]:
                continue  # what is lost on the way leaves no trace: nothing more is to be seen
            yield name, after

    def faults(self, world):
        for name, after in super().faults(world):
            if not name.endswith("dies"):
                yield name, after
                continue
            for number, engine in enumerate(world.engines):
                if any(engine.answers):
                    after = self.forgotten(after, number)  # noqa: PLW2901
            yield name, after

    def forgotten(self, world: World, number: int) -> World:
        for store, batch in enumerate(world.engines[number].db.batches):
            if batch is not None:
                world = unwritten(self, world, number, store, batch)
        return world


def unwritten(design: Design, world: World, number: int, store: int, batch: Batch) -> World:
    """Return the world in which a batch is taken for not done."""
    undone, pool = adjustment(batch, store), world.engines[number].db.pool
    outcome = adjustments.mark_unwritten(pool, undone, now=at(world.now))
    return design.closed(world, number, store, outcome)


class NewKeys(Design):
    def batch_again(self, world, batch):
        return batch._replace(key=batch.key + "'")


class NoAnswerIsNo(Design):
    """What got no answer is taken for not done."""

    def sending_again(self, world, number, engine, store, batch):
        yield f"{engine.name} takes it for not done", unwritten(self, world, number, store, batch)


class NoAnswerIsYes(Design):
    """What got no answer is taken for done."""

    def sending_again(self, world, number, engine, store, batch):
        after = self.settled(world, number, store, batch, world.now)
        yield f"{engine.name} takes it for done", after


class AnswersQuantity(Design):
    """The quantity in an answer becomes the book."""

    def settle(self, world, pool, done, written_at):
        outcome = super().settle(world, pool, done, written_at)
        shown = world.shops[done.level].quantity
        level = replace(outcome.pool.level(done.level), book=shown)
        return replace(outcome, pool=outcome.pool.with_level(level))


# -- rule 3: one open adjustment a level, and nothing is accounted meanwhile
class TwoOpen(Design):
    """While one is under way another is planned, and counts as well."""

    def sending(self, world, number, engine, store):
        yield from super().sending(world, number, engine, store)
        level = engine.db.pool.levels[store]
        batch = engine.db.batches[store]
        if batch is not None and level.due:
            delta = adjustments.outstanding(level, engine.db.pool.shared)
            if delta:
                second = Batch(self.key(world, engine, store, delta), delta, batch.level_baseline)
                after = self.carry_out(world, number, store, second)
                pool = engine.db.pool.with_level(replace(level, due=False))
                after = self.with_engine(
                    after, number, after.engines[number]._replace(db=engine.db._replace(pool=pool))
                )
                yield f"{engine.name} writes {delta:+} as well", after


# -- rule 4: an old value never undoes a new one
def accepting(level, value, updated_at):
    """Take whatever differs for the truth."""
    verdict = judge_webhook(level, value, updated_at)
    return Verdict.ACCEPT if verdict is Verdict.REFRESH and not level.is_unreadable else verdict


def same_second(level, value, updated_at):
    verdict = judge_webhook(level, value, updated_at)
    known = max(level.seen_at, level.written_at)
    return Verdict.ACCEPT if verdict is Verdict.REFRESH and updated_at == known else verdict


def dropping(level, value, updated_at):
    verdict = judge_webhook(level, value, updated_at)
    return Verdict.KNOWN if verdict is Verdict.REFRESH else verdict


def meanwhile(level, value, updated_at):
    """Account for what is heard while an adjustment is open."""
    return judge_webhook(replace(level, open=False), value, updated_at)


def without_written_at(pool, done, **when) -> Outcome:
    return settle_adjustment(pool, done, **when | {"written_at": NEVER})


def reading_at_once(level, reading, request, **more):
    """Believe a read that began in the two seconds after a write."""
    return judge_reading(
        replace(level, settled_at=NEVER, accounted_at=NEVER), reading, request, **more
    )


def refreshing_at_once(level, **when):
    wanted = request_refresh(replace(level, settled_at=NEVER, accounted_at=NEVER), **when)
    return replace(wanted, settled_at=level.settled_at, accounted_at=level.accounted_at)


def reading_though_moved(level, reading, request, **more):
    """Believe a read although the level has moved since it began."""
    still = replace(level, open=False, version=request.version)
    return judge_reading(still, reading, request, **more)


# -- rules 6 to 10
def adopting(outcome, level):
    """Let a level join whatever it shows."""
    return baseline._admit(outcome, level, baseline.target_of(level, outcome.pool.shared))


def agreeing(outcome):
    source = outcome.pool.levels[0]
    return baseline._agreed(outcome, source, source.book) if source.book is not None else outcome


class Written(Design):
    """A row that the store refuses is taken for written."""

    def refused(self, world, number, store, batch):
        return self.settled(world, number, store, batch, world.now)


class SettledTwice(Design):
    """Each answer settles, not only the first that finds its batch open."""

    def other_answers(self, rest):
        return rest

    def settled(self, world, number, store, batch, written_at):
        after = super().settled(world, number, store, batch, written_at)
        if after.engines[number].answers[store]:
            return self.with_batch(after, number, store, batch)
        return after


class KeysOfQuantities(Design):
    def key(self, world, engine, store, delta):
        return f"{delta}"

    def shop_without(self, shop, used, world):
        return shop


def zero(pool, reading, request, **more):
    """Take a missing quantity for zero."""
    if reading.available is None:
        reading = Reading(key=reading.key, available=0, updated_at=more["now"])
    return apply_reading(pool, reading, request, **more)


# -- rule 12: one engine, one history
class NoLease(Design):
    def may_write(self, world, engine):
        return True


def renewing(found, recorded):
    """Take an older database for the newest."""
    claim = claim_of(found, recorded)
    return leases.LeaseClaim.RENEW if claim is leases.LeaseClaim.OLDER else claim


def seizing(found, recorded):
    """Take whatever mark is found for nobody's."""
    return leases.LeaseClaim.TAKE


def _judging(name, does):
    return {(accounting, name): does}


BROKEN = (
    Broken(1, "a total is written instead of a delta", "three changes", Totals),
    Broken(
        1,
        "the book becomes the total that was wanted",
        "three changes",
        domain={(adjustments, "settle_adjustment"): book_by_total},
    ),
    Broken(2, "sent before it is written down", "everything goes wrong", SentFirst),
    Broken(2, "a new key on each sending", "everything goes wrong", NewKeys),
    Broken(2, "no answer is taken for not done", "everything goes wrong", NoAnswerIsNo),
    Broken(2, "no answer is taken for done", "everything goes wrong", NoAnswerIsYes),
    Broken(2, "the quantity of an answer becomes the book", "three changes", AnswersQuantity),
    Broken(
        2,
        "a key that is too old is sent blindly",
        "a key too old",
        domain={(adjustments, "is_doubtful"): lambda **_: False},
    ),
    Broken(3, "two adjustments of a level are open", "three changes", TwoOpen),
    Broken(
        3,
        "accounting while an adjustment is open",
        "three changes",
        domain=_judging("judge_webhook", meanwhile),
    ),
    Broken(
        4,
        "whatever differs is accepted",
        "everything goes wrong",
        domain=_judging("judge_webhook", accepting),
    ),
    Broken(
        4,
        "the same second is late enough",
        "everything goes wrong",
        domain=_judging("judge_webhook", same_second),
    ),
    Broken(
        4,
        "what is in doubt is dropped instead of read",
        "three changes",
        domain=_judging("judge_webhook", dropping),
    ),
    Broken(
        4,
        "when we wrote is forgotten",
        "a second apart",
        domain={(adjustments, "settle_adjustment"): without_written_at},
    ),
    Broken(
        4,
        "a read counts without the two quiet seconds",
        "everything goes wrong",
        domain={
            (accounting, "judge_reading"): reading_at_once,
            (accounting, "request_refresh"): refreshing_at_once,
            (adjustments, "request_refresh"): refreshing_at_once,
        },
    ),
    Broken(
        4,
        "a read counts although the level has moved since",
        "refused, or no quantity",
        domain=_judging("judge_reading", reading_though_moved),
    ),
    Broken(
        4,
        "a read that is visibly stale counts",
        "slow reads",
        domain=_judging("_is_stale", lambda *_: False),
    ),
    Broken(
        6,
        "an initial comparison takes a difference for equal",
        "different at first",
        domain={(baseline, "_join"): adopting, (baseline, "_agree"): agreeing},
    ),
    Broken(
        7,
        "a one-way destination's changes count",
        "one-way",
        domain={(Level, "counts"): property(lambda _: True)},
    ),
    Broken(8, "a refused row is taken for written", "refused, or no quantity", Written),
    Broken(9, "each answer settles, not only the first", "two processes", SettledTwice),
    Broken(9, "a key is made of quantities", "two processes", KeysOfQuantities),
    Broken(
        10,
        "a missing quantity is zero",
        "refused, or no quantity",
        domain={(accounting, "apply_reading"): zero},
    ),
    Broken(12, "nobody asks for the lease", "two engines", NoLease),
    Broken(
        12,
        "another's mark is taken for nobody's",
        "two engines",
        domain={(leases, "claim_of"): seizing},
    ),
    Broken(
        12,
        "an older database goes on",
        "a restored copy",
        domain={(leases, "claim_of"): renewing},
    ),
)
