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

from sandbox.slack import ANY, Answer, Forgery, Impossible
from sandbox.slack.signing import sign


@pytest.fixture
async def heard(house):
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
    house.workspace.app.request_url = f"http://127.0.0.1:{port}/slack/events"
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


async def test_each_channel_takes_a_burst_and_then_a_message_a_second(house, clock):
    """An app without an outbox must notice."""
    house.workspace.pacing.enabled = True
    post = house.client.chat_postMessage
    for _ in range(4):
        await post(channel=house.stock.id, text="x")
    with pytest.raises(SlackApiError) as caught:
        await post(channel=house.stock.id, text="x")
    response = caught.value.response
    assert (response.status_code, response.headers["Retry-After"]) == (429, "1")
    clock.now += 1
    await post(channel=house.stock.id, text="x")
    for _ in range(30):
        clock.now += 1
        await post(channel=house.stock.id, text="x")
    assert len(house.workspace.messages(house.stock)) == 35


async def test_each_method_has_its_tier(house, clock):
    """usergroups.users.list may be asked twenty times a minute, so it is cached."""
    house.workspace.pacing.enabled = True
    group = house.workspace.group("ops")
    ask = house.client.usergroups_users_list
    for _ in range(20):
        clock.now += 1
        await ask(usergroup=group.id)
    with pytest.raises(SlackApiError) as caught:
        await ask(usergroup=group.id)
    assert caught.value.response.headers["Retry-After"] == "41"
    clock.now += 41
    await ask(usergroup=group.id)


async def respond(house, url, **more):
    """Return status and answer of a response address."""
    told = await AsyncWebhookClient(url).send_dict(more)
    return told.status_code, json.loads(told.body)


async def test_a_response_address_takes_five_answers_in_half_an_hour(house, heard, clock):
    """Slower work has to find another way to answer."""
    deed = await house.workspace.command(house.ann, "/tipo status", channel=house.stock)
    for _ in range(5):
        assert await respond(house, deed.response_url, text="x") == (200, {"ok": True})
    spent = await respond(house, deed.response_url, text="x")
    late = await house.workspace.command(house.ann, "/tipo status", channel=house.stock)
    clock.now += 1801
    expired = await respond(house, late.response_url, text="x")
    unknown = await respond(house, late.response_url + "0", text="x")
    assert [spent, expired, unknown] == [
        (404, {"ok": False, "error": "used_url"}),
        (404, {"ok": False, "error": "expired_url"}),
        (404, {"ok": False, "error": "invalid_url"}),
    ]


async def posted(house):
    """Return a message with a button."""
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    blocks = [{"type": "actions", "block_id": "v1", "elements": [button]}]
    await house.client.chat_postMessage(channel=house.stock.id, text="Go?", blocks=blocks)
    return house.workspace.messages(house.stock)[-1]


async def test_an_answer_replaces_deletes_or_stands_beside(house, heard):
    """Each way of answering a click, as its words say."""
    message = await posted(house)
    deed = await house.workspace.click(house.ann, message, "go")
    url = deed.response_url
    await respond(house, url, text="for ann", replace_original=False)
    await respond(house, url, text="for all", replace_original=False, response_type="in_channel")
    assert [each.text for each in house.workspace.ephemerals(house.ann)] == ["for ann"]
    assert [each.text for each in house.workspace.messages(house.stock)] == ["Go?", "for all"]
    await respond(house, url, text="Done", replace_original=True)
    assert [each.text for each in message.versions] == ["Go?", "Done"]
    await respond(house, url, delete_original=True)
    assert [each.text for each in house.workspace.messages(house.stock)] == ["for all"]
    wrong = await respond(house, url, blocks=[{"type": "poem"}], response_type="ephemeral")
    assert (wrong[0], wrong[1]["error"]) == (400, "invalid_blocks")


async def test_an_answer_that_does_not_say_which_replaces(house, heard):
    """Sources disagree, so an app that means something else has to say so."""
    message = await posted(house)
    deed = await house.workspace.click(house.ann, message, "go")
    await respond(house, deed.response_url, text="Done")
    assert [each.text for each in message.versions] == ["Go?", "Done"]


async def test_faults_come_by_chance_with_the_workspaces_own_luck(house):
    """The same seed breaks the same calls."""
    house.workspace.faults.chances = {Answer.ERROR_BEFORE: 0.3, Answer.RATE_LIMITED: 0.2}
    seen = []
    for _ in range(40):
        try:
            seen.append((await house.client.auth_test()).status_code)
        except SlackApiError as refused:
            seen.append(refused.response.status_code)
    assert {status: seen.count(status) > 3 for status in set(seen)} == {
        200: True,
        429: True,
        500: True,
    }


@pytest.mark.parametrize("fault", [Answer.DROP_BEFORE, Answer.ERROR_BEFORE, Answer.HTML])
async def test_what_fails_before_leaves_nothing(house, fault):
    """The app may send again without a second message."""
    house.workspace.faults.once("chat.postMessage", fault)
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await house.client.chat_postMessage(channel="stock", text="x")
    assert house.workspace.messages(house.stock) == []
    await house.client.chat_postMessage(channel="stock", text="x")
    assert len(house.workspace.messages(house.stock)) == 1


