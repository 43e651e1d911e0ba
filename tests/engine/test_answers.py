"""Which answers count, and from when on a store is written to."""

from datetime import timedelta

from sandbox.shop import Response
from sync_core.workers.context import EngineConfig
from tests.simulation.harness import Process, assert_at_rest, assert_conserved


def test_an_answer_that_comes_twice_moves_the_book_once(build_harness):
    """A claim ran out while its request was on its way: two processes get the same answer."""
    config = EngineConfig(recheck_every=30, batch_lease=timedelta(seconds=1))
    harness = build_harness(opened=True, config=config)
    harness.kill()
    harness._latency = 1.5
    harness.start()
    second = Process(harness)
    try:
        harness.advance(60)
        harness.change_stock("eu", "SKU-0", -3)
        for _ in range(40):  # the other would look for itself, some time
            second.context.store_work.notify()
            harness.advance(0.2)
        harness.advance(120)
        (batch,) = harness.rows("SELECT attempts FROM batch")
        assert batch["attempts"] > 1
        assert_conserved(harness)
        harness.change_stock("us", "SKU-0", -2)
        harness.advance(700)
        assert_conserved(harness)
        assert_at_rest(harness)
    finally:
        harness.end(second)


def test_a_store_is_not_written_to_before_it_has_said_who_it_is(build_harness):
    """After a restart another shop may answer at that address."""
    harness = build_harness(opened=True)
    us = harness.shops["us"]
    us.faults.outage = True
    harness.change_stock("eu", "SKU-0", -3)
    harness.advance(5)
    harness.kill()
    us.faults.outage = False
    answer = us.handle

    def mute(method, path, headers, body=b""):
        """Take writes, but answer no question."""
        if b"mutation" in body:
            return answer(method, path, headers, body)
        return Response(503, {}, b"")

    us.handle = mute
    harness.start()
    harness.advance(300)
    assert harness.shows("us", "SKU-0") == 50
    assert us.counts.mutations == us.counts.metafield_writes  # of before the restart
    us.handle = answer
    harness.advance(700)
    assert harness.shows("us", "SKU-0") == 47
    assert_conserved(harness)
    assert_at_rest(harness)
