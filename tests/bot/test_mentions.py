"""`@Tipo …` and direct messages do what `/tipo …` does, once, for people of the workspace alone."""

import asyncio
import json

import pytest

from bot.message_handlers import MAX_MESSAGES_A_MINUTE
from sync_core.domain.values import Mode
from tests.bot.conftest import at_work, until


@pytest.fixture(params=["http", "socket"])
async def slack_app(request, staff, core):
    staff.slack.rate_limiter.enabled = False
    async with at_work(staff, core, socket=request.param == "socket") as made:
        yield made


async def mention(staff, words, person=None, channel=None, **more):
    """Let somebody mention Tipo; return the message."""
    text = f"<@{staff.slack.bot.id}> {words}"
    return await staff.slack.say(person or staff.ann, channel or staff.stock, text, **more)


def replies(staff, channel=None):
    return staff.slack.messages(channel or staff.stock, by=staff.slack.bot)


async def one_reply(staff, channel=None, count=1):
    await staff.slack.until(lambda: len(replies(staff, channel)) >= count, 5)
    return replies(staff, channel)[-1]


async def for_ann_alone(staff):
    await staff.slack.until(lambda: staff.slack.ephemerals(staff.ann), 5)
    (found,) = staff.slack.ephemerals(staff.ann)
    return found


async def silence(staff, slack_app):
    """Wait until what is under way is done; nothing may have been said."""
    await asyncio.sleep(0.1)
    await until(lambda: not slack_app._bot.listeners._running)
    assert [
        each for each in staff.slack.state.messages.values() if each.user == staff.slack.bot.id
    ] == []


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("SFDJ-M", "Slim Fit Denim Jacket (M)"),
        ("denim jacket", "2 matches"),
        ("stock SFDJ-M?", "Slim Fit Denim Jacket (M)"),
        ("why SFDJ-M", "Slim Fit Denim Jacket (M)"),
        ("status", "US isn't connected yet"),
        ("stock linen", "No synced product matches"),
    ],
)
async def test_stock_and_status_are_answered_in_the_thread_for_all(slack_app, staff, words, answer):
    """All who read the question may read the answer; the channel itself stays quiet."""
    asked = await mention(staff, words)
    said = await one_reply(staff)
    assert answer in said.text
    assert (said.thread_ts, said.only_for, said.broadcast) == (asked.ts, None, False)
    assert "Share in channel" not in str(said.blocks)


async def test_a_mention_in_a_thread_is_answered_in_that_thread(slack_app, staff):
    """Slack has no thread in a thread."""
    root = await staff.slack.say(staff.bob, staff.stock, "How many jackets?")
    await mention(staff, "SFDJ-M", thread_ts=root.ts)
    assert (await one_reply(staff)).thread_ts == root.ts


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("", "or one of these"),
        ("quite nice, thanks", "No product matches"),
        ("mode twoway", "isn't a mode"),
        ("drift", ""),
        ("locations", "1 shared location"),
        ("pause", "paused"),
    ],
)
async def test_what_concerns_one_person_is_for_them_alone(slack_app, staff, words, answer):
    """Orders, slips and answers with buttons that decide; next to the mention."""
    await mention(staff, words)
    said = await for_ann_alone(staff)
    assert answer in said.text
    assert (said.channel, said.thread_ts) == (staff.stock.id, None)
    assert replies(staff) == []


async def test_a_direct_message_is_answered_beside_it(slack_app, staff, core):
    """Orders, too: nobody else reads there. Tipo hears its own answer and leaves it alone."""
    direct = staff.slack.direct_channel(staff.ann)
    for count, (words, answer) in enumerate(
        [
            ("SFDJ-M", "(M)"),
            ("help", "or one of these"),
            ("pause", "paused"),
            ("statsu", "Did you"),
        ],
        1,
    ):
        await staff.slack.say(staff.ann, direct, words)
        said = await one_reply(staff, direct, count)
        assert answer in said.text
        assert (said.thread_ts, said.only_for) == (None, None)
    assert core.paused == staff.ann.id
    await asyncio.sleep(0.1)
    assert len(replies(staff, direct)) == 4


async def test_a_question_in_a_direct_message_is_decided_there(slack_app, staff, core):
    """The buttons of an answer work, and go once they have."""
    direct = staff.slack.direct_channel(staff.ann)
    await staff.slack.say(staff.ann, direct, "pack SFDJ-M 6 us")
    asked = await one_reply(staff, direct)
    await staff.slack.click(staff.ann, asked, "decide.confirm")
    await until(lambda: core.decisions)
    await staff.slack.until(lambda: "decide" not in str(asked.blocks), 5)


async def test_a_mode_is_asked_for_in_person(slack_app, staff, core):
    """There is no response_url: the question comes as a direct message."""
    await mention(staff, "mode two-way")
    assert "comes as a direct message" in str((await for_ann_alone(staff)).blocks)
    assert core.modes["us"] is Mode.OFF


async def test_only_approvers_give_orders_by_mention(slack_app, staff, core):
    """The same rule as for the command, and who may is said to them alone."""
    core.preferences["approvers"] = json.dumps([staff.bob.id])
    await mention(staff, "pause")
    assert "Only approvers can do this." in (await for_ann_alone(staff)).text
    assert core.paused is None


