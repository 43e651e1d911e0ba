# ruff: noqa: INP001  # a page of the documentation, not a package
"""One example of each answer, list and form that examples.py has not got."""

from dataclasses import replace
from functools import partial
from typing import Any

from examples import sales, unsynced
from shop import (
    ANN,
    CLICKED,
    EU,
    FIXES,
    JACKET,
    NOW,
    OVERSOLD,
    OVERVIEW,
    POLICY,
    PREFLIGHT,
    RECEIPT,
    REPORT,
    SETTINGS,
    US,
    Made,
    fix,
    said,
)

from bot import notifications
from bot.incidents import ownership
from bot.incidents.ownership import OwnershipAnswer
from bot.messages import (
    answers,
    bulk,
    decisions,
    lease,
    modes,
    packs,
    proposals,
    reports,
    review,
    settings,
    state,
)
from bot.messages.block_kit import Message
from bot.messages.ownership import ownership_answer
from bot.messages.posts import Lookup
from sync_core.domain.bulk_decisions import BulkPreview, ChangeTotals
from sync_core.domain.leases import LeaseState, Takeover, TakeoverAnswer, TakeoverQuestion
from sync_core.domain.proposals import (
    Answer,
    Choice,
    ProposalKind,
    ProposalState,
    ReportKind,
    ReportState,
)
from sync_core.domain.values import PoolId
from sync_core.domain.views import Post, StoppedProduct

STOPPED = tuple(
    StoppedProduct(
        pool=PoolId(n),
        title=title,
        sku=sku,
        location_group="Berlin",
        store=EU,
        before=before,
        now=0,
        units=before,
        reached=(US,) if n < 2 else (),  # noqa: PLR2004 - the first two
        stopped=() if n < 2 else (US,),  # noqa: PLR2004
    )
    for n, (title, sku, before) in enumerate(
        ((JACKET, "SFDJ-M", 50), ("Chino Trousers (32)", "CT-32", 44), ("Wool Beanie", "WB", 31))
    )
)
PREVIEW = BulkPreview(
    choice=Choice.USE_SOURCE,
    taken=14,
    without=1,
    zeros=1,
    empty=("Linen Shirt (S)",),
    upto=15,
    stores=frozenset({US}),
    changes={US: ChangeTotals(ups=9, up=23, downs=4, down=6)},
    emptied={US: ChangeTotals(downs=1, down=8)},
)
LOWER = replace(
    PREVIEW,
    choice=Choice.USE_LOWER,
    changes={EU: ChangeTotals(downs=9, down=23), US: ChangeTotals(downs=4, down=6)},
)
PACK = fix(
    41,
    "Cola",
    "differs",
    facts={
        "pack": 6,
        "lines": [
            {"title": "Cola", "place": "Berlin", "store": US, "shows": 50, "expected": 8}
            | {"what": "write"},
            {"title": "Cola", "place": "Hamburg", "store": US, "shows": 12, "expected": 2}
            | {"what": "differs"},
        ],
    },
)
UNDO = replace(FIXES[0], id=42, kind=ProposalKind.UNDO, subject="7")
DECIDED = tuple(
    replace(
        FIXES[n % 6],
        id=n,
        state=ProposalState.DONE if n % 2 else ProposalState.OPEN,
        choice=Choice.USE_SOURCE if n % 2 else None,
        by=ANN if n % 2 else None,
        decided_at=NOW if n % 2 else None,
        receipt=7 if n % 2 else None,
    )
    for n in range(14)
)
CHECKED = {**REPORT.summary, "new": 3}
FOREIGN = TakeoverQuestion(reason=LeaseState.FOREIGN, stores=(US,), since=NOW, holder="4be1f09c")
OLDER = TakeoverQuestion(reason=LeaseState.OLDER, stores=(EU, US), since=NOW)


def _post(kind: str, body: dict[str, Any], found: Lookup | None = None) -> Message:
    post = Post(key=kind, channel="C0STOCK", kind=kind, body=body, due_at=NOW)
    return said(post, found or Lookup(report=REPORT, proposals=FIXES))


def _several(kind: str) -> Message:
    """Return one message about two incidents, one of which is over."""
    made = notifications.aggregate_notifications({}, [OVERSOLD], now=NOW, policy=POLICY)
    [body] = [each.body for each in made if each.kind == "incident"]
    facts = {"title": "Gift Wrap", "store": US, "why": "untracked"}
    other = {**body, "kind": "suspended", "severity": "warning", "facts": facts, "orders": []}
    over = {"over": NOW.isoformat(), "open": {}}
    return _post(kind, {"lines": {"1": dict(body), "2": {**other, **over}}, "left": 3})


