"""One choice for all that an initial comparison has found: what was shown is written, once.

The whole engine between imitation stores, in virtual time; the numbers are what the stores show.
"""

from sync_core.domain.bulk_decisions import BulkChoice, ChangeTotals
from sync_core.domain.proposals import Answer, Choice, Person, ReportKind
from sync_core.domain.suggestions import levels_text
from sync_core.domain.values import Mode
from tests.simulation.harness import INITIAL_QUANTITY, assert_conserved

ANN = Person(team="T1", id="U1", name="ann")
BOB = Person(team="T1", id="U2", name="bob")
SHOWN = [10 * n for n in range(10)]  # 0, 10 … 90: five below FIRST, one equal, four above


def differing(build_harness, shown=SHOWN, **given):
    """Return stores whose initial comparison is over, and its report: us shows these numbers."""
    harness = build_harness(items=len(shown), stores=2, **given)
    for n, number in enumerate(shown):
        harness.shops["us"].edit(f"SKU-{n}", to=number)
    harness.advance(2)
    harness.set_mode(Mode.TWO_WAY)
    harness.advance(60)
    return harness, harness.do(harness.process.service.last_report(ReportKind.BASELINE))


def stock(harness, alias):
    return [harness.shows(alias, sku) for sku in harness.skus]


def preview(harness, report, choice, **rest):
    wanted = BulkChoice(choice=choice, **rest)
    return harness.do(harness.process.service.preview(report.token, [wanted]))[1][0]


def decide(harness, report, choice, by=ANN, apart=None, **rest):
    wanted = BulkChoice(choice=choice, **rest)
    service = harness.process.service
    return harness.do(service.decide_bulk(report.token, wanted, apart or {}, by, "listed"))


def again(harness, report):
    """Return the report and what is still open in it."""
    service = harness.process.service
    found = harness.do(service.report(report.id))
    return found, harness.do(service.proposals(report.id, open_only=True))[1]


def test_fifteen_mismatches_are_one_decision_and_one_undo(build_harness):
    """Two products a page and eight clicks were what it took before."""
    shown = [INITIAL_QUANTITY + n for n in range(1, 16)]
    harness, report = differing(build_harness, shown)
    assert report.open == 15
    seen = preview(harness, report, Choice.USE_SOURCE)
    assert (seen.taken, seen.zeros, seen.cannot) == (15, 0, 0)
    assert seen.changes == {"us": ChangeTotals(downs=15, down=sum(shown) - 15 * INITIAL_QUANTITY)}
    assert stock(harness, "us") == shown  # a preview writes nothing

    clicked = decide(harness, report, Choice.USE_SOURCE, upto=seen.upto)
    assert (clicked.answer, clicked.taken) == (Answer.TAKEN, 15)
    harness.advance(60)
    assert stock(harness, "us") == [INITIAL_QUANTITY] * 15
    [receipt] = harness.do(harness.process.service.receipts())
    assert receipt.sums == (15, 15, 0) or receipt.sums[:2] == (15, 15)
    assert again(harness, report)[0].open == 0
    assert_conserved(harness)

    question = harness.do(harness.process.service.ask_undo(receipt.id, ANN))
    harness.do(harness.process.service.decide(question.token, Choice.CONFIRM, ANN, "listed"))
    harness.advance(60)
    assert stock(harness, "us") == shown
    assert_conserved(harness)


def test_what_would_go_to_0_is_left_out_unless_somebody_says_so(build_harness):
    """The first question after a bulk fix must not be where the stock has gone."""
    harness, report = differing(build_harness, [0, 40, 60])
    seen = preview(harness, report, Choice.USE_DESTINATION)
    assert (seen.taken, seen.zeros) == (3, 1)
    assert seen.changes == {"eu": ChangeTotals(ups=1, up=10, downs=1, down=10)}
    assert seen.emptied == {"eu": ChangeTotals(downs=1, down=INITIAL_QUANTITY)}

    decide(harness, report, Choice.USE_DESTINATION, upto=seen.upto)
    harness.advance(60)
    assert stock(harness, "eu") == [INITIAL_QUANTITY, 40, 60]
    found, [left] = again(harness, report)
    assert found.open == 1

    decide(harness, report, Choice.USE_DESTINATION, upto=left.id, zeros=True)
    harness.advance(60)
    assert stock(harness, "eu") == [0, 40, 60]
    assert_conserved(harness)


