"""Values as large and as nasty as they come, and every builder called with them."""

from datetime import UTC, datetime, time, timedelta

from hypothesis import strategies as st

from bot.incidents.ownership import OwnershipAnswer
from bot.messages import (
    answers,
    bulk,
    decisions,
    history,
    home,
    incident_texts,
    incidents,
    location_groups,
    modes,
    packs,
    posts,
    proposals,
    reports,
    review,
    settings,
    shadow,
    state,
    stock,
    unmatched,
)
from bot.messages.ownership import ownership_answer
from bot.policy import AlertPolicy
from bot.preferences import NAMES, BotSettings
from sync_core.domain.bulk_decisions import FOR_ALL, BulkPreview, ChangeTotals
from sync_core.domain.leases import LeaseState, LeaseView
from sync_core.domain.location_groups import LocationGroup
from sync_core.domain.proposals import (
    Answer,
    Choice,
    Clicked,
    DecisionResult,
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
from sync_core.domain.shadow import APART_KINDS, WRONG_KINDS
from sync_core.domain.values import Mode, Role
from sync_core.domain.views import (
    CircuitBreakerView,
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
NASTY = [
    "Slim Fit Denim Jacket",
    "x" * 300,
    "<!channel> <!here> <@U0EVIL> <https://evil.example|Approve>",
    "*bold* _it_ ~no~ `code` ```block```",
    "line\nline\r\n\ttab\x00\x1b[31m\u2028end",
    "\u202eevil\u202c \u200fאבג \u05d0" * 20,
    "مرحبا بالعالم " * 30,
    "👩‍👩‍👧‍👦🏳️‍🌈" * 60,
    "Z̸̛̺͚̤͍̝̰̒̆a̷" * 30,
    "&lt;!channel&gt; & < >",
    "",
    "   ",
    "\ud800 half",
    "a|b^c",
]
words = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=320), st.lists(st.sampled_from(NASTY)).map(" ".join)
)
ANN = Person(team="T1", id="U0ANN", name="ann")


ADMIN_PAGE = "https://admin.shopify.com/store/{store}/orders/8"
LEASES = [
    lambda store, _text: LeaseView(store=store, state=LeaseState.OURS, since=NOW),
    lambda store, text: LeaseView(
        store=store, state=LeaseState.TAKING_OVER, since=NOW, by=text, reason=LeaseState.OLDER
    ),
    lambda store, _text: LeaseView(store=store, state=LeaseState.OLDER, since=NOW),
    lambda store, _text: LeaseView(store=store, state=LeaseState.UNKNOWN),
    lambda store, _text: LeaseView(store=store, state=LeaseState.FOREIGN, since=NOW),
]


def alias(n):
    return f"store-{n}"


def store(n, text, **given):
    facts = {
        "alias": alias(n),
        "domain": f"{alias(n)}.myshopify.com",
        "role": Role.DESTINATION if n else Role.SOURCE,
        "mode": Mode.TWO_WAY if n else None,
        "levels": 1204,
        "baselined": 1200,
        "due": 0,
        "refreshes": 0,
        "suspended": 4,
        "open": 0,
        "last_delivery_at": NOW - timedelta(seconds=4),
        "blocked_why": text if n % 2 else None,
        "lease": LEASES[n % len(LEASES)](alias(n), text),
        "seconds_p50": 0.4,
        "seconds_p95": 1.3,
    }
    return StoreView(**{**facts, **given})


def overview(n, text, **given):
    facts = {
        "stores": tuple(store(each, text) for each in range(n)),
        "pools": 1204,
        "agreed": 1200,
        "differing": 3,
        "oversold": 1,
        "findings": n,
        "unhandled": n,
        "oldest_unhandled_at": NOW if n else None,
        "paused": text if n % 2 else None,
        "serving_at": NOW,
    }
    return Overview(**{**facts, **given})


def level(n, text, **given):
    facts = {
        "id": n + 1,
        "store": alias(n),
        "item": 7,
        "location": 9,
        "location_group": text,
        "mode": Mode.TWO_WAY,
        "book": 45,
        "shows": 45 if n else None,
        "outstanding": n,
        "baselined": True,
        "suspended": ["untracked", text, None][n % 3],
        "open_delta": -5 if n % 2 else None,
        "awaits_refresh": False,
        "sku": text,
        "page": f"https://admin.shopify.com/store/{alias(n)}/products/8",
    }
    return LevelView(**{**facts, **given})


