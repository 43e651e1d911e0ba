"""The chat.* methods."""

from typing import Any

from sandbox.slack.call import Args, Refused
from sandbox.slack.changes import Content, Where, change, delete, post, rendered
from sandbox.slack.check import (
    ONE_TABLE,
    check_attachments,
    check_blocks,
    content_of,
    too_many_tables,
)
from sandbox.slack.desk import Desk
from sandbox.slack.limits import MOST
from sandbox.slack.schema import Problem
from sandbox.slack.state import Message

Told = dict[str, Any]


def refuse_problems(error: str, problems: list[Problem]) -> None:
    """Refuse if there are any."""
    if problems:
        words = [problem.words for problem in problems]
        raise Refused(error, errors=words, response_metadata={"messages": words})


def read_content(args: Args) -> Content:
    """Return what a message shall say, checked as Slack checks it."""
    blocks = args.parsed("blocks", "invalid_blocks_format") or []
    attachments = args.parsed("attachments", "invalid_attachments") or []
    refuse_problems("invalid_blocks", check_blocks(blocks, "message"))
    refuse_problems("invalid_attachments", check_attachments(attachments))
    if too_many_tables([*blocks, *(b for each in attachments for b in each.get("blocks", []))]):
        raise Refused(
            "invalid_attachments",
            errors=[ONE_TABLE],
            response_metadata={"messages": [f"[ERROR] {ONE_TABLE}"]},
        )
    if content_of(blocks) > MOST["message.content"]:
        raise Refused("msg_blocks_too_long")
    text = args.words("text") or ""
    if (markdown := args.words("markdown_text")) is not None:
        if text or blocks:
            raise Refused("markdown_text_conflict")
        if len(markdown) > MOST["markdown.text"]:
            raise Refused("msg_too_long")
        blocks = [{"type": "markdown", "text": markdown}]
    if not (text.strip() or blocks or attachments):
        raise Refused("no_text")
    return Content(
        text=text[: MOST["message.text"]],
        blocks=blocks,
        attachments=attachments,
        metadata=_metadata(args),
    )


def _metadata(args: Args) -> dict[str, Any] | None:
    given = args.parsed("metadata", "invalid_metadata_format")
    if given is None:
        return None
    match given:
        case {"event_type": str(kind), "event_payload": dict()} if kind and len(given) <= 3:  # noqa: PLR2004  with `entities`
            return dict(given)
        case _:
            raise Refused("invalid_metadata_schema")


def _told(desk: Desk, message: Message) -> Told:
    bot = {"user": desk.app.user_id, "bot": desk.app.bot_id, "app": desk.app.id}
    return rendered(message, desk.state, bot)


def _warned(content: Content) -> Told:
    if content.text.strip():
        return {}
    # Phones and screen readers get nothing to say.
    words = "missing_text_in_message"
    return {"warning": words, "response_metadata": {"warnings": [words]}}


def post_message(desk: Desk, args: Args) -> Told:
    """Post into a channel, or to a person."""
    channel = desk.writable(args.needed("channel"), by_name=True)
    content = read_content(args)
    where = Where(
        thread_ts=desk.root(channel.id, args.words("thread_ts")),
        broadcast=args.flag("reply_broadcast"),
    )
    message = post(desk.state, channel.id, desk.app.user_id, content, where)
    told = _told(desk, message)
    return {"channel": channel.id, "ts": message.ts, "message": told, **_warned(content)}


def post_ephemeral(desk: Desk, args: Args) -> Told:
    """Show one person something."""
    channel = desk.writable(args.needed("channel"), by_name=True)
    user = args.needed("user")
    if user not in desk.state.people or user not in channel.members:
        raise Refused("user_not_in_channel")
    content = read_content(args)
    where = Where(thread_ts=desk.root(channel.id, args.words("thread_ts")), only_for=user)
    message = post(desk.state, channel.id, desk.app.user_id, content, where)
    return {"message_ts": message.ts, **_warned(content)}


def _own(desk: Desk, args: Args, refusal: str) -> Message:
    channel = desk.seen_channel(args.needed("channel"))
    message = desk.state.messages.get((channel.id, args.needed("ts")))
    if message is None or message.deleted or message.only_for:
        raise Refused("message_not_found")
    if message.user != desk.app.user_id:
        raise Refused(refusal)
    if channel.archived:
        raise Refused("is_archived")
    return message


def update(desk: Desk, args: Args) -> Told:
    """Give an own message new content; text without blocks takes the blocks away."""
    message = _own(desk, args, "cant_update_message")
    content = read_content(args)
    if len(content.text) > MOST["message.update_text"]:
        raise Refused("msg_too_long")
    change(desk.state, message, content)
    told = _told(desk, message)
    answer = {"channel": message.channel, "ts": message.ts, "text": message.text, "message": told}
    return answer | _warned(content)


def remove(desk: Desk, args: Args) -> Told:
    """Delete an own message."""
    message = _own(desk, args, "cant_delete_message")
    delete(desk.state, message)
    return {"channel": message.channel, "ts": message.ts}


def permalink(desk: Desk, args: Args) -> Told:
    """Return a message's address."""
    channel = desk.seen_channel(args.needed("channel"))
    ts = args.needed("message_ts")
    message = desk.state.messages.get((channel.id, ts))
    if message is None or message.deleted or message.only_for:
        raise Refused("message_not_found")
    mark = ts.replace(".", "")
    link = f"https://{desk.state.domain}.slack.com/archives/{channel.id}/p{mark}"
    return {"channel": channel.id, "permalink": link}
