# ruff: noqa: INP001  # a page of the documentation, not a package
"""The examples that come first: what people see most."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from shop import (
    ANN,
    CLICKED,
    ENTRIES,
    EU,
    FIXES,
    FREE,
    HOURS,
    JACKET,
    LOCATIONS,
    MINUTE,
    MODE,
    NOW,
    OTHERS,
    OVERSOLD,
    OVERVIEW,
    PLACES,
    POLICY,
    POOL,
    PREFLIGHT,
    RECEIPT,
    REPORT,
    SECOND,
    SETTINGS,
    STOPPED,
    SUBJECT,
    TOKEN,
    UNMATCHED,
    US,
    Made,
    notice,
    said,
    told,
)

from bot import activity as activities
from bot import notifications
from bot.commands.grammar import help_groups
from bot.incidents import ownership
from bot.messages import (
    answers,
    bulk,
    decisions,
    history,
    home,
    location_groups,
    modes,
    posts,
    proposals,
    reports,
    review,
    settings,
    state,
    stock,
    unmatched,
)
from bot.messages.block_kit import Message
from sync_core.domain.proposals import (
    Choice,
    ProposalKind,
    ReceiptLine,
    ReportKind,
)
from sync_core.domain.values import PoolId
from sync_core.domain.views import MovementView, Post


def _oversold() -> Message:
    return told(OVERSOLD, found=posts.Lookup(pool=POOL))


def on_it(change: Callable[..., Any] | None = None, kind: str = "incident") -> Message:
    """Return the oversell once ann is on it, or has snoozed it; or the reminder of it."""
    made = notifications.aggregate_notifications({}, [OVERSOLD], now=NOW, policy=POLICY)
    kept = {each.key: each for each in made}
    post = kept["incident:1"]
    clicked = ownership.own(post.body, ANN, NOW - 20 * MINUTE)
    kept["incident:1"] = post = replace(post, body=dict(clicked))
    if kind == "reminder":
        later = notifications.remind(kept, now=NOW + 4 * 60 * MINUTE, policy=POLICY)
        reminder = next(each for each in later if each.kind == "reminder")
        return said(reminder, posts.Lookup(incident=post))
    if change is not None:
        post = replace(post, body=dict(change(post.body, ANN, NOW)))
    return said(post, posts.Lookup(pool=POOL))


def _safety_stop() -> Message:
    asks = notice(1, "circuit_breaker", SUBJECT, 30, severity="critical", facts=STOPPED)
    asked = replace(FIXES[0], token=TOKEN)
    return told(asks, found=posts.Lookup(question=asked))


def _held(*, resolved: bool = False) -> Message:
    facts = {"store": US, "why": "Shopify rejected Tipo's access token (401)"}
    begun = notice(1, "store_blocked", f"store:{US}", severity="critical", facts=facts)
    ended = notice(
        2, "store_blocked", f"store:{US}", 12, severity="info", resolved=True, facts=facts
    )
    return told(begun, *([ended] if resolved else []))


def unsynced(kind: str = "incident") -> Message:
    """Return the message about six products that are not synced, or its thread."""
    names = ("Gift Wrap", "Tailoring service", "Summer Box", "Winter Box", "Engraving", "Repair")
    whys = ("untracked", "untracked", "bundle", "bundle", "untracked", "missing")
    return told(
        *(
            notice(
                n, "suspended", f"level:{n}", n / 10, facts={"title": each, "store": US, "why": why}
            )
            for n, (each, why) in enumerate(zip(names, whys, strict=True), 1)
        ),
        kind=kind,
    )


def sales(kind: str = "activity") -> Message:
    """Return the message about what a store sold, or its thread."""
    sold = [(JACKET, -5, "order #1002"), ("Linen Shirt (S)", -3, "order #1003")]
    sold += [("Wool Beanie", -2, "order #1003"), ("Canvas Tote", -1, "order #1004")]
    sold += [("Rain Parka (L)", -1, "order #1005"), ("Wool Beanie", 10, "restock or edit")]
    moved = [
        MovementView(
            id=n,
            at=NOW + n * 20 * SECOND,
            pool=PoolId(sum(map(ord, title))),
            title=title,
            store=US,
            delta=delta,
            counted=delta,
            cause=cause,
        )
        for n, (title, delta, cause) in enumerate(sold, 1)
    ]
    made = activities.aggregate_movements({}, moved, now=NOW, policy=POLICY)
    return said(next(each for each in made if each.kind == kind))


def _connected() -> Message:
    facts = {"mode": "two-way", "stores": US, "by": "ann", "report": 5}
    arrived = [
        notice(1, "mode", "mode", severity="info", facts=facts),
        notice(2, "decided", "receipt:4", facts={"receipt": 4, "kind": "mode"}),
        notice(3, "report", "report:5", facts={"report": 5, "kind": "baseline"}),
    ]
    line = ReceiptLine(title=f"two-way for {US}", choice=Choice.CONFIRM, done=True, why="", moved=0)
    switched = replace(RECEIPT, id=4, kind=ProposalKind.MODE, lines=(line,))
    compared = replace(
        REPORT, id=5, kind=ReportKind.BASELINE, open=0, safe=0, counts={}, summary={"levels": 2408}
    )
    found = posts.Lookup(report=compared, receipts=(switched,))
    return told(*arrived, kind="report", found=found)


SHADOW: dict[str, Any] = {
    "by": "ann",
    "since": (NOW - timedelta(days=3, hours=6)).isoformat(),
    "at": NOW.isoformat(),
    "changes": 412,
    "wrong": {},
    "apart": {"differs": 3, "suspended": 2},
    "latest": [
        {
            "at": (NOW - 2 * MINUTE).isoformat(),
            "title": JACKET,
            "store": US,
            "delta": -2,
            "cause": "order #2208",
            "writes": [{"store": EU, "before": 47, "after": 45}],
        },
        {
            "at": (NOW - 9 * MINUTE).isoformat(),
            "title": "Wool Scarf",
            "store": EU,
            "delta": 10,
            "cause": "restock or edit",
            "writes": [{"store": US, "before": 4, "after": 14}],
        },
    ],
}
SHADOW_NIGHT = {**REPORT.summary, "shadow": {**SHADOW, "at": REPORT.finished_at.isoformat()}}

EXAMPLES: dict[str, tuple[str, Made]] = {
    "night": (
        "The night's report: what doesn't match, a suggested fix, one click for all that is safe.",
        lambda: reports.report(report=REPORT, proposals=FIXES),
    ),
    "shadow": (
        "Shadow mode: one message, updated in place, with what would have been written.",
        lambda: said(Post(key="shadow", channel="C0STOCK", kind="shadow", body=SHADOW, due_at=NOW)),
    ),
    "shadow-night": (
        "The night in shadow mode: would Tipo have kept the stores equal?",
        lambda: reports.report(
            report=replace(REPORT, open=0, safe=0, counts={}, summary=SHADOW_NIGHT), proposals=()
        ),
    ),
    "decided": (
        "The same message afterwards: who decided, what was written, and Undo.",
        lambda: reports.report(
            report=replace(REPORT, open=0, safe=0, decided=15), proposals=(), receipts=(RECEIPT,)
        ),
    ),
    "review": (
        "Review: what is safe is chosen already, and the button counts.",
        lambda: review.review_modal(
            report=REPORT,
            total=15,
            proposals=(FIXES[2], *FIXES[4:]),
            offset=0,
            chosen={6: review.Picked(Choice.USE_NUMBER, 29)},
            rest=review.SUGGESTED,
            labels=bulk.labels({US}, EU),
            private_metadata="",
        ),
    ),
    "receipt": (
        "A receipt: line by line what was done, and what wasn't and why.",
        lambda: proposals.receipt(receipt=RECEIPT, share="again"),
    ),
    "oversold": (
        "Both stores sold the last one: said at once, also at night, with both orders.",
        _oversold,
    ),
    "on-it": (
        "The same message, once somebody clicked [I'm on it] and [Snooze 1 h].",
        lambda: on_it(ownership.snooze),
    ),
    "reminder": (
        "Four hours later: a reminder that names who has been on it.",
        lambda: on_it(kind="reminder"),
    ),
    "cant-update": (
        "A store no longer accepts the token: no alerts about its products meanwhile.",
        _held,
    ),
    "resolved": ("The same message at its end.", lambda: _held(resolved=True)),
    "not-synced": (
        "Six products, one cause, one message; each step is in its thread.",
        unsynced,
    ),
    "safety-stop": (
        "The safety stop: updates wait until a person says that they are right.",
        _safety_stop,
    ),
    "activity": ("Who sold how much of what, and which stores follow.", sales),
    "stock": (
        "`/tipo stock`: live numbers beside what is expected.",
        lambda: stock.stock(pools=[POOL], now=NOW, share="stock"),
    ),
    "choice": (
        "Many hits: a list to choose from.",
        lambda: stock.stock_choice(pools=[POOL, *OTHERS], words="denim jacket"),
    ),
    "why": (
        "`/tipo why`: which sales, orders and edits made this number, and what Tipo wrote.",
        lambda: history.history(pool=POOL, entries=ENTRIES, share="why"),
    ),
    "mode": (
        "`/tipo mode two-way`: what it means, before anything changes.",
        lambda: modes.preflight(report=PREFLIGHT, proposal=MODE),
    ),
    "connected": (
        "Then one message for all: who turned it on, and what the initial comparison found.",
        _connected,
    ),
    "status": (
        "`/tipo status`: how each store is doing.",
        lambda: state.status(
            overview=OVERVIEW,
            serving=True,
            last_report=REPORT,
            now=NOW,
            share="status",
            night=settings.night_line(SETTINGS, "Europe/Berlin"),
        ),
    ),
    "home": (
        "The App Home: the same, and how many units changed.",
        lambda: home.home(
            overview=OVERVIEW,
            hours=HOURS,
            reports=[REPORT, PREFLIGHT],
            now=NOW,
            is_approver=True,
            settings=settings.setting_lines(SETTINGS, "Europe/Berlin"),
        ),
    ),
    "settings": (
        "Its form: what is set and by whom, and what the settings of the machine say otherwise.",
        lambda: settings.settings_modal(
            settings=SETTINGS, zone="Europe/Berlin", private_metadata="{}"
        ),
    ),
    "welcome": (
        "Tipo's first words in a channel.",
        lambda: answers.welcome(alerts="C0STOCK", here="C0SHOP"),
    ),
    "locations": (
        "`/tipo locations`: which locations share stock.",
        lambda: location_groups.location_groups(
            location_groups=PLACES, locations=LOCATIONS, free=FREE, share="places"
        ),
    ),
    "locations-form": (
        "The form that changes it.",
        lambda: location_groups.location_groups_modal(
            location_groups=PLACES, locations=LOCATIONS, private_metadata=""
        ),
    ),
    "unmatched": (
        "`/tipo unmatched`: products with no match, and what to do.",
        lambda: unmatched.unmatched(total=17, rows=UNMATCHED, offset=0, page=4),
    ),
    "help": ("`/tipo`: all commands.", lambda: answers.help_message(sections=help_groups())),
    "too-late": (
        "Each click gets an answer: here somebody else decided first.",
        lambda: decisions.decision_answer(clicked=CLICKED),
    ),
}