def pool(n, text, levels=2, **given):
    facts = {
        "id": n + 1,
        "title": text,
        "handle": text,
        "location_group": text,
        "shared": [45, None, -3][n % 3],
        "moved_at": NOW,
        "levels": tuple(level(each, text) for each in range(levels)),
    }
    return PoolView(**{**facts, **given})


def entry(n, text):
    kind = ["movement", "adjustment", "decision", text][n % 4]
    state_ = ["settled", "not counted", text][n % 3]
    cause = ["order #1002", "restock or edit", text][n % 3]
    shared = 45 if n % 2 else None
    return HistoryEntry(
        at=NOW, store=alias(0), kind=kind, delta=-n, shared=shared, state=state_, cause=cause
    )


def option(choice, text):
    writes = tuple(Write(store=alias(n), before=None, after=45) for n in range(3))
    return Option(choice=choice, words=text, target=45, writes=writes)


def proposal(n, text, **given):
    facts = {
        "id": n + 1,
        "token": "AbC" * 7,
        "kind": ProposalKind.FIX,
        "subject": ["differs", "missed_change", text][n % 3],
        "title": text,
        "facts": {"store": text, "shows": 47, "should_show": 45, "cause": text},
        "options": tuple(option(each, text) for each in Choice),
        "recommended": Choice.USE_LOWER,
        "opened_at": NOW,
        "expires_at": NOW + timedelta(days=1),
    }
    return Proposal(**{**facts, **given})


def decided(n, text, proposal_state):
    return proposal(
        n,
        text,
        state=proposal_state,
        choice=Choice.KEEP,
        by=ANN,
        decided_at=NOW,
        receipt=4,
        result=DecisionResult(why=text),
    )


def report(n, text, **given):
    facts = {
        "id": 3,
        "token": "TOKEN" * 4,
        "kind": ReportKind.NIGHT,
        "state": ReportState.DONE,
        "by": "",
        "facts": ReportFacts(mode="two-way", alias=text),
        "progress": {alias(each): text for each in range(min(n, 300))},
        "summary": {"match": 1204, "differ": n, "missing": n, "units": n, "compared": n},
        "worst": tuple(
            Worst(title=text, store=alias(each), shows=None, should_show=3) for each in range(n)
        ),
        "counts": {f"kind {each} {text}": each for each in range(min(n, 300))},
        "open": n,
        "safe": n // 2,
        "wanted_at": NOW,
        "finished_at": NOW,
    }
    return Report(**{**facts, **given})


def shadow_body(n, text):
    write = {"store": text, "before": -n, "after": n}
    line = {"at": NOW.isoformat(), "title": text, "store": text, "delta": -n, "cause": text}
    return {
        "by": text,
        "since": NOW.isoformat(),
        "at": NOW.isoformat(),
        "changes": n,
        "wrong": dict.fromkeys(WRONG_KINDS, n),
        "apart": {**dict.fromkeys(APART_KINDS, n), text: n},
        "latest": [{**line, "writes": [write] * min(n, 300)}] * min(n, 5),
    }


def receipt(n, text, **given):
    lines = tuple(
        ReceiptLine(title=text, choice=Choice.USE_SOURCE, done=bool(i % 3), why=text, moved=i)
        for i in range(n)
    )
    facts = {"id": 7, "kind": ProposalKind.FIX, "by": ANN, "rule": text, "at": NOW}
    return Receipt(**{**facts, "running": False, "lines": lines, **given})


OWNER = {"id": "U0ANN", "name": "ann", "since": NOW.isoformat()}

SNOOZED = {"by": "U0ANN", "name": "ann", "until": (NOW + timedelta(hours=1)).isoformat()}


def orders_of(n, text):
    """Return the orders of an oversell, as they are told now and as they were told before."""
    page = ADMIN_PAGE.format(store=alias(0)) if n % 2 else ""
    orders = [{"store": text, "name": text, "page": page}] * n
    return {"acts": [text] * 3} if n == 1 else {"orders": orders}


