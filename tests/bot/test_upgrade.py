"""Messages that the version before the new names has posted: their buttons still decide."""

from contextlib import closing

import pytest
from sqlalchemy import text

from bot.slack_calls import open_client
from sync_core.clock import WallClock
from sync_core.db.database import SqlDatabase
from sync_core.db.migrate import migrate
from sync_core.domain.proposals import Choice, ProposalState
from sync_core.domain.values import Alias
from tests.bot.conftest import Staff, Ticking, at_work, until
from tests.bot.nights import Night, shown
from tests.db.earlier import WRITTEN, write_earlier

STOPPED, REPORT = "incident:4", "report:2"


@pytest.fixture
async def upgraded(empty_url):
    """The old messages in the channel, and the bot on the upgraded database."""
    staff = Staff(Ticking(WallClock().now()))  # Bolt compares with the real time
    async with staff.slack.running():
        client = open_client(staff.slack.app.bot_token, staff.slack.api_url)
        posted = {}
        for key, message in WRITTEN["messages"].items():
            answer = await client.chat_postMessage(channel=staff.stock.id, **message)
            posted[key] = {"channel": staff.stock.id, "ts": answer["ts"]}
        write_earlier(empty_url, posted=posted)
        with closing(SqlDatabase(empty_url)) as database:
            migrate(database.engine)
        night = Night(staff, empty_url)
        async with at_work(staff, night.service, running=False):
            yield night, {key: each["ts"] for key, each in posted.items()}
        night.database.close()


def message_at(night, ts):
    found = night.staff.slack.messages(night.staff.stock, by=night.staff.slack.bot)
    return next(each for each in found if each.ts == ts)


async def test_a_click_on_an_old_safety_stop_decides_it(upgraded):
    night, ts = upgraded
    [token] = {row["token"] for row in WRITTEN["rows"]["proposal"] if row["kind"] == "brake"}
    message = message_at(night, ts[STOPPED])
    interaction = await night.staff.slack.click(night.staff.ann, message, "decide.release")
    await interaction.answer()
    proposal = await night.transaction(lambda tx: tx.proposals.by_token(token))
    assert (proposal.state, proposal.choice) == (ProposalState.APPROVED, Choice.RELEASE)
    await until(lambda: "decide.release" not in shown(message_at(night, ts[STOPPED])))


async def test_a_click_on_an_old_report_is_answered(upgraded):
    night, ts = upgraded
    message = message_at(night, ts[REPORT])
    interaction = await night.staff.slack.click(night.staff.ann, message, "review")
    assert interaction.acked


async def test_news_of_what_is_open_goes_into_its_old_message(upgraded):
    """The bot finds its incidents by kind and subject."""
    night, _ = upgraded
    now = night.clock.now()
    await night.transaction(lambda tx: tx.stores.block(Alias("us"), "still refused", now=now))
    await night.pass_time(60)
    kinds = "SELECT key FROM post WHERE kind = 'incident' ORDER BY number"
    keys = await night.transaction(lambda tx: tx.run(text(kinds)).scalars().all())
    assert keys == ["incident:1", STOPPED, "incident:6"]
    post = (await night.service.posts(["incident:6"]))["incident:6"]
    assert post.body["facts"]["why"] == "still refused"
