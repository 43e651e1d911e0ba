"""People decide relative to now: what they chose is a delta, and taking it back is one, too."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sync_core.domain.accounting import apply_reading, observe
from sync_core.domain.adjustments import mark_unwritten, plan_adjustments, refuse, settle_adjustment
from sync_core.domain.decisions import (
    DecisionReading,
    Effect,
    JoinedLevel,
    Obstacle,
    PoolDecision,
    decide,
    participants,
    undo,
)
from sync_core.domain.drift import verdict
from sync_core.domain.fixes import fixes
from sync_core.domain.proposals import Choice
from sync_core.domain.quantities import outstanding, target_of
from sync_core.domain.suspension import request_refresh
from sync_core.domain.values import Mode, Suspension
from tests.unit.builders import (
    STORES,
    adjustment,
    at,
    books,
    due,
    key,
    level,
    new_level,
    pool,
    read,
    refresh_of,
    seen,
)

EU, US, UK = 1, 2, 3


def reads(of, shows, *, began=-1, when=-60, **odd):
    """Return a read by id of each level that has a number in `shows`."""
    return {
        each.id: replace(
            DecisionReading(
                reading=read(each.key.store, shows[each.key.store], when),
                version=each.version,
                mark=each.refresh_mark,
                began=at(began),
            ),
            **odd,
        )
        for each in of.levels
        if each.key.store in shows
    }


def chosen(of, about, target, shows, **rest):
    """Return a choice by somebody who saw just these numbers."""
    mine = of.at(key(about))
    saw = {each.id: shows.get(each.key.store) for each in participants(of, mine.id)}
    return PoolDecision(level=mine.id, target=target, saw=saw, shared=of.shared, **rest)


def choose(of, about, target, shows, **rest):
    """Return what becomes of that choice, now."""
    return decide(of, chosen(of, about, target, shows, **rest), reads(of, shows), now=at(0))


def done(of, about, target, shows, **rest):
    """Return the pool after that choice, and its effect."""
    outcome, effect = choose(of, about, target, shows, **rest)
    return outcome.pool, effect


def taken_back(of, effect):
    """Return the pool after the decision is taken back."""
    outcome, _ = undo(of, effect, now=at(100))
    return outcome.pool


def wants(of):
    """Return what each store shows once all that is outstanding is written."""
    return {
        each.key.store: None if each.book is None else each.book + outstanding(each, of.shared)
        for each in of.levels
    }


def baselined(of):
    """Return the stores whose levels are baselined."""
    return {each.key.store for each in of.levels if each.baselined}


MEETING = (new_level("eu", 50), new_level("us", 47))
SEEN = {"eu": 50, "us": 47}


# -- the table: what stands in the way


@pytest.mark.parametrize("shows", [{"eu": 50, "us": 46}, {"eu": 49, "us": 47}])
def test_a_number_that_moved_stops_everything(shows):
    """Two people would be surprised: whoever clicked, and whoever moved it."""
    of = pool(None, *MEETING)
    wanted = chosen(of, "us", 50, SEEN)
    assert decide(of, wanted, reads(of, shows), now=at(0)) is Obstacle.MOVED


def test_a_pool_that_moved_stops_everything():
    """The stores show what they did, but not for the same reason."""
    of = pool(50, eu=50, us=50)
    wanted = replace(chosen(of, "us", 47, {"eu": 50, "us": 50}), shared=51)
    assert decide(of, wanted, reads(of, {"eu": 50, "us": 50}), now=at(0)) is Obstacle.MOVED


def test_a_level_that_was_shown_and_takes_part_no_more_stops_everything():
    """It went off in the meantime: nobody knows what it shows."""
    of = pool(50, level("eu"), level("us"), level("uk", mode=Mode.OFF))
    shows = {"eu": 50, "us": 50, "uk": 50}
    wanted = PoolDecision(level=US, target=47, saw={EU: 50, US: 50, UK: 50}, shared=50)
    assert decide(of, wanted, reads(of, shows), now=at(0)) is Obstacle.MOVED


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"open": True}, id="an adjustment is open"),
        pytest.param({"settled_at": at(-2)}, id="written less than two seconds before the read"),
        pytest.param({"accounted_at": at(-2)}, id="moved less than two seconds before the read"),
        pytest.param(
            {"settled_at": at(-30), "written_at": at(-30)}, id="read older than our last write"
        ),
        pytest.param(
            {"reported_at": at(-30), "settled_at": at(-9)}, id="read older than a webhook"
        ),
    ],
)
@pytest.mark.parametrize("store", ["eu", "us"])
def test_a_level_that_cannot_be_believed_yet_is_asked_again(store, facts):
    """A write under way, or a reading that lags, would be counted as a sale."""
    of = pool(50, eu=50, us=50)
    of = of.with_level(replace(of.at(key(store)), **facts))
    assert choose(of, "us", 47, {"eu": 50, "us": 50}) is Obstacle.BUSY


@pytest.mark.parametrize("odd", [{"version": 7}, {"mark": 7}])
def test_what_was_heard_while_reading_is_not_forgotten(odd):
    """A webhook came between the read and the decision: its sale would be lost."""
    of = pool(50, eu=50, us=50)
    shows = {"eu": 50, "us": 50}
    found = reads(of, shows) | {US: replace(reads(of, shows)[US], **odd)}
    assert decide(of, chosen(of, "us", 47, shows), found, now=at(0)) is Obstacle.BUSY


def test_a_sale_heard_of_in_the_same_second_as_the_last_outlives_a_decision():
    """Such a sale is only a request for a refresh; an older read must not grant it."""
    of = pool(50, level("eu"), level("us", seen_at=at(-1)))
    shows = {"eu": 50, "us": 50}
    found = reads(of, shows, when=-1)
    told = observe(of, seen("us", 49, -1), now=at(0)).pool
    assert told.level(US).awaits_refresh
    assert decide(told, chosen(of, "us", 60, shows), found, now=at(0)) is Obstacle.BUSY


def test_a_level_that_was_not_read_is_asked_again():
    """Its store did not answer."""
    of = pool(50, eu=50, us=50)
    wanted = chosen(of, "us", 47, {"eu": 50, "us": 50})
    assert decide(of, wanted, reads(of, {"eu": 50}), now=at(0)) is Obstacle.BUSY


@pytest.mark.parametrize("trouble", [*Suspension, None])
def test_a_level_that_cannot_be_read_stops_everything(trouble):
    """Unknown is never zero."""
    of = pool(50, eu=50, us=50)
    found = reads(of, {"eu": 50, "us": 50})
    bad = read("us", None if trouble is None else 50, trouble=trouble)
    found[US] = replace(found[US], reading=bad)
    wanted = chosen(of, "us", 47, {"eu": 50, "us": 50})
    assert decide(of, wanted, found, now=at(0)) is Obstacle.UNREADABLE


def test_a_pool_without_a_readable_source_cannot_begin():
    """Nobody says what it would begin from."""
    of = pool(None, new_level("us", 47), new_level("uk", 50))
    assert choose(of, "us", 47, {"us": 47, "uk": 50}) is Obstacle.UNREADABLE


# -- the table: what is done


@pytest.mark.parametrize(
    ("target", "moved", "owes"), [(50, 0, (0, 3)), (47, -3, (-3, 0)), (45, -5, (-5, -2))]
)
def test_a_first_meeting_is_founded_on_what_the_source_shows(target, moved, owes):
    """`shared` is what the source had, and the decision; both levels owe the rest."""
    of, effect = done(pool(None, *MEETING), "us", target, SEEN)
    assert (of.first_shared, of.shared, effect.moved) == (50, target, moved)
    assert (effect.founded, effect.buffer_before) == (True, None)
    assert baselined(of) == {"eu", "us"}
    assert tuple(outstanding(each, of.shared) for each in of.levels) == owes
    assert due(of) == {store for store, by in zip(("eu", "us"), owes, strict=True) if by}
    assert effect.joined == (
        JoinedLevel(level=EU, level_baseline=0, written=owes[0]),
        JoinedLevel(level=US, level_baseline=0, written=owes[1]),
    )


def test_what_stores_did_meanwhile_is_a_movement_and_not_the_decision():
    """The lost webhook of five sold is counted; ten more were decided."""
    outcome, effect = choose(pool(50, eu=50, us=50), "us", 55, {"eu": 50, "us": 45})
    assert [(each.delta, each.counted, each.shared) for each in outcome.movements] == [(-5, -5, 45)]
    assert (effect.moved, outcome.pool.shared) == (10, 55)
    assert books(outcome.pool) == {"eu": 50, "us": 45}
    assert due(outcome.pool) == {"eu", "us"}


def test_counting_what_a_store_did_decides_nothing_of_its_own():
    """Accepting is the movement and nothing else."""
    outcome, effect = choose(pool(50, eu=50, us=50), "us", None, {"eu": 50, "us": 45})
    assert (outcome.pool.shared, effect) == (45, Effect(pool=1, level=US, moved=0))
    assert due(outcome.pool) == {"eu"}


def test_what_a_follower_did_moves_its_book_alone():
    """One-way: the destination's number is used because somebody says so, not by itself."""
    start = pool(50, level("eu"), level("us", mode=Mode.ONE_WAY))
    outcome, effect = choose(start, "us", 60, {"eu": 50, "us": 60})
    assert [(each.delta, each.counted) for each in outcome.movements] == [(10, 0)]
    assert (effect.moved, outcome.pool.shared, due(outcome.pool)) == (10, 60, {"eu"})
    outcome, effect = choose(start, "us", 50, {"eu": 50, "us": 60})
    assert (effect.moved, outstanding(outcome.pool.level(US), 50), due(outcome.pool)) == (
        0,
        -10,
        {"us"},
    )


