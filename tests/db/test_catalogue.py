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

from sync_core.db.database import Database
from sync_core.db.tables import LevelRow, LocationRow, PlaceRow, PoolRow
from sync_core.domain.arrange import Arrangement, NewPool, Place
from sync_core.domain.match import MatchBy
from sync_core.domain.values import Mode, Outcome
from sync_core.ports import Location, ShopFacts
from sync_core.service import Service
from sync_core.workers.cataloguing import Cataloguer
from sync_core.workers.planning import PAUSED
from tests.conftest import needs_postgres
from tests.db.conftest import EU, NOON, US, after, furnish, spot
from tests.simulation.virtual import Counting

WAITING = """SELECT 1 FROM pg_stat_activity
  WHERE wait_event_type = 'Lock' AND datname = current_database()"""


def level(database, number=2):
    return database.run(lambda ledger: ledger.pools([1]))[1].level(number)


def sold(ledger, to=45):
    """Work on the pool as the engine does: loaded whole, written back whole."""
    pool = ledger.pools([1])[1]
    mine = replace(pool.level(2), book=to, version=pool.level(2).version + 1)
    moved = replace(pool.with_level(mine), shared=to)
    return lambda: ledger.save([Outcome(pool=moved)], now=after(1))


def set_buffer(ledger):
    ledger.set_buffer([1], 5, [US])


def meet(ledger):
    ledger.call_meeting(US, Mode.TWO_WAY, by="ann", now=after(2))


def look(ledger):
    ledger.suspend_items(US, [1], now=after(2))


@contextmanager
def two(url):
    with closing(Database(url)) as one, closing(Database(url)) as other:
        one.run(furnish)
        yield one, other


def held_up(url, one, first, other, second):
    """Begin `first`, let `second` run into it, then let `first` end."""
    thread = threading.Thread(target=other.run, args=(second,))

    def work(ledger):
        end = first(ledger)
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
        held_up(postgres_url, one, set_buffer, other, lambda ledger: sold(ledger)())
        mine = level(one)
        assert (mine.book, mine.buffer, mine.due) == (45, 5, True)


@needs_postgres
def test_a_meeting_that_is_called_while_a_sale_is_counted_is_a_meeting(postgres_url):
    """The old book written back would make a met level of one that has to meet."""
    with two(postgres_url) as (one, other):
        held_up(postgres_url, one, sold, other, meet)
        mine = level(one)
        assert (mine.met, mine.book, mine.first_shared, mine.meeting) == (False, None, 45, 1)


@needs_postgres
def test_a_sale_that_comes_after_a_meeting_is_called_sees_the_meeting(postgres_url):
    with two(postgres_url) as (one, other):
        seen = []

        def late(ledger):
            pool = ledger.pools([1])[1]
            seen.append((pool.level(2).met, pool.level(2).mode))

        held_up(postgres_url, one, meet, other, late)
        assert seen == [(False, Mode.TWO_WAY)]


@needs_postgres
def test_a_look_at_what_is_gone_outlives_a_step_that_writes_its_level_back(postgres_url):
    with two(postgres_url) as (one, other):
        held_up(postgres_url, one, sold, other, look)
        assert (level(one).book, level(one).look_at) == (45, after(2))


# -- buffers


def test_a_buffer_is_set_where_it_differs_and_counted(furnished):
    """What shows it already is left in peace."""
    assert furnished.run(lambda ledger: ledger.set_buffer([1], 5, [US])) == 1
    assert furnished.run(lambda ledger: ledger.set_buffer([1], 5, [US])) == 0
    assert (level(furnished).buffer, level(furnished, 1).buffer) == (5, 0)
    assert (level(furnished).due, level(furnished).version) == (True, 1)
    assert furnished.run(lambda ledger: ledger.set_buffer([99], 7, [US])) == 0


def test_a_buffer_for_all_is_for_those_to_come_too(furnished):
    assert furnished.run(lambda ledger: ledger.set_buffer(None, 5, [US])) == 1
    assert furnished.run(lambda ledger: ledger.setting("buffer:us")) == "5"
    assert furnished.run(lambda ledger: ledger.set_buffer(None, 0, [US])) == 1
    assert furnished.run(lambda ledger: ledger.setting("buffer:us")) == "0"


@pytest.mark.parametrize(
    ("facts", "due"),
    [
        ({"met": True}, True),
        ({"met": False}, False),
        ({"met": False, "ordered": -3, "due": True}, True),
    ],
)
def test_a_buffer_makes_due_who_shares_and_keeps_due_whom_something_is_ordered_for(
    furnished, facts, due
):
    """An undo that waits to be written back must not be forgotten for a buffer."""
    furnished.run(lambda ledger: ledger.run(update(LevelRow).where(LevelRow.id == 2).values(facts)))
    furnished.run(lambda ledger: ledger.set_buffer([1], 5, [US]))
    assert level(furnished).due is due


# -- places and words


def test_a_location_map_is_kept_as_it_was_given(furnished):
    rows = [
        {"store": store, "location": number, "name": f"L{number}", "active": True, "owned": True}
        for store, number in ((EU, 1), (EU, 2), (US, 1), (US, 2))
    ]
    furnished.run(lambda ledger: ledger.run(insert(LocationRow), rows))
    one = Place(id=1, name="Berlin", locations={EU: 1, US: 1})
    furnished.run(lambda ledger: ledger.save_places((one, Place(name="B", locations={EU: 2}))))
    kept = furnished.run(lambda ledger: ledger.places())
    assert kept == (one, Place(id=2, name="B", locations={EU: 2}))
    swapped = (
        Place(id=1, name="Hamburg", locations={EU: 2, US: 1}),
        Place(id=2, name="B", locations={EU: 1}),
    )
    furnished.run(lambda ledger: ledger.save_places(swapped))
    assert furnished.run(lambda ledger: ledger.places()) == swapped
    assert furnished.run(lambda ledger: ledger.free_locations()) == {US: [(2, "L2")]}


