# ruff: noqa: INP001  # a page of the documentation, not a package
"""One example of each alert that examples.py has not got, by its name in the runbook."""

import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from examples import EU, FIXES, JACKET, NOW, POOL, US, Made, notice, told

from bot.messages import posts
from bot.messages.block_kit import Message

SINCE = (NOW - timedelta(minutes=12)).isoformat()
STORE, PRODUCT = f"store:{US}", "pool:7"
RUNBOOK = (Path(__file__).parents[1] / "runbook.md").read_text("utf-8")
HEADS = {kind: head for head, kind in re.findall(r"^### (.+) \(`(\w+)`\)$", RUNBOOK, re.MULTILINE)}
CONTEST = {"title": JACKET, "store": EU, "times": 3, "seconds": 40, "units": 5, "pool": 7}
LEASE = {"store": US, "holder": "4be1f09c", "asks": "us 1"}
OLDER = {"stores": f"{EU}, {US}", "asks": "* 1"}
UNREAD = {"title": "Wool Beanie", "store": US}
# kind: how bad, about what, what is known
ALERTED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "unreachable": ("critical", STORE, {"store": US, "since": SINCE}),
    "updates_failing": (
        "warning",
        STORE,
        {"store": US, "since": SINCE, "why": "SERVICE_UNAVAILABLE: try again later"},
    ),
    "request_refused": (
        "warning",
        STORE,
        {"store": US, "why": "catalogue: Access denied for products field"},
    ),
    "webhooks_gone": ("warning", STORE, {"store": US, "lost": "inventory_levels/update"}),
    "webhooks_missed": ("warning", STORE, {"store": US, "levels": 4}),
    "lease": ("critical", STORE, LEASE),
    "older_database": ("critical", "database", OLDER),
    "weak_mark": ("warning", STORE, {"store": US}),
    "baseline": ("info", "takeover:1", {"by": "ann", "store": US}),
    "contested": ("critical", "contested:us:7", CONTEST),
    "books": (
        "critical",
        PRODUCT,
        {
            "title": JACKET,
            "why": "the shared quantity is 47, expected 45 (start 50, changes -4, decisions -1)",
        },
    ),
    "presold": ("info", PRODUCT, {"title": JACKET, "units": 12}),
    "differs": ("warning", "level:1", {"title": "Linen Shirt (S)", "store": US}),
    "conflict": ("warning", "item:us:1", {"title": "Wool Beanie", "store": US}),
    "stock_unread": (
        "warning",
        "level:2",
        {**UNREAD, "place": "Berlin", "why": "Something went wrong"},
    ),
    "product_unread": (
        "warning",
        "product:us:3",
        {**UNREAD, "why": "the store's answer has no variants in it"},
    ),
    "renamed": ("info", "product:us:4", {**UNREAD, "was": "wool-beanie", "is": "beanie"}),
    "location_closed": (
        "warning",
        "location:us:2",
        {"store": US, "location": "US warehouse", "place": "Berlin"},
    ),
    "location_refused": (
        "warning",
        "location:us:2",
        {"store": US, "place": "Berlin", "why": "no access to this location"},
    ),
    "export_odd": ("critical", STORE, {"store": US, "exported": 0, "known": 1204}),
    "delivery_set_aside": (
        "warning",
        STORE,
        {"store": US, "count": 2, "topic": "orders/create", "why": "a quantity is no number"},
    ),
    "dead_worker": ("critical", "worker:sender us", {"worker": "sender us", "why": "OSError"}),
    "role_missing": ("critical", "role:worker", {"role": "worker"}),
    "clock_step": ("warning", "clock", {"seconds": 7200}),
    "paused": ("info", "paused", {"by": "ann"}),
    "mode": ("info", "mode", {"mode": "two-way", "stores": US, "by": "ann"}),
}


def alert(kind: str) -> Message:
    """Return the message of a kind of alert."""
    severity, subject, facts = ALERTED[kind]
    question = replace(FIXES[0], token="asked") if kind == "contested" else None  # noqa: S106
    found = posts.Lookup(
        pool=POOL if kind in {"books", "contested", "presold"} else None, question=question
    )
    return told(notice(1, kind, subject, severity=severity, facts=facts), found=found)


ALERTS: dict[str, tuple[str, Made]] = {
    f"alert-{kind.replace('_', '-')}": (f"{HEADS[kind]}.", partial(alert, kind)) for kind in ALERTED
}
