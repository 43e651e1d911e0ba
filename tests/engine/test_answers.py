"""Which answers count, and from when on a store is written to."""

from datetime import timedelta

from sandbox.shop import Response
from sync_core.workers.context import Pace
from tests.simulation.house import Process, assert_at_rest, assert_conserved


def test_an_answer_that_comes_twice_moves_the_book_once(house):
    """A claim ran out while its request was on its way: two processes get the same answer."""
    pace = Pace(listen=30, claim=timedelta(seconds=1))
    home = house(opened=True, pace=pace)
    home.kill()
    home._latency = 1.5
    home.start()
    second = Process(home)
    try:
        home.advance(60)
        home.act("eu", "SKU-0", -3)
        for _ in range(40):  # the other would look for itself, some time
            second.context.work.ring()
            home.advance(0.2)
        home.advance(120)
        (batch,) = home.rows("SELECT attempts FROM batch")
        assert batch["attempts"] > 1
        assert_conserved(home)
        home.act("us", "SKU-0", -2)
        home.advance(700)
        assert_conserved(home)
        assert_at_rest(home)
    finally:
        home.end(second)


def test_a_store_is_not_written_to_before_it_has_said_who_it_is(house):
    """After a restart another shop may answer at that address."""
    home = house(opened=True)
    us = home.shops["us"]
    us.faults.outage = True
    home.act("eu", "SKU-0", -3)
    home.advance(5)
    home.kill()
    us.faults.outage = False
    answer = us.handle

    def mute(method, path, headers, body=b""):
        """Take writes, but answer no question."""
        if b"mutation" in body:
            return answer(method, path, headers, body)
        return Response(503, {}, b"")

    us.handle = mute
    home.start()
    home.advance(300)
    assert home.shows("us", "SKU-0") == 50
    assert us.counts.mutations == us.counts.marks  # of before the restart
    us.handle = answer
    home.advance(700)
    assert home.shows("us", "SKU-0") == 47
    assert_conserved(home)
    assert_at_rest(home)
