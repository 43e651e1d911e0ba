"""One choice for all that an initial comparison has found: what was shown is written, once.

The whole engine between imitation stores, in virtual time; the numbers are what the stores show.
"""

from sync_core.domain.bulk import Change, ForAll
from sync_core.domain.proposals import Answer, Choice, Person, ReportKind
from sync_core.domain.values import Mode
from tests.simulation.house import FIRST, assert_conserved

ANN = Person(team="T1", id="U1", name="ann")
BOB = Person(team="T1", id="U2", name="bob")
SHOWN = [10 * n for n in range(10)]  # 0, 10 … 90: five below FIRST, one equal, four above


def differing(house, shown=SHOWN, **given):
    """Return stores whose initial comparison is over, and its report: us shows these numbers."""
    home = house(items=len(shown), stores=2, **given)
    for n, number in enumerate(shown):
        home.shops["us"].edit(f"SKU-{n}", to=number)
    home.advance(2)
    home.set_mode(Mode.TWO_WAY)
    home.advance(60)
    return home, home.do(home.process.service.last_report(ReportKind.MEETING))


def stock(home, alias):
    return [home.shows(alias, sku) for sku in home.skus]


def preview(home, report, choice, **rest):
    wanted = ForAll(choice=choice, **rest)
    return home.do(home.process.service.preview(report.token, [wanted]))[1][0]


def decide(home, report, choice, by=ANN, apart=None, **rest):
    wanted = ForAll(choice=choice, **rest)
    service = home.process.service
    return home.do(service.decide_bulk(report.token, wanted, apart or {}, by, "listed"))


def again(home, report):
    """Return the report and what is still open in it."""
    service = home.process.service
    found = home.do(service.report(report.id))
    return found, home.do(service.proposals(report.id, open_only=True))[1]


def test_fifteen_mismatches_are_one_decision_and_one_undo(house):
    """Two products a page and eight clicks were what it took before."""
    shown = [FIRST + n for n in range(1, 16)]
    home, report = differing(house, shown)
    assert report.open == 15
    seen = preview(home, report, Choice.USE_SOURCE)
    assert (seen.taken, seen.zeros, seen.cannot) == (15, 0, 0)
    assert seen.changes == {"us": Change(downs=15, down=sum(shown) - 15 * FIRST)}
    assert stock(home, "us") == shown  # a preview writes nothing

    clicked = decide(home, report, Choice.USE_SOURCE, upto=seen.upto)
    assert (clicked.answer, clicked.taken) == (Answer.TAKEN, 15)
    home.advance(60)
    assert stock(home, "us") == [FIRST] * 15
    [receipt] = home.do(home.process.service.receipts())
    assert receipt.sums == (15, 15, 0) or receipt.sums[:2] == (15, 15)
    assert again(home, report)[0].open == 0
    assert_conserved(home)

    question = home.do(home.process.service.ask_undo(receipt.id, ANN))
    home.do(home.process.service.decide(question.token, Choice.CONFIRM, ANN, "listed"))
    home.advance(60)
    assert stock(home, "us") == shown
    assert_conserved(home)


def test_what_would_go_to_0_is_left_out_unless_somebody_says_so(house):
    """The first question after a bulk fix must not be where the stock has gone."""
    home, report = differing(house, [0, 40, 60])
    seen = preview(home, report, Choice.USE_DESTINATION)
    assert (seen.taken, seen.zeros) == (3, 1)
    assert seen.changes == {"eu": Change(ups=1, up=10, downs=1, down=10)}
    assert seen.emptied == {"eu": Change(downs=1, down=FIRST)}

    decide(home, report, Choice.USE_DESTINATION, upto=seen.upto)
    home.advance(60)
    assert stock(home, "eu") == [FIRST, 40, 60]
    found, [left] = again(home, report)
    assert found.open == 1

    decide(home, report, Choice.USE_DESTINATION, upto=left.id, zeros=True)
    home.advance(60)
    assert stock(home, "eu") == [0, 40, 60]
    assert_conserved(home)


def test_single_products_are_left_out_or_decided_otherwise(house):
    """All with the lower number, but this one with its own, and that one not yet."""
    home, report = differing(house, [40, 60, 30, 70])
    some = {each.facts["shows"]: each.id for each in again(home, report)[1]}
    clicked = decide(
        home,
        report,
        Choice.USE_LOWER,
        apart={some[60]: (Choice.USE_NUMBER, 55)},
        without=frozenset({some[30]}),
    )
    assert clicked.taken == 3
    home.advance(60)
    assert stock(home, "us") == [40, 55, 30, 50]
    assert stock(home, "eu") == [40, 55, FIRST, 50]
    assert [each.facts["shows"] for each in again(home, report)[1]] == [30]
    assert_conserved(home)


def test_a_number_that_has_moved_is_not_written_and_is_shown_again(house):
    """People decide relative to what they saw; the others go on."""
    home, report = differing(house, [40, 60, 30])
    seen = preview(home, report, Choice.USE_SOURCE)
    home.shops["us"].drop_subscriptions()
    home.shops["us"].sell("SKU-1", 7)  # nobody hears of it
    clicked = decide(home, report, Choice.USE_SOURCE, upto=seen.upto)
    assert clicked.taken == 3
    home.advance(90)
    assert stock(home, "us") == [FIRST, 53, FIRST]
    [receipt] = home.do(home.process.service.receipts())
    assert receipt.sums[:2] == (3, 2)
    found, [fresh] = again(home, report)
    assert (found.open, fresh.facts["shows"]) == (1, 53)
    assert fresh.id > seen.upto
    assert_conserved(home)


def test_what_the_preview_has_not_shown_is_not_taken(house):
    """A question that came meanwhile, with other numbers, needs another look."""
    home, report = differing(house, [40, 60])
    seen = preview(home, report, Choice.USE_SOURCE)
    home.shops["us"].edit("SKU-0", to=3)
    home.advance(5)
    home.do(home.process.service.drift("bob"))  # asks anew, with the numbers of now
    clicked = decide(home, report, Choice.USE_SOURCE, upto=seen.upto)
    home.advance(60)
    assert clicked.taken == 0
    assert stock(home, "us") == [3, 60]


def test_two_people_at_once_write_each_product_once(house):
    """One presses Confirm for eu's numbers, the other for us's."""
    home, report = differing(house, [40, 60, 30])
    seen = preview(home, report, Choice.USE_SOURCE)
    one = decide(home, report, Choice.USE_SOURCE, upto=seen.upto)
    other = decide(home, report, Choice.USE_DESTINATION, by=BOB, upto=seen.upto)
    assert (one.taken, other.taken) == (3, 0)
    home.advance(60)
    assert stock(home, "us") == [FIRST] * 3
    assert len(home.do(home.process.service.receipts())) == 1
    assert_conserved(home)


def test_a_process_that_dies_in_the_middle_leaves_nothing_half_done(house):
    """Fifty are carried out in one commit; the next process carries out the rest."""
    home, report = differing(house, [60 + n for n in range(60)])
    seen = preview(home, report, Choice.USE_SOURCE)
    decide(home, report, Choice.USE_SOURCE, upto=seen.upto)
    home.advance(0.1)
    home.kill()
    home.start()
    home.advance(120)
    assert stock(home, "us") == [FIRST] * 60
    [receipt] = home.do(home.process.service.receipts())
    assert receipt.sums[:2] == (60, 60)
    assert_conserved(home)
