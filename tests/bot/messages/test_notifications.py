"""Notices become posts: once each, whatever the batches; quiet where people would stop reading."""

from dataclasses import replace
from datetime import time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import notifications
from bot.incidents.ledger import thread_key
from bot.incidents.report_posts import ReportOffer
from bot.messages import posts as said
from bot.notifications import LEDGER, QuietHours
from sync_core.domain.proposals import Choice, ReceiptLine
from sync_core.domain.views import NEVER_DUE
from tests.bot.messages.conftest import NOW, POLICY, notice, proposal, receipt
from tests.bot.messages.conftest import post as post_of
from tests.bot.messages.conftest import report as one_report
from tests.bot.messages.test_builders import check_message

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


class Kept:
    """Posts as the core keeps them: seen if the ledger asks for them, versions go up by one."""

    def __init__(self, policy=POLICY):
        self.posts = {}
        self.policy = policy

    def seen(self, arrived=()):
        tx = self.posts.get(LEDGER)
        wanted = [LEDGER, *notifications.needed_posts(tx, arrived)]
        return {key: self.posts[key] for key in wanted if key in self.posts}

    def fold(self, *arrived, now=NOW):
        return self.keep(
            notifications.aggregate_notifications(
                self.seen(arrived), arrived, now=now, policy=self.policy
            )
        )

    def remind(self, now):
        return self.keep(notifications.remind(self.seen(), now=now, policy=self.policy))

    def redraw(self, standings, now):
        return self.keep(
            notifications.update_reports(self.seen(), standings, now=now, policy=self.policy)
        )

    def unsent_posts(self):
        due = [each for each in self.posts.values() if each.sent < each.version]
        return [each.key for each in due if each.due_at != NEVER_DUE]

    def keep(self, changed):
        for post in changed:
            old = self.posts.get(post.key)
            assert post.version == (old.version + 1 if old else 1)
            self.posts[post.key] = post
        return [each for each in changed if each.key != LEDGER]

    def send(self, now):
        """Slack gets all that is due."""
        for key, post in self.posts.items():
            if post.due_at <= now and post.sent < post.version:
                self.posts[key] = replace(post, sent=post.version, ts=post.ts or f"{len(key)}.1")

    def told(self, now=NEVER_DUE - SECOND):
        """Return what is or will be said, in order, without threads."""
        due = [each for each in self.posts.values() if each.due_at <= now and not each.parent]
        return sorted(due, key=lambda each: each.due_at)

    def counted(self):
        top = [each for each in self.posts.values() if not each.parent and each.key != LEDGER]
        return sum(each.body.get("notices", 0) for each in top) + self.book["strays"]

    @property
    def book(self):
        return self.posts[LEDGER].body

    def words(self, key):
        return said.render(self.posts[key], said.NOTHING_FOUND, NOW).text


KINDS = [
    "suspended",
    "conflict",
    "unreachable",
    "store_blocked",
    "oversold",
    "renamed",
    "mode",
    "paused",
]
CRITICAL = {"unreachable", "store_blocked", "oversold"}
events = st.lists(
    st.tuples(
        st.sampled_from([*KINDS, "something_new", "report", "decided"]),
        st.integers(1, 4),
        st.sampled_from(["eu", "us"]),
        st.booleans(),
        st.integers(0, 4000),
        st.sampled_from(["info", "warning", "critical"]),
    ),
    max_size=60,
)


def told_of(number, event, at):
    kind, subject, store, resolved, _, severity = event
    if kind in {"report", "decided"}:
        facts = {"report": subject, "receipt": number, "kind": "night"}
        return notice(number, kind, f"report:{subject}", at=at, facts=facts, severity="info")
    names = {"oversold": f"pool:{subject}", "suspended": f"level:{subject}"}
    worst = {"store_blocked": "critical", "oversold": "critical", "renamed": "info"}.get(
        kind, severity
    )
    facts = {"store": store, "title": "Jacket", "why": f"reason {number % 3}"}
    about = names.get(kind, f"store:{store}" if subject % 2 else f"item:{store}:{subject}")
    worst = "info" if resolved else worst
    return notice(number, kind, about, at=at, resolved=resolved, severity=worst, facts=facts)


