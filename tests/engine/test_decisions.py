"""What people order and decide, through the service: whoever carries it out, it happens once."""

import asyncio
from dataclasses import replace

import pytest

from sync_core.domain.arrange import Place
from sync_core.domain.proposals import Answer, Choice, Person, ProposalState
from sync_core.domain.values import Mode
from sync_core.errors import NotAllowed
from sync_core.workers.deciding import Decider
from sync_core.workers.proposing import Proposer
from tests.simulation.house import assert_conserved

ANN = Person(team="T1", id="U1", name="ann")


def proposer(home):
    service = home.process.service
    return Proposer(service._records, service._stores, service._clock, service._ids)


def carry_out(home, times=1):
    """Carry out what is decided, by so many processes at the very same time."""

    async def work():
        context = home.process.context
        deciders = [Decider(context, proposer(home)) for _ in range(times)]
        await asyncio.gather(*(each.round() for each in deciders))

    home.do(work())
    home.advance(10)


def differing(house, *shows, stores=2):
    """Return a house whose destinations show these when they first meet, and what is proposed."""
    home = house(items=2, stores=stores)
    for alias, number in zip(list(home.shops)[1:], shows, strict=True):
        home.shops[alias].edit("SKU-0", to=number)
    home.advance(2)
    home.set_mode(Mode.TWO_WAY)
    home.advance(20)
    report = home.do(home.process.service.drift("ann"))
    return home, report, home.do(home.process.service.proposals(report.id))[1]


def stock(home):
    return [home.shows(alias, "SKU-0") for alias in home.shops]


def decide(home, proposal, choice, **rest):
    return home.do(home.process.service.decide(proposal.token, choice, ANN, "x", **rest))


def missed(home, *aliases):
    """Let stores sell five each and say nothing; return the tokens of what is proposed."""
    for alias in aliases:
        home.shops[alias].drop_subscriptions()
        home.shops[alias].sell("SKU-0", 5)
    home.advance(3)
    levels = [row["id"] for row in home.rows("SELECT id FROM level")]
    home.do(proposer(home).examine(levels, None))
    return [row["token"] for row in home.rows("SELECT token FROM proposal")]


def test_several_processes_carry_out_a_decision_and_its_undo_once(house):
    """An undo reads nothing, so nothing else would stop the second."""
    home = house(opened=True)
    [token] = missed(home, "us")
    clicked = home.do(home.process.service.decide(token, Choice.USE_NUMBER, ANN, "x", number=60))
    carry_out(home, times=3)
    assert stock(home) == [60, 60]
    home.act("eu", "SKU-0", -1)
    home.advance(5)
    question = home.do(home.process.service.ask_undo(clicked.receipt, ANN))
    decide(home, question, Choice.CONFIRM)
    carry_out(home, times=3)
    assert stock(home) == [44, 44]
    assert [row["moved"] for row in home.rows("SELECT moved FROM effect")] == [15, -15]
    assert_conserved(home)


def test_an_undo_of_what_a_store_has_not_got_yet_gives_nothing_back(house):
    """The destination was down when somebody decided, and when they thought better of it."""
    home, _, (found,) = differing(house, 40)
    home.do(home.process.service.pause(by="ann"))
    clicked = decide(home, found, Choice.USE_SOURCE)
    carry_out(home)
    assert stock(home) == [50, 40]
    question = home.do(home.process.service.ask_undo(clicked.receipt, ANN))
    decide(home, question, Choice.CONFIRM)
    carry_out(home)
    home.do(home.process.service.resume())
    home.advance(20)
    assert stock(home) == [50, 40]
    assert home.written("us", "SKU-0") == []
    assert_conserved(home)


def test_two_findings_of_one_product_are_settled_together(house):
    """Approve all: what the first settles is no surprise for the second."""
    home, report, some = differing(house, 40, 47, stores=3)
    assert len(some) == 2
    home.do(home.process.service.decide_all(report.token, ANN, "x", safe_only=False))
    carry_out(home)
    assert stock(home) == [50, 50, 50]
    [receipt] = home.do(home.process.service.receipts())
    assert [(line.done, line.why) for line in receipt.lines] == [(True, ""), (True, "")]
    assert_conserved(home)


def test_two_missed_changes_of_one_product_are_counted_together(house):
    """Both stores were not heard of: approving both counts both, once."""
    home = house(stores=3, opened=True)
    tokens = missed(home, "us", "uk")
    assert len(tokens) == 2
    for token in tokens:
        home.do(home.process.service.decide(token, Choice.ACCEPT, ANN, "x"))
    carry_out(home)
    home.advance(20)
    assert stock(home) == [40, 40, 40]
    assert_conserved(home)


def test_some_are_dismissed_and_others_approved_by_one_review(house):
    """Each is what was chosen for it."""
    home, report, some = differing(house, 40, 47, stores=3)
    us, uk = sorted(some, key=lambda each: each.facts["shows"])
    choices = {us.id: (Choice.DISMISS, None), uk.id: (Choice.USE_SOURCE, None)}
    clicked = home.do(home.process.service.decide_some(report.token, choices, ANN, "x"))
    assert (clicked.answer, clicked.taken) == (Answer.TAKEN, 2)
    carry_out(home)
    assert stock(home) == [50, 40, 50]
    after = home.do(home.process.service.proposals(report.id))[1]
    assert {each.id: each.state for each in after} == {
        us.id: ProposalState.DISMISSED,
        uk.id: ProposalState.DONE,
    }


def test_whoever_asks_while_stores_are_compared_gets_that_report(house):
    """Not an older one, nor what stands without a comparison."""
    home = house(opened=True)
    running = home.do(home.process.service.ask_mode(Mode.ONE_WAY, None, ANN, ""))
    newer = home.do(home.process.service.drift("ann"))
    assert home.do(home.process.service.check("bob")).id == running.id < newer.id


# -- places


def maps(home):
    return home.do(home.process.service.places())[0]


def test_a_place_that_is_in_use_can_neither_be_moved_nor_left_out(house):
    """Its levels share their stock there: they would be in two pools."""
    home = house(opened=True)
    [place] = maps(home)
    for wanted in (
        (replace(place, locations={"eu": place.locations["eu"]}),),
        (),
        (Place(name="Another", locations=place.locations),),
    ):
        with pytest.raises(NotAllowed, match="in use cannot be moved"):
            home.do(home.process.service.set_places(wanted, ANN))
    assert maps(home) == (place,)


def test_a_place_may_be_called_otherwise(house):
    home = house(opened=True)
    [place] = maps(home)
    home.do(home.process.service.set_places((replace(place, name="Berlin"),), ANN))
    assert maps(home) == (replace(place, name="Berlin"),)


def test_a_place_that_nobody_knows_is_refused(house):
    """Somebody else has changed the map meanwhile."""
    home = house(opened=True)
    with pytest.raises(NotAllowed, match="look at the map again"):
        home.do(home.process.service.set_places((Place(id=9, name="X", locations={}),), ANN))
