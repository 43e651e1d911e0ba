"""The installed app: its tokens, scopes, and where Slack reaches it."""

from dataclasses import dataclass, field

SCOPES = frozenset(
    {"commands", "chat:write", "files:write", "users:read", "usergroups:read"}
    | {"channels:read", "groups:read", "im:write", "app_mentions:read", "im:history"}
)
EVENTS = frozenset({"app_home_opened", "app_mention", "message.im", "member_joined_channel"})


@dataclass(slots=True, kw_only=True)
class InstalledApp:
    """One app in one workspace. Tokens and secrets open nothing outside."""

    user_id: str  # of its bot
    bot_id: str = "B00000001"
    id: str = "A00000001"
    name: str = "Tipo"
    bot_token: str = "xoxb-sandbox-bot"  # noqa: S105  opens nothing
    app_token: str = "xapp-1-sandbox"  # noqa: S105
    signing_secret: str = "sandbox-signing-secret"  # noqa: S105
    scopes: frozenset[str] = SCOPES
    commands: frozenset[str] = frozenset({"/tipo"})
    events: frozenset[str] = EVENTS
    message_shortcuts: frozenset[str] = frozenset()  # their callback_ids
    request_url: str | None = None
    socket_mode: bool = False
    should_escape: bool = True
    home_tab: bool = True
    revoked: set[str] = field(default_factory=set)  # tokens that no longer count