def story(n, text, **given):
    rows = [[f"level:{i}", text, text] for i in range(min(n, 12))]
    facts = {
        "kind": "suspended",
        "severity": "warning",
        "subject": "level:1",
        "store": text,
        "facts": {"title": text, "store": text, "why": text, "units": 2, **orders_of(n, text)},
        "opened": (NOW - timedelta(hours=5)).isoformat(),
        "changed": NOW.isoformat(),
        "over": None,
        "open": {f"level:{i}": "" for i in range(n)},
        "seen": n,
        "rows": rows,
        "notices": n,
    }
    return {**facts, **given}


def places_of(n, text):
    return tuple(
        LocationGroup(id=i + 1, name=text, locations={alias(0): 1000 + i, alias(1): i})
        for i in range(n)
    )


def locations(n, text):
    return {alias(s): [(i, text) for i in range(min(n, 1000))] for s in range(2)}


def post(kind, body, key="k"):
    return Post(key=key, channel="C1", kind=kind, body=body, due_at=NOW, version=3)


def activity_body(n, text):
    return {
        "store": text,
        "others": [text] * min(n, 9),
        "begun": NOW.isoformat(),
        "until": (NOW + timedelta(minutes=3)).isoformat(),
        "acts": {"sold": n, "restocked": 3},
        "products": list(range(min(n, 5000))),
        "movements": n,
        "followed": bool(n % 2),
        "title": text,
        "cause": text,
    }


def rendered(kind, body, **found):
    return posts.render(post(kind, body), posts.Lookup(**found), NOW)


def incident(kind, n, text, **given):
    return incidents.incident(body=story(n, text, kind=kind, **given), now=NOW)


def help_section(n, text):
    return answers.HelpSection(title=text, rows=[(text, text)] * n, buttons=[(text, text)])


def bot_settings(n, text):
    return BotSettings(
        approvers=("U0A", "S0B", text) * n,
        quiet=(time(22), time(7)) if n % 2 else None,
        set_by=dict.fromkeys(NAMES, text) if n else {},
        named_by_environment=("U0A",) * n,
    )


