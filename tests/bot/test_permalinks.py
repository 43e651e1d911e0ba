"""What is mentioned is one click away: a report, an alert, a decision. No link is dead or slow."""

import asyncio
from dataclasses import replace

import pytest

from bot.incidents.ledger import receipt_key
from bot.messages import decisions, history, state
from bot.messages.links import Links, see_alerts
from bot.permalinks import MAX_CACHED_LINKS, MAX_LINKS, NOWHERE, Permalinks
from bot.slack_errors import SlackNoAnswer, SlackRateLimited, SlackRefused
from bot.text import clean
from sandbox.slack.workspace_changes import delete
from sync_core.domain.proposals import Answer, Clicked
from sync_core.domain.views import HistoryEntry, Post
from tests.bot.conftest import Staff, Ticking
from tests.bot.fake_service import FakeService
from tests.bot.messages.conftest import NOW, overview, pool, store
from tests.bot.messages.test_links import links as links_in
from tests.bot.nights import REPORT, face_of
from tests.bot.test_checks_answered import checks, ends
from tests.bot.test_outbox import FakeNews, outbox, pass_time
from tests.bot.test_quiet import events

HOUR = 3_600


class Directory:
    """Slack as far as it tells where messages are."""

    def __init__(self):
        self.asked, self.fails = 0, None

    async def permalink(self, channel, ts):
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        return f"https://x.slack.com/archives/{channel}/p{ts.replace('.', '')}"


def post(n=1, ts="1.1"):
    return Post(key=f"incident:{n}", channel="C1", kind="incident", body={}, due_at=NOW, ts=ts)


@pytest.fixture
def found():
    clock, slack = Ticking(), Directory()
    return Permalinks(FakeService(clock), slack, clock), slack, clock


async def test_an_address_is_asked_for_once_in_ten_minutes(found):
    """A permalink is stable; its message may be deleted."""
    links, slack, clock = found
    for _ in range(3):
        assert await links.of(post()) == "https://x.slack.com/archives/C1/p11"
    assert slack.asked == 1
    clock.forward(601)
    slack.fails = SlackRefused("message_not_found")
    assert await links.of(post()) == ""
    clock.forward(601)
    assert await links.of(post()) == ""
    assert slack.asked == 2
    for n in range(MAX_CACHED_LINKS + 1):
        await links.of(post(n, f"{n}.2"))
    assert len(links._known) <= MAX_CACHED_LINKS


async def test_what_was_never_said_has_no_address(found):
    links, slack, _ = found
    for ts in (None, "reply", NOWHERE):
        assert await links.of(post(ts=ts)) == ""
    assert slack.asked == 0


@pytest.mark.parametrize(
    "trouble", [SlackNoAnswer("no"), SlackRefused("invalid_auth"), SlackRateLimited(60)]
)
async def test_without_slack_the_known_address_counts(found, trouble):
    """Slack is not asked for a while, and nobody waits."""
    links, slack, clock = found
    known = await links.of(post())
    clock.forward(601)
    slack.fails = trouble
    assert [await links.of(post()) for _ in range(3)] == [known] * 3
    assert await links.of(post(2, "2.1")) == ""
    limited = isinstance(trouble, SlackRateLimited)
    assert slack.asked == (2 if limited else 3), "who is asked to wait asks for nothing else either"
    slack.fails = None
    clock.forward(61)
    assert await links.of(post(2, "2.1")) != ""


async def test_a_slow_slack_costs_a_second_at_most(found, monkeypatch):
    """For all links of a message together: they are asked for at once."""
    monkeypatch.setattr("bot.permalinks.ANSWER_SECONDS", 0.05)
    links, slack, _ = found
    core = links._core
    core.stored = {f"incident:{n}": post(n, f"{n}.1") for n in range(30)}

    async def never(_channel, _ts):
        await asyncio.sleep(3600)

    slack.permalink = never
    async with asyncio.timeout(1):
        assert (await links.links(posts=core.stored)).posts == {}


@pytest.fixture
async def staff():
    made = Staff(Ticking())
    async with made.slack.running():
        yield made


def messages(staff):
    return staff.slack.messages(staff.stock, by=staff.slack.bot)


