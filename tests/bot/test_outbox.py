"""The outbox: what people must know reaches them, in order, once, whatever Slack does.

The core is the real one with a real database, and once more one of dictionaries.
"""

from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bot.notifications import AlertPolicy
from bot.outbox import SlackOutbox
from bot.permalinks import Permalinks
from bot.post_renderer import PostRenderer
from bot.post_sender import PostSender
from bot.slack_api import SlackApi
from bot.slack_calls import open_client
from sandbox.slack import SlackFault
from sync_core import tracing
from sync_core.clock import RandomIds
from sync_core.db.database import SqlDatabase
from sync_core.domain.proposals import Person, ReportFacts, ReportKind, ReportState
from sync_core.domain.values import Event, Mode, Severity
from sync_core.domain.views import Post
from sync_core.ports import ReportRequest
from sync_core.service.service import Service
from tests.bot.conftest import Staff, Ticking
from tests.bot.fake_service import FakeService

HOUR = 3600


@pytest.fixture
async def staff():
    made = Staff(Ticking())
    async with made.slack.running():
        yield made


class RealNews:
    """Notices in a real database."""

    def __init__(self, url, clock):
        self.database = SqlDatabase(url)
        self.service = Service(self.database, {}, clock, RandomIds())
        self.clock = clock

    async def tell(self, kind, subject, severity="critical", *, resolved=False, **facts):
        news = Event(
            kind=kind, subject=subject, severity=Severity(severity), facts=facts, resolved=resolved
        )
        await self.database.transaction(
            lambda tx: tx.notifications.notify([news], now=self.clock.now())
        )


class FakeNews:
    """Notices in a dictionary."""

    def __init__(self, clock):
        self.service = FakeService(clock)

    async def tell(self, kind, subject, severity="critical", *, resolved=False, **facts):
        self.service.tell(kind, subject, severity, resolved=resolved, **facts)


@pytest.fixture(params=["real", "fake"])
def news(request, staff):
    if request.param == "fake":
        yield FakeNews(staff.clock)
        return
    made = RealNews(request.getfixturevalue("sqlite_url"), staff.clock)
    yield made
    made.database.close()


def outbox(staff, core, **given):
    client = open_client(staff.slack.app.bot_token, staff.slack.api_url)
    policy = AlertPolicy(channel=staff.stock.id, stores=("eu", "us"), **given)
    slack = SlackApi(client)
    links = Permalinks(core, slack, staff.clock)
    renderer = PostRenderer(core, staff.clock, ZoneInfo("UTC"), links, {})
    sender = PostSender(core, slack, staff.clock, renderer)
    return SlackOutbox(core, sender, staff.clock, policy, RandomIds().new())


async def pass_time(staff, box, seconds, step=0.0):
    """Let the outbox go round for so long, in no smaller steps than that."""
    end = staff.clock.now() + timedelta(seconds=seconds)
    while staff.clock.now() < end:
        await staff.clock.sleep(max(step, await box.round()))


def said(staff):
    return [each.text for each in staff.slack.messages(staff.stock, by=staff.slack.bot)]


async def test_a_critical_notice_is_told_at_once(staff, news):
    """An oversell costs money by the minute. What it takes to post it is a span of its own."""
    box, exporter = outbox(staff, news.service), InMemorySpanExporter()
    await news.tell("oversold", "pool:7", title="Jacket", units=1, acts=["order #1 in eu"])
    with tracing.recording(SimpleSpanProcessor(exporter)):
        await pass_time(staff, box, 3)
    [span] = exporter.get_finished_spans()
    assert (span.name, span.attributes["tipo.kind"]) == ("post", "incident")
    assert len(said(staff)) == 1
    assert "Jacket" in said(staff)[0]
    assert "#1" in str(staff.slack.messages(staff.stock)[0].blocks)


