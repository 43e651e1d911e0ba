"""Random histories of stores that are emptied, and of people who answer, correct and sell.

`BreakerHistory` is `DecidingHistory` with levels that fall to zero, under all faults: books add up,
and at the end every store shows what people did. In `CorrectingHistory` no unit is
lost on the way, and so more is known from outside: nobody ever gets back more than there was.
"""

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from sync_core.domain.circuit_breaker import BREAKER_LIMITS
from sync_core.domain.proposals import Choice
from sync_core.workers.context import EngineConfig
from tests.engine.test_circuit_breaker import assert_held_is_what_is_held
from tests.simulation.coverage import WHILE_STOPPED
from tests.simulation.fault_mix import FaultMix
from tests.simulation.harness import INITIAL_QUANTITY, Harness
from tests.simulation.test_decisions import CLICKS, PEOPLE, DecidingHistory
from tests.simulation.test_simulation import play

ITEMS = 3
LIMIT = replace(BREAKER_LIMITS, pools=1, units=10**9)  # the second shelf that is emptied trips it
TWICE = """
SELECT e.receipt_id, e.pool_id FROM effect e JOIN proposal p ON p.id = e.proposal_id
WHERE p.kind = 'brake' GROUP BY e.receipt_id, e.pool_id HAVING count(*) > 1
"""
ANSWERS = st.sampled_from([Choice.RELEASE, Choice.DISCARD, Choice.DISCARD, Choice.INVESTIGATE])
CONTESTED = "SELECT token FROM proposal WHERE subject = 'contested' AND state = 'open'"


class BreakerHistory(DecidingHistory):
    """Shelves are emptied, and people answer the question, once or twice, or put things right."""

    @initialize(seed=st.integers(0, 2**32), latency=st.sampled_from([0.0, 0.02, 0.3]))
    def begin(self, seed, latency):
        self.mix = FaultMix(seed)
        self.harness = Harness(
            stores=self.stores,
            items=ITEMS,
            seed=seed,
            latency=latency,
            opened=True,
            config=EngineConfig(recheck_every=30, breaker=LIMIT),
        )

    def edit(self, store, item, to):
        """Type a number into a store."""
        alias, sku = self.store(store), self.harness.skus[item]
        shop = self.harness.shops[alias]
        by = to - shop.available(sku)
        if by:
            self.harness.outside.append((alias, sku, by))
            shop.edit(sku, to=to)
            self.harness._mail_wakeup.notify()

    @rule(
        store=st.integers(0, 2),
        items=st.lists(st.integers(0, ITEMS - 1), min_size=2, max_size=ITEMS, unique=True),
        pause=st.sampled_from([0, 0.3, 4]),
    )
    def empty(self, store, items, pause):
        for item in items:
            self.edit(store, item, 0)
            self.harness.advance(pause)

    @rule(
        store=st.integers(0, 2),
        item=st.integers(0, ITEMS - 1),
        to=st.sampled_from([0, 20, INITIAL_QUANTITY]),
    )
    def correct(self, store, item, to):
        self.edit(store, item, to)

    @rule(choice=ANSWERS, clicks=CLICKS)
    def answer(self, choice, clicks):
        """Answer the oldest question that is open."""
        open_now = self.harness.rows(
            "SELECT token FROM proposal WHERE kind = 'brake' AND state = 'open' ORDER BY id"
        )
        if not open_now:
            return
        token = open_now[0]["token"]

        def click(by):
            return lambda service: service.decide(token, choice, by, "x")

        answers = self.ask(*(click(by) for by in clicks))
        assert sum(each.taken for each in answers if each is not None) <= 1

    @invariant()
    def what_is_withheld_is_stored(self):
        if self.harness is not None:
            self.harness.note(WHILE_STOPPED)
            assert_held_is_what_is_held(self.harness)
            assert self.harness.rows(TWICE) == []

    def calm(self):
        """Answer what is still asked: until then the stores need not be equal."""
        super().calm()
        while self.harness.rows(
            "SELECT id FROM finding WHERE kind = 'circuit_breaker' AND closed_at IS NULL"
        ):
            self.answer(Choice.DISCARD, PEOPLE[:1])
            self.harness.advance(5)
        for row in self.harness.rows(CONTESTED):  # who types the same number thrice is told so
            token = row["token"]
            self.ask(lambda service, t=token: service.decide(t, Choice.RESUME, PEOPLE[0], "x"))
            self.harness.advance(5)
        self.harness.advance(700)


class BreakerHistoryOfThree(BreakerHistory):
    """It has reached some, and is kept from others."""

    stores = 3


class CorrectingHistory(BreakerHistory):
    """One thing after the other, and nothing lost: but the process may die."""

    # -- what would make two people's corrections add up
    sell_everywhere_at_once = restock = settle_what_was_missed = None
    answer_badly = write_badly = be_out = lag_behind = None
    disturb_webhooks = write_messages_late = None
    approve = approve_all = undo = withhold = ask_what_is_open = refresh_everything = None

    def edit(self, store, item, to):
        super().edit(store, item, to)
        self.harness.advance(6)

    @rule(choice=ANSWERS, clicks=CLICKS)
    def answer(self, choice, clicks):
        """Answer, and see what comes of it: who types the number meanwhile has decided twice."""
        super().answer(choice, clicks)
        self.harness.advance(6)

    @rule(store=st.integers(0, 2), item=st.integers(0, 1), quantity=st.sampled_from([1, 3]))
    def sell(self, store, item, quantity):
        self.harness.change_stock(self.store(store), self.harness.skus[item], -quantity)
        self.harness.advance(6)

    @invariant()
    def nobody_gets_more_than_there_was(self):
        if self.harness is None:
            return
        for alias in self.harness.shops:
            for sku in self.harness.skus:
                assert self.harness.shows(alias, sku) <= INITIAL_QUANTITY, (alias, sku)


class CorrectingHistoryOfThree(CorrectingHistory):
    """It has reached some, and is kept from others."""

    stores = 3


KINDS = {
    "two that are emptied": (BreakerHistory, 1),
    "three that are emptied": (BreakerHistoryOfThree, 1),
    "two that are corrected": (CorrectingHistory, 1),
    "three that are corrected": (CorrectingHistoryOfThree, 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_stop_loses_or_invents_a_unit(kind):
    play(kind, *KINDS[kind])
