"""The conversations.* methods."""

from typing import Any

from sandbox.slack.api_call import ApiRefusal, CallArguments
from sandbox.slack.api_context import ApiContext, page
from sandbox.slack.state import Channel, SlackMessage
from sandbox.slack.workspace_changes import direct_channel, message_json

JsonObject = dict[str, Any]


def _channel_json(api: ApiContext, channel: Channel) -> JsonObject:
    result: JsonObject = {
        "id": channel.id,
        "is_channel": not channel.private,
        "is_group": channel.private and not channel.im_with,
        "is_im": bool(channel.im_with),
        "is_private": channel.private,
        "is_archived": channel.archived,
        "is_member": api.bot.id in channel.members,
        "context_team_id": api.state.team_id,
    }
    if channel.im_with:
        return result | {"user": channel.im_with}
    return result | {"name": channel.name, "name_normalized": channel.name}


def info(api: ApiContext, args: CallArguments) -> JsonObject:
    """Return one channel."""
    channel = api.readable_channel(args.needed("channel"))
    api.reading(channel, "read")
    result = _channel_json(api, channel)
    if args.flag("include_num_members"):
        result["num_members"] = len(channel.members)
    return {"channel": result}


def members(api: ApiContext, args: CallArguments) -> JsonObject:
    """List who is in a channel, page by page."""
    channel = api.readable_channel(args.needed("channel"))
    api.reading(channel, "read")
    some, after = page(channel.members, args.words("cursor"), args.number("limit", 100, 1000))
    return {"members": some, "response_metadata": {"next_cursor": after}}


def listing(api: ApiContext, args: CallArguments) -> JsonObject:
    """List channels, page by page."""
    kinds = set((args.words("types") or "public_channel").split(","))
    if not kinds <= {"public_channel", "private_channel", "mpim", "im"}:
        raise ApiRefusal("invalid_types")
    if "public_channel" in kinds:
        api.need("channels:read")
    if "private_channel" in kinds:
        api.need("groups:read")
    hidden = args.flag("exclude_archived")
    found = [
        channel.id
        for channel in api.state.channels.values()
        if _kind(channel) in kinds
        and not (hidden and channel.archived)
        and (not channel.private or api.bot.id in channel.members)
    ]
    some, after = page(found, args.words("cursor"), args.number("limit", 100, 1000))
    result = [_channel_json(api, api.state.channels[key]) for key in some]
    return {"channels": result, "response_metadata": {"next_cursor": after}}


def _kind(channel: Channel) -> str:
    if channel.im_with:
        return "im"
    return "private_channel" if channel.private else "public_channel"


def opening(api: ApiContext, args: CallArguments) -> JsonObject:
    """Open the direct conversation with one person."""
    users = args.needed("users").split(",")
    if len(users) != 1:
        raise ApiRefusal(
            "not_enough_users" if not users else "method_not_supported_for_channel_type"
        )
    person = api.known(users[0])
    if person.deleted:
        raise ApiRefusal("user_disabled")
    return {"channel": {"id": direct_channel(api.state, person, api.bot).id}}


def _readable(api: ApiContext, args: CallArguments) -> Channel:
    channel = api.readable_channel(args.needed("channel"))
    api.reading(channel, "history")
    if api.bot.id not in channel.members:
        raise ApiRefusal("not_in_channel")
    return channel


def _live_messages(api: ApiContext, channel: Channel) -> list[SlackMessage]:
    messages = api.state.in_channel(channel.id)
    return [each for each in messages if not each.deleted and not each.only_for]


def _message_json(api: ApiContext, message: SlackMessage, args: CallArguments) -> JsonObject:
    bot = {"user": api.app.user_id, "bot": api.app.bot_id, "app": api.app.id}
    result = message_json(message, api.state, bot)
    if message.metadata and args.flag("include_all_metadata"):
        result["metadata"] = message.metadata
    channel = api.state.channels[message.channel]
    replies = [each for each in _live_messages(api, channel) if each.thread_ts == message.ts]
    if replies:
        result |= {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "latest_reply": replies[-1].ts,
        }
    return result


def _moment(args: CallArguments, name: str, otherwise: str) -> float:
    try:
        return float(args.words(name) or otherwise)
    except ValueError as exc:
        raise ApiRefusal(f"invalid_ts_{name}") from exc


def _between(messages: list[SlackMessage], args: CallArguments) -> list[SlackMessage]:
    oldest, latest = _moment(args, "oldest", "0"), _moment(args, "latest", "inf")
    if args.flag("inclusive"):
        return [each for each in messages if oldest <= float(each.ts) <= latest]
    return [each for each in messages if oldest < float(each.ts) < latest]


def history(api: ApiContext, args: CallArguments) -> JsonObject:
    """Return a channel's messages, newest first; replies only if broadcast."""
    channel = _readable(api, args)
    messages = [
        each
        for each in reversed(_live_messages(api, channel))
        if each.thread_ts is None or each.broadcast
    ]
    return _paged(api, _between(messages, args), args)


def replies(api: ApiContext, args: CallArguments) -> JsonObject:
    """Return a thread, oldest first, beginning with its parent."""
    channel = _readable(api, args)
    ts = args.needed("ts")
    thread = [each for each in _live_messages(api, channel) if ts in {each.ts, each.thread_ts}]
    if not thread or thread[0].ts != ts:
        raise ApiRefusal("thread_not_found")
    return _paged(api, _between(thread, args), args)


def _paged(api: ApiContext, messages: list[SlackMessage], args: CallArguments) -> JsonObject:
    by_ts = {each.ts: each for each in messages}
    some, after = page(list(by_ts), args.words("cursor"), args.number("limit", 100, 999))
    result = [_message_json(api, by_ts[ts], args) for ts in some]
    answer: JsonObject = {"messages": result, "has_more": bool(after)}
    return answer | {"response_metadata": {"next_cursor": after}}
