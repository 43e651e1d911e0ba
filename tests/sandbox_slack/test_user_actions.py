"""What people do in modals, Home and channels, and what an app that answers oddly makes of it."""

import json
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from sandbox.slack import ImpossibleAction, SlackFault


class Scripted:
    """An app that says in its ack whatever it is told to say."""

    def __init__(self):
        self.say = ""
        self.status = 200
        self.heard = []

    async def endpoint(self, request):
        body = (await request.read()).decode()
        if request.content_type == "application/json":
            self.heard.append(json.loads(body))
        else:
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.heard.append(json.loads(form["payload"]) if "payload" in form else form)
        if isinstance(self.say, dict):
            return web.json_response(self.say, status=self.status)
        return web.Response(text=self.say, status=self.status)


@pytest.fixture
async def app(harness):
    scripted = Scripted()
    served = web.Application()
    served.router.add_post("/slack/events", scripted.endpoint)
    runner = web.AppRunner(served, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    harness.workspace.app.request_url = f"http://127.0.0.1:{port}/slack/events"
    yield scripted
    await runner.cleanup()


def plain(text):
    return {"type": "plain_text", "text": text}


def field(block_id, element, **more):
    labelled = {"type": "input", "block_id": block_id, "label": plain(block_id)}
    return {**labelled, "element": {"action_id": "a", **element}, **more}


OPTIONS = [{"text": plain(name), "value": name} for name in ("eu", "us")]
MODAL = {
    "type": "modal",
    "title": plain("Places"),
    "submit": plain("Save"),
    "notify_on_close": True,
    "private_metadata": "7",
    "blocks": [
        field("name", {"type": "plain_text_input", "min_length": 2, "max_length": 5}),
        field(
            "units",
            {"type": "number_input", "is_decimal_allowed": False, "max_value": "9"},
            optional=True,
        ),
        field("stores", {"type": "checkboxes", "options": OPTIONS}, optional=True),
        field(
            "place",
            {"type": "static_select", "options": OPTIONS, "initial_option": OPTIONS[0]},
        ),
        field("who", {"type": "users_select"}, optional=True),
        field("day", {"type": "datepicker"}, optional=True),
    ],
}


async def opened(harness, view=MODAL):
    """Return a modal in front of ann."""
    trigger = harness.workspace.api.new_trigger(harness.ann.id)
    await harness.client.views_open(trigger_id=trigger, view=view)
    return harness.workspace.modal(harness.ann)


async def test_a_submission_tells_every_input_and_closes_the_modal(harness, app):
    """What is empty is told as empty, what was preset as preset."""
    modal = await opened(harness)
    values = {"name": "Berl", "units": "3", "stores": ["us"], "day": "2025-11-23"}
    interaction = await harness.workspace.submit(harness.ann, modal, values)
    assert (interaction.acked, modal.open, harness.workspace.modal(harness.ann)) == (
        True,
        False,
        None,
    )
    (heard,) = app.heard
    assert heard["view"]["private_metadata"] == "7"
    assert heard["view"]["state"]["values"] == {
        "name": {"a": {"type": "plain_text_input", "value": "Berl"}},
        "units": {"a": {"type": "number_input", "value": "3"}},
        "stores": {"a": {"type": "checkboxes", "selected_options": [OPTIONS[1]]}},
        "place": {"a": {"type": "static_select", "selected_option": OPTIONS[0]}},
        "who": {"a": {"type": "users_select", "selected_user": None}},
        "day": {"a": {"type": "datepicker", "selected_date": "2025-11-23"}},
    }


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "please fill out 'name'"),
        ({"name": "x"}, "2 to 5 characters, not 1"),
        ({"name": "abc", "units": "many"}, "'many' is not a number"),
        ({"name": "abc", "units": "1.5"}, "'1.5' is not a number"),
        ({"name": "abc", "units": "10"}, "10 is not between None and 9"),
        ({"name": "abc", "stores": ["fr"]}, "there is no option 'fr'; there are: eu, us"),
        ({"nam": "abc"}, "there is no input 'nam'; there are: name, units"),
        ({"name": "abc", "place": None}, "please fill out 'place'"),
    ],
    ids=["empty", "short", "words", "decimals", "too much", "no option", "no input", "unchosen"],
)
async def test_slacks_window_lets_nobody_submit_nonsense(harness, app, values, words):
    """The app never hears of it, so it must not rely on it either."""
    modal = await opened(harness)
    with pytest.raises(ImpossibleAction, match=words.replace("(", "\\(")):
        await harness.workspace.submit(harness.ann, modal, values)
    assert app.heard == []