def notices_of(events):
    at = NOW
    for number, event in enumerate(events, start=1):
        at += event[4] * SECOND
        yield told_of(number, event, at)


policies = st.builds(
    replace,
    st.just(POLICY),
    level=st.sampled_from(["all", "digest", "problems"]),
    quiet=st.sampled_from([None, QuietHours(start=time(22), end=time(7))]),
    per_hour=st.sampled_from([1, 3, 20]),
    zone=st.sampled_from(["UTC", "Europe/Berlin"]),
)


@settings(max_examples=100)  # each is a night of news
@given(events=events, policy=policies, cuts=st.lists(st.integers(1, 7), min_size=1, max_size=40))
def test_it_does_not_matter_where_a_process_was_killed(events, policy, cuts):
    """After a restart the same posts stand there, each notice in exactly one of them."""
    arrived = list(notices_of(events))
    whole, parts = Kept(policy), Kept(policy)
    whole.fold(*arrived)
    left = list(arrived)
    for size in cuts * 60:
        if not left:
            break
        parts.fold(*left[:size])
        left = left[size:]
    alike = [
        {key: (each.body, each.due_at, each.parent) for key, each in kept.posts.items()}
        for kept in (whole, parts)
    ]
    assert alike[0] == alike[1]
    if arrived:
        assert whole.counted() == len(arrived)


@given(events=events, policy=policies)
def test_what_was_folded_before_changes_nothing(events, policy):
    """A page that is folded twice must not be told twice."""
    arrived = list(notices_of(events))
    kept = Kept(policy)
    kept.fold(*arrived)
    if arrived:
        assert kept.fold(*arrived) == []


@settings(max_examples=40)  # each draws dozens of messages
@given(events=events, policy=policies, sends=st.lists(st.booleans(), min_size=60, max_size=60))
def test_every_post_can_be_said(events, policy, sends):
    """Whatever Slack had got by then: each post renders within Slack's limits."""
    kept = Kept(policy)
    for sent, each in zip(sends, notices_of(events), strict=False):
        kept.fold(each, now=each.at)
        if sent:
            kept.send(each.at)
    for post in kept.posts.values():
        if post.key != LEDGER:
            message = said.render(post, said.NOTHING_FOUND, NOW)
            if message is None:  # of a decision or of details, when there are none
                assert post.kind in {"receipt", "report_thread"}
            else:
                check_message(message)
    if events:
        assert kept.counted() == len(events)


def oversold(number=1, at=NOW, *, resolved=False, **facts):
    given_ = {"title": "Slim Fit Denim Jacket", "units": 1, **facts}
    severity = "info" if resolved else "critical"
    return notice(
        number, "oversold", "pool:7", at=at, facts=given_, severity=severity, resolved=resolved
    )


def held(number=1, at=NOW, *, resolved=False):
    facts = {"store": "eu", "why": "the token is withdrawn"}
    severity = "info" if resolved else "critical"
    return notice(
        number,
        "store_blocked",
        "store:eu",
        at=at,
        resolved=resolved,
        facts=facts,
        severity=severity,
    )


def test_what_is_critical_is_said_at_once():
    kept = Kept()
    kept.fold(oversold())
    assert [(each.key, each.due_at) for each in kept.told()] == [("incident:1", NOW)]


def test_what_clears_within_thirty_seconds_is_never_said():
    """Nobody goes on reading a channel that cries wolf."""
    kept = Kept()
    kept.fold(notice(1))
    kept.fold(notice(2, subject="level:1", at=NOW + 29 * SECOND, resolved=True))
    assert kept.told() == []


