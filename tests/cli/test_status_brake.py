"""`tipo status` says when the brake holds something."""

from dataclasses import replace
from datetime import UTC, datetime

from sync_core.cli.status import _remarks
from sync_core.domain.views import BrakeView, Overview

NOTHING = Overview(
    stores=(), pools=1, agreed=1, differing=0, oversold=0, findings=0, unhandled=0,
    oldest_unhandled_at=None, paused=None, serving_at=None,
)  # fmt: skip
SINCE = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOLDS = BrakeView(subject="brake:eu:1", store="eu", pools=30, units=1500, since=SINCE)


def test_status_says_what_the_brake_holds_and_what_to_do():
    """Whoever wonders why nothing is written looks here first."""
    said = _remarks(replace(NOTHING, brakes=(replace(HOLDS, held_by="ann"),)))
    assert said[1] == (
        "The brake holds what moved in eu since 2026-11-23 12:00 UTC without an order: 1500 units "
        "of 30 pools. The other stores keep theirs, and sales go on; release or ignore these "
        "changes in Slack. ann looks into it."
    )
    assert not any("brake" in line for line in _remarks(NOTHING))