STORY_KINDS = [*incident_texts.INCIDENT_TEXTS, "something_new"]
MESSAGES = {
    "welcome": lambda n, t: answers.welcome(alerts=t if n % 2 else "C1", here="C2"),
    "welcome to the alerts": lambda _, t: answers.welcome(alerts=t, here=t),
    "settings saved": lambda n, t: settings.settings_saved(
        settings=bot_settings(n, t), changed=["quiet", "approvers"], zone=t
    ),
    "products of a message": lambda n, t: stock.stock_choice(
        pools=[pool(i, t, 0) for i in range(n + 1)], words=""
    ),
    "help": lambda n, t: answers.help_message(
        sections=[answers.HelpSection(title=t, rows=[(t, t)] * n, buttons=[(t, t)])]
    ),
    "no product": lambda n, t: answers.no_product(words=t, nearest=[t] * min(n, 2), close=n == 1),
    "trouble": lambda n, t: answers.trouble(sentence=f"{t} did not work."),
    "said": lambda n, t: answers.said(sentence=f"Now it is {t}.", share="again"),
    "paused": lambda n, t: answers.paused(by=t),
    "resumed": lambda n, t: answers.resumed(by=t),
    "buffer": lambda n, t: answers.buffer_done(levels=n, units=n, alias=t, product=t),
    "approvers": lambda n, t: answers.approvers(listed=["U0A", "S0B", t] * n),
    "quiet": lambda n, t: answers.quiet(start=t, end=t, zone=t),
    "alerts": lambda n, t: answers.alerts(level=t),
    "not allowed": lambda n, t: decisions.not_allowed(
        why=f"Not you, {t}.", listed=["U0A", f"no id: {t}"] * n
    ),
    **{
        f"clicked, {each}": lambda n, t, each=each: decisions.decision_answer(
            clicked=Clicked(
                answer=each,
                taken=n,
                by=ANN,
                at=NOW,
                receipt=n or None,
                report=n or None,
                proposal=decided(n, t, ProposalState.DONE) if n % 2 else None,
            )
        )
        for each in Answer
    },
    "status": lambda n, t: state.status(
        overview=overview(n, t),
        serving=bool(n),
        last_report=report(n, t),
        now=NOW,
        share="s",
        night=settings.night_line(bot_settings(n, t), t),
    ),
    "mode": lambda n, t: state.mode_now(overview=overview(min(n, 60), t), share="s"),
    "preflight": lambda n, t: modes.preflight(report=report(n, t), proposal=proposal(n, t)),
    "preflight settled": lambda n, t: modes.preflight(report=report(n, t), proposal=None),
    "progress": lambda n, t: modes.progress(report=report(n, t, state=ReportState.EXPORTING)),
    "stock": lambda n, t: stock.stock(
        pools=[pool(i, t, 1 + i % 9) for i in range(n)], now=NOW, total=n, share="s"
    ),
    "stock, many stores": lambda n, t: stock.stock(pools=[pool(0, t, n)], now=NOW),
    "stock choice": lambda n, t: stock.stock_choice(
        pools=[pool(i, t, 0) for i in range(n)], words=t
    ),
    "history": lambda n, t: history.history(
        pool=pool(n, t), entries=[entry(i, t) for i in range(n)], share="s"
    ),
    "places": lambda n, t: location_groups.location_groups(
        location_groups=places_of(n, t), locations=locations(n, t), free=locations(n, t), share="s"
    ),
    "unmatched": lambda n, t: unmatched.unmatched(
        total=n,
        rows=[
            Unmatched(
                store=alias(0),
                item=i,
                title=t,
                handle=t,
                sku=t,
                page="https://admin.shopify.com/store/eu/products/8",
                why=t or "no match in another store",
            )
            for i in range(min(n, 20))
        ],
        offset=n // 40 * 20,
        share="s",
    ),
    **{
        f"report, {kind}": lambda n, t, kind=kind: reports.report(
            report=report(n, t, kind=kind),
            proposals=[proposal(i, t) for i in range(min(n, 100))],
            receipts=[receipt(2, t)] * min(n, 30),
        )
        for kind in ReportKind
    },
    "details": lambda n, t: reports.details(
        report=report(n, t), proposals=[proposal(i, t) for i in range(min(n, 300))]
    ),
    "details, decided": lambda n, t: rendered(
        "report_thread",
        {"report": 3},
        report=report(n, t),
        proposals=tuple(decided(i, t, ProposalState.DONE) for i in range(max(13, min(n, 30)))),
    ),
    "shadow": lambda n, t: shadow.standing(body=shadow_body(n, t)),
    "shadow, over": lambda n, t: shadow.standing(body={**shadow_body(n, t), "over": True}),
    "report, in shadow": lambda n, t: reports.report(
        report=report(n, t, summary={"shadow": shadow_body(n, t)}),
        proposals=[proposal(i, t) for i in range(min(n, 100))],
    ),
    "report, running": lambda n, t: reports.report(
        report=report(n, t, state=ReportState.READING), proposals=[]
    ),
    "preflight failed": lambda n, t: modes.preflight(
        report=report(n, t, state=ReportState.FAILED, why_failed=t), proposal=None
    ),
    "preflight running": lambda n, t: modes.preflight(
        report=report(n, t, state=ReportState.COMPARING), proposal=None
    ),
    "receipt running": lambda n, t: proposals.receipt(receipt=receipt(n, t, running=True)),
    "receipt taken back": lambda n, t: proposals.receipt(receipt=receipt(n, t, undone_by=9)),
    "status, well": lambda n, t: state.status(
        overview=overview(
            2, t, stores=(store(0, t), store(2, t)), oversold=0, findings=0, paused=None
        ),
        serving=True,
        last_report=None,
        now=NOW,
    ),
    "status, on the way": lambda n, t: state.status(
        overview=overview(
            2,
            t,
            stores=(store(0, t, due=n + 1, seconds_p50=None, domain=t),),
            oversold=0,
            findings=0,
            paused=None,
        ),
        serving=True,
        last_report=None,
        now=NOW,
    ),
    "status, braked": lambda n, t: state.status(
        overview=overview(
            1,
            t,
            stores=(store(0, t),),
            breakers=(CircuitBreakerView(subject=t, store=t, pools=n, units=n, since=NOW),) * n,
        ),
        serving=True,
        last_report=None,
        now=NOW,
    ),
    "incident, brake asked": lambda n, t: incidents.incident(
        body=story(n, t, kind="circuit_breaker", facts={"rule": "moved", "investigated_by": t}),
        now=NOW,
        token=f"{n}",
    ),
    "report, failed": lambda n, t: reports.report(
        report=report(n, t, state=ReportState.FAILED, why_failed=t), proposals=[]
    ),
    "answer": lambda n, t: reports.answer(report=report(n, t)),
    "answer, failed": lambda n, t: reports.answer(
        report=report(n, t, state=ReportState.FAILED, why_failed=t)
    ),
    "answer, not all compared": lambda n, t: reports.answer(
        report=report(n, t, open=0, summary={"disbelieved": [t] * n, "unread": [t] * n})
    ),
    "answer, in sync": lambda n, t: reports.answer(report=report(n, t, open=0, summary={})),
    "report, replaced": lambda n, t: reports.report(
        report=report(n, t, newer=9), proposals=[], receipts=[receipt(n, t)]
    ),
    "report, decided": lambda n, t: reports.report(
        report=report(n, t, open=0, safe=0, decided=n), proposals=[], receipts=[receipt(n, t)]
    ),
    **{
        f"proposal, {each}": lambda n, t, each=each: proposals.proposal(
            proposal=decided(n, t, each) if each is not ProposalState.OPEN else proposal(n, t)
        )
        for each in ProposalState
    },
    "pack": lambda n, t: packs.pack_question(
        proposal=proposal(
            n,
            t,
            kind=ProposalKind.PACK,
            facts={
                "pack": n,
                "lines": [
                    {"title": t, "place": t, "store": t, "shows": n, "expected": n, "what": what}
                    for what in ("write", "fits", "differs", "off")
                ],
            },
        )
    ),
    "undo": lambda n, t: proposals.undo_question(proposal=proposal(n, t, kind=ProposalKind.UNDO)),
    "receipt": lambda n, t: proposals.receipt(receipt=receipt(n, t), share="s"),
    "brake": lambda n, t: incident(
        "circuit_breaker", n, t, facts={"store": t, "pools": n}, severity="critical"
    ),
    "incident, owned": lambda n, t: incident(
        "oversold", n, t, severity="critical", owner=OWNER | {"name": t}
    ),
    "incident, owned by name": lambda n, t: incident(
        "oversold", n, t, severity="critical", owner=OWNER | {"name": t, "id": ""}, hushed=True
    ),
    "incident, calls": lambda n, t: incident(
        "oversold", n, t, severity="critical", mentions=[t, "U0ANN", "S0STOCK"] * min(n, 30)
    ),
    "incident, snoozed": lambda n, t: incident(
        "oversold",
        n,
        t,
        severity="critical",
        snoozed=SNOOZED | {"name": t},
    ),
    **{
        f"click on an incident, {answer}": lambda n, t, answer=answer: ownership_answer(
            answer=answer,
            body=story(n, t, owner=OWNER | {"name": t}, snoozed=SNOOZED | {"name": t}),
            user=f"U{n}",
        )
        for answer in (*OwnershipAnswer, None)
    },
    **{f"incident, {k}": lambda n, t, k=k: incident(k, n, t) for k in STORY_KINDS},
    **{
        f"incident over, {k}": lambda n, t, k=k: incident(k, n, t, over=NOW.isoformat())
        for k in STORY_KINDS
    },
    "incident, worse": lambda n, t: incident("store_blocked", n, t, moved="incident:9"),
    "incident, pool": lambda n, t: incident("oversold", n, t, subject="pool:7"),
    **{
        f"summary, {kind}": lambda n, t, kind=kind: rendered(
            kind, {"lines": {f"{i}": story(i % 3, t) for i in range(min(n, 200))}, "left": n}
        )
        for kind in ("quiet", "more", "critical", "digest", "reminder")
    },
    "thread": lambda n, t: rendered("thread", {"rows": [[NOW.isoformat(), t, t]] * min(n, 40)}),
    "activity": lambda n, t: rendered("activity", activity_body(n, t)),
    "activity thread": lambda n, t: rendered(
        "activity_thread", {"rows": [[NOW.isoformat(), t, -5, t, 1]] * min(n, 40)}
    ),
    "day": lambda n, t: rendered(
        "summary", {"stores": {f"{t}{i}": activity_body(i, t) for i in range(min(n, 300))}}
    ),
    "post of a report": lambda n, t: rendered(
        "report", {"report": 3}, report=report(n, t), proposals=(proposal(n, t),)
    ),
    "post of a preflight": lambda n, t: rendered(
        "report", {"report": 3}, report=report(n, t, kind=ReportKind.PREFLIGHT)
    ),
    "post of a receipt": lambda n, t: rendered(
        "receipt", {"receipt": 3}, receipts=(receipt(max(n, 1), t),)
    ),
    "post of what is gone": lambda n, t: rendered("report", {"report": 3}),
}


