"""The Slack app as a part of the serving process: its route, its life, its health, its checks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from starlette.routing import Route

from bot.bolt import Bot, build_bot
from bot.checks import check_slack
from bot.core_client import CoreClient
from bot.http_endpoint import PATH, HttpEndpoint
from bot.notifications import AlertPolicy
from bot.outbox import SlackOutbox
from bot.post_sender import PostSender
from bot.setup import SlackSetup
from bot.slack_errors import SlackError
from bot.socket_mode import SocketMode
from sync_core.app.parts import Parts
from sync_core.backoff import Backoff
from sync_core.clock import Clock, Ids
from sync_core.domain.admin_pages import store_page
from sync_core.domain.checks import Check

log = logging.getLogger(__name__)

RESTART = Backoff(first=2, longest=60)  # of a part that fails; Slack cannot be told: health says so
STEADY_AFTER_SECONDS = 120.0  # seconds after which a part that failed counts as well again

Work = Callable[[], Awaitable[None]]


class SlackApp:
    """Everything that Tipo does in Slack."""

    name = "slack"

    def __init__(self, setup: SlackSetup, core: CoreClient, clock: Clock, ids: Ids) -> None:
        self._setup = setup
        self._clock = clock
        self._bot: Bot = build_bot(setup, core, clock, ids)
        self._http = (
            HttpEndpoint(self._bot.app, setup.secret, clock) if setup.secret.strip() else None
        )
        self._sockets = (
            SocketMode(self._bot.app, setup.app_token, setup.api_url, clock)
            if setup.app_token
            else None
        )
        slack = self._bot.context.slack
        policy = AlertPolicy(
            channel=setup.channel,
            stores=setup.stores,
            zone=setup.zone,
            approvers=tuple(setup.approvers),
        )
        sender = PostSender(core, slack, clock, self._bot.renderer)
        self._outbox = (
            SlackOutbox(core, sender, clock, policy, ids.new()) if setup.channel else None
        )
        self._failing: dict[str, str] = {}
        self.routes: Sequence[Route] = (
            [Route(PATH, self._http.answer, methods=["POST"])] if self._http else []
        )

    async def run(self) -> None:
        """Live until cancelled: each part goes on when another fails."""
        parts: dict[str, Work] = {"introduction": self._identify, "home": self._bot.home.run}
        if self._outbox is not None:
            parts["outbox"] = self._outbox.run
        else:
            log.warning("no alerts: TIPO_SLACK__CHANNEL is not set", extra={"event": "no_channel"})
        if self._sockets is not None:
            parts["socket"] = self._sockets.run
        try:
            async with asyncio.TaskGroup() as group:
                for name, work in parts.items():
                    group.create_task(self._keep_running(name, work), name=f"slack {name}")
        finally:
            await self._bot.listeners.finish()

    async def _identify(self) -> None:
        """Ask Slack who we are before anybody else asks us."""
        identity = await self._bot.context.slack.identity()
        log.info(
            "in Slack as %s of %s",
            identity.user,
            identity.team_name,
            extra={"event": "slack_ready"},
        )

    async def _keep_running(self, name: str, work: Work) -> None:
        """Do something until it ends well, again and again: all it knows is in the database."""
        failed = 0
        while True:
            began = self._clock.now()
            try:
                await work()
            except SlackError as exc:
                self._failing[name] = f"{type(exc).__name__}: {exc}"
                log.warning("%s: %s", name, exc, extra={"event": "slack_part_failed"})
            except Exception as exc:
                self._failing[name] = type(exc).__name__
                log.exception("%s has failed, again", name, extra={"event": "slack_part_failed"})
            else:
                self._failing.pop(name, None)
                return
            lasted = (self._clock.now() - began).total_seconds()
            failed = 1 if lasted > STEADY_AFTER_SECONDS else failed + 1
            await self._clock.sleep(RESTART.delay(failed))

    def health(self) -> dict[str, object]:
        """Say how it is."""
        found: dict[str, object] = {"failing": dict(self._failing)}
        if self._bot.listeners.gone:
            found["gone"] = self._bot.listeners.gone
        if self._outbox is not None:
            found["outbox"] = self._outbox.health()
        if self._sockets is not None:
            found["socket"] = self._sockets.health()
        if self._http is not None:
            found["http"] = self._http.health()
        return found

    async def checks(self, step: str = "") -> list[Check]:
        """Check all that Slack needs, or what one step of the set-up is about."""
        return await check_slack(self._setup, self._bot.context, step)


def open_app(parts: Parts) -> SlackApp | None:
    """Return the bot, or None where Slack is not configured.

    Raises:
        BadSettings: If a token or the signing secret is missing or cannot be one.
    """
    setup = setup_from(parts)
    if setup is None:
        return None
    return SlackApp(setup, parts.service, parts.clock, parts.ids)


def setup_from(parts: Parts) -> SlackSetup | None:
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
        nightly=settings.nightly.at,
        stores=tuple(settings.stores),
        pages={alias: store_page(each.domain) for alias, each in settings.stores.items()},
    ).checked()
