"""What the process keeps at work beside the engine: the receiver, and the frontends."""

import asyncio
from dataclasses import replace

from sync_core.app import server
from sync_core.workers import supervisor
from tests.web.conftest import until


class Shaky:
    """A frontend that fails until it is mended."""

    name = "slack"
    routes = ()
    mended = False
    begun = 0

    async def run(self):
        self.begun += 1
        if not self.mended:
            raise ConnectionError("Slack is away")
        await asyncio.Event().wait()

    def health(self):
        return {}


async def test_a_frontend_that_fails_is_begun_again_and_is_well_once_it_runs(harness, monkeypatch):
    """Nobody may miss what is to be told; and nobody restarts the process for it."""
    monkeypatch.setattr(supervisor, "RESTART", replace(supervisor.RESTART, longest=0.01))
    monkeypatch.setattr(server, "FRONTEND_STEADY_SECONDS", 0.05)
    frontend = Shaky()
    watch = harness.app._supervisor
    async with asyncio.TaskGroup() as group:
        done = group.create_task(
            watch.supervise(
                "slack", lambda done: harness.app._run_frontend(frontend, done), vital=False
            )
        )
        await until(lambda: "slack" in watch.down())
        assert watch.down() == {"slack": "ConnectionError: Slack is away"}
        assert (await harness.client.get("/healthz")).status_code == 200
        frontend.mended = True
        await until(lambda: watch.down() == {})
        assert frontend.begun > 3
        done.cancel()


async def test_a_receiver_without_webhooks_is_well(harness, monkeypatch):
    """At night nothing comes: what failed before must not look as if it still did."""
    monkeypatch.setattr("sync_core.web.receiver.IDLE_SECONDS", 0.05)
    receiver = harness.fail("receiver", vital=True, times=3)
    assert (await harness.client.get("/healthz")).status_code == 503
    async with asyncio.TaskGroup() as group:
        said = group.create_task(
            harness.app._receiver.run(lambda: harness.app._supervisor._done(receiver))
        )
        await until(receiver.is_up)
        said.cancel()
    assert (await harness.client.get("/healthz")).status_code == 200