def _on_it(answer: OwnershipAnswer | None) -> Message:
    """Return the answer to a click, mostly to bob's, who clicked after ann."""
    made = notifications.aggregate_notifications({}, [OVERSOLD], now=NOW, policy=POLICY)
    [body] = [each.body for each in made if each.kind == "incident"]
    body = dict(ownership.snooze(ownership.own(body, ANN, NOW), ANN, NOW))  # type: ignore[arg-type]
    user = ANN.id if answer is OwnershipAnswer.OWNED else "U0BOB"
    return ownership_answer(answer=answer, body=body, user=user)


CLICKS: dict[str, tuple[str, Made]] = {
    f"click-{each}": (f"{words}.", partial(lambda a: decisions.decision_answer(clicked=a), clicked))
    for each, words, clicked in (
        (
            "taken",
            "A click that decided",
            replace(CLICKED, answer=Answer.TAKEN, taken=4, proposal=None),
        ),
        ("running", "Decided before, and being applied", replace(CLICKED, answer=Answer.RUNNING)),
        ("outdated", "A newer report asks", replace(CLICKED, answer=Answer.OUTDATED, report=12)),
        ("expired", "Nobody answered in time", replace(CLICKED, answer=Answer.EXPIRED)),
        ("unknown", "A very old message", replace(CLICKED, answer=Answer.UNKNOWN)),
        (
            "late",
            "One of several was decided before",
            replace(CLICKED, answer=Answer.TAKEN, taken=3, proposal=None, late=(DECIDED[1],)),
        ),
    )
}
OWNED = {
    OwnershipAnswer.OWNED: "[I'm on it]",
    OwnershipAnswer.OWNED_BEFORE: "The same, when somebody is on it already",
    OwnershipAnswer.SNOOZED: "[Snooze 1 h]",
    OwnershipAnswer.SNOOZED_BEFORE: "The same, when somebody has snoozed it",
    OwnershipAnswer.OVER: "A click on what is resolved",
    OwnershipAnswer.MOVED: "A click on what has got worse since",
    None: "A click on an alert that is no longer kept",
}
TAKEOVERS = {
    TakeoverAnswer.STARTED: "A takeover begins",
    TakeoverAnswer.RUNNING: "Somebody takes over already",
    TakeoverAnswer.OVER: "There is nothing to take over",
    TakeoverAnswer.CHANGED: "Something has changed since the question",
}
REPLIES: dict[str, tuple[str, Made]] = {
    **CLICKS,
    **{
        f"owner-{answer or 'gone'}".replace("_", "-"): (f"{words}.", partial(_on_it, answer))
        for answer, words in OWNED.items()
    },
    "not-allowed": (
        "Somebody who may not decide.",
        lambda: decisions.not_allowed(why="Only approvers can do this.", listed=["U0ANN"]),
    ),
    "proposal": (
        "`/tipo drift`, one mismatch: what each choice writes.",
        lambda: proposals.proposal(proposal=FIXES[0]),
    ),
    "number": (
        "The form for a number of your own.",
        lambda: review.number_modal(proposal=FIXES[4], private_metadata=""),
    ),
    "bulk": (
        "[Same choice for all…]: which numbers, and who is left out.",
        lambda: bulk.bulk_modal(
            previews=[PREVIEW, LOWER], proposals=FIXES, source=EU, private_metadata=""
        ),
    ),
    "bulk-preview": (
        "Its preview: nothing is written before [Confirm].",
        lambda: bulk.preview_modal(preview=PREVIEW, source=EU, apart=0, private_metadata=""),
    ),
    "report-thread": (
        "The thread of a report with more than twelve products: each with its cause.",
        lambda: _post("report_thread", {"report": 3}, Lookup(report=REPORT, proposals=DECIDED)),
    ),
    "check-running": (
        "`/tipo check`: how far it has come.",
        lambda: modes.progress(
            report=replace(REPORT, state=ReportState.READING, progress={EU: "12 of 15 read again"}),
            promise="The result comes here.",
        ),
    ),
    "check": (
        "`/tipo check`: what came of it, for the person who asked.",
        lambda: _post("answer", {"report": 3}, Lookup(report=replace(REPORT, summary=CHECKED))),
    ),
    "check-report": (
        "Its report in the channel, as the night's.",
        lambda: reports.report(
            report=replace(REPORT, kind=ReportKind.CHECK, by="ann"), proposals=FIXES[:1]
        ),
    ),
    "check-in-sync": (
        "The same when all is well.",
        lambda: reports.answer(report=replace(REPORT, kind=ReportKind.CHECK, open=0, counts={})),
    ),
    "report-in-sync": (
        "A night without mismatches.",
        lambda: reports.report(report=replace(REPORT, open=0, safe=0, counts={}), proposals=()),
    ),
    "report-failed": (
        "A comparison that couldn't be made.",
        lambda: reports.report(
            report=replace(REPORT, state=ReportState.FAILED, why_failed="US did not answer"),
            proposals=(),
        ),
    ),
    "report-outdated": (
        "A report after a newer one.",
        lambda: reports.report(report=replace(REPORT, newer=4), proposals=()),
    ),
    "drift": (
        "`/tipo drift`: the open mismatches, without comparing.",
        lambda: reports.report(report=replace(REPORT, kind=ReportKind.DRIFT), proposals=FIXES),
    ),
    "preflight-refused": (
        "`/tipo mode two-way` when the comparison failed: nothing changes.",
        lambda: modes.preflight(
            report=replace(PREFLIGHT, state=ReportState.FAILED, why_failed="US did not answer"),
            proposal=None,
        ),
    ),
    "pack": (
        "`/tipo pack`: each number now and then.",
        lambda: packs.pack_question(proposal=PACK),
    ),
    "undo": (
        "`/tipo undo`: what it would write.",
        lambda: proposals.undo_question(proposal=UNDO),
    ),
    "receipt-posted": (
        "A receipt in the channel.",
        lambda: _post("receipt", {"receipt": 7}, Lookup(receipts=(RECEIPT,))),
    ),
    "mode-now": (
        "`/tipo mode`: how the stores are connected.",
        lambda: state.mode_now(overview=OVERVIEW, share="mode"),
    ),
    "takeover": (
        "`/tipo takeover`: what it means comes first.",
        lambda: lease.takeover_question(asked=[FOREIGN, OLDER]),
    ),
    **{
        f"takeover-{answer}": (
            f"{words}.",
            partial(
                lambda a: lease.takeover_said(found=a),
                Takeover(answer=answer, stores=(US,), by="bob"),
            ),
        )
        for answer, words in TAKEOVERS.items()
    },
    "stopped-products": (
        "The thread of a safety stop: its products.",
        lambda: _post("stopped", {"subject": "s"}, Lookup(stopped=(23, STOPPED))),
    ),
    "thread": ("The thread of an alert: each step.", lambda: unsynced("thread")),
    "activity-thread": (
        "The thread of a group of changes: each of them.",
        lambda: sales("activity_thread"),
    ),
    "day": (
        "`/tipo alerts digest`: what a day brought.",
        lambda: _post(
            "summary",
            {
                "stores": {
                    EU: {
                        "acts": {"sold": 84, "restocked": 120, "changed": 3},
                        "products": [*range(31)],
                    },
                    US: {"acts": {"sold": 112, "refunded": 4}, "products": [*range(46)]},
                }
            },
        ),
    ),
    "digest": ("The day's notes, in one message.", lambda: _several("digest")),
    "quiet-hours": ("What came in quiet hours.", lambda: _several("quiet")),
    "reminder-of-several": (
        "A reminder of several critical alerts.",
        lambda: _several("reminder"),
    ),
    "more": ("More than 20 alerts within an hour.", lambda: _several("more")),
    "more-critical": ("The same of critical ones.", lambda: _several("critical")),
    "settings-saved": (
        "The answer to the settings form.",
        lambda: settings.settings_saved(
            settings=SETTINGS, changed=["quiet", "approvers"], zone="Europe/Berlin"
        ),
    ),
    "no-product": (
        "A search without a hit.",
        lambda: answers.no_product(words="dinem", nearest=("drift", "pause"), close=False),
    ),
    "slip": (
        "A mistyped command.",
        lambda: answers.no_product(words="statsu", nearest=("status",), close=True),
    ),
    "refused": (
        "A command that can't be applied.",
        lambda: answers.refused(sentence="there is no receipt 12"),
    ),
    "trouble": (
        "Something doesn't work: the number leads to the log.",
        lambda: answers.trouble(sentence="That did not work. Please pass on the number 4be1f09c."),
    ),
    "said": (
        "An answer in a sentence.",
        lambda: answers.said(sentence="No product is set to packs.", share="again"),
    ),
    "paused": ("`/tipo pause`.", lambda: answers.paused(by="U0ANN")),
    "resumed": ("`/tipo resume`.", lambda: answers.resumed(by="U0ANN")),
    "buffer": (
        "`/tipo buffer SFDJ-M 2 us`.",
        lambda: answers.buffer_done(levels=1, units=2, alias=US, product=JACKET),
    ),
    "approvers": ("`/tipo approvers`.", lambda: answers.approvers(listed=["U0ANN"])),
    "quiet": (
        "`/tipo quiet 22:00-07:00`.",
        lambda: answers.quiet(start="22:00", end="07:00", zone="Europe/Berlin"),
    ),
    "alerts": ("`/tipo alerts digest`.", lambda: answers.alerts(level="digest")),
}
