"""Random histories: people, faults and crashes, and never a unit lost or invented.

The engine, the client and the database are the real ones; the stores are the sandbox's; time is
virtual. After every step the books must add up; at the end, once all is quiet, every store must
show what people made of it, and nothing may have been written that nobody caused.

`TIPO_HISTORIES` says how many histories there are (150 in CI, more in the long mode).
"""

import os
import random
from datetime import timedelta

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.judge import Change, complaints
from tests.simulation.coverage import (
    ALL_OUT,
    AT_END,
    AT_STEP,
    CHANGES,
    CLOCK_SET,
    COVERAGE,
    HISTORIES_PLAYED,
    NEVER_RETURNED,
)
from tests.simulation.fault_mix import (
    ANSWERS,
    CLOCK,
    DEATH,
    DELAYED_BODY,
    DOUBLED,
    LATE,
    LOST,
    OUTAGE,
    REORDERED,
    STALE,
    WEBHOOKS,
    FaultMix,
)
from tests.simulation.harness import INITIAL_QUANTITY, Harness, assert_at_rest, assert_conserved

HISTORIES = int(os.environ.get("TIPO_HISTORIES", "120"))
STEPS = int(os.environ.get("TIPO_STEPS", "25"))
# A mutant only has to be noticed, not explained.
SHRINK = os.environ.get("TIPO_SHRINK", "1") == "1"
PHASES = [each for each in Phase if SHRINK or each is Phase.generate]

HOUR = timedelta(hours=1)
CALM = 120  # seconds after the last fault in which all usually comes to rest
PAUSES = (0.0, 0.02, 0.1, 0.4, 0.9, 1.0, 1.1, 2.1, 5.0, 12.0, 70.0)


def may(*kinds):
    """Keep a rule from histories that have none of these faults."""
    return precondition(lambda self: self.mix.has(*kinds))