async def test_an_initial_comparison_says_how_far_it_is_in_its_one_message(staff, sqlite_url):
    """However often that changes, the message changes every ten seconds; it ends as the result."""
    news = RealNews(sqlite_url, staff.clock)
    step, now = news.database.transaction, staff.clock.now
    box = outbox(staff, news.service)
    wanted = ReportRequest(
        kind=ReportKind.BASELINE,
        token="a",  # noqa: S106 - opens nothing
        by="ann",
        facts=ReportFacts(stores=("us",), mode=Mode.TWO_WAY),
    )
    number, _ = await step(lambda tx: tx.reports.request(wanted, now=now()))
    await news.tell("mode", "mode", "info", mode="two-way", stores="us", by="ann", report=number)
    await pass_time(staff, box, 3)
    seen = []
    for second in range(60):
        note = partial(_note, number, {"us": f"exporting: {second} of 60 variants"}, now())
        await step(note)
        await box.round()
        staff.clock.forward(1)
        [message] = staff.slack.messages(staff.stock)
        seen.append(str(message.blocks))
    assert "exporting: " in seen[15]
    assert 4 <= len(set(seen)) <= 8
    await step(partial(_finish, number, now()))
    await pass_time(staff, box, 30)
    message = staff.slack.messages(staff.stock)[0]
    assert "in sync" in message.text
    assert "exporting" not in str(message.blocks)
    news.database.close()


def _note(report, progress, now, tx):
    until = now + timedelta(minutes=3)
    tx.reports.update(report, ReportState.READING, progress=progress, until=until)


def _finish(report, now, tx):
    tx.reports.finish(report, now=now, summary={"levels": 60})
    facts = {"report": report, "kind": "baseline", "by": "ann", "reply": None}
    done = Event(kind="report", subject=f"report:{report}", severity=Severity.INFO, facts=facts)
    tx.notifications.notify_once([done], now=now)


async def test_a_message_is_said_when_it_is_due_though_nobody_wakes_the_outbox(staff, news):
    """Half a minute after it began, not at the next poll."""
    box = outbox(staff, news.service)
    await news.tell("unreachable", "store:eu", "warning", store="eu")
    began = staff.clock.now()
    while not said(staff):
        await staff.clock.sleep(await box.round())
    assert (staff.clock.now() - began).total_seconds() < 35


async def test_what_falls_due_while_slack_is_slow_does_not_wait_for_the_poll(staff, news):
    """It was not due when the round looked, and is when the round ends."""
    box = outbox(staff, news.service)
    await box.round()
    await news.tell("unreachable", "store:eu", "warning", store="eu")
    await box.round()
    send = box._sender.send

    async def slow():
        pause = await send()
        staff.clock.forward(60)
        return pause

    box._sender.send = slow
    assert await box.round() == 0
    assert said(staff) == []


async def test_at_rest_it_asks_the_database_every_two_seconds(staff, sqlite_url, monkeypatch):
    """29 transactions a minute, 33 while something critical is open: it asked seven a second."""
    count = Counter()
    run = SqlDatabase._run

    def counting(self, work, attempt, limit):
        count["transactions"] += 1
        return run(self, work, attempt, limit)

    with closing(RealNews(sqlite_url, staff.clock).database) as database:
        service = Service(database, {}, staff.clock, RandomIds())
        box = outbox(staff, service)
        await pass_time(staff, box, 60)
        monkeypatch.setattr(SqlDatabase, "_run", counting)
        await pass_time(staff, box, 600)
    assert count["transactions"] <= 10 * 30


async def test_what_is_over_before_it_is_said_is_never_said(staff, news):
    """Most troubles pass within half a minute."""
    box = outbox(staff, news.service)
    await news.tell("unreachable", "store:eu", "warning", store="eu")
    await pass_time(staff, box, 5)
    await news.tell("unreachable", "store:eu", "warning", resolved=True, store="eu")
    await pass_time(staff, box, 60)
    assert said(staff) == []


async def test_an_incident_is_one_message_to_its_end(staff, news):
    """Updated in place: the channel shows what is, not what was."""
    box = outbox(staff, news.service)
    await news.tell("store_blocked", "store:eu", store="eu", why="the token is not accepted")
    await pass_time(staff, box, 60)
    assert len(said(staff)) == 1
    await news.tell("store_blocked", "store:eu", resolved=True, store="eu")
    await pass_time(staff, box, 60)
    assert len(said(staff)) == 1
    assert "esolved" in said(staff)[0]


