"""Which events an app gets of what happens in a conversation, and what is in them. Pure.

    event                  sent                                              needs the scope
    ---------------------  ------------------------------------------------  ------------------
    message.channels, …    of each message where the app's bot is a member,  channels:history, …
                           also of what was changed or deleted, and of the
                           app's own messages
    app_mention            of messages that mention the bot, changed ones    app_mentions:read
                           too; never in a direct conversation
    member_joined_channel  when somebody joins, also the bot itself          channels:read, or
                                                                             groups:read

An event is sent only if the app has subscribed to it. Ephemeral messages are no events.
"""

from typing import Any

from sandbox.slack.api_context import ApiContext
from sandbox.slack.state import Channel, HistoryKind, SlackMessage, SlackUser
from sandbox.slack.workspace_changes import message_json

Event = dict[str, Any]
SUBTYPES = {HistoryKind.CHANGED: "message_changed", HistoryKind.DELETED: "message_deleted"}


def message_events(
    api: ApiContext, message: SlackMessage, kind: HistoryKind = HistoryKind.POSTED
) -> list[Event]:
    """Return the events of a message that was posted, changed or deleted."""
    channel = api.state.channels[message.channel]
    if message.only_for is not None or api.app.user_id not in channel.members:
        return []
    said = _said(api, message)
    if kind is HistoryKind.CHANGED:
        said["edited"] = {"user": message.user, "ts": api.state.new_ts()}
    events: list[Event] = []
    if _gets(api, f"message.{_kind(channel)}", f"{_kind(channel)}:history"):
        events.append(_message_event(api, channel, said, kind))
    if _mentions(api, channel, message, kind):
        event = {**said, "type": "app_mention", "channel": channel.id, "event_ts": message.ts}
        event.pop("channel_type", None)
        events.append(event)
    return events


def _message_event(api: ApiContext, channel: Channel, said: Event, kind: HistoryKind) -> Event:
    of_type = {"im": "im", "groups": "group", "channels": "channel"}[_kind(channel)]
    where = {"channel": channel.id, "channel_type": of_type}
    if kind is HistoryKind.POSTED:
        return {**said, **where, "event_ts": said["ts"]}
    now = api.state.new_ts()
    event = {"type": "message", "subtype": SUBTYPES[kind], **where, "ts": now, "event_ts": now}
    if kind is HistoryKind.CHANGED:
        return {**event, "message": said, "previous_message": said, "hidden": True}
    return {**event, "deleted_ts": said["ts"], "previous_message": said, "hidden": True}


def _said(api: ApiContext, message: SlackMessage) -> Event:
    bot = {"user": api.app.user_id, "bot": api.app.bot_id, "app": api.app.id}
    person = api.state.people[message.user]
    said = message_json(message, api.state, bot)
    if message.user != api.app.user_id:
        said |= {"bot_id": f"B{person.id[1:]}"} if person.is_bot else {"client_msg_id": message.ts}
    if person.team_id != api.state.team_id:
        said |= {"user_team": person.team_id, "source_team": person.team_id}
    return said


def _mentions(api: ApiContext, channel: Channel, message: SlackMessage, kind: HistoryKind) -> bool:
    if channel.im_with or kind is HistoryKind.DELETED or message.user == api.app.user_id:
        return False
    return f"<@{api.app.user_id}>" in message.text and _gets(
        api, "app_mention", "app_mentions:read"
    )


def joined_event(
    api: ApiContext, channel: Channel, who: SlackUser, inviter: SlackUser | None
) -> Event | None:
    """Return the event of somebody who joins, if the app gets it."""
    scope = "groups:read" if channel.private else "channels:read"
    if api.app.user_id not in channel.members or not _gets(api, "member_joined_channel", scope):
        return None
    event = {
        "type": "member_joined_channel",
        "user": who.id,
        "channel": channel.id,
        "channel_type": "G" if channel.private else "C",
        "team": api.state.team_id,
        "event_ts": api.state.new_ts(),
    }
    return event if inviter is None else {**event, "inviter": inviter.id}


def _kind(channel: Channel) -> str:
    return "im" if channel.im_with else "groups" if channel.private else "channels"


def _gets(api: ApiContext, event: str, scope: str) -> bool:
    return event in api.app.events and scope in api.app.scopes
