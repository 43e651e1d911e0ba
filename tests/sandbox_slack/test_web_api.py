"""The Web API as the real slack_sdk client meets it: what it gives, and how it refuses."""

import json

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from tests.sandbox_slack.conftest import client_of

SECTION = {"type": "section", "text": {"type": "plain_text", "text": "3 in Berlin"}}


def modal(**more):
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Places"},
        "blocks": [SECTION],
        **more,
    }


async def refusal(asked):
    """Return the answer with which Slack refuses."""
    with pytest.raises(SlackApiError) as caught:
        await asked
    return caught.value.response.data


async def error(asked):
    return (await refusal(asked))["error"]


async def test_the_token_says_who_it_is(harness):
    """Bolt asks this before the first handler runs."""
    told = await harness.client.auth_test()
    bot = harness.workspace.bot
    assert told.data == {
        "ok": True,
        "url": "https://urbanwear.slack.com/",
        "team": "urbanwear",
        "user": "tipo",
        "team_id": harness.workspace.state.team_id,
        "user_id": bot.id,
        "bot_id": "B00000001",
        "is_enterprise_install": False,
    }
    assert set(told.headers["x-oauth-scopes"].split(",")) == harness.workspace.app.scopes


async def test_a_message_is_posted_changed_and_deleted(harness):
    """Its ts is its name; text without blocks takes the blocks away."""
    client, workspace = harness.client, harness.workspace
    posted = await client.chat_postMessage(channel="#stock", text="3 differ", blocks=[SECTION])
    (message,) = workspace.messages(harness.stock)
    assert (posted["channel"], posted["ts"]) == (harness.stock.id, message.ts)
    assert [each["type"] for each in posted["message"]["blocks"]] == ["section"]
    await client.chat_update(channel=harness.stock.id, ts=message.ts, text="All equal")
    assert [(each.text, len(each.blocks)) for each in message.versions] == [
        ("3 differ", 1),
        ("All equal", 0),
    ]
    await client.chat_delete(channel=harness.stock.id, ts=message.ts)
    assert workspace.messages(harness.stock) == []
    gone = client.chat_update(channel=harness.stock.id, ts=message.ts, text="x")
    assert await error(gone) == "message_not_found"


async def test_timestamps_grow_even_when_the_clock_stands_still(harness):
    """A message is found by its ts: two must never share one."""
    told = [await harness.client.chat_postMessage(channel="stock", text="x") for _ in range(3)]
    stamps = [each["ts"] for each in told]
    assert stamps == ["1763899200.000000", "1763899200.000001", "1763899200.000002"]


async def test_words_without_blocks_are_enough_but_blocks_without_words_are_warned_about(harness):
    """Phones and screen readers have nothing but the words."""
    post = harness.client.api_call  # chat_postMessage warns by itself
    told = await post("chat.postMessage", json={"channel": "stock", "blocks": [SECTION]})
    assert told["warning"] == "missing_text_in_message"
    empty = post("chat.postMessage", json={"channel": "stock", "text": " "})
    assert await error(empty) == "no_text"


async def test_wrong_blocks_are_refused_with_the_place(harness):
    """Nothing is posted."""
    header = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}
    told = await refusal(
        harness.client.chat_postMessage(channel="stock", text="x", blocks=[header])
    )
    words = ["[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]"]
    assert (told["error"], told["response_metadata"]["messages"]) == ("invalid_blocks", words)
    assert harness.workspace.messages(harness.stock) == []


async def test_too_much_text_over_all_blocks_is_refused(harness):
    """Each block may be right, and the message still too long."""
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}] * 5
    posting = harness.client.chat_postMessage(channel="stock", text="x", blocks=blocks)
    assert await error(posting) == "msg_blocks_too_long"


async def test_long_text_is_cut_when_posted_and_refused_when_changed(harness):
    """Slack does the one at 40,000 and the other at 4,000."""
    posted = await harness.client.chat_postMessage(channel="stock", text="x" * 40_001)
    assert len(posted["message"]["text"]) == 40_000
    changing = harness.client.chat_update(
        channel=harness.stock.id, ts=posted["ts"], text="x" * 4001
    )
    assert await error(changing) == "msg_too_long"


