"""Rate limits, response addresses, broken answers, forged and repeated requests."""

import json
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.webhook.async_client import AsyncWebhookClient

from sandbox.slack import ANY, Forgery, ImpossibleAction, SlackFault
from sandbox.slack.signing import sign


@pytest.fixture
async def heard(harness):
    """An app that acks everything and keeps what it was sent."""
    kept = []

    async def endpoint(request):
        kept.append((dict(request.headers), await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/slack/events", endpoint)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    harness.workspace.app.request_url = f"http://127.0.0.1:{port}/slack/events"
    yield kept
    await runner.cleanup()


def payload(body):
    return json.loads(parse_qs(body.decode())["payload"][0])


@given(st.text(min_size=1).filter(str.strip), st.integers(0, 2**33), st.binary())
def test_the_signature_is_slacks(secret, timestamp, body):
    """slack_sdk's signer is not ours: it is the oracle."""
    text = body.decode("utf-8", "replace")
    theirs = SignatureVerifier(secret).generate_signature(timestamp=str(timestamp), body=text)
    assert sign(secret, str(timestamp), text.encode()) == theirs


async def test_each_channel_takes_a_burst_and_then_a_message_a_second(harness, clock):
    """An app without an outbox must notice."""
    harness.workspace.rate_limiter.enabled = True
    post = harness.client.chat_postMessage
    for _ in range(4):
        await post(channel=harness.stock.id, text="x")
    with pytest.raises(SlackApiError) as caught:
        await post(channel=harness.stock.id, text="x")
    response = caught.value.response
    assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
    clock.now += 1
    await post(channel=harness.stock.id, text="x")
    for _ in range(30):
        clock.now += 1
        await post(channel=harness.stock.id, text="x")
    assert len(harness.workspace.messages(harness.stock)) == 35


async def test_each_method_has_its_tier(harness, clock):
    """usergroups.users.list may be asked twenty times a minute, so it is cached."""
    harness.workspace.rate_limiter.enabled = True
    group = harness.workspace.add_group("ops")
    ask = harness.client.usergroups_users_list
    for _ in range(20):
        clock.now += 1
        await ask(usergroup=group.id)
    with pytest.raises(SlackApiError) as caught:
        await ask(usergroup=group.id)
    assert caught.value.response.headers["Retry-After"] == "41"
    clock.now += 41
    await ask(usergroup=group.id)


async def respond(harness, url, **more):
    """Return status and answer of a response address."""
    told = await AsyncWebhookClient(url).send_dict(more)
    return told.status_code, json.loads(told.body)


async def test_a_response_address_takes_five_answers_in_half_an_hour(harness, heard, clock):
    """Slower work has to find another way to answer."""
    interaction = await harness.workspace.command(
        harness.ann, "/tipo status", channel=harness.stock
    )
    for _ in range(5):
        assert await respond(harness, interaction.response_url, text="x") == (200, {"ok": True})
    spent = await respond(harness, interaction.response_url, text="x")
    late = await harness.workspace.command(harness.ann, "/tipo status", channel=harness.stock)
    clock.now += 1801
    expired = await respond(harness, late.response_url, text="x")
    unknown = await respond(harness, late.response_url + "0", text="x")
    assert [spent, expired, unknown] == [
        (404, {"ok": False, "error": "used_url"}),
        (404, {"ok": False, "error": "expired_url"}),
        (404, {"ok": False, "error": "invalid_url"}),
    ]


async def posted(harness):
    """Return a message with a button."""
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    blocks = [{"type": "actions", "block_id": "v1", "elements": [button]}]
    await harness.client.chat_postMessage(channel=harness.stock.id, text="Go?", blocks=blocks)
    return harness.workspace.messages(harness.stock)[-1]


async def test_an_answer_replaces_deletes_or_stands_beside(harness, heard):
    """Each way of answering a click, as its words say."""
    message = await posted(harness)
    interaction = await harness.workspace.click(harness.ann, message, "go")
    url = interaction.response_url
    await respond(harness, url, text="for ann", replace_original=False)
    await respond(harness, url, text="for all", replace_original=False, response_type="in_channel")
    assert [each.text for each in harness.workspace.ephemerals(harness.ann)] == ["for ann"]
    assert [each.text for each in harness.workspace.messages(harness.stock)] == ["Go?", "for all"]
    await respond(harness, url, text="Done", replace_original=True)
    assert [each.text for each in message.versions] == ["Go?", "Done"]
    await respond(harness, url, delete_original=True)
    assert [each.text for each in harness.workspace.messages(harness.stock)] == ["for all"]
    wrong = await respond(harness, url, blocks=[{"type": "poem"}], response_type="ephemeral")
    assert (wrong[0], wrong[1]["error"]) == (400, "invalid_blocks")


async def test_an_answer_that_does_not_say_which_replaces(harness, heard):
    """Sources disagree, so an app that means something else has to say so."""
    message = await posted(harness)
    interaction = await harness.workspace.click(harness.ann, message, "go")
    await respond(harness, interaction.response_url, text="Done")
    assert [each.text for each in message.versions] == ["Go?", "Done"]


async def test_faults_come_by_chance_with_the_workspaces_own_luck(harness):
    """The same seed breaks the same calls."""
    harness.workspace.faults.chances = {SlackFault.ERROR_BEFORE: 0.3, SlackFault.RATE_LIMITED: 0.2}
    seen = []
    for _ in range(40):
        try:
            seen.append((await harness.client.auth_test()).status_code)
        except SlackApiError as refused:
            seen.append(refused.response.status_code)
    assert {status: seen.count(status) > 3 for status in set(seen)} == {
        200: True,
        429: True,
        500: True,
    }


@pytest.mark.parametrize(
    "fault", [SlackFault.DROP_BEFORE, SlackFault.ERROR_BEFORE, SlackFault.HTML]
)
async def test_what_fails_before_leaves_nothing(harness, fault):
    """The app may send again without a second message."""
    harness.workspace.faults.once("chat.postMessage", fault)
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await harness.client.chat_postMessage(channel="stock", text="x")
    assert harness.workspace.messages(harness.stock) == []
    await harness.client.chat_postMessage(channel="stock", text="x")
    assert len(harness.workspace.messages(harness.stock)) == 1


@pytest.mark.parametrize("fault", [SlackFault.DROP_AFTER, SlackFault.ERROR_AFTER])
async def test_a_lost_answer_leaves_the_message(harness, fault):
    """No answer is not "it failed": the message stands in the channel."""
    harness.workspace.faults.once(ANY, fault)
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await harness.client.chat_postMessage(channel="stock", text="x")
    assert len(harness.workspace.messages(harness.stock)) == 1


async def test_slack_is_down_for_as_long_as_the_clock_says(harness, clock):
    """An hour's outage, played in no time."""
    harness.workspace.faults.down_for(3600, clock)
    with pytest.raises(aiohttp.ClientError):
        await harness.client.auth_test()
    clock.now += 3600
    assert (await harness.client.auth_test())["ok"]


async def test_slack_may_refuse_or_limit_any_method_on_demand(harness):
    """Rare words of Slack's can be said at will."""
    harness.workspace.faults.refuse["chat.postMessage"] = "restricted_action"
    harness.workspace.faults.always["auth.test"] = SlackFault.RATE_LIMITED
    harness.workspace.faults.retry_after = 30
    with pytest.raises(SlackApiError, match="restricted_action"):
        await harness.client.chat_postMessage(channel="stock", text="x")
    with pytest.raises(SlackApiError) as caught:
        await harness.client.auth_test()
    assert caught.value.response.headers["Retry-After"] == "30"


async def test_a_slow_answer_comes_late_but_the_deed_is_done(harness):
    """What waits for Slack must not hold up anything else."""
    harness.workspace.faults.slow_for = 0.02
    harness.workspace.faults.once("chat.postMessage", SlackFault.SLOW)
    assert (await harness.client.chat_postMessage(channel="stock", text="x"))["ok"]


async def test_a_click_carries_what_slack_sends(harness, heard):
    """A payload that differs from Slack's would prove nothing."""
    message = await posted(harness)
    await harness.workspace.click(harness.bob, message, "go")
    sent = payload(heard[0][1])
    assert sent["user"] == {
        "id": harness.bob.id,
        "username": "bob",
        "name": "bob",
        "team_id": harness.workspace.state.team_id,
    }
    assert sent["container"] == {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": harness.stock.id,
        "is_ephemeral": False,
    }
    assert sent["message"]["blocks"] == message.blocks
    (action,) = sent["actions"]
    assert action == {
        "type": "button",
        "action_id": "go",
        "block_id": "v1",
        "text": {"type": "plain_text", "text": "Go"},
        "action_ts": action["action_ts"],
    }


async def test_ten_clicks_are_ten_requests_with_triggers_of_their_own(harness, heard):
    """Slack sends an event for each click; only the app can count to one."""
    message = await posted(harness)
    people = [harness.ann, harness.bob] * 5
    deeds = await harness.workspace.click_all(people, message, "go")
    assert all(interaction.acked for interaction in deeds)
    assert len({interaction.trigger_id for interaction in deeds}) == len(heard) == 10


async def test_a_replay_is_the_same_to_the_byte_and_a_retry_is_marked(harness, heard):
    """Signatures are not used up, and events come again."""
    message = await posted(harness)
    click = await harness.workspace.click(harness.ann, message, "go")
    await harness.workspace.replay(click)
    event = await harness.workspace.open_home(harness.ann)
    await harness.workspace.retry(event, 2)
    (first, second, opened, again) = heard
    assert first == second
    assert opened[1] == again[1]
    assert "X-Slack-Retry-Num" not in opened[0]
    assert (again[0]["X-Slack-Retry-Num"], again[0]["X-Slack-Retry-Reason"]) == (
        "2",
        "http_timeout",
    )


async def test_nobody_clicks_what_they_cannot_see(harness, heard):
    """Honest people go through Slack's window; others send raw clicks."""
    message = await posted(harness)
    with pytest.raises(ImpossibleAction, match="eve does not see that"):
        await harness.workspace.click(harness.eve, message, "go")
    with pytest.raises(ImpossibleAction, match="there are: go"):
        await harness.workspace.click(harness.ann, message, "stop")
    stranger = harness.workspace.add_user("mallory", team_id="T666")
    await harness.workspace.click_raw(
        stranger, message, {"action_id": "go", "value": "guess"}, forgery=Forgery(age=10)
    )
    sent = payload(heard[0][1])
    assert (sent["user"]["team_id"], sent["actions"][0]["value"]) == ("T666", "guess")


async def test_a_choice_is_one_of_the_options_and_stays_chosen(harness, heard):
    """What a menu holds comes along with the next click."""
    option = {"text": {"type": "plain_text", "text": "Berlin"}, "value": "101"}
    menu = {"type": "static_select", "action_id": "place", "options": [option]}
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    blocks = [{"type": "actions", "block_id": "b", "elements": [menu, button]}]
    await harness.client.chat_postMessage(channel=harness.stock.id, text="x", blocks=blocks)
    (message,) = harness.workspace.messages(harness.stock)
    with pytest.raises(ImpossibleAction, match="there is no option 'Rome'; there are: 101"):
        await harness.workspace.select(harness.ann, message, "place", "Rome")
    await harness.workspace.select(harness.ann, message, "place", "Berlin")
    await harness.workspace.click(harness.ann, message, "go")
    chosen = {"type": "static_select", "selected_option": option}
    assert payload(heard[0][1])["actions"][0]["selected_option"] == option
    assert payload(heard[1][1])["state"]["values"] == {"b": {"place": chosen}}
