"""A mismatch says the same three things wherever it is listed."""

from dataclasses import replace

import pytest

from bot.messages import decisions, reports, review
from bot.messages.review import LEAVE, SUGGESTED, Picked
from sync_core.domain.proposals import (
    Answer,
    Choice,
    Clicked,
    Option,
    ProposalState,
    ReportKind,
    Write,
)
from tests.bot.messages.conftest import ANN, NOW, proposal, report

PAGE = "https://admin.shopify.com/store/urbanwear-us/products/7001"
SET_US = Option(
    choice=Choice.USE_SOURCE,
    words="Use EU's number: 45",
    target=45,
    writes=(Write(store="us", before=47, after=45),),
)
NUMBER = Option(choice=Choice.USE_NUMBER, words="Enter a number")
FACTS = {
    "store": "us",
    "shows": 47,
    "shown": [["eu", 45], ["us", 47]],
    "page": PAGE,
    "cause": "changed in US",
}


def mismatch(number=1, **given):
    facts = {
        "title": f"Jacket {number}",
        "facts": FACTS,
        "options": (SET_US, NUMBER),
        "recommended": Choice.USE_SOURCE,
        "safe": True,
    }
    return replace(proposal(number - 1, "x"), **{**facts, **given})


def many(count, **given):
    return [mismatch(each + 1, **given) for each in range(count)]


def blocks_of(said, kind):
    return [each for each in said.blocks if each["type"] == kind]


def of(count, kind=ReportKind.NIGHT):
    return report(count, "x", kind=kind, counts={}, summary={"compared": 2408})


@pytest.mark.parametrize("kind", [ReportKind.NIGHT, ReportKind.CHECK, ReportKind.DRIFT])
def test_a_report_lists_mismatches_in_three_columns(kind):
    said = reports.report(report=of(40, kind), proposals=many(40))
    [table] = blocks_of(said, "data_table")
    assert len(table["rows"]) == 41
    name, stock, fix = table["rows"][1]
    [section] = name["elements"]
    assert section["elements"] == [{"type": "link", "url": PAGE, "text": "Jacket 1"}]
    assert (stock["text"], fix["text"]) == ("EU 45 \u00b7 US 47", "Set US to 45")


def test_what_a_table_has_no_room_for_is_counted():
    """Slack takes 10,000 characters of tables in a message; addresses may be among them."""
    said = reports.report(report=of(300), proposals=many(100, title="x" * 90))
    [table] = blocks_of(said, "data_table")
    rows = len(table["rows"]) - 1
    assert 30 < rows < 99
    assert f"and {300 - rows} more: Review lists them all." in str(said.blocks)


def test_a_few_open_mismatches_have_buttons_of_their_own():
    said = reports.report(report=of(2, ReportKind.DRIFT), proposals=many(2))
    assert blocks_of(said, "data_table") == []
    assert "EU 45 \u00b7 US 47. Suggested fix: Set US to 45" in str(said.blocks)
    assert PAGE in str(said.blocks)
    assert str(said.blocks).count("decide.use_source") == 2


def test_the_thread_says_the_same_with_the_cause():
    said = reports.details(report=of(40), proposals=many(40))
    assert str(said.blocks).count("EU 45 \u00b7 US 47. Suggested fix: Set US to 45") == 40
    assert str(said.blocks).count("changed in US") == 40


def test_a_page_that_is_not_shopifys_is_no_link():
    odd = mismatch(facts={**FACTS, "page": "https://evil.example/products/1"})
    assert "evil" not in str(reports.report(report=of(1), proposals=[odd]).blocks)


def test_a_report_in_sync_says_once_how_much_was_compared():
    said = reports.report(report=replace(of(0), safe=0), proposals=())
    assert f"{said.text}{said.blocks[1:]}".count("2,408 stock levels compared") == 1


@pytest.mark.parametrize(
    ("rest", "chosen", "safe", "told"),
    [
        (SUGGESTED, {}, 12, "Apply 12 fixes"),
        (SUGGESTED, {1: Picked(None, is_safe=True)}, 12, "Apply 11 fixes"),
        (SUGGESTED, {1: Picked(Choice.USE_NUMBER, 4, is_safe=True)}, 12, "Apply 12 fixes"),
        (SUGGESTED, {1: Picked(Choice.USE_SOURCE)}, 12, "Apply 13 fixes"),
        (SUGGESTED, {1: Picked(Choice.IGNORE)}, 12, "Apply 13 choices"),
        (SUGGESTED, {1: Picked(None)}, 1, "Apply 1 fix"),
        (SUGGESTED, {1: Picked(None, is_safe=True)}, 1, "Nothing chosen"),
        (LEAVE, {}, 12, "Nothing chosen"),
        (LEAVE, {1: Picked(Choice.USE_SOURCE, is_safe=True)}, 12, "Apply 1 fix"),
        (SUGGESTED, {}, 10_000, "Apply 10,000 fixes"),
        ("use_lower", {}, 12, "Preview"),
    ],
)
def test_the_button_says_how_many_fixes_it_applies(rest, chosen, safe, told):
    assert review.submit_label(rest, chosen, safe) == told


@pytest.mark.parametrize(
    ("found", "rest", "shown"),
    [
        (mismatch(), SUGGESTED, "use_source"),
        (mismatch(safe=False), SUGGESTED, "leave"),
        (mismatch(), LEAVE, "leave"),
        (mismatch(), "use_source", "use_source"),
        (mismatch(), "use_lower", "leave"),
    ],
)
def test_a_menu_shows_what_happens_by_itself(found, rest, shown):
    assert review.shown_by_itself(found, rest) == shown


def test_what_somebody_else_decided_is_named_product_by_product():
    late = mismatch(
        state=ProposalState.DONE, choice=Choice.USE_SOURCE, by=ANN, decided_at=NOW, receipt=4
    )
    gone = mismatch(2, state=ProposalState.OUTDATED)
    for answer in (Answer.TAKEN, Answer.ALREADY):
        said = decisions.decision_answer(
            clicked=Clicked(answer=answer, taken=3, receipt=5, late=(late, gone))
        )
        told = str(said.blocks)
        assert "Jacket 1" in told
        assert "(use the source)" in told
        assert "Jacket 2" in told
        assert "the numbers have changed" in told