def test_what_clears_later_is_resolved_in_its_own_message():
    kept = Kept()
    kept.fold(notice(1))
    kept.send(NOW + MINUTE)
    kept.fold(notice(2, subject="level:1", at=NOW + 12 * MINUTE, resolved=True))
    [post] = kept.told()
    assert (post.key, post.due_at) == ("incident:1", NOW + 12 * MINUTE + 15 * SECOND)
    assert kept.words("incident:1").startswith("Resolved after 12 min.")


def test_many_products_of_a_store_are_one_message_with_a_thread():
    """Twenty messages about one cause are nineteen too many."""
    kept = Kept()
    kept.fold(*(notice(n, at=NOW + n * SECOND) for n in range(1, 24)))
    assert [each.key for each in kept.told()] == ["incident:1"]
    assert kept.words("incident:1") == "Warning: 23 products in EU aren't being synced."
    assert len(kept.posts["incident:1/0"].body["rows"]) == 23
    assert kept.posts["incident:1/0"].parent == "incident:1"


def test_a_long_thread_goes_on_in_pages_and_ends():
    kept = Kept()
    kept.fold(*(notice(n) for n in range(1, 501)))
    pages = [each for each in kept.posts.values() if each.parent]
    assert len(pages) == 10
    assert {len(each.body["rows"]) for each in pages} == {40}
    assert kept.words("incident:1") == "Warning: 500 products in EU aren't being synced."


def test_updates_that_come_close_together_are_said_together():
    """Slack takes fifty updates a minute over all messages."""
    kept = Kept()
    kept.fold(notice(1))
    kept.send(NOW + MINUTE)
    first = NOW + 2 * MINUTE
    dues = []
    for n in range(2, 8):
        kept.fold(notice(n, at=first + (n - 2) * 10 * SECOND))
        dues.append(kept.posts["incident:1"].due_at - first)
    assert [each.total_seconds() for each in dues] == [15, 25, 35, 45, 45, 45]


def test_it_is_said_anew_only_when_it_opens_again():
    kept = Kept()
    kept.fold(oversold(1), oversold(2, NOW + MINUTE, units=2))
    assert [each.key for each in kept.told()] == ["incident:1"]
    assert "oversold by 2." in kept.words("incident:1")
    kept.fold(oversold(3, NOW + HOUR, resolved=True), oversold(4, NOW + 2 * HOUR))
    assert [each.key for each in kept.told()] == ["incident:1", "incident:4"]


def test_it_is_said_anew_when_it_gets_worse():
    kept = Kept()
    facts = {"store": "eu", "lost": "", "refused": "inventory_levels/update"}
    kept.fold(notice(1, "webhooks_gone", "store:eu", facts=facts))
    kept.send(NOW + MINUTE)
    worse = NOW + HOUR
    kept.fold(notice(2, "webhooks_gone", "store:eu", at=worse, facts=facts, severity="critical"))
    assert kept.posts["incident:2"].due_at == worse
    assert "see the newer message" in kept.words("incident:1")
    kept.fold(notice(3, "webhooks_gone", "store:eu", at=worse + HOUR, facts=facts, resolved=True))
    assert kept.words("incident:2").startswith("Resolved after 2 h")


def test_after_a_day_new_products_get_a_message_of_their_own():
    """Nobody sees a message of yesterday grow."""
    kept = Kept()
    later = NOW + 25 * HOUR
    kept.fold(notice(1), notice(2, at=later))
    assert [each.key for each in kept.told()] == ["incident:1", "incident:2"]
    kept.fold(notice(3, subject="level:1", at=later + HOUR, resolved=True))
    assert kept.posts["incident:1"].body["over"] is not None
    assert kept.posts["incident:2"].body["over"] is None


