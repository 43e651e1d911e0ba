"""The words of the safety stop, of how things stand, and of what was decided: true, and whole."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.messages import (
    block_kit,
    circuit_breaker,
    home,
    incidents,
    modes,
    posts,
    proposals,
    state,
)
from bot.messages.decisions import decision_answer
from sync_core.domain.proposals import (
    Answer,
    Choice,
    Clicked,
    MissedChange,
    ProposalKind,
    Receipt,
    ReceiptLine,
    ReportFacts,
    ReportKind,
    Write,
)
from sync_core.domain.values import Mode
from sync_core.domain.views import StoppedProduct
from tests.bot.messages.conftest import ANN, NOW, post, proposal, rendered, report
from tests.unit.test_sync_status import FINE, MAKES, SOURCE, STOP, store

TOKEN = "a" * 16


def facts(pools=25, *, stopped=None, reached=None, **given):
    made = {"store": "eu", "rule": "emptied", "pools": pools, "units": 150, "orders_known": True}
    return {**made, "stopped": stopped or {}, "reached": reached or {}, **given}


def body_of(facts):
    return {
        "kind": "circuit_breaker", "severity": "critical", "store": "eu",
        "subject": "circuit_breaker:eu:1", "facts": facts, "opened": NOW.isoformat(),
        "open": {"circuit_breaker:eu:1": ""}, "over": None, "seen": 1,
    }  # fmt: skip


def alert(facts):
    return incidents.incident(body=body_of(facts), now=NOW, token=TOKEN)


def words(parts):
    return "".join(each if isinstance(each, str) else each.get("text", "@ann") for each in parts)


def everything(said):
    return str(said.blocks)


def labels(said):
    return [each["text"]["text"] for each in buttons(said)]


def buttons(said):
    return [b for block in said.blocks if block["type"] == "actions" for b in block["elements"]]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            facts(stopped={"us": 3}, reached={"us": 22}),
            ("25 products dropped to 0 in EU with no matching orders. Tipo stopped 3 updates; "
            "22 had already reached US."),
        ),
        (
            facts(1, stopped={"us": 1}),
            ("1 product dropped to 0 in EU with no matching orders. Tipo stopped 1 update; none "
            "had reached another store."),
        ),
        (
            facts(2, reached={"us": 2}),
            ("2 products dropped to 0 in EU with no matching orders. Tipo was too late to stop "
            "it: 2 had already reached US."),
        ),
        (
            facts(10_000, stopped={"us": 9_000, "uk": 9_990}, reached={"us": 1_000, "uk": 10}),
            ("10,000 products dropped to 0 in EU with no matching orders. Tipo stopped 18,990 "
            "updates; 1,000 had already reached US, 10 had already reached UK."),
        ),
        (
            facts(stopped={"us": 25}, rule="moved", units=5_000),
            ("25 products changed by 5,000 units in EU with no matching orders. Tipo stopped 25 "
            "updates; none had reached another store."),
        ),
        (
            facts(stopped={"us": 25}, orders_known=False, store="urbanwear-eu"),
            ("25 products dropped to 0 in urbanwear-eu. Tipo stopped 25 updates; none had reached "
            "another store."),
        ),
        (
            facts(stopped={"us": 25}, ended="discarded"),
            "25 products dropped to 0 in EU with no matching orders.",
        ),
        (facts(0), ("Many products dropped to 0 in EU with no matching orders. No other store "
                   "was due an update.")),
    ],
)  # fmt: skip
def test_all_that_dropped_is_told_and_how_far_it_had_come(given, told):
    assert words(circuit_breaker.breaker_headline(given)) == told


def test_what_tipo_cannot_see_is_said():
    """Without orders a sale looks like a mistake: whoever decides must know."""
    is_unreadable = everything(alert(facts(orders_known=False)))
    assert "can't see the orders of EU, so some of these may be real sales" in is_unreadable
    assert "can't see" not in everything(alert(facts()))


@pytest.mark.parametrize(
    ("stopped", "label"),
    [
        ({"us": 3}, "Apply to US"),
        ({"us": 3, "uk": 1}, "Apply to UK and US"),
        ({"us": 3, "uk": 1, "ca": 2}, "Apply to all stores"),
        ({}, "Keep the new numbers"),
    ],
)
def test_the_buttons_are_named_for_what_they_do(stopped, label):
    said = alert(facts(stopped=stopped, reached={"us": 22}))
    assert labels(said) == [label, "Restore EU's stock\u2026", "I'm on it", "Snooze 1 h"]
    apply, restore, *_ = buttons(said)
    assert restore["style"] == "danger"
    assert restore["confirm"]["text"]["text"] == (
        "Sets 25 products in EU back to the previous numbers, also in US where the change had "
        "arrived. What was sold since stays sold."
    )
    told = apply["confirm"]["text"]["text"]
    assert told == ("Nothing is written." if not stopped else told)
    assert stopped == {} or "3 products in US" in told


def test_the_alert_says_all_of_it_while_it_lasts_and_its_end():
    body = body_of(facts(stopped={"us": 3}, reached={"us": 22}))
    said = incidents.incident(body=body, now=NOW, token=TOKEN)
    assert "25 products dropped to 0 in EU" in said.text
    assert "What Tipo does" not in everything(said)
    assert len(buttons(said)) == 4
    over = (NOW + timedelta(minutes=12)).isoformat()
    ended = {**body, "over": over, "facts": {**body["facts"], "ended": "put_right"}}
    assert incidents.incident(body=ended, now=NOW).text == (
        "Resolved after 12 min. Somebody corrected the numbers. It was: 25 products dropped to 0 "
        "in EU with no matching orders."
    )


def stopped(number):
    return StoppedProduct(
        pool=number, title=f"Jacket {number}", sku="", location_group="Berlin", store="eu",
        before=50,
        now=0, units=50, reached=("us",), stopped=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("total", "first", "rest"),
    [
        (1, "This product changed", None),
        (2, "These 2 products changed", None),
        (10_000, "These 10,000 products changed", "and 9,901 more: "),
    ],
)
def test_the_thread_lists_the_products(total, first, rest):
    said = circuit_breaker.products(total=total, rows=[stopped(n) for n in range(min(total, 99))])
    assert said.text.startswith(first)
    assert (rest or "more: ") in everything(said) or rest is None
    assert "No updates are stopped" in circuit_breaker.products(total=0, rows=[]).text


def test_a_list_that_is_empty_before_it_is_sent_is_not_sent():
    """Somebody decided at once: an empty reply in the thread would be no news."""
    body = {"subject": "store:eu"}
    assert rendered("stopped", body, stopped=(0, ())) is None
    rows = (2, [stopped(1), stopped(2)])
    assert rendered("stopped", body, stopped=rows).text.startswith("These 2 products")
    sent = replace(post("stopped", body), ts="1763881234.000100")
    assert "No updates are stopped" in posts.render(sent, posts.Lookup(), NOW).text


# -- how things stand
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "Both stores are in sync."),
        (
            {"stores": (SOURCE, store("us"), store("uk"))},
            "All 3 stores are in sync.",
        ),
        (
            {"stores": (SOURCE, store("us"), store("uk", Mode.OFF))},
            ("EU and US are in sync. UK isn't connected yet. Turn it on with "
            "/tipo mode two-way uk."),
        ),
        (
            {"stores": (SOURCE, store("us", Mode.OFF), store("uk", Mode.OFF))},
            "US and UK aren't connected yet. Turn them on with /tipo mode two-way.",
        ),
        ({"stores": (SOURCE,)}, "EU is set up alone: add a second store to sync with."),
        (MAKES["off"], "US isn't connected yet. Turn it on with /tipo mode two-way."),
        (MAKES["nothing_matched"], "No product matches between the stores. See /tipo unmatched."),
        (MAKES["cant_update"], "Can't update EU: no token. Changes are queued; none are lost."),
        ({"breakers": (STOP,)}, "Safety stop: 25 products in EU need a decision."),
        (
            {"breakers": (replace(STOP, pools=1, investigated_by="ann"), STOP)},
            ("Safety stop: 1 product in EU needs a decision. ann is on it. 1 more safety stop is "
            "open."),
        ),
        ({"oversold": 1}, "1 product is oversold."),
        ({"oversold": 10_000}, "10,000 products are oversold."),
        ({"unhandled": 1}, "1 change is pending."),
        ({"unhandled": 2, "findings": 1}, "2 changes are pending. 1 mismatch needs a decision."),
        ({"findings": 15}, "15 mismatches need a decision."),
        ({"paused": "ann, 09:00"}, ("Writing is paused (ann, 09:00). Changes are counted, and "
                                   "written after /tipo resume.")),
    ],
)  # fmt: skip
def test_status_and_home_say_the_same(given, told):
    overview = replace(FINE, **given)
    sign, parts = state.headline(overview, serving=True, compared=True)
    assert words(parts) == told
    shown = home.home(
        overview=replace(overview, serving_at=NOW), hours=[], reports=[report(0, "x")], now=NOW,
        is_approver=True,
    )  # fmt: skip
    said = shown["blocks"][0]["elements"][0]["elements"]
    assert words(said[len(block_kit.opening(sign)) :]) == told


@pytest.mark.parametrize("compared", [True, False])
def test_nothing_is_in_sync_before_it_was_compared(compared):
    _, parts = state.headline(FINE, serving=True, compared=compared)
    assert words(parts) == (
        "Both stores are in sync."
        if compared
        else "Changes are synced, but the stores haven't been compared yet. /tipo check compares "
        "them now; otherwise it runs at night."
    )


# -- receipts
def receipt(*lines, kind=ProposalKind.FIX, **given):
    return Receipt(
        **{
            "id": 3,
            "kind": kind,
            "by": ANN,
            "rule": "x",
            "at": NOW,
            "running": False,
            **given,
        },
        lines=lines,
    )


def line(choice=Choice.ACCEPT, *, title="Jacket", writes=(), done=True, why="", **given):
    return ReceiptLine(
        **{"title": title, "choice": choice, "done": done, "why": why, "moved": 0, **given},
        writes=writes,
    )


FOUR = (Write(store="eu", before=46, after=42),)
MOVED = "the stock has changed: it is 40 now"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            receipt(line(writes=FOUR, change=MissedChange(store="us", delta=-4, order="order #7"))),
            "Fixed Jacket: EU 46 \u2192 42 (US sold 4, order #7). Approved by ",
        ),
        (
            receipt(line(writes=FOUR, change=MissedChange(store="us", delta=-4))),
            "Fixed Jacket: EU 46 \u2192 42 (US changed by \u22124). Approved by ",
        ),
        (receipt(line()), "Fixed Jacket: nothing had to be written. Approved by "),
        (
            receipt(line(writes=FOUR), line(writes=FOUR), line(done=False, why=MOVED)),
            (
                "Fixed 2 products: 8 units written to EU. 1 was not changed: numbers had changed, "
                "or a store refused. Approved by "
            ),
        ),
        (receipt(line(done=False, why=MOVED)), f"Nothing was changed: {MOVED}. Approved by "),
        (
            receipt(line(Choice.IGNORE), line(Choice.IGNORE_MONTH)),
            "Ignored 2 mismatches. Nothing was written. Decided by ",
        ),
        (receipt(line(Choice.DISMISS)), "Dismissed 1 mismatch. Decided by "),
        *(
            (receipt(line(Choice.DISMISS), kind=each), "Nothing was changed. Cancelled by ")
            for each in (ProposalKind.MODE, ProposalKind.UNDO, ProposalKind.PACK)
        ),
        (
            receipt(line(Choice.CONFIRM, writes=FOUR), kind=ProposalKind.UNDO, undoes=2),
            "Receipt 2 was undone: EU 46 \u2192 42. Approved by ",
        ),
        (
            receipt(line(Choice.CONFIRM, title="two-way for us"), kind=ProposalKind.MODE),
            "US is now two-way. Turned on by ",
        ),
        (
            receipt(line(Choice.CONFIRM, title="off for us, uk"), kind=ProposalKind.MODE),
            "US and UK are now off. Turned off by ",
        ),
        (
            receipt(line(Choice.DISCARD, title="eu", pools=25), kind=ProposalKind.CIRCUIT_BREAKER),
            "EU's stock was restored: 25 products set back to the previous numbers. Approved by ",
        ),
        (
            receipt(line(Choice.RELEASE, title="eu", pools=1), kind=ProposalKind.CIRCUIT_BREAKER),
            "EU's new numbers were applied: 1 product. Approved by ",
        ),
        (
            receipt(line(Choice.INVESTIGATE, title="eu"), kind=ProposalKind.CIRCUIT_BREAKER),
            "The change in EU is being looked into; nothing was written. Taken on by ",
        ),
    ],
)
def test_a_receipt_says_what_was_written_and_where(given, told):
    """A fix of four units is never "0 units moved"."""
    said = proposals.receipt(receipt=given).text
    assert told in said
    assert proposals.receipt(receipt=given).blocks[0]["elements"][0]["elements"][0] == {
        "type": "emoji",
        "name": "white_check_mark",
    }


@pytest.mark.parametrize(
    ("choice", "kind"),
    [(Choice.CONFIRM, ProposalKind.MODE), (Choice.DISMISS, ProposalKind.FIX)],
)
def test_a_receipt_that_moves_no_stock_has_no_table(choice, kind):
    """A mode was told as "0 moved"."""
    said = proposals.receipt(receipt=receipt(line(choice), kind=kind))
    assert [each for each in said.blocks if each["type"] == "table"] == []


def test_a_receipt_that_is_under_way_claims_nothing():
    said = proposals.receipt(receipt=receipt(line(), line(done=False), running=True)).text
    assert "1 of 2 done, the rest is pending." in said


@pytest.mark.parametrize("choice", [Choice.RELEASE, Choice.INVESTIGATE, Choice.DISCARD])
def test_a_click_on_a_safety_stop_is_answered_for_what_it_is(choice):
    one = replace(proposal(1, "eu"), kind=ProposalKind.CIRCUIT_BREAKER, choice=choice)
    said = decision_answer(
        clicked=Clicked(answer=Answer.TAKEN, taken=1, receipt=7, proposal=one)
    ).text
    assert "fix" not in said


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (ProposalKind.MODE, "Changing the mode now."),
        (ProposalKind.UNDO, "Undoing it now."),
        (ProposalKind.FIX, "Approved 1 fix, applying now."),
    ],
)
def test_a_click_is_answered_for_what_was_asked(kind, told):
    one = replace(proposal(1, "eu"), kind=kind, choice=Choice.CONFIRM)
    said = decision_answer(
        clicked=Clicked(answer=Answer.TAKEN, taken=1, receipt=7, proposal=one)
    ).text
    assert told in said


# -- what is said before one way, and of an oversell
def preflight(mode, before, **given):
    told = ReportFacts(mode=mode, before=before, source="eu", **given)
    asked = report(3, "us", kind=ReportKind.PREFLIGHT, facts=told)
    return modes.preflight(report=asked, proposal=proposal(1, "x", kind=ProposalKind.MODE))


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ({"us": "two-way"}, "Sales and other changes in US will no longer reach EU"),
        ({"us": "off"}, "Sales and other changes in US will not reach EU"),
        ({"us": "two-way", "uk": "off"}, "changes in US and UK will no longer reach EU"),
    ],
)
def test_one_way_is_told_before_it_is_confirmed(before, told):
    """Who keeps a shop in the destination must know that its sales count nowhere else."""
    said = preflight("one-way", before)
    assert told in everything(said)
    assert told in buttons(said)[0]["confirm"]["text"]["text"]
    assert "reach EU" not in everything(preflight("two-way", before))
    for each in (said, preflight("two-way", before, alias="us")):
        assert len(buttons(each)[0]["confirm"]["text"]["text"]) < 300


def test_an_oversell_claims_nothing_that_is_not_written_yet():
    body = {
        "kind": "oversold", "severity": "critical", "subject": "pool:1", "store": "",
        "facts": {"title": "Jacket", "units": 1}, "opened": NOW.isoformat(), "over": None,
        "open": {"pool:1": ""}, "seen": 1,
    }  # fmt: skip
    said = everything(incidents.incident(body=body, now=NOW))
    assert "shows none left" not in said
    assert "as soon as" in said