class History(RuleBasedStateMachine):
    """Two or three stores, some products, and everything that can go wrong."""

    stores = 2
    steps = STEPS
    lag = 1.5  # seconds by which reads may lag without a wrong write
    buying_only = False

    def __init__(self) -> None:
        super().__init__()
        self.harness: Harness | None = None
        self.mix = FaultMix()

    @initialize(
        seed=st.integers(0, 2**32),
        latency=st.sampled_from([0.0, 0.02, 0.3]),
        orders=st.booleans(),
    )
    def begin(self, seed, latency, orders):
        self.mix = FaultMix(seed)
        self.harness = Harness(
            stores=self.stores, seed=seed, latency=latency, opened=True, orders=orders
        )
        if orders:
            self.harness.advance(5)  # it subscribes to what it may hear by now

    def store(self, number):
        return list(self.harness.shops)[number % len(self.harness.shops)]

    # -- people
    @rule(
        store=st.integers(0, 2),
        item=st.integers(0, 1),
        quantity=st.sampled_from([1, 1, 2, 4, 8, 16, 64]),
        till=st.booleans(),
    )
    def sell(self, store, item, quantity, till):
        self.harness.change_stock(self.store(store), self.harness.skus[item], -quantity, till=till)

    @rule(item=st.integers(0, 1), quantities=st.tuples(*[st.sampled_from([1, 1, 2, 4])] * 3))
    def sell_everywhere_at_once(self, item, quantities):
        for alias, quantity in zip(self.harness.shops, quantities, strict=False):
            self.harness.change_stock(alias, self.harness.skus[item], -quantity)

    @precondition(lambda self: not self.buying_only)
    @rule(store=st.integers(0, 2), item=st.integers(0, 1), quantity=st.sampled_from([1, 3, 32]))
    def restock(self, store, item, quantity):
        self.harness.change_stock(self.store(store), self.harness.skus[item], quantity)

    # -- time
    @rule(seconds=st.sampled_from(PAUSES))
    def wait(self, seconds):
        self.harness.advance(seconds)

    # -- faults
    @may(DEATH)
    @rule(points=st.integers(0, 12))
    def die(self, points):
        if self.harness.process is not None:
            self.harness.process.fuse.left = points

    @may(DEATH)
    @rule()
    def die_when_a_store_has_written(self):
        """The store has done it, and nobody hears of it."""
        if self.harness.process is not None:
            self.harness.process.fuse.after_write = True

    @may(DEATH)
    @rule()
    def die_now(self):
        COVERAGE[DEATH] += 1
        self.harness.kill()

    @may(CLOCK)
    @rule(step=st.sampled_from([-HOUR, HOUR, -30 * 24 * HOUR]))
    def set_the_clock(self, step):
        """Not a month forward: a batch in doubt is then too old to be sent again, and is told."""
        COVERAGE[CLOCK] += 1
        self.harness.wall.skew += step

    @may(*ANSWERS)
    @rule(store=st.integers(0, 2), numbers=st.lists(st.integers(0, 2**16), min_size=1, max_size=4))
    def answer_badly(self, store, numbers):
        faults = self.harness.shops[self.store(store)].faults
        faults.next = [*faults.next, *map(self.mix.answer, numbers)][:6]

    @may(*ANSWERS)
    @rule(store=st.integers(0, 2), on=st.booleans())
    def write_badly(self, store, on):
        faults = self.harness.shops[self.store(store)].faults
        faults.mutations_only = on

    @may(OUTAGE)
    @rule(store=st.integers(0, 2), out=st.booleans())
    def be_out(self, store, out):
        self.harness.shops[self.store(store)].faults.outage = out
        COVERAGE[ALL_OUT] += all(shop.faults.outage for shop in self.harness.shops.values())

    @may(STALE)
    @rule(store=st.integers(0, 2), lag=st.sampled_from([0.0, 0.5, 1.0]))
    def lag_behind(self, store, lag):
        self.harness.shops[self.store(store)].faults.read_lag = lag * self.lag

    @may(*WEBHOOKS)
    @rule(
        store=st.integers(0, 2),
        lost=st.sampled_from([0.0, 0.3, 1.0]),
        doubled=st.sampled_from([0.0, 0.5]),
        reordered=st.sampled_from([0.0, 0.5]),
        late=st.sampled_from([0.0, 0.3]),
    )
    def disturb_webhooks(self, store, lost, doubled, reordered, late):
        faults = self.harness.shops[self.store(store)].faults
        faults.webhook_lost = lost * self.mix.has(LOST)
        faults.webhook_doubled = doubled * self.mix.has(DOUBLED)
        faults.webhook_reordered = reordered * self.mix.has(REORDERED)
        faults.webhook_late = late * self.mix.has(LATE)
        faults.webhook_late_by = 900.0

    @may(DELAYED_BODY)
    @rule(store=st.integers(0, 2), seconds=st.sampled_from([0.0, 0.5, 2.0]))
    def write_messages_late(self, store, seconds):
        COVERAGE[DELAYED_BODY] += seconds > 0
        self.harness.shops[self.store(store)].webhooks.body_delay_seconds = seconds

    # -- promises
    @invariant()
    def books_add_up(self):
        if self.harness is not None:
            self.harness.note(AT_STEP)
            assert_conserved(self.harness)

    @invariant()
    def stores_are_never_below_what_was_sold(self):
        """Where people only buy, nothing rises and nothing falls further than was bought."""
        if self.harness is None or not self.buying_only:
            return
        for alias in self.harness.shops:
            for sku in self.harness.skus:
                written = self.harness.written(alias, sku)
                assert all(delta < 0 for delta in written), (alias, sku, written)
                assert self.harness.shows(alias, sku) >= self.harness.expected(sku)

    def teardown(self):
        if self.harness is None:
            return
        try:
            self.calm()
            assert_conserved(self.harness)
            self.assert_settled()
            self.harness.note(AT_END)
            COVERAGE[CLOCK_SET] += self.harness.wall.skew != timedelta(0)
            COVERAGE[HISTORIES_PLAYED] += 1
            COVERAGE[CHANGES] += self.harness.count_changes()
        finally:
            self.harness.close()

    def calm(self):
        """End all faults and let the longest wait pass: two catch-ups."""
        self.end_faults()
        self.harness.advance(CALM)
        self.harness.rest(1400 - CALM)

    def end_faults(self):
        for shop in self.harness.shops.values():
            for name in ("webhook_lost", "webhook_late", "webhook_reordered", "read_lag"):
                setattr(shop.faults, name, 0.0)
            shop.faults.next.clear()
            shop.faults.outage = False
            shop.faults.mutations_only = False
        for each in self.harness.all_of_us:
            if each.process is not None:
                each.process.fuse.put_out()

    def assert_settled(self):
        """Now that all is quiet."""
        assert_at_rest(self.harness)
        self.assert_nothing_uncaused()

    def assert_nothing_uncaused(self):
        """Every unit written to a store was moved by people in another, and once."""
        for alias in self.harness.shops:
            for sku in self.harness.skus:
                caused = sum(
                    abs(delta)
                    for store, each, delta in self.harness.outside
                    if each == sku and store != alias
                )
                written = self.harness.written(alias, sku)
                assert sum(map(abs, written)) <= caused, (alias, sku, written)


