"""Orders that reach many levels at once, and whoever works on one of them meanwhile."""

import asyncio
import threading
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import delete, insert, update

from sync_core.db.database import SqlDatabase
from sync_core.db.tables import LevelRow, LocationGroupRow, LocationRow, PoolRow
from sync_core.domain.location_groups import LocationGroup, NewPool, PoolAssignment
from sync_core.domain.matching import MatchBy
from sync_core.domain.values import Mode, Outcome
from sync_core.ports import Location, ShopFacts
from sync_core.service.service import Service
from sync_core.workers.catalogue_sync import CatalogueSync
from sync_core.workers.sender import PAUSED_SETTING
from tests.conftest import needs_postgres
from tests.db.conftest import EU, NOON, US, after, furnish, level_key
from tests.simulation.virtual_time import CountingIds

WAITING = """SELECT 1 FROM pg_stat_activity
  WHERE wait_event_type = 'Lock' AND datname = current_database()"""


def level(database, number=2):
    return database.run(lambda tx: tx.stock.pools([1]))[1].level(number)


def sold(tx, to=45):
    """Work on the pool as the engine does: loaded whole, written back whole."""
    pool = tx.stock.pools([1])[1]
    mine = replace(pool.level(2), book=to, version=pool.level(2).version + 1)
    moved = replace(pool.with_level(mine), shared=to)
    return lambda: tx.stock.save_outcomes([Outcome(pool=moved)], now=after(1))


def set_buffer(tx):
    tx.stock.set_buffer([1], 5, [US])


def meet(tx):
    tx.baselines.request(US, Mode.TWO_WAY, by="ann", now=after(2))


def look(tx):
    tx.refreshes.refresh_items(US, [1], now=after(2))


@contextmanager
def two(url):
    with closing(SqlDatabase(url)) as one, closing(SqlDatabase(url)) as other:
        one.run(furnish)
        yield one, other


def held_up(url, one, first, other, second):
    """Begin `first`, let `second` run into it, then let `first` end."""
    thread = threading.Thread(target=other.run, args=(second,))

    def work(tx):
        end = first(tx)
        thread.start()
        with psycopg.connect(url, autocommit=True) as watcher:
            while not watcher.execute(WAITING).fetchone():
                assert thread.is_alive(), "it did not wait"
        if end is not None:
            end()

    one.run(work)
    thread.join(10)
    assert not thread.is_alive()


@needs_postgres
def test_a_buffer_outlives_a_step_that_writes_its_level_back(postgres_url):
    """Both write the same row; neither may write back what the other has changed."""
    with two(postgres_url) as (one, other):
        held_up(postgres_url, one, sold, other, set_buffer)
        mine = level(one)
        assert (mine.book, mine.buffer, mine.due) == (45, 5, True)


@needs_postgres
def test_a_step_that_comes_after_a_buffer_sees_it(postgres_url):
    with two(postgres_url) as (one, other):
        held_up(postgres_url, one, set_buffer, other, lambda tx: sold(tx)())
        mine = level(one)
        assert (mine.book, mine.buffer, mine.due) == (45, 5, True)


@needs_postgres
def test_a_meeting_that_is_called_while_a_sale_is_counted_is_a_meeting(postgres_url):
    """The old book written back would make a met level of one that has to meet."""
    with two(postgres_url) as (one, other):
        held_up(postgres_url, one, sold, other, meet)
        mine = level(one)
        assert (mine.baselined, mine.book, mine.first_shared, mine.level_baseline) == (
            False,
            None,
            45,
            1,
        )


@needs_postgres
def test_a_sale_that_comes_after_a_meeting_is_called_sees_the_meeting(postgres_url):
    with two(postgres_url) as (one, other):
        seen = []

        def late(tx):
            pool = tx.stock.pools([1])[1]
            seen.append((pool.level(2).baselined, pool.level(2).mode))

        held_up(postgres_url, one, meet, other, late)
        assert seen == [(False, Mode.TWO_WAY)]


@needs_postgres
def test_a_look_at_what_is_gone_outlives_a_step_that_writes_its_level_back(postgres_url):
    with two(postgres_url) as (one, other):
        held_up(postgres_url, one, sold, other, look)
        assert (level(one).book, level(one).refresh_at) == (45, after(2))


# -- buffers


def test_a_buffer_is_set_where_it_differs_and_counted(furnished):
    """What shows it already is left in peace."""
    assert furnished.run(lambda tx: tx.stock.set_buffer([1], 5, [US])) == 1
    assert furnished.run(lambda tx: tx.stock.set_buffer([1], 5, [US])) == 0
    assert (level(furnished).buffer, level(furnished, 1).buffer) == (5, 0)
    assert (level(furnished).due, level(furnished).version) == (True, 1)
    assert furnished.run(lambda tx: tx.stock.set_buffer([99], 7, [US])) == 0


