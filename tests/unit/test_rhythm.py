"""An item that is hot in both stores falls into a rhythm instead of starving."""

from datetime import timedelta
from itertools import pairwise

from sync_core.domain.adjustments import may_send
from tests.unit.builders import at
from tests.unit.world import World

TICK = 0.1


def run(world, *, seconds, sales):
    """Run the engine by a hand-made clock; return when the stores were equal for good."""
    rate, until = sales
    later, left, equal = [], dict.fromkeys(world.shelf), None
    for tick in range(round(seconds / TICK)):
        world.now = tick * TICK
        if world.now < until and tick % round(1 / rate / TICK) == 0:
            for store in world.shelf:
                world.customers(store, -1)
        while world.told:  # a webhook takes 0.3 s
            later.append((tick + 3, world.observe, (world.told.pop(0),)))
        for store in world.shelf:
            if may_send(rows=1, last_sent_at=left[store], now=at(world.now)):
                before = len(world.writes[store])
                world.plan_adjustments(store)
                if len(world.writes[store]) > before:
                    left[store] = at(world.now)
                    later.append((tick + 2, world.write, (store,)))  # the store does it
                    later.append((tick + 4, world.settle_adjustment, (store,)))  # and says so
            busy = any(each[1] == world.end_look and each[2][0] == store for each in later)
            if not busy and (began := world.begin_look(store)):
                later.append((tick + 2, world.end_look, (store, began)))
        for each in [each for each in later if each[0] <= tick]:
            later.remove(each)
            each[1](*each[2])
        is_equal = len({*world.shelf.values(), world.pool.shared}) == 1
        equal = (equal or world.now) if is_equal and world.is_quiet() else None
    return equal


def test_a_hot_item_gets_one_write_and_one_look_each_two_seconds():
    """Five sales a second in both stores: neither the budget nor the customers suffer."""
    world = World("eu", "us", start=1000)
    equal = run(world, seconds=60, sales=(5, 30))
    assert world.shelf == {"eu": 700, "us": 700}
    assert world.pool.shared == 700
    for times in (*world.writes.values(), *world.looks.values()):
        assert 10 <= len(times) <= 17
        assert all(later - earlier >= 2 - TICK for earlier, later in pairwise(times)), times
    assert equal is not None
    assert timedelta(seconds=equal - 30) <= timedelta(seconds=4)


def test_a_single_sale_costs_one_write_and_no_look():
    """It is there within half a second of its webhook."""
    world = World("eu", "us")
    world.customers("us", -5)
    equal = run(world, seconds=5, sales=(1, 0))
    assert (world.writes, world.looks) == ({"eu": [0.4], "us": []}, {"eu": [], "us": []})
    assert world.shelf == {"eu": 95, "us": 95}
    assert equal is not None
    assert equal < 1