@pytest.mark.parametrize("who", ["stranger", "robot"])
async def test_nobody_else_is_answered(slack_app, staff, who):
    """People of other companies learn nothing, and two bots would never stop."""
    await mention(staff, "SFDJ-M", person=getattr(staff, who))
    await silence(staff, slack_app)


async def test_if_slack_does_not_say_who_it_is_nobody_is_answered(slack_app, staff):
    """Every doubt means no."""
    staff.slack.faults.refuse["users.info"] = "user_not_found"
    await mention(staff, "SFDJ-M")
    await silence(staff, slack_app)


async def test_what_is_changed_or_deleted_is_not_answered_again(slack_app, staff):
    """A correction of a typing mistake must not post a second answer."""
    direct = staff.slack.direct_channel(staff.ann)
    asked, typed = (
        await mention(staff, "SFDJ-M"),
        await staff.slack.say(staff.ann, direct, "SFDJ-M"),
    )
    await one_reply(staff)
    await one_reply(staff, direct)
    await staff.slack.edit(staff.ann, asked, f"<@{staff.slack.bot.id}> SFDJ-L")
    await staff.slack.edit(staff.ann, typed, "SFDJ-L")
    await staff.slack.remove(staff.ann, typed)
    await asyncio.sleep(0.1)
    assert (len(replies(staff)), len(replies(staff, direct))) == (1, 1)


async def test_an_event_that_slack_sends_again_is_answered_once(slack_app, staff, core):
    """By the first process it reaches, also while the first delivery is still under way."""
    asked = await mention(staff, "SFDJ-M")
    first = staff.slack.delivered
    async with asyncio.TaskGroup() as group:
        for number in (1, 2, 3):
            group.create_task(staff.slack.retry(first, number))
    await one_reply(staff)
    await asyncio.sleep(0.1)
    assert len(replies(staff)) == 1
    assert core.claims == {f"message:{staff.stock.id}:{asked.ts}"}


async def test_two_processes_answer_once(staff, core):
    """Slack's second delivery may reach the other one; the database is what they share."""
    staff.slack.rate_limiter.enabled = False
    async with at_work(staff, core), at_work(staff, core) as other:
        first = staff.slack.app.request_url
        await mention(staff, "SFDJ-M")
        staff.slack.app.request_url = first
        await staff.slack.retry(staff.slack.delivered)
        await one_reply(staff)
        await asyncio.sleep(0.1)
        assert (len(replies(staff)), other.health()["http"]["refused"]) == (1, 0)


async def test_a_lost_first_delivery_is_made_up_for_by_the_second(slack_app, staff, core):
    """A retry is no reason for silence: only an answer is."""
    text = f"<@{staff.slack.bot.id}> SFDJ-M"
    stamp = staff.slack.state.new_ts()
    event = {"type": "app_mention", "user": staff.ann.id, "text": text, "ts": stamp}
    root = await staff.slack.say(staff.bob, staff.stock, "Lost")
    event |= {"channel": staff.stock.id, "thread_ts": root.ts, "event_ts": stamp}
    await staff.slack.event(event, by=staff.ann, retry=1)
    assert "(M)" in (await one_reply(staff)).text


async def test_an_order_that_comes_late_is_not_carried_out(slack_app, staff, core):
    """Somebody else may have decided otherwise since; a question is answered as of now."""
    old = f"{staff.clock.now().timestamp() - 600:.6f}"
    for words in ("pause", "SFDJ-M"):
        text = f"<@{staff.slack.bot.id}> {words}"
        event = {
            "type": "app_mention",
            "user": staff.ann.id,
            "text": text,
            "channel": staff.stock.id,
        }
        root = await staff.slack.say(staff.bob, staff.stock, "Late")
        event |= {"ts": f"{float(old) + len(words):.6f}", "thread_ts": root.ts}
        await staff.slack.event(event, by=staff.ann, retry=3)
    assert "so nothing was done" in (await for_ann_alone(staff)).text
    assert "(M)" in (await one_reply(staff)).text
    assert core.paused is None


async def test_nobody_can_make_it_talk_without_end(slack_app, staff):
    """Somebody's script in a loop is told once, and not answered any more."""
    direct = staff.slack.direct_channel(staff.ann)
    for _ in range(MAX_MESSAGES_A_MINUTE + 5):
        await staff.slack.say(staff.ann, direct, "help")
    await one_reply(staff, direct, MAX_MESSAGES_A_MINUTE + 1)
    await asyncio.sleep(0.1)
    said = [each.text for each in replies(staff, direct)]
    assert len(said) == MAX_MESSAGES_A_MINUTE + 1
    assert len([each for each in said if "more than 20 messages in a minute" in each]) == 1


async def test_where_slack_asks_to_wait_the_answer_waits(slack_app, staff):
    """A thread in which ten people ask at once gets ten answers."""
    staff.slack.faults.retry_after = 1
    staff.slack.faults.next["chat.postMessage"] = ["rate_limited"]
    await mention(staff, "SFDJ-M")
    assert "(M)" in (await one_reply(staff)).text
