"""The conversations.* methods."""

from typing import Any

from sandbox.slack.call import Args, Refused
from sandbox.slack.changes import direct, rendered
from sandbox.slack.desk import Desk, page
from sandbox.slack.state import Channel, Message

Told = dict[str, Any]


def _tell(desk: Desk, channel: Channel) -> Told:
    told: Told = {
        "id": channel.id,
        "is_channel": not channel.private,
        "is_group": channel.private and not channel.im_with,
        "is_im": bool(channel.im_with),
        "is_private": channel.private,
        "is_archived": channel.archived,
        "is_member": desk.bot.id in channel.members,
        "context_team_id": desk.state.team_id,
    }
    if channel.im_with:
        return told | {"user": channel.im_with}
    return told | {"name": channel.name, "name_normalized": channel.name}


def info(desk: Desk, args: Args) -> Told:
    """Tell about one channel."""
    channel = desk.seen_channel(args.needed("channel"))
    desk.reading(channel, "read")
    told = _tell(desk, channel)
    if args.flag("include_num_members"):
        told["num_members"] = len(channel.members)
    return {"channel": told}


def members(desk: Desk, args: Args) -> Told:
    """List who is in a channel, page by page."""
    channel = desk.seen_channel(args.needed("channel"))
    desk.reading(channel, "read")
    some, after = page(channel.members, args.words("cursor"), args.number("limit", 100, 1000))
    return {"members": some, "response_metadata": {"next_cursor": after}}


def listing(desk: Desk, args: Args) -> Told:
    """List channels, page by page."""
    kinds = set((args.words("types") or "public_channel").split(","))
    if not kinds <= {"public_channel", "private_channel", "mpim", "im"}:
        raise Refused("invalid_types")
    if "public_channel" in kinds:
        desk.need("channels:read")
    if "private_channel" in kinds:
        desk.need("groups:read")
    hidden = args.flag("exclude_archived")
    found = [
        channel.id
        for channel in desk.state.channels.values()
        if _kind(channel) in kinds
        and not (hidden and channel.archived)
        and (not channel.private or desk.bot.id in channel.members)
    ]
    some, after = page(found, args.words("cursor"), args.number("limit", 100, 1000))
    told = [_tell(desk, desk.state.channels[key]) for key in some]
    return {"channels": told, "response_metadata": {"next_cursor": after}}


def _kind(channel: Channel) -> str:
    if channel.im_with:
        return "im"
    return "private_channel" if channel.private else "public_channel"


def opening(desk: Desk, args: Args) -> Told:
    """Open the direct conversation with one person."""
    users = args.needed("users").split(",")
    if len(users) != 1:
        raise Refused("not_enough_users" if not users else "method_not_supported_for_channel_type")
    person = desk.known(users[0])
    if person.deleted:
        raise Refused("user_disabled")
    return {"channel": {"id": direct(desk.state, person, desk.bot).id}}


def _readable(desk: Desk, args: Args) -> Channel:
    channel = desk.seen_channel(args.needed("channel"))
    desk.reading(channel, "history")
    if desk.bot.id not in channel.members:
        raise Refused("not_in_channel")
    return channel


def _standing(desk: Desk, channel: Channel) -> list[Message]:
    messages = desk.state.in_channel(channel.id)
    return [each for each in messages if not each.deleted and not each.only_for]


def _told(desk: Desk, message: Message, args: Args) -> Told:
    bot = {"user": desk.app.user_id, "bot": desk.app.bot_id, "app": desk.app.id}
    told = rendered(message, desk.state, bot)
    if message.metadata and args.flag("include_all_metadata"):
        told["metadata"] = message.metadata
    channel = desk.state.channels[message.channel]
    replies = [each for each in _standing(desk, channel) if each.thread_ts == message.ts]
    if replies:
        told |= {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "latest_reply": replies[-1].ts,
        }
    return told


def _moment(args: Args, name: str, otherwise: str) -> float:
    try:
        return float(args.words(name) or otherwise)
    except ValueError as exc:
        raise Refused(f"invalid_ts_{name}") from exc


def _between(messages: list[Message], args: Args) -> list[Message]:
    oldest, latest = _moment(args, "oldest", "0"), _moment(args, "latest", "inf")
    if args.flag("inclusive"):
        return [each for each in messages if oldest <= float(each.ts) <= latest]
    return [each for each in messages if oldest < float(each.ts) < latest]


def history(desk: Desk, args: Args) -> Told:
    """Tell a channel's messages, newest first; replies only if broadcast."""
    channel = _readable(desk, args)
    messages = [
        each
        for each in reversed(_standing(desk, channel))
        if each.thread_ts is None or each.broadcast
    ]
    return _paged(desk, _between(messages, args), args)


def replies(desk: Desk, args: Args) -> Told:
    """Tell a thread, oldest first, beginning with its parent."""
    channel = _readable(desk, args)
    ts = args.needed("ts")
    thread = [each for each in _standing(desk, channel) if ts in {each.ts, each.thread_ts}]
    if not thread or thread[0].ts != ts:
        raise Refused("thread_not_found")
    return _paged(desk, _between(thread, args), args)


def _paged(desk: Desk, messages: list[Message], args: Args) -> Told:
    by_ts = {each.ts: each for each in messages}
    some, after = page(list(by_ts), args.words("cursor"), args.number("limit", 100, 999))
    told = [_told(desk, by_ts[ts], args) for ts in some]
    answer: Told = {"messages": told, "has_more": bool(after)}
    return answer | {"response_metadata": {"next_cursor": after}}
