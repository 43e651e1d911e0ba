"""The imitation workspace: make people and channels, run it, act, look."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Self

import aiohttp
from aiohttp import web

from sandbox.slack.acting import SLACKBOT, Acting
from sandbox.slack.app import App
from sandbox.slack.call import Call
from sandbox.slack.changes import direct
from sandbox.slack.delivery import Courier
from sandbox.slack.desk import Desk
from sandbox.slack.faults import Faults
from sandbox.slack.pacing import Pacing
from sandbox.slack.server import build_app
from sandbox.slack.sockets import Sockets
from sandbox.slack.state import Channel, Group, Message, Person, State, View
from sandbox.slack.text import Ping, pings
from sandbox.slack.transcript import look, transcript

HOST = "127.0.0.1"
GOODBYE = 1.0  # seconds that open requests may take when the workspace stops


class Workspace(Acting):
    """A Slack workspace with one app installed.

    Args:
        clock: Says the time in seconds since 1970.
        domain: The workspace's address and name.
        paid: Whether the plan has user groups.
        rate_limits: Whether too many calls are answered by 429.
        patience: Seconds to wait for an ack, instead of Slack's three.
        signs_at: The time that signatures carry, if `clock` is moved and the app's is not.
        seed: Of ids, secrets and luck.
    """

    def __init__(  # noqa: PLR0913  each is a fact about a workspace
        self,
        clock: Callable[[], float],
        *,
        domain: str = "urbanwear",
        paid: bool = True,
        rate_limits: bool = True,
        patience: float | None = None,
        signs_at: Callable[[], float] | None = None,
        seed: int = 1,
    ) -> None:
        self.state = State(clock=clock, domain=domain, paid=paid, seed=seed)
        self.bot = self.person("tipo", is_bot=True)
        self.app = App(user_id=self.bot.id)
        slackbot = Person(id=SLACKBOT, name="Slackbot", team_id=self.state.team_id, is_bot=True)
        self.state.people[SLACKBOT] = slackbot
        pacing = Pacing(clock, enabled=rate_limits)
        desk = Desk(state=self.state, app=self.app, pacing=pacing)
        self.sockets = Sockets(desk=desk)
        super().__init__(desk, Courier(desk, self.sockets, signs_at or clock, patience))

    # Furnishing -------------------------------------------------------------------------------

    def person(
        self,
        name: str,
        *,
        real_name: str = "",
        team_id: str | None = None,
        is_bot: bool = False,
        is_guest: bool = False,
        deleted: bool = False,
    ) -> Person:
        """Add a person; another `team_id` makes a stranger from a shared channel."""
        made = Person(
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

    def channel(
        self, name: str, members: Iterable[Person] = (), *, private: bool = False, bot: bool = True
    ) -> Channel:
        """Add a channel; the bot is in it, unless told otherwise."""
        there = [*([self.bot.id] if bot else []), *(person.id for person in members)]
        made = Channel(
            id=self.state.new_id("C"),
            name=name,
            members=list(dict.fromkeys(there)),
            private=private,
        )
        self.state.channels[made.id] = made
        return made

    def direct(self, person: Person) -> Channel:
        """Return the direct conversation of a person with the bot."""
        return direct(self.state, person, self.bot)

    def group(self, handle: str, members: Iterable[Person] = ()) -> Group:
        """Add a user group."""
        made = Group(
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
            build_app(self.desk, self.sockets), access_log=None, shutdown_timeout=GOODBYE
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            self.desk.base_url = f"http://{host}:{runner.addresses[0][1]}"
            async with aiohttp.ClientSession() as session:
                self.courier.session = session
                yield self
        finally:
            self.courier.session = None
            await self.sockets.close()
            await runner.cleanup()

    @property
    def base_url(self) -> str:
        """Where it runs."""
        return self.desk.base_url

    @property
    def api_url(self) -> str:
        """The `base_url` for an AsyncWebClient, with its slash."""
        return f"{self.desk.base_url}/api/"

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose."""
        return self.desk.faults

    @property
    def pacing(self) -> Pacing:
        """The rate limits; `pacing.enabled` switches them."""
        return self.desk.pacing

    # Looking ----------------------------------------------------------------------------------

    @property
    def calls(self) -> list[Call]:
        """Every call that was answered, oldest first."""
        return list(self.desk.calls)

    def called(self, method: str) -> list[Call]:
        """Return the answered calls of one method."""
        return [call for call in self.desk.calls if call.method == method]

    def messages(
        self, channel: Channel, *, by: Person | None = None, thread_ts: str | None = None
    ) -> list[Message]:
        """Return what stands in a channel for all, oldest first, or in one of its threads."""
        return [
            message
            for message in self.state.in_channel(channel.id)
            if not message.deleted
            and message.only_for is None
            and by in {None, self.state.people.get(message.user)}
            and thread_ts in {None, message.thread_ts}
        ]

    def ephemerals(self, person: Person) -> list[Message]:
        """Return what is shown to this person alone, oldest first."""
        everything = self.state.messages.values()
        return [each for each in everything if each.only_for == person.id and not each.deleted]

    def modal(self, person: Person) -> View | None:
        """Return the modal in front of a person."""
        stack = self.state.modals.get(person.id)
        return stack[-1] if stack else None

    def home(self, person: Person) -> View | None:
        """Return a person's Home."""
        return self.state.homes.get(person.id)

    def pinged(self, message: Message | None = None) -> list[Ping]:
        """Return whom a message called, in any of its versions; without one, all of the bot's."""
        chosen = [message] if message else self._said_by_bot()
        every = [ping for each in chosen for v in each.versions for ping in pings(v.text, v.blocks)]
        return list(dict.fromkeys(every))

    def _said_by_bot(self) -> list[Message]:
        return [each for each in self.state.messages.values() if each.user == self.bot.id]

    def transcript(self, *channels: Channel) -> str:
        """Return what happened as plain text, in order; of some channels only, if named."""
        return transcript(self.state, frozenset(channel.id for channel in channels))

    def look(self, channel: Channel, person: Person) -> str:
        """Return what a person sees in a channel now, as plain text."""
        return look(self.state, channel, person)