@pytest.mark.parametrize("shows", [47, 50], ids=["it was not written", "it was"])
def test_a_write_of_unknown_outcome_is_answered_by_the_number_itself(shows):
    """The level begins anew from what it shows; nobody has to know what became of the write."""
    start = pool(
        50, level("eu"), level("us", 47, suspended=Suspension.UNFINISHED, refresh_at=at(9))
    )
    outcome, effect = choose(start, "us", 50, {"eu": 50, "us": shows})
    assert wants(outcome.pool) == {"eu": 50, "us": 50}
    assert (outcome.movements, effect.moved) == ((), 0)
    assert effect.joined == (JoinedLevel(level=US, level_baseline=1, written=50 - shows),)
    ends = [(each.kind, each.resolved) for each in outcome.events]
    assert ends == [("suspended", True), ("differs", True)]


def test_a_refused_level_is_taken_back_and_owes_what_it_did():
    """Nobody has to wait for the hourly look."""
    start = pool(
        45, level("eu", 45), level("us", 50, suspended=Suspension.REFUSED, refresh_at=at(9))
    )
    of, effect = done(start, "us", 45, {"eu": 45, "us": 50})
    assert (of.level(US).suspended, of.level(US).refresh_at) == (None, None)
    assert (wants(of), due(of), effect.joined) == ({"eu": 45, "us": 45}, {"us"}, ())


