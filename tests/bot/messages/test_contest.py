"""The alert about a product that somebody else keeps changing: what was seen, and what to do."""

from dataclasses import replace

import pytest

from bot.messages import incidents, proposals
from bot.messages.contest import contest_headline, contest_lines
from sync_core.domain.proposals import Choice, ProposalKind, Receipt, ReceiptLine, Write
from tests.bot.messages.conftest import ANN, NOW
from tests.bot.messages.test_notifications import Kept, notice, said
from tests.bot.messages.test_safety_stop import buttons, everything, labels, words

TOKEN = "a" * 16
SUBJECT = "contest:7"
FACTS = {
    "title": "Jacket",
    "store": "eu",
    "stores": "eu",
    "pool": 7,
    "at": NOW.isoformat(),
    "pattern": "undone",
    "times": 3,
    "units": 5,
    "seconds": 40,
    "follows": False,
}


SEEN = {
    "undone": "keeps being changed back: Tipo's updates were undone 3 times within 40 s",
    "repeated": "changes a second time after each update by Tipo: 3 times within 40 s",
    "to_and_fro": "went up and down 3 times within 40 s, as another store kept changing back",
}


@pytest.mark.parametrize(("pattern", "told"), SEEN.items())
def test_it_says_what_was_seen(pattern, told):
    said_now = words(contest_headline({**FACTS, "pattern": pattern}))
    assert said_now == f"Jacket in EU {told}, the last time by 5 units."


def test_it_says_where_tipo_stopped_and_what_goes_on():
    did, can = map(words, contest_lines({**FACTS, "stores": "eu, us"}))
    assert "stopped updating this product in EU and US. Sales there still count" in did
    assert "Then resume" in can


def test_where_a_store_only_follows_it_says_whose_number_holds():
    _, why, _ = map(words, contest_lines({**FACTS, "store": "us", "follows": True}))
    assert "US is one-way: Tipo overwrites changes there." in why


def body(**given):
    made = {
        "kind": "contested",
        "severity": "critical",
        "store": "eu",
        "subject": SUBJECT,
        "facts": FACTS,
        "opened": NOW.isoformat(),
        "open": {SUBJECT: ""},
        "over": None,
        "seen": 1,
    }
    return {**made, **given}


def test_it_asks_for_one_thing_and_asks_before_it_does_it():
    told = incidents.incident(body=body(), now=NOW, token=TOKEN)
    assert labels(told) == ["Resume", "Why?", "I'm on it", "Snooze 1 h"]
    resume, why, *_ = buttons(told)
    assert (resume["value"], why["value"]) == (TOKEN, "7")
    assert "Has the other app stopped?" in str(resume["confirm"])
    assert labels(incidents.incident(body=body(), now=NOW)) == ["I'm on it", "Snooze 1 h"]


def test_once_it_is_over_it_says_how_it_ended():
    over = body(over=NOW.isoformat(), facts={**FACTS, "ended": "resumed"})
    told = incidents.incident(body=over, now=NOW)
    assert "Tipo updates it again." in everything(told) + told.text
    assert labels(told) == []


def test_two_products_are_two_alerts_at_once_and_each_shows_who_resumed_it():
    kept = Kept()
    for n in (7, 8):
        facts = {**FACTS, "pool": n}
        kept.fold(notice(n, "contested", f"contest:{n}", facts=facts, severity="critical"))
    about = {"receipt": 3, "report": None, "kind": "fix", "about": SUBJECT}
    kept.fold(notice(9, "decided", "receipt:3", facts=about))
    posts = [each for each in kept.posts.values() if each.kind == "incident"]
    assert [each.body.get("receipts", []) for each in posts] == [[3], []]
    assert said.needs(posts[0]).question == ("contested", SUBJECT)


def test_the_receipt_says_what_is_written_now():
    line = ReceiptLine(
        title="Jacket",
        choice=Choice.RESUME,
        done=True,
        why="",
        moved=0,
        writes=(Write(store="eu", before=50, after=45),),
    )
    receipt = Receipt(
        id=3, kind=ProposalKind.FIX, by=ANN, rule="listed", at=NOW, running=False, lines=(line,)
    )
    told = words(proposals.receipt_headline(receipt))
    assert told.startswith("Tipo updates Jacket again: EU 50 \u2192 45. Approved by @ann")
    nothing = replace(receipt, lines=(replace(line, writes=()),))
    assert "nothing is pending" in words(proposals.receipt_headline(nothing))
