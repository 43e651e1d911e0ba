"""The serving process: engine, web, faces, and what happens by the clock."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from sync_core.app.clockwork import Clockwork
from sync_core.app.faces import Face, open_faces
from sync_core.app.parts import Parts
from sync_core.app.working import context_of
from sync_core.domain.values import Alias, News, Severity
from sync_core.errors import cut
from sync_core.shopify.webhooks import heard, verify
from sync_core.web.health import Health
from sync_core.web.receiver import Receiver
from sync_core.web.webhooks import Webhooks
from sync_core.workers.engine import Engine

log = logging.getLogger(__name__)

LONGEST_PAUSE = 30.0  # seconds between attempts of what fails
FAILING = 3  # failures in a row after which the engine does not work
LINGER = 5  # seconds that requests under way have at the end


class App:
    """The serving process: engine, web and housekeeping."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._context = context_of(parts)
        self._receiver = Receiver(parts.database, self._context.inbox)
        self._faces = open_faces(parts)
        self._failing = 0  # how often in a row the engine has failed

    def web(self) -> Starlette:
        """Return the HTTP face."""
        settings, parts = self._parts.settings, self._parts
        secrets = {Alias(name): each.secrets for name, each in settings.stores.items()}
        webhooks = Webhooks(
            domains={each.domain: Alias(name) for name, each in settings.stores.items()},
            verify=lambda alias, body, header: verify(secrets[alias], body, header),
            read=heard,
            receiver=self._receiver,
            clock=parts.clock,
        )
        health = Health(
            parts.service,
            parts.clock,
            alive=lambda: self._failing < FAILING,
            faces=lambda: {face.name: face.health() for face in self._faces},
        )
        return Starlette(
            routes=[
                Route("/webhooks/shopify", webhooks),
                Route("/healthz", health.healthz),
                Route("/readyz", health.readyz),
                Route("/metrics", health.metrics),
                *(route for face in self._faces for route in face.routes),
            ]
        )

    async def run(self, *, listener: socket.socket | None = None) -> None:
        """Serve until told to stop by SIGTERM or SIGINT, then finish within seconds."""
        server = self._server()
        clockwork = Clockwork(self._parts, is_working=lambda: self._failing < FAILING)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.handle_exit, number, None)
        await self._parts.service.beat()
        await clockwork.start()
        try:
            async with asyncio.TaskGroup() as group:
                receiving = group.create_task(self._receiver.run(), name="receiver")
                working = group.create_task(self._work(), name="engine")
                faces = [
                    group.create_task(self._face(each), name=each.name) for each in self._faces
                ]
                await server.serve(sockets=None if listener is None else [listener])
                for task in (receiving, working, *faces):
                    task.cancel()
        finally:
            clockwork.stop()
            await self._parts.service.rest()
            await self._parts.close()

    def _server(self) -> uvicorn.Server:
        settings = self._parts.settings
        config = uvicorn.Config(
            self.web(),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=LINGER,
            timeout_keep_alive=30,
            limit_concurrency=2000,
            server_header=False,
        )
        return _Server(config)

    async def _work(self) -> None:
        """Run the engine; start it again when it fails: all that it knows is in the database."""
        while True:
            started = self._parts.clock.now()
            try:
                await Engine(self._context).run()
            except* Exception as many:
                lasted = (self._parts.clock.now() - started).total_seconds()
                self._failing = self._failing + 1 if lasted < 2 * LONGEST_PAUSE else 1
                log.exception("the engine has failed, again", extra={"act": "engine_failed"})
                await self._tell(cut(str(many.exceptions[0])))
            await self._parts.clock.sleep(min(LONGEST_PAUSE, 0.5 * 2**self._failing))

    async def _tell(self, why: str) -> None:
        """Tell people once that the engine does not come up, where the database lets us."""
        if self._failing < FAILING:
            return
        facts: dict[str, str | int | float | bool | None] = {"worker": "engine", "why": why}
        dead = News(
            kind="dead_worker", subject="worker:engine", severity=Severity.CRITICAL, facts=facts
        )
        now = self._parts.clock.now()
        with contextlib.suppress(Exception):  # it may be the very thing that does not work
            await self._parts.database.step(lambda ledger: ledger.tell([dead], now=now))

    async def _face(self, face: Face) -> None:
        """Run a face; start it again when it fails: nobody may miss what is to be told."""
        failing = 0
        while True:
            started = self._parts.clock.now()
            try:
                await face.run()
            except* Exception:
                lasted = (self._parts.clock.now() - started).total_seconds()
                failing = failing + 1 if lasted < 2 * LONGEST_PAUSE else 1
                log.exception("%s has failed, again", face.name, extra={"act": "face_failed"})
            await self._parts.clock.sleep(min(LONGEST_PAUSE, 0.5 * 2**failing))


class _Server(uvicorn.Server):
    """Leaves signals to the application: it has to finish before the process ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
