"""The methods that read, and the drawing of every block there is."""

import pytest
from slack_sdk.errors import SlackApiError

from sandbox.slack import check_blocks
from sandbox.slack.block_rules import RULES
from sandbox.slack.block_text import render_blocks


async def error(asked):
    with pytest.raises(SlackApiError) as caught:
        await asked
    return caught.value.response["error"]


async def test_a_channel_is_told_with_what_doctor_asks(harness):
    """Is it there, is it archived, is the bot in it."""
    told = (await harness.client.conversations_info(channel=harness.stock.id))["channel"]
    assert told == {
        "id": harness.stock.id,
        "is_channel": True,
        "is_group": False,
        "is_im": False,
        "is_private": False,
        "is_archived": False,
        "is_member": True,
        "context_team_id": harness.workspace.state.team_id,
        "name": "stock",
        "name_normalized": "stock",
    }
    harness.workspace.app.scopes -= {"groups:read"}
    secret = harness.workspace.add_channel("secret", private=True)
    assert await error(harness.client.conversations_info(channel=secret.id)) == "missing_scope"
    assert await error(harness.client.conversations_info(channel="C404")) == "channel_not_found"


async def test_channels_are_listed_by_kind(harness):
    """A private channel without the bot does not exist for it."""
    workspace = harness.workspace
    workspace.add_channel("old").archived = True
    workspace.add_channel("ours", private=True)
    workspace.add_channel("theirs", private=True, bot=False)
    ask = harness.client.conversations_list
    names = [
        [each["name"] for each in (await ask(**given))["channels"]]
        for given in (
            {},
            {"exclude_archived": True},
            {"types": "public_channel,private_channel"},
        )
    ]
    assert names == [["stock", "old"], ["stock"], ["stock", "old", "ours"]]
    assert await error(ask(types="secret_channel")) == "invalid_types"


async def test_a_person_is_reached_directly(harness):
    """Posting to a user id and opening a conversation lead to the same place."""
    opened = await harness.client.conversations_open(users=harness.ann.id)
    posted = await harness.client.chat_postMessage(channel=harness.ann.id, text="Psst")
    assert posted["channel"] == opened["channel"]["id"]
    assert "direct messages with ann" in harness.workspace.transcript()
    assert harness.workspace.direct_channel(harness.ann).id == posted["channel"]


