"""What receipt and change measure: the real serving process, between stores that answer at once.

    python bench/service.py MODE PORT DATABASE_URL

    parse      verifies and parses, and keeps nothing
    idle       receives; its engine does not run
    folding    all of it
    writing    all of it, and writes over HTTP to TIPO_BENCH_STORE
    bare       another server, which posts a mutation for each webhook, without any logic

GET /figures tells the seconds of CPU so far, and how many deliveries wait.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import uvicorn
import uvloop
from flood import FIRST_ITEM, ITEMS, LOCATION, QUANTITY, SECRET
from sqlalchemy import func, insert, select
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sync_core.app.parts import Parts, assemble
from sync_core.app.server import App, spared_collector
from sync_core.clock import WallClock
from sync_core.db.rows import new_level
from sync_core.db.tables import DELIVERY, LEVEL, LOCATION_GROUP, POOL
from sync_core.db.transaction import SqlTransaction
from sync_core.domain.leases import LeaseMark
from sync_core.domain.values import (
    Alias,
    ItemId,
    LevelKey,
    LocationId,
    Mode,
    Reading,
    Variant,
)
from sync_core.ports import Budget, Delivery, Location, Page, ShopFacts, StoredMark, Subscription
from sync_core.settings import load
from sync_core.shopify.auth import PermanentToken
from sync_core.shopify.client import ShopifyStore
from sync_core.web.receiver import Receiver

EU, US = Alias("eu"), Alias("us")
HERE = {alias: LocationId(LOCATION[alias]) for alias in (EU, US)}


class ImmediateStore(ShopifyStore):
    """A store that encodes as Shopify's client does, and has done everything at once."""

    def __init__(self, alias: Alias) -> None:
        super().__init__(
            alias=alias,
            domain=f"{alias}.myshopify.com",
            api_url=os.environ.get("TIPO_BENCH_STORE"),
            auth=PermanentToken("shpat_bench"),
            clock=WallClock(),
        )
        self._mark = StoredMark(mark=None, digest=None)
        self._subscriptions: list[Subscription] = []
        self.rows = 0

    def budget(self) -> Budget:
        return Budget(available=2000, maximum=2000, restore=100)

    async def send(self, body: bytes) -> datetime:
        self.rows += body.count(b'"delta"')
        return datetime.now(UTC)

    async def read(self, items: Sequence[ItemId], location: LocationId) -> list[Reading]:
        keys = [LevelKey(store=self.alias, item=item, location=location) for item in items]
        now = datetime.now(UTC)
        return [Reading(key=each, available=QUANTITY, updated_at=now) for each in keys]

    async def changed(self, location, since, after) -> Page[Reading]:
        return Page(rows=(), after=None)

    async def variants(self, after: str | None) -> Page[Variant]:
        return Page(
            rows=tuple(
                Variant(
                    store=self.alias, variant_id=n + 1, product_id=n + 1,
                    item=ItemId(FIRST_ITEM[self.alias] + n),
                    handle=f"thing-{n}", title=f"Thing {n}", options=(), sku=f"SKU-{n}",
                    barcodes=(), tracked=True, bundle=False, gift_card=False, status="ACTIVE",
                )
                for n in range(ITEMS)
            ),
            after=None,
        )  # fmt: skip

    async def facts(self) -> ShopFacts:
        here = Location(id=HERE[self.alias], name="Here", active=True, owned=True)
        return ShopFacts(
            shop_id=f"gid://shopify/Shop/{LOCATION[self.alias]}", name=self.alias,
            domain=f"{self.alias}.myshopify.com", locations=(here,),
            scopes=frozenset({"read_inventory", "write_inventory", "read_products"}),
            api_version="2026-10", time=datetime.now(UTC),
        )  # fmt: skip

    async def subscriptions(self) -> list[Subscription]:
        return self._subscriptions

    async def subscribe(self, topic: str, uri: str, name: str) -> None:
        self._subscriptions.append(Subscription(id=topic, topic=topic, uri=uri, name=name))

    async def mark(self) -> StoredMark:
        return self._mark

    async def write_mark(self, mark: LeaseMark, digest: str | None) -> str:
        self._mark = StoredMark(mark=mark, digest=mark.renewal)
        return mark.renewal


