"""How many shared units are in one of a store's own, and what changing that does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.accounting import observe
from sync_core.domain.adjustments import plan_adjustments, settle_adjustment
from sync_core.domain.decisions import DecisionReading, Effect, JoinedLevel, Obstacle, undo
from sync_core.domain.pack_sizes import Packing, read_for, repack
from sync_core.domain.quantities import outstanding, shared_by, target_of
from sync_core.domain.values import Adjustment, Mode, Reading, Suspension
from tests.unit.builders import at, level, new_level, pool, seen

DEFER = at(3600)


def read(of, **values):
    """Return what stores show when they are read by id, long after all that happened."""
    return {
        each.id: DecisionReading(
            reading=Reading(
                key=each.key,
                available=values.get(each.key.store, each.book),
                updated_at=at(3000),
            ),
            version=each.version,
            mark=each.refresh_mark,
            began=DEFER,
        )
        for each in of.levels
    }


def packed(of, pack, *stores, shared=..., values=None):
    """Change the pack size of stores, by the numbers that they show."""
    reads = read(of, **(values or {}))
    levels = [each.id for each in of.levels if each.key.store in stores]
    off = {each.id for each in of.levels if each.mode is Mode.OFF}
    saw = {each: None if each in off else reads[each].reading.available for each in levels}
    given_ = Packing(
        levels=levels, pack=pack, saw=saw, shared=of.shared if shared is ... else shared
    )
    return repack(of, given_, reads, now=at(3601))


def us(of):
    return next(each for each in of.levels if each.key.store == "us")


def sold(of, by):
    """Let the US sell so many of its own."""
    mine = us(of)
    return observe(of, seen("us", mine.book - by, 8000), now=at(8001)).pool


def written(of):
    """Write what is outstanding, and return the pool and the deltas."""
    told = {}
    for each in of.levels:
        outcome, deltas = plan_adjustments(of, each.key.store, now=at(7200))
        of = outcome.pool
        for number, delta in deltas.items():
            level_baseline = of.level(number).level_baseline
            done = Adjustment(
                id=1, batch=1, level=number, delta=delta, level_baseline=level_baseline
            )
            of = settle_adjustment(of, done, written_at=at(7201), now=at(7202)).pool
            told[each.key.store] = delta
    return of, told


def test_a_level_that_has_met_owes_the_difference():
    """50 units are 8 packs of 6; two are in no pack, and stay."""
    outcome, (effect,) = packed(pool(50, eu=50, us=50), 6, "us")
    assert (outcome.pool.shared, us(outcome.pool).pack, effect.moved, effect.pack_before) == (
        50, 6, 0, 1,
    )  # fmt: skip
    after, told = written(outcome.pool)
    assert told == {"us": -42}
    assert us(after).book == 8
    after, told = written(sold(after, 1))
    assert (after.shared, told, us(after).book) == (44, {"eu": -6}, 7)


def test_what_happened_before_counts_by_the_size_that_it_had():
    """Its webhook is still on the way: 5 units were sold, not 5 packs."""
    outcome, _ = packed(pool(50, eu=50, us=50), 6, "us", values={"us": 45})
    (movement,) = outcome.movements
    assert (movement.delta, movement.counted, outcome.pool.shared) == (-5, -5, 45)
    assert outstanding(us(outcome.pool), 45) == 7 - 45


@pytest.mark.parametrize(
    ("shows", "joins"), [(8, True), (7, False), (50, False)], ids=["fits", "differs", "in units"]
)
@pytest.mark.parametrize("agreed", [True, False], ids=["a pool that has agreed", "a new pool"])
def test_a_level_that_has_not_met_joins_if_it_fits(shows, joins, agreed):
    """Nothing is written by it: which number holds is another question."""
    eu = level("eu", 50) if agreed else new_level("eu", 50, first_book=50)
    start = pool(
        50 if agreed else None,
        eu,
        new_level("us", shows, first_book=shows, first_shared=50 if agreed else None),
    )
    outcome, _ = packed(start, 6, "us")
    assert us(outcome.pool).baselined is joins
    assert written(outcome.pool)[1] == {}
    differs = [each for each in outcome.events if each.kind == "differs" and not each.resolved]
    assert [each.facts["should_show"] for each in differs] == ([] if joins else [8])


@pytest.mark.parametrize(
    ("start", "more", "obstacle"),
    [
        pytest.param(pool(50, level("eu", 50), level("us", 50, open=True)), {}, "BUSY", id="open"),
        pytest.param(
            pool(50, level("eu", 50), level("us", 50, withheld=9)), {}, "WITHHELD", id="held"
        ),
        pytest.param(
            pool(50, level("eu", 50, withheld=9), level("us", 50)), {}, "WITHHELD", id="elsewhere"
        ),
        pytest.param(pool(50, eu=50, us=50), {"shared": 49}, "MOVED", id="the pool has moved"),
        pytest.param(
            pool(50, level("eu", 50), level("us", 50, suspended=Suspension.REFUSED)),
            {},
            "UNREADABLE",
            id="suspended",
        ),
        pytest.param(
            pool(50, level("eu", 50), level("us", 50, accounted_at=at(3599))),
            {},
            "BUSY",
            id="just moved",
        ),
    ],
)
def test_what_stands_in_the_way_is_said(start, more, obstacle):
    """Not now is an answer; another number than was shown is not."""
    assert packed(start, 6, "us", **more) is Obstacle[obstacle]


def test_another_number_than_was_shown_is_no_consent():
    start = pool(50, eu=50, us=50)
    wanted = Packing(levels=[us(start).id], pack=6, saw={us(start).id: 49}, shared=50)
    assert repack(start, wanted, read(start), now=at(3601)) is Obstacle.MOVED


def test_a_store_that_is_off_keeps_it_for_its_first_meeting():
    """Nobody has to read it, and nothing is written; what a held pool holds is nothing to it."""
    start = pool(50, level("eu", 50, withheld=9), new_level("us", mode=Mode.OFF))
    assert read_for(start, [us(start).id]) == []
    outcome, (effect,) = packed(start, 6, "us")
    assert (us(outcome.pool).pack, effect.pack_before, us(outcome.pool).due) == (6, 1, False)
    assert us(outcome.pool).level_baseline == us(start).level_baseline


def test_the_same_size_again_changes_nothing():
    start = pool(50, level("eu", 50), level("us", 8, pack=6))
    outcome, effects = packed(start, 6, "us")
    assert effects == ()
    assert us(outcome.pool).level_baseline == us(start).level_baseline


def test_a_size_is_not_undone_but_set_again():
    """An undo does not read, and a sale on its way would be counted in other units."""
    outcome, (effect,) = packed(pool(50, eu=50, us=50), 6, "us")
    assert undo(outcome.pool, effect, now=DEFER) == (
        "a pack size can't be undone; set it again: it was 1"
    )


def test_what_older_decisions_wrote_was_in_other_units():
    """Its +3 were three units; three packs would be taken back for them."""
    start = pool(50, eu=50, us=50)
    joined = JoinedLevel(level=us(start).id, level_baseline=us(start).level_baseline, written=3)
    older = Effect(pool=start.id, level=us(start).id, moved=0, joined=(joined,))
    assert not isinstance(undo(start, older, now=DEFER), str)
    outcome, _ = packed(start, 6, "us")
    assert "compared from the start" in undo(outcome.pool, older, now=DEFER)


packs = st.integers(1, 12)
steps = st.lists(st.tuples(st.sampled_from(["eu", "us", "pack"]), st.integers(1, 20)), max_size=12)


@given(first=st.integers(0, 500), steps=steps)
def test_no_pack_size_makes_or_loses_a_unit(first, steps):
    """Whatever is sold and repacked, shared is what was there less what was sold, in units."""
    state = pool(first, eu=first, us=first)
    expected = first
    for number, (what, by) in enumerate(steps):
        now = at(10_000 * (number + 1))
        if what == "pack":
            reads = {each: replace(one, began=now) for each, one in read(state).items()}
            wanted = Packing(
                levels=[us(state).id],
                pack=by,
                saw={us(state).id: us(state).book},
                shared=state.shared,
            )
            outcome, _ = repack(state, wanted, reads, now=now)
            assert outcome.movements == ()
            state = outcome.pool
        else:
            mine = next(each for each in state.levels if each.key.store == what)
            expected -= by * mine.pack
            heard = seen(what, mine.book - by, 10_000 * (number + 1))
            state = observe(state, heard, now=now).pool
        assert state.shared == expected
        for each in state.levels:
            delta = outstanding(each, state.shared)
            assert not delta or each.due
            state = state.with_level(replace(each, book=each.book + delta, due=False))
    assert [each.book for each in state.levels] == [
        target_of(each, expected) for each in state.levels
    ]


@given(
    value=st.integers(-50, 500),
    shared=st.none() | st.integers(-500, 500),
    pack=packs,
    buffer=st.sampled_from([0, 0, 3, 40]),
)
def test_the_quantity_by_which_a_level_shows_a_value_keeps_the_remainder(
    value, shared, pack, buffer
):
    """To use a store's number must not take from the others what makes no pack there."""
    mine = level("us", pack=pack, buffer=buffer)
    assert target_of(mine, shared_by(mine, value, shared)) == value
    if shared is not None and (shared < 0 or shared >= buffer):
        assert shared_by(mine, target_of(mine, shared), shared) == shared
