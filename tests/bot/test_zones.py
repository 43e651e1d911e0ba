"""Times are told by the reader's own clock, wherever Slack does not see to it."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.messages import home, incidents, state
from bot.preferences import hours_for
from bot.slack_api import Member
from bot.slack_errors import SlackNoAnswer
from bot.text import spoken
from bot.zones import MAX_CACHED_ZONES, TOKEN, ReaderZones, localized, localized_blocks, zone_named
from sync_core.domain.sync_status import pause_text, read_pause
from sync_core.domain.views import HourlyMovement
from tests.bot.conftest import Ticking, at_work
from tests.bot.messages.conftest import MESSAGES, NOW, VIEWS, overview, store, story

BERLIN, KATHMANDU, NEW_YORK = map(ZoneInfo, ("Europe/Berlin", "Asia/Kathmandu", "America/New_York"))
PLAIN_TIME = re.compile(r"\b\d{1,2}:\d{2}\b|\b20\d\d-\d\d|\bNov(ember)?\b|UTC")


@pytest.mark.parametrize(
    ("zone", "style", "told"),
    [
        (UTC, "{date_short_pretty} {time}", "23 Nov 2026, 08:15 (UTC)"),
        (BERLIN, "{date_short_pretty} {time}", "23 Nov 2026, 09:15 (Europe/Berlin)"),
        (KATHMANDU, "{time}", "14:00 (Asia/Kathmandu)"),
        (NEW_YORK, "{ago}", "23 Nov 2026, 03:15 (America/New_York)"),
        (ZoneInfo("Pacific/Auckland"), "{date_short}", "23 Nov 2026"),
    ],
)
def test_a_fallback_names_its_zone(zone, style, told):
    """A time without one is wrong for people in another zone."""
    assert spoken(NOW, style, zone) == told


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "02:30"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "02:30"),  # once more: clocks went back
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "01:59"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "03:00"),  # there is no 02:00
    ],
)
def test_a_change_of_clocks_is_told_as_clocks_show_it(at, told):
    assert spoken(at, "{time}", BERLIN) == f"{told} (Europe/Berlin)"


def test_only_what_slack_would_draw_is_changed():
    """A title that looks like one of Slack's dates is a title."""
    fake = f"<!date^{int(NOW.timestamp())}^{{time}}|boo>"
    blocks = [
        {"type": "table", "rows": [[{"type": "raw_text", "text": fake}]]},
        {"type": "section", "text": {"type": "plain_text", "text": fake}},
        {"type": "rich_text", "elements": [{"type": "text", "text": fake}]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": f"at {fake}, {fake}"}]},
    ]
    *same, changed = localized_blocks(blocks, KATHMANDU)
    assert same == blocks[:3]
    assert changed["elements"][0]["text"].count("|14:00 (Asia/Kathmandu)>") == 2


# A setting is a time by the clock of a zone, which is named beside it, or in the field's label.
OF_A_SETTING = re.compile(r"\d\d:\d\d(?: to \d\d:\d\d)? \(Jacket\)|\d\d:\d\d, as TIPO_NIGHTLY__AT")


def plain_words(tree):
    """Yield what Slack shows just as it is, its own dates left out."""
    if isinstance(tree, list):
        for each in tree:
            yield from plain_words(each)
    elif isinstance(tree, dict):
        for name, value in tree.items():
            if name == "text" and isinstance(value, str):
                yield OF_A_SETTING.sub("", TOKEN.sub("", value))
            else:
                yield from plain_words(value)


@pytest.mark.parametrize("name", MESSAGES)
def test_no_message_tells_a_time_in_plain_words(name):
    """Plain words show every reader the same time, which is the wrong one for most of them."""
    made = MESSAGES[name](3, "Jacket")
    tree = {"text": made.text, "blocks": made.blocks}
    assert [each for each in plain_words(tree) if PLAIN_TIME.search(each)] == []
    assert "(UTC)" not in f"{localized(made, KATHMANDU)}"


@pytest.mark.parametrize("name", [each for each in VIEWS if each != "home without charts"])
def test_no_view_tells_a_time_in_plain_words(name):
    """Where it cannot be helped, as in the list for want of a chart, the zone is named."""
    view = VIEWS[name](3, "Jacket")
    assert [each for each in plain_words(view) if PLAIN_TIME.search(each)] == []
    assert "UTC)|" not in f"{localized_blocks(view['blocks'], KATHMANDU)}"


def moved(hours, end):
    return [
        HourlyMovement(at=end - timedelta(hours=hours - 1 - n), units={"eu": n, "us": 1})
        for n in range(hours)
    ]


def shown(zone, end=NOW, **given):
    return home.home(
        overview=overview(2, "x"),
        hours=moved(24, end.replace(minute=0)),
        reports=[],
        now=end.astimezone(zone),
        is_approver=True,
        **given,
    )["blocks"]


def axis(blocks):
    [chart] = [each["chart"] for each in blocks if each["type"] == "data_visualization"]
    config = chart["axis_config"]
    for series in chart["series"]:
        assert [each["label"] for each in series["data"]] == config["categories"]
    return config["x_label"], config["categories"]


def test_the_axis_is_in_the_readers_zone():
    """Slack draws no dates there: somebody in Kathmandu would read the hours of Greenwich."""
    label, times = axis(shown(KATHMANDU))
    assert label == "Time (Asia/Kathmandu)"
    assert (times[0], times[-1], len(times)) == ("14:45", "12:45", 12)
    label, times = axis(shown(BERLIN))
    assert (label, times[0], times[-1]) == ("Time (Europe/Berlin)", "10:00", "08:00")
    assert "From (Asia/Kathmandu)" not in str(shown(BERLIN, chart=False))
    assert "14:45" in str(shown(KATHMANDU, chart=False))


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        (BERLIN, datetime(2026, 10, 25, 12, 30, tzinfo=UTC)),
        (BERLIN, datetime(2026, 3, 29, 12, 30, tzinfo=UTC)),
        (ZoneInfo("Australia/Lord_Howe"), datetime(2026, 4, 5, 6, 30, tzinfo=UTC)),
        (ZoneInfo("Antarctica/Troll"), datetime(2026, 10, 25, 12, 30, tzinfo=UTC)),  # by two hours
    ],
)
def test_no_label_of_the_axis_comes_twice(zone, end):
    """Slack refuses a chart with two labels alike, and with it the whole Home."""
    _, times = axis(shown(zone, end))
    assert len(set(times)) == 12


