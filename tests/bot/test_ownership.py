"""[I'm on it] and [Snooze 1 h]: signed clicks, a real database, how often and late one clicks."""

import asyncio
import json
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import delete

from bot.incidents.ledger import LEDGER, reminder_key
from bot.incidents.ownership import own, owner_of
from sandbox.slack import SlackFault
from sync_core.clock import RandomIds, WallClock
from sync_core.db.database import SqlDatabase
from sync_core.db.tables import POST
from sync_core.domain.proposals import Person
from sync_core.domain.values import Event, Severity
from sync_core.domain.views import Post
from sync_core.service.service import Service
from tests.bot.conftest import ACKED_WITHIN_MS, at_work, until
from tests.bot.fake_service import FakeService

OWN, SNOOZE = "incident.own", "incident.snooze"


class Core(Service):
    """The real one, with news to tell and a rival who is faster."""

    rival = None

    async def tell(self, kind, subject, severity="critical", *, resolved=False, **facts):
        news = Event(
            kind=kind, subject=subject, severity=Severity(severity), facts=facts, resolved=resolved
        )
        now = self._clock.now()
        await self._database.transaction(lambda tx: tx.notifications.notify([news], now=now))

    async def save_posts(self, posts, before, after):
        if self.rival is not None and before == after:
            rival, self.rival = self.rival, None
            await rival()
        return await super().save_posts(posts, before, after)


@pytest.fixture
def core(sqlite_url):
    with closing(SqlDatabase(sqlite_url)) as database:
        yield Core(database, {}, WallClock(), RandomIds())


@pytest.fixture
async def slack_app(staff, core):
    staff.slack.rate_limiter.enabled = False
    async with at_work(staff, core, approvers=(staff.bob.id, staff.team.id)) as made:
        yield made


def said(staff):
    return staff.slack.messages(staff.stock, by=staff.slack.bot)


async def alert(staff, core, kind="oversold", subject="pool:7", **facts):
    """Return the message of something new, once it is in the channel."""
    before = len(said(staff))
    told = {"title": "Jacket", "units": 1, "acts": [], **facts}
    await core.tell(kind, subject, **told)
    await until(lambda: len(said(staff)) > before)
    message = said(staff)[-1]
    async with asyncio.timeout(5):
        while await core.post_at(staff.stock.id, message.ts) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return message


async def now(staff, words):
    """Wait until the newest message says something."""
    return await until(lambda: next((m for m in said(staff)[-1:] if words in m.text), None))


async def answer(interaction):
    """Return what the person was told who clicked, and nobody else."""
    return (await until(interaction.ephemeral_replies))[-1].text


def offers(message):
    return [each for each in (OWN, SNOOZE) if f"'{each}'" in str(message.blocks)]


async def test_an_alert_calls_the_approvers_within_a_second(slack_app, staff, core):
    """The signal does it: no poll is near."""
    await alert(staff, core, subject="pool:1")
    began = core._clock.monotonic()
    await core.tell("store_blocked", "store:eu", store="eu", why="no token")
    await until(lambda: len(said(staff)) == 2, within=3.0)
    assert core._clock.monotonic() - began < 2.5  # Slack's own pace is 1.1 s a message
    first, second = said(staff)
    assert f"For <@{staff.bob.id}>, <!subteam^{staff.team.id}>." in first.text
    assert staff.bob.id not in second.text  # of one burst only the first calls


async def test_whoever_clicks_is_on_it(slack_app, staff, core):
    """Ann is no approver: to look after something is no decision."""
    message = await alert(staff, core)
    assert offers(message) == [OWN, SNOOZE]
    interaction = await staff.slack.click(staff.ann, message, OWN)
    assert interaction.acked
    assert interaction.ack_ms < ACKED_WITHIN_MS
    shown = await now(staff, f"<@{staff.ann.id}> is on it since <!date^")
    assert "I'm on it instead" in str(shown.blocks)
    assert staff.bob.id not in shown.text
    assert interaction.ephemeral_replies() == []  # the message says it, for all
    assert len(said(staff)) == 1


