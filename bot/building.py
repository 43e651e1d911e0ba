"""Put the bot together: one Bolt app for HTTP and Socket Mode, with everything passed to it.

Bolt reads SLACK_* variables where it is left to: with a client id among them it would even drop
our token. None of them may matter, so they are out of sight while it is built.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from bot.approvers import Approvers
from bot.clicks import Clicks
from bot.commands import Commands
from bot.core import Core
from bot.drawing import Drawing
from bot.home import Home
from bot.listening import Listening
from bot.modals import Modals
from bot.office import Office
from bot.outcomes import Outcomes
from bot.setup import SlackSetup
from bot.workspace import QUIET, Workspace, open_client
from sync_core.clock import Clock, Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """The parts of the bot that talk with people."""

    app: AsyncApp
    office: Office
    listening: Listening
    home: Home


def build(setup: SlackSetup, core: Core, clock: Clock, ids: Ids) -> Bot:
    """Return the bot.

    Raises:
        BadSettings: If a token or the signing secret is missing.
    """
    setup.checked()
    workspace = Workspace(open_client(setup.token, setup.api_url))
    approvers = Approvers(core, workspace, clock, listed=setup.approvers, channel=setup.channel)
    office = Office(
        core=core,
        workspace=workspace,
        drawing=Drawing(core, workspace, clock),
        approvers=approvers,
        clock=clock,
        ids=ids,
        channel=setup.channel,
        zone=setup.zone,
    )
    commands, outcomes, home = Commands(office), Outcomes(office), Home(office)
    modals = Modals(office, outcomes)
    clicks = Clicks(office, commands, modals, home, outcomes)
    listening = Listening(office, commands, clicks, modals, home)
    app = open_app(setup, workspace)
    listening.register(app)
    return Bot(app=app, office=office, listening=listening, home=home)


def open_app(setup: SlackSetup, workspace: Workspace) -> AsyncApp:
    """Return the Bolt app; it asks Slack nothing before an ack."""

    async def authorize(
        enterprise_id: str | None, team_id: str | None, user_id: str | None, **_more: Any
    ) -> AuthorizeResult:
        me = workspace.known_self
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            user_id=user_id,
            bot_token=setup.token,
            bot_user_id=None if me is None else me.user,
            bot_id=None if me is None else me.bot,
        )

    with without_slack_variables():
        return AsyncApp(
            name="tipo",
            logger=QUIET,  # it would log bodies, which hold what people type
            client=open_client(None, setup.api_url),
            signing_secret=setup.secret or "no request comes over HTTP",
            authorize=authorize,
        )


@contextlib.contextmanager
def without_slack_variables() -> Iterator[None]:
    """Take SLACK_* out of the environment for a moment."""
    taken = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SLACK_")}
    try:
        yield
    finally:
        os.environ.update(taken)
