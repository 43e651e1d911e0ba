"""The bot as a part of the serving process: its route, its life, its health, its checks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from starlette.routing import BaseRoute, Route

from bot.building import Bot, build
from bot.checks import examine
from bot.core import Core
from bot.door import PATH, Door
from bot.news import Policy
from bot.outbox import Outbox
from bot.sending import Sender
from bot.setup import SlackSetup
from bot.sockets import Sockets
from bot.workspace import SlackTrouble
from sync_core.app import Parts
from sync_core.clock import Clock, Ids
from sync_core.domain.checks import Check

log = logging.getLogger(__name__)

LONGEST = 60.0  # seconds between attempts of a part that fails
STEADY = 120.0  # seconds after which a part that failed counts as well again

Work = Callable[[], Awaitable[None]]


class SlackFace:
    """Everything that Tipo does in Slack."""

    name = "slack"

    def __init__(self, setup: SlackSetup, core: Core, clock: Clock, ids: Ids) -> None:
        self._setup = setup
        self._clock = clock
        self._bot: Bot = build(setup, core, clock, ids)
        self._door = Door(self._bot.app, setup.secret, clock) if setup.secret.strip() else None
        self._sockets = (
            Sockets(self._bot.app, setup.app_token, setup.api_url, clock)
            if setup.app_token
            else None
        )
        workspace = self._bot.office.workspace
        policy = Policy(channel=setup.channel, stores=setup.stores, zone=setup.zone)
        sender = Sender(core, workspace, clock)
        self._outbox = Outbox(core, sender, clock, policy, ids.new()) if setup.channel else None
        self._failing: dict[str, str] = {}
        self.routes: Sequence[BaseRoute] = (
            [Route(PATH, self._door.answer, methods=["POST"])] if self._door else []
        )

    async def run(self) -> None:
        """Live until cancelled: each part goes on when another fails."""
        parts: dict[str, Work] = {"introduction": self._introduce, "home": self._bot.home.run}
        if self._outbox is not None:
            parts["outbox"] = self._outbox.run
        else:
            log.warning("no alerts: TIPO_SLACK__CHANNEL is not set", extra={"act": "no_channel"})
        if self._sockets is not None:
            parts["socket"] = self._sockets.run
        try:
            async with asyncio.TaskGroup() as group:
                for name, work in parts.items():
                    group.create_task(self._again(name, work), name=f"slack {name}")
        finally:
            await self._bot.listening.finish()

    async def _introduce(self) -> None:
        """Ask Slack who we are before anybody else asks us."""
        me = await self._bot.office.workspace.me()
        log.info("in Slack as %s of %s", me.user, me.team_name, extra={"act": "slack_ready"})

    async def _again(self, name: str, work: Work) -> None:
        """Do something until it ends well, again and again: all it knows is in the database."""
        failed = 0
        while True:
            began = self._clock.now()
            try:
                await work()
            except SlackTrouble as exc:
                self._failing[name] = f"{type(exc).__name__}: {exc}"
                log.warning("%s: %s", name, exc, extra={"act": "slack_part_failed"})
            except Exception as exc:
                self._failing[name] = type(exc).__name__
                log.exception("%s has failed, again", name, extra={"act": "slack_part_failed"})
            else:
                self._failing.pop(name, None)
                return
            lasted = (self._clock.now() - began).total_seconds()
            failed = 1 if lasted > STEADY else failed + 1
            await self._clock.sleep(min(LONGEST, 2.0 ** min(failed, 10)))

    def health(self) -> dict[str, object]:
        """Say how it is."""
        found: dict[str, object] = {"failing": dict(self._failing)}
        if self._bot.listening.gone:
            found["gone"] = self._bot.listening.gone
        if self._outbox is not None:
            found["outbox"] = self._outbox.health()
        if self._sockets is not None:
            found["socket"] = self._sockets.health()
        if self._door is not None:
            found["http"] = self._door.health()
        return found

    async def checks(self) -> list[Check]:
        """Check all that Slack needs, for `tipo doctor`."""
        return await examine(self._setup, self._bot.office)


def open_face(parts: Parts) -> SlackFace | None:
    """Return the bot, or None where Slack is not configured.

    Raises:
        BadSettings: If a token or the signing secret is missing or cannot be one.
    """
    setup = setup_of(parts)
    if setup is None:
        return None
    return SlackFace(setup, parts.service, parts.clock, parts.ids)


def setup_of(parts: Parts) -> SlackSetup | None:
    """Return what the settings say of Slack; None if they say nothing."""
    slack, settings = parts.settings.slack, parts.settings

    def plain(secret: object) -> str:
        value = getattr(secret, "get_secret_value", str)()
        return str(value).strip()

    if not any((slack.bot_token, slack.signing_secret, slack.app_token)):
        return None
    return SlackSetup(
        token=plain(slack.bot_token),
        secret=plain(slack.signing_secret),
        app_token=plain(slack.app_token),
        channel=(slack.channel or "").strip(),
        approvers=tuple(slack.approvers),
        api_url=slack.api_url,
        zone=settings.nightly.timezone,
        stores=tuple(settings.stores),
    ).checked()
