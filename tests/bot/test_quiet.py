"""How much Tipo says: the channel hears of one thing once, and sees its message change.

docs/operating.md has the numbers. Raising one makes the channel louder for everybody.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.bot.nights import face_of
from tests.bot.test_outbox import RealNews, pass_time, said
from tests.bot.test_with_the_core import LONG, eventually, two_way, world

__all__ = ["world"]
MINUTE = 60
SECURE = "https://tipo.invalid"  # to which stores agree to send webhooks; none arrives


ROW = r"^\| {} \| (\d+) \| (\d+) \| (\d+) \|$"
OPERATING = (Path(__file__).parents[2] / "docs/operating.md").read_text(encoding="utf-8")


def told(what):
    """Return what the page says: new messages, changes in place, messages for one person."""
    found = re.search(ROW.format(re.escape(what)), OPERATING, re.MULTILINE)
    return tuple(map(int, found.groups()))


@dataclass(frozen=True, slots=True)
class Noise:
    """What the bot has said in the channel for all, and to single persons."""

    posts: int  # new messages for all: each of them may ring
    replies: int  # of them, in threads
    edits: int  # changes in place, which nobody hears
    private: int  # messages that one person alone has seen
    private_edits: int


def noise(staff):
    """Count what the bot has said so far, deleted messages too."""
    said = [
        each
        for each in staff.slack.state.messages.values()
        if each.user == staff.slack.bot.id or each.only_for
    ]
    for_all = [each for each in said if each.channel == staff.stock.id and not each.only_for]
    private = [each for each in said if each not in for_all]
    return Noise(
        posts=len(for_all),
        replies=sum(each.thread_ts is not None for each in for_all),
        edits=sum(len(each.versions) - 1 for each in for_all),
        private=len(private),
        private_edits=sum(len(each.versions) - 1 for each in private),
    )


def silent(staff):
    """Return what the page tells of it, where nobody was answered and no thread begun."""
    found = noise(staff)
    assert (found.replies, found.private_edits) == (0, 0)
    return (found.posts, found.edits, found.private)


def events(night):
    """Notify of things as the engine does, in the database behind a channel."""
    made = RealNews.__new__(RealNews)
    made.database, made.service, made.clock = night.database, night.service, night.clock
    return made


def compared(staff):
    """Return the message about the new mode, once it says what the comparison has come to."""
    told = staff.slack.messages(staff.stock, by=staff.slack.bot)
    return next((each for each in told if "in sync" in each.text), None)


def spoken(message):
    return " ".join(
        part.get("text", "")
        for block in message.blocks
        for element in block.get("elements", [])
        for part in element.get("elements", [])
    )


async def test_connecting_two_stores(world, staff):
    """One command, one question, one message for all: that it is two-way, and what matched."""
    tipo, stores_url = world
    async with tipo.serving(stores_url, TIPO_PUBLIC_URL=SECURE) as service:
        await two_way(staff, service)
        report = await staff.slack.until(lambda: compared(staff), 2 * LONG)
        assert "US is now two-way" in str(report.blocks)
        assert "Turned on by" in spoken(report)

        async def all_said():
            return not await service.unsent_posts()

        await eventually(all_said)
        found = noise(staff)
    # What answers the command, and the question; one of its two clicks came too late. How often
    # the message changes depends on which comes first: the mode, or what the comparison found.
    posts, edits, private = told("two stores are connected")
    assert (found.posts, found.private, found.replies) == (posts, private, 0)
    assert found.edits <= edits
    assert found.private_edits <= 3


async def test_a_night_with_three_approvals(night):
    """The report is one message; each approval is a line in it."""
    message = await night.report(findings=3, safe=3)
    staff = night.staff
    async with face_of(night):
        for n in range(3):
            await staff.slack.click_raw(
                staff.ann, message, {"action_id": "decide.use_source", "value": f"token-{n}"}
            )
            await night.pass_time(20)
            await night.carried_out()
            await night.pass_time(MINUTE)
    assert silent(staff) == told("a night, and three fixes approved one by one")


async def test_an_outage_of_ten_minutes(night):
    """One message, which says in the end how long it lasted."""
    staff = night.staff
    news, box = events(night), night.box
    await pass_time(staff, box, 5)
    since = staff.clock.now().isoformat()
    await pass_time(staff, box, 2 * MINUTE)
    await news.tell("updates_failing", "store:us", "warning", store="us", since=since, why="x")
    await pass_time(staff, box, 5)
    await news.tell("unreachable", "store:us", "critical", store="us", since=since, why="x")
    await pass_time(staff, box, 8 * MINUTE)
    await news.tell("unreachable", "store:us", "info", resolved=True)
    await pass_time(staff, box, 5)
    await news.tell("updates_failing", "store:us", "info", resolved=True)
    await news.tell("webhooks_missed", "store:us", "warning", store="us", levels=12)
    await pass_time(staff, box, 10 * MINUTE)
    await news.tell("webhooks_missed", "store:us", "info", resolved=True)
    await pass_time(staff, box, 5 * MINUTE)
    assert silent(staff) == told("a store that doesn't answer for ten minutes")
    assert "Resolved after 10 min" in said(staff)[0]


async def test_an_oversell(night):
    """One message: who took the last units, and that it is over."""
    staff = night.staff
    news, box = events(night), night.box
    await pass_time(staff, box, 5)
    facts = {"title": "Jacket", "units": 1}
    await news.tell("oversold", "pool:7", **facts)
    await pass_time(staff, box, 3)
    await news.tell("oversold", "pool:7", **facts, acts="order #1001 (EU) and order #1002 (US)")
    await pass_time(staff, box, 30 * MINUTE)
    await news.tell("oversold", "pool:7", "info", resolved=True)
    await pass_time(staff, box, 5 * MINUTE)
    assert silent(staff) == told("an oversell, until it is resolved")
    assert "Resolved after 30 min" in said(staff)[0]
