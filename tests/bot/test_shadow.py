"""Shadow mode in Slack: asked for, shown in one message, told at night, ended by a click."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.messages import home, reports, state
from bot.policy import AlertPolicy
from bot.shadow import POINTER, shadow_posts
from bot.slack_api import SlackApi
from bot.slack_calls import open_client
from sync_core.domain.proposals import ProposalKind, ReportKind, Write
from sync_core.domain.shadow import PENDING_IN_SHADOW, ShadowUpdate, ShadowView
from sync_core.domain.values import Mode
from tests.bot.conftest import Staff, Ticking, at_work
from tests.bot.fake_service import FakeService
from tests.bot.test_outbox import outbox, pass_time, said

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
POLICY = AlertPolicy(channel="C1")


def view(changes=0, since=NOW, at=NOW):
    return ShadowView(by="ann", since=since, at=at, changes=changes, wrong={}, apart={})


def told(posts, seen, now=NOW):
    """Return the posts after a look."""
    return posts | {one.key: one for one in shadow_posts(posts, seen, now=now, policy=POLICY)}


def test_one_message_is_made_changed_and_closed():
    """The table; that time passes is no news."""
    assert told({}, None) == {}
    first = told({}, view())
    key = first[POINTER].body["key"]
    assert set(first) == {POINTER, key}
    later = NOW.replace(hour=10)
    assert shadow_posts(first, view(at=later), now=later, policy=POLICY) == []
    second = told(first, view(3, at=later), later)
    assert (second[key].version, second[key].body["changes"]) == (2, 3)
    over = told(second, None, later)
    assert (over[key].version, over[key].body["over"], over[key].body["changes"]) == (3, True, 3)
    assert told(over, None) == over


def test_another_shadow_mode_has_a_message_of_its_own():
    """Off and on again within a minute: the first says that it is over."""
    first = told({}, view(2))
    key = first[POINTER].body["key"]
    again = told(first, view(since=NOW.replace(hour=11)))
    assert len(again) == 3
    assert again[key].body["over"]
    assert again[POINTER].version == 2
    assert again[POINTER].body["key"] != key


# -- asked for, and ended
@pytest.fixture
async def slack_app(staff, core):
    async with at_work(staff, core) as made:
        yield made


@pytest.mark.parametrize("flag", ["--shadow", "\u2014shadow"], ids=["hyphens", "a dash"])
async def test_shadow_mode_is_asked_for_by_a_command(slack_app, staff, core, flag):
    """Telephones make a dash of two hyphens."""
    asked = await staff.slack.command(staff.ann, f"/tipo mode two-way {flag}", channel=staff.stock)
    await asked.answer()
    assert core.asked_modes == [(Mode.TWO_WAY, None, True)]


async def night(staff, core, wrong):
    """Return the night's message in the channel, as it is posted."""
    report = core.new_report(ReportKind.NIGHT, "")
    core.propose(ProposalKind.FIX, report)
    shadow = {**asdict(view(412, at=NOW + timedelta(days=3))), "wrong": wrong}
    plain = {**shadow, "since": NOW.isoformat(), "at": shadow["at"].isoformat()}
    report = replace(report, open=1, summary={"shadow": plain})
    proposals = list(core.proposed.values())
    slack = SlackApi(open_client(staff.slack.app.bot_token, staff.slack.api_url))
    await slack.post(staff.stock.id, reports.report(report=report, proposals=proposals))
    return staff.slack.messages(staff.stock, by=staff.slack.bot)[-1]


async def test_an_approver_goes_live_from_the_night(slack_app, staff, core):
    """Its only button asks what the command asks; a stranger's click does nothing."""
    core.in_shadow, core.modes = view(412), {"us": Mode.ONE_WAY}
    message = await night(staff, core, {"missed": 2, "doubled": 3})
    assert "3 days, 412 changes, 5 would have gone wrong" in message.text
    shown = str(message.blocks)
    assert "Turn that app off before you go live" in shown
    assert "decide" not in shown
    assert "review" not in shown
    staff.stock.members.append(staff.carl.id)
    core.preferences["approvers"] = json.dumps([staff.ann.id])
    await (await staff.slack.click(staff.carl, message, "go_live")).answer()
    assert core.asked_modes == []
    await (await staff.slack.click(staff.ann, message, "go_live")).answer()
    assert core.asked_modes == [(Mode.ONE_WAY, None, False)]
    core.in_shadow = None
    late = await (await staff.slack.click(staff.ann, message, "go_live")).answer()
    assert "over already" in late.text
    assert len(core.asked_modes) == 1