def test_a_word_is_swapped_only_for_the_one_that_was_believed(database):
    def swap(before, after_):
        return database.run(lambda ledger: ledger.swap("word", before, after_))

    assert [swap("a", "b"), swap(None, "a"), swap(None, "b"), swap("b", "c"), swap("a", "b")] == [
        False,
        True,
        False,
        False,
        True,
    ]
    assert database.run(lambda ledger: ledger.setting("word")) == "b"


# -- what is read, thought about, and written back


def paused(database):
    """Return the word, whether its finding is open, and how many notices there were."""
    word = database.run(lambda ledger: ledger.setting(PAUSED))
    kinds = [each.kind for each in database.run(lambda ledger: ledger.findings())]
    notices = database.run(lambda ledger: ledger.notices(after=0))
    return word, "paused" in kinds, [each.over for each in notices if each.kind == "paused"]


def people(*databases):
    """Return the service of each process."""
    return [Service(each, {}, _Noon(), Counting()) for each in databases]


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
            lambda ledger: ann._set_paused(ledger, None),
            other,
            lambda ledger: bob._set_paused(ledger, "bob"),
        )
        assert paused(one) == ("bob", True, [False, True, False])


@needs_postgres
def test_two_who_pause_at_once_are_told_of_once(postgres_url):
    with two(postgres_url) as (one, other):
        ann, bob = people(one, other)
        held_up(
            postgres_url,
            one,
            lambda ledger: ann._set_paused(ledger, "ann"),
            other,
            lambda ledger: bob._set_paused(ledger, "bob"),
        )
        assert paused(one) == ("ann", True, [False])
        held_up(
            postgres_url,
            one,
            lambda ledger: ann._set_paused(ledger, None),
            other,
            lambda ledger: bob._set_paused(ledger, None),
        )
        assert paused(one) == (None, False, [False, True])


NEW = Arrangement(new=(NewPool(place=1, title="New", spots=(spot(EU, 5), spot(US, 5))),))


@needs_postgres
@pytest.mark.parametrize("first", ["the pool", "the buffer"])
@pytest.mark.parametrize("earlier", [False, True], ids=["for the first time", "once more"])
def test_a_buffer_for_all_reaches_a_pool_that_is_made_right_now(postgres_url, first, earlier):
    """Whoever comes second sees what the first has done."""
    with two(postgres_url) as (one, other):
        if earlier:
            one.run(lambda ledger: ledger.set_buffer(None, 3, [EU, US]))
            one.run(lambda ledger: ledger.set_buffer(None, 0, [EU, US]))

        def arrange(ledger):
            ledger.arrange(NEW, now=NOON)

        def buffer(ledger):
            ledger.set_buffer(None, 5, [US])

        steps = [arrange, buffer] if first == "the pool" else [buffer, arrange]
        held_up(postgres_url, one, steps[0], other, steps[1])
        made = one.run(lambda ledger: ledger.pools_at([spot(US, 5)]))[spot(US, 5)]
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
        one.run(lambda ledger: ledger.run(insert(LocationRow), rows))

        def rename(ledger):
            ledger.lock_places()
            [place] = ledger.places()
            ledger.save_places((replace(place, name="Hamburg"),))

        def grow(ledger):
            ledger.lock_places()
            [place] = ledger.places()
            ledger.save_places((replace(place, locations={EU: 1, US: 1}),))

        steps = [rename, grow] if first == "a person" else [grow, rename]
        held_up(postgres_url, one, steps[0], other, steps[1])
        assert one.run(lambda ledger: ledger.places()) == (
            Place(id=1, name="Hamburg", locations={EU: 1, US: 1}),
        )


@needs_postgres
@pytest.mark.parametrize("first", [EU, US])
def test_two_stores_that_meet_at_once_share_a_location(postgres_url, first):
    """Each saw that the other had not been met, and no location was ever on the map."""
    with two(postgres_url) as (one, other):

        def met(store):
            facts = ShopFacts(
                shop_id=f"gid://shopify/Shop/{store}", name=store, domain=f"{store}.example",
                locations=(Location(id=1, name="L1", active=True, owned=True),), scopes=frozenset(),
                api_version="2026-10", time=NOON,
            )  # fmt: skip
            clock = SimpleNamespace(now=lambda: NOON)
            context = SimpleNamespace(stores={EU, US}, clock=clock, match_by=MatchBy.HANDLE)
            return partial(Cataloguer(context)._meet, store, facts)

        one.run(lambda ledger: ledger.run(delete(LevelRow)))
        one.run(lambda ledger: ledger.run(delete(PoolRow)))
        one.run(lambda ledger: ledger.run(delete(PlaceRow)))
        last = US if first == EU else EU
        held_up(postgres_url, one, met(first), other, met(last))
        [place] = one.run(lambda ledger: ledger.places())
        assert place.locations == {EU: 1, US: 1}


def test_what_is_called_off_waits_for_nothing(furnished):
    """No look is wanted of a store that is off."""
    furnished.run(lambda ledger: ledger.call_meeting(US, Mode.OFF, by="ann", now=NOON))
    mine = level(furnished)
    assert (mine.mode, mine.met, mine.look_at, mine.due) == (Mode.OFF, False, None, False)
    assert level(furnished, 1).met