class WrittenStore(ImmediateStore):
    """One that is written to over HTTP."""

    async def send(self, body: bytes) -> datetime:
        return await ShopifyStore.send(self, body)


class Stores(dict):
    """The two stores, as `Parts` wants them."""

    async def close(self) -> None:
        """Have nothing to let go of."""


class ParsingReceiver(Receiver):
    """Keeps nothing."""

    async def store(self, delivery: Delivery) -> None:
        pass


def fill(tx: SqlTransaction) -> None:
    """Make a thousand pools of two levels that agree."""
    now = datetime.now(UTC)
    tx.baselines.request(US, Mode.TWO_WAY, by="bench", now=now)
    tx.run(insert(LOCATION_GROUP), [{"id": 1, "name": "here"}])
    agreed = {"location_group_id": 1, "shared": QUANTITY, "first_shared": QUANTITY}
    tx.run(insert(POOL), [{"id": n + 1, "title": f"Thing {n}", **agreed} for n in range(ITEMS)])
    same = {"book": QUANTITY, "first_book": QUANTITY, "baselined": True}
    keys = [
        (n + 1, LevelKey(store=alias, item=ItemId(FIRST_ITEM[alias] + n), location=HERE[alias]))
        for n in range(ITEMS)
        for alias in (EU, US)
    ]  # fmt: skip
    tx.run(insert(LEVEL), [new_level(pool, key, **same) for pool, key in keys])


def parts_of(url: str, port: int, kind: type[ImmediateStore] = ImmediateStore) -> Parts:
    """Return the parts of a service between two such stores."""
    shop = {"access_token": "shpat_bench", "webhook_secrets": [SECRET.decode()]}
    settings = load(
        database_url=url, host="127.0.0.1", port=port, public_url=f"http://127.0.0.1:{port}",
        stores={
            "eu": {"domain": "eu.myshopify.com", "role": "source", **shop},
            "us": {"domain": "us.myshopify.com", "role": "destination", **shop},
        },
    )  # fmt: skip
    parts = assemble(settings)
    if not parts.database.run(lambda tx: tx.run(select(func.count()).select_from(POOL)).scalar()):
        parts.database.run(fill)
    return replace(parts, stores=Stores({each: kind(each) for each in (EU, US)}))


class MeasuredApp(App):
    """The service, in one of three modes, with its figures."""

    def __init__(self, parts: Parts, mode: str) -> None:
        super().__init__(parts)
        self._mode = mode
        if mode == "parse":
            self._receiver = ParsingReceiver(parts.database, (EU, US))

    def web(self):
        """Return the HTTP face, with the figures."""
        made = super().web()
        made.router.routes.append(Route("/figures", self._figures))
        return made

    async def work(self) -> None:
        """Do all of it, or receive only."""
        if self._mode in {"parse", "idle"}:
            await self._receiver.run(lambda: None)
        else:
            await super().work()

    async def _figures(self, _request: Request) -> JSONResponse:
        spent = os.times()
        waiting = select(func.count()).select_from(DELIVERY).where(DELIVERY.c.handled_at.is_(None))
        left = await self._parts.database.transaction(lambda tx: tx.run(waiting).scalar())
        rows = sum(each.rows for each in self._parts.stores.values())
        return JSONResponse({"cpu": spent.user + spent.system, "left": left, "rows": rows})


def serve_bare(port: int, target: str) -> None:
    """Serve webhooks by a mutation each, without any logic."""
    client = httpx.AsyncClient(trust_env=False)

    async def app(scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        body = (await receive()).get("body", b"")
        if scope["method"] == "POST":
            await client.post(target, content=body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off")


def main() -> None:
    """Serve until told to stop."""
    mode, port, url = sys.argv[1:]
    if mode == "bare":
        serve_bare(int(port), os.environ["TIPO_BENCH_STORE"])
        return
    kind = WrittenStore if mode == "writing" else ImmediateStore
    with spared_collector(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(MeasuredApp(parts_of(url, int(port), kind), mode).run())


if __name__ == "__main__":
    main()
