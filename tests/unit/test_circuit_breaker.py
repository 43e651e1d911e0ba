"""What trips the circuit breaker, what it holds, and that nothing of it is lost."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_core.domain.accounting import observe
from sync_core.domain.adjustments import plan_adjustments, settle_adjustment
from sync_core.domain.circuit_breaker import (
    BREAKER_LIMITS,
    CountedMovement,
    Traffic,
    TripRule,
    WithheldMovement,
    baseline_after_release,
    explain_all,
    is_corrected,
    is_emptied,
    is_suspicious,
    levels_not_reached,
    levels_to_withhold,
    may_correct,
    may_trip,
    measure_traffic,
    release,
    revert,
    tripped_rule,
    withhold,
)
from sync_core.domain.quantities import outstanding
from sync_core.domain.suspension import restart_level
from sync_core.domain.webhook_events import OrderEvent, OrderEventKind
from tests.unit.builders import NOON, STORES, adjustment, at, books, level, new_level, pool, seen


def move(counted=-50, *, number=1, emptied=True, **rest):
    """Return a movement that took a level to zero, unless it says otherwise."""
    given = {"id": number, "pool": number, "level": number, "delta": counted, "at": NOON}
    return CountedMovement(**{**given, "seen_at": NOON, **rest}, counted=counted, emptied=emptied)


def moves(count, counted=-10, **rest):
    return [move(counted, number=number, **rest) for number in range(count)]


def order_event(quantity, **rest):
    given = {
        "store": "eu",
        "kind": OrderEventKind.SALE,
        "ref": 1,
        "line": 1,
        "order_id": 1,
        "name": "#1",
    }
    return OrderEvent(
        **{**given, "variant_id": 1, "location": None, "at": NOON, **rest}, quantity=quantity
    )


@pytest.mark.parametrize(
    ("found", "total", "rule"),
    [
        pytest.param(moves(21), 9999, TripRule.EMPTIED, id="21 pools emptied"),
        pytest.param(moves(20), 9999, None, id="20 pools emptied"),
        pytest.param(moves(21, emptied=False), 9999, None, id="21 fell, not to zero"),
        pytest.param([*moves(20), *moves(20)], 9999, None, id="the same 20 twice"),
        pytest.param([*moves(20), move(number=99, explained=True)], 9999, None, id="one explained"),
        pytest.param(moves(10, -101, emptied=False), 2019, TripRule.MOVED, id="more than half"),
        pytest.param(moves(10, 101, emptied=False), 2019, TripRule.MOVED, id="upwards, too"),
        pytest.param(moves(10, -101, emptied=False), 2020, None, id="half"),
        pytest.param(moves(10, -100, emptied=False), 1000, TripRule.MOVED, id="1,000 units"),
        pytest.param(moves(9, -111, emptied=False), 1000, None, id="999 units"),
        pytest.param(moves(10, -200, explained=True), 100, None, id="all explained"),
        pytest.param([], 0, None, id="nothing"),
    ],
)
def test_the_brake_trips_by_the_table(found, total, rule):
    assert tripped_rule(found, total, BREAKER_LIMITS) is rule


@pytest.mark.parametrize(
    ("made", "rule", "is_withheld", "withheld"),
    [
        pytest.param(move(), TripRule.EMPTIED, False, True, id="emptied"),
        pytest.param(move(explained=True), TripRule.MOVED, True, False, id="explained"),
        pytest.param(move(-10, emptied=False), TripRule.MOVED, False, True, id="big, after MOVED"),
        pytest.param(move(10, emptied=False), TripRule.MOVED, False, True, id="big, upwards"),
        pytest.param(move(-9, emptied=False), TripRule.MOVED, True, False, id="small"),
        pytest.param(
            move(-10, emptied=False), TripRule.EMPTIED, True, False, id="big, after EMPTIED"
        ),
        pytest.param(move(3, emptied=False), TripRule.EMPTIED, True, True, id="put right"),
        pytest.param(move(3, emptied=False), TripRule.EMPTIED, False, False, id="a restock"),
    ],
)
def test_what_is_held_follows_the_table(made, rule, is_withheld, withheld):
    """A sale is never in the right column: it is small, or an order explains it."""
    assert is_suspicious(made, rule, BREAKER_LIMITS, is_part=is_withheld) is withheld


@pytest.mark.parametrize(
    ("mine", "counted", "shared", "emptied"),
    [
        pytest.param(level("us"), -50, 0, True, id="all of 50"),
        pytest.param(level("us"), -10, 0, True, id="ten"),
        pytest.param(level("us"), -9, 0, False, id="nine"),
        pytest.param(level("us"), -49, 1, False, id="all but one"),
        pytest.param(level("us"), -60, -10, True, id="below zero"),
        pytest.param(level("us"), -20, -25, False, id="it was below zero before"),
        pytest.param(level("us", buffer=5), -45, 5, True, id="what is left is the buffer"),
        pytest.param(level("us", pack=10), -50, 9, True, id="what is left makes no pack"),
        pytest.param(level("us", withheld=-50), -50, -50, True, id="something is held from it"),
        pytest.param(level("us"), 50, 0, False, id="a rise"),
    ],
)
def test_a_level_is_emptied_where_it_shows_nothing(mine, counted, shared, emptied):
    assert is_emptied(mine, counted, shared, BREAKER_LIMITS) is emptied


def test_traffic_is_counted_by_store():
    """Either way; what does not count for its pool does not count here."""
    start = pool(50, level("eu", 50), level("us", 50))
    fell = observe(start, seen("us", 0, 1), now=at(1))
    rose = observe(fell.pool, seen("eu", 53, 2), now=at(2))
    assert measure_traffic([fell, rose], BREAKER_LIMITS) == {
        "us": Traffic(units=50, emptied=1),
        "eu": Traffic(units=3),
    }


@pytest.mark.parametrize(
    ("moved", "may"),
    [
        (Traffic(units=999, emptied=20), False),
        (Traffic(units=1000), True),
        (Traffic(emptied=21), True),
    ],
)
def test_it_is_looked_closer_at_only_where_it_may_trip(moved, may):
    assert may_trip(moved, BREAKER_LIMITS) is may


def test_an_order_explains_one_movement():
    """A shelf that is sold and then wiped was wiped."""
    sold, wiped = move(-10, number=1, level=7), move(-10, number=2, level=7)
    told = explain_all([sold, wiped], {7: [order_event(10)]})
    assert [each.explained for each in told] == [True, False]


def test_two_orders_explain_what_came_as_one():
    """A webhook carries the latest value: two sales may be one movement."""
    later = NOON + timedelta(seconds=3)
    orders = [order_event(4), order_event(6, ref=2, at=later)]
    assert explain_all([move(-10, level=7)], {7: orders})[0].explained


@pytest.mark.parametrize(
    ("us", "opened", "fresh", "waiting"),
    [
        pytest.param(level("us", 50, due=True), 0, False, (2,), id="due"),
        pytest.param(level("us", 0), 0, False, (), id="written"),
        pytest.param(level("us", 50, open=True), -50, False, (), id="being written"),
        pytest.param(level("us", 50, open=True, due=True), -50, False, (), id="written, due again"),
        pytest.param(level("us", 2, due=True), 0, False, (), id="written, a little is due"),
        pytest.param(level("us", 50, open=True, due=True), -1, False, (2,), id="something else is"),
        pytest.param(new_level("us", 50), 0, False, (2,), id="it has not met"),
        pytest.param(level("us", 50), 0, True, (2,), id="just now"),
    ],
)
def test_what_has_been_written_is_not_held(us, opened, fresh, waiting):
    """It stays written: taking it back would be a second surprise."""
    start = pool(0, level("eu", 0), us)
    made = move(-50, pool=1, level=1)
    fresh = {made.id} if fresh else set()
    assert levels_not_reached(start, [made], {2: opened}, {}, fresh=fresh) == {made.id: waiting}


@pytest.mark.parametrize(
    ("still", "changes", "planned", "unreached"),
    [
        pytest.param(-50, [-50], 0, [], id="an update was planned since then"),
        pytest.param(-50, [-50], -1, [1], id="the last was planned before it"),
        pytest.param(-50, [-50, 50, -50], None, [1, 2, 3], id="none of it has been written"),
        pytest.param(-50, [-50, 20, -20], None, [1, 2, 3], id="nor if less was put right"),
        pytest.param(-40, [-50, 20, -20], None, [1, 2, 3], id="somebody else gave a little"),
        pytest.param(-80, [-50, -30], None, [1, 2], id="neither has been written"),
        pytest.param(-30, [-50, -30], None, [2], id="the older one has been written"),
        pytest.param(20, [-50, 20], None, [2], id="the fall was, what puts it right was not"),
        pytest.param(0, [-50, 50], None, [1, 2], id="it comes to nothing"),
        pytest.param(0, [-50], None, [], id="it owes nothing"),
        pytest.param(50, [-50], None, [], id="it owes something else"),
    ],
)
def test_no_more_is_withheld_than_is_outstanding(still, changes, planned, unreached):
    """The newest ones are; if it were more, the level would be given the rest."""
    start = pool(50, level("eu", 50), level("us", 50 - still, due=True))
    made = [move(by, number=n, pool=1, level=1) for n, by in enumerate(changes, start=1)]
    plans = {} if planned is None else {2: at(planned)}
    found = levels_not_reached(start, made, {}, plans)
    assert [number for number, levels in sorted(found.items()) if levels] == unreached
    assert set(found) == {each.id for each in made}


def test_an_update_that_another_store_caused_is_not_taken_for_an_older_change():
    """What `uk` has just moved is still outstanding; what `eu` moved before was written."""
    start = pool(130, level("eu", 130), level("us", 50, due=True), level("uk", 130))
    older = move(20, pool=1, level=1)
    assert levels_not_reached(start, [older], {}, {2: at(1)}) == {1: ()}
    assert levels_not_reached(start, [older], {}, {2: at(-1)}) == {1: (2,)}


def test_a_pool_without_a_quantity_owes_nothing():
    start = pool(None, level("eu", 50), level("us", 50))
    assert levels_not_reached(start, [move(pool=1, level=1)], {}, {}) == {1: ()}


def part(delta=-50, withheld_from=(2,), movement=1, level=1):
    return WithheldMovement(
        id=0, breaker="b", pool=1, level=level, movement=movement, delta=delta,
        withheld_from=dict.fromkeys(withheld_from, 0), at=NOON,
    )  # fmt: skip


BIG = move(50, number=9, emptied=False)


@pytest.mark.parametrize(
    ("made", "parts", "rule", "withheld_from"),
    [
        pytest.param(move(), [], TripRule.EMPTIED, (2, 3), id="a fall: those it has not reached"),
        pytest.param(
            BIG, [part()], TripRule.EMPTIED, (2,), id="a rise: whom the fall is kept from"
        ),
        pytest.param(
            BIG,
            [part(withheld_from=())],
            TripRule.EMPTIED,
            (),
            id="a rise: the fall has reached all",
        ),
        pytest.param(BIG, [], TripRule.MOVED, (2, 3), id="a big rise, after MOVED"),
    ],
)
def test_whom_it_is_kept_from_follows_the_table(made, parts, rule, withheld_from):
    assert levels_to_withhold(made, (2, 3), parts, rule, BREAKER_LIMITS) == withheld_from


@pytest.mark.parametrize(
    ("made", "parts", "may"),
    [
        pytest.param(move(50, number=9, level=3), [part()], True, id="the fall has reached it"),
        pytest.param(move(50, number=9, level=2), [part()], False, id="it never fell there"),
        pytest.param(move(50, number=1, level=3), [part(movement=2)], False, id="before the fall"),
        pytest.param(move(50, number=9, level=3, explained=True), [part()], False, id="a refund"),
        pytest.param(move(-50, number=9, level=3), [part()], False, id="a fall"),
        pytest.param(move(50, number=9, level=3), [part(50)], False, id="after a rise"),
        pytest.param(move(50, number=9, level=3), [], False, id="of another product"),
    ],
)
def test_what_puts_right_what_fell(made, parts, may):
    assert may_correct(made, parts) is may


@pytest.mark.parametrize(
    ("total", "emptied", "moved"),
    [(-1, False, False), (0, True, True), (1, True, False)],
)
def test_what_adds_up_to_nothing_is_put_right(total, emptied, moved):
    parts = [part(-50), part(50 + total)]
    assert is_corrected(parts, TripRule.EMPTIED) is emptied
    assert is_corrected(parts, TripRule.MOVED) is moved


@pytest.mark.parametrize(
    ("order_events", "sold"),
    [
        pytest.param([], 0, id="no order"),
        pytest.param([order_event(5)], -5, id="an order in the same second"),
        pytest.param([order_event(5), order_event(3, ref=2)], -8, id="two orders"),
        pytest.param(
            [order_event(5), order_event(2, ref=2, kind=OrderEventKind.REFUND)],
            -3,
            id="one was refunded",
        ),
        pytest.param([order_event(60)], -50, id="more than fell"),
        pytest.param([order_event(5, at=NOON + timedelta(seconds=1))], 0, id="after it"),
        pytest.param([order_event(5, at=NOON - timedelta(minutes=2))], 0, id="long before"),
        pytest.param([order_event(2, kind=OrderEventKind.REFUND)], 0, id="only a refund"),
    ],
)
def test_orders_account_for_a_part_of_a_fall(order_events, sold):
    """A value contains all that happened before it: also what moved nothing by itself."""
    [told] = explain_all([move(level=7)], {7: order_events})
    assert (told.sold, told.explained) == (sold, sold == -50)


def test_an_order_of_before_is_part_of_the_movement_before():
    """What was sold until the last movement is in its value, whatever explains it."""
    at = NOON - timedelta(seconds=30)
    first = move(-3, number=1, level=7, emptied=False, seen_at=at, at=at)
    told = explain_all([first, move(-47, number=2, level=7)], {7: [order_event(2, at=at)]})
    assert [each.sold for each in told] == [-2, 0]


def test_orders_are_counted_in_the_units_of_the_pool():
    packed = replace(move(-50, level=7), delta=-5)
    [told] = explain_all([packed], {7: [order_event(2)]})
    assert told.sold == -20


# -- conservation

happens = st.lists(
    st.tuples(
        st.sampled_from(("move", "move", "sell", "release", "discard", "write", "anew", "meet")),
        st.integers(0, 2),
        st.integers(-60, 60),
    ),
    max_size=40,
)


def fall(before, store, to, seconds):
    """Account for a store's new number."""
    return observe(before, seen(store, to, seconds), now=at(seconds))


