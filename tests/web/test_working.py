"""What the process keeps at work beside the engine: the receiver, and the faces."""

import asyncio

from sync_core.app import serving
from sync_core.workers import supervisor
from tests.web.conftest import until


class Shaky:
    """A face that fails until it is mended."""

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


async def test_a_face_that_fails_is_begun_again_and_is_well_once_it_runs(house, monkeypatch):
    """Nobody may miss what is to be told; and nobody restarts the process for it."""
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(serving, "RUNS_SECONDS", 0.05)
    face = Shaky()
    watch = house.app._supervisor
    async with asyncio.TaskGroup() as group:
        done = group.create_task(
            watch.keep("slack", lambda done: house.app._show(face, done), vital=False)
        )
        await until(lambda: "slack" in watch.down())
        assert watch.down() == {"slack": "ConnectionError: Slack is away"}
        assert (await house.client.get("/healthz")).status_code == 200
        face.mended = True
        await until(lambda: watch.down() == {})
        assert face.begun > 3
        done.cancel()


async def test_a_receiver_without_webhooks_is_well(house, monkeypatch):
    """At night nothing comes: what failed before must not look as if it still did."""
    monkeypatch.setattr("sync_core.web.receiver.IDLE_SECONDS", 0.05)
    receiver = house.fail("receiver", vital=True, times=3)
    assert (await house.client.get("/healthz")).status_code == 503
    async with asyncio.TaskGroup() as group:
        said = group.create_task(
            house.app._receiver.run(lambda: house.app._supervisor._done(receiver))
        )
        await until(receiver.is_up)
        said.cancel()
    assert (await house.client.get("/healthz")).status_code == 200