async def test_ten_clicks_of_two_people_make_one_owner_and_nine_answers(slack_app, staff, core):
    """The message answers the first; each other click is told who it was."""
    message = await alert(staff, core)
    clicks = await staff.slack.click_all([staff.ann, staff.bob] * 5, message, OWN)
    assert all(each.acked for each in clicks)

    def answers():
        return [(p, m.text) for p in (staff.ann, staff.bob) for m in staff.slack.ephemerals(p)]

    await until(lambda: len(answers()) == 9)
    owner = owner_of((await core.post_at(staff.stock.id, message.ts)).body)
    for person, words in answers():
        who = "You're" if person.id == owner.id else f"<@{owner.id}> is"
        assert words.startswith(f"{who} on it since <!date^")


async def test_only_an_approver_takes_over_what_somebody_is_on(slack_app, staff, core):
    """And the message says who had it."""
    message = await alert(staff, core)
    await staff.slack.click(staff.bob, message, OWN)
    shown = await now(staff, "is on it since")
    refused = await staff.slack.click(staff.ann, shown, OWN)
    assert "Only approvers can do this" in await answer(refused)
    bob = Person(team=staff.bob.team_id, id=staff.bob.id, name="bob")
    await core.set_preferences({"approvers": json.dumps([staff.ann.id])}, bob)
    taken = await staff.slack.click(staff.ann, shown, OWN)
    assert taken.acked
    shown = await now(staff, f"<@{staff.ann.id}> is on it since")
    assert shown.text.endswith(", after bob.")
    assert taken.ephemeral_replies() == []  # the message says it, for all
    again = await staff.slack.click(staff.ann, shown, OWN)
    assert (await answer(again)).startswith("You're on it since")


async def test_a_click_in_a_reminder_is_one_at_its_incident(slack_app, staff, core):
    """Both messages say who is on it, the one that was clicked at once."""
    message = await alert(staff, core)
    post = await core.post_at(staff.stock.id, message.ts)
    cursors, at = await core.cursors(), WallClock().now()
    body = {"lines": {post.key: {**post.body, "open": {}, "n": 1}}, "left": 0}
    key = reminder_key(at.isoformat())
    reminder = Post(key=key, channel=staff.stock.id, kind="reminder", body=body, due_at=at)
    ledger = (await core.posts([LEDGER]))[LEDGER]
    reminded = {post.key: at.isoformat()}
    kept = replace(ledger, body={**ledger.body, "reminded": reminded}, version=ledger.version + 1)
    assert await core.save_posts([reminder, kept], cursors, cursors)
    await until(lambda: len(said(staff)) == 2)
    second = said(staff)[1]
    assert offers(second) == [OWN, SNOOZE]
    async with asyncio.timeout(5):
        while await core.post_at(staff.stock.id, second.ts) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    clicked = await staff.slack.click(staff.ann, second, OWN)
    assert clicked.acked
    await until(
        lambda: all(
            "is on it since" in each.text.replace("has been", "is") for each in said(staff)
        ),
        8,
    )
    assert "I'm on it instead" in str(second.blocks)


async def test_who_was_faster_by_a_moment_is_on_it(slack_app, staff, core):
    """Another process kept the next version between our reading and our writing."""
    message = await alert(staff, core)
    bob = Person(team=staff.bob.team_id, id=staff.bob.id, name="bob")

    async def faster():
        post = await core.post_at(staff.stock.id, message.ts)
        body = own(post.body, bob, WallClock().now())
        cursors = await core.cursors()
        newer = replace(post, body=body, version=post.version + 1)
        assert await core.save_posts([newer], cursors, cursors)

    core.rival = faster
    interaction = await staff.slack.click(staff.ann, message, OWN)
    assert (await answer(interaction)).startswith(f"<@{staff.bob.id}> is on it since")
    assert f"<@{staff.bob.id}> is on it" in (await now(staff, "is on it")).text


