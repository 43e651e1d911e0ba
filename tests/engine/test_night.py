"""Each night: compare, explain, propose, approve, undo. One story each, in virtual time."""

from datetime import timedelta

from sync_core.domain.proposals import Answer, Choice, Person, ProposalState, ReportState
from sync_core.domain.values import Alias, Mode
from sync_core.workers.context import Pace
from tests.simulation.house import assert_conserved

ANN = Person(team="T1", id="U1", name="ann")
BOB = Person(team="T1", id="U2", name="bob")
DEAF = Pace(listen=0.5, catch_up=0)  # nothing but webhooks and the night


def deafen(home, alias):
    """Lose every webhook that a store sends from now on."""
    home.shops[alias].drop_subscriptions()


def check(home, seconds=60):
    """Compare the stores now; return the report."""
    report = home.do(home.process.service.check("ann"))
    home.process.context.papers.ring()
    home.advance(seconds)
    return home.do(home.process.service.report(report.id))


def proposals(home, report):
    return home.do(home.process.service.proposals(report.id))[1]


def decide(home, proposal, choice, by=ANN, **rest):
    clicked = home.do(home.process.service.decide(proposal.token, choice, by, "listed", **rest))
    home.process.context.papers.ring()
    home.advance(15)
    return clicked


def receipt(home, clicked):
    return home.do(home.process.service.receipt(clicked.receipt))


def stock(home, sku="SKU-0"):
    return {alias: home.shows(alias, sku) for alias in home.shops}


def test_a_change_nobody_told_us_of_is_found_explained_counted_and_taken_back(house):
    """The webhook was lost and nothing else looked: the night is the last net."""
    home = house(items=3, pace=DEAF, orders=True)
    home.open()
    deafen(home, "us")
    home.shops["us"].sell("SKU-0", 5)
    report = check(home)
    assert report.state is ReportState.DONE
    (found,) = proposals(home, report)
    assert (found.subject, found.recommended, found.safe) == ("missed", Choice.ACCEPT, True)
    assert stock(home) == {"eu": 50, "us": 45}
    clicked = decide(home, found, Choice.ACCEPT)
    assert clicked.answer is Answer.TAKEN
    assert stock(home) == {"eu": 45, "us": 45}
    done = receipt(home, clicked)
    assert [(line.done, line.moved) for line in done.lines] == [(True, 0)]
    assert decide(home, found, Choice.ACCEPT, by=BOB).answer is Answer.ALREADY
    assert_conserved(home)
