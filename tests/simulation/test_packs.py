"""Random histories in which stores sell in packs, and change their size between sales."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from sync_core.domain.proposals import Choice, Person
from sync_core.errors import NotAllowed
from tests.simulation.harness import INITIAL_QUANTITY
from tests.simulation.test_simulation import History, play

ANN = Person(team="T", id="U1", name="ann")
PACKS = "SELECT pool_id, store, item, pack FROM level"
PENDING = "SELECT 1 FROM proposal WHERE kind = 'pack' AND state = 'approved'"


class PackHistory(History):
    """What is sold counts by the size that packs have when it is sold, in whatever order."""

    @initialize(
        seed=st.integers(0, 2**32),
        latency=st.sampled_from([0.0, 0.02, 0.3]),
        orders=st.booleans(),
    )
    def begin(self, seed, latency, orders):
        super().begin(seed, latency, orders)
        self.units = dict.fromkeys(self.harness.skus, INITIAL_QUANTITY)
        self.change_stock, self.harness.change_stock = (
            self.harness.change_stock,
            self.change_stock_in_packs,
        )

    def level(self, alias, sku):
        item = self.harness.shops[alias].item(sku).id
        rows = [
            row for row in self.harness.rows(PACKS) if (row["store"], row["item"]) == (alias, item)
        ]
        return rows[0]

    def change_stock_in_packs(self, alias, sku, delta, **how):
        """Sell or restock in the store's own units."""
        if self.harness.rows(PENDING):
            # Else a sale could fall between the reading before a change and the change itself.
            self.harness.kill()
        self.units[sku] += delta * self.level(alias, sku)["pack"]
        self.change_stock(alias, sku, delta, **how)

    @rule(
        store=st.integers(1, 2),
        item=st.integers(0, 1),
        pack=st.sampled_from([1, 2, 6, 6, 10]),
        everywhere=st.booleans(),
        points=st.none() | st.integers(0, 12),
        wait=st.sampled_from([0.0, 0.1, 3.0, 20.0]),
    )
    def repack(self, store, item, pack, everywhere, points, wait):
        """Ask when it is quiet, and confirm at once; the process may die on the way."""
        for shop in self.harness.shops.values():
            shop.faults.next.clear()
            shop.faults.outage = False
        self.harness.advance(5)
        alias = list(self.harness.shops)[1:][store % (len(self.harness.shops) - 1)]
        number = self.level(alias, self.harness.skus[item])["pool_id"]
        service = self.harness.process.service
        self.harness.process.fuse.left = None  # what would die here is the test's own call
        try:
            asked = service.ask_pack([number], pack, None if everywhere else alias, ANN)
            question = self.harness.do(asked)
        except NotAllowed:
            return
        self.harness.do(service.decide(question.token, Choice.CONFIRM, ANN, "test"))
        self.harness.process.context.requests.notify()
        self.harness.process.fuse.left = points
        self.harness.advance(wait)

    @rule(store=st.integers(0, 2), lag=st.just(0.0))
    def lag_behind(self, store, lag):
        """A read that lags hides a sale from the moment at which the size changes."""

    def assert_settled(self):
        for sku, units in self.units.items():
            for alias in self.harness.shops:
                pack = self.level(alias, sku)["pack"]
                assert self.harness.shows(alias, sku) == units // pack, (alias, sku, units, pack)


class PackHistoryOfThree(PackHistory):
    """Each destination has a size of its own."""

    stores = 3


KINDS = {"two with packs": (PackHistory, 2), "three with packs": (PackHistoryOfThree, 2)}


@pytest.mark.parametrize("kind", KINDS)
def test_no_history_with_packs_loses_or_invents_a_unit(kind):
    play(kind, *KINDS[kind])
