"""The serving process: engine, web, frontends, and what happens by the clock."""

import asyncio
import contextlib
import gc
import re
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from functools import partial

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from sync_core.app.engine_setup import build_context
from sync_core.app.frontends import Frontend, open_frontends
from sync_core.app.parts import Parts
from sync_core.app.role_watch import RoleWatch
from sync_core.app.scheduler import jobs, run_jobs
from sync_core.db.listener import PollingListener, PostgresListener
from sync_core.domain.process_roles import ALL_ROLES, ProcessRole
from sync_core.domain.values import Alias
from sync_core.errors import NoDatabase
from sync_core.shopify.webhooks import parse_webhook, verify
from sync_core.web.access import for_bearers, refused
from sync_core.web.health import Health
from sync_core.web.http_limits import LimitedHttpProtocol
from sync_core.web.receiver import Receiver
from sync_core.web.webhooks import WebhookEndpoint
from sync_core.workers.context import Listener
from sync_core.workers.engine import Engine
from sync_core.workers.supervisor import Supervisor
from sync_core.workers.timekeeper import Timekeeper

FRONTEND_STEADY_SECONDS = 60.0  # after which one that runs has got something done
# The end takes some 8 s at most: Docker kills a process 10 s after it was told to stop.
FINISH_SECONDS = 4  # seconds that requests and updates under way have to end
FAREWELL_SECONDS = 2  # seconds that our last words to the database have
GARBAGE_BEFORE_COLLECTION = 10_000  # objects made and not yet freed; a page of webhooks makes more


@contextlib.contextmanager
def spared_collector() -> Iterator[None]:
    """Let the collector of cyclic garbage leave alone what lives as long as the process.

    Imports make half a million objects. Going through them takes a tenth of a second, in which no
    webhook is answered, and happened many times a minute under load.
    """
    usual = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_BEFORE_COLLECTION, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()  # else libraries complain at the end of what they take for lost


