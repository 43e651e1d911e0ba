"""When the clock is set, the process ends and another one goes on behind the same address."""

import asyncio
import json
import signal
import socket
from datetime import timedelta

import httpx

from sync_core.app.parts import assemble
from sync_core.app.server import App
from sync_core.workers import timekeeper
from tests.web.conftest import HOST, loopback_client


async def is_ready(client):
    try:
        return (await client.get("/readyz")).json()
    except httpx.HTTPError:
        return None


async def ready(client):
    async with asyncio.timeout(30):
        while (facts := await is_ready(client)) is None:  # noqa: ASYNC110 - it is another's state
            await asyncio.sleep(0.02)
    return facts


async def test_another_one_goes_on_at_the_same_listener(settings, monkeypatch):
    """The first has heard of the step; the second has moved what is stored, once, and says so."""
    monkeypatch.setattr(timekeeper, "CHECK_SECONDS", 0.05)

    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(0)
        async with loopback_client(listener.getsockname()[1]) as client:
            first = App(assemble(settings))
            serving = asyncio.ensure_future(first.run(listener=listener.dup()))
            assert (await ready(client))["clock"] == {"was_set_by_seconds": 0}
            machine = first._parts.clock._machine
            usual = type(machine).now
            monkeypatch.setattr(type(machine), "now", lambda self: usual(self) - timedelta(hours=1))
            await serving
            assert first.must_restart
            second = App(assemble(settings))
            serving = asyncio.ensure_future(second.run(listener=listener.dup()))
            assert abs((await ready(client))["clock"]["was_set_by_seconds"] + 3600) <= 1
            second._stop(signal.SIGTERM)
            second._restart()  # too late: it was told to stop
            await serving
            assert not second.must_restart
    parts = assemble(settings)
    found = await parts.database.transaction(lambda tx: tx.findings.page(kinds=["clock_step"]))
    kept = await parts.database.transaction(lambda tx: tx.settings.get(timekeeper.CLOCK_SETTING))
    await parts.close()
    assert [abs(each.facts["seconds"] + 3600) <= 1 for each in found] == [True]
    assert json.loads(kept)["boot"]