RENAMED = {**MODAL, "blocks": [{**MODAL["blocks"][0], "block_id": "name.v2"}]}
REDRAWN = {**MODAL, "title": plain("Places 2")}


async def test_an_ack_may_redraw_cover_or_clear(harness, app):
    """Every way in which a modal may go on; what was typed stays."""
    workspace, ann = harness.workspace, harness.ann
    modal = await opened(harness)
    app.say = {"response_action": "update", "view": REDRAWN}
    await workspace.submit(ann, modal, {"name": "abc"})
    assert (modal.title, modal.entered["name"]["a"]["value"]) == ("Places 2", "abc")
    app.say = {"response_action": "push", "view": MODAL}
    await workspace.submit(ann, modal)
    above = workspace.modal(ann)
    assert (above.previous, above.root) == (modal.id, modal.id)
    with pytest.raises(ImpossibleAction, match="no such modal in front"):
        await workspace.submit(ann, modal)
    app.say = {"response_action": "clear"}
    await workspace.submit(ann, above, {"name": "abc"})
    assert workspace.modal(ann) is None


@pytest.mark.parametrize(
    "said",
    [
        {"response_action": "errors", "errors": {"nowhere": "x"}},
        {"response_action": "update", "view": {"type": "modal"}},
        {"response_action": "sing"},
        "fine",
    ],
    ids=["error at no input", "wrong view", "unknown action", "words"],
)
async def test_an_ack_that_slack_cannot_use_is_trouble(harness, app, said):
    """The modal stays, and the person reads that something went wrong."""
    modal = await opened(harness)
    app.say = said
    interaction = await harness.workspace.submit(harness.ann, modal, {"name": "abc"})
    assert (interaction.failed, modal.open) == ("We had some trouble connecting. Try again?", True)
    assert interaction.failed in harness.workspace.transcript()


async def test_a_new_block_id_empties_the_input(harness, app):
    """This is how an app throws away what was typed."""
    modal = await opened(harness)
    app.say = {"response_action": "update", "view": RENAMED}
    await harness.workspace.submit(harness.ann, modal, {"name": "abc"})
    assert not any(modal.entered.values())
    with pytest.raises(ImpossibleAction, match="please fill out 'name'"):
        await harness.workspace.submit(harness.ann, modal)


async def test_closing_a_modal_is_told_to_who_wants_to_know(harness, app):
    """A draft may be thrown away then."""
    modal = await opened(harness)
    interaction = await harness.workspace.close(harness.ann, modal)
    assert (interaction.acked, modal.open) == (True, False)
    assert (app.heard[0]["type"], app.heard[0]["is_cleared"]) == ("view_closed", False)
    quiet = {name: value for name, value in MODAL.items() if name != "notify_on_close"}
    assert await harness.workspace.close(harness.ann, await opened(harness, quiet)) is None
    assert len(app.heard) == 1


async def test_what_a_command_is_acked_with_is_shown(harness, app):
    """As text or as a message, to one or to all; nonsense is a failure."""
    workspace, ann, stock = harness.workspace, harness.ann, harness.stock
    app.say = "On it."
    first = await workspace.command(ann, "/tipo status", channel=stock)
    app.say = {"response_type": "in_channel", "text": "For all"}
    second = await workspace.command(ann, "/tipo status", channel=stock)
    app.say = {"blocks": [{"type": "poem"}]}
    third = await workspace.command(ann, "/tipo status", channel=stock)
    assert first.ephemeral_replies()[0].text == "On it."
    assert [each.text for each in workspace.messages(stock)] == ["For all"]
    assert (second.acked, third.failed) == (True, "/tipo failed: invalid_blocks")


async def test_a_click_without_an_answer_is_shown_as_such(harness, app):
    """A person who reads nothing clicks again."""
    app.status = 500
    button = {"type": "button", "action_id": "go", "text": plain("Go")}
    blocks = [{"type": "actions", "elements": [button]}]
    await harness.client.chat_postMessage(channel="stock", text="x", blocks=blocks)
    (message,) = harness.workspace.messages(harness.stock)
    interaction = await harness.workspace.click(harness.ann, message, "go")
    assert (interaction.status, interaction.failed) == (
        500,
        "This app is not responding. Try again in a moment.",
    )
    assert [each.text for each in interaction.ephemeral_replies()] == [interaction.failed]


