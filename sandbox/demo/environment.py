"""The demo's environment: two stores, a Slack workspace and a real `tipo serve`, all over HTTP.

Tipo runs as a process of its own, in a folder of its own: it knows nothing of the demo, and none
of the settings of the person who runs the demo reach it.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import uvicorn
from starlette.types import ASGIApp

from sandbox.demo.team import Team, create_team
from sandbox.sample_shops import build_shops, environment
from sandbox.server import build_app
from sandbox.shop import Shop
from sync_core.clock import Clock, RandomIds
from sync_core.db.database import SqlDatabase
from sync_core.domain.values import Mode
from sync_core.service.service import Service

HOST = "127.0.0.1"
SERVE = (sys.executable, "-m", "sync_core.cli", "serve")
MAX_SECONDS_TO_START = 20.0  # until it answers
MAX_SECONDS_TO_STOP = 8.0  # until it has ended
POLL_SECONDS = 0.05  # seconds between checks


class DemoFailed(Exception):
    """The demo could not be started; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEnvironment:
    """Two stores, a Slack workspace, and Tipo."""

    shops: Mapping[str, Shop]
    clock: Clock
    client: httpx.AsyncClient
    folder: Path
    stores_url: str
    tipo_url: str
    environment: Mapping[str, str]
    team: Team

    async def perform(
        self, alias: str, verb: str, given: Mapping[str, object]
    ) -> dict[str, object]:
        """Let customers or staff do something, as anybody could with curl."""
        url = f"{self.stores_url}/control/{alias}/{verb}"
        answer = await self.client.post(url, json=dict(given))
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        return found

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines of Tipo's log."""
        log = self.folder / "tipo.log"
        return "\n".join(log.read_text().splitlines()[-lines:]) if log.exists() else ""


class SignalFreeServer(uvicorn.Server):
    """A server that leaves signals to the demo."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def listen(port: int = 0) -> socket.socket:
    """Return a socket on this machine alone; without a port, on one of the system's choosing.

    Raises:
        OSError: If the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


def free_port() -> int:
    """Return a port that nobody listens on."""
    with listen() as listener:
        port: int = listener.getsockname()[1]
    return port


def _own_settings(folder: Path, port: int, url: str) -> dict[str, str]:
    """Return the settings that are not about the stores."""
    return {
        "TIPO_DATABASE_URL": f"sqlite:///{folder / 'tipo.db'}",
        "TIPO_HOST": HOST,
        "TIPO_PORT": str(port),
        "TIPO_LOG_FORMAT": "text",  # people are shown its end where something fails
        "TIPO_PUBLIC_URL": url,
    }


@asynccontextmanager
async def start_environment(
    folder: Path, clock: Clock, *, seed: int = 1, products: int = 20
) -> AsyncIterator[DemoEnvironment]:
    """Open stores and Slack, start Tipo, set two-way, and clear everything away at the end.

    Args:
        folder: Where Tipo keeps its files; exists, and is empty.
        clock: The time.
        seed: Of what the stores leave to chance.
        products: How many each store sells, each in three sizes.

    Raises:
        DemoFailed: If Tipo does not start.
    """
    listener, port = listen(), free_port()
    team = create_team(lambda: clock.now().timestamp())
    stores_url = f"http://{HOST}:{listener.getsockname()[1]}"
    shops = build_shops(clock.now, seed=seed, products=products, base_url=stores_url)
    tipo_url = f"http://{HOST}:{port}"
    settings = {**environment(shops, stores_url), **_own_settings(folder, port, tipo_url)}
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("TIPO_")}
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client, team.slack.running():
        team.slack.app.request_url = f"{tipo_url}/slack/events"
        settings |= team.settings()
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        (folder / ".env").write_text(lines)
        demo = DemoEnvironment(
            shops=shops,
            clock=clock,
            client=client,
            folder=folder,
            stores_url=stores_url,
            tipo_url=tipo_url,
            environment={**theirs, **settings},
            team=team,
        )
        async with served(build_app(shops), listener), _serving(demo):
            yield demo


@asynccontextmanager
async def served(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Serve an app on a socket, which is closed at the end."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",  # a connection that a fault breaks is no news
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = SignalFreeServer(config)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(sockets=[listener]))
        try:
            # One that is stopped while it starts leaves its socket to the loop.
            while not (server.started or serving.done()):  # noqa: ASYNC110  it has no event
                await anyio.sleep(POLL_SECONDS)
            yield
        finally:
            server.should_exit = True
            await serving  # else the group would cancel it, and its socket stay open


@asynccontextmanager
async def _serving(demo: DemoEnvironment) -> AsyncIterator[None]:
    async with serve(demo.folder, demo.environment) as process:
        await _ready(demo, process)
        await _connect(demo)
        yield


@asynccontextmanager
async def serve(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Process]:
    """Run `tipo serve` in a folder; its log is `tipo.log` there."""
    with (folder / "tipo.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *SERVE,
            env=environment,
            cwd=folder,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=log.fileno(),
            start_new_session=True,  # Ctrl-C is for the demo, which then stops it in order
        )
        try:
            yield process
        finally:
            await _stop(process)


async def _ready(demo: DemoEnvironment, process: Process) -> None:
    """Return when Tipo answers and has read what the stores sell.

    Raises:
        DemoFailed: If it does not within its time.
    """
    try:
        async with asyncio.timeout(MAX_SECONDS_TO_START):
            while not await _catalogue_is_read(demo):
                if process.returncode is not None:
                    raise DemoFailed(f"`tipo serve` has stopped:\n{demo.log_tail()}")
                await demo.clock.sleep(POLL_SECONDS)
    except TimeoutError:
        raise DemoFailed(
            f"`tipo serve` is not ready after {MAX_SECONDS_TO_START:.0f} s:\n{demo.log_tail()}"
        ) from None


async def _catalogue_is_read(demo: DemoEnvironment) -> bool:
    subscribed = all(shop.webhooks.subscriptions for shop in demo.shops.values())
    if not subscribed:
        return False
    try:
        answer = await demo.client.get(f"{demo.tipo_url}/metrics")
    except httpx.HTTPError:
        return False
    return any(
        line.startswith("tipo_pools ") and float(line.split()[1]) > 0
        for line in answer.text.splitlines()
    )


async def _connect(demo: DemoEnvironment) -> None:
    """Have the team ask for two-way and confirm it, and wait for the initial comparison.

    Raises:
        DemoFailed: If nobody answers, or the initial comparison does not end well.
    """
    team = demo.team
    database = SqlDatabase(demo.environment["TIPO_DATABASE_URL"])
    service = Service(database, {}, demo.clock, RandomIds())
    try:
        await team.run_command(team.ann, "/tipo status")
        await team.run_command(team.ann, "/tipo mode two-way")
        question = await team.wait_for_button(team.ann, "decide.confirm")
        await team.slack.click(team.ann, question, "decide.confirm")
        async with asyncio.timeout(MAX_SECONDS_TO_START):
            while not await _are_baselined(service):
                await demo.clock.sleep(POLL_SECONDS)
    except TimeoutError:
        raise DemoFailed(
            f"the initial comparison does not end:\n{team.slack.transcript()}\n{demo.log_tail()}"
        ) from None
    finally:
        database.close()


async def _are_baselined(service: Service) -> bool:
    """Whether every connection is two-way and every level has been compared."""
    modes = {each.mode for each in (await service.overview()).stores} - {None}
    return modes == {Mode.TWO_WAY} and not any(each.waiting for each in await service.baselines())


async def _stop(process: Process) -> None:
    """Stop Tipo: SIGTERM first, then kill."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(MAX_SECONDS_TO_STOP):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