def address(staff, message):
    domain, mark = staff.slack.state.domain, message.ts.replace(".", "")
    return f"https://{domain}.slack.com/archives/{message.channel}/p{mark}"


async def test_a_reminder_leads_to_each_alert(staff):
    """Four hours later nobody finds it by scrolling."""
    news = FakeNews(staff.clock)
    box = outbox(staff, news.service)
    await news.tell("oversold", "pool:1", title="Jacket", units=1)
    await news.tell("store_blocked", "store:eu", store="eu", why="no token")
    await pass_time(staff, box, 10)
    jacket, eu = messages(staff)
    await pass_time(staff, box, 4 * HOUR + 120, step=30)
    reminder = messages(staff)[-1]
    assert "2 incidents are still open" in reminder.text
    wanted = [("Open alert", address(staff, each)) for each in (jacket, eu)]
    assert links_in(reminder.blocks) == wanted
    delete(staff.slack.state, jacket)
    await pass_time(staff, box, 4 * HOUR, step=30)
    second = messages(staff)[-1]
    assert second.ts != reminder.ts
    assert links_in(second.blocks) == [wanted[1]], "somebody has deleted it: no dead link"


async def test_an_alert_that_got_worse_leads_to_the_newer_message(staff):
    news = FakeNews(staff.clock)
    box = outbox(staff, news.service)
    facts = {"store": "eu", "lost": "", "refused": "inventory_levels/update"}
    await news.tell("webhooks_gone", "store:eu", "warning", **facts)
    await pass_time(staff, box, 60)
    await news.tell("webhooks_gone", "store:eu", "critical", **facts)
    await pass_time(staff, box, 60)
    old, new = messages(staff)
    assert links_in(old.blocks) == [("newer message", address(staff, new))]


async def test_without_an_address_the_words_stand_alone(staff):
    news = FakeNews(staff.clock)
    box = outbox(staff, news.service)
    staff.slack.faults.refuse["chat.getPermalink"] = "internal_error"
    await news.tell("oversold", "pool:1", title="Jacket", units=1)
    await pass_time(staff, box, 4 * HOUR + 120, step=30)
    reminder = messages(staff)[-1]
    assert "still open" in reminder.text
    assert links_in(reminder.blocks) == []


async def answer_to(night, line):
    asked = await night.staff.slack.command(night.staff.ann, line, channel=night.staff.stock)
    return await asked.answer()


async def test_the_status_leads_to_the_report_and_to_the_alert(night):
    """What it sums up is told at length there."""
    report = await night.report()
    await events(night).tell("paused", "writing", "warning", by="ann, 2026-11-23 08:15 UTC")
    await night.pass_time(5)
    await night.service.pause(by="ann")
    alert = messages(night.staff)[-1]
    async with face_of(night):
        said = await answer_to(night, "/tipo status")
        assert f"<{address(night.staff, report)}|Last compared>" in f"{said.blocks}"
        await night.staff.slack.open_home(night.staff.ann)
        await night.staff.slack.until(lambda: night.staff.slack.home(night.staff.ann), 5)
        home = f"{night.staff.slack.home(night.staff.ann).blocks}"
        assert f"<{address(night.staff, report)}|Nightly check>" in home
        for each in (f"{said.blocks}", home):
            assert "Tipo is not running" in each  # which is worse, and told in no alert
    links = await Permalinks(night.service, night.workspace, night.clock).links(alerts=["paused"])
    assert links.alerts == {"paused": [("the alert", address(night.staff, alert))]}


async def test_a_late_click_leads_to_where_the_decision_is_shown(night):
    """Who was faster, and what came of it."""
    report = await night.report()
    async with face_of(night):
        await night.staff.slack.click(night.staff.ann, report, "decide_all")
        await night.staff.slack.until(lambda: "decide_all" not in f"{report.blocks}", 5)
        await night.carried_out()
        await night.pass_time(30)
        person = (await night.service.receipts())[0].by
        again = await night.service.decide_all(REPORT, person, "listed")
        links = await Permalinks(night.service, night.workspace, night.clock).links(
            receipts=[(await night.service.receipts())[0].id, None, 99], reports=[None, 77]
        )
    assert list(links.receipts.values()) == [address(night.staff, report)]
    assert links.reports == {}
    assert again.answer is not Answer.UNKNOWN


