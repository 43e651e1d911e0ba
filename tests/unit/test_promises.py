"""What holds whatever happens: sales add up, echoes are nothing, nothing is lost or invented."""

from collections import defaultdict
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from sync_core.domain.accounting import apply_reading, observe
from sync_core.domain.adjustments import (
    expire,
    mark_unwritten,
    plan_adjustments,
    refuse,
    settle_adjustment,
)
from sync_core.domain.quantities import outstanding
from sync_core.domain.suspension import request_refresh, restart_level
from sync_core.domain.values import Mode, Suspension
from tests.unit.builders import (
    STORES,
    adjustment,
    at,
    books,
    key,
    level,
    new_level,
    pool,
    read,
    refresh_of,
    seen,
)
from tests.unit.world import World

quantities = st.integers(-50, 150)


@given(shared=quantities, eu=quantities, us=quantities, order=st.permutations(["eu", "us"]))
def test_sales_in_both_stores_add_up(shared, eu, us, order):
    """No winner, no lost sale: the order of arrival does not matter."""
    told, shows = pool(shared, eu=shared, us=shared), {"eu": eu, "us": us}
    for store in order:
        told = observe(told, seen(store, shows[store], 1), now=at(1)).pool
    assert told.shared == shared + (eu - shared) + (us - shared)
    assert [outstanding(each, told.shared) for each in told.levels] == [us - shared, eu - shared]


@given(start=quantities, shows=st.tuples(*[quantities] * 3), order=st.permutations(STORES))
def test_sales_in_three_stores_add_up(start, shows, order):
    """A pool has as many levels as there are stores."""
    told = pool(start, **dict.fromkeys(STORES, start))
    for store in order:
        told = observe(told, seen(store, shows[STORES.index(store)], 1), now=at(1)).pool
    assert told.shared == start + sum(each - start for each in shows)
    assert {each.key.store for each in told.levels if outstanding(each, told.shared)} == {
        each.key.store for each in told.levels if each.book != told.shared
    }


@given(shared=quantities, when=st.none() | st.integers(-9000, 9000))
def test_echoes_are_nothing(shared, when):
    """Old or new, with a time or without."""
    told = observe(pool(shared, eu=shared, us=shared), seen("us", shared, when), now=at(1))
    assert (told.pool.shared, told.movements, told.events) == (shared, (), ())
    assert not any(each.due or each.awaits_refresh or each.version for each in told.pool.levels)


# -- stores with customers

steps = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "sell",
                "sell",
                "observe",
                "observe",
                "again",
                "plan_adjustments",
                "write",
                "settle_adjustment",
                "refresh_of",
            ]
        ),
        st.integers(0, 2),
        st.integers(0, 9),
        st.sampled_from([0, 0, 0.4, 1, 2.5]),
    ),
    max_size=60,
)


def live(world, happens, *, may_restock):
    """Let it happen; return how much people have moved in all."""
    stores, total, said = list(world.shelf), 0, []
    for what, number, size, pause in happens:
        store = stores[number % len(stores)]
        world.now += pause
        match what:
            case "sell":
                by = size - 5 if may_restock else -size - 1
                total += by
                world.customers(store, by)
            case "observe" if world.told:
                said.append(world.told.pop(size % len(world.told)))
                world.observe(said[-1])
            case "again" if said:
                world.observe(said[size % len(said)])
            case "plan_adjustments" | "write" | "settle_adjustment" | "refresh_of":
                getattr(world, what)(store)
    return total


@given(happens=steps, stores=st.sampled_from([STORES[:2], STORES]))
@example(
    [("sell", 1, 4, 0), ("sell", 1, 6, 2.5), ("observe", 0, 1, 0), ("observe", 0, 0, 0)], STORES[:2]
)
def test_doubled_and_reordered_webhooks_lose_and_invent_nothing(happens, stores):
    """Once all is quiet the stores show what was there, less what was sold. Without catch-up."""
    world = World(*stores)
    total = live(world, happens, may_restock=True)
    world.come_to_rest()
    assert world.pool.shared == 100 + total
    assert world.shelf == books(world.pool) == dict.fromkeys(stores, 100 + total)


@given(happens=steps, stores=st.sampled_from([STORES[:2], STORES]))
def test_where_people_only_buy_nothing_is_ever_returned(happens, stores):
    """A wrong write that is undone later is wrong all the same."""
    world = World(*stores)
    total = live(world, happens, may_restock=False)
    world.come_to_rest()
    assert all(each.delta < 0 for each in world.movements)
    assert min([100, *(each.shared for each in world.movements)]) >= 100 + total


# -- any calls in any order

