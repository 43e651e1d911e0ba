"""The whole service behind a network partition: it says so, and is green again once it is over."""

import asyncio
import socket
from dataclasses import replace
from functools import partial

import pytest

from sandbox.sample_shops import environment
from sync_core.app import scheduler
from sync_core.app.parts import assemble
from sync_core.app.server import App
from sync_core.db.database import SqlDatabase
from sync_core.db.engines import TimeLimits
from sync_core.domain.values import Mode
from sync_core.settings import load
from sync_core.workers import supervisor
from tests.cli.conftest import Stores
from tests.conftest import needs_postgres
from tests.db.partition import partitioned
from tests.web.conftest import HOST, loopback_client

SHORT = TimeLimits(transaction=6.0, statement=5.0, lock=3.0, idle=6.0, connect=2)
pytestmark = needs_postgres


@pytest.fixture
def stores():
    made = Stores()
    yield made
    made.close()


async def until(true, seconds=180):
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - it is somebody else's state, without an event
            await asyncio.sleep(0.05)


@pytest.fixture
async def served(stores, postgres_url, monkeypatch, tmp_path):
    """The real service and imitation stores; its PostgreSQL is behind a proxy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sync_core.app.parts.SqlDatabase", partial(SqlDatabase, limits=SHORT))
    monkeypatch.setattr("sync_core.web.health.DATABASE_TIMEOUT_SECONDS", 2.0)
    monkeypatch.setattr(supervisor, "RESTART", replace(supervisor.RESTART, longest=0.5))
    monkeypatch.setattr(scheduler, "ALERTS_SECONDS", 0.2)
    async with partitioned(postgres_url) as (proxy, url):
        for name, value in environment(stores.shops, stores.url).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("TIPO_DATABASE_URL", url)
        parts = await asyncio.to_thread(assemble, load())  # the proxy lives in this loop
        app = App(parts)
        server = app._build_server()
        listener = socket.create_server((HOST, 0), backlog=64)
        port = listener.getsockname()[1]
        try:
            async with asyncio.TaskGroup() as group:
                working = group.create_task(app.work())
                serving = group.create_task(server.serve(sockets=[listener]))
                async with loopback_client(port, timeout=30) as client:
                    yield proxy, parts, client
                server.should_exit = True
                await serving
                working.cancel()
        finally:
            listener.close()
            await parts.close()


@pytest.mark.parametrize("reset", [False, True], ids=["it goes on", "connections are gone"])
async def test_a_partition_is_said_and_forgotten(served, stores, reset):
    proxy, parts, client = served

    async def answers(path, status):
        return (await client.get(path)).status_code == status

    async def shows(quantity):
        pools = await parts.service.stock(sku, live=False)
        return {each.book for pool in pools for each in pool.levels} == {quantity}

    async def has_pools():
        return (await parts.service.overview()).pools > 0

    async def all_met():
        return not any(each.waiting for each in await parts.service.baselines())

    await until(has_pools)
    await parts.service.set_mode(Mode.TWO_WAY, by="ann")
    await until(all_met)
    shop = stores.shops["us"]
    sku = next(iter(shop.items.values())).variant.sku
    before = shop.available(sku)
    assert await answers("/healthz", 200)
    assert await answers("/readyz", 200)

    proxy.begin()
    await until(partial(answers, "/readyz", 503))
    shop.sell(sku, 2)  # nobody hears of it now
    await until(partial(answers, "/healthz", 503))

    proxy.heal(reset=reset)
    await until(partial(answers, "/healthz", 200))
    await until(partial(answers, "/readyz", 200))
    await until(partial(shows, before - 2))
    ready = (await client.get("/readyz")).json()
    assert ready["workers"] == {"failing": {}}
    assert stores.shops["eu"].available(sku) == before - 2
    findings = await parts.service.findings()
    assert [each.kind for each in findings if each.kind == "dead_worker"] == []
    notifications = await parts.service.notifications(after=0)
    assert [each.kind for each in notifications if each.kind == "dead_worker"] == []
