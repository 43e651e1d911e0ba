"""The Web API: one table of methods, and the order in which Slack refuses.

Unknown method, token, scope, rate, arguments, and only then the matter itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.slack import chat, conversations, lookups, views
from sandbox.slack.call import Args, RateLimited, Refused
from sandbox.slack.desk import Desk

Handler = Callable[[Desk, Args], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Method:
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
METHODS: Mapping[str, Method] = {
    "api.test": Method(lookups.test, 4),
    "auth.test": Method(lookups.who_am_i, 4),
    "chat.postMessage": Method(chat.post_message, 4, _WRITE, per_channel=True),
    "chat.postEphemeral": Method(chat.post_ephemeral, 4, _WRITE),
    "chat.update": Method(chat.update, 3, _WRITE),
    "chat.delete": Method(chat.remove, 3, _WRITE),
    "chat.getPermalink": Method(chat.permalink, 4),
    "views.open": Method(views.open_view, 4),
    "views.push": Method(views.push, 4),
    "views.update": Method(views.update, 4),
    "views.publish": Method(views.publish, 4),
    "blocks.validate": Method(views.validate, 4),
    "conversations.info": Method(conversations.info, 3, _READ),
    "conversations.members": Method(conversations.members, 4, _READ),
    "conversations.list": Method(conversations.listing, 2, _READ),
    "conversations.open": Method(conversations.opening, 3, ("im:write", "mpim:write")),
    "conversations.history": Method(conversations.history, 3, _HISTORY),
    "conversations.replies": Method(conversations.replies, 3, _HISTORY),
    "users.info": Method(lookups.user_info, 4, ("users:read",)),
    "users.list": Method(lookups.users, 2, ("users:read",)),
    "usergroups.list": Method(lookups.groups, 2, _GROUPS),
    "usergroups.users.list": Method(lookups.group_users, 2, _GROUPS),
    "bots.info": Method(lookups.bot_info, 3, ("users:read",)),
    "files.getUploadURLExternal": Method(lookups.upload_url, 4, ("files:write",)),
    "files.completeUploadExternal": Method(lookups.complete_upload, 4, ("files:write",)),
    "apps.connections.open": Method(lookups.open_connection, 1, app_level=True),
}
FREE = frozenset({"api.test"})  # asks for no token


def answer(desk: Desk, name: str, token: str | None, args: Args) -> dict[str, Any]:
    """Do what was asked, and return what Slack says.

    Raises:
        Refused: If Slack says no.
        RateLimited: If it was asked too often.
    """
    method = METHODS.get(name)
    if method is None:
        raise Refused("unknown_method", req_method=name)
    if name not in FREE:
        _admit(desk, method, token)
    channel = args.words("channel") if method.per_channel else None
    wait = desk.pacing.wait(name, method.tier, channel)
    if wait:
        raise RateLimited(wait)
    if (error := desk.faults.refusal(name, args.given)) is not None:
        raise Refused(error)
    return {"ok": True, **method.handler(desk, args)}


def _admit(desk: Desk, method: Method, token: str | None) -> None:
    if not token:
        raise Refused("not_authed")
    if token in desk.app.revoked:
        raise Refused("token_revoked")
    if token not in {desk.app.bot_token, desk.app.app_token}:
        raise Refused("invalid_auth")
    if (token == desk.app.app_token) != method.app_level:
        raise Refused("not_allowed_token_type")
    if method.scopes:
        desk.need(*method.scopes)
