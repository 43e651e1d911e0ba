"""The serving process: engine, web, faces, and what happens by the clock."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from sync_core.app.clockwork import Clockwork
from sync_core.app.faces import Face, open_faces
from sync_core.app.parts import Parts
from sync_core.app.working import context_of
from sync_core.domain.values import Alias
from sync_core.errors import NoDatabase
from sync_core.shopify.webhooks import heard, verify
from sync_core.web.health import Health
from sync_core.web.receiver import Receiver
from sync_core.web.webhooks import Webhooks
from sync_core.workers.engine import Engine
from sync_core.workers.supervisor import Supervisor
from sync_core.workers.timekeeper import Timekeeper

RUNS_SECONDS = 60.0  # after which a face that runs has got something done
LINGER = 5  # seconds that requests under way, and our last words, have at the end


class App:
    """The serving process: engine, web and housekeeping."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._context = context_of(parts)
        self._supervisor = Supervisor(parts.database, parts.clock)
        self._timekeeper = Timekeeper(
            parts.database,
            parts.clock,
            stepped=self._begin_anew,
            time_of=None if parts.database.is_sqlite else lambda ledger: ledger.time(),
        )
        self._server: uvicorn.Server | None = None
        self._told_to_stop = False
        self.must_begin_anew = False  # the clock was set: another one goes on
        self._receiver = Receiver(parts.database, self._context.inbox)
        self._faces = open_faces(parts)

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
            parts.database,
            parts.clock,
            supervisor=self._supervisor,
            receiver=self._receiver,
            facts=lambda: {
                "faces": {face.name: face.health() for face in self._faces},
                "clock": self._timekeeper.health(),
            },
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
        self._server = server = self._build_server()
        clockwork = Clockwork(
            self._parts,
            is_working=self._supervisor.is_well,
            may_forget=self._timekeeper.may_forget,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        await self._timekeeper.begin()
        await self._parts.service.beat()
        await clockwork.start()
        try:
            async with asyncio.TaskGroup() as group:
                working = group.create_task(self.work(), name="work")
                await server.serve(sockets=None if listener is None else [listener])
                working.cancel()
        finally:
            clockwork.stop()
            with contextlib.suppress(NoDatabase, TimeoutError):
                async with asyncio.timeout(LINGER):
                    await self._parts.service.rest()
            await self._parts.close()

    def _stop(self, number: int) -> None:
        """End for good."""
        self.must_begin_anew = False
        self._told_to_stop = True
        if self._server is not None:
            self._server.handle_exit(number, None)

    def _begin_anew(self) -> None:
        """End as ever, but for another one to go on."""
        self.must_begin_anew = not self._told_to_stop
        if self._server is not None:
            self._server.should_exit = True

    async def work(self) -> None:
        """Do all that this process does but answer requests, until cancelled."""
        keep = self._supervisor.keep
        async with asyncio.TaskGroup() as group:
            group.create_task(keep("receiver", self._receiver.run, vital=True))
            group.create_task(keep("timekeeper", self._timekeeper.run))
            for face in self._faces:
                group.create_task(keep(face.name, partial(self._show, face)))
            group.create_task(Engine(self._context, self._supervisor).run())
            group.create_task(self._supervisor.run())

    async def _show(self, face: Face, done: Callable[[], None]) -> None:
        """Run a face: it does not say what it gets done, so it is well once it has run a while."""
        async with asyncio.TaskGroup() as group:
            showing = group.create_task(face.run())
            while not showing.done():
                await asyncio.wait({showing}, timeout=RUNS_SECONDS)
                if not showing.done():
                    done()

    def _build_server(self) -> uvicorn.Server:
        settings = self._parts.settings
        config = uvicorn.Config(
            self.web(),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=LINGER,
            timeout_keep_alive=30,
            server_header=False,
        )
        return _Server(config)


class _Server(uvicorn.Server):
    """Leaves signals to the application: it has to finish before the process ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