def test_suspended_levels_and_those_that_have_not_met_are_left_out():
    """A decision about us is none about uk."""
    start = pool(50, level("eu"), level("us"), level("uk", 40, suspended=Suspension.BUNDLE))
    assert [each.id for each in participants(start, US)] == [EU, US]
    assert [each.id for each in participants(start, UK)] == [EU, US, UK]
    fresh = pool(50, level("eu"), level("us"), new_level("uk", 40))
    assert [each.id for each in participants(fresh, US)] == [EU, US]
    off = pool(50, level("eu"), level("us", mode=Mode.OFF))
    assert [each.id for each in participants(off, US)] == [EU]


def test_a_level_that_waits_is_let_in_when_the_decision_makes_it_agree():
    """The UK showed 47 all along; now the pool does."""
    start = pool(50, level("eu"), level("us"), new_level("uk", 47))
    of, effect = done(start, "us", 47, {"eu": 50, "us": 50})
    assert (baselined(of), effect.joined) == ({"eu", "us", "uk"}, ())


def test_a_difference_is_kept_as_a_buffer():
    """The US shows three fewer from now on, and nothing is written."""
    of, effect = done(pool(None, *MEETING), "us", 50, SEEN, buffer=3)
    assert (of.shared, of.level(US).buffer, effect.buffer_before, due(of)) == (50, 3, 0, set())


def test_a_decision_that_oversells_says_so():
    """Below zero somebody has been sold what nobody has."""
    outcome, _ = choose(pool(5, eu=5, us=5), "us", -2, {"eu": 5, "us": 5})
    assert "oversold" in {each.kind for each in outcome.events}