def test_single_products_are_left_out_or_decided_otherwise(build_harness):
    """All with the lower number, but this one with its own, and that one not yet."""
    harness, report = differing(build_harness, [40, 60, 30, 70])
    some = {each.facts["shows"]: each.id for each in again(harness, report)[1]}
    clicked = decide(
        harness,
        report,
        Choice.USE_LOWER,
        apart={some[60]: (Choice.USE_NUMBER, 55)},
        without=frozenset({some[30]}),
    )
    assert clicked.taken == 3
    harness.advance(60)
    assert stock(harness, "us") == [40, 55, 30, 50]
    assert stock(harness, "eu") == [40, 55, INITIAL_QUANTITY, 50]
    assert [each.facts["shows"] for each in again(harness, report)[1]] == [30]
    assert_conserved(harness)


def test_a_number_that_has_moved_is_not_written_and_is_shown_again(build_harness):
    """People decide relative to what they saw; the others go on."""
    harness, report = differing(build_harness, [40, 60, 30])
    seen = preview(harness, report, Choice.USE_SOURCE)
    harness.shops["us"].drop_subscriptions()
    harness.shops["us"].sell("SKU-1", 7)  # nobody hears of it
    clicked = decide(harness, report, Choice.USE_SOURCE, upto=seen.upto)
    assert clicked.taken == 3
    harness.advance(90)
    assert stock(harness, "us") == [INITIAL_QUANTITY, 53, INITIAL_QUANTITY]
    [receipt] = harness.do(harness.process.service.receipts())
    assert receipt.sums[:2] == (3, 2)
    found, [fresh] = again(harness, report)
    assert (found.open, fresh.facts["shows"]) == (1, 53)
    assert fresh.id > seen.upto
    assert_conserved(harness)


def test_a_mismatch_says_what_every_store_shows_and_where_its_product_is(build_harness):
    """As people see it in a row, wherever mismatches are listed."""
    harness, report = differing(build_harness, [40])
    [one] = again(harness, report)[1]
    assert one.facts["shown"] == [["eu", INITIAL_QUANTITY], ["us", 40]]
    assert levels_text(one.facts) == f"EU {INITIAL_QUANTITY} · US 40"
    admin = "https://admin.shopify.com/store/urbanwear-us/products/"
    assert one.facts["page"].removeprefix(admin).isdecimal()


def test_what_the_preview_has_not_shown_is_not_taken(build_harness):
    """A question that came meanwhile, with other numbers, needs another look."""
    harness, report = differing(build_harness, [40, 60])
    seen = preview(harness, report, Choice.USE_SOURCE)
    harness.shops["us"].edit("SKU-0", to=3)
    harness.advance(5)
    harness.do(harness.process.service.drift("bob"))  # asks anew, with the numbers of now
    clicked = decide(harness, report, Choice.USE_SOURCE, upto=seen.upto)
    harness.advance(60)
    assert clicked.taken == 0
    assert stock(harness, "us") == [3, 60]


def test_two_people_at_once_write_each_product_once(build_harness):
    """One presses Confirm for eu's numbers, the other for us's."""
    harness, report = differing(build_harness, [40, 60, 30])
    seen = preview(harness, report, Choice.USE_SOURCE)
    one = decide(harness, report, Choice.USE_SOURCE, upto=seen.upto)
    other = decide(harness, report, Choice.USE_DESTINATION, by=BOB, upto=seen.upto)
    assert (one.taken, other.taken) == (3, 0)
    harness.advance(60)
    assert stock(harness, "us") == [INITIAL_QUANTITY] * 3
    assert len(harness.do(harness.process.service.receipts())) == 1
    assert_conserved(harness)


def test_a_process_that_dies_in_the_middle_leaves_nothing_half_done(build_harness):
    """Fifty are carried out in one commit; the next process carries out the rest."""
    harness, report = differing(build_harness, [60 + n for n in range(60)])
    seen = preview(harness, report, Choice.USE_SOURCE)
    decide(harness, report, Choice.USE_SOURCE, upto=seen.upto)
    harness.advance(0.1)
    harness.kill()
    harness.start()
    harness.advance(120)
    assert stock(harness, "us") == [INITIAL_QUANTITY] * 60
    [receipt] = harness.do(harness.process.service.receipts())
    assert receipt.sums[:2] == (60, 60)
    assert_conserved(harness)