async def test_a_click_at_an_ephemeral_message_does_not_tell_its_content(harness, app):
    """Nor does Slack: the app has to know what it said."""
    button = {"type": "button", "action_id": "go", "text": plain("Go")}
    blocks = [{"type": "actions", "elements": [button]}]
    ann, stock = harness.ann, harness.stock
    await harness.client.chat_postEphemeral(channel=stock.id, user=ann.id, text="x", blocks=blocks)
    (message,) = harness.workspace.ephemerals(ann)
    with pytest.raises(ImpossibleAction, match="bob does not see that"):
        await harness.workspace.click(harness.bob, message, "go")
    await harness.workspace.click(ann, message, "go")
    assert ("message" in app.heard[0], app.heard[0]["container"]["is_ephemeral"]) == (False, True)


async def test_the_app_hears_only_what_it_subscribed_to(harness, app):
    """Without the subscription people's talk is theirs alone."""
    workspace = harness.workspace
    await workspace.say(harness.ann, harness.stock, "Hello")
    workspace.app.events |= {"message.channels", "app_mention"}
    await workspace.say(harness.ann, harness.stock, "No scope to read it")
    assert app.heard == []
    workspace.app.scopes |= {"channels:history"}
    await workspace.say(harness.ann, harness.stock, f"<@{workspace.bot.id}> help")
    assert [each["event"]["type"] for each in app.heard] == ["message", "app_mention"]
    with pytest.raises(ImpossibleAction, match="eve cannot write in #stock"):
        await workspace.say(harness.eve, harness.stock, "Hello")
    with pytest.raises(ImpossibleAction, match="/nope is not a valid command"):
        await workspace.command(harness.ann, "/nope", channel=harness.stock)


async def test_a_direct_message_is_no_mention_and_the_app_hears_itself(harness, app):
    """An app that answers every message answers itself, without end."""
    workspace, direct = harness.workspace, harness.workspace.direct_channel(harness.ann)
    await workspace.say(harness.ann, direct, f"<@{workspace.bot.id}> help")
    await harness.client.chat_postMessage(channel=direct.id, text="Hello")
    await workspace.until(lambda: len(app.heard) == 2)
    first, second = (each["event"] for each in app.heard)
    assert (first["type"], first["channel_type"], first["user"]) == (
        "message",
        "im",
        harness.ann.id,
    )
    assert (second["user"], "bot_id" in second, "bot_id" in first) == (
        workspace.bot.id,
        True,
        False,
    )


async def test_what_is_changed_and_deleted_is_an_event_of_its_own(harness, app):
    """An app that reads only `text` would do again what was corrected."""
    workspace, direct = harness.workspace, harness.workspace.direct_channel(harness.ann)
    said = await workspace.say(harness.ann, direct, "help")
    await workspace.edit(harness.ann, said, "halp")
    await workspace.remove(harness.ann, said)
    told = [each["event"].get("subtype") for each in app.heard]
    assert told == [None, "message_changed", "message_deleted"]
    there = await workspace.say(harness.ann, harness.stock, "help")
    await workspace.edit(harness.ann, there, f"<@{workspace.bot.id}> help")
    assert "edited" in app.heard[-1]["event"]


async def test_whoever_is_invited_is_an_event(harness, app):
    """The bot itself, too."""
    workspace = harness.workspace
    lonely = workspace.add_channel("lonely", [harness.ann], bot=False)
    assert await workspace.invite(harness.bob, lonely) is None
    await workspace.invite(workspace.bot, lonely, by=harness.ann)
    event = app.heard[-1]["event"]
    assert (event["type"], event["channel"], event["channel_type"]) == (
        *("member_joined_channel", lonely.id, "C"),
    )
    assert (event["user"], event["inviter"]) == (workspace.bot.id, harness.ann.id)


async def test_anything_at_all_can_be_sent_to_the_app(harness, app):
    """Strangers on the internet keep to no protocol."""
    interaction = await harness.workspace.send(b"command=x", {"Content-Type": "text/plain"})
    assert (interaction.status, app.heard) == (200, [{"command": "x"}])


async def test_slack_can_be_down_while_people_still_click(harness, app):
    """Requests reach the app although its own calls fail."""
    harness.workspace.faults.always["*"] = SlackFault.ERROR_BEFORE
    interaction = await harness.workspace.command(harness.ann, "/tipo x", channel=harness.stock)
    assert interaction.acked


async def test_waiting_for_what_never_comes_ends(harness):
    """No test may hang."""
    with pytest.raises(TimeoutError):
        await harness.workspace.until(lambda: False, within=0.01)