def test_a_buffer_forgets_nothing_that_was_ordered_of_one_level(furnished):
    """That is owed back to the store, whatever the pool says."""
    out = {"baselined": False, "manual_delta": -3, "due": True}
    furnished.run(lambda tx: tx.run(update(LevelRow).where(LevelRow.id == 2).values(out)))
    furnished.run(lambda tx: tx.stock.set_buffer([1], 5, [US]))
    kept = level(furnished)
    assert (kept.due, kept.manual_delta, kept.buffer) == (True, -3, 5)


def test_a_buffer_for_all_is_for_those_to_come_too(furnished):
    assert furnished.run(lambda tx: tx.stock.set_buffer(None, 5, [US])) == 1
    assert furnished.run(lambda tx: tx.settings.get("buffer:us")) == "5"
    assert furnished.run(lambda tx: tx.stock.set_buffer(None, 0, [US])) == 1
    assert furnished.run(lambda tx: tx.settings.get("buffer:us")) == "0"


@pytest.mark.parametrize(
    ("facts", "due"),
    [
        ({"baselined": True}, True),
        ({"baselined": False}, False),
        ({"baselined": False, "manual_delta": -3, "due": True}, True),
    ],
)
def test_a_buffer_makes_due_who_shares_and_keeps_due_whom_something_is_ordered_for(
    furnished, facts, due
):
    """An undo that waits to be written back must not be forgotten for a buffer."""
    furnished.run(lambda tx: tx.run(update(LevelRow).where(LevelRow.id == 2).values(facts)))
    furnished.run(lambda tx: tx.stock.set_buffer([1], 5, [US]))
    assert level(furnished).due is due


# -- places and words


def test_a_location_map_is_kept_as_it_was_given(furnished):
    rows = [
        {"store": store, "location": number, "name": f"L{number}", "active": True, "owned": True}
        for store, number in ((EU, 1), (EU, 2), (US, 1), (US, 2))
    ]
    furnished.run(lambda tx: tx.run(insert(LocationRow), rows))
    one = LocationGroup(id=1, name="Berlin", locations={EU: 1, US: 1})
    furnished.run(
        lambda tx: tx.location_groups.save((one, LocationGroup(name="B", locations={EU: 2})))
    )
    kept = furnished.run(lambda tx: tx.location_groups.all())
    assert kept == (one, LocationGroup(id=2, name="B", locations={EU: 2}))
    swapped = (
        LocationGroup(id=1, name="Hamburg", locations={EU: 2, US: 1}),
        LocationGroup(id=2, name="B", locations={EU: 1}),
    )
    furnished.run(lambda tx: tx.location_groups.save(swapped))
    assert furnished.run(lambda tx: tx.location_groups.all()) == swapped
    assert furnished.run(lambda tx: tx.location_groups.unmapped_locations()) == {US: [(2, "L2")]}


def test_a_word_is_swapped_only_for_the_one_that_was_believed(database):
    def compare_and_set(before, after_):
        return database.run(lambda tx: tx.settings.compare_and_set("word", before, after_))

    assert [
        compare_and_set("a", "b"),
        compare_and_set(None, "a"),
        compare_and_set(None, "b"),
        compare_and_set("b", "c"),
        compare_and_set("a", "b"),
    ] == [
        False,
        True,
        False,
        False,
        True,
    ]
    assert database.run(lambda tx: tx.settings.get("word")) == "b"


# -- what is read, thought about, and written back


def paused(database):
    """Return the word, whether its finding is open, and how many notices there were."""
    word = database.run(lambda tx: tx.settings.get(PAUSED_SETTING))
    kinds = [each.kind for each in database.run(lambda tx: tx.findings.newest())]
    notifications = database.run(lambda tx: tx.notifications.page(after=0))
    return (
        word,
        "paused" in kinds,
        [each.resolved for each in notifications if each.kind == "paused"],
    )


def people(*databases):
    """Return the service of each process."""
    return [Service(each, {}, _Noon(), CountingIds()) for each in databases]


class _Noon:
    def now(self):
        return NOON


@needs_postgres
def test_a_pause_while_somebody_resumes_is_told_as_it_is(postgres_url):
    """The last word and the last message are about the same thing."""
    with two(postgres_url) as (one, other):
        ann, bob = people(one, other)
        asyncio.run(ann.pause(by="ann"))
        held_up(
            postgres_url,
            one,
            lambda tx: ann._set_paused(tx, None),
            other,
            lambda tx: bob._set_paused(tx, "bob"),
        )
        assert paused(one) == ("bob", True, [False, True, False])


