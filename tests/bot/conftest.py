"""A workspace with people, a core of dictionaries, and the bot between them."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import uvicorn
from starlette.applications import Starlette

from bot.app import SlackApp
from bot.manifest import EVENTS, LATER_SCOPES, SCOPES
from bot.messages.action_ids import WHY_THIS_NUMBER
from bot.setup import SlackSetup
from sandbox.slack import SandboxWorkspace
from sync_core.clock import RandomIds, WallClock
from tests.bot.fake_service import FakeService

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

# Slack waits 3 s. It takes some 10 ms, and a busy machine may be a hundred times slower.
ACKED_WITHIN_MS = 1500


class Ticking:
    """A clock that moves only when somebody sleeps, or moves it."""

    def __init__(self, start=NOON):
        self.at = start

    def now(self):
        return self.at

    def seconds(self):
        return self.at.timestamp()

    def forward(self, seconds):
        self.at += timedelta(seconds=seconds)

    async def sleep(self, seconds):
        self.forward(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def ticking():
    return Ticking()


class Staff:
    """Who works here, and where."""

    def __init__(self, clock=None, **kwargs):
        self.clock = clock or WallClock()
        self.slack = SandboxWorkspace(lambda: self.clock.now().timestamp(), **kwargs)
        # As installed from our manifest: what it does not ask for, nobody gives us.
        self.slack.app.scopes = frozenset((*SCOPES, *LATER_SCOPES))
        self.slack.app.events = frozenset(EVENTS)
        self.slack.app.message_shortcuts = frozenset({WHY_THIS_NUMBER})
        self.ann = self.slack.add_user("ann")
        self.bob = self.slack.add_user("bob")
        self.carl = self.slack.add_user("carl")  # of the workspace, not of the channel
        self.guest = self.slack.add_user("gina", is_guest=True)
        self.stranger = self.slack.add_user("eve", team_id="T99999999")
        self.gone = self.slack.add_user("gone", deleted=True)
        self.robot = self.slack.add_user("robot", is_bot=True)
        people = [self.ann, self.bob, self.guest, self.stranger, self.gone, self.robot]
        self.stock = self.slack.add_channel("stock", people)
        self.general = self.slack.add_channel("general", [*people, self.carl])
        self.team = self.slack.add_group("stock-team", [self.bob])

    def setup(self, **given):
        app = self.slack.app
        known = {
            "token": app.bot_token,
            "secret": app.signing_secret,
            "channel": self.stock.id,
            "api_url": self.slack.api_url,
            "stores": ("eu", "us"),
        }
        return SlackSetup(**{**known, **given})


@pytest.fixture
async def staff():
    made = Staff()
    async with made.slack.running():
        yield made


@pytest.fixture
def core():
    return FakeService(WallClock())


class Quiet(uvicorn.Server):
    """A server that leaves signals alone."""

    def capture_signals(self):
        return _nothing()


class _nothing:  # noqa: N801
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


@asynccontextmanager
async def served(routes):
    """Serve routes on a port of the system's choosing; yield its address."""
    config = uvicorn.Config(
        Starlette(routes=routes), host="127.0.0.1", port=0, log_config=None, lifespan="off"
    )
    server = Quiet(config)
    task = asyncio.ensure_future(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def at_work(staff, core, *, socket=False, running=True, **given):
    """The face itself, reached by signed requests or through a socket."""
    more = {"app_token": staff.slack.app.app_token, "secret": ""} if socket else {}
    slack_app = SlackApp(staff.setup(**{**more, **given}), core, staff.clock, RandomIds())
    async with served(slack_app.routes) as url:
        staff.slack.app.request_url = f"{url}/slack/events"
        staff.slack.app.socket_mode = socket
        life = asyncio.ensure_future(slack_app.run()) if running else None
        if socket:
            await until(lambda: slack_app.health()["socket"]["connected"])
        try:
            yield slack_app
        finally:
            if life is not None:
                life.cancel()
                await asyncio.gather(life, return_exceptions=True)


async def until(holds, within=5.0):
    """Wait until something holds."""
    async with asyncio.timeout(within):
        while not (found := holds()):  # noqa: ASYNC110 - what is watched rings no bell
            await asyncio.sleep(0.005)
    return found


@pytest.fixture
async def night(sqlite_url):
    """A report in the channel, and nobody who works on it."""
    from tests.bot.nights import Night  # noqa: PLC0415 - which needs this module

    # Bolt compares with the real time: the clock stands still, but not long ago.
    staff = Staff(Ticking(WallClock().now()))
    async with staff.slack.running():
        made = Night(staff, sqlite_url)
        yield made
        made.database.close()


@pytest.fixture
def breathing(night):
    """A form is filled after its ack: time stands still here, so the wait must be a real one."""
    clock = night.clock

    async def sleep(seconds):
        clock.forward(seconds)
        await asyncio.sleep(min(seconds, 0.2))

    clock.sleep = sleep