def test_a_store_that_is_down_silences_its_products():
    """One cause, one message; what is left when it is back is said then."""
    kept = Kept()
    kept.fold(
        held(), notice(2, at=NOW + MINUTE), notice(3, "conflict", "item:eu:9", at=NOW + MINUTE)
    )
    assert [each.key for each in kept.told()] == ["incident:1"]
    back = NOW + HOUR
    kept.fold(
        notice(4, subject="level:2", at=back - MINUTE, resolved=True), held(5, back, resolved=True)
    )
    assert [(each.key, each.due_at) for each in kept.told()] == [
        ("incident:1", NOW),
        ("incident:3", back + 30 * SECOND),
    ]


def test_what_ended_while_its_store_was_down_is_never_said():
    """Each notice comes alone, as on a quiet day: the ledger names all that has to be seen."""
    kept = Kept()
    for each in (
        held(),
        notice(2, at=NOW + MINUTE),
        notice(3, subject="level:2", at=NOW + 2 * MINUTE, resolved=True),
        held(4, NOW + HOUR, resolved=True),
    ):
        kept.fold(each)
    assert [each.key for each in kept.told()] == ["incident:1"]
    assert kept.book["down"] == {}


def test_another_store_is_not_silenced():
    kept = Kept()
    kept.fold(held(), notice(2, facts={"store": "us", "title": "Jacket", "why": "untracked"}))
    assert [each.key for each in kept.told()] == ["incident:1", "incident:2"]


QUIET = replace(POLICY, quiet=QuietHours(start=time(22), end=time(7)), zone="Europe/Berlin")
NIGHT = NOW.replace(hour=23)  # midnight in Berlin


def test_quiet_hours_put_off_what_can_wait_and_sum_it_up():
    kept = Kept(QUIET)
    kept.fold(
        notice(1, at=NIGHT),
        oversold(2, NIGHT + HOUR),
        notice(3, "conflict", "item:us:3", at=NIGHT + HOUR, facts={"store": "us"}),
        notice(4, subject="level:1", at=NIGHT + 2 * HOUR, resolved=True),
        now=NIGHT,
    )
    morning = NOW.replace(day=24, hour=6, minute=0)
    told = [(each.key, each.due_at) for each in kept.told()]
    assert told == [("incident:2", NIGHT + HOUR), ("quiet:2026-11-24T06:00", morning)]
    assert kept.words("quiet:2026-11-24T06:00") == ("During quiet hours: 2 incidents, 1 resolved.")


def test_what_gets_worse_in_quiet_hours_wakes_people():
    """It leaves the summary of the morning: nobody is told twice."""
    kept = Kept(QUIET)
    facts = {"store": "eu", "lost": "", "refused": "inventory_levels/update"}
    kept.fold(notice(1, "webhooks_gone", "store:eu", at=NIGHT, facts=facts), now=NIGHT)
    later = NIGHT + HOUR
    worse = notice(2, "webhooks_gone", "store:eu", at=later, facts=facts, severity="critical")
    kept.fold(worse, now=later)
    assert kept.posts["incident:2"].due_at == later
    assert [each.key for each in kept.told()] == ["incident:2"]
    assert kept.counted() == 2
    kept.fold(notice(3, at=later), now=later)
    assert [each.key for each in kept.told()] == ["incident:2", "quiet:2026-11-24T06:00"]


def test_a_store_that_is_down_for_two_reasons_is_back_when_both_are_over():
    kept = Kept()
    silent = notice(2, "unreachable", "store:eu", facts={"store": "eu"}, severity="critical")
    kept.fold(held(), silent, notice(3), notice(4))
    kept.fold(held(5, NOW + HOUR, resolved=True))
    assert kept.posts["incident:3"].due_at == NEVER_DUE
    kept.fold(replace(silent, id=6, resolved=True, at=NOW + 2 * HOUR))
    due = NOW + 2 * HOUR + 30 * SECOND
    assert [kept.posts[each].due_at for each in ("incident:3", "incident:3/0")] == [due, due]


def test_an_end_whose_beginning_nobody_heard_is_not_told():
    kept = Kept()
    assert kept.fold(notice(1, resolved=True)) == []
    assert kept.book["strays"] == 1