@given(steps=happens, buffer=st.sampled_from([0, 5]), pack=st.sampled_from([1, 3]))
def test_held_and_passed_on_is_what_moved(steps, buffer, pack):
    """At any moment, whoever decides what and when, and whoever meets anew."""
    mine = level("us", 50 // pack - buffer, buffer=buffer, pack=pack)
    state = pool(50, level("eu", 50), replace(mine, book=max(0, 50 - buffer) // pack), level("uk"))
    holds = []  # delta, kept, whose
    total, seconds = 50, 1
    for what, number, by in steps:
        seconds += 10
        store = STORES[number]
        now = state.at(level(store).key)
        match what:
            case "move" | "sell" if now.baselined and by:
                outcome = fall(state, store, now.book + by, seconds)
                counted = sum(each.counted for each in outcome.movements)
                total += counted
                state = outcome.pool
                if what == "move":
                    others = [each.id for each in state.levels if each.id != now.id]
                    state, withheld_from = withhold(state, counted, others)
                    holds.append((counted, withheld_from))
            case "release" | "discard" if holds:
                counted, withheld_from = holds.pop(abs(by) % len(holds))
                end = release if what == "release" else revert
                total -= counted if what == "discard" else 0
                state = baseline_after_release(state, end(state, counted, withheld_from)).pool
            case "write":
                state = written(state, store, seconds)
            case "anew":
                fresh = restart_level(now, shared=state.shared)
                state = state.with_level(replace(fresh, book=40, first_book=40))
            case "meet":
                state = baseline_after_release(state, state).pool
        assert state.shared == total
        withheld = defaultdict(int)
        meetings = {each.id: each.level_baseline for each in state.levels}
        for counted, withheld_from in holds:
            for each, level_baseline in withheld_from.items():
                withheld[each] += counted if meetings[each] == level_baseline else 0
        assert {each.id: each.withheld for each in state.levels} == {
            n: withheld[n] for n in meetings
        }
        assert all(
            each.due for each in state.levels if each.baselined and outstanding(each, state.shared)
        )
    for counted, withheld_from in holds:
        state = release(state, counted, withheld_from)
    assert {each.withheld for each in state.levels} == {0}


def written(state, store, seconds):
    """Let what is outstanding to a store be written."""
    planned, deltas = plan_adjustments(state, store, now=at(seconds))
    state = planned.pool
    for number, delta in deltas.items():
        done = adjustment(state.level(number), delta)
        state = settle_adjustment(state, done, written_at=at(seconds), now=at(seconds)).pool
    return state


def test_released_when_nothing_is_owed_writes_nothing():
    """Somebody has put the other store to zero by hand meanwhile."""
    start = fall(pool(50, level("eu"), level("us")), "eu", 0, 1).pool
    withheld, withheld_from = withhold(start, -50, [2])
    assert outstanding(withheld.level(2), withheld.shared) == 0
    sold_out = fall(withheld, "us", 0, 2).pool
    freed = release(sold_out, -50, withheld_from)
    assert books(freed) == {"eu": 0, "us": 0}
    assert [outstanding(each, freed.shared) for each in freed.levels] == [-50, -50], (
        "both fell by 50"
    )


def test_a_level_that_was_about_to_meet_still_can():
    """It agreed when its baseline was called; what is held from it changes nothing."""
    unmet = new_level("us", 50, first_shared=50)
    start = fall(pool(50, level("eu"), unmet), "eu", 0, 1).pool
    start = replace(start, levels=(start.level(1), unmet))
    withheld, _ = withhold(start, -50, [2])
    baselined = baseline_after_release(withheld, withheld).pool.level(2)
    assert (baselined.baselined, baselined.withheld, outstanding(baselined, withheld.shared)) == (
        True,
        -50,
        0,
    )
    sold = replace(withheld.level(2), book=45)
    joined = baseline_after_release(withheld, withheld.with_level(sold)).pool
    assert joined.level(2).baselined
    assert joined.shared == -5
    assert outstanding(joined.level(1), joined.shared) == -5
