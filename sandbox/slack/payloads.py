"""What Slack sends to an app: commands, clicks, submissions, events. Pure."""

from typing import Any

from sandbox.slack.api_context import ApiContext
from sandbox.slack.form_input import state_of
from sandbox.slack.state import Channel, SlackMessage, SlackUser, SlackView
from sandbox.slack.view_methods import view_json
from sandbox.slack.workspace_changes import message_json

Payload = dict[str, Any]
VERIFICATION = "sandbox-verification"  # Slack's old token, which apps should ignore


def command(
    api: ApiContext, person: SlackUser, channel: Channel, words: tuple[str, str]
) -> Payload:
    """Return the form of a slash command."""
    name, text = words
    return {
        "token": VERIFICATION,
        "team_id": api.state.team_id,
        "team_domain": api.state.domain,
        "channel_id": channel.id,
        "channel_name": "privategroup" if channel.private else channel.name,
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": api.app.id,
        "is_enterprise_install": "false",
        "response_url": api.new_response_url(person.id, channel.id, None, "commands"),
        "trigger_id": api.new_trigger(person.id),
    }


def _common(api: ApiContext, person: SlackUser, in_view: str | None = None) -> Payload:
    return {
        "user": {
            "id": person.id,
            "username": person.name,
            "name": person.name,
            "team_id": person.team_id,
        },
        "api_app_id": api.app.id,
        "token": VERIFICATION,
        "trigger_id": api.new_trigger(person.id, in_view),
        "team": {"id": api.state.team_id, "domain": api.state.domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def click_at_message(
    api: ApiContext, person: SlackUser, message: SlackMessage, action: Payload, version: int
) -> Payload:
    """Return the payload of a click at a message, as it looked in that version."""
    channel = api.state.channels[message.channel]
    container = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": message.only_for is not None,
    }
    payload = {
        "type": "block_actions",
        **_common(api, person),
        "container": container,
        "channel": {"id": channel.id, "name": channel.name},
        "state": {"values": state_of(message.versions[version].blocks, message.entered)},
        "response_url": api.new_response_url(person.id, channel.id, message, "actions"),
        "actions": [action],
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    if message.only_for is None:
        # Ephemeral messages are not included: the app has to remember what it sent.
        payload["message"] = _as_it_was(api, message, version)
    return payload


def _as_it_was(api: ApiContext, message: SlackMessage, version: int) -> Payload:
    bot = {"user": api.app.user_id, "bot": api.app.bot_id, "app": api.app.id}
    then = message.versions[version]
    return message_json(message, api.state, bot) | {"text": then.text, "blocks": then.blocks}


def message_shortcut(
    api: ApiContext, person: SlackUser, message: SlackMessage, callback_id: str
) -> Payload:
    """Return the payload of a shortcut in the menu of a message."""
    channel = api.state.channels[message.channel]
    return {
        "type": "message_action",
        **_common(api, person),
        "callback_id": callback_id,
        "action_ts": api.state.new_ts(),
        "message_ts": message.ts,
        "channel": {"id": channel.id, "name": channel.name},
        "response_url": api.new_response_url(person.id, channel.id, message, "actions"),
        "message": _as_it_was(api, message, -1),
    }


def click_in_view(api: ApiContext, person: SlackUser, view: SlackView, action: Payload) -> Payload:
    """Return the payload of a click in a modal or a Home."""
    return {
        "type": "block_actions",
        **_common(api, person, view.id if view.content["type"] == "modal" else None),
        "container": {"type": "view", "view_id": view.id},
        "view": _view(api, view),
        "actions": [action],
    }


def submission(api: ApiContext, person: SlackUser, view: SlackView) -> Payload:
    """Return the payload of a submitted modal."""
    return {
        "type": "view_submission",
        **_common(api, person, view.id),
        "view": _view(api, view),
        "response_urls": [],
    }


def closing(api: ApiContext, person: SlackUser, view: SlackView, *, all_of_them: bool) -> Payload:
    """Return the payload of a closed modal."""
    common = _common(api, person)
    del common["trigger_id"]
    view_told = _view(api, view)
    return {"type": "view_closed", **common, "view": view_told, "is_cleared": all_of_them}


def _view(api: ApiContext, view: SlackView) -> Payload:
    values = state_of(view.blocks, view.entered)
    return view_json(api.state, api.app.id, view) | {"state": {"values": values}}


def event(api: ApiContext, inner: Payload, event_id: str) -> Payload:
    """Return the envelope of an event."""
    authorized = {
        "enterprise_id": None,
        "team_id": api.state.team_id,
        "user_id": api.app.user_id,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": VERIFICATION,
        "team_id": api.state.team_id,
        "api_app_id": api.app.id,
        "event": inner,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(api.state.clock()),
        "authorizations": [authorized],
        "is_ext_shared_channel": False,
    }
