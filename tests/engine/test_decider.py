"""What people order and decide, through the service: whoever carries it out, it happens once."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import update

from sync_core.db.tables import PROPOSAL
from sync_core.domain.location_groups import LocationGroup
from sync_core.domain.proposals import Answer, Choice, Person, ProposalState
from sync_core.domain.values import Mode
from sync_core.errors import NotAllowed
from sync_core.workers.decider import UNREADABLE, Decider
from sync_core.workers.proposer import Proposer
from tests.simulation.harness import assert_conserved

ANN = Person(team="T1", id="U1", name="ann")


def proposer(harness):
    service = harness.process.service
    return Proposer(service._database, service._stores, service._clock, service._ids)


def carry_out(harness, times=1):
    """Carry out what is decided, by so many processes at the very same time."""

    async def work():
        context = harness.process.context
        deciders = [Decider(context, proposer(harness)) for _ in range(times)]
        await asyncio.gather(*(each.round() for each in deciders))

    harness.do(work())
    harness.advance(10)


def differing(build_harness, *shows, stores=2):
    """Return a house whose destinations show these when they first meet, and what is proposed."""
    harness = build_harness(items=2, stores=stores)
    for alias, number in zip(list(harness.shops)[1:], shows, strict=True):
        harness.shops[alias].edit("SKU-0", to=number)
    harness.advance(2)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(20)
    report = harness.do(harness.process.service.drift("ann"))
    return harness, report, harness.do(harness.process.service.proposals(report.id))[1]


def stock(harness):
    return [harness.shows(alias, "SKU-0") for alias in harness.shops]


def decide(harness, proposal, choice, **rest):
    return harness.do(harness.process.service.decide(proposal.token, choice, ANN, "x", **rest))


def missed(harness, *aliases):
    """Let stores sell five each and say nothing; return the tokens of what is proposed."""
    for alias in aliases:
        harness.shops[alias].drop_subscriptions()
        harness.shops[alias].sell("SKU-0", 5)
    harness.advance(3)
    levels = [row["id"] for row in harness.rows("SELECT id FROM level")]
    harness.do(proposer(harness).examine(levels, None))
    return [row["token"] for row in harness.rows("SELECT token FROM proposal")]


def test_several_processes_carry_out_a_decision_and_its_undo_once(build_harness):
    """An undo reads nothing, so nothing else would stop the second."""
    harness = build_harness(opened=True)
    [token] = missed(harness, "us")
    clicked = harness.do(
        harness.process.service.decide(token, Choice.USE_NUMBER, ANN, "x", number=60)
    )
    carry_out(harness, times=3)
    assert stock(harness) == [60, 60]
    harness.change_stock("eu", "SKU-0", -1)
    harness.advance(5)
    question = harness.do(harness.process.service.ask_undo(clicked.receipt, ANN))
    decide(harness, question, Choice.CONFIRM)
    carry_out(harness, times=3)
    assert stock(harness) == [44, 44]
    assert [row["moved"] for row in harness.rows("SELECT moved FROM effect")] == [15, -15]
    assert_conserved(harness)


def test_an_undo_of_what_a_store_has_not_got_yet_gives_nothing_back(build_harness):
    """The destination was down when somebody decided, and when they thought better of it."""
    harness, _, (found,) = differing(build_harness, 40)
    harness.do(harness.process.service.pause(by="ann"))
    clicked = decide(harness, found, Choice.USE_SOURCE)
    carry_out(harness)
    assert stock(harness) == [50, 40]
    question = harness.do(harness.process.service.ask_undo(clicked.receipt, ANN))
    decide(harness, question, Choice.CONFIRM)
    carry_out(harness)
    harness.do(harness.process.service.resume())
    harness.advance(20)
    assert stock(harness) == [50, 40]
    assert harness.written("us", "SKU-0") == []
    assert_conserved(harness)


def test_two_findings_of_one_product_are_settled_together(build_harness):
    """Approve all: what the first settles is no surprise for the second."""
    harness, report, some = differing(build_harness, 40, 47, stores=3)
    assert len(some) == 2
    harness.do(harness.process.service.decide_all(report.token, ANN, "x", safe_only=False))
    carry_out(harness)
    assert stock(harness) == [50, 50, 50]
    [receipt] = harness.do(harness.process.service.receipts())
    assert [(line.done, line.why) for line in receipt.lines] == [(True, ""), (True, "")]
    assert_conserved(harness)


def test_a_decision_whose_facts_are_odd_holds_up_only_itself_and_says_so(build_harness):
    """What was shown can't be read any more: nothing is written by it, the others go on."""
    harness, report, some = differing(build_harness, 40, 47, stores=3)
    harness.do(harness.process.service.decide_all(report.token, ANN, "x", safe_only=False))
    odd, plain = sorted(some, key=lambda each: each.facts["shows"])
    with harness.process.database.engine.begin() as connection:
        facts = {key: value for key, value in odd.facts.items() if key != "saw"}
        changed = update(PROPOSAL).where(PROPOSAL.c.id == odd.id).values(facts=facts)
        connection.execute(changed)
    carry_out(harness)
    [receipt] = harness.do(harness.process.service.receipts())
    assert [(line.done, line.why) for line in receipt.lines] == [
        (each.id == plain.id, "" if each.id == plain.id else UNREADABLE) for each in some
    ]
    assert not receipt.running
    assert stock(harness) == [50, 40, 50]
    assert_conserved(harness)


