"""What the bot must know of Slack before it can begin."""

from dataclasses import dataclass, field
from datetime import time

from sync_core.domain.nights import DEFAULT_HOUR
from sync_core.errors import BadSettings

UNSIGNED = (
    "TIPO_SLACK__SIGNING_SECRET is empty: without it nobody could tell Slack's requests from "
    "anybody's. Copy it from your Slack app's page, Basic Information → App Credentials"
)
NAMELESS = (
    "TIPO_SLACK__BOT_TOKEN must be the Bot User OAuth Token, which begins with xoxb-; copy it from "
    "your Slack app's page, OAuth & Permissions"
)
SOCKETLESS = (
    "TIPO_SLACK__APP_TOKEN must be an app-level token with the scope connections:write, which "
    "begins with xapp-; make one on your Slack app's page, Basic Information"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSetup:
    """What the bot must know of Slack."""

    token: str = field(repr=False)
    secret: str = field(default="", repr=False)
    app_token: str = field(default="", repr=False)
    channel: str = ""
    approvers: tuple[str, ...] = ()
    api_url: str = "https://slack.com/api/"
    zone: str = "UTC"
    nightly: time = DEFAULT_HOUR  # by the clock of the zone, unless people have set it
    stores: tuple[str, ...] = ()
    pages: dict[str, str] = field(default_factory=dict)  # of each store, in Shopify's admin

    def checked(self) -> "SlackSetup":
        """Return it, if one can begin with it.

        Raises:
            BadSettings: If one cannot; says what to set.
        """
        if not self.token.startswith("xoxb-"):
            raise BadSettings(NAMELESS)
        if self.app_token and not self.app_token.startswith("xapp-"):
            raise BadSettings(SOCKETLESS)
        if not self.app_token and not self.secret.strip():
            raise BadSettings(UNSIGNED)
        return self