def test_an_hour_has_a_cap_and_one_message_for_the_rest():
    kept = Kept(replace(POLICY, per_hour=3))
    facts = [{"store": f"store-{n}", "title": "Jacket", "why": "untracked"} for n in range(30)]
    kept.fold(*(notice(n + 1, at=NOW + n * SECOND, facts=each) for n, each in enumerate(facts)))
    keys = [each.key for each in kept.told()]
    assert keys == ["incident:1", "incident:2", "incident:3", "more:2026-11-23T08"]
    assert kept.words(keys[-1]) == "Warning: 27 more incidents in this hour."


def test_severe_ones_have_a_cap_of_their_own():
    """Ten thousand oversold products are one catastrophe, not ten thousand messages."""
    kept = Kept(replace(POLICY, per_hour=3))
    facts = {"title": "Jacket", "units": 1}
    many = [
        notice(n, "oversold", f"pool:{n}", facts=facts, severity="critical") for n in range(1, 501)
    ]
    kept.fold(*many)
    assert len(kept.told()) == 4
    assert len(kept.posts["critical:2026-11-23T08"].body["lines"]) == 200
    assert kept.words("critical:2026-11-23T08") == "Critical: 497 more incidents in this hour."
    overs = [
        notice(500 + n, "oversold", f"pool:{n}", facts=facts, resolved=True, at=NOW + HOUR)
        for n in range(1, 501)
    ]
    kept.fold(*overs)
    assert kept.counted() == 1000
    assert kept.book["stories"] == {}


@pytest.mark.parametrize(
    ("level", "key"),
    [("all", "incident:1"), ("digest", "digest:2026-11-23T09"), ("problems", None)],
)
def test_mere_information_is_said_as_the_channel_wants(level, key):
    kept = Kept(replace(POLICY, level=level))
    kept.fold(notice(1, "renamed", "product:eu:1:x", severity="info"))
    assert [each.key for each in kept.told()] == ([key] if key else [])


def report(number, n, at=NOW, kind="night", **facts):
    given_ = {"report": n, "kind": kind, **facts}
    return notice(number, "report", f"report:{n}", at=at, facts=given_, severity="info")


def standing(**given):
    return notifications.ReportOffer(**given)


def test_a_reports_message_is_drawn_again_when_what_it_offers_has_changed():
    """A button must not stand there with nothing behind it, whatever took it away."""
    kept = Kept()
    kept.fold(report(1, 3))
    kept.redraw({"report:3": standing(open=5, safe=2)}, NOW)
    assert kept.posts["report:3"].version == 2, "it says the newest when its time comes"
    kept.send(NOW)
    kept.redraw({"report:3": standing(open=5, safe=2)}, NOW + HOUR)
    assert kept.unsent_posts() == []
    kept.redraw({"report:3": standing(open=4, safe=2)}, NOW + 2 * HOUR)
    assert kept.unsent_posts() == ["report:3"]


@pytest.mark.parametrize("first", [3, 4])
def test_an_outdated_report_links_to_the_latest_whichever_ended_first(first):
    """The one that was asked for later counts, and its buttons stay."""
    kept = Kept()
    kept.fold(report(1, first), report(2, 7 - first, NOW + HOUR))
    assert kept.posts["report:4/0"].parent == "report:4"
    kept.send(NOW + HOUR)
    latest = standing(open=5, safe=2)
    kept.redraw({"report:3": standing(newer=4), "report:4": latest}, NOW + HOUR)
    assert notifications.open_reports(kept.posts[notifications.LEDGER]) == [
        f"report:{first}",
        f"report:{7 - first}",
    ]
    kept.send(NOW + 2 * HOUR)
    link = "https://x.slack.com/archives/C1/p1"
    final = standing(newer=4, link=link, is_final=True)
    kept.redraw({"report:3": final, "report:4": latest}, NOW + 2 * HOUR)
    assert kept.unsent_posts() == ["report:3"]
    assert notifications.open_reports(kept.posts[notifications.LEDGER]) == ["report:4"]
    found = replace(one_report(1, "x"), newer=4)
    drawn = said.render(kept.posts["report:3"], said.Lookup(report=found), NOW)
    assert f"outdated, see the <{link}|latest report>." in drawn.text
    assert "actions" not in {each["type"] for each in drawn.blocks}
    kept.redraw({"report:4": None}, NOW + 3 * HOUR)
    assert notifications.open_reports(kept.posts[notifications.LEDGER]) == []


