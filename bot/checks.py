"""What `tipo doctor` checks of Slack: one function for each thing that has to be right."""

from collections.abc import AsyncIterator

from bot.handler_context import HandlerContext
from bot.manifest import LATER_SCOPES, SCOPES, WELCOME, WHY
from bot.setup import SlackSetup
from bot.slack_api import BotIdentity
from bot.slack_calls import call, open_client
from bot.slack_errors import SlackError, SlackRefused
from sync_core.domain.checks import Check, fail, ok, warn

ABOUT = "slack"
APP_PAGE = "your Slack app's page"
UPDATE_APP = (
    f"on {APP_PAGE}, App Manifest: paste `tipo slack manifest`, Save; then Install App → Reinstall"
)


APP, CHANNEL, APPROVERS = "app", "channel", "approvers"  # steps of the set-up


async def check_slack(setup: SlackSetup, context: HandlerContext, step: str = "") -> list[Check]:
    """Check all, as far as one is the ground for the next, or what one step is about."""
    try:
        identity = await context.slack.fetch_identity()
    except SlackRefused as exc:
        then = f"copy TIPO_SLACK__BOT_TOKEN again from {APP_PAGE}, OAuth & Permissions"
        return [fail(ABOUT, f"Slack rejected the bot token ({exc.code})", then)]
    except SlackError as exc:
        then = "check the network, and TIPO_SLACK__API_URL if you have set it"
        return [fail(ABOUT, f"{setup.api_url} does not answer ({exc})", then)]
    found: list[Check] = []
    if step in {"", APP}:
        token = ok(ABOUT, f"token accepted by {identity.team_name}")
        found += [token, _scopes(identity), _secret(setup)]
        if setup.app_token:
            found.append(await _socket(setup))
    if step in {"", CHANNEL}:
        found += [each async for each in _channel(setup, context)]
    if step in {"", APPROVERS}:
        found += [each async for each in _approvers(context)]
    return found


def _scopes(identity: BotIdentity) -> Check:
    missing = [each for each in SCOPES if each not in identity.scopes]
    if missing:
        then = UPDATE_APP
        return fail(ABOUT, f"scopes are missing: {', '.join(missing)}", then)
    lacks = [each for each in LATER_SCOPES if each not in identity.scopes]
    if lacks:
        then = UPDATE_APP
        what = " and ".join(f"{WHY[each]} ({each})" for each in lacks)
        return warn(ABOUT, f"scopes are missing, so Tipo gives no {what}", then)
    if not set(WELCOME) <= identity.scopes:
        return ok(ABOUT, "all needed scopes")
    return ok(ABOUT, "all needed scopes, and those to find its own messages again")


def _secret(setup: SlackSetup) -> Check:
    if setup.secret.strip():
        return ok(ABOUT, "signing secret present: requests at /slack/events are checked")
    return ok(ABOUT, "no signing secret: HTTP is off, only Socket Mode is used")


async def _channel(setup: SlackSetup, context: HandlerContext) -> AsyncIterator[Check]:
    if not setup.channel:
        then = "set TIPO_SLACK__CHANNEL to the ID of the channel for alerts"
        yield warn(ABOUT, "no channel: no alerts are posted", then)
        return
    try:
        found = await context.slack.channel(setup.channel)
    except SlackRefused as exc:
        then = "set TIPO_SLACK__CHANNEL to the ID in the channel's details; invite Tipo if private"
        yield fail(ABOUT, f"the channel {setup.channel} cannot be seen ({exc.code})", then)
        return
    except SlackError as exc:
        yield warn(ABOUT, f"the channel could not be checked ({exc})", "ask again later")
        return
    name = f"#{found.get('name', setup.channel)}"
    if found.get("is_archived"):
        yield fail(ABOUT, f"{name} is archived", "set TIPO_SLACK__CHANNEL to another one")
    elif not found.get("is_member"):
        yield fail(ABOUT, f"Tipo is not a member of {name}", "type /invite @Tipo in it")
    else:
        yield ok(ABOUT, f"alerts go to {name}")


async def _socket(setup: SlackSetup) -> Check:
    client = open_client(setup.app_token, setup.api_url)
    then = (
        f"on {APP_PAGE}, Basic Information → App-Level Tokens: make one with connections:write; "
        "Socket Mode must be on, too"
    )
    try:
        answer = await call(client.apps_connections_open(app_token=setup.app_token))
    except SlackRefused as exc:
        return fail(ABOUT, f"Slack opens no socket ({exc.code})", then)
    except SlackError as exc:
        return warn(ABOUT, f"the app token could not be checked ({exc})", "ask again later")
    if not answer.data.get("url"):
        return fail(ABOUT, "Slack opens no socket", then)
    return ok(ABOUT, "Socket Mode: the app token opens sockets")


async def _approvers(context: HandlerContext) -> AsyncIterator[Check]:
    listed = await context.approvers.listed()
    if not listed:
        then = "set TIPO_SLACK__APPROVERS, or type /tipo approvers, to name people"
        yield warn(ABOUT, "every member of the channel can approve", then)
    good = 0
    for each in listed:
        try:
            if each.startswith("S"):
                good += bool(await context.slack.group(each))
            else:
                good += not (await context.slack.member(each)).deleted
        except SlackRefused as exc:
            then = "correct TIPO_SLACK__APPROVERS, or type /tipo approvers"
            yield fail(ABOUT, f"the approver {each} is not known to Slack ({exc.code})", then)
        except SlackError as exc:
            yield warn(ABOUT, f"{each} could not be looked up ({exc})", "ask again later")
    if listed and not good:
        yield fail(ABOUT, "nobody can approve anything", "type /tipo approvers, or name others")
    elif listed:
        counted = "1 approver, or group of them, is" if good == 1 else f"{good} approvers are"
        yield ok(ABOUT, f"{counted} known to Slack")
