"""A real Bolt app talks with the workspace: commands, buttons, modals, Home, both ways in."""

import asyncio

import pytest

from sandbox.slack import Forgery, ImpossibleAction
from tests.sandbox_slack.conftest import app_of, by_http, by_socket

WAYS = {"http": by_http, "socket": by_socket}


@pytest.fixture(params=list(WAYS))
async def bolt(request, harness):
    app = app_of(harness.workspace)
    furnish(app)
    async with WAYS[request.param](harness.workspace, app):
        yield harness


def plain(text):
    return {"type": "plain_text", "text": text}


def button(action_id, text, value):
    return {"type": "button", "action_id": action_id, "text": plain(text), "value": value}


MODAL = {
    "type": "modal",
    "callback_id": "buffer",
    "title": plain("Buffer"),
    "submit": plain("Save"),
    "blocks": [
        {
            "type": "input",
            "block_id": "units",
            "label": plain("Units"),
            "element": {
                "type": "number_input",
                "action_id": "number",
                "is_decimal_allowed": False,
            },
        }
    ],
}


def furnish(app):
    @app.command("/tipo")
    async def tipo(ack, respond, command, client):
        await ack()
        if command["text"] == "ask":
            await client.chat_postMessage(
                channel=command["channel_id"],
                text="Write 3 units?",
                blocks=[
                    {
                        "type": "container",
                        "title": plain("1 product differs"),
                        "child_blocks": [
                            {
                                "type": "actions",
                                "block_id": "v1",
                                "elements": [button("approve", "Approve", "token")],
                            }
                        ],
                    }
                ],
            )
        else:
            await respond(f"heard {command['text']}")

    @app.action("approve")
    async def approve(ack, body, respond):
        await ack()
        who = body["user"]["id"]
        await respond(f"Approved by <@{who}>", replace_original=True)

    @app.action("edit")
    async def edit(ack, body, client):
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("buffer")
    async def buffer(ack, view):
        units = view["state"]["values"]["units"]["number"]["value"]
        if int(units) < 0:
            await ack(response_action="errors", errors={"units": "Not below zero."})
        else:
            await ack()

    @app.event("app_home_opened")
    async def home(event, client):
        await client.views_publish(
            user_id=event["user"],
            view={
                "type": "home",
                "blocks": [{"type": "actions", "elements": [button("edit", "Edit", "x")]}],
            },
        )


async def test_a_command_is_heard_and_answered_to_one_person(bolt):
    """Names, channels and signs arrive escaped, as they do from Slack."""
    interaction = await bolt.workspace.command(
        bolt.ann, "/tipo Tom & @bob in #stock", channel=bolt.stock
    )
    seen = await interaction.answer()
    assert interaction.acked
    assert (seen.text, seen.only_for) == (
        f"heard Tom &amp; <@{bolt.bob.id}|bob> in <#{bolt.stock.id}|stock>",
        bolt.ann.id,
    )
    assert bolt.workspace.ephemerals(bolt.bob) == []


async def test_a_button_inside_a_container_is_found_and_replaces_its_message(bolt):
    """What people click must reach the app, and its answer the message."""
    workspace = bolt.workspace
    interaction = await workspace.command(bolt.ann, "/tipo ask", channel=bolt.stock)
    question = await interaction.answer()
    click = await workspace.click(bolt.bob, question, "approve", value="token")
    await workspace.until(lambda: len(question.versions) == 2)
    assert click.acked
    assert (question.text, question.blocks) == (f"Approved by <@{bolt.bob.id}>", [])
    with pytest.raises(ImpossibleAction, match="no 'approve'"):
        await workspace.click(bolt.bob, question, "approve")
    again = await workspace.click(bolt.bob, question, "approve", version=0)
    assert again.acked  # an old screen still shows the button


async def test_a_modal_is_opened_corrected_and_submitted(bolt):
    """Errors stay beside the input; a good answer closes the modal."""
    workspace = bolt.workspace
    opened = await workspace.open_home(bolt.ann)
    home = await opened.modal()
    click = await workspace.click(bolt.ann, home, "edit")
    modal = await click.modal()
    assert modal.title == "Buffer"
    with pytest.raises(ImpossibleAction, match="Units"):
        await workspace.submit(bolt.ann, modal)
    wrong = await workspace.submit(bolt.ann, modal, {"units": "-2"})
    assert (wrong.acked, modal.errors) == (True, {"units": "Not below zero."})
    right = await workspace.submit(bolt.ann, modal, {"units": "2"})
    assert (right.acked, modal.open, workspace.modal(bolt.ann)) == (True, False, None)


async def test_an_unknown_command_is_a_failure_that_the_person_sees(harness):
    """Who gets no answer must at least see that."""
    app = app_of(harness.workspace)
    async with by_http(harness.workspace, app):
        interaction = await harness.workspace.command(harness.ann, "/tipo x", channel=harness.stock)
    assert (interaction.status, interaction.failed) == (
        404,
        '/tipo failed with the error "dispatch_failed"',
    )
    assert interaction.ephemeral_replies()[0].text == interaction.failed


async def test_three_seconds_without_an_ack_are_a_failure(harness):
    """Slack does not wait longer, whatever happens afterwards."""
    app = app_of(harness.workspace)

    @app.command("/tipo")
    async def tipo(ack):
        await asyncio.sleep(0.2)
        await ack()

    harness.workspace.sender.ack_timeout = 0.05
    async with by_http(harness.workspace, app):
        interaction = await harness.workspace.command(harness.ann, "/tipo x", channel=harness.stock)
    assert interaction.failed == '/tipo failed with the error "operation_timeout"'


@pytest.mark.parametrize(
    "forgery",
    [Forgery(secret="another"), Forgery(signature=""), Forgery(age=301), Forgery(timestamp="")],  # noqa: S106
    ids=["other secret", "no signature", "old", "no timestamp"],
)
async def test_a_forged_request_is_refused_by_bolt(harness, forgery):
    """The signature is made as Slack makes it, so what is wrong with it counts."""
    app = app_of(harness.workspace)
    furnish(app)
    async with by_http(harness.workspace, app):
        good = await harness.workspace.command(harness.ann, "/tipo x", channel=harness.stock)
        bad = await harness.workspace.command(
            harness.ann, "/tipo x", channel=harness.stock, forgery=forgery
        )
    assert (good.status, bad.status) == (200, 401)


async def test_a_socket_is_renewed_when_slack_asks(harness):
    """Slack asks every few hours; nothing may be lost by it."""
    workspace = harness.workspace
    app = app_of(workspace)
    furnish(app)
    async with by_socket(workspace, app):
        (first,) = workspace.sockets.open
        assert await workspace.sockets.refresh() == 1
        await workspace.until(
            lambda: workspace.sockets.open and first not in workspace.sockets.open
        )
        interaction = await workspace.command(harness.ann, "/tipo x", channel=harness.stock)
        assert (await interaction.answer()).text == "heard x"


async def test_a_silent_socket_delivers_nothing(harness):
    """It stays open and answers pings: only the missing envelopes give it away."""
    workspace = harness.workspace
    app = app_of(workspace)
    furnish(app)
    workspace.sender.ack_timeout = 0.05
    async with by_socket(workspace, app):
        workspace.faults.silent_sockets = True
        interaction = await workspace.command(harness.ann, "/tipo x", channel=harness.stock)
        assert (interaction.failed, len(workspace.sockets.open)) == (
            '/tipo failed with the error "operation_timeout"',
            1,
        )