def test_two_missed_changes_of_one_product_are_counted_together(build_harness):
    """Both stores were not heard of: approving both counts both, once."""
    harness = build_harness(stores=3, opened=True)
    tokens = missed(harness, "us", "uk")
    assert len(tokens) == 2
    for token in tokens:
        harness.do(harness.process.service.decide(token, Choice.ACCEPT, ANN, "x"))
    carry_out(harness)
    harness.advance(20)
    assert stock(harness) == [40, 40, 40]
    assert_conserved(harness)


def test_some_are_dismissed_and_others_approved_by_one_review(build_harness):
    """Each is what was chosen for it."""
    harness, report, some = differing(build_harness, 40, 47, stores=3)
    us, uk = sorted(some, key=lambda each: each.facts["shows"])
    choices = {us.id: (Choice.DISMISS, None), uk.id: (Choice.USE_SOURCE, None)}
    clicked = harness.do(harness.process.service.decide_some(report.token, choices, ANN, "x"))
    assert (clicked.answer, clicked.taken) == (Answer.TAKEN, 2)
    carry_out(harness)
    assert stock(harness) == [50, 40, 50]
    after = harness.do(harness.process.service.proposals(report.id))[1]
    assert {each.id: each.state for each in after} == {
        us.id: ProposalState.DISMISSED,
        uk.id: ProposalState.DONE,
    }


def test_whoever_asks_while_stores_are_compared_gets_that_report(build_harness):
    """Not an older one, nor what stands without a comparison."""
    harness = build_harness(opened=True)
    running = harness.do(harness.process.service.ask_mode(Mode.ONE_WAY, None, ANN, ""))
    newer = harness.do(harness.process.service.drift("ann"))
    assert harness.do(harness.process.service.check("bob")).id == running.id < newer.id


# -- places


def maps(harness):
    return harness.do(harness.process.service.location_groups())[0]


def test_a_place_that_is_in_use_can_neither_be_moved_nor_left_out(build_harness):
    """Its levels share their stock there: they would be in two pools."""
    harness = build_harness(opened=True)
    [place] = maps(harness)
    for wanted in (
        (replace(place, locations={"eu": place.locations["eu"]}),),
        (),
        (LocationGroup(name="Another", locations=place.locations),),
    ):
        with pytest.raises(NotAllowed, match="in use can't be moved"):
            harness.do(harness.process.service.set_location_groups(wanted, ANN))
    assert maps(harness) == (place,)


def test_a_place_may_be_called_otherwise(build_harness):
    harness = build_harness(opened=True)
    [place] = maps(harness)
    harness.do(harness.process.service.set_location_groups((replace(place, name="Berlin"),), ANN))
    assert maps(harness) == (replace(place, name="Berlin"),)


def test_a_place_that_nobody_knows_is_refused(build_harness):
    """Somebody else has changed the map meanwhile."""
    harness = build_harness(opened=True)
    with pytest.raises(NotAllowed, match="open the form again"):
        harness.do(
            harness.process.service.set_location_groups(
                (LocationGroup(id=9, name="X", locations={}),), ANN
            )
        )