async def test_channels_are_open_only_to_members(harness):
    """Each refusal has its own word, and its own remedy."""
    workspace, client = harness.workspace, harness.client
    workspace.add_channel("public", bot=False)
    workspace.add_channel("secret", bot=False, private=True)
    workspace.add_channel("old").archived = True
    found = {
        name: await error(client.chat_postMessage(channel=name, text="x"))
        for name in ("nowhere", "public", "secret", "old")
    }
    assert found == {
        "nowhere": "channel_not_found",
        "public": "not_in_channel",
        "secret": "channel_not_found",
        "old": "is_archived",
    }


async def test_an_ephemeral_message_is_for_one_member_and_never_read_back(harness):
    """Nobody else sees it, and it cannot be changed."""
    client, stock = harness.client, harness.stock
    told = await client.chat_postEphemeral(channel=stock.id, user=harness.ann.id, text="For you")
    assert [each.text for each in harness.workspace.ephemerals(harness.ann)] == ["For you"]
    assert harness.workspace.ephemerals(harness.bob) == harness.workspace.messages(stock) == []
    changing = client.chat_update(channel=stock.id, ts=told["message_ts"], text="x")
    assert await error(changing) == "message_not_found"
    stranger = client.chat_postEphemeral(channel=stock.id, user=harness.eve.id, text="x")
    assert await error(stranger) == "user_not_in_channel"


async def test_only_own_messages_change(harness):
    """What people say is theirs."""
    said = await harness.workspace.say(harness.ann, harness.stock, "Hello")
    changing = harness.client.chat_update(channel=harness.stock.id, ts=said.ts, text="x")
    deleting = harness.client.chat_delete(channel=harness.stock.id, ts=said.ts)
    assert [await error(changing), await error(deleting)] == [
        "cant_update_message",
        "cant_delete_message",
    ]


async def test_threads_hang_on_messages_that_stand(harness):
    """A reply to a reply, or to nothing, is a mistake of the app."""
    client, stock = harness.client, harness.stock.id
    parent = await client.chat_postMessage(channel=stock, text="12 differ")
    reply = await client.chat_postMessage(channel=stock, text="Jacket", thread_ts=parent["ts"])
    below = client.chat_postMessage(channel=stock, text="x", thread_ts=reply["ts"])
    nowhere = client.chat_postMessage(channel=stock, text="x", thread_ts="1.000000")
    assert [await error(below), await error(nowhere)] == [
        "cannot_reply_to_message",
        "thread_not_found",
    ]
    harness.workspace.app.scopes |= {"channels:history"}
    thread = await client.conversations_replies(channel=stock, ts=parent["ts"])
    history = await client.conversations_history(channel=stock)
    assert [each["text"] for each in thread["messages"]] == ["12 differ", "Jacket"]
    assert [(each["text"], each["reply_count"]) for each in history["messages"]] == [
        ("12 differ", 1)
    ]


async def test_metadata_is_told_only_to_who_asks(harness):
    """It helps to find a message again."""
    harness.workspace.app.scopes |= {"channels:history"}
    data = {"event_type": "tipo_incident", "event_payload": {"id": "7"}}
    await harness.client.chat_postMessage(channel="stock", text="x", metadata=data)
    read = harness.client.conversations_history
    (plain,) = (await read(channel=harness.stock.id))["messages"]
    (full,) = (await read(channel=harness.stock.id, include_all_metadata=True))["messages"]
    assert ("metadata" in plain, full["metadata"]) == (False, data)
    wrong = harness.client.chat_postMessage(channel="stock", text="x", metadata={"event_type": "x"})
    assert await error(wrong) == "invalid_metadata_schema"


