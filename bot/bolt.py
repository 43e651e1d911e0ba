"""Put the bot together: one Bolt app for HTTP and Socket Mode, with everything passed to it.

Bolt reads SLACK_* variables where it is left to: with a client id among them it would even drop
our token. None of them may matter, so they are out of sight while it is built.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from bot.actions.feedback import DecisionFeedback
from bot.actions.handlers import ActionHandlers
from bot.approvers import Approvers
from bot.commands.handlers import CommandHandlers
from bot.core_client import CoreClient
from bot.handler_context import HandlerContext
from bot.home import AppHome
from bot.listeners import Listeners
from bot.message_handlers import MessageHandlers
from bot.permalinks import Permalinks
from bot.post_renderer import PostRenderer, PostUpdater
from bot.preferences import Preferences
from bot.setup import SlackSetup
from bot.slack_api import SlackApi
from bot.slack_calls import SILENT_LOGGER, open_client
from bot.views.handlers import ViewHandlers
from bot.zones import ReaderZones
from sync_core.clock import Clock, Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """The parts of the bot that talk with people."""

    app: AsyncApp
    context: HandlerContext
    listeners: Listeners
    home: AppHome
    renderer: PostRenderer


def build_bot(setup: SlackSetup, core: CoreClient, clock: Clock, ids: Ids) -> Bot:
    """Return the bot.

    Raises:
        BadSettings: If a token or the signing secret is missing.
    """
    setup.checked()
    slack = SlackApi(open_client(setup.token, setup.api_url))
    preferences = Preferences(core, approvers=setup.approvers, nightly=setup.nightly)
    approvers = Approvers(preferences, slack, clock, channel=setup.channel)
    zone = ZoneInfo(setup.zone)
    links = Permalinks(core, slack, clock)
    renderer = PostRenderer(core, clock, zone, links, setup.pages)
    context = HandlerContext(
        core=core,
        slack=slack,
        updater=PostUpdater(core, slack, clock, renderer),
        approvers=approvers,
        preferences=preferences,
        clock=clock,
        ids=ids,
        channel=setup.channel,
        links=links,
        zones=ReaderZones(approvers, clock, zone),
    )
    commands, feedback, home = CommandHandlers(context), DecisionFeedback(context), AppHome(context)
    views = ViewHandlers(context, feedback, home)
    actions = ActionHandlers(context, commands, views, home, feedback)
    messages = MessageHandlers(context, commands)
    listeners = Listeners(context, commands, actions, views, home, messages)
    app = open_bolt_app(setup, slack)
    listeners.register(app)
    return Bot(app=app, context=context, listeners=listeners, home=home, renderer=renderer)


def open_bolt_app(setup: SlackSetup, slack: SlackApi) -> AsyncApp:
    """Return the Bolt app; it asks Slack nothing before an ack."""

    async def authorize(
        enterprise_id: str | None, team_id: str | None, user_id: str | None, **_more: Any
    ) -> AuthorizeResult:
        identity = slack.known_identity
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            user_id=user_id,
            bot_token=setup.token,
            bot_user_id=None if identity is None else identity.user,
            bot_id=None if identity is None else identity.bot,
        )

    with without_slack_environment():
        return AsyncApp(
            name="tipo",
            logger=SILENT_LOGGER,  # it would log bodies, which hold what people type
            client=open_client(None, setup.api_url),
            signing_secret=setup.secret or "no request comes over HTTP",
            authorize=authorize,
            raise_error_for_unhandled_request=True,  # to `Listeners.failed`, which acks it
        )


@contextlib.contextmanager
def without_slack_environment() -> Iterator[None]:
    """Take SLACK_* out of the environment for a moment."""
    taken = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SLACK_")}
    try:
        yield
    finally:
        os.environ.update(taken)