def test_a_zone_that_this_machine_does_not_know_is_told_by_the_other():
    """Slack sends names of its own at times, and an old machine lacks new zones."""
    for name in ("", "Mars/Olympus", "../../etc/passwd", "\0", "x" * 300):
        assert zone_named(name, BERLIN) is BERLIN
    assert zone_named("Asia/Kathmandu", BERLIN) == KATHMANDU


class Directory:
    """Slack as far as it tells where people are."""

    def __init__(self, zone):
        self.zone, self.asked, self.fails = zone, 0, None

    async def member(self, user):
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        facts = {"team": "T1", "name": "ann", "bot": False, "deleted": False}
        return Member(id=user, guest=False, stranger=False, zone=self.zone, **facts)


async def test_a_zone_is_asked_for_once_an_hour():
    """People travel, and users.info has its limit."""
    slack, clock = Directory("Asia/Kathmandu"), Ticking()
    zones = ReaderZones(slack, clock, BERLIN)
    for _ in range(3):
        assert await zones.of("U1") == KATHMANDU
    assert slack.asked == 1
    slack.zone = "America/New_York"
    clock.forward(3_601)
    assert await zones.of("U1") == NEW_YORK
    for n in range(MAX_CACHED_ZONES + 1):
        await zones.of(f"U{n}")
    assert len(zones._known) <= MAX_CACHED_ZONES


async def test_without_slack_the_last_known_zone_counts_and_slack_is_left_alone_for_a_minute():
    """An answer must not wait for the zone of its reader as well."""
    slack, clock = Directory("Asia/Kathmandu"), Ticking()
    zones = ReaderZones(slack, clock, BERLIN)
    assert await zones.of("U1") == KATHMANDU
    slack.fails = SlackNoAnswer("no")
    assert await zones.of("U2") == BERLIN
    clock.forward(3_601)
    for _ in range(3):
        assert await zones.of("U1") == KATHMANDU
    assert slack.asked == 3
    slack.fails = None
    slack.zone = "America/New_York"
    clock.forward(61)
    assert await zones.of("U1") == NEW_YORK


