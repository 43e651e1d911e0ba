"""[Why this number?] in the menu of a message, and Tipo's first words in a channel."""

import pytest

from bot.messages.action_ids import WHY_THIS_NUMBER
from bot.payloads import Shortcut, Unreadable, read
from sandbox.slack.signing import Forgery
from sandbox.slack.workspace_changes import MessageContent, PostOptions, post
from sync_core.domain.proposals import ProposalKind, ReportKind
from sync_core.domain.views import Post
from tests.bot.conftest import ACKED_WITHIN_MS, at_work

JACKET = "Slim Fit Denim Jacket (M)"
NOTHING = "No synced product is named in this message."


@pytest.fixture(params=["http", "socket"])
async def slack_app(request, staff, core):
    staff.slack.rate_limiter.enabled = False
    async with at_work(staff, core, socket=request.param == "socket") as made:
        yield made


def posted(staff, core, body, words="A message", kind="incident", thread=None):
    """Post a message of ours, which the database knows."""
    message = post(
        staff.slack.state,
        staff.stock.id,
        staff.slack.bot.id,
        MessageContent(text=words),
        PostOptions(thread_ts=thread),
    )
    key = f"{kind}:{len(core.stored)}"
    core.stored[key] = Post(
        key=key,
        channel=staff.stock.id,
        kind=kind,
        body=body,
        due_at=core.clock.now(),
        ts=message.ts,
    )
    return message


async def why(staff, message, person=None):
    interaction = await staff.slack.shortcut(person or staff.bob, message, WHY_THIS_NUMBER)
    assert interaction.acked
    assert interaction.ack_ms < ACKED_WITHIN_MS
    await staff.slack.until(interaction.ephemeral_replies, 5)
    return interaction.ephemeral_replies()[-1]


@pytest.mark.parametrize(
    "body",
    [
        {"subject": "pool:1", "open": {"pool:1": ""}},
        {"subject": "contest:9", "facts": {"pool": 1}},
        {"lines": {"3": {"subject": "pool:1"}}},
        {"products": [1]},
    ],
    ids=["an alert", "another app", "a summary", "what moved"],
)
async def test_a_message_of_ours_knows_its_product(slack_app, staff, core, body):
    """Whatever it says: its row names the product."""
    answer = await why(staff, posted(staff, core, body))
    assert JACKET in answer.text
    share = [each for each in answer.blocks if each["type"] == "actions"][-1]
    assert share["elements"][-1]["value"] == "history:1"


async def test_of_several_products_one_is_chosen(staff, core):
    """A report is about all of its mismatches."""
    report = core.new_report(ReportKind.NIGHT)
    for pool in (1, 3):
        core.propose(ProposalKind.FIX, report, pool=pool)
    async with at_work(staff, core):
        message = posted(staff, core, {"report": report.id}, kind="report")
        asked = await why(staff, message)
        assert asked.text == "This is about 2 products. Which one do you mean?"
        chosen = await staff.slack.select(staff.bob, asked, "choose.history", "1")
        assert JACKET in (await chosen.answer()).text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (f"Why on earth do we have 42 of {JACKET}?", JACKET),
        ("&lt;!channel&gt; Wool Scarf is gone", "Wool Scarf"),
        ("<https://example.com|Slim Fit Denim Jacket (L)> please", "(L)"),
        ("Lunch?", NOTHING),
    ],
)
async def test_a_colleagues_message_is_read(staff, core, words, expected):
    """In any channel, also in one that Tipo is not in: the answer goes to the person who asked."""
    talk = staff.slack.add_channel("talk", [staff.bob, staff.carl], bot=False)
    async with at_work(staff, core):
        message = await staff.slack.say(staff.carl, talk, words)
        assert expected in (await why(staff, message)).text


async def test_in_a_thread_the_message_above_counts(staff, core):
    """A question below an alert is about the alert."""
    async with at_work(staff, core):
        alert = posted(staff, core, {"subject": "pool:2"})
        asked = await staff.slack.say(staff.ann, staff.stock, "Why?", thread_ts=alert.ts)
        assert "(L)" in (await why(staff, asked)).text
        scarf = "Is it the &lt;!channel&gt; Wool Scarf?"
        other = await staff.slack.say(staff.ann, staff.stock, scarf, thread_ts=alert.ts)
        assert "Wool Scarf" in (await why(staff, other)).text


