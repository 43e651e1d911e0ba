"""The real application over real HTTP on the loopback, with a SQLite file of its own."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import socket

import httpx
import pytest
from sqlalchemy import select, text

from sync_core.app.parts import assemble
from sync_core.app.server import App
from sync_core.db.database import SqlDatabase
from sync_core.db.tables import DeliveryRow
from sync_core.settings import load
from sync_core.shopify.http_client import trusted_authorities
from sync_core.workers.supervisor import Worker

HOST = "127.0.0.1"
EU, US = "urbanwear-eu.myshopify.com", "urbanwear-us.myshopify.com"
OLD, NEW, OTHER = "hush-eu-old-0001", "hush-eu-new-0002", "hush-us-only-0003"
TOKEN = "shpat_0123456789abcdef"  # noqa: S105 - nobody's
SECRETS = (OLD, NEW, OTHER, TOKEN)
HOOK = "/webhooks/shopify"
TOPIC = "inventory_levels/update"
LEVEL = {
    "inventory_item_id": 5201,
    "location_id": 101,
    "available": 45,
    "updated_at": "2026-11-23T11:35:10+01:00",
}
BODY = json.dumps(LEVEL).encode()
NUMBERS = itertools.count(1)


async def until(true):
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - it is somebody else's state, without an event
            await asyncio.sleep(0.005)


def signature(body, secret=OLD):
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def headers(body=BODY, secret=OLD, **changes):
    """The headers that a store sends; underscores stand for dashes, None takes one away."""
    given = {
        "content-type": "application/json",
        "x-shopify-topic": TOPIC,
        "x-shopify-shop-domain": EU,
        "x-shopify-webhook-id": f"id-{next(NUMBERS)}",
        "x-shopify-hmac-sha256": signature(body, secret),
    }
    given |= {f"x-shopify-{name.replace('_', '-')}": value for name, value in changes.items()}
    return {name: value for name, value in given.items() if value is not None}


class Watched(SqlDatabase):
    """A database that counts its commits, waits at a gate, and fails when told to."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.steps = 0
        self.trouble = None
        self.read_only = False
        self.slow = None  # the question that never ends
        self.gate = asyncio.Event()
        self.gate.set()

    async def transaction(self, work, *, limit=None):
        self.steps += 1
        await self.gate.wait()
        if self.trouble:
            raise self.trouble
        if self.slow and self.slow in work.__code__.co_names:
            await asyncio.Event().wait()
        if self.read_only:

            def reading(tx):
                tx.run(text("PRAGMA query_only = ON"))
                try:
                    return work(tx)
                finally:
                    tx.run(text("PRAGMA query_only = OFF"))

            return await super().transaction(reading, limit=limit)
        return await super().transaction(work, limit=limit)


class Harness:
    """The served application, and a client of it."""

    def __init__(self, app, parts, port, client):
        self.app = app
        self.database = parts.database
        self.clock = parts.clock
        self.port = port
        self.client = client

    async def send(self, body=BODY, secret=OLD, **changes):
        return await self.client.post(HOOK, content=body, headers=headers(body, secret, **changes))

    async def raw(self, *parts, then=None):
        """Send bytes as they are; return what comes back until the answer is whole."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            async with asyncio.timeout(5):
                return await reader.readuntil(b"\r\n\r\n")
        finally:
            writer.close()

    def fail(self, name, *, vital=False, times=1):
        """Note that a worker has failed, as its supervisor does."""
        now = self.clock.now()
        workers = self.app._supervisor._workers
        worker = workers.setdefault(name, Worker(name, vital, now))
        for _ in range(times):
            worker.fail(ValueError("no"), now)
        return worker

    def stored(self):
        def read(tx):
            return tx.run(select(DeliveryRow.__table__).order_by(DeliveryRow.id)).all()

        return self.database.run(read)


@pytest.fixture
def settings(sqlite_url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return load(
        database_url=sqlite_url,
        port=0,
        public_url="https://tipo.example.com",
        stores={
            "eu": {
                "domain": EU,
                "role": "source",
                "access_token": TOKEN,
                "webhook_secrets": [OLD, NEW, ""],
            },
            "us": {
                "domain": US,
                "role": "destination",
                "client_id": "id",
                "client_secret": OTHER,
            },
        },
    )


def loopback_client(port, **options):
    """A client of this machine; what it trusts is read once, since that takes 20 ms."""
    defaults = {"timeout": 20, "trust_env": False, "verify": trusted_authorities()}
    return httpx.AsyncClient(base_url=f"http://{HOST}:{port}", **(defaults | options))


@pytest.fixture
async def harness(settings, monkeypatch, caplog):
    """The application, served; its engine is at rest, so that deliveries stay as they came."""
    monkeypatch.setattr("sync_core.app.parts.SqlDatabase", Watched)
    parts = assemble(settings)
    app = App(parts)
    server = app._build_server()
    listener = socket.create_server((HOST, 0), backlog=512)
    port = listener.getsockname()[1]
    limits = httpx.Limits(max_connections=400)
    try:
        async with asyncio.TaskGroup() as group:
            receiving = group.create_task(app._receiver.run(lambda: None))
            serving = group.create_task(server.serve(sockets=[listener]))
            await until(lambda: server.started)
            async with loopback_client(port, limits=limits) as client:
                caplog.clear()
                yield Harness(app, parts, port, client)
            server.should_exit = True
            await serving
            receiving.cancel()
    finally:
        listener.close()
        await parts.close()


@pytest.fixture
def refusals(caplog):
    """Return the refusals logged so far, after a look for secrets in the whole log."""

    def found():
        for record in caplog.records:
            said = f"{record.getMessage()} {vars(record)} {caplog.handler.format(record)}"
            assert not any(secret in said for secret in SECRETS)
        return [each for each in caplog.records if getattr(each, "event", "") == "webhook_refused"]

    return found
