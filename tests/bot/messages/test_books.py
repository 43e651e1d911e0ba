"""What people read of the audit: in the night's report, on the App Home, and as an alert."""

from datetime import UTC, datetime

import pytest

from bot.messages import home, incidents, reports
from sync_core.domain.views import BooksView
from tests.bot.messages.conftest import NOW, overview, report

AT = datetime(2026, 11, 24, 2, 41, tzinfo=UTC)
GOOD = "Books: 12,408 products, every unit explained, "


@pytest.mark.parametrize(
    ("pools", "wrong", "told"),
    [
        (12_408, 0, GOOD),
        (1, 0, "Books: 1 product, every unit explained, "),
        (12_408, 1, "Books: 1 of 12,408 products doesn't add up, "),
        (12_408, 3, "Books: 3 of 12,408 products don't add up, "),
    ],
)
@pytest.mark.parametrize("left", [0, 4])
def test_the_night_and_the_home_say_the_same(pools, wrong, told, left):
    """With the time at which the audit ended: 02:41."""
    summary = {"books": {"pools": pools, "wrong": wrong, "at": AT.isoformat()}}
    posted = reports.report(report=report(left, "x", summary=summary), proposals=())
    seen = BooksView(at=AT, pools=pools, wrong=wrong)
    shown = home.home(
        overview=overview(1, "x", books=seen), hours=(), reports=(), now=NOW, is_approver=True
    )
    for said in (repr(posted.blocks), repr(shown["blocks"])):
        assert told in said.replace('\\"', "")
        assert "02:41" in said


def test_nothing_is_claimed_before_there_is_something_to_audit():
    for seen in (None, BooksView(at=AT, pools=0, wrong=0)):
        shown = home.home(
            overview=overview(1, "x", books=seen), hours=(), reports=(), now=NOW, is_approver=True
        )
        assert "Books" not in repr(shown["blocks"])
    assert "Books" not in repr(reports.report(report=report(0, "x"), proposals=()).blocks)


def test_the_alert_names_the_product_the_numbers_what_tipo_did_and_what_to_do():
    why = "the shared quantity is 47, expected 45 (start 50, changes -4, decisions -1)"
    body = {
        "kind": "books",
        "severity": "critical",
        "subject": "level:2",
        "facts": {"title": "Slim Fit Denim Jacket", "why": why, "pool": 1, "breaches": 1},
        "opened": NOW.isoformat(),
        "open": {"level:2": why},
        "seen": 1,
    }
    told = repr(incidents.incident(body=body, now=NOW))
    known = ("Critical", "Slim Fit Denim Jacket", why)
    for part in (*known, "stopped updating it in every store", "/tipo drift", "Show mismatches"):
        assert part in told
