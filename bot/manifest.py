"""The manifest of the Slack app, to be pasted at api.slack.com/apps → From a manifest."""

import re
from urllib.parse import quote

from bot.messages.action_ids import WHY_THIS_NUMBER
from sync_core.errors import NotAllowed

PATH = "/slack/events"
ADDRESS = re.compile(r"https://[^\s/?#@]+(?::\d+)?(?:/[^\s?#]*)?")
SCOPES = (
    "commands",
    "chat:write",
    "users:read",
    "channels:read",
    "groups:read",
    "usergroups:read",
)
# What an app that was installed before them lacks: it goes on without, and `tipo doctor` says so.
LATER_SCOPES = ("app_mentions:read", "im:history")
# With these Tipo looks whether a message whose answer was lost has arrived; without, it repeats.
WELCOME = ("channels:history", "groups:history")
WHY = {
    "commands": "/tipo",
    "chat:write": "alerts and answers",
    "users:read": "refuses guests and strangers",
    "channels:read": "channel members as approvers",
    "groups:read": "the same for a private channel",
    "usergroups:read": "user groups as approvers",
    "app_mentions:read": "answers to @Tipo",
    "im:history": "answers to direct messages",
}
EVENTS = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "member_joined_channel",
    "message.im",
    "tokens_revoked",
)

TEMPLATE = """\
_metadata:
  major_version: 2
  minor_version: 1
display_information:
  name: Tipo
  description: Keeps the stock of your Shopify stores in sync
  background_color: "#1F2937"
features:
  app_home:
    home_tab_enabled: true
    messages_tab_enabled: true
    messages_tab_read_only_enabled: false
  bot_user:
    display_name: Tipo
    always_online: true
  shortcuts:
    - name: Why this number?
      type: message
      callback_id: {shortcut}
      description: What moved the stock of the product in this message
  slash_commands:
    - command: /tipo
{command_url}      description: Stock and sync
      usage_hint: "stock <product> | mode two-way | drift | help"
      should_escape: true
oauth_config:
  scopes:
    bot:
{scopes}settings:
  event_subscriptions:
{events_url}    bot_events:
{events}  interactivity:
    is_enabled: true
{interactivity_url}  org_deploy_enabled: false
  socket_mode_enabled: {socket}
  token_rotation_enabled: false
"""


def manifest(url: str | None) -> str:
    """Return the manifest as YAML; without an address it is one for Socket Mode.

    Raises:
        NotAllowed: If Slack would send nothing to that address.
    """
    address = "" if url is None else _address(url)

    def line(indent: int, name: str) -> str:
        return f'{" " * indent}{name}: "{address}"\n' if address else ""

    return TEMPLATE.format(
        shortcut=WHY_THIS_NUMBER,
        command_url=line(6, "url"),
        events_url=line(4, "request_url"),
        interactivity_url=line(4, "request_url"),
        scopes="".join(f"      - {each}  # {WHY[each]}\n" for each in (*SCOPES, *LATER_SCOPES)),
        events="".join(f"      - {each}\n" for each in EVENTS),
        socket="false" if address else "true",
    )


def manifest_link(url: str | None) -> str:
    """Return the address at which Slack offers to create the app, with the manifest filled in.

    Raises:
        NotAllowed: If Slack would send nothing to that address.
    """
    bare = re.sub(r"  #.*", "", manifest(url))  # a link need not say what each scope is for
    return f"https://api.slack.com/apps?new_app=1&manifest_yaml={quote(bare, safe='')}"


def _address(url: str) -> str:
    """Return where Slack sends everything.

    Raises:
        NotAllowed: If it is no https address.
    """
    plain = url.strip().rstrip("/")
    if not ADDRESS.fullmatch(plain) or '"' in plain or "\\" in plain:
        raise NotAllowed(
            f"{url[:100]} isn't an https address, and Slack accepts no other; give the one "
            "at which this server is reached, such as https://tipo.example.com, or --socket if it "
            "is not reached from outside"
        )
    return plain if plain.endswith(PATH) else f"{plain}{PATH}"