async def test_tokens_and_scopes_are_checked_before_anything_else(harness):
    """Doctor tells people what is missing from just these words."""
    workspace = harness.workspace
    wrong = client_of(workspace, "xoxb-other")
    assert await error(wrong.auth_test()) == "invalid_auth"
    app_level = client_of(workspace, workspace.app.app_token)
    assert await error(app_level.chat_postMessage(channel="stock", text="x")) == (
        "not_allowed_token_type"
    )
    workspace.app.scopes = frozenset({"chat:write", "commands"})
    told = await refusal(harness.client.users_info(user=harness.ann.id))
    assert told == {
        "ok": False,
        "error": "missing_scope",
        "needed": "users:read",
        "provided": "chat:write,commands",
    }
    workspace.app.revoked.add(workspace.app.bot_token)
    assert await error(harness.client.auth_test()) == "token_revoked"
    url = f"{workspace.api_url}auth.test"
    async with aiohttp.ClientSession() as session, session.post(url) as response:
        told = (response.status, await response.json())
    assert told == (200, {"ok": False, "error": "not_authed"})


async def test_members_come_in_pages(harness):
    """An approver on the second page is an approver too."""
    crowd = harness.workspace.add_channel(
        "crowd", [harness.workspace.add_user(f"p{at}") for at in range(5)]
    )
    pages = await harness.client.conversations_members(channel=crowd.id, limit=4)
    found = [some["members"] async for some in pages]
    assert [len(each) for each in found] == [4, 2]
    assert [each for some in found for each in some] == crowd.members


async def test_user_groups_know_their_members_on_paid_plans(harness):
    """Approver rules by group must fail closed, so each failure has its word."""
    group = harness.workspace.add_group("ops", [harness.ann])
    ask = harness.client.usergroups_users_list
    assert (await ask(usergroup=group.id))["users"] == [harness.ann.id]
    assert await error(ask(usergroup="S404")) == "no_such_subteam"
    harness.workspace.state.paid = False
    assert await error(ask(usergroup=group.id)) == "plan_upgrade_required"


async def test_people_are_told_with_what_approvals_need(harness):
    """Guests, strangers, bots and the departed must not approve."""
    guest = harness.workspace.add_user("gus", is_guest=True, team_id="T9", deleted=True)
    told = (await harness.client.users_info(user=guest.id))["user"]
    assert {key: told[key] for key in ("team_id", "is_restricted", "deleted", "is_bot")} == {
        "team_id": "T9",
        "is_restricted": True,
        "deleted": True,
        "is_bot": False,
    }
    assert await error(harness.client.users_info(user="U404")) == "user_not_found"


async def test_a_file_is_uploaded_in_three_steps(harness):
    """files_upload_v2 is how exports reach the channel."""
    await harness.client.files_upload_v2(
        channel=harness.stock.id,
        filename="drift.csv",
        content="sku,units\n",
        initial_comment="Drift",
    )
    (message,) = harness.workspace.messages(harness.stock)
    (file,) = [harness.workspace.state.files[key] for key in message.files]
    assert (message.text, file.name, file.body) == ("Drift", "drift.csv", b"sku,units\n")


async def test_blocks_can_be_validated_without_posting(harness):
    """Slack's own authority, imitated: each error with its pointer."""
    bad = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}
    told = await refusal(harness.client.blocks_validate(blocks=[SECTION, bad]))
    assert (told["error"], told["errors"]) == (
        "invalid_blocks",
        [
            {
                "pointer": "/blocks/1/text/text",
                "code": "max_length",
                "message": "must be less than 151 characters",
                "constraint": {"max_length": 150},
            }
        ],
    )
    assert (await harness.client.blocks_validate(blocks=[SECTION]))["ok"]
    assert (await harness.client.blocks_validate(view=modal()))["ok"]


async def test_a_trigger_works_once_and_for_three_seconds(harness, clock):
    """A modal must be opened before the slow work."""
    api, open_ = harness.workspace.api, harness.client.views_open
    trigger = api.new_trigger(harness.ann.id)
    clock.now += 3.0
    await open_(trigger_id=trigger, view=modal())
    assert await error(open_(trigger_id=trigger, view=modal())) == "exchanged_trigger_id"
    late = api.new_trigger(harness.ann.id)
    clock.now += 3.1
    assert await error(open_(trigger_id=late, view=modal())) == "expired_trigger_id"
    assert await error(open_(trigger_id="1.2.x", view=modal())) == "invalid_trigger_id"