async def test_an_hour_without_slack_loses_and_doubles_nothing(staff, news):
    """Each notice arrives exactly once afterwards, in order, no faster than Slack allows."""
    box = outbox(staff, news.service, per_hour=1_000)
    await pass_time(staff, box, 2)
    staff.slack.faults.down_for(HOUR, staff.clock.seconds)
    for n in range(40):
        await news.tell("oversold", f"pool:{n}", title=f"Jacket {n:02}", units=1, acts=[])
        await pass_time(staff, box, HOUR / 40, step=10)
    assert said(staff) == []
    await pass_time(staff, box, 290, step=30)
    await pass_time(staff, box, 60)
    assert [f"Jacket {n:02}" in text for n, text in enumerate(said(staff))] == [True] * 40
    assert [each.status for each in staff.slack.calls if each.status == 429] == []
    assert box.health()["waiting"] == 0


async def test_slack_is_not_asked_again_before_its_time(staff, news):
    """Who ignores a 429 is throttled for longer."""
    box = outbox(staff, news.service)
    staff.slack.faults.retry_after = 17
    staff.slack.faults.once("chat.postMessage", SlackFault.RATE_LIMITED)
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    await pass_time(staff, box, 15)
    assert said(staff) == []
    await pass_time(staff, box, 10)
    assert len(said(staff)) == 1
    calls = staff.slack.calls_of("chat.postMessage")
    assert calls[1].at - calls[0].at >= 17


async def test_messages_of_a_channel_keep_their_distance(staff, news):
    """About one a second is what a channel takes."""
    box = outbox(staff, news.service, per_hour=100)
    for n in range(5):
        await news.tell("oversold", f"pool:{n}", title=f"Jacket {n}", units=1, acts=[])
    await pass_time(staff, box, 10)
    at = [each.at for each in staff.slack.calls_of("chat.postMessage")]
    assert len(at) == 5
    assert min(later - sooner for sooner, later in pairwise(at)) > 1.09


@pytest.mark.parametrize("fault", [SlackFault.DROP_AFTER, SlackFault.ERROR_AFTER])
async def test_a_lost_answer_doubles_nothing_where_we_may_look(staff, news, fault):
    """The message bears its key; it is looked for before it is sent again."""
    staff.slack.app.scopes |= {"channels:history"}
    box = outbox(staff, news.service)
    staff.slack.faults.once("chat.postMessage", fault)
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    await pass_time(staff, box, 30)
    assert len(said(staff)) == 1
    assert box.health()["waiting"] == 0


async def test_a_lost_answer_doubles_rather_than_loses_where_we_may_not_look(staff, news):
    """Without the scope, twice is better than never."""
    box = outbox(staff, news.service)
    staff.slack.faults.once("chat.postMessage", SlackFault.DROP_AFTER)
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    await pass_time(staff, box, 30)
    assert len(said(staff)) == 2
    assert box.health()["waiting"] == 0


async def test_a_restart_after_a_lost_answer_looks_first(staff, news):
    """The process may die between Slack's taking it and our noting it."""
    staff.slack.app.scopes |= {"channels:history"}
    box = outbox(staff, news.service)
    staff.slack.faults.once("chat.postMessage", SlackFault.DROP_AFTER)
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    await pass_time(staff, box, 1)
    assert len(said(staff)) == 1
    staff.clock.forward(60)
    box = outbox(staff, news.service)
    await pass_time(staff, box, 10)
    assert len(said(staff)) == 1
    assert box.health()["waiting"] == 0


async def test_a_standby_that_takes_over_after_a_lost_answer_looks_first(staff, news):
    """It began long before; what is in doubt is what was due before it leads."""
    staff.slack.app.scopes |= {"channels:history"}
    box, standby = outbox(staff, news.service), outbox(staff, news.service)
    await box.round()
    await standby.round()
    staff.clock.forward(1)
    staff.slack.faults.once("chat.postMessage", SlackFault.DROP_AFTER)
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    await pass_time(staff, box, 1)
    assert len(said(staff)) == 1
    staff.clock.forward(60)
    await pass_time(staff, standby, 10)
    assert len(said(staff)) == 1
    assert standby.health()["waiting"] == 0


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("not_in_channel", "/invite @Tipo"),
        ("channel_not_found", "TIPO_SLACK__CHANNEL"),
        ("is_archived", "another one"),
        ("invalid_auth", "TIPO_SLACK__BOT_TOKEN"),
    ],
)
async def test_a_closed_channel_is_named_once_and_tried_again(staff, news, caplog, code, part):
    """Until somebody corrects it; then everything that waited arrives."""
    box = outbox(staff, news.service)
    staff.slack.faults.refuse["chat.postMessage"] = code
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    await pass_time(staff, box, 900, step=10)
    assert part in str(box.health()["trouble"])
    logged = [each for each in caplog.records if vars(each).get("event") == "post_failed"]
    assert len(logged) == 1
    assert len(staff.slack.calls_of("chat.postMessage")) < 20
    del staff.slack.faults.refuse["chat.postMessage"]
    await pass_time(staff, box, 310, step=10)
    assert len(said(staff)) == 1
    assert box.health()["trouble"] == {}


