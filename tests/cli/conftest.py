"""The real command line, a real SQLite file, and imitation stores on the loopback."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import threading
import time
from datetime import UTC, datetime

import pytest
import uvicorn
from typer.testing import CliRunner

from sandbox.demo.team import create_team
from sandbox.sample_shops import build_shops, environment
from sandbox.server import build_app
from sync_core.app.parts import assemble
from sync_core.app.server import App
from sync_core.cli import app, mode, runtime
from sync_core.clock import WallClock
from sync_core.settings import load

HOST = "127.0.0.1"


def wall_clock():
    return datetime.now(UTC)


class Quiet(uvicorn.Server):
    """A server in a thread has no signals to capture."""

    @contextlib.contextmanager
    def capture_signals(self):
        yield


class Stores:
    """Imitation stores that answer over HTTP from a thread."""

    def __init__(self):
        self.listener = socket.create_server((HOST, 0))  # what connects before the thread waits
        self.url = f"http://{HOST}:{self.listener.getsockname()[1]}"
        self.shops = build_shops(wall_clock, products=4, base_url=self.url)
        config = uvicorn.Config(build_app(self.shops), log_config=None, access_log=False)
        self.server = Quiet(config)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        asyncio.run(self.server.serve(sockets=[self.listener]))

    def close(self):
        self.server.should_exit = True
        self.thread.join(10)
        self.listener.close()


class Tipo:
    """The command line, as somebody without a terminal calls it."""

    def __init__(self, stores):
        self.stores = stores
        self.shops = stores.shops

    def __call__(self, *words, expect=0, says=None):
        answer = CliRunner().invoke(app, [str(word) for word in words], input=says)
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception  # a traceback is what nobody must see
        assert answer.exit_code == expect, answer.output
        return answer

    def at_rest(self, *words):
        """Ask again in a moment, as long as that is the answer."""
        for _ in range(40):
            answer = CliRunner().invoke(app, [str(word) for word in words])
            if "ask again in a moment" not in answer.output:
                break
            time.sleep(0.5)
        assert answer.exit_code == 0, answer.output
        return answer

    def json(self, *words, expect=0):
        return json.loads(self(*words, "--json", expect=expect).stdout)

    def work(self, done, seconds=20):
        """Let the engine work until a question about the parts is answered with yes."""
        asyncio.run(_work(done, seconds))


async def _work(done, seconds):
    parts = assemble(load())
    working = App(parts)
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            engine = group.create_task(working.work())
            await parts.service.heartbeat()
            while not await done(parts.service):
                await WallClock().sleep(0.05)
            engine.cancel()
    finally:
        await parts.close()


def ask(work):
    """Ask the parts something, as another process would."""

    async def asked():
        parts = assemble(load())
        try:
            return await work(parts)
        finally:
            await parts.close()

    return asyncio.run(asked())


def rest():
    """Let everybody know that nobody serves: the last sign of life may be seconds old."""
    ask(lambda parts: parts.service.end_heartbeat())


@contextlib.contextmanager
def serving():
    """Somebody serves meanwhile: an engine in a thread, with a database connection of its own."""
    stop, begun = threading.Event(), threading.Event()

    async def serve():
        parts = assemble(load())
        try:
            async with asyncio.TaskGroup() as group:
                engine = group.create_task(App(parts).work())
                while not stop.is_set():
                    await parts.service.heartbeat()
                    begun.set()
                    await WallClock().sleep(0.2)
                engine.cancel()
            await parts.service.end_heartbeat()
        finally:
            await parts.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert begun.wait(20)
        yield
    finally:
        stop.set()
        thread.join(30)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A folder without settings."""
    for name in [each for each in os.environ if each.startswith("TIPO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "240")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def settings(bare, monkeypatch):
    """Stores of one's own, and the settings that name them."""
    made = Stores()
    for name, value in environment(made.shops, made.url).items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


@pytest.fixture
def tipo(settings):
    return Tipo(settings)


@pytest.fixture
def lone(bare):
    """The command line without any settings."""
    return Tipo(type("Nobody", (), {"shops": {}}))


@pytest.fixture
def known(tipo, bare, migrated_file):
    """The command line after the catalogue has been read."""
    shutil.copy(migrated_file, bare / "tipo.db")
    tipo.work(_has_pools)
    return tipo


@pytest.fixture
def baselined(known):
    """The command line after the stores have met, two-way."""
    known("mode", "two-way", "--yes", "--time-out", 0, expect=1)
    known.work(_all_met)
    return known


@pytest.fixture
def team(bare, monkeypatch):
    """People in an imitation Slack, and the settings with which Tipo reaches it."""
    made = create_team(lambda: WallClock().now().timestamp())
    stop, begun = asyncio.Event(), threading.Event()
    loops = []

    async def run():
        loops.append(asyncio.get_running_loop())
        async with made.slack.running():
            begun.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert begun.wait(10)
        for name, value in made.settings().items():
            monkeypatch.setenv(name, value)
        yield made
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.fixture
def alone(baselined):
    """The stores have met, and nobody serves any more."""
    rest()
    return baselined


@pytest.fixture
def person(monkeypatch):
    """Somebody sits at the terminal and can be asked."""
    monkeypatch.setattr(runtime, "is_interactive", lambda: True)
    monkeypatch.setattr(mode, "is_interactive", lambda: True)


async def _has_pools(service):
    return (await service.overview()).pools > 0


async def _all_met(service):
    return not any(each.waiting for each in await service.baselines())


def all_settled(sku, quantity):
    """Whether every store shows that many, and nothing is under way."""

    async def holds(service):
        pools = await service.stock(sku)
        shown = all(each.shows == quantity for pool in pools for each in pool.levels)
        overview = await service.overview()
        return shown and not any(
            each.due or each.open or each.refreshes for each in overview.stores
        )

    return holds