def test_what_a_person_ordered_for_a_level_is_over_when_it_joins():
    """Else the order would be written on top of what the pool wants."""
    waiting = new_level("us", 47, manual_delta=-3, due=True)
    of, _ = done(pool(50, level("eu"), waiting), "us", 50, SEEN)
    assert (of.level(US).manual_delta, wants(of)) == (0, {"eu": 50, "us": 50})


# -- undo


def write_all(of):
    """Write all that is outstanding, at once; return the pool."""
    for store in [each.key.store for each in of.levels]:
        before = of.at(key(store))
        outcome, deltas = plan_adjustments(of, store, now=at(10))
        of = outcome.pool
        for delta in deltas.values():
            asked = adjustment(before, delta)
            of = settle_adjustment(of, asked, written_at=at(10), now=at(10)).pool
    return of


@pytest.mark.parametrize("target", [50, 47, 45])
@pytest.mark.parametrize("written", [True, False], ids=["written", "not written yet"])
def test_a_first_meeting_is_taken_back_to_the_numbers_before(target, written):
    """Whether or not a store has got its part of it by then (it may be down, or paused)."""
    of, effect = done(pool(None, *MEETING), "us", target, SEEN)
    of = write_all(of) if written else of
    of = taken_back(of, effect)
    assert (wants(of), of.shared, baselined(of)) == (SEEN, 50, {"eu"})
    assert of.level(US).level_baseline == 1
    assert of.level(US).awaits_refresh is not of.level(US).due


@pytest.mark.parametrize("written", [True, False], ids=["written", "not written yet"])
def test_sales_since_then_stay_when_a_decision_is_taken_back(written):
    """Taken back is the difference, not the number."""
    of, effect = done(pool(None, *MEETING), "us", 50, SEEN)
    of = write_all(of) if written else of
    of = observe(of, seen("eu", 45, 20), now=at(20)).pool
    of = write_all(of) if written else of
    assert wants(taken_back(of, effect)) == {"eu": 45, "us": 42}


@pytest.mark.parametrize(
    ("close", "after"),
    [
        pytest.param(
            lambda *a: settle_adjustment(*a, written_at=at(101), now=at(101)), -3, id="it happened"
        ),
        pytest.param(lambda *a: mark_unwritten(*a, now=at(101)), 0, id="it did not"),
        pytest.param(lambda *a: refuse(*a, why="no", now=at(101)), 0, id="it was refused"),
    ],
)
def test_a_write_that_is_under_way_is_given_back_only_if_it_happens(close, after):
    """The decision's three are on their way while somebody takes them back."""
    of, effect = done(pool(None, *MEETING), "us", 50, SEEN)
    asked = adjustment(of.level(US), 3)
    of = plan_adjustments(of, "us", now=at(1))[0].pool
    of = taken_back(of, effect)
    of = close(of, asked).pool
    mine = of.level(US)
    assert (mine.baselined, mine.manual_delta) == (False, after)
    assert mine.due is (after != 0)
    assert mine.awaits_refresh is (after == 0)


def test_what_was_ordered_outlives_a_suspension():
    """The store closed the location for an hour; what is to be written back stays outstanding."""
    of, effect = done(pool(None, *MEETING), "us", 50, SEEN)
    of = taken_back(write_all(of), effect)
    mine = request_refresh(of.level(US), now=at(101))
    gone = read("us", None, trouble=Suspension.INACTIVE)
    of = apply_reading(of.with_level(mine), gone, refresh_of(mine, 102), now=at(102)).pool
    mine = of.level(US)
    assert mine.suspended is Suspension.INACTIVE
    of = apply_reading(of, read("us", 50, 90), refresh_of(mine, 5000), now=at(5000)).pool
    assert (of.level(US).due, wants(of)) == (True, SEEN)
    assert plan_adjustments(of, "us", now=at(5001))[1] == {US: -3}


def test_what_was_ordered_is_over_when_its_level_begins_anew():
    """The item was deleted and made again: nothing is known of it, so nothing is outstanding."""
    mine = new_level("us", 50, manual_delta=-3, due=True, refresh_at=at(0))
    of = pool(50, level("eu"), mine)
    of = apply_reading(
        of, read("us", None, trouble=Suspension.MISSING), refresh_of(mine, 0), now=at(0)
    ).pool
    of = apply_reading(of, read("us", 50, 90), refresh_of(of.level(US), 5000), now=at(5000)).pool
    assert (of.level(US).baselined, of.level(US).manual_delta) == (True, 0)


