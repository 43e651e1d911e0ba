"""What a response address takes, and what an app may say in its ack: the same kind of message."""

from typing import Any

from sandbox.slack.call import Args, Refused
from sandbox.slack.changes import Where, change, delete, post
from sandbox.slack.chat import read_content
from sandbox.slack.desk import Desk, ResponseUrl


def respond(desk: Desk, key: str, given: dict[str, Any]) -> None:
    """Let the app answer through a response address.

    Raises:
        Refused: If the address is unknown or spent, or the message is wrong.
    """
    url = desk.response_urls.get(key)
    if url is None:
        raise Refused("invalid_url")
    if (mark := desk.spent(url)) is not None:
        raise Refused(mark)
    if (error := desk.faults.refusal("response_url", given)) is not None:
        raise Refused(error)
    speak(desk, url, given)
    url.uses += 1


def speak(desk: Desk, url: ResponseUrl, given: dict[str, Any]) -> None:
    """Delete, replace or post, as the answer says.

    Where a clicked message is concerned and the answer names neither `replace_original` nor
    `response_type`, it replaces: sources disagree, so whoever means something should say it.
    """
    args = Args(given)
    original = url.message
    if original is not None and args.flag("delete_original"):
        delete(desk.state, original)
        return
    content = read_content(args)
    replaces = args.flag("replace_original", default="response_type" not in given)
    if original is not None and replaces and not original.deleted:
        change(desk.state, original, content)
        return
    public = given.get("response_type") == "in_channel"
    channel = desk.state.channels[url.channel]
    if channel.archived:
        raise Refused("is_archived")
    where = Where(
        thread_ts=desk.root(channel.id, args.words("thread_ts")),
        only_for=None if public else url.user,
    )
    post(desk.state, channel.id, desk.app.user_id, content, where)
