# ruff: noqa: INP001  # a page of the documentation, not a package
"""One example of each alert that examples.py has not got, by its name in the runbook."""

import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from shop import EU, FIXES, JACKET, NOW, POOL, US, Made, notice, told

from bot.messages import posts
from bot.messages.block_kit import Message

SINCE = (NOW - timedelta(minutes=12)).isoformat()
STORE, PRODUCT = f"store:{US}", "pool:7"
RUNBOOK = (Path(__file__).parents[1] / "runbook.md").read_text("utf-8")
ALERT = r"^### (.+) \(`(\w+)`\)$(?:\n(?!#).*)*?\n- \*\*How bad\*\*: (critical|warning|for)"
SEVERITY = {"critical": "critical", "warning": "warning", "for": "info"}  # for your information
HEADS = {
    kind: (head, SEVERITY[bad]) for head, kind, bad in re.findall(ALERT, RUNBOOK, re.MULTILINE)
}
CONTEST = {"title": JACKET, "store": EU, "times": 3, "seconds": 40, "units": 5, "pool": 7}
LEASE = {"store": US, "holder": "4be1f09c", "asks": "us 1"}
OLDER = {"stores": f"{EU}, {US}", "asks": "* 1"}
UNREAD = {"title": "Wool Beanie", "store": US}
# kind: about what, what is known
ALERTED: dict[str, tuple[str, dict[str, Any]]] = {
    "unreachable": (STORE, {"store": US, "since": SINCE}),
    "updates_failing": (
        STORE,
        {"store": US, "since": SINCE, "why": "SERVICE_UNAVAILABLE: try again later"},
    ),
    "request_refused": (
        STORE,
        {"store": US, "why": "catalogue: Access denied for products field"},
    ),
    "webhooks_gone": (STORE, {"store": US, "lost": "inventory_levels/update"}),
    "webhooks_missed": (STORE, {"store": US, "levels": 4}),
    "lease": (STORE, LEASE),
    "older_database": ("database", OLDER),
    "weak_mark": (STORE, {"store": US}),
    "baseline": ("takeover:1", {"by": "ann", "store": US}),
    "contested": ("contested:us:7", CONTEST),
    "books": (
        PRODUCT,
        {
            "title": JACKET,
            "why": "the shared quantity is 47, expected 45 (start 50, changes -4, decisions -1)",
        },
    ),
    "presold": (PRODUCT, {"title": JACKET, "units": 12}),
    "differs": ("level:1", {"title": "Linen Shirt (S)", "store": US}),
    "conflict": ("item:us:1", {"title": "Wool Beanie", "store": US}),
    "stock_unread": (
        "level:2",
        {**UNREAD, "place": "Berlin", "why": "Something went wrong"},
    ),
    "product_unread": (
        "product:us:3",
        {**UNREAD, "why": "the store's answer has no variants in it"},
    ),
    "renamed": ("product:us:4", {**UNREAD, "was": "wool-beanie", "is": "beanie"}),
    "location_closed": (
        "location:us:2",
        {"store": US, "location": "US warehouse", "place": "Berlin"},
    ),
    "location_refused": (
        "location:us:2",
        {"store": US, "place": "Berlin", "why": "no access to this location"},
    ),
    "export_odd": (STORE, {"store": US, "exported": 0, "known": 1204}),
    "delivery_set_aside": (
        STORE,
        {"store": US, "count": 2, "topic": "orders/create", "why": "a quantity is no number"},
    ),
    "dead_worker": ("worker:sender us", {"worker": "sender us", "why": "OSError"}),
    "role_missing": ("role:worker", {"role": "worker"}),
    "clock_step": ("clock", {"seconds": 7200}),
    "paused": ("paused", {"by": "ann, Nov 23, 2026 08:15"}),
    "mode": ("mode", {"mode": "two-way", "stores": US, "by": "ann"}),
}


def alert(kind: str) -> Message:
    """Return the message of a kind of alert."""
    severity, (subject, facts) = HEADS[kind][1], ALERTED[kind]
    question = replace(FIXES[0], token="asked") if kind == "contested" else None  # noqa: S106
    found = posts.Lookup(
        pool=POOL if kind in {"books", "contested", "presold"} else None, question=question
    )
    return told(notice(1, kind, subject, severity=severity, facts=facts), found=found)


ALERTS: dict[str, tuple[str, Made]] = {
    f"alert-{kind.replace('_', '-')}": (f"{HEADS[kind][0]}.", partial(alert, kind))
    for kind in ALERTED
}