async def test_modals_stack_three_high(harness):
    """The fourth is refused, and only a modal can be covered by another."""
    api, client = harness.workspace.api, harness.client
    outside = api.new_trigger(harness.ann.id)
    assert await error(client.views_push(trigger_id=outside, view=modal())) == "not_found"
    opened = await client.views_open(trigger_id=api.new_trigger(harness.ann.id), view=modal())
    key = opened["view"]["id"]
    for _ in range(2):
        await client.views_push(trigger_id=api.new_trigger(harness.ann.id, key), view=modal())
    fourth = client.views_push(trigger_id=api.new_trigger(harness.ann.id, key), view=modal())
    assert await error(fourth) == "push_limit_reached"


async def test_a_view_is_changed_only_by_who_knows_its_newest_hash(harness):
    """Two workers drawing one Home must not undo each other."""
    client, ann = harness.client, harness.ann.id
    home = {"type": "home", "blocks": [SECTION]}
    first = (await client.views_publish(user_id=ann, view=home))["view"]
    await client.views_publish(user_id=ann, view=home, hash=first["hash"])
    late = client.views_publish(user_id=ann, view=home, hash=first["hash"])
    assert await error(late) == "hash_conflict"
    trigger = harness.workspace.api.new_trigger(ann)
    view = (await client.views_open(trigger_id=trigger, view=modal()))["view"]
    await client.views_update(view_id=view["id"], view=modal(callback_id="b"), hash=view["hash"])
    assert await error(client.views_update(view_id="V404", view=modal())) == "not_found"
    late = client.views_update(view_id=view["id"], view=modal(), hash=view["hash"])
    assert await error(late) == "hash_conflict"


async def test_a_view_weighs_at_most_250_kilobytes(harness):
    """A hundred long sections are right one by one, and too heavy together."""
    text = {"type": "plain_text", "text": "x" * 2600}
    home = {"type": "home", "blocks": [{"type": "section", "text": text}] * 100}
    assert await error(harness.client.views_publish(user_id=harness.ann.id, view=home)) == (
        "view_too_large"
    )


async def test_forms_with_json_inside_are_read_as_json(harness):
    """Older clients send blocks as text in a form."""
    form = {"channel": harness.stock.id, "text": "x", "blocks": json.dumps([SECTION])}
    form["token"] = harness.workspace.app.bot_token
    async with aiohttp.ClientSession() as session:
        url = f"{harness.workspace.api_url}chat.postMessage"
        async with session.post(url, data=form) as response:
            assert (await response.json())["ok"]
        async with session.post(url, data=form | {"blocks": "[{"}) as response:
            assert (await response.json())["error"] == "invalid_blocks_format"
        async with session.post(f"{harness.workspace.api_url}chat.sing", data=form) as response:
            assert (await response.json())["error"] == "unknown_method"
    (message,) = harness.workspace.messages(harness.stock)
    assert message.blocks[0]["text"] == SECTION["text"]


TABLE = {"type": "table", "rows": [[{"type": "raw_text", "text": "Product"}]]}
BOXED = {
    "type": "container",
    "title": {"type": "plain_text", "text": "More"},
    "child_blocks": [TABLE],
}


@pytest.mark.parametrize(
    "content",
    [
        {"blocks": [TABLE, TABLE]},
        {"blocks": [TABLE, BOXED]},
        {"blocks": [TABLE], "attachments": [{"blocks": [TABLE]}]},
    ],
    ids=["two", "one in a container", "one in an attachment"],
)
async def test_a_message_takes_one_table_and_no_second(harness, content):
    """Slack refuses the whole message for it, whichever way it is said."""
    client, stock, ann = harness.client, harness.stock.id, harness.ann.id
    posted = await client.chat_postMessage(channel=stock, text="one", blocks=[TABLE])
    two = {"text": "two", **content}
    for asked in (
        client.chat_postMessage(channel=stock, **two),
        client.chat_postEphemeral(channel=stock, user=ann, **two),
        client.chat_update(channel=stock, ts=posted["ts"], **two),
    ):
        told = await refusal(asked)
        assert told["error"] == "invalid_attachments"
        assert "only_one_table_allowed" in str(told["response_metadata"])
