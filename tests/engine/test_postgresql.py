"""The same engine on PostgreSQL: one process that dies, and two at once."""

from datetime import UTC, timedelta
from random import Random

from sync_core.domain.proposals import Answer, Choice, Person, ReportState
from tests.simulation.house import Process, assert_at_rest, assert_conserved

PEOPLE = [Person(team="T1", id="U1", name="ann"), Person(team="T1", id="U2", name="bob")]


def play(home, seed, rounds):
    """Let people buy and restock at random."""
    rng = Random(seed)
    for _ in range(rounds):
        alias = rng.choice(list(home.shops))
        home.act(alias, rng.choice(home.skus), rng.choice([-1, -2, -5, 3, 10]))
        home.advance(rng.choice([0, 0.05, 0.4, 1.0, 2.5]))


def test_a_process_that_dies_loses_nothing(house, empty_postgres_url):
    home = house(url=empty_postgres_url)
    home.open()
    for number in range(12):
        play(home, number, 4)
        home.process.fuse.left = number * 3
    home.advance(700)
    assert home.deaths >= 6
    assert_conserved(home)
    assert_at_rest(home)


def test_two_processes_share_the_work(house, empty_postgres_url):
    """Each level is worked on by one at a time: nothing is written twice."""
    home = house(url=empty_postgres_url)
    home.open()
    second = Process(home)
    try:
        play(home, 1, 40)
        home.advance(700)
        assert_conserved(home)
        assert_at_rest(home)
    finally:
        first, home.process = home.process, second
        home.kill()
        home.process = first


def test_two_processes_make_one_night_and_decide_once(house, empty_postgres_url):
    """Both wake at the hour, both see the click: one report, one receipt, one notice of each."""
    home = house(url=empty_postgres_url, items=4)
    home.shops["us"].edit("SKU-0", to=30)
    home.open()
    second = Process(home)
    try:
        services = [home.process.service, second.service]
        home.do(services[0].begin_nights())
        home.advance(600)
        at = (home.clock.now() - timedelta(minutes=1)).time()
        nights = [home.do(each.night(at, UTC)) for each in services]
        for each in (home.process, second):
            each.context.papers.ring()
        home.advance(120)
        [report] = [each for each in nights if each is not None]
        assert home.do(services[1].report(report.id)).state is ReportState.DONE
        [found] = home.do(services[1].proposals(report.id))[1]
        clicks = [
            home.do(each.decide(found.token, Choice.USE_SOURCE, person, "listed"))
            for each, person in zip(services, PEOPLE, strict=True)
        ]
        for each in (home.process, second):
            each.context.papers.ring()
        home.advance(60)
        answers = [each.answer for each in clicks]
        assert answers[0] is Answer.TAKEN
        assert answers[1] in {Answer.RUNNING, Answer.ALREADY}
        assert (home.shows("eu", "SKU-0"), home.shows("us", "SKU-0")) == (50, 50)
        assert_conserved(home)
        told = home.rows("SELECT id FROM notice WHERE kind = 'decided'")
        assert len(told) == 1
        assert len(home.do(services[0].receipts())) == 1
    finally:
        first, home.process = home.process, second
        home.kill()
        home.process = first