def test_a_buffer_is_taken_back_with_its_decision():
    """The US gets back what was kept from it."""
    start = pool(50, level("eu"), level("us", 50, buffer=0, mode=Mode.ONE_WAY))
    of, effect = done(start, "us", 50, {"eu": 50, "us": 45}, buffer=5)
    of = taken_back(of, effect)
    assert (of.level(US).buffer, due(of), wants(of)) == (0, {"us"}, {"eu": 50, "us": 50})


def test_a_kept_first_meeting_differs_again_when_it_is_taken_back():
    """Nothing was written, so nothing is given back."""
    of, effect = done(pool(None, *MEETING), "us", 50, SEEN, buffer=3)
    of = taken_back(of, effect)
    assert (of.level(US).buffer, baselined(of), wants(of)) == (0, {"eu"}, SEEN)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"level_baseline": 5}, "compared from the start"),
        ({"baselined": False}, "compared from the start"),
        ({"suspended": Suspension.REFUSED}, "us can't be updated now (refused)"),
    ],
)
def test_what_cannot_be_taken_back_says_why(change, why):
    """A person reads it."""
    of, effect = done(pool(None, *MEETING), "us", 47, SEEN)
    of = of.with_level(replace(of.level(US), **change))
    assert why in undo(of, effect, now=at(9))


def test_a_pool_that_does_not_agree_has_nothing_to_take_back():
    """It began anew since."""
    assert "initial comparison" in undo(
        pool(None, *MEETING), Effect(pool=1, level=US, moved=3), now=at(9)
    )


def test_a_level_that_is_gone_cannot_be_taken_back():
    """Its product shares with others by now."""
    effect = Effect(
        pool=1, level=US, moved=3, joined=(JoinedLevel(level=9, level_baseline=0, written=3),)
    )
    assert "compared from the start" in undo(pool(50, eu=50, us=50), effect, now=at(9))


def test_counting_cannot_be_taken_back():
    """It would say done, and do nothing: the sale happened."""
    of, effect = done(pool(50, eu=50, us=50), "us", None, {"eu": 50, "us": 45})
    assert "changes that the stores made" in undo(of, effect, now=at(9))


def test_taking_back_is_an_effect_of_its_own():
    """The books add up with both."""
    of, effect = done(pool(50, eu=50, us=50), "us", 47, {"eu": 50, "us": 50})
    outcome, inverse = undo(of, effect, now=at(9))
    assert inverse == Effect(pool=1, level=US, moved=3)
    assert (outcome.pool.shared, outcome.movements) == (50, ())


# -- whatever happens

quantities = st.integers(-30, 90)
kinds = st.fixed_dictionaries(
    {
        "mode": st.sampled_from([Mode.TWO_WAY, Mode.TWO_WAY, Mode.ONE_WAY, Mode.OFF]),
        "buffer": st.sampled_from([0, 0, 5]),
        "pack": st.sampled_from([1, 1, 3]),
    }
)
states = st.sampled_from([None, None, "new", Suspension.REFUSED, Suspension.UNFINISHED])


@st.composite
def pools(draw, *, plain=False):
    """A pool of two or three levels of every kind, and what their stores show."""
    stores = draw(st.sampled_from([STORES[:2], STORES]))
    founded = draw(st.booleans())
    shared = draw(quantities) if founded else None
    mine = []
    for store in stores:
        facts = draw(kinds) if store != STORES[0] and not plain else {}
        state = draw(st.sampled_from([None, "new"]) if plain else states) if founded else "new"
        if state == "new":
            mine.append(new_level(store, draw(quantities), **facts))
        else:
            blank = level(store, 0, **facts)
            book = draw(st.one_of(st.just(target_of(blank, shared)), quantities))
            mine.append(replace(level(store, book, **facts), suspended=state))
    shows = {
        each.key.store: draw(st.one_of(st.just(each.book), quantities))
        if each.book is not None
        else draw(quantities)
        for each in mine
    }
    return pool(shared, *mine), shows


