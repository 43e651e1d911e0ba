"""The Web API: one table of methods, and the order in which Slack refuses.

Unknown method, token, scope, rate, arguments, and only then the matter itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.slack import chat_methods, conversation_methods, lookup_methods, view_methods
from sandbox.slack.api_call import ApiRefusal, CallArguments, RateLimited
from sandbox.slack.api_context import ApiContext

Handler = Callable[[ApiContext, CallArguments], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ApiMethod:
    """How a method is called, by whom, and how often."""

    handler: Handler
    tier: int
    scopes: tuple[str, ...] = ()  # one of them; none: any token will do
    app_level: bool = False
    per_channel: bool = False


_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_WRITE = ("chat:write",)
_GROUPS = ("usergroups:read",)
METHODS: Mapping[str, ApiMethod] = {
    "api.test": ApiMethod(lookup_methods.test, 4),
    "auth.test": ApiMethod(lookup_methods.auth_test, 4),
    "chat.postMessage": ApiMethod(chat_methods.post_message, 4, _WRITE, per_channel=True),
    "chat.postEphemeral": ApiMethod(chat_methods.post_ephemeral, 4, _WRITE),
    "chat.update": ApiMethod(chat_methods.update, 3, _WRITE),
    "chat.delete": ApiMethod(chat_methods.remove, 3, _WRITE),
    "chat.getPermalink": ApiMethod(chat_methods.permalink, 4),
    "views.open": ApiMethod(view_methods.open_view, 4),
    "views.push": ApiMethod(view_methods.push, 4),
    "views.update": ApiMethod(view_methods.update, 4),
    "views.publish": ApiMethod(view_methods.publish, 4),
    "blocks.validate": ApiMethod(view_methods.validate, 4),
    "conversations.info": ApiMethod(conversation_methods.info, 3, _READ),
    "conversations.members": ApiMethod(conversation_methods.members, 4, _READ),
    "conversations.list": ApiMethod(conversation_methods.listing, 2, _READ),
    "conversations.open": ApiMethod(conversation_methods.opening, 3, ("im:write", "mpim:write")),
    "conversations.history": ApiMethod(conversation_methods.history, 3, _HISTORY),
    "conversations.replies": ApiMethod(conversation_methods.replies, 3, _HISTORY),
    "users.info": ApiMethod(lookup_methods.user_info, 4, ("users:read",)),
    "users.list": ApiMethod(lookup_methods.users, 2, ("users:read",)),
    "usergroups.list": ApiMethod(lookup_methods.groups, 2, _GROUPS),
    "usergroups.users.list": ApiMethod(lookup_methods.group_users, 2, _GROUPS),
    "bots.info": ApiMethod(lookup_methods.bot_info, 3, ("users:read",)),
    "files.getUploadURLExternal": ApiMethod(lookup_methods.upload_url, 4, ("files:write",)),
    "files.completeUploadExternal": ApiMethod(lookup_methods.complete_upload, 4, ("files:write",)),
    "apps.connections.open": ApiMethod(lookup_methods.open_connection, 1, app_level=True),
}
FREE = frozenset({"api.test"})  # asks for no token


def answer(api: ApiContext, name: str, token: str | None, args: CallArguments) -> dict[str, Any]:
    """Do what was asked, and return what Slack says.

    Raises:
        Refused: If Slack says no.
        RateLimited: If it was asked too often.
    """
    method = METHODS.get(name)
    if method is None:
        raise ApiRefusal("unknown_method", req_method=name)
    if name not in FREE:
        _admit(api, method, token)
    channel = args.words("channel") if method.per_channel else None
    wait = api.rate_limiter.wait(name, method.tier, channel)
    if wait:
        raise RateLimited(wait)
    if (error := api.faults.refusal(name, args.given)) is not None:
        raise ApiRefusal(error)
    return {"ok": True, **method.handler(api, args)}


def _admit(api: ApiContext, method: ApiMethod, token: str | None) -> None:
    if not token:
        raise ApiRefusal("not_authed")
    if token in api.app.revoked:
        raise ApiRefusal("token_revoked")
    if token not in {api.app.bot_token, api.app.app_token}:
        raise ApiRefusal("invalid_auth")
    if (token == api.app.app_token) != method.app_level:
        raise ApiRefusal("not_allowed_token_type")
    if method.scopes:
        api.need(*method.scopes)
