"""Stores that customers buy from, and a pool that follows them, by a clock set by hand.

Nothing is read that was not there, nothing is told that did not happen; but what is told comes
late, twice, in any order, and only when the test says so.
"""

from math import floor

from sync_core.domain.account import hear, looked
from sync_core.domain.plan import plan
from sync_core.domain.settle import settle
from tests.unit.builders import adjustment, at, level, look, pool, read, seen, spot


class World:
    """One pool and the shelves of its stores."""

    def __init__(self, *stores, start=100, levels=None):
        """Begin with everything agreed and at rest."""
        mine = levels or [level(store, start) for store in stores]
        self.pool = pool(start, *mine)
        self.shelf = {each.spot.store: each.book for each in mine}
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
        return self.pool.at(spot(store))

    def take(self, outcome):
        """Go on with what was decided."""
        self.pool = outcome.pool
        self.movements += outcome.movements

    def customers(self, store, by):
        """Let people move a shelf, and the store tell of it."""
        self.shelf[store] += by
        self.moved[store] = floor(self.now)
        self.told.append(seen(store, self.shelf[store], floor(self.now)))

    def hear(self, observation):
        """Let a webhook come."""
        self.take(hear(self.pool, observation, now=at(self.now)))

    def plan(self, store):
        """Write down what is owed."""
        outcome, deltas = plan(self.pool, store, now=at(self.now))
        self.take(outcome)
        for delta in deltas.values():
            assert store not in self.open, "two open adjustments"
            assert not self.of(store).awaits_look, "written to before it was looked at"
            self.open[store] = [adjustment(self.of(store), delta), None]
            self.writes[store].append(self.now)

    def write(self, store):
        """Let the store do what was asked."""
        if store in self.open and self.open[store][1] is None:
            self.open[store][1] = floor(self.now)
            self.customers(store, self.open[store][0].delta)

    def settle(self, store):
        """Let the store's answer come."""
        if store in self.open and self.open[store][1] is not None:
            asked, written = self.open.pop(store)
            self.settled.append(asked)
            self.take(settle(self.pool, asked, written_at=at(written), now=at(self.now)))

    def begin_look(self, store):
        """Begin a read if one is wanted by now; return it, or None."""
        mine = self.of(store)
        if mine.look_at is None or mine.look_at > at(self.now) or mine.open:
            return None
        self.looks[store].append(self.now)
        return look(mine, self.now)

    def end_look(self, store, began):
        """Account for what a read finds now."""
        reading = read(store, self.shelf[store], self.moved[store])
        self.take(looked(self.pool, reading, began, now=at(self.now)))

    def look(self, store):
        """Begin a read and end it."""
        if began := self.begin_look(store):
            self.end_look(store, began)

    def is_quiet(self):
        """Whether nothing is under way or wanted."""
        return not (
            self.told or self.open or any(each.due or each.awaits_look for each in self.pool.levels)
        )

    def come_to_rest(self, *, limit=400):
        """Let everything that is under way happen, one second after the other."""
        for _ in range(limit):
            if self.is_quiet():
                return
            while self.told:
                self.hear(self.told.pop(0))
            for store in self.shelf:
                self.look(store)
                self.plan(store)
                self.write(store)
                self.settle(store)
            self.now += 1
        raise AssertionError("it never comes to rest")