async def test_what_is_resolved_or_forgotten_is_answered(slack_app, staff, core):
    """Somebody's Slack still shows it as it was this morning."""
    message = await alert(staff, core)
    await core.tell("oversold", "pool:7", resolved=True)
    async with asyncio.timeout(5):
        # Its message says so a little later.
        while not (await core.post_at(staff.stock.id, message.ts)).body["over"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    for action in (OWN, SNOOZE):
        interaction = await staff.slack.click(staff.ann, message, action, version=0)
        assert await answer(interaction) == "This is resolved: nothing is left to do."
    await core._database.transaction(lambda tx: tx.run(delete(POST)))
    interaction = await staff.slack.click(staff.ann, message, OWN, version=0)
    assert "no longer kept" in await answer(interaction)


async def test_a_click_before_the_outbox_has_noted_its_message_counts(slack_app, staff, core):
    """The message is on the screen a moment before its row says where."""
    message = await alert(staff, core)
    post = await core.post_at(staff.stock.id, message.ts)
    found = [None, post]

    async def late(*where):
        return found.pop(0) if found else await Core.post_at(core, *where)

    core.post_at = late
    await staff.slack.click(staff.ann, message, OWN)
    await now(staff, "is on it since")
    assert found == []


async def test_an_alert_that_got_worse_sends_people_to_the_newer_message(slack_app, staff, core):
    message = await alert(staff, core)
    post = await core.post_at(staff.stock.id, message.ts)
    moved = {**post.body, "open": {}, "moved": "incident:9"}
    cursors = await core.cursors()
    await core.save_posts([replace(post, body=moved, version=2)], cursors, cursors)
    interaction = await staff.slack.click(staff.ann, message, OWN, version=0)
    assert "see the newer message" in await answer(interaction)


async def test_a_snooze_says_until_when_and_by_whom(slack_app, staff, core):
    message = await alert(staff, core)
    await staff.slack.click(staff.ann, message, SNOOZE)
    shown = await now(staff, "Snoozed until")
    assert shown.text.endswith(f"by <@{staff.ann.id}>.")
    assert offers(shown) == [OWN]


async def test_if_slack_does_not_show_it_the_person_is_told_and_the_outbox_draws_it(
    slack_app, staff, core
):
    message = await alert(staff, core)
    staff.slack.faults.next["chat.update"] = [SlackFault.ERROR_BEFORE] * 2
    interaction = await staff.slack.click(staff.ann, message, OWN)
    assert (await answer(interaction)).startswith("You're on it since")
    await now(staff, "is on it since")


async def test_a_stranger_is_on_nothing(slack_app, staff, core):
    message = await alert(staff, core)
    interaction = await staff.slack.click(staff.stranger, message, OWN)
    assert "Only people of this workspace" in await answer(interaction)
    post = await core.post_at(staff.stock.id, message.ts)
    assert owner_of(post.body) is None


async def test_whoever_is_on_a_safety_stop_is_shown_by_the_command_line_too(staff):
    """The core is told; its question stays open, and any number of people may decide it."""
    staff.slack.rate_limiter.enabled = False
    core = FakeService(WallClock())
    async with at_work(staff, core):
        core.tell("circuit_breaker", "circuit_breaker:eu:1", "critical", store="eu", pools=25)
        message = await until(lambda: next(iter(said(staff)), None))
        await staff.slack.click_all([staff.ann, staff.bob], message, OWN)
        shown = await now(staff, "is on it since")
        await until(lambda: core.investigated)
    (told,) = core.investigated
    assert told[0] == "circuit_breaker:eu:1"
    assert f"<@{told[1]}> is on it" in shown.text
    assert core.decisions == []


async def test_the_first_button_takes_nothing_over_whatever_the_owner_is_called(staff):
    """It says "own", and so may the name of somebody at the command line."""
    staff.slack.rate_limiter.enabled = False
    core = FakeService(WallClock())
    async with at_work(staff, core, approvers=(staff.bob.id,)):
        facts = {"store": "eu", "pools": 25}
        core.tell("circuit_breaker", "circuit_breaker:eu:1", "critical", **facts)
        message = await until(lambda: next(iter(said(staff)), None))
        core.tell(
            "circuit_breaker", "circuit_breaker:eu:1", "critical", **facts, investigated_by="own"
        )
        await until(lambda: "own is on it" in said(staff)[0].text, 20)
        interaction = await staff.slack.click(staff.ann, message, OWN)
        assert "Your click changed nothing" in await answer(interaction)
    assert core.investigated == []


async def test_it_survives_a_restart(staff, core):
    """What was clicked is a row: the next process goes on with it, and says so at the end."""
    staff.slack.rate_limiter.enabled = False
    async with at_work(staff, core):
        message = await alert(staff, core)
        await staff.slack.click(staff.ann, message, OWN)
        await now(staff, "is on it since")
    async with at_work(staff, core):
        interaction = await staff.slack.click(staff.bob, said(staff)[-1], SNOOZE)
        assert interaction.acked
        shown = await now(staff, "Snoozed until")
        assert f"<@{staff.ann.id}> is on it since" in shown.text
