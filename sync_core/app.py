"""Put the parts together, and serve."""

import asyncio
import contextlib
import logging
import random
import signal
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import uvicorn
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from starlette.applications import Starlette
from starlette.routing import Route

from sync_core.clock import Clock, Ids, RandomIds, WallClock
from sync_core.db.database import Database
from sync_core.db.migrate import migrate
from sync_core.domain.values import Alias
from sync_core.ports import Ledger, Store
from sync_core.service import Service
from sync_core.settings import Settings, StoreSettings, needed
from sync_core.shopify.auth import Auth, ClientCredentials, PermanentToken
from sync_core.shopify.client import ShopifyStore
from sync_core.shopify.webhooks import heard, topics, verify
from sync_core.web.health import Health
from sync_core.web.receiver import Receiver
from sync_core.web.webhooks import Webhooks
from sync_core.workers.context import Context, Pace
from sync_core.workers.engine import Engine
from sync_core.workers.reach import Reach

log = logging.getLogger(__name__)

POLL = 5.0  # seconds between questions to a store that cannot reach us
BEAT = 5  # seconds between signs of life
KEEP = timedelta(days=7)  # handled deliveries
LONGEST_PAUSE = 30.0  # seconds between attempts of an engine that fails
LINGER = 5  # seconds that requests under way have at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts that every command needs."""

    settings: Settings
    database: Database
    stores: Mapping[Alias, Store]
    clock: Clock
    ids: Ids
    service: Service

    async def close(self) -> None:
        """Let go of connections and threads."""
        for store in self.stores.values():
            await store.close()
        self.database.close()


def open_store(alias: Alias, settings: StoreSettings, clock: Clock) -> ShopifyStore:
    """Return the client of one store."""
    auth: Auth
    if settings.access_token is not None:
        auth = PermanentToken(settings.access_token.get_secret_value())
    else:
        secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
        auth = ClientCredentials(
            alias=alias,
            api_url=settings.base_url,
            client=(settings.client_id or "", secret),
            clock=clock,
        )
    return ShopifyStore(
        alias=alias, domain=settings.domain, api_url=settings.base_url, auth=auth, clock=clock
    )


def assemble(settings: Settings) -> Parts:
    """Return the parts, with the database migrated and the stores enlisted.

    Raises:
        BadSettings: If fewer than two stores are named, or the database's URL is wrong.
        DatabaseTooNew: If a newer Tipo has written the database.
    """
    needed(settings)
    clock, ids = WallClock(), RandomIds()
    database = Database(settings.database_url.get_secret_value())
    migrate(database.engine)
    database.run(partial(_enlist, settings))
    stores: dict[Alias, Store] = {
        Alias(name): open_store(Alias(name), each, clock) for name, each in settings.stores.items()
    }
    service = Service(database, stores, clock, ids)
    return Parts(
        settings=settings,
        database=database,
        stores=stores,
        clock=clock,
        ids=ids,
        service=service,
    )


def _enlist(settings: Settings, ledger: Ledger) -> None:
    for name, each in settings.stores.items():
        ledger.enlist(Alias(name), each.domain, each.role)


class App:
    """The serving process: engine, web and housekeeping."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        settings = parts.settings
        pace = Pace(catch_up=settings.catch_up.every, poll=None if settings.public_url else POLL)
        luck = random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._context = Context(
            records=parts.database,
            stores=parts.stores,
            source=settings.source,
            clock=parts.clock,
            ids=parts.ids,
            luck=luck,
            reach=Reach(parts.database, parts.clock, luck),
            read=heard,
            match_by=settings.match_by,
            public_url=settings.public_url,
            topics=topics,
            pace=pace,
        )
        self._receiver = Receiver(parts.database, self._context.inbox)
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
        health = Health(parts.service, parts.clock, alive=lambda: self._failing < 3)  # noqa: PLR2004
        return Starlette(
            routes=[
                Route("/webhooks/shopify", webhooks),
                Route("/healthz", health.healthz),
                Route("/readyz", health.readyz),
                Route("/metrics", health.metrics),
            ]
        )

    async def run(self, *, listener: socket.socket | None = None) -> None:
        """Serve until told to stop by SIGTERM or SIGINT, then finish within seconds."""
        server = self._server()
        scheduler = self._scheduler()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.handle_exit, number, None)
        await self._parts.service.beat()
        scheduler.start()
        try:
            async with asyncio.TaskGroup() as group:
                receiving = group.create_task(self._receiver.run(), name="receiver")
                working = group.create_task(self._work(), name="engine")
                await server.serve(sockets=None if listener is None else [listener])
                receiving.cancel()
                working.cancel()
        finally:
            scheduler.shutdown(wait=False)
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
            except* Exception:
                lasted = (self._parts.clock.now() - started).total_seconds()
                self._failing = self._failing + 1 if lasted < 2 * LONGEST_PAUSE else 1
                log.exception("the engine has failed, again", extra={"act": "engine_failed"})
            await self._parts.clock.sleep(min(LONGEST_PAUSE, 0.5 * 2**self._failing))

    def _scheduler(self) -> AsyncIOScheduler:
        """Return the scheduler of what happens by the clock."""
        scheduler = AsyncIOScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1}
        )
        scheduler.add_job(self._beat, "interval", seconds=BEAT)
        scheduler.add_job(self._forget, "interval", hours=1)
        return scheduler

    async def _beat(self) -> None:
        """Leave a sign of life while the engine works."""
        if self._failing < 3:  # noqa: PLR2004
            await self._parts.service.beat()

    async def _forget(self) -> None:
        """Delete deliveries that were handled a week ago, some at a time."""
        before = self._parts.clock.now() - KEEP
        while await self._parts.database.step(lambda ledger: ledger.forget(before=before)):
            await self._parts.clock.sleep(0.1)


class _Server(uvicorn.Server):
    """Leaves signals to the application: it has to finish before the process ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
