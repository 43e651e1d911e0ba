"""A workspace with three people and a channel, a clock that moves when told, and a real app."""

import asyncio
import logging
import time
from contextlib import asynccontextmanager

import pytest
import uvicorn
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.routing import Route

from sandbox.slack import SandboxWorkspace

NOON = 1_763_899_200.0


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


class Harness:
    """The workspace and who is in it."""

    def __init__(self, clock):
        self.workspace = SandboxWorkspace(
            clock, rate_limits=False, ack_timeout=1.0, signature_clock=time.time
        )
        self.ann = self.workspace.add_user("ann", real_name="Ann Arbor")
        self.bob = self.workspace.add_user("bob")
        self.eve = self.workspace.add_user("eve")
        self.stock = self.workspace.add_channel("stock", [self.ann, self.bob])
        self.client = None


@pytest.fixture
async def harness(clock):
    harness = Harness(clock)
    async with harness.workspace.running():
        harness.client = client_of(harness.workspace)
        yield harness


def client_of(workspace, token=None):
    return AsyncWebClient(
        token=token or workspace.app.bot_token, base_url=workspace.api_url, retry_handlers=[]
    )


def app_of(workspace):
    """Return a real Bolt app that talks to the workspace."""
    quiet = logging.getLogger("tests.slack_bolt")
    quiet.setLevel(logging.CRITICAL)
    return AsyncApp(
        client=client_of(workspace),
        signing_secret=workspace.app.signing_secret,
        logger=quiet,
        request_verification_enabled=True,
    )


@asynccontextmanager
async def by_http(workspace, app):
    """Serve a Bolt app over HTTP, and tell the workspace where."""
    handler = AsyncSlackRequestHandler(app)

    async def endpoint(request):
        return await handler.handle(request)

    asgi = Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])])
    config = uvicorn.Config(asgi, port=0, log_level="error", lifespan="off", loop="asyncio")
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve())
    async with asyncio.timeout(5):
        while not server.started:  # noqa: ASYNC110  uvicorn tells nobody
            await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    workspace.app.request_url = f"http://127.0.0.1:{port}/slack/events"
    try:
        yield
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def by_socket(workspace, app):
    """Connect a Bolt app through Socket Mode."""
    workspace.app.socket_mode = True
    handler = AsyncSocketModeHandler(
        app, workspace.app.app_token, web_client=client_of(workspace, workspace.app.app_token)
    )
    await handler.connect_async()
    await workspace.until(lambda: workspace.sockets.open)
    try:
        yield handler
    finally:
        await handler.close_async()