def test_what_an_older_tipo_remembered_is_looked_after():
    """An upgrade must not leave last night's buttons behind."""
    kept = Kept()
    kept.fold(report(1, 3))
    tx = kept.posts[notifications.LEDGER]
    body = {name: value for name, value in tx.body.items() if name != "reports"}
    kept.posts[notifications.LEDGER] = replace(tx, body={**body, "report": "report:3"})
    assert notifications.open_reports(kept.posts[notifications.LEDGER]) == ["report:3"]
    kept.redraw({"report:3": standing(open=1)}, NOW)
    assert kept.posts["report:3"].body["shown"]["open"] == 1


def test_a_decision_is_written_into_the_message_of_its_report():
    kept = Kept()
    kept.fold(report(1, 3))
    facts = {"receipt": 7, "report": 3, "kind": "fix"}
    kept.fold(notice(2, "decided", "receipt:7", at=NOW + MINUTE, facts=facts, severity="info"))
    assert [each.key for each in kept.told()] == ["report:3"]
    assert said.needs(kept.posts["report:3"]) == said.Needs(report=3, proposals=3, receipts=(7,))


def test_that_somebody_has_decided_is_said_within_seconds_and_its_outcome_at_once():
    """The click itself changes the message; this is for the case that it could not."""
    kept = Kept()
    kept.fold(report(1, 3))
    kept.send(NOW + 20 * HOUR)
    facts = {"receipt": 7, "report": 3, "kind": "fix"}
    clicked, done = NOW + MINUTE, NOW + 2 * MINUTE
    kept.fold(notice(2, "deciding", "receipt:7", at=clicked, facts=facts, severity="info"))
    assert kept.posts["report:3"].due_at == clicked + timedelta(seconds=3)
    kept.send(NOW + 20 * HOUR)
    kept.fold(notice(3, "decided", "receipt:7", at=done, facts=facts, severity="info"))
    assert kept.posts["report:3"].due_at == done
    assert said.needs(kept.posts["report:3"]).receipts == (7,)
    assert not any(key.startswith("receipt:") for key in kept.posts)


def test_a_brake_shows_who_decided_about_it():
    """Its message is what people look at: the buttons go, and the outcome follows at once."""
    kept = Kept()
    facts = {"store": "eu", "rule": "emptied", "pools": 23, "units": 412}
    kept.fold(
        notice(1, "circuit_breaker", "circuit_breaker:eu:1", facts=facts, severity="critical")
    )
    kept.send(NOW + 20 * HOUR)
    about = {"receipt": 7, "report": None, "kind": "brake", "about": "circuit_breaker:eu:1"}
    at = NOW + MINUTE
    kept.fold(notice(2, "deciding", "receipt:7", at=at, facts=about, severity="info"))
    assert said.needs(kept.posts["incident:1"]).receipts == (7,)
    kept.send(NOW + 20 * HOUR)
    kept.fold(
        notice(
            3,
            "circuit_breaker",
            "circuit_breaker:eu:1",
            at=at,
            facts=facts,
            resolved=True,
            severity="critical",
        )
    )
    assert kept.posts["incident:1"].due_at == at
    assert said.needs(kept.posts["incident:1"]) == said.Needs(receipts=(7,))


def test_a_decision_without_a_message_gets_its_own():
    kept = Kept()
    facts = {"receipt": 7, "report": None, "kind": "brake"}
    kept.fold(notice(1, "decided", "receipt:7", facts=facts, severity="info"))
    [post] = kept.told()
    assert said.needs(post) == said.Needs(receipts=(7,))


