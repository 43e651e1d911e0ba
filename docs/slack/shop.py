# ruff: noqa: INP001  # a page of the documentation, not a package
"""The values that all examples show: one shop, one night."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from bot import notifications
from bot.messages import (
    posts,
)
from bot.messages.block_kit import Message
from bot.policy import AlertPolicy
from bot.preferences import BotSettings
from sync_core.domain.admin_pages import order_page, product_page
from sync_core.domain.drift import cause
from sync_core.domain.leases import LeaseState, LeaseView
from sync_core.domain.location_groups import LocationGroup
from sync_core.domain.proposals import (
    Answer,
    Choice,
    Clicked,
    Option,
    Person,
    Proposal,
    ProposalKind,
    ProposalState,
    Receipt,
    ReceiptLine,
    Report,
    ReportFacts,
    ReportKind,
    ReportState,
    Worst,
    Write,
)
from sync_core.domain.texts import store_name
from sync_core.domain.values import Alias, ItemId, LevelId, LocationId, Mode, PoolId, Role
from sync_core.domain.views import (
    BooksView,
    HistoryEntry,
    HourlyMovement,
    LevelView,
    Notification,
    Overview,
    PoolView,
    Post,
    StoreView,
    Unmatched,
)

NOW = datetime(2026, 11, 23, 8, 15, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
EU, US = Alias("eu"), Alias("us")
JACKET = "Slim Fit Denim Jacket (M)"
ANN = Person(team="T1", id="U0ANN", name="ann")
TOKEN = "8kQ2v0ZrJm5w"  # noqa: S105  # what a button carries; it opens nothing
POLICY = AlertPolicy(channel="C0STOCK", level="all", stores=(EU, US), approvers=("U0ANN",))


def _store(alias: Alias, role: Role, seconds: tuple[float, float]) -> StoreView:
    return StoreView(
        alias=alias,
        domain=f"urbanwear-{alias}.myshopify.com",
        role=role,
        mode=Mode.TWO_WAY if role is Role.DESTINATION else None,
        levels=1204,
        baselined=1204,
        due=0,
        refreshes=0,
        suspended=2 if role is Role.DESTINATION else 0,
        open=0,
        last_delivery_at=NOW - 9 * SECOND,
        blocked_why=None,
        lease=LeaseView(store=alias, state=LeaseState.OURS, since=NOW - timedelta(days=12)),
        seconds_p50=seconds[0],
        seconds_p95=seconds[1],
    )


OVERVIEW = Overview(
    stores=(_store(EU, Role.SOURCE, (0.4, 1.1)), _store(US, Role.DESTINATION, (0.5, 1.4))),
    pools=1204,
    agreed=1201,
    differing=3,
    oversold=0,
    findings=15,
    unhandled=0,
    oldest_unhandled_at=None,
    paused=None,
    serving_at=NOW,
    instance="4be1f09c",
    books=BooksView(at=NOW.replace(hour=2, minute=41), pools=1204, wrong=0),
)


def _level(number: int, store: Alias, **given: Any) -> LevelView:
    facts: dict[str, Any] = {
        "id": LevelId(number),
        "store": store,
        "item": ItemId(number),
        "location": LocationId(number),
        "location_group": "Berlin warehouse" if store == EU else "US warehouse",
        "mode": Mode.TWO_WAY,
        "book": 45,
        "shows": 45,
        "outstanding": 0,
        "baselined": True,
        "suspended": None,
        "open_delta": None,
        "awaits_refresh": False,
        "sku": "SFDJ-M",
        "page": product_page(f"urbanwear-{store}.myshopify.com", 7001 + number),
    }
    return LevelView(**{**facts, **given})


POOL = PoolView(
    id=PoolId(7),
    title=JACKET,
    handle="slim-fit-denim-jacket",
    location_group="Berlin",
    shared=45,
    moved_at=NOW - 3 * MINUTE,
    levels=(_level(1, EU), _level(2, US)),
)
OTHERS = (
    replace(POOL, id=PoolId(8), title="Slim Fit Denim Jacket (L)", shared=12),
    replace(POOL, id=PoolId(9), title="Denim Jacket, washed", handle="denim-washed", shared=3),
)


def _entry(
    minutes: int, store: Alias, kind: str, delta: int, cause: str, **given: Any
) -> HistoryEntry:
    facts: dict[str, Any] = {"shared": None, "state": "settled"}
    at = NOW - minutes * MINUTE
    return HistoryEntry(
        at=at, store=store, kind=kind, delta=delta, cause=cause, **{**facts, **given}
    )


ENTRIES = (
    _entry(95, EU, "decision", 0, "initial comparison: both stores show 50"),
    _entry(
        63,
        US,
        "movement",
        -5,
        "order #1002",
        shared=45,
        state="counted",
        page=order_page("urbanwear-us.myshopify.com", 6001),
    ),
    _entry(63, EU, "adjustment", -5, "", seconds=0.4),
    _entry(20, EU, "movement", 10, "restock or edit", shared=55, state="counted"),
    _entry(20, US, "adjustment", 10, "", seconds=0.5),
    _entry(3, EU, "movement", -10, "order #1003, order #1004", shared=45, state="counted"),
    _entry(3, US, "adjustment", -10, "", seconds=0.4),
)


def _option(choice: Choice, words: str, store: Alias, before: int, after: int) -> Option:
    writes = (Write(store=store, before=before, after=after),)
    return Option(choice=choice, words=words, target=after, writes=writes)


def fix(number: int, title: str, kind: str, **given: Any) -> Proposal:
    """Return an open mismatch with its choices."""
    shows, should = given.pop("numbers", (46, 50))
    known = {
        "store": US,
        "shows": shows,
        "should_show": should,
        "book": should,
        "shown": [[EU, should], [US, shows]],
        "page": product_page("urbanwear-us.myshopify.com", 7000 + number),
    }
    about = {**known, **given.pop("about", {})}
    accept = f"Accept {store_name(US)}'s change (set {store_name(EU)} to {shows})"
    options = (
        _option(Choice.ACCEPT, accept, EU, should, shows),
        _option(Choice.USE_SOURCE, f"Use {store_name(EU)}'s number: {should}", US, shows, should),
        Option(choice=Choice.USE_NUMBER, words="Enter a number"),
        Option(choice=Choice.IGNORE_MONTH, words="Ignore for 30 days"),
    )
    facts: dict[str, Any] = {
        "facts": {**about, "cause": cause(kind, about)},
        "options": options if kind == "missed" else options[1:],
        "recommended": Choice.ACCEPT if kind == "missed" else Choice.USE_SOURCE,
        "safe": True,
        "opened_at": NOW,
        "expires_at": NOW.replace(day=24, hour=2, minute=30),
    }
    return Proposal(
        id=number,
        token=TOKEN,
        kind=ProposalKind.FIX,
        subject=kind,
        title=title,
        **{**facts, **given},
    )


FIXES = (
    fix(1, JACKET, "missed"),
    fix(2, "Canvas Tote", "suspended", numbers=(12, 10), about={"why": "unfinished"}),
    fix(3, "Chino Trousers (32)", "missed", numbers=(4, 6), about={"order": "order #1009"}),
    fix(4, "Rain Parka (L)", "one_way", numbers=(9, 7)),
    fix(5, "Linen Shirt (S)", "differs", numbers=(0, 8), safe=False),
    fix(6, "Wool Beanie", "differs", numbers=(31, 30), about={"was_off": True}, safe=False),
)
REPORT = Report(
    id=3,
    token=TOKEN,
    kind=ReportKind.NIGHT,
    state=ReportState.DONE,
    by="",
    summary={"compared": 2408, "differ": 15, "match": 1201},
    counts={"missed": 9, "differs": 5, "one_way": 1},
    open=15,
    safe=12,
    wanted_at=NOW.replace(hour=2, minute=30),
    finished_at=NOW.replace(hour=2, minute=34),
)
PREFLIGHT = replace(
    REPORT,
    kind=ReportKind.PREFLIGHT,
    facts=ReportFacts(mode=Mode.TWO_WAY, alias=US),
    summary={"matching": 1204, "differing": 3, "missing": 17, "units": 11, "compared": 2408},
    worst=(
        Worst(title="Linen Shirt (S)", store=US, shows=0, should_show=8),
        Worst(title=JACKET, store=US, shows=46, should_show=50),
        Worst(title="Wool Beanie", store=US, shows=31, should_show=30),
    ),
    open=1,
    safe=0,
)
MODE = replace(FIXES[0], id=40, kind=ProposalKind.MODE, expires_at=NOW + 30 * MINUTE)


def done(title: str, before: int, after: int, why: str = "") -> ReceiptLine:
    """Return a line of a receipt: what was written, or why nothing was."""
    return ReceiptLine(
        title=title,
        choice=Choice.USE_SOURCE,
        done=not why,
        why=why,
        moved=0 if why else before - after,
        writes=() if why else (Write(store=US, before=before, after=after),),
    )


RECEIPT = Receipt(
    id=7,
    kind=ProposalKind.FIX,
    by=ANN,
    rule="member of @stock-team",
    at=NOW - MINUTE,
    running=False,
    lines=(
        done(JACKET, 46, 50),
        done("Canvas Tote", 12, 10),
        done("Wool Beanie", 31, 30),
        done("Linen Shirt (S)", 0, 8, "it sold meanwhile"),
    ),
)
UNMATCHED = tuple(
    Unmatched(store=US, item=ItemId(n), title=title, handle="", sku=sku, why=why)
    for n, (title, sku, why) in enumerate(
        (
            ("Gift card", "", "gift card"),
            ("Stars & Stripes Scarf", "SSS-1", "no match in another store"),
            ("Summer Box", "BOX-S", "bundle"),
            ("Tailoring service", "", "not tracked"),
        )
    )
)
HOURS = tuple(
    HourlyMovement(
        at=NOW.replace(minute=0) - timedelta(hours=23 - n), units={EU: 3 + n * 7 % 23, US: 2 + n}
    )
    for n in range(24)
)


def notice(number: int, kind: str, subject: str, minutes: float = 0, **given: Any) -> Notification:
    """Return a notification of the core, some minutes after the first one."""
    facts: dict[str, Any] = {"severity": "warning", "facts": {}, "resolved": False}
    at = NOW - 30 * MINUTE + minutes * MINUTE
    return Notification(id=number, kind=kind, subject=subject, at=at, **{**facts, **given})


def told(
    *arrived: Notification, kind: str = "incident", found: posts.Lookup = posts.NOTHING_FOUND
) -> Message:
    """Return the first message of a kind that notifications become."""
    made = notifications.aggregate_notifications({}, arrived, now=NOW, policy=POLICY)
    return said(next(each for each in made if each.kind == kind), found)


def said(post: Post, found: posts.Lookup = posts.NOTHING_FOUND) -> Message:
    """Return what a post says now."""
    return posts.render(post, found, NOW) or Message("")


def sale(store: Alias, name: str, number: int) -> dict[str, str]:
    """Return an order of an oversell."""
    page = order_page(f"urbanwear-{store}.myshopify.com", number)
    return {"store": store, "name": name, "page": page}


OVERSOLD = notice(
    1,
    "oversold",
    "pool:7",
    severity="critical",
    facts={
        "title": JACKET,
        "units": 1,
        "orders": [sale(EU, "#1009", 6009), sale(US, "#2041", 7041)],
    },
)


SETTINGS = BotSettings(
    approvers=("U0ANN",),
    quiet=(time(22), time(7)),
    set_by={"quiet": "ann", "approvers": "ann"},
)


PLACES = (LocationGroup(id=1, name="Berlin", locations={EU: LocationId(1), US: LocationId(2)}),)
LOCATIONS = {
    EU: [(LocationId(1), "Berlin warehouse"), (LocationId(3), "Hamburg shop")],
    US: [(LocationId(2), "US warehouse")],
}
FREE = {EU: [(LocationId(3), "Hamburg shop")], US: []}
CLICKED = Clicked(
    answer=Answer.ALREADY,
    by=ANN,
    at=NOW,
    receipt=7,
    proposal=replace(FIXES[0], state=ProposalState.DONE, choice=Choice.USE_SOURCE, by=ANN),
)
Made = Callable[[], Message | dict[str, Any]]
SUBJECT = f"circuit_breaker:{EU}:1"
STOPPED = {
    "store": EU,
    "rule": "emptied",
    "pools": 23,
    "units": 412,
    "stopped": {US: 21},
    "reached": {US: 2},
}
