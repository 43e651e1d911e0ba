# ruff: noqa: INP001  # a page of the documentation, not a package
"""The messages that the pictures and the transcript show: one shop, one night."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

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
    MovementView,
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

EXAMPLES: dict[str, tuple[str, Made]] = {
    "night": (
        "The night's report: what doesn't match, a suggested fix, one click for all that is safe.",
        lambda: reports.report(report=REPORT, proposals=FIXES),
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