async def test_strangers_and_forgers_learn_nothing(staff, core):
    """The shortcut is in the menu of people of other workspaces, too."""
    async with at_work(staff, core):
        message = posted(staff, core, {"subject": "pool:1"})
        assert "Only people of this workspace" in (await why(staff, message, staff.stranger)).text
        forged = await staff.slack.shortcut(
            staff.bob, message, WHY_THIS_NUMBER, forgery=Forgery(age=600)
        )
        assert forged.status == 401
        assert JACKET not in f"{staff.slack.ephemerals(staff.bob)}"


def shortcut(**given):
    whole = {
        "type": "message_action",
        "callback_id": "why",
        "user": {"id": "U1", "name": "ann"},
        "team": {"id": "T1"},
        "channel": {"id": "C1"},
        "message_ts": "1763881234.000100",
        "response_url": "https://hooks.slack.com/x",
        "message": {"text": "a", "thread_ts": "1763881233.000100"},
    }
    return {**whole, **given}


BLOCKS = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "b"}, "fields": [{"text": "c"}]},
    {"type": "rich_text", "elements": [{"elements": [{"type": "text", "text": "d"}]}]},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "e"}]]},
    7,
]


def test_a_shortcut_is_read_with_all_that_its_message_says():
    """Other apps say what they say in blocks alone."""
    found = read(shortcut(message={"text": "a", "blocks": BLOCKS}))
    assert isinstance(found, Shortcut)
    assert (found.text, found.thread, found.person.name) == ("a b c d e", "", "ann")
    assert read(shortcut()).thread == "1763881233.000100"


@pytest.mark.parametrize("missing", ["user", "message_ts", "response_url"])
def test_a_shortcut_without_what_is_needed_is_nothing(missing):
    """And a nest of blocks without end costs nothing."""
    assert isinstance(read(shortcut(**{missing: None})), Unreadable)
    nest = []
    for _ in range(400):
        nest = [{"elements": nest, "text": "x"}]
    assert len(read(shortcut(message={"text": "", "blocks": nest})).text) < 40


# -- the welcome
def first_words(staff, channel):
    return staff.slack.messages(channel, by=staff.slack.bot)


async def test_whoever_invites_tipo_sees_what_it_is(staff, core):
    """Where alerts go, and three buttons; once, also where it leaves and comes back."""
    shop = staff.slack.add_channel("shop", [staff.ann], bot=False)
    async with at_work(staff, core), at_work(staff, core, running=False):
        invited = await staff.slack.invite(staff.slack.bot, shop, by=staff.ann)
        assert invited.acked
        await staff.slack.until(lambda: first_words(staff, shop), 5)
        (said,) = first_words(staff, shop)
        assert f"go to <#{staff.stock.id}>" in said.text
        (row,) = [each for each in said.blocks if each["type"] == "actions"]
        labels = [each["text"]["text"] for each in row["elements"]]
        assert labels == ["Status", "Open mismatches", "Help"]
        for label in ("status", "help"):
            clicked = await staff.slack.click(staff.ann, said, f"run.{label}")
            assert (await clicked.answer()).only_for == staff.ann.id
        await staff.slack.retry(invited)
        shop.members.remove(staff.slack.bot.id)
        await staff.slack.invite(staff.slack.bot, shop, by=staff.ann)
        await staff.slack.invite(staff.carl, shop)
        asked = await staff.slack.command(staff.ann, "/tipo help", channel=shop)
        await asked.answer()
    assert len(first_words(staff, shop)) == 1


async def test_two_processes_that_hear_of_it_introduce_tipo_once(staff, core):
    """Slack tells one of them, and the other when the first was slow to answer."""
    staff.stock.members.remove(staff.slack.bot.id)
    async with at_work(staff, core):
        first = await staff.slack.invite(staff.slack.bot, staff.stock, by=staff.ann)
        async with at_work(staff, core, running=False):
            assert (await staff.slack.retry(first)).acked
            await staff.slack.until(lambda: first_words(staff, staff.stock), 5)
            inner = dict(first.outgoing.payload["event"]) | {"channel": staff.general.id}
            strange = {**first.outgoing.payload, "team_id": "T9", "event": inner}
            ack = await staff.slack.sender.send(
                staff.slack.sender.pack(first.outgoing.way, strange)
            )
            assert ack.status == 200
            assert (await staff.slack.event({**inner, "user": staff.ann.id})).acked
            asked = await staff.slack.command(staff.ann, "/tipo help", channel=staff.stock)
            await asked.answer()
    assert first_words(staff, staff.general) == []
    (said,) = first_words(staff, staff.stock)
    assert "come to this channel" in said.text
    assert core.claims == {f"welcome:{staff.stock.id}"}
