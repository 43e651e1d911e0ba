"""The same engine on PostgreSQL: one process that dies, and two at once."""

from datetime import UTC, timedelta
from random import Random

from sync_core.domain.proposals import Answer, Choice, Person, ReportState
from tests.simulation.harness import Process, assert_at_rest, assert_conserved

PEOPLE = [Person(team="T1", id="U1", name="ann"), Person(team="T1", id="U2", name="bob")]


def play(harness, seed, rounds):
    """Let people buy and restock at random."""
    rng = Random(seed)
    for _ in range(rounds):
        alias = rng.choice(list(harness.shops))
        harness.change_stock(alias, rng.choice(harness.skus), rng.choice([-1, -2, -5, 3, 10]))
        harness.advance(rng.choice([0, 0.05, 0.4, 1.0, 2.5]))


def test_a_process_that_dies_loses_nothing(build_harness, empty_postgres_url):
    harness = build_harness(url=empty_postgres_url)
    harness.open()
    for number in range(12):
        play(harness, number, 4)
        harness.process.fuse.left = number * 3
    harness.advance(700)
    assert harness.deaths >= 6
    assert_conserved(harness)
    assert_at_rest(harness)


def test_two_processes_share_the_work(build_harness, empty_postgres_url):
    """Each level is worked on by one at a time: nothing is written twice."""
    harness = build_harness(url=empty_postgres_url)
    harness.open()
    second = Process(harness)
    try:
        play(harness, 1, 40)
        harness.advance(700)
        assert_conserved(harness)
        assert_at_rest(harness)
    finally:
        first, harness.process = harness.process, second
        harness.kill()
        harness.process = first


def test_two_processes_make_one_night_and_decide_once(build_harness, empty_postgres_url):
    """Both wake at the hour, both see the click: one report, one receipt, one notice of each."""
    harness = build_harness(url=empty_postgres_url, items=4)
    harness.shops["us"].edit("SKU-0", to=30)
    harness.open()
    second = Process(harness)
    try:
        services = [harness.process.service, second.service]
        harness.do(services[0].remember_first_start())
        harness.advance(600)
        at = (harness.clock.now() - timedelta(minutes=1)).time()
        nights = [harness.do(each.request_nightly_report(at, UTC)) for each in services]
        for each in (harness.process, second):
            each.context.requests.notify()
        harness.advance(120)
        [report] = [each for each in nights if each is not None]
        assert harness.do(services[1].report(report.id)).state is ReportState.DONE
        [found] = harness.do(services[1].proposals(report.id))[1]
        clicks = [
            harness.do(each.decide(found.token, Choice.USE_SOURCE, person, "listed"))
            for each, person in zip(services, PEOPLE, strict=True)
        ]
        for each in (harness.process, second):
            each.context.requests.notify()
        harness.advance(60)
        answers = [each.answer for each in clicks]
        assert answers[0] is Answer.TAKEN
        assert answers[1] in {Answer.RUNNING, Answer.ALREADY}
        assert (harness.shows("eu", "SKU-0"), harness.shows("us", "SKU-0")) == (50, 50)
        assert_conserved(harness)
        told = harness.rows("SELECT id FROM notification WHERE kind = 'decided'")
        assert len(told) == 1
        assert len(harness.do(services[0].receipts())) == 1
    finally:
        first, harness.process = harness.process, second
        harness.kill()
        harness.process = first
