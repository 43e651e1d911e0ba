"""The same engine on PostgreSQL: one process that dies, and two at once."""

from random import Random

from tests.simulation.house import Process, assert_at_rest, assert_conserved


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