@given(case=pools(), number=st.integers(0, 2))
def test_each_option_writes_just_what_it_showed(case, number):
    """A person approves the numbers on the button: no other may follow."""
    of, shows = case
    mine = of.levels[number % len(of.levels)]
    readings = {each.id: read(each.key.store, shows[each.key.store]) for each in of.levels}
    kind = verdict(of, mine, readings)
    part = {each.id: shows[each.key.store] for each in participants(of, mine.id)}
    for option in fixes(kind, of, mine, part).options:
        if option.target is None:
            continue
        buffer = None
        if option.choice is Choice.KEEP:
            buffer = option.target - shows[mine.key.store] * mine.pack
        target = None if option.choice is Choice.ACCEPT else option.target
        outcome, _ = choose(of, mine.key.store, target, shows, buffer=buffer)
        assert outcome.pool.shared == option.target
        assert {(each.store, each.before, each.after) for each in option.writes} == {
            (each.key.store, each.book, each.book + by)
            for each in outcome.pool.levels
            if each.id in part and (by := outstanding(each, outcome.pool.shared))
        }


@given(case=pools(), number=st.integers(0, 2), target=quantities, off=st.sampled_from(STORES))
def test_no_number_may_differ_from_what_was_shown(case, number, target, off):
    """Whichever level of those that take part it is."""
    of, shows = case
    mine = of.levels[number % len(of.levels)]
    wanted = chosen(of, mine.key.store, target, shows)
    assume(off in shows and of.at(key(off)).id in wanted.saw)
    moved = {**shows, off: shows[off] + 1}
    assert decide(of, wanted, reads(of, moved), now=at(0)) is Obstacle.MOVED


@given(
    case=pools(),
    number=st.integers(0, 2),
    target=st.none() | quantities,
    buffer=st.sampled_from([None, 0, 7]),
    sold=st.lists(st.integers(-9, 9), max_size=4),
)
def test_decisions_and_sales_add_up_whatever_is_decided(case, number, target, buffer, sold):
    """`shared` is what was agreed first, what moved, and what was decided; books likewise."""
    of, shows = case
    before = of
    mine = of.levels[number % len(of.levels)]
    did = choose(of, mine.key.store, target, shows, buffer=buffer)
    assume(not isinstance(did, Obstacle))
    outcome, effect = did
    of = outcome.pool
    counted = sum(each.counted for each in outcome.movements)
    first = before.shared if before.shared is not None else of.first_shared
    assert of.shared == first + counted + effect.moved
    for each in of.levels:
        moved = sum(m.delta for m in outcome.movements if m.level == each.id)
        was = before.level(each.id)
        if was.baselined and each.baselined and was.level_baseline == each.level_baseline:
            assert each.book == was.book + moved
        elif each.baselined:
            assert each.first_book == each.book
    total = 0
    for turn, by in enumerate(sold):
        store = list(shows)[turn % len(shows)]
        value = of.at(key(store)).book
        if value is not None:
            heard = observe(of, seen(store, value + by, 10 + turn), now=at(10 + turn))
            total += sum(each.counted for each in heard.movements)
            of = heard.pool
    taken = undo(of, effect, now=at(60))
    if not isinstance(taken, str):
        back, inverse = taken
        assert back.pool.shared == first + counted + total + effect.moved + inverse.moved
        assert inverse.moved == -effect.moved


@given(
    case=pools(plain=True),
    number=st.integers(1, 2),
    target=quantities,
    write=st.booleans(),
    sold=st.lists(st.tuples(st.integers(0, 2), st.integers(-9, -1)), max_size=3),
)
def test_what_is_taken_back_leaves_the_numbers_as_without_it(case, number, target, write, sold):
    """For levels that count, and no buffer or pack that rounds: exactly, sales and all."""
    of, shows = case
    mine = of.levels[number % len(of.levels)]
    did = choose(of, mine.key.store, target, shows)
    assume(not isinstance(did, Obstacle))
    outcome, effect = did
    of = outcome.pool
    assume(all(each.baselined for each in of.levels))
    assume(effect.moved or effect.joined)
    start = {store: shows[store] for store in shows}
    if write:
        of = write_all(of)
    total = 0
    for turn, (which, by) in enumerate(sold):
        store = list(shows)[which % len(shows)]
        of = observe(
            of, seen(store, of.at(key(store)).book + by, 20 + turn), now=at(20 + turn)
        ).pool
        total += by
        if write:
            of = write_all(of)
    of = taken_back(of, effect)
    joined = {each.level for each in effect.joined}
    for each in of.levels:
        store = each.key.store
        if each.id in joined and not each.baselined:
            assert wants(of)[store] == start[store] + total
        else:
            assert wants(of)[store] == of.shared