async def test_a_slow_slack_costs_a_second_at_most(monkeypatch):
    """And then the zone of the settings."""
    monkeypatch.setattr("bot.zones.ANSWER_SECONDS", 0.01)
    slack = Directory("Asia/Kathmandu")

    async def never(_user):
        await asyncio.sleep(3600)

    slack.member = never
    assert await ReaderZones(slack, Ticking(), BERLIN).of("U1") is BERLIN


async def test_two_people_read_two_clocks(staff, core):
    """Ann in Kathmandu, Bob in New York, the channel in Berlin."""
    staff.slack.set_zone(staff.ann, "Asia/Kathmandu")
    staff.slack.set_zone(staff.bob, "America/New_York")
    async with at_work(staff, core, zone="Europe/Berlin"):
        for person, zone in ((staff.ann, "Asia/Kathmandu"), (staff.bob, "America/New_York")):
            await staff.slack.open_home(person)
            await staff.slack.until(lambda who=person: staff.slack.home(who), 5)
            assert axis(staff.slack.home(person).blocks)[0] == f"Time ({zone})"
            asked = await staff.slack.command(person, "/tipo status", channel=staff.stock)
            answer = await asked.answer()
            assert f"({zone})>" in f"{answer.blocks}"
            assert "(UTC)" not in f"{answer.blocks}"
        await staff.slack.click(staff.bob, answer, "share")
        [message] = await staff.slack.until(
            lambda: staff.slack.messages(staff.stock, by=staff.slack.bot), 5
        )
        assert "(Europe/Berlin)>" in f"{message.blocks}"
        assert "New_York" not in f"{message.blocks}"


async def test_one_command_asks_slack_once_who_somebody_is(staff, core):
    """Whether they are of our workspace, and what their clock shows: one answer has both."""
    async with at_work(staff, core):
        asked = await staff.slack.command(staff.ann, "/tipo status", channel=staff.stock)
        await asked.answer()
        assert len(staff.slack.calls_of("users.info")) == 1


async def test_quiet_hours_are_told_by_both_clocks(staff, core):
    """They are kept in one zone: people in another zone mean other hours."""
    staff.slack.set_zone(staff.ann, "Asia/Kathmandu")
    async with at_work(staff, core, zone="Europe/Berlin"):
        asked = await staff.slack.command(staff.ann, "/tipo quiet 22:00-07:00", channel=staff.stock)
        text = (await asked.answer()).text
        assert "22:00 to 07:00 (Europe/Berlin). For you that is " in text
        assert "(Asia/Kathmandu)." in text
        asked = await staff.slack.command(staff.bob, "/tipo quiet", channel=staff.stock)
        assert "For you" not in (await asked.answer()).text


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (NOW, "02:45 to 11:45 (Asia/Kathmandu)"),
        (NOW.replace(month=7), "01:45 to 10:45 (Asia/Kathmandu)"),
    ],
)
def test_quiet_hours_elsewhere_follow_the_change_of_clocks(at, told):
    hours = (time(22), time(7))
    assert hours_for(hours, BERLIN, KATHMANDU, at) == told
    assert hours_for(hours, BERLIN, ZoneInfo("Europe/Paris"), at) == ""


@pytest.mark.parametrize("by", ["ann", "", "Ann, the boss", "line\nline"])
def test_who_paused_and_when_is_read_as_it_was_written(by):
    """It is one text in the database: the reader's clock needs the moment."""
    assert read_pause(pause_text(by, NOW)) == (by, NOW)
    assert read_pause(by) == (by, None)


def test_a_pause_is_told_by_the_readers_clock():
    """It was told in UTC, as plain words."""
    view = replace(overview(3, ""), stores=(store(0, ""), store(5, "")), oversold=0, findings=0)
    view = replace(view, paused=pause_text("ann", NOW))
    said = state.status(overview=view, serving=True, last_report=None, now=NOW)
    assert "Writing is paused (ann, <!date^" in said.text
    about = {"by": pause_text("ann", NOW)}
    alert = incidents.incident(body=story(1, "x", kind="paused", facts=about), now=NOW)
    assert "Writing is paused (ann, <!date^" in alert.text
