"""What a response address takes, and what an app may say in its ack: the same kind of message."""

from typing import Any

from sandbox.slack.api_call import ApiRefusal, CallArguments
from sandbox.slack.api_context import ApiContext, ResponseUrl
from sandbox.slack.chat_methods import read_content
from sandbox.slack.workspace_changes import PostOptions, change, delete, post


def respond(api: ApiContext, key: str, given: dict[str, Any]) -> None:
    """Let the app answer through a response address.

    Raises:
        Refused: If the address is unknown or spent, or the message is wrong.
    """
    url = api.response_urls.get(key)
    if url is None:
        raise ApiRefusal("invalid_url")
    if (mark := api.unusable_reason(url)) is not None:
        raise ApiRefusal(mark)
    if (error := api.faults.refusal("response_url", given)) is not None:
        raise ApiRefusal(error)
    apply_response(api, url, given)
    url.uses += 1


def apply_response(api: ApiContext, url: ResponseUrl, given: dict[str, Any]) -> None:
    """Delete, replace or post, as the response says.

    Where a clicked message is concerned and the answer names neither `replace_original` nor
    `response_type`, it replaces: sources disagree, so an app that means one of them should say it.
    """
    args = CallArguments(given)
    original = url.message
    if original is not None and args.flag("delete_original"):
        delete(api.state, original)
        return
    content = read_content(args)
    replaces = args.flag("replace_original", default="response_type" not in given)
    if original is not None and replaces and not original.deleted:
        change(api.state, original, content)
        return
    public = given.get("response_type") == "in_channel"
    channel = api.state.channels[url.channel]
    if channel.archived:
        raise ApiRefusal("is_archived")
    where = PostOptions(
        thread_ts=api.root(channel.id, args.words("thread_ts")),
        only_for=None if public else url.user,
    )
    post(api.state, channel.id, api.app.user_id, content, where)