def test_a_brake_asks_its_question_and_says_how_it_ended():
    """Its buttons carry a token that the core gives; they go when it is decided."""
    kept = Kept()
    facts = {"store": "eu", "rule": "emptied", "pools": 23, "units": 412, "reached": {"us": 20}}
    begun = notice(1, "circuit_breaker", "circuit_breaker:eu:1", facts=facts, severity="critical")
    kept.fold(begun)
    [post] = kept.told()
    listed = kept.posts["incident:1/0"]
    assert post.due_at == listed.due_at == NOW + 3 * SECOND
    assert post.body["facts"]["reached"] == {"us": 20}
    assert (listed.parent, said.needs(listed).stopped) == (post.key, "circuit_breaker:eu:1")
    assert said.needs(post) == said.Needs(question=("circuit_breaker", "circuit_breaker:eu:1"))
    asked = said.Lookup(question=proposal(1, "x", token="a" * 16))
    buttons = [b for b in said.render(post, asked, NOW).blocks if b["type"] == "actions"]
    assert [each["value"] for each in buttons[0]["elements"]] == ["a" * 16] * 2
    kept.fold(
        replace(begun, id=2, resolved=True, facts={**facts, "ended": "released"}, at=NOW + HOUR)
    )
    assert kept.words("incident:1").startswith("Resolved after 1 h. The new numbers were applied.")
    assert said.needs(kept.posts["incident:1"]) == said.Needs()


def test_who_has_asked_is_answered_at_night_too():
    """Quiet hours are for those who sleep."""
    kept = Kept(QUIET)
    kept.fold(report(1, 3, NIGHT), report(2, 4, NIGHT, "check", reply="https://hooks"), now=NIGHT)
    dues = {each.key: each.due_at for each in kept.told()}
    assert dues == {"report:3": NOW.replace(day=24, hour=6, minute=0), "report:4": NIGHT}
    assert notifications.open_reports(kept.posts[notifications.LEDGER]) == ["report:3"]


def test_people_are_reminded_of_what_is_severe_and_open():
    kept = Kept()
    kept.fold(held(), oversold(2, NOW + HOUR), notice(3))
    assert notifications.next_reminder(kept.seen(), policy=POLICY) == NOW + 4 * HOUR
    assert kept.remind(NOW + 4 * HOUR - SECOND) == []
    [first] = kept.remind(NOW + 4 * HOUR)
    assert list(first.body["lines"]) == ["incident:1"]
    assert notifications.next_reminder(kept.seen(), policy=POLICY) == NOW + 5 * HOUR
    assert kept.remind(NOW + 4 * HOUR + SECOND) == []
    kept.fold(oversold(4, NOW + 5 * HOUR, resolved=True), held(5, NOW + 6 * HOUR, resolved=True))
    assert kept.remind(NOW + 30 * HOUR) == []
    assert notifications.next_reminder(kept.seen(), policy=POLICY) is None


def test_a_summary_of_an_hour_long_ago_is_not_written_twice():
    """A key that stands in the database already would stop the outbox for ever."""
    kept = Kept(replace(POLICY, per_hour=1))
    for n in range(1, 40):
        at = NOW + n * MINUTE / 2
        facts = {"store": f"store-{n}", "title": "Jacket", "why": "untracked"}
        kept.fold(notice(2 * n, subject="level:1", at=at, facts=facts))
        kept.send(at)
        kept.fold(notice(2 * n + 1, subject="level:1", at=at, facts=facts, resolved=True))
    assert kept.counted() == 78


SILENT = [Choice.DISMISS, Choice.INVESTIGATE, Choice.IGNORE, Choice.IGNORE_MONTH]