@needs_postgres
def test_two_who_pause_at_once_are_told_of_once(postgres_url):
    with two(postgres_url) as (one, other):
        ann, bob = people(one, other)
        held_up(
            postgres_url,
            one,
            lambda tx: ann._set_paused(tx, "ann"),
            other,
            lambda tx: bob._set_paused(tx, "bob"),
        )
        assert paused(one) == ("ann", True, [False])
        held_up(
            postgres_url,
            one,
            lambda tx: ann._set_paused(tx, None),
            other,
            lambda tx: bob._set_paused(tx, None),
        )
        assert paused(one) == (None, False, [False, True])


NEW = PoolAssignment(
    new=(NewPool(location_group=1, title="New", level_keys=(level_key(EU, 5), level_key(US, 5))),)
)


@needs_postgres
@pytest.mark.parametrize("first", ["the pool", "the buffer"])
@pytest.mark.parametrize("earlier", [False, True], ids=["for the first time", "once more"])
def test_a_buffer_for_all_reaches_a_pool_that_is_made_right_now(postgres_url, first, earlier):
    """Whoever comes second sees what the first has done."""
    with two(postgres_url) as (one, other):
        if earlier:
            one.run(lambda tx: tx.stock.set_buffer(None, 3, [EU, US]))
            one.run(lambda tx: tx.stock.set_buffer(None, 0, [EU, US]))

        def assign_pools(tx):
            tx.stock.assign_pools(NEW, now=NOON)

        def buffer(tx):
            tx.stock.set_buffer(None, 5, [US])

        steps = [assign_pools, buffer] if first == "the pool" else [buffer, assign_pools]
        held_up(postgres_url, one, steps[0], other, steps[1])
        made = one.run(lambda tx: tx.stock.pools_by_key([level_key(US, 5)]))[level_key(US, 5)]
        assert [each.buffer for each in made.levels] == [0, 5]


@needs_postgres
@pytest.mark.parametrize("first", ["a person", "the store"])
def test_a_location_map_that_is_changed_while_it_grows_keeps_both(postgres_url, first):
    """A store's new location and a person's new name: the map is one thing to both."""
    with two(postgres_url) as (one, other):
        rows = [
            {"store": store, "location": 1, "name": "L1", "active": True, "owned": True}
            for store in (EU, US)
        ]
        one.run(lambda tx: tx.run(insert(LocationRow), rows))

        def rename(tx):
            tx.location_groups.lock()
            [location_group] = tx.location_groups.all()
            tx.location_groups.save((replace(location_group, name="Hamburg"),))

        def grow(tx):
            tx.location_groups.lock()
            [location_group] = tx.location_groups.all()
            tx.location_groups.save((replace(location_group, locations={EU: 1, US: 1}),))

        steps = [rename, grow] if first == "a person" else [grow, rename]
        held_up(postgres_url, one, steps[0], other, steps[1])
        assert one.run(lambda tx: tx.location_groups.all()) == (
            LocationGroup(id=1, name="Hamburg", locations={EU: 1, US: 1}),
        )


@needs_postgres
@pytest.mark.parametrize("first", [EU, US])
def test_two_stores_that_meet_at_once_share_a_location(postgres_url, first):
    """Each saw that the other had not been met, and no location was ever on the map."""
    with two(postgres_url) as (one, other):

        def baselined(store):
            facts = ShopFacts(
                shop_id=f"gid://shopify/Shop/{store}", name=store, domain=f"{store}.example",
                locations=(Location(id=1, name="L1", active=True, owned=True),), scopes=frozenset(),
                api_version="2026-10", time=NOON,
            )  # fmt: skip
            clock = SimpleNamespace(now=lambda: NOON)
            context = SimpleNamespace(stores={EU, US}, clock=clock, match_by=MatchBy.HANDLE)
            return partial(CatalogueSync(context)._save_facts, store, facts)

        one.run(lambda tx: tx.run(delete(LevelRow)))
        one.run(lambda tx: tx.run(delete(PoolRow)))
        one.run(lambda tx: tx.run(delete(LocationGroupRow)))
        last = US if first == EU else EU
        held_up(postgres_url, one, baselined(first), other, baselined(last))
        [location_group] = one.run(lambda tx: tx.location_groups.all())
        assert location_group.locations == {EU: 1, US: 1}


def test_what_is_called_off_waits_for_nothing(furnished):
    """No look is wanted of a store that is off."""
    furnished.run(lambda tx: tx.baselines.request(US, Mode.OFF, by="ann", now=NOON))
    mine = level(furnished)
    assert (mine.mode, mine.baselined, mine.refresh_at, mine.due) == (Mode.OFF, False, None, False)
    assert level(furnished, 1).baselined
