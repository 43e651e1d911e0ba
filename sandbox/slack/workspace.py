"""The imitation workspace: add people and channels, run it, read it."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Self

import aiohttp
from aiohttp import web

from sandbox.slack.api_call import ApiCall
from sandbox.slack.api_context import ApiContext
from sandbox.slack.block_actions import SLACKBOT
from sandbox.slack.faults import SlackFaults
from sandbox.slack.installed_app import InstalledApp
from sandbox.slack.mrkdwn import Ping, pings
from sandbox.slack.payload_sender import PayloadSender
from sandbox.slack.rate_limiter import RateLimiter
from sandbox.slack.server import build_app
from sandbox.slack.socket_pool import SocketPool
from sandbox.slack.state import (
    Channel,
    SlackMessage,
    SlackUser,
    SlackView,
    UserGroup,
    WorkspaceState,
)
from sandbox.slack.transcript import channel_text, transcript
from sandbox.slack.user_actions import UserActions
from sandbox.slack.workspace_changes import direct_channel

HOST = "127.0.0.1"
SHUTDOWN_TIMEOUT_SECONDS = 1.0  # seconds that open requests may take when the workspace stops


class SandboxWorkspace(UserActions):
    """A Slack workspace with one app installed.

    Args:
        clock: Says the time in seconds since 1970.
        domain: The workspace's address and name.
        paid: Whether the plan has user groups.
        rate_limits: Whether too many calls are answered by 429.
        patience: Seconds to wait for an ack, instead of Slack's three.
        signs_at: The time that signatures carry, if `clock` is moved and the app's is not.
        seed: Of ids, secrets and chances.
    """

    def __init__(  # noqa: PLR0913  each is a fact about a workspace
        self,
        clock: Callable[[], float],
        *,
        domain: str = "urbanwear",
        paid: bool = True,
        rate_limits: bool = True,
        ack_timeout: float | None = None,
        signature_clock: Callable[[], float] | None = None,
        seed: int = 1,
    ) -> None:
        self.state = WorkspaceState(clock=clock, domain=domain, paid=paid, seed=seed)
        self.bot = self.add_user("tipo", is_bot=True)
        self.app = InstalledApp(user_id=self.bot.id)
        slackbot = SlackUser(id=SLACKBOT, name="Slackbot", team_id=self.state.team_id, is_bot=True)
        self.state.people[SLACKBOT] = slackbot
        pacing = RateLimiter(clock, enabled=rate_limits)
        api = ApiContext(state=self.state, app=self.app, rate_limiter=pacing)
        self.sockets = SocketPool(api=api)
        super().__init__(
            api, PayloadSender(api, self.sockets, signature_clock or clock, ack_timeout)
        )

    # Furnishing -------------------------------------------------------------------------------

    def add_user(
        self,
        name: str,
        *,
        real_name: str = "",
        team_id: str | None = None,
        is_bot: bool = False,
        is_guest: bool = False,
        deleted: bool = False,
    ) -> SlackUser:
        """Add a person; another `team_id` makes a stranger from a shared channel."""
        made = SlackUser(
            id=self.state.new_id("U"),
            name=name,
            team_id=team_id or self.state.team_id,
            real_name=real_name,
            is_bot=is_bot,
            is_guest=is_guest,
            deleted=deleted,
        )
        self.state.people[made.id] = made
        return made

    def set_zone(self, person: SlackUser, tz: str) -> None:
        """Let somebody be where clocks show another time; empty: Slack does not say."""
        self.state.people[person.id] = replace(self.state.people[person.id], tz=tz)

    def add_channel(
        self,
        name: str,
        members: Iterable[SlackUser] = (),
        *,
        private: bool = False,
        bot: bool = True,
    ) -> Channel:
        """Add a channel; the bot is in it, unless `bot` is false."""
        there = [*([self.bot.id] if bot else []), *(person.id for person in members)]
        made = Channel(
            id=self.state.new_id("C"),
            name=name,
            members=list(dict.fromkeys(there)),
            private=private,
        )
        self.state.channels[made.id] = made
        return made

    def direct_channel(self, person: SlackUser) -> Channel:
        """Return the direct conversation of a person with the bot."""
        return direct_channel(self.state, person, self.bot)

    def add_group(self, handle: str, members: Iterable[SlackUser] = ()) -> UserGroup:
        """Add a user group."""
        made = UserGroup(
            id=self.state.new_id("S"),
            handle=handle,
            name=handle,
            members=[person.id for person in members],
        )
        self.state.groups[made.id] = made
        return made

    # Running ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self, host: str = HOST, port: int = 0) -> AsyncIterator[Self]:
        """Serve on a port of the system's choosing, in this event loop."""
        runner = web.AppRunner(
            build_app(self.api, self.sockets),
            access_log=None,
            shutdown_timeout=SHUTDOWN_TIMEOUT_SECONDS,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            self.api.base_url = f"http://{host}:{runner.addresses[0][1]}"
            async with aiohttp.ClientSession() as session:
                self.sender.session = session
                yield self
        finally:
            self.sender.session = None
            await self.finish_events()
            await self.sockets.close()
            await runner.cleanup()

    @property
    def base_url(self) -> str:
        """Where it runs."""
        return self.api.base_url

    @property
    def api_url(self) -> str:
        """The `base_url` for an AsyncWebClient, with its slash."""
        return f"{self.api.base_url}/api/"

    @property
    def faults(self) -> SlackFaults:
        """What goes wrong on purpose."""
        return self.api.faults

    @property
    def rate_limiter(self) -> RateLimiter:
        """The rate limits; `rate_limiter.enabled` switches them."""
        return self.api.rate_limiter

    # Reading ----------------------------------------------------------------------------------

    @property
    def calls(self) -> list[ApiCall]:
        """Every call that was answered, oldest first."""
        return list(self.api.calls)

    def calls_of(self, method: str) -> list[ApiCall]:
        """Return the answered calls of one method."""
        return [call for call in self.api.calls if call.method == method]

    def messages(
        self, channel: Channel, *, by: SlackUser | None = None, thread_ts: str | None = None
    ) -> list[SlackMessage]:
        """Return a channel's messages for all, oldest first, or in one of its threads."""
        return [
            message
            for message in self.state.in_channel(channel.id)
            if not message.deleted
            and message.only_for is None
            and by in {None, self.state.people.get(message.user)}
            and thread_ts in {None, message.thread_ts}
        ]

    def ephemerals(self, person: SlackUser) -> list[SlackMessage]:
        """Return what is shown to this person alone, oldest first."""
        everything = self.state.messages.values()
        return [each for each in everything if each.only_for == person.id and not each.deleted]

    def modal(self, person: SlackUser) -> SlackView | None:
        """Return the modal in front of a person."""
        stack = self.state.modals.get(person.id)
        return stack[-1] if stack else None

    def home(self, person: SlackUser) -> SlackView | None:
        """Return a person's Home."""
        return self.state.homes.get(person.id)

    def pinged(self, message: SlackMessage | None = None) -> list[Ping]:
        """Return whom a message called, in any of its versions; without one, all of the bot's."""
        chosen = [message] if message else self._said_by_bot()
        every = [ping for each in chosen for v in each.versions for ping in pings(v.text, v.blocks)]
        return list(dict.fromkeys(every))

    def _said_by_bot(self) -> list[SlackMessage]:
        return [each for each in self.state.messages.values() if each.user == self.bot.id]

    def transcript(self, *channels: Channel) -> str:
        """Return what happened as plain text, in order; of some channels only, if named."""
        return transcript(self.state, frozenset(channel.id for channel in channels))

    def channel_text(self, channel: Channel, person: SlackUser) -> str:
        """Return what a person sees in a channel now, as plain text."""
        return channel_text(self.state, channel, person)