def preview(n, title, choice=Choice.USE_LOWER):
    """What a choice would do to so many products, some of which would go to 0."""
    changes = {
        alias(each): ChangeTotals(ups=n, up=3 * n, downs=1, down=n) for each in range(min(n, 30))
    }
    zeros = n // 2
    return BulkPreview(
        choice=choice,
        taken=n,
        cannot=n,
        without=n,
        zeros=zeros,
        empty=(title,) * min(zeros, 20),
        upto=n,
        stores=frozenset({title}),
        changes=changes,
        emptied=changes if zeros else {},
    )


VIEWS = {
    "settings": lambda n, t: settings.settings_modal(
        settings=bot_settings(n, t), zone=t, private_metadata="{}"
    ),
    "places": lambda n, t: location_groups.location_groups_modal(
        location_groups=places_of(n, t), locations=locations(n, t), private_metadata="{}"
    ),
    "places, page 2": lambda n, t: location_groups.location_groups_modal(
        location_groups=places_of(n, t),
        locations=locations(min(n, 150), t),
        private_metadata="",
        offset=19,
    ),
    "review": lambda n, t: review.review_modal(
        report=report(n, t),
        total=n,
        proposals=[proposal(i, t) for i in range(min(n, 20))],
        offset=0,
        chosen={1: review.Picked(Choice.USE_NUMBER, 47), 2: review.Picked(Choice.KEEP)},
        rest=review.SUGGESTED,
        labels=bulk.labels({t}, "eu"),
        notice=review.enter_first([t]),
        private_metadata="{}",
    ),
    "review with a choice for the rest": lambda n, t: review.review_modal(
        report=report(n, t),
        total=n,
        proposals=[proposal(i, t) for i in range(min(n, 20))],
        offset=0,
        chosen={1: review.Picked(None)},
        rest=Choice.USE_LOWER,
        labels=bulk.labels({t}, "eu"),
        private_metadata="{}",
    ),
    "bulk": lambda n, t: bulk.bulk_modal(
        previews=[preview(n, t, each) for each in FOR_ALL],
        proposals=[proposal(i, t) for i in range(min(n, 120))],
        source="eu",
        private_metadata="{}",
    ),
    "bulk preview": lambda n, t: bulk.preview_modal(
        preview=preview(n, t), source=t, apart=n // 3, private_metadata="{}"
    ),
    "number": lambda n, t: review.number_modal(proposal=proposal(n, t), private_metadata="tok"),
    "home": lambda n, t: home.home(
        overview=overview(n, t),
        hours=hours(min(n, 24), n),
        reports=[report(n, t)] * min(n, 9),
        now=NOW,
        settings=settings.setting_lines(bot_settings(n, t), t),
        is_approver=bool(n % 2),
    ),
    "home without charts": lambda n, t: home.home(
        overview=overview(n, t),
        hours=hours(min(n, 24), n),
        reports=[],
        now=NOW,
        is_approver=True,
        chart=False,
    ),
}


def hours(count, stores):
    start = NOW.replace(minute=0) - timedelta(hours=23)
    units = {alias(each): 7 + each for each in range(min(stores, 30))}
    return [HourlyMovement(at=start + timedelta(hours=each), units=units) for each in range(count)]


def notice(n, kind="suspended", subject=None, at=NOW, **given):
    facts = {
        "id": n,
        "kind": kind,
        "subject": subject or f"level:{n}",
        "severity": "warning",
        "facts": {"title": "Slim Fit Denim Jacket", "store": "eu", "why": "untracked"},
        "resolved": False,
        "at": at,
    }
    return Notification(**{**facts, **given})


def moved(n, at=NOW, **given):
    facts = {
        "id": n,
        "at": at,
        "pool": 1,
        "title": "Slim Fit Denim Jacket",
        "store": "us",
        "delta": -5,
        "counted": -5,
        "cause": "order #1002",
    }
    return MovementView(**{**facts, **given})


POLICY = AlertPolicy(channel="C1", stores=("eu", "us"))
