"""What every list of mismatches says in a row: each row of the table."""

from datetime import UTC, datetime, timedelta

import pytest

from sync_core.domain.proposals import Choice, Option, Proposal, ProposalKind, Write
from sync_core.domain.suggestions import levels_text, suggested_fix

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DROPPED = {"store": "us", "book": 46, "shows": 42, "shown": [["eu", 46], ["us", 42]]}


def option(choice, words="Its own words", **writes):
    made = tuple(Write(store=store, before=a, after=b) for store, (a, b) in writes.items())
    return Option(choice=choice, words=words, target=1, writes=made)


def proposal(first=None, *, safe=True, **facts):
    return Proposal(
        id=1,
        token="x" * 22,
        kind=ProposalKind.FIX,
        title="Jacket",
        facts=facts,
        options=() if first is None else (option(Choice.IGNORE), first),
        recommended=None if first is None else first.choice,
        safe=safe,
        opened_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )


ACCEPT = option(Choice.ACCEPT, eu=(46, 42))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            proposal(ACCEPT, **DROPPED, order="order #1009"),
            "EU 46 → 42 (US sold 4, order #1009)",
        ),
        (proposal(ACCEPT, **DROPPED), "EU 46 → 42 (US \u22124, no order explains it)"),
        (
            proposal(option(Choice.ACCEPT, eu=(46, 56)), store="us", book=46, shows=56),
            "EU 46 → 56 (US +10)",
        ),
        (proposal(option(Choice.USE_SOURCE, us=(47, 45))), "Set US to 45"),
        (
            proposal(option(Choice.USE_LOWER, us=(47, 45), de=(50, 45))),
            "Set US to 45, DE to 45",
        ),
        (proposal(option(Choice.RETRY, us=(12, 10))), "Set US to 10"),
        (proposal(option(Choice.LINK, "Link with de: the same SKU")), "Link with de: the same SKU"),
        (
            proposal(option(Choice.USE_SOURCE, us=(8, 0)), safe=False),
            "Needs your decision: US would go to 0",
        ),
        (proposal(ACCEPT, safe=False, **DROPPED), "Needs your decision: no order explains it"),
        (
            proposal(option(Choice.USE_SOURCE, us=(1, 141)), safe=False),
            "Needs your decision: 140 units would move",
        ),
        (
            proposal(option(Choice.USE_SOURCE, us=(0, 8)), safe=False),
            "Needs your decision: set US to 8?",
        ),
        (
            proposal(store="us", cause="US: a gift card"),
            "Needs your decision: a gift card",
        ),
        (proposal(), "Needs your decision"),
    ],
)
def test_a_row_says_what_is_suggested(found, told):
    assert suggested_fix(found) == told


def test_a_fix_of_many_stores_stays_short():
    writes = {f"s{n}": (1, 2) for n in range(9)}
    told = suggested_fix(proposal(option(Choice.USE_SOURCE, **writes)))
    assert told == "Set S0 to 2, S1 to 2, S2 to 2 and 6 more"


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (DROPPED, "EU 46 · US 42"),
        ({"shown": [["eu", 1204], ["us", None]]}, "EU 1,204 · US no number"),
        # As a version before this one has kept it.
        ({"store": "us", "shows": 42, "should_show": 46}, "US 42 · expected 46"),
        ({"store": "us", "shows": None}, "US no number"),
        ({"store": "us", "item": 7}, ""),
    ],
)
def test_a_row_says_what_each_store_shows(facts, told):
    assert levels_text(facts) == told
