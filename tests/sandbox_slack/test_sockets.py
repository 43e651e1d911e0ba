"""Socket Mode, to the frame: tickets, the limit of ten, one socket for each payload."""

import asyncio

import aiohttp
import pytest

from tests.sandbox_slack.conftest import client_of


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


async def connect(harness, session):
    harness.workspace.app.socket_mode = True
    client = client_of(harness.workspace, harness.workspace.app.app_token)
    told = await client.apps_connections_open(app_token=harness.workspace.app.app_token)
    return await session.ws_connect(told["url"])


async def test_a_socket_greets_and_its_address_works_once(harness, session):
    """A second process must ask for its own."""
    harness.workspace.app.socket_mode = True
    client = client_of(harness.workspace, harness.workspace.app.app_token)
    url = (await client.apps_connections_open(app_token=harness.workspace.app.app_token))["url"]
    socket = await session.ws_connect(url)
    assert await socket.receive_json(timeout=1) == {
        "type": "hello",
        "num_connections": 1,
        "connection_info": {"app_id": "A00000001"},
    }
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await session.ws_connect(url)


async def test_the_eleventh_socket_is_turned_away(harness, session):
    """Slack allows ten."""
    sockets = [await connect(harness, session) for _ in range(11)]
    for socket in sockets[:10]:
        assert (await socket.receive_json(timeout=1))["type"] == "hello"
    assert await sockets[10].receive_json(timeout=1) == {
        "type": "disconnect",
        "reason": "too_many_websockets",
    }
    assert len(harness.workspace.sockets.open) == 10


async def test_each_payload_goes_to_one_socket_and_takes_its_answer_from_the_ack(harness, session):
    """Two processes share the work; what one says with its ack is shown."""
    workspace = harness.workspace
    sockets = [await connect(harness, session) for _ in range(2)]
    for socket in sockets:
        await socket.receive_json(timeout=1)

    async def act(socket):
        envelope = await socket.receive_json(timeout=1)
        said = {"envelope_id": envelope["envelope_id"], "payload": {"text": "Fine."}}
        await socket.send_str("not json")
        await socket.send_json(said)
        return envelope

    envelopes = []
    for turn in (1, 0):
        sending = workspace.command(harness.ann, "/tipo status", channel=harness.stock)
        interaction, envelope = await asyncio.gather(sending, act(sockets[turn]))
        assert (interaction.acked, interaction.status, interaction.ephemeral_replies()[0].text) == (
            True,
            None,
            "Fine.",
        )
        envelopes.append(envelope)
    assert [(each["type"], each["accepts_response_payload"]) for each in envelopes] == [
        ("slash_commands", True),
        ("slash_commands", True),
    ]


async def test_without_a_socket_the_command_fails_at_once(harness):
    """The person need not wait three seconds for nobody."""
    harness.workspace.app.socket_mode = True
    interaction = await harness.workspace.command(harness.ann, "/tipo x", channel=harness.stock)
    assert interaction.failed == '/tipo failed with the error "dispatch_failed"'