# -- told
async def test_what_the_message_counts_raises_no_alert_of_its_own():
    """Another app's writes count twice in shadow mode: that is no oversell to wake people for."""
    staff = Staff(Ticking())
    async with staff.slack.running():
        core = FakeService(staff.clock)
        box = outbox(staff, core)
        core.in_shadow = replace(view(since=staff.clock.now()), wrong={"oversold": 1})
        core.tell("oversold", "pool:1", "critical", title="Jacket", units=1, acts=[])
        core.tell("store_blocked", "store:eu", "critical", store="eu", why="token")
        await pass_time(staff, box, 70, step=5)
        (shadow,) = [each for each in said(staff) if "1 would have gone wrong" in each]
        assert [each for each in said(staff) if each != shadow and "token" not in each] == []
        assert len(said(staff)) == 2
        core.in_shadow = None
        await pass_time(staff, box, 70, step=5)
        core.tell("oversold", "pool:2", "critical", title="Scarf", units=1, acts=[])
        await pass_time(staff, box, 30, step=5)
        assert any("Scarf" in each for each in said(staff))


async def test_the_channel_has_one_message_and_no_activity():
    """Nobody follows, so nobody is told that they do."""
    staff = Staff(Ticking())
    async with staff.slack.running():
        core = FakeService(staff.clock)
        core.preferences["alerts"] = '"all"'
        core.in_shadow = view(since=staff.clock.now(), at=staff.clock.now())
        box = outbox(staff, core)
        await pass_time(staff, box, 70, step=5)
        for number in range(1, 4):
            core.move("us", -1)
            moved = ShadowUpdate(
                id=number,
                at=staff.clock.now(),
                title="<!channel> Scarf",
                store="us",
                delta=-1,
                cause="order #1",
                writes=(Write(store="eu", before=50, after=49),),
            )
            core.in_shadow = replace(core.in_shadow, changes=number, latest=(moved,))
            await pass_time(staff, box, 70, step=5)
        assert len(said(staff)) == 1
        assert "3 changes, 0 would have gone wrong" in said(staff)[0]
        [message] = staff.slack.messages(staff.stock)
        assert "Would be written: EU 50 \u2192 49" in str(message.blocks)
        core.in_shadow = None
        await pass_time(staff, box, 70, step=5)
        assert len(said(staff)) == 1
        assert "Shadow mode has ended" in said(staff)[0]
        core.move("us", -1)
        await pass_time(staff, box, 120, step=5)
        assert len(staff.slack.messages(staff.stock)) > 1, "who sells is told again"


async def test_status_and_home_say_that_nothing_is_written(core, staff):
    core.in_shadow = view()
    overview = await core.overview()
    now = state.status(overview=overview, serving=True, last_report=None, now=NOW)
    for text in (now.text, state.mode_now(overview=overview).text):
        assert "nothing is written to any store" in text
    assert "writes to no store" in str(now.blocks)
    down = state.status(overview=overview, serving=False, last_report=None, now=NOW)
    assert "nothing is written to any store" in down.text
    buttons = str(home._buttons(overview, is_approver=True))
    assert "go_live" in buttons
    assert "home.pause" not in buttons


async def test_what_is_pending_in_shadow_is_not_promised(slack_app, staff, core):
    """The stock of a product names what Tipo would have written, and says that nobody gets it."""
    core.in_shadow = view(1)
    asked = await staff.slack.command(staff.ann, "/tipo stock WS-1", channel=staff.stock)
    assert PENDING_IN_SHADOW not in str((await asked.answer()).blocks)
    (number, pool) = next((n, each) for n, each in core.pools.items() if "Scarf" in each.title)
    levels = tuple(replace(each, outstanding=-2) for each in pool.levels)
    core.pools[number] = replace(pool, levels=levels)
    asked = await staff.slack.command(staff.ann, "/tipo stock WS-1", channel=staff.stock)
    assert PENDING_IN_SHADOW in str((await asked.answer()).blocks)
