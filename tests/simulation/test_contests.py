"""Random sales of a hot item never look like another app's, whatever fails meanwhile.

`HotItemHistory` is `History` with one item that everybody wants: in all stores at once, a few at a
time, with every fault, and without order webhooks. In `HotItemWithReturns` orders come, and some
are cancelled or returned: what comes back is bought again at once.
"""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.simulation.harness import Harness
from tests.simulation.test_simulation import History, play


class HotItemHistory(History):
    """One item, and sales of it without a rest."""

    buying_only = True
    orders = False
    restock = None

    @initialize(seed=st.integers(0, 2**32), latency=st.sampled_from([0.0, 0.02, 0.3]))
    def begin(self, seed, latency):
        self.harness = Harness(
            stores=self.stores,
            items=2,
            seed=seed,
            latency=latency,
            opened=True,
            orders=self.orders,
        )
        self.harness.advance(5)  # it subscribes to what it may hear: else nothing tells of returns

    @rule(
        sales=st.lists(st.tuples(st.integers(0, 2), st.sampled_from([1, 1, 1, 2])), max_size=5),
        pause=st.sampled_from([0.1, 0.4, 1.0, 2.1]),
    )
    def sell_one_after_the_other(self, sales, pause):
        for store, quantity in sales:
            self.harness.change_stock(self.store(store), "SKU-0", -quantity)
            self.harness.advance(pause)

    @rule(
        times=st.integers(2, 4),
        quantity=st.sampled_from([1, 2]),
        pause=st.sampled_from([0.4, 1.1, 3.0]),
    )
    def sell_by_turns(self, times, quantity, pause):
        """In one store, in the next, and so on: each level is written to, and moves by as much."""
        for number in range(times * self.stores):
            self.harness.change_stock(self.store(number), "SKU-0", -quantity)
            self.harness.advance(pause)

    @invariant()
    def nobody_is_taken_for_another_app(self):
        if self.harness is not None:
            assert self.harness.rows("SELECT id FROM finding WHERE kind = 'contested'") == []


class HotItemWithReturns(HotItemHistory):
    """Orders are told, and some of what was bought comes back at once."""

    orders = True
    buying_only = False
    # What comes back unexplained, since nobody tells, is as if somebody put it back. Where the
    # clock is set, a process begins anew, and what is told meanwhile comes late.
    disturb_webhooks = die_now = die = die_when_a_store_has_written = set_the_clock = None

    @rule(
        store=st.integers(0, 1),
        other=st.integers(0, 1),
        times=st.integers(1, 4),
        cancelled=st.booleans(),
        pause=st.sampled_from([0.4, 1.1, 3.0, 5.0]),
    )
    def buy_and_bring_back(self, store, other, times, cancelled, pause):
        """Bought in one store, and as much brought back to the other, by turns."""
        here, there = self.store(store), self.store(other)
        shop = self.harness.shops[there]
        orders = [shop.sell("SKU-0", 1, race=True) for _ in range(times)]
        self.harness.outside.append((there, "SKU-0", -times))
        self.harness.advance(pause)
        for order in orders:
            self.harness.change_stock(here, "SKU-0", -1)
            self.harness.advance(pause)
            shop.cancel(order) if cancelled else shop.refund(order, 1)
            self.harness.outside.append((there, "SKU-0", 1))
            self.harness.advance(pause)


KINDS = {"bought": (HotItemHistory, 1), "bought and returned": (HotItemWithReturns, 1)}


@pytest.mark.parametrize("kind", KINDS)
def test_no_sale_is_taken_for_another_app(kind):
    play(kind, *KINDS[kind])