AGAINST_BLOCKS = [
    *("invalid_blocks", "invalid_attachments", "msg_too_long", "msg_blocks_too_long"),
    *("invalid_blocks_format", "unsupported_block_type", "a_word_of_next_year"),
]


@pytest.mark.parametrize("word", AGAINST_BLOCKS)
async def test_blocks_that_slack_refuses_are_said_in_words(staff, news, word):
    """Rather a plain sentence than silence, whether it is posted or changed."""
    box = outbox(staff, news.service)
    staff.slack.faults.blocks = word
    await news.tell("store_blocked", "store:eu", store="eu", why="the token is not accepted")
    await pass_time(staff, box, 5)
    (message,) = staff.slack.messages(staff.stock, by=staff.slack.bot)
    assert "EU" in message.text
    await news.tell("store_blocked", "store:eu", resolved=True, store="eu")
    await pass_time(staff, box, 60)
    assert "esolved" in message.text
    assert message.blocks == []
    assert box.health()["refused"] == {}
    staff.slack.faults.blocks = ""
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    await pass_time(staff, box, 10)
    assert staff.slack.messages(staff.stock, by=staff.slack.bot)[-1].blocks


async def test_blocks_over_which_slack_fails_are_said_in_words(staff, news):
    """Slack may answer with a fault of its own for a block that it should know."""
    box = outbox(staff, news.service)
    staff.slack.faults.blocks = "internal_error"
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    await pass_time(staff, box, 60)
    assert len(said(staff)) == 1
    assert box.health()["trouble"] == {}


async def test_a_message_that_slack_never_takes_holds_up_nobody(staff, news):
    """It is tried again every ten minutes, and shown in the health."""
    box = outbox(staff, news.service)
    await pass_time(staff, box, 1)
    body = {"rows": [["2026-11-23T12:00:00+00:00", "x", "y"]]}
    stuck = Post(
        key="stuck", channel="C0NOWHERE", kind="thread", body=body, due_at=staff.clock.now()
    )
    cursors = await news.service.cursors()
    assert await news.service.save_posts([stuck], cursors, cursors)
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    await pass_time(staff, box, 10)
    assert len(said(staff)) == 1
    assert "C0NOWHERE" in box.health()["trouble"]


async def test_an_open_incident_that_was_deleted_is_posted_anew(staff, news):
    """Somebody tidied up, but it goes on; once it is over, its message needs no successor."""
    box = outbox(staff, news.service)
    await news.tell("store_blocked", "store:eu", store="eu", why="the token is not accepted")
    await pass_time(staff, box, 5)
    staff.slack.messages(staff.stock, by=staff.slack.bot)[0].deleted = True
    await news.tell("store_blocked", "store:eu", store="eu", why="the app was uninstalled")
    await pass_time(staff, box, 60)
    assert len(said(staff)) == 1
    assert "uninstalled" in said(staff)[0]
    staff.slack.messages(staff.stock, by=staff.slack.bot)[0].deleted = True
    await news.tell("store_blocked", "store:eu", resolved=True, store="eu")
    await pass_time(staff, box, 60)
    assert said(staff) == []
    assert box.health()["waiting"] == 0
    assert box.health()["refused"] == {}


async def test_a_thread_whose_message_was_deleted_is_forgotten(staff, news):
    """Else it would stand in the channel, about nothing."""
    core = news.service
    box = outbox(staff, core)
    await pass_time(staff, box, 1)
    now = staff.clock.now()
    rows = {"rows": [[now.isoformat(), "x", "y"]]}
    parent = Post(key="p", channel=staff.stock.id, kind="thread", body=rows, due_at=now)
    child = replace(parent, key="p/0", parent="p", due_at=now + timedelta(minutes=2))
    cursors = await core.cursors()
    assert await core.save_posts([parent, child], cursors, cursors)
    await pass_time(staff, box, 30)
    staff.slack.messages(staff.stock, by=staff.slack.bot)[0].deleted = True
    changed = replace(
        (await core.posts(["p"]))["p"], body={"rows": [*rows["rows"] * 2]}, version=2, due_at=now
    )
    assert await core.save_posts([changed], cursors, cursors)
    await pass_time(staff, box, 300, step=5)
    assert said(staff) == []
    assert box.health()["waiting"] == 0


