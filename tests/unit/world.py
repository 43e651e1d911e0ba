"""Stores that customers buy from, and a pool that follows them, by a clock set by hand.

Nothing is read that was not there, nothing is told that did not happen; but what is told comes
late, twice, in any order, and only when the test says so.
"""

from math import floor

from sync_core.domain.accounting import apply_reading, observe
from sync_core.domain.adjustments import plan_adjustments, settle_adjustment
from tests.unit.builders import adjustment, at, key, level, pool, read, refresh_of, seen


class World:
    """One pool and the shelves of its stores."""

    def __init__(self, *stores, start=100, levels=None):
        """Begin with everything agreed and at rest."""
        mine = levels or [level(store, start) for store in stores]
        self.pool = pool(start, *mine)
        self.shelf = {each.key.store: each.book for each in mine}
        self.moved = dict.fromkeys(self.shelf, -3600)  # second of each shelf's last change
        self.now = 0.0
        self.told = []  # webhooks that have not come yet
        self.open = {}  # adjustment, and when the store did it
        self.writes = {store: [] for store in self.shelf}
        self.looks = {store: [] for store in self.shelf}
        self.movements = []
        self.settled = []

    def of(self, store):
        """Return a store's level."""
        return self.pool.at(key(store))

    def take(self, outcome):
        """Go on with what was decided."""
        self.pool = outcome.pool
        self.movements += outcome.movements

    def customers(self, store, by):
        """Let people move a shelf, and the store tell of it."""
        self.shelf[store] += by
        self.moved[store] = floor(self.now)
        self.told.append(seen(store, self.shelf[store], floor(self.now)))

    def observe(self, observation):
        """Let a webhook come."""
        self.take(observe(self.pool, observation, now=at(self.now)))

    def plan_adjustments(self, store):
        """Write down what is outstanding."""
        outcome, deltas = plan_adjustments(self.pool, store, now=at(self.now))
        self.take(outcome)
        for delta in deltas.values():
            assert store not in self.open, "two open adjustments"
            assert not self.of(store).awaits_refresh, "written to before it was looked at"
            self.open[store] = [adjustment(self.of(store), delta), None]
            self.writes[store].append(self.now)

    def write(self, store):
        """Let the store do what was asked."""
        if store in self.open and self.open[store][1] is None:
            self.open[store][1] = floor(self.now)
            self.customers(store, self.open[store][0].delta)

    def settle_adjustment(self, store):
        """Let the store's answer come."""
        if store in self.open and self.open[store][1] is not None:
            asked, written = self.open.pop(store)
            self.settled.append(asked)
            self.take(settle_adjustment(self.pool, asked, written_at=at(written), now=at(self.now)))

    def begin_look(self, store):
        """Begin a read if one is wanted by now; return it, or None."""
        mine = self.of(store)
        if mine.refresh_at is None or mine.refresh_at > at(self.now) or mine.open:
            return None
        self.looks[store].append(self.now)
        return refresh_of(mine, self.now)

    def end_look(self, store, began):
        """Account for what a read finds now."""
        reading = read(store, self.shelf[store], self.moved[store])
        self.take(apply_reading(self.pool, reading, began, now=at(self.now)))

    def refresh_of(self, store):
        """Begin a read and end it."""
        if began := self.begin_look(store):
            self.end_look(store, began)

    def is_quiet(self):
        """Whether nothing is under way or wanted."""
        return not (
            self.told
            or self.open
            or any(each.due or each.awaits_refresh for each in self.pool.levels)
        )

    def come_to_rest(self, *, limit=400):
        """Let everything that is under way happen, one second after the other."""
        for _ in range(limit):
            if self.is_quiet():
                return
            while self.told:
                self.observe(self.told.pop(0))
            for store in self.shelf:
                self.refresh_of(store)
                self.plan_adjustments(store)
                self.write(store)
                self.settle_adjustment(store)
            self.now += 1
        raise AssertionError("it never comes to rest")