destinations = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(Mode),
        "buffer": st.sampled_from([0, 5]),
        "pack": st.sampled_from([1, 3]),
        "baselined": st.booleans(),
    }
)
ways = (
    *(
        "observe",
        "observe",
        "refresh_of",
        "plan_adjustments",
        "plan_adjustments",
        "settle_adjustment",
        "settle_adjustment",
    ),
    *("unwritten", "refuse", "expire", "wish", "anew"),
)
calls = st.lists(
    st.tuples(
        st.sampled_from(ways),
        st.integers(0, 2),
        st.none() | st.integers(-5, 60),
        st.none() | st.integers(-3, 3),
        st.sampled_from([0, 1, 3, 70]),
    ),
    max_size=50,
)


class Book:
    """Keeps every movement and settlement of a pool, and checks them against its numbers."""

    def __init__(self, start):
        """Begin with a pool of any kind."""
        self.pool = start
        self.now = 0
        self.open = {}
        self.moved = defaultdict(int)
        self.counted = 0

    def take(self, outcome):
        """Go on with what was decided."""
        before, self.pool = self.pool, outcome.pool
        for each in outcome.movements:
            self.moved[each.level, each.level_baseline] += each.delta
            self.counted += each.counted
        if before.shared is None:
            assert outcome.pool.shared is None or outcome.pool.first_shared is not None

    def check(self):
        """Assert that nothing is lost or invented."""
        if self.pool.shared is not None:
            assert self.pool.shared == self.pool.first_shared + self.counted
        for each in self.pool.levels:
            assert each.open is (each.id in self.open)
            if each.baselined:
                assert each.book == each.first_book + self.moved[each.id, each.level_baseline]

    def call(self, what, number, value, when):
        """Make one call."""
        mine = self.pool.levels[number % len(self.pool.levels)]
        store, now = mine.key.store, at(self.now)
        stamp = None if when is None else self.now + when
        match what:
            case "observe":
                self.take(observe(self.pool, seen(store, value, stamp), now=now))
            case "refresh_of":
                trouble = Suspension.INACTIVE if value is None else None
                trouble = Suspension.MISSING if value == 0 else trouble
                began = refresh_of(mine, self.now - 1)
                self.take(
                    apply_reading(
                        self.pool, read(store, value, stamp, trouble=trouble), began, now=now
                    )
                )
            case "wish":
                self.pool = self.pool.with_level(request_refresh(mine, now=now))
            case "anew":
                self.pool = self.pool.with_level(restart_level(mine, shared=self.pool.shared))
            case "plan_adjustments":
                outcome, deltas = plan_adjustments(self.pool, store, now=now)
                self.take(outcome)
                assert not deltas or not (mine.open or mine.awaits_refresh or mine.suspended)
                assert not deltas or (mine.baselined and mine.mode is not Mode.OFF)
                for delta in deltas.values():
                    self.open[mine.id] = adjustment(mine, delta)
            case _ if mine.id in self.open:
                self.close(what, self.open.pop(mine.id), stamp, now)

    def close(self, what, asked, stamp, now):
        """Close an adjustment, one way or another."""
        match what:
            case "settle_adjustment":
                if self.pool.level(asked.level).level_baseline == asked.level_baseline:
                    self.moved[asked.level, asked.level_baseline] += asked.delta
                written = at(stamp or self.now)
                self.take(settle_adjustment(self.pool, asked, written_at=written, now=now))
            case "unwritten":
                self.take(mark_unwritten(self.pool, asked, now=now))
            case "refuse":
                self.take(refuse(self.pool, asked, why="no", now=now))
            case "expire":
                self.take(expire(self.pool, asked, now=now))


@given(others=st.lists(destinations, min_size=1, max_size=2), calls=calls)
def test_shared_and_books_are_the_sum_of_what_happened(others, calls):
    """`shared` is what was agreed on and what was counted; a book what it was and what moved it."""
    mine = [level("eu", 50)]
    for store, facts in zip(STORES[1:], others, strict=False):
        each = level(store, 50, **facts)
        mine.append(
            each if each.baselined else replace(new_level(store), **facts, refresh_at=at(0))
        )
    kept = Book(pool(50, *mine))
    for what, number, value, when, pause in calls:
        kept.now += pause
        kept.call(what, number, value, when)
        kept.check()


@given(calls=calls)
def test_a_pool_that_never_agreed_adds_up_from_its_agreement_on(calls):
    """The initial comparison is part of the same sum."""
    mine = [new_level(store, refresh_at=at(0), refresh_since=at(0)) for store in STORES]
    kept = Book(pool(None, *mine))
    for what, number, value, when, pause in calls:
        kept.now += pause
        kept.call(what, number, None if value is None else 48 + value % 3, when)
        kept.check()


@given(value=st.none() | quantities, when=st.none() | st.integers(-9, 9), open_=st.booleans())
def test_a_level_that_is_open_or_awaits_a_look_keeps_its_book(value, when, open_):
    """Whatever is heard of it."""
    facts = {"open": True} if open_ else {"refresh_at": at(0), "refresh_since": at(0)}
    start = pool(50, level("eu"), level("us", **facts))
    told = observe(start, seen("us", value, when), now=at(1))
    assert (told.pool.shared, told.movements) == (50, ())
    assert told.pool.at(key("us")).book == 50