@pytest.mark.parametrize("fault", [Answer.DROP_AFTER, Answer.ERROR_AFTER])
async def test_a_lost_answer_leaves_the_message(house, fault):
    """No answer is not "it failed": the message stands in the channel."""
    house.workspace.faults.once(ANY, fault)
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await house.client.chat_postMessage(channel="stock", text="x")
    assert len(house.workspace.messages(house.stock)) == 1


async def test_slack_is_down_for_as_long_as_the_clock_says(house, clock):
    """An hour's outage, played in no time."""
    house.workspace.faults.down_for(3600, clock)
    with pytest.raises(aiohttp.ClientError):
        await house.client.auth_test()
    clock.now += 3600
    assert (await house.client.auth_test())["ok"]


async def test_slack_may_refuse_or_limit_any_method_on_demand(house):
    """Rare words of Slack's can be said at will."""
    house.workspace.faults.refuse["chat.postMessage"] = "restricted_action"
    house.workspace.faults.always["auth.test"] = Answer.RATE_LIMITED
    house.workspace.faults.retry_after = 30
    with pytest.raises(SlackApiError, match="restricted_action"):
        await house.client.chat_postMessage(channel="stock", text="x")
    with pytest.raises(SlackApiError) as caught:
        await house.client.auth_test()
    assert caught.value.response.headers["Retry-After"] == "30"


async def test_a_slow_answer_comes_late_but_the_deed_is_done(house):
    """What waits for Slack must not hold up anything else."""
    house.workspace.faults.slow_for = 0.02
    house.workspace.faults.once("chat.postMessage", Answer.SLOW)
    assert (await house.client.chat_postMessage(channel="stock", text="x"))["ok"]


async def test_a_click_carries_what_slack_sends(house, heard):
    """A payload that differs from Slack's would prove nothing."""
    message = await posted(house)
    await house.workspace.click(house.bob, message, "go")
    sent = payload(heard[0][1])
    assert sent["user"] == {
        "id": house.bob.id,
        "username": "bob",
        "name": "bob",
        "team_id": house.workspace.state.team_id,
    }
    assert sent["container"] == {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": house.stock.id,
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


async def test_ten_clicks_are_ten_requests_with_triggers_of_their_own(house, heard):
    """Slack sends an event for each click; only the app can count to one."""
    message = await posted(house)
    people = [house.ann, house.bob] * 5
    deeds = await house.workspace.click_all(people, message, "go")
    assert all(deed.acked for deed in deeds)
    assert len({deed.trigger_id for deed in deeds}) == len(heard) == 10


async def test_a_replay_is_the_same_to_the_byte_and_a_retry_is_marked(house, heard):
    """Signatures are not used up, and events come again."""
    message = await posted(house)
    click = await house.workspace.click(house.ann, message, "go")
    await house.workspace.replay(click)
    event = await house.workspace.open_home(house.ann)
    await house.workspace.retry(event, 2)
    (first, second, opened, again) = heard
    assert first == second
    assert opened[1] == again[1]
    assert "X-Slack-Retry-Num" not in opened[0]
    assert (again[0]["X-Slack-Retry-Num"], again[0]["X-Slack-Retry-Reason"]) == (
        "2",
        "http_timeout",
    )


async def test_nobody_clicks_what_they_cannot_see(house, heard):
    """Honest people go through Slack's window; others send raw clicks."""
    message = await posted(house)
    with pytest.raises(Impossible, match="eve does not see that"):
        await house.workspace.click(house.eve, message, "go")
    with pytest.raises(Impossible, match="there are: go"):
        await house.workspace.click(house.ann, message, "stop")
    stranger = house.workspace.person("mallory", team_id="T666")
    await house.workspace.click_raw(
        stranger, message, {"action_id": "go", "value": "guess"}, forgery=Forgery(age=10)
    )
    sent = payload(heard[0][1])
    assert (sent["user"]["team_id"], sent["actions"][0]["value"]) == ("T666", "guess")


async def test_a_choice_is_one_of_the_options_and_stays_chosen(house, heard):
    """What a menu holds comes along with the next click."""
    option = {"text": {"type": "plain_text", "text": "Berlin"}, "value": "101"}
    menu = {"type": "static_select", "action_id": "place", "options": [option]}
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    blocks = [{"type": "actions", "block_id": "b", "elements": [menu, button]}]
    await house.client.chat_postMessage(channel=house.stock.id, text="x", blocks=blocks)
    (message,) = house.workspace.messages(house.stock)
    with pytest.raises(Impossible, match="there is no option 'Rome'; there are: 101"):
        await house.workspace.select(house.ann, message, "place", "Rome")
    await house.workspace.select(house.ann, message, "place", "Berlin")
    await house.workspace.click(house.ann, message, "go")
    chosen = {"type": "static_select", "selected_option": option}
    assert payload(heard[0][1])["actions"][0]["selected_option"] == option
    assert payload(heard[1][1])["state"]["values"] == {"b": {"place": chosen}}
