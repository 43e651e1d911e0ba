"""What Slack sends to an app: commands, clicks, submissions, events. Pure."""

from typing import Any

from sandbox.slack.changes import rendered
from sandbox.slack.desk import Desk
from sandbox.slack.entering import state_of
from sandbox.slack.state import Channel, Message, Person, View
from sandbox.slack.views import tell

Payload = dict[str, Any]
VERIFICATION = "sandbox-verification"  # Slack's old token, which nobody should look at


def command(desk: Desk, person: Person, channel: Channel, words: tuple[str, str]) -> Payload:
    """Return the form of a slash command."""
    name, text = words
    return {
        "token": VERIFICATION,
        "team_id": desk.state.team_id,
        "team_domain": desk.state.domain,
        "channel_id": channel.id,
        "channel_name": "privategroup" if channel.private else channel.name,
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": desk.app.id,
        "is_enterprise_install": "false",
        "response_url": desk.new_response_url(person.id, channel.id, None, "commands"),
        "trigger_id": desk.new_trigger(person.id),
    }


def _common(desk: Desk, person: Person, in_view: str | None = None) -> Payload:
    return {
        "user": {
            "id": person.id,
            "username": person.name,
            "name": person.name,
            "team_id": person.team_id,
        },
        "api_app_id": desk.app.id,
        "token": VERIFICATION,
        "trigger_id": desk.new_trigger(person.id, in_view),
        "team": {"id": desk.state.team_id, "domain": desk.state.domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def click_at_message(
    desk: Desk, person: Person, message: Message, action: Payload, version: int
) -> Payload:
    """Return the payload of a click at a message, as it looked in that version."""
    channel = desk.state.channels[message.channel]
    container = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": message.only_for is not None,
    }
    payload = {
        "type": "block_actions",
        **_common(desk, person),
        "container": container,
        "channel": {"id": channel.id, "name": channel.name},
        "state": {"values": state_of(message.versions[version].blocks, message.entered)},
        "response_url": desk.new_response_url(person.id, channel.id, message, "actions"),
        "actions": [action],
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    if message.only_for is None:
        # Ephemeral messages are not told: the app has to remember what it said.
        payload["message"] = _as_it_was(desk, message, version)
    return payload


def _as_it_was(desk: Desk, message: Message, version: int) -> Payload:
    bot = {"user": desk.app.user_id, "bot": desk.app.bot_id, "app": desk.app.id}
    then = message.versions[version]
    return rendered(message, desk.state, bot) | {"text": then.text, "blocks": then.blocks}


def click_in_view(desk: Desk, person: Person, view: View, action: Payload) -> Payload:
    """Return the payload of a click in a modal or a Home."""
    return {
        "type": "block_actions",
        **_common(desk, person, view.id if view.content["type"] == "modal" else None),
        "container": {"type": "view", "view_id": view.id},
        "view": _view(desk, view),
        "actions": [action],
    }


def submission(desk: Desk, person: Person, view: View) -> Payload:
    """Return the payload of a submitted modal."""
    return {
        "type": "view_submission",
        **_common(desk, person, view.id),
        "view": _view(desk, view),
        "response_urls": [],
    }


def closing(desk: Desk, person: Person, view: View, *, all_of_them: bool) -> Payload:
    """Return the payload of a closed modal."""
    common = _common(desk, person)
    del common["trigger_id"]
    view_told = _view(desk, view)
    return {"type": "view_closed", **common, "view": view_told, "is_cleared": all_of_them}


def _view(desk: Desk, view: View) -> Payload:
    values = state_of(view.blocks, view.entered)
    return tell(desk.state, desk.app.id, view) | {"state": {"values": values}}


def event(desk: Desk, inner: Payload, event_id: str) -> Payload:
    """Return the envelope of an event."""
    authorized = {
        "enterprise_id": None,
        "team_id": desk.state.team_id,
        "user_id": desk.app.user_id,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": VERIFICATION,
        "team_id": desk.state.team_id,
        "api_app_id": desk.app.id,
        "event": inner,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(desk.state.clock()),
        "authorizations": [authorized],
        "is_ext_shared_channel": False,
    }
