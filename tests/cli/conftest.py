"""The real command line, a real SQLite file, and imitation stores on the loopback."""

import asyncio
import contextlib
import json
import os
import socket
import threading
from datetime import UTC, datetime

import pytest
import uvicorn
from typer.testing import CliRunner

from sandbox.server import build_app
from sandbox.world import build_world, environment
from sync_core.app import App, assemble
from sync_core.cli import app
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
        self.listener = socket.socket()
        self.listener.bind((HOST, 0))
        self.url = f"http://{HOST}:{self.listener.getsockname()[1]}"
        self.shops = build_world(wall_clock, products=4, base_url=self.url)
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

    def __call__(self, *words, expect=0):
        answer = CliRunner().invoke(app, [str(word) for word in words])
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception  # a traceback is what nobody must see
        assert answer.exit_code == expect, answer.output
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
            engine = group.create_task(working._work())
            await parts.service.beat()
            while not await done(parts.service):
                await WallClock().sleep(0.05)
            engine.cancel()
    finally:
        await parts.close()


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
def known(tipo):
    """The command line after the catalogue has been read."""
    tipo.work(_has_pools)
    return tipo


@pytest.fixture
def met(known):
    """The command line after the stores have met, two-way."""
    known("mode", "two-way", "--yes", "--time-out", 0, expect=1)
    known.work(_all_met)
    return known


async def _has_pools(service):
    return (await service.overview()).pools > 0


async def _all_met(service):
    return not any(each.waiting for each in await service.meetings())


def all_settled(sku, quantity):
    """Whether every store shows that many, and nothing is under way."""

    async def holds(service):
        pools = await service.stock(sku)
        shown = all(each.shows == quantity for pool in pools for each in pool.levels)
        overview = await service.overview()
        return shown and not any(each.due or each.open or each.looks for each in overview.stores)

    return holds