@pytest.mark.parametrize("choice", SILENT)
def test_a_decision_that_changes_no_stock_is_no_message(choice):
    """Whoever decided was answered; the message that asked says it, too."""
    line = ReceiptLine(title="Jacket", choice=choice, done=True, why="", moved=0)
    found = said.Lookup(receipts=(receipt(0, "rule", lines=(line,)),))
    assert said.render(post_of("receipt", {"receipt": 7}), found, NOW) is None


def test_a_change_of_mode_is_one_message_with_its_comparison():
    """Not three: that it was changed, who did it, and what the comparison has found."""
    kept = Kept()
    mode = {"mode": "two-way", "stores": "us", "by": "ann", "report": 5}
    kept.fold(notice(1, "mode", "mode", facts=mode, severity="info"))
    kept.send(NOW)
    kept.fold(
        notice(2, "decided", "receipt:9", facts={"receipt": 9, "kind": "mode"}, severity="info")
    )
    done = {"report": 5, "kind": "baseline", "by": "ann", "reply": None}
    kept.fold(notice(3, "report", "report:5", facts=done, severity="info"))
    (message,) = [each for each in kept.posts.values() if each.kind == "report"]
    assert message.body["mode_receipt"] == 9
    assert message.key in kept.posts[LEDGER].body["reports"]
    kinds = {each.kind for each in kept.posts.values() if each.due_at != NEVER_DUE}
    assert kinds == {"report", "report_thread"}


def test_an_initial_comparison_says_how_far_it_is_in_its_one_message():
    """It changes only where there is something else to say, and ends as the result."""
    kept = Kept()
    mode = {"mode": "two-way", "stores": "us", "by": "ann", "report": 5}
    kept.fold(notice(1, "mode", "mode", facts=mode, severity="info"))
    kept.send(NOW)
    (key,) = kept.posts[LEDGER].body["reports"]
    assert kept.redraw({key: ReportOffer(progress={})}, NOW) == []
    for seconds, words in ((10, "exporting: 1 of 9"), (20, "exporting: 1 of 9"), (30, "5 of 9")):
        at = NOW + timedelta(seconds=seconds)
        drawn = kept.redraw({key: ReportOffer(progress={"us": words})}, at)
        assert [each.key for each in drawn] == ([] if seconds == 20 else [key])
        kept.send(at)
    done = {"report": 5, "kind": "baseline", "by": "ann", "reply": None}
    kept.fold(notice(2, "report", "report:5", facts=done, severity="info"))
    assert kept.posts[LEDGER].body["reports"] == [key]
    assert thread_key(key, 0) in kept.posts
    assert [each.key for each in kept.redraw({key: ReportOffer(open=1)}, NOW)] == [key]


def test_what_an_outage_leaves_behind_is_not_told_if_it_passes():
    """Missed webhooks are no news right after a store was down: catching up is what it is for."""
    kept = Kept()
    down = {"store": "us", "since": (NOW - 2 * MINUTE).isoformat()}
    kept.fold(notice(1, "updates_failing", "store:us", facts={"store": "us"}, severity="warning"))
    kept.fold(notice(2, "unreachable", "store:us", facts=down, severity="critical"))
    at = NOW + 8 * MINUTE
    kept.send(at)
    kept.fold(notice(3, "unreachable", "store:us", at=at, resolved=True, severity="info"), now=at)
    kept.fold(
        notice(4, "updates_failing", "store:us", at=at, resolved=True, severity="info"), now=at
    )
    missed = {"store": "us", "levels": 12}
    kept.fold(
        notice(5, "webhooks_missed", "store:us", at=at, facts=missed, severity="warning"), now=at
    )
    later = at + 20 * MINUTE
    kept.fold(
        notice(6, "webhooks_missed", "store:us", at=later, resolved=True, severity="info"),
        now=later,
    )
    assert kept.unsent_posts() == ["incident:2"]
    kept.send(later + HOUR)
    assert [key for key, each in kept.posts.items() if each.sent] == ["incident:2"]
    text = said.render(kept.posts["incident:2"], said.NOTHING_FOUND, later).text
    assert "Resolved after 10 min" in text