def test_answers_lead_to_what_they_mention():
    """By words, without an address; by a link, with one."""
    url = "https://x.slack.com/archives/C1/p1"
    links = Links(receipts={7: url}, reports={5: url})
    late = Clicked(answer=Answer.ALREADY, receipt=7)
    assert links_in(decisions.decision_answer(clicked=late, links=links).blocks) == [
        ("receipt 7", url)
    ]
    older = Clicked(answer=Answer.OUTDATED, report=5)
    assert links_in(decisions.decision_answer(clicked=older, links=links).blocks) == [
        ("report 5", url)
    ]
    taken = Clicked(answer=Answer.TAKEN, taken=2, receipt=7)
    said = decisions.decision_answer(clicked=taken, links=links)
    assert links_in(said.blocks) == [("The message", url)]
    for each in (late, older, taken):
        plain = decisions.decision_answer(clicked=each)
        linked = decisions.decision_answer(clicked=each, links=links)
        assert links_in(plain.blocks) == []
        assert linked.text.replace(f"<{url}|", "").replace(">", "") == plain.text


def test_a_decision_in_the_history_leads_to_its_message():
    url = "https://x.slack.com/archives/C1/p1"
    cause = "ann: use EU's number, receipt 7"
    line = HistoryEntry(
        at=NOW, store="eu", kind="decision", delta=4, shared=None, state="", cause=cause, ref=7
    )
    shown = history.history(pool=pool(0, "Jacket"), entries=[line], links=Links(receipts={7: url}))
    assert ("receipt 7", url) in links_in(shown.blocks)
    plain = history.history(pool=pool(0, "Jacket"), entries=[line])
    assert "receipt 7" not in dict(links_in(plain.blocks))
    assert clean(cause) in f"{history.line(line)}"


def test_several_alerts_are_told_apart():
    one, two = ("Jacket", "https://x.slack.com/1"), ("Shirt", "https://x.slack.com/2")
    assert see_alerts([]) == []
    assert [each["text"] for each in see_alerts([one]) if isinstance(each, dict)] == ["alert"]
    assert [each["text"] for each in see_alerts([one, two]) if isinstance(each, dict)] == [
        "Jacket",
        "Shirt",
    ]
    assert set(state.ALERT_KINDS) >= {"oversold", "store_blocked", "circuit_breaker", "paused"}


def test_the_headline_leads_to_the_alert_of_what_it_says():
    """And to no other: what is worse is told first."""
    view = replace(overview(3, ""), stores=(store(0, ""), store(5, "")), oversold=0, paused="ann")
    url = "https://x.slack.com/archives/C1/p1"
    links = Links(alerts={"paused": [("the alert", url)], "oversold": [("Jacket", f"{url}2")]})
    said = state.status(overview=view, serving=True, last_report=None, now=NOW, links=links)
    assert said.text.endswith(f". See the <{url}|alert>.")
    assert links_in(said.blocks[:1]) == [("alert", url)]


async def test_an_answer_leads_to_the_report_that_it_is_about(night):
    """Both come at the same moment: the report goes first."""
    await checks(night, night.staff.ann)
    await ends(night, findings=3)
    [report] = messages(night.staff)
    answer = night.staff.slack.ephemerals(night.staff.ann)[-1]
    assert "|report> is in the channel: decide there." in answer.text
    assert links_in(answer.blocks) == [("report", address(night.staff, report))]


async def test_of_many_decisions_the_newest_have_a_link(found):
    """A history is read from its end."""
    links, _, _ = found
    core = links._core
    for n in range(1, MAX_LINKS + 6):
        core.stored[f"incident:{n}"] = post(n, f"1.{n}")
        core.stored[receipt_key(n)] = replace(
            post(), key=receipt_key(n), body={"post": f"incident:{n}"}
        )
    told = await links.links(receipts=range(1, MAX_LINKS + 6))
    assert sorted(told.receipts) == list(range(6, MAX_LINKS + 6))
