"""The chat.* methods."""

from typing import Any

from sandbox.slack.api_call import ApiRefusal, CallArguments
from sandbox.slack.api_context import ApiContext
from sandbox.slack.limits import MAX
from sandbox.slack.rules import Problem
from sandbox.slack.state import SlackMessage
from sandbox.slack.validation import (
    ONE_TABLE,
    check_attachments,
    check_blocks,
    content_of,
    too_many_tables,
)
from sandbox.slack.workspace_changes import (
    MessageContent,
    PostOptions,
    change,
    delete,
    message_json,
    post,
)

JsonObject = dict[str, Any]


def refuse_problems(error: str, problems: list[Problem]) -> None:
    """Refuse if there are any."""
    if problems:
        words = [problem.words for problem in problems]
        raise ApiRefusal(error, errors=words, response_metadata={"messages": words})


def read_content(args: CallArguments) -> MessageContent:
    """Return what a message shall say, checked as Slack checks it."""
    blocks = args.parsed("blocks", "invalid_blocks_format") or []
    attachments = args.parsed("attachments", "invalid_attachments") or []
    refuse_problems("invalid_blocks", check_blocks(blocks, "message"))
    refuse_problems("invalid_attachments", check_attachments(attachments))
    if too_many_tables([*blocks, *(b for each in attachments for b in each.get("blocks", []))]):
        raise ApiRefusal(
            "invalid_attachments",
            errors=[ONE_TABLE],
            response_metadata={"messages": [f"[ERROR] {ONE_TABLE}"]},
        )
    if content_of(blocks) > MAX["message.content"]:
        raise ApiRefusal("msg_blocks_too_long")
    text = args.words("text") or ""
    if (markdown := args.words("markdown_text")) is not None:
        if text or blocks:
            raise ApiRefusal("markdown_text_conflict")
        if len(markdown) > MAX["markdown.text"]:
            raise ApiRefusal("msg_too_long")
        blocks = [{"type": "markdown", "text": markdown}]
    if not (text.strip() or blocks or attachments):
        raise ApiRefusal("no_text")
    return MessageContent(
        text=text[: MAX["message.text"]],
        blocks=blocks,
        attachments=attachments,
        metadata=_metadata(args),
    )


def _metadata(args: CallArguments) -> dict[str, Any] | None:
    given = args.parsed("metadata", "invalid_metadata_format")
    if given is None:
        return None
    match given:
        case {"event_type": str(kind), "event_payload": dict()} if kind and len(given) <= 3:  # noqa: PLR2004  with `entities`
            return dict(given)
        case _:
            raise ApiRefusal("invalid_metadata_schema")


def _message_json(api: ApiContext, message: SlackMessage) -> JsonObject:
    bot = {"user": api.app.user_id, "bot": api.app.bot_id, "app": api.app.id}
    return message_json(message, api.state, bot)


def _warned(content: MessageContent) -> JsonObject:
    if content.text.strip():
        return {}
    # Phones and screen readers get nothing to say.
    words = "missing_text_in_message"
    return {"warning": words, "response_metadata": {"warnings": [words]}}


def post_message(api: ApiContext, args: CallArguments) -> JsonObject:
    """Post into a channel, or to a person."""
    channel = api.writable(args.needed("channel"), by_name=True)
    content = read_content(args)
    where = PostOptions(
        thread_ts=api.root(channel.id, args.words("thread_ts")),
        broadcast=args.flag("reply_broadcast"),
    )
    message = post(api.state, channel.id, api.app.user_id, content, where)
    result = _message_json(api, message)
    return {"channel": channel.id, "ts": message.ts, "message": result, **_warned(content)}


def post_ephemeral(api: ApiContext, args: CallArguments) -> JsonObject:
    """Show one person something."""
    channel = api.writable(args.needed("channel"), by_name=True)
    user = args.needed("user")
    if user not in api.state.people or user not in channel.members:
        raise ApiRefusal("user_not_in_channel")
    content = read_content(args)
    where = PostOptions(thread_ts=api.root(channel.id, args.words("thread_ts")), only_for=user)
    message = post(api.state, channel.id, api.app.user_id, content, where)
    return {"message_ts": message.ts, **_warned(content)}


def _own(api: ApiContext, args: CallArguments, refusal: str) -> SlackMessage:
    channel = api.readable_channel(args.needed("channel"))
    message = api.state.messages.get((channel.id, args.needed("ts")))
    if message is None or message.deleted or message.only_for:
        raise ApiRefusal("message_not_found")
    if message.user != api.app.user_id:
        raise ApiRefusal(refusal)
    if channel.archived:
        raise ApiRefusal("is_archived")
    return message


def update(api: ApiContext, args: CallArguments) -> JsonObject:
    """Give an own message new content; text without blocks takes the blocks away."""
    message = _own(api, args, "cant_update_message")
    content = read_content(args)
    if len(content.text) > MAX["message.update_text"]:
        raise ApiRefusal("msg_too_long")
    change(api.state, message, content)
    result = _message_json(api, message)
    answer = {"channel": message.channel, "ts": message.ts, "text": message.text, "message": result}
    return answer | _warned(content)


def remove(api: ApiContext, args: CallArguments) -> JsonObject:
    """Delete an own message."""
    message = _own(api, args, "cant_delete_message")
    delete(api.state, message)
    return {"channel": message.channel, "ts": message.ts}


def permalink(api: ApiContext, args: CallArguments) -> JsonObject:
    """Return a message's address."""
    channel = api.readable_channel(args.needed("channel"))
    ts = args.needed("message_ts")
    message = api.state.messages.get((channel.id, ts))
    if message is None or message.deleted or message.only_for:
        raise ApiRefusal("message_not_found")
    mark = ts.replace(".", "")
    link = f"https://{api.state.domain}.slack.com/archives/{channel.id}/p{mark}"
    return {"channel": channel.id, "permalink": link}