class App:
    """The serving process: engine, web, frontends and housekeeping, or some of it."""

    def __init__(self, parts: Parts, roles: Collection[ProcessRole] = ALL_ROLES) -> None:
        self._parts = parts
        self._watch = RoleWatch(parts, roles)
        self._context = build_context(parts)
        self._supervisor = Supervisor(
            parts.database, parts.clock, has_all_workers=self._watch.roles == ALL_ROLES
        )
        self._timekeeper = Timekeeper(
            parts.database,
            parts.clock,
            on_clock_step=self._restart,
            time_of=None if parts.database.is_sqlite else lambda tx: tx.stored_times.time(),
        )
        self._server: uvicorn.Server | None = None
        self._must_stop = False
        self._finish_by = 0.0  # by the clock of the event loop
        self.must_restart = False  # the clock was set: another one goes on
        self._receiver = Receiver(parts.database, map(Alias, parts.settings.stores))
        self._frontends = open_frontends(parts) if self._has(ProcessRole.BOT) else []

    def _has(self, role: ProcessRole) -> bool:
        return role in self._watch.roles

    def web(self) -> Starlette:
        """Return what answers HTTP: how this process is, and what its roles take."""
        settings, parts = self._parts.settings, self._parts
        secrets = {Alias(name): each.secrets for name, each in settings.stores.items()}
        webhooks = WebhookEndpoint(
            domains={each.domain: Alias(name) for name, each in settings.stores.items()},
            verify=lambda alias, body, header: verify(secrets[alias], body, header),
            parse_webhook=parse_webhook,
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
                "frontends": {frontend.name: frontend.health() for frontend in self._frontends},
                "clock": self._timekeeper.health(),
                "roles": self._watch.health(),
            },
        )
        token = "" if settings.metrics_token is None else settings.metrics_token.get_secret_value()
        routes = [
            *([Route("/webhooks/shopify", webhooks)] if self._has(ProcessRole.WEB) else ()),
            Route("/healthz", health.healthz),
            Route("/readyz", for_bearers(token, health.readyz, health.is_ready)),
            Route("/metrics", for_bearers(token, health.metrics, refused)),
            *(route for frontend in self._frontends for route in frontend.routes),
        ]
        web = Starlette(routes=[_exact(each) for each in routes])
        # A redirect would name whatever host the request has named.
        web.router.redirect_slashes = False
        return web

    async def run(self, *, listener: socket.socket | None = None) -> None:
        """Serve until told to stop by SIGTERM or SIGINT, then finish within seconds."""
        self._server = server = self._build_server()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        await self._timekeeper.begin()
        await self._parts.service.heartbeat(self._watch.roles)
        await self._parts.service.remember_first_start()
        try:
            async with asyncio.TaskGroup() as group:
                working = group.create_task(self.work(), name="work")
                await server.serve(sockets=None if listener is None else [listener])
                await self._finish_updates()
                working.cancel()
        finally:
            with contextlib.suppress(NoDatabase, TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await self._parts.service.end_heartbeat(self._watch.roles)
            await self._parts.close()

    def _stop(self, number: int) -> None:
        """End for good."""
        self.must_restart = False
        self._must_stop = True
        self._begin_end()
        if self._server is not None:
            self._server.handle_exit(number, None)

    def _restart(self) -> None:
        """End as at a signal, but for another one to go on."""
        self.must_restart = not self._must_stop
        self._begin_end()
        if self._server is not None:
            self._server.should_exit = True

    def _begin_end(self) -> None:
        """Begin no other update from here on."""
        self._context.permits.close()
        self._finish_by = asyncio.get_running_loop().time() + FINISH_SECONDS

    async def _finish_updates(self) -> None:
        """Let the updates under way end, for a while: an answer that is heard leaves no doubt.

        What has none by then is sent again under its key, by the next process.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._finish_by):
                while self._context.sending:
                    await self._parts.clock.sleep(0.02)

    async def work(self) -> None:
        """Do all that this process does but answer requests, until cancelled."""
        supervise = self._supervisor.supervise
        async with asyncio.TaskGroup() as group:
            if self._has(ProcessRole.WEB):
                group.create_task(supervise("receiver", self._receiver.run, vital=True))
            group.create_task(supervise("timekeeper", self._timekeeper.run))
            for frontend in self._frontends:
                group.create_task(supervise(frontend.name, partial(self._run_frontend, frontend)))
            listener = _listener(self._parts)
            if self._has(ProcessRole.WORKER):
                group.create_task(Engine(self._context, self._supervisor, listener).run())
            else:
                listen = partial(listener.run, self._parts.database.wake)
                group.create_task(supervise("listener", listen))
            by_the_clock = jobs(
                self._parts,
                self._supervisor,
                self._watch,
                may_delete_old=self._timekeeper.may_delete_old,
            )
            machine_time = self._parts.clock.machine_time
            group.create_task(run_jobs(by_the_clock, self._supervisor, machine_time))

    async def _run_frontend(self, frontend: Frontend, done: Callable[[], None]) -> None:
        """Run one: it does not say what it gets done, so it is well once it has run a while."""
        async with asyncio.TaskGroup() as group:
            running = group.create_task(frontend.run())
            while not running.done():
                await asyncio.wait({running}, timeout=FRONTEND_STEADY_SECONDS)
                if not running.done():
                    done()

    def _build_server(self) -> uvicorn.Server:
        settings = self._parts.settings
        config = uvicorn.Config(
            self.web(),
            host=settings.host,
            port=settings.port,
            http=LimitedHttpProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=FINISH_SECONDS,
            timeout_keep_alive=30,
            server_header=False,
        )
        return _Server(config)


def _exact(route: Route) -> Route:
    """Have a route match its whole path: by Starlette's `$` a line break may follow it.

    A proxy that keeps `/metrics` to itself would let `/metrics%0a` through.
    """
    route.path_regex = re.compile(route.path_regex.pattern.removesuffix("$") + r"\Z")
    return route


def _listener(parts: Parts) -> Listener:
    """Return what notices the work that other processes leave for this one."""
    if parts.database.is_sqlite:
        return PollingListener(parts.database, parts.clock)
    return PostgresListener(parts.database)


class _Server(uvicorn.Server):
    """Leaves signals to the application: it has to finish before the process ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
