"""What `tipo init` asks about Slack, with the names that things have on Slack's screens."""

import re

from bot.checks import APP, APPROVERS, CHANNEL
from bot.manifest import PATH, manifest_link
from sync_core.domain.questions import Question, Step

CHANNEL_ID = re.compile(r"\b[CG][A-Z0-9]{6,}\b")
APPROVER_ID = re.compile(r"[UWS][A-Z0-9]{6,}")
MAX_APPROVERS = 100


def steps(public_url: str | None) -> tuple[Step, ...]:
    """Return what is asked, for an app that Slack reaches at an address or by Socket Mode."""
    return (_app(public_url), CHANNEL_STEP, APPROVERS_STEP)


def _app(public_url: str | None) -> Step:
    bot_token = Question(
        setting="slack.bot_token",
        asks="Bot User OAuth Token (xoxb-…), under OAuth & Permissions",
    )
    signing_secret = Question(
        setting="slack.signing_secret",
        asks="Signing Secret, under Basic Information → App Credentials",
        unless="slack.app_token",
    )
    app_token = Question(
        setting="slack.app_token",
        asks="App-level token (xapp-…)",
        unless="slack.signing_secret",
    )
    says = (
        "  1. Open this link, which fills in everything: choose the workspace, Next, Create.",
        "",
        manifest_link(public_url),
        "",
        "  2. Install App → Install to the workspace, Allow.",
    )
    if public_url is not None:
        verify = (
            f"In Slack: Event Subscriptions → Request URL ({PATH}) must say Verified; press Retry"
        )
        return Step(
            name=APP,
            title="Slack app",
            says=says,
            questions=(bot_token, signing_secret),
            afterwards=verify,
        )
    socket = (
        "  3. Basic Information → App-Level Tokens → Generate Token and Scopes:",
        "     add the scope connections:write, Generate.",
    )
    return Step(name=APP, title="Slack app", says=says + socket, questions=(bot_token, app_token))


def read_channel(text: str) -> str:
    """Return the ID of a channel, given that or the channel's link.

    Raises:
        ValueError: If there is none in it.
    """
    found = CHANNEL_ID.search(text)
    if found is None:
        raise ValueError("write the ID, such as C0123456789, or paste the channel's link")
    return found[0]


def read_approvers(text: str) -> list[str]:
    """Return the IDs of people and user groups.

    Raises:
        ValueError: If something else is among them, or they are too many.
    """
    names = text.replace(",", " ").split()
    odd = [each for each in names if not APPROVER_ID.fullmatch(each)]
    if odd:
        raise ValueError(f"{odd[0][:40]} is no ID such as U0123456789 (or S0123456789, a group)")
    if len(names) > MAX_APPROVERS:
        raise ValueError(f"more than {MAX_APPROVERS}: name a user group instead")
    return names


CHANNEL_STEP = Step(
    name=CHANNEL,
    title="Slack channel for alerts and fixes",
    says=(
        "Invite Tipo into the channel: type /invite @Tipo in it. Its ID is at the bottom of the",
        "channel's details (click its name, About), its link under Copy link.",
    ),
    questions=(Question(setting="slack.channel", asks="Channel ID or link", reads=read_channel),),
)
APPROVERS_STEP = Step(
    name=APPROVERS,
    title="Who may approve",
    says=(
        "Their IDs: click a person's picture, View full profile, ⋮, Copy member ID. A user group's",
        "ID begins with S. /tipo approvers changes this later.",
    ),
    questions=(
        Question(
            setting="slack.approvers",
            asks="IDs of people or user groups, with blanks between",
            reads=read_approvers,
            blank="every member of the channel",
        ),
    ),
)