class HistoryOfThree(History):
    """A pool has as many levels as stores."""

    stores = 3


class BuyingHistory(History):
    """Where people only buy, a movement that goes up is a lie."""

    buying_only = True
    lag = 8.0  # far longer than the two quiet seconds: what is visibly stale must not count


class LostStoreHistory(HistoryOfThree):
    """One of the stores never answers again: the others go on without it."""

    def calm(self):
        """Heal all but one; the others are equal without it. Then it returns after all."""
        self.end_faults()
        lost = self.harness.rng.choice(list(self.harness.shops))
        faults = self.harness.shops[lost].faults
        faults.outage, faults.webhook_lost = True, 1.0
        self.harness.advance(CALM)
        self.harness.rest(1400 - CALM)
        assert self.complaints(lost) == []
        COVERAGE[NEVER_RETURNED] += 1
        super().calm()

    def complaints(self, lost):
        """Judge the others; what happened in the lost store may be known to Tipo, or not."""
        return complaints(
            dict.fromkeys(self.harness.skus, INITIAL_QUANTITY),
            [Change(*each, is_sure=each[0] != lost) for each in self.harness.outside],
            {
                alias: {sku: self.harness.shows(alias, sku) for sku in self.harness.skus}
                for alias in self.harness.shops
                if alias != lost
            },
        )


KINDS = {
    "two": (History, 3),
    "three": (HistoryOfThree, 1),
    "three, one lost": (LostStoreHistory, 1),
    "buying": (BuyingHistory, 3),
}


@pytest.mark.parametrize("part", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_no_history_loses_or_invents_a_unit(kind, part):
    play(kind, *KINDS[kind])


def play(kind, machine, share):
    """Run a machine for its share, in twentieths, of all histories.

    Its seed is new for each run, unless pytest was given one; a failure says how to see it again.
    """
    histories = max(1, HISTORIES * share // 20)
    seed = f"{random.getrandbits(32):08x}"
    try:
        run_seeded(machine, f"{seed}/{kind}/0", histories)
    except BaseException as failure:
        failure.add_note(replay_line(seed, kind, 0, histories))
        raise


def run_seeded(machine, seed, histories, blob=None):
    """Run histories that follow from a seed alone; or the one that a failure has printed."""
    seeded = type(machine.__name__, (machine,), {})  # a seed is set on the class
    hypothesis.seed(seed)(seeded)
    if blob is not None:
        hypothesis.reproduce_failure(hypothesis.__version__, blob.encode())(seeded)
    run_state_machine_as_test(seeded, settings=settings_for(seeded, histories))


def replay_line(seed, kind, portion, histories):
    """Return the command that plays a failure again."""
    only = f"--seed {seed} --only '{kind}' --portion {portion} --each {histories}"
    return f"again: python -m tests.simulation {only}"


def settings_for(machine, histories):
    """Return the settings for so many histories of a kind."""
    return settings(
        max_examples=histories,
        stateful_step_count=machine.steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        phases=PHASES,
    )