async def test_history_comes_newest_first_between_two_moments(harness, clock):
    """The outbox looks here for a message whose answer was lost."""
    harness.workspace.app.scopes |= {"channels:history"}
    stamps = []
    for text in ("one", "two", "three"):
        told = await harness.client.chat_postMessage(channel="stock", text=text)
        stamps.append(told["ts"])
        clock.now += 1
    read = harness.client.conversations_history

    async def words(**given):
        told = await read(channel=harness.stock.id, **given)
        return [each["text"] for each in told["messages"]]

    assert await words() == ["three", "two", "one"]
    assert await words(oldest=stamps[1]) == ["three"]
    assert await words(oldest=stamps[1], inclusive=True) == ["three", "two"]
    assert await words(latest=stamps[1]) == ["one"]
    first = await read(channel=harness.stock.id, limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    assert (first["has_more"], await words(limit=2, cursor=cursor)) == (True, ["one"])
    await harness.client.chat_postEphemeral(channel=harness.stock.id, user=harness.ann.id, text="x")
    assert await words() == ["three", "two", "one"]
    assert await error(read(channel=harness.stock.id, oldest="yesterday")) == "invalid_ts_oldest"
    assert await error(read(channel=harness.stock.id, cursor="x")) == "invalid_cursor"


async def test_small_methods_answer(harness):
    """Each is one call away for doctor or for a link."""
    client, workspace = harness.client, harness.workspace
    group = workspace.add_group("ops", [harness.ann])
    told = (await client.usergroups_list(include_users=True))["usergroups"]
    assert [(each["id"], each["users"]) for each in told] == [(group.id, [harness.ann.id])]
    assert (await client.bots_info(bot="B00000001"))["bot"]["user_id"] == workspace.bot.id
    assert await error(client.bots_info(bot="B2")) == "bot_not_found"
    posted = await client.chat_postMessage(channel="stock", text="x")
    link = await client.chat_getPermalink(channel=harness.stock.id, message_ts=posted["ts"])
    mark = posted["ts"].replace(".", "")
    assert link["permalink"] == (f"https://urbanwear.slack.com/archives/{harness.stock.id}/p{mark}")
    assert (await client.api_test(foo="bar"))["args"] == {"foo": "bar"}
    names = [each["name"] for each in (await client.users_list())["members"]]
    assert names == ["tipo", "Slackbot", "ann", "bob", "eve"]


async def test_a_whole_message_can_be_validated(harness):
    """Slack's checker takes messages and views too."""
    ask = harness.client.blocks_validate
    assert (await ask(message={"text": "x", "blocks": []}))["ok"]
    bad = {"text": "x", "attachments": [{"blocks": [{"type": "poem"}]}]}
    assert await error(ask(message=bad)) == "invalid_message"
    assert await error(ask(view={"type": "home", "blocks": "x"})) == "invalid_view"
    assert await error(ask(message={}, view={})) == "invalid_arguments"


async def test_markdown_text_excludes_text_and_blocks(harness):
    """Slack takes one or the other."""
    post = harness.client.api_call
    told = await post("chat.postMessage", json={"channel": "stock", "markdown_text": "**x**"})
    assert [each["type"] for each in told["message"]["blocks"]] == ["markdown"]
    both = {"channel": "stock", "markdown_text": "**x**", "text": "x"}
    assert await error(post("chat.postMessage", json=both)) == "markdown_text_conflict"
    assert await error(post("chat.postMessage", json={"text": "x"})) == "invalid_arguments"


def plain(text):
    return {"type": "plain_text", "text": text}


def rich(*parts):
    section = {"type": "rich_text_section", "elements": list(parts)}
    return {"type": "rich_text", "elements": [section]}


WORD = {"type": "text", "text": "word"}
PICTURE = {"type": "image", "image_url": "https://a.b/c.png", "alt_text": "a jacket"}
BUTTON = {"type": "button", "action_id": "go", "text": plain("Go")}
OPTION = {"text": plain("one"), "value": "1"}
TASK = {"type": "task_card", "task_id": "1", "title": "Compare", "status": "complete"}
CARD = {
    "type": "card",
    "title": plain("Jacket"),
    "body": plain("3 in Berlin"),
    "actions": [BUTTON],
}
CELLS = [[{"type": "raw_text", "text": text}] for text in ("Product", "Jacket")]
POINTS = [{"label": "Mon", "value": 3}, {"label": "Tue", "value": -1}]
AXES = {"categories": ["Mon", "Tue"]}
BARS = {"type": "bar", "series": [{"name": "eu", "data": POINTS}], "axis_config": AXES}
FEEDBACK = {
    "type": "feedback_buttons",
    "positive_button": {"text": plain("Good"), "value": "1"},
    "negative_button": {"text": plain("Bad"), "value": "0"},
}
DRAWN = {
    "section": (
        {"type": "section", "text": plain("3 in Berlin"), "accessory": BUTTON},
        ["3 in Berlin", "[Go]"],
    ),
    "header": ({"type": "header", "text": plain("News")}, ["## News"]),
    "divider": ({"type": "divider"}, ["-" * 40]),
    "context": (
        {"type": "context", "elements": [PICTURE, plain("now")]},
        ["· (picture: a jacket) · now"],
    ),
    "actions": (
        {
            "type": "actions",
            "elements": [
                BUTTON,
                {"type": "overflow", "action_id": "o", "options": [OPTION]},
                {
                    "type": "static_select",
                    "action_id": "s",
                    "options": [OPTION],
                    "initial_option": OPTION,
                },
                {"type": "users_select", "action_id": "u", "initial_user": "U1"},
                {"type": "datepicker", "action_id": "d"},
            ],
        },
        ["[Go] [⋯ one] [one v] [U1 v] [datepicker v]"],
    ),
    "context_actions": (
        {"type": "context_actions", "elements": [FEEDBACK]},
        ["[Good] [Bad]"],
    ),
    "input": (
        {
            "type": "input",
            "label": plain("Stores"),
            "optional": True,
            "element": {"type": "checkboxes", "options": [OPTION], "initial_options": [OPTION]},
        },
        ["Stores (optional): (x) one"],
    ),
    "image": ({**PICTURE, "title": plain("New")}, ["(picture: a jacket) New"]),
    "markdown": ({"type": "markdown", "text": "- [x] eu"}, ["- [x] eu"]),
    "rich_text": (
        rich(
            WORD,
            {"type": "link", "url": "https://a.b", "text": "there"},
            {"type": "emoji", "name": "wave"},
            {"type": "channel", "channel_id": "C1"},
            {"type": "broadcast", "range": "here"},
            {"type": "date", "timestamp": 1763881234, "format": "{date_num} {time}"},
        ),
        ["wordthere (https://a.b):wave:#C1[PING @here]2025-11-23 07:00"],
    ),
    "file": ({"type": "file", "external_id": "F", "source": "remote"}, ["(file)"]),
    "video": (
        {
            "type": "video",
            "alt_text": "how",
            "title": plain("How"),
            "thumbnail_url": "https://a.b/c",
            "video_url": "https://a.b/d",
        },
        ["(video)"],
    ),
    "table": ({"type": "table", "rows": CELLS}, ["Product", "-------", "Jacket"]),
    "data_table": (
        {"type": "data_table", "caption": "Drift", "rows": CELLS},
        ["Drift", "Product", "-------", "Jacket"],
    ),
    "data_visualization": (
        {"type": "data_visualization", "title": "Moved", "chart": BARS},
        [
            "Moved (bar chart)",
            "  eu  Mon   3  ########################",
            "  eu  Tue  -1  ########",
        ],
    ),
    "container": (
        {"type": "container", "rich_text_title": rich(WORD), "child_blocks": [{"type": "divider"}]},
        ["+-- word -------", "| " + "-" * 14, "+" + "-" * 15],
    ),
    "card": (CARD, ["+-- Jacket -----", "| 3 in Berlin", "| [Go]", "+" + "-" * 15]),
    "carousel": (
        {"type": "carousel", "elements": [CARD]},
        ["+-- Jacket -----", "| 3 in Berlin", "| [Go]", "+" + "-" * 15],
    ),
    "alert": ({"type": "alert", "level": "error", "text": plain("No")}, ["(error) No"]),
    "plan": ({"type": "plan", "title": "Night", "tasks": [TASK]}, ["Night", "[x] Compare"]),
    "task_card": (TASK, ["[x] Compare"]),
}


@pytest.mark.parametrize("kind", sorted(RULES))
def test_every_block_is_drawn(kind):
    """Nothing that people see may be missing from the transcript."""
    block, lines = DRAWN[kind]
    surface = "modal" if kind == "alert" else "message"
    assert [problem.words for problem in check_blocks([block], surface)] == []
    narrow = kind in {"container", "card", "carousel"}
    assert render_blocks([block], lambda _key: None, 16 if narrow else 88) == lines


def test_lists_and_quotes_keep_their_marks():
    """So that a list reads as one."""
    section = {"type": "rich_text_section", "elements": [WORD]}
    block = {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_list", "style": "ordered", "elements": [section, section]},
            {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [section]},
            {"type": "rich_text_quote", "elements": [WORD]},
        ],
    }
    assert check_blocks([block], "message") == []
    assert render_blocks([block], lambda _key: None) == ["1. word", "2. word", "  • word", "> word"]


def test_a_wide_table_is_cut_to_the_width():
    """A transcript that wraps cannot be read."""
    rows = [[{"type": "raw_text", "text": "x" * 100}, {"type": "raw_text", "text": "3"}]] * 2
    lines = render_blocks([{"type": "table", "rows": rows}], lambda _key: None, 20)
    assert lines[0] == "x" * 16 + "…  3"