async def test_only_one_of_two_processes_sends(staff, news):
    """Two containers, one channel, one message."""
    boxes = [outbox(staff, news.service), outbox(staff, news.service)]
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    for _ in range(10):
        for box in boxes:
            await box.round()
        staff.clock.forward(1)
    assert len(said(staff)) == 1
    assert [each.leading for each in boxes] == [True, False]


async def test_the_other_takes_over_when_the_first_is_gone(staff, news):
    """Within half a minute."""
    first, second = outbox(staff, news.service), outbox(staff, news.service)
    await first.round()
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    staff.clock.forward(31)
    await pass_time(staff, second, 5)
    assert len(said(staff)) == 1


async def test_what_is_severe_and_still_open_is_said_again(staff, news):
    """Every four hours, until it is over."""
    box = outbox(staff, news.service)
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    await pass_time(staff, box, 5)
    await pass_time(staff, box, 5 * HOUR, step=300)
    assert len(said(staff)) == 2
    assert "till open" in said(staff)[1]


async def test_in_quiet_hours_only_what_is_severe_is_said(staff, news):
    """People sleep; a broken token does not wait for the morning, a renamed SKU does."""
    by = staff.ann
    await news.service.set_preferences({"quiet": '["11:00", "14:00"]'}, by)
    box = outbox(staff, news.service)
    await news.tell("request_refused", "pool:2", "warning", title="Sock", why="no", store="eu")
    await news.tell("oversold", "pool:1", title="Jacket", units=1, acts=[])
    await pass_time(staff, box, 120, step=5)
    assert len(said(staff)) == 1
    staff.clock.forward(2 * HOUR)
    await pass_time(staff, box, 60)
    assert len(said(staff)) == 2
    assert "During quiet hours" in said(staff)[1]


async def test_a_mode_asked_for_in_the_home_is_asked_about_in_a_direct_message(staff):
    """The Home has no response_url: the question went to the channel, and at night nowhere."""
    service = FakeService(staff.clock)
    await service.set_preferences({"quiet": '["11:00", "14:00"]'}, staff.ann)
    box = outbox(staff, service)
    ann = Person(team=staff.ann.team_id, id=staff.ann.id, name="ann")
    await service.ask_mode(Mode.ONE_WAY, None, ann, "")
    await pass_time(staff, box, 30)
    direct = staff.slack.direct_channel(staff.ann)
    [question] = staff.slack.messages(direct)
    assert "become one-way" in question.text
    assert "decide.confirm" in str(question.blocks)
    assert said(staff) == []
    assert await service.post_at(direct.id, question.ts) is not None  # a click finds it


async def test_movements_are_told_in_groups(staff, news):
    """Level "all": one message for many sales, and nothing of what moved before the bot came."""
    core = FakeService(staff.clock)
    core.move("us", -1)
    core.preferences["alerts"] = '"all"'
    box = outbox(staff, core)
    await pass_time(staff, box, 2)
    for _ in range(12):
        core.move("us", -1)
    await pass_time(staff, box, 120, step=5)
    parents = [each for each in staff.slack.messages(staff.stock) if each.thread_ts is None]
    assert len(parents) == 1
    assert "12 units" in parents[0].text


async def test_an_answer_in_a_thread_waits_for_its_parent(staff, news):
    """Else it would stand in the channel, about nothing."""
    core = news.service
    box = outbox(staff, core)
    await pass_time(staff, box, 1)
    now = staff.clock.now()
    rows = {"rows": [[now.isoformat(), "x", "y"]]}
    parent = Post(
        key="p", channel=staff.stock.id, kind="thread", body=rows, due_at=now + timedelta(minutes=1)
    )
    child = replace(parent, key="p/0", parent="p", due_at=now)
    cursors = await core.cursors()
    assert await core.save_posts([parent, child], cursors, cursors)
    await pass_time(staff, box, 30)
    assert said(staff) == []
    await pass_time(staff, box, 120, step=5)
    messages = staff.slack.messages(staff.stock)
    assert [each.thread_ts for each in messages] == [None, messages[0].ts]
