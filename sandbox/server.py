"""Shops over real HTTP: `/{alias}/…` is the store's own API, `/control/{alias}/…` ours."""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox import control
from sandbox.goods import NoSuchThing, SoldOut
from sandbox.post import Message
from sandbox.shop import Shop

PATIENCE = 5.0  # seconds that a webhook may take in all
CONNECT = 1.0
ROUND = 0.05  # seconds between looks into the outboxes
AT_ONCE = 64
# anyio asks a connection that was reset as soon as it stood who is there, and trips over nobody.
FAILED = (httpx.HTTPError, TimeoutError, AttributeError)
log = logging.getLogger(__name__)


class Broken(Response):
    """An answer that stops before it is over: the connection breaks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise more than is sent."""
        del scope, receive
        headers = [(b"content-length", b"1000000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Courier:
    """Delivers webhooks, and tells the shop how it went."""

    def __init__(self, shops: Mapping[str, Shop], client: httpx.AsyncClient) -> None:
        self._shops, self._client = shops, client
        self._places = anyio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Deliver what is due, for ever."""
        async with anyio.create_task_group() as tasks:
            while True:
                for shop in self._shops.values():
                    shop.catch_up()
                    for message in shop.due():
                        tasks.start_soon(self._deliver, shop, message)
                await anyio.sleep(ROUND)

    async def _deliver(self, shop: Shop, message: Message) -> None:
        async with self._places:
            ok = await self._post(message)
        if not ok:
            log.info("webhook %s to %s failed", message.topic, message.url)
        shop.delivered(message, ok)

    async def _post(self, message: Message) -> bool:
        try:
            with anyio.fail_after(PATIENCE):
                answer = await self._client.post(
                    message.url, content=message.body, headers=message.headers
                )
        except FAILED:
            return False
        return answer.is_success


class Front:
    """What the routes lead to."""

    def __init__(self, shops: Mapping[str, Shop]) -> None:
        self._shops = shops

    async def store(self, request: Request) -> Response:
        """Let the store answer."""
        shop = self._shops.get(request.path_params["alias"])
        if shop is None:
            return JSONResponse({"errors": "Not Found"}, 404)
        path = "/" + request.path_params["rest"]
        target = f"{path}?{request.url.query}" if request.url.query else path
        answer = shop.handle(request.method, target, dict(request.headers), await request.body())
        if answer.delay:
            await anyio.sleep(answer.delay)
        if answer.dropped:
            return Broken()
        return Response(answer.body, answer.status, answer.headers)

    async def look(self, request: Request) -> Response:
        """Tell the truth about a store."""
        shop = self._shops.get(request.path_params["alias"])
        what = request.path_params["what"]
        if shop is None or what not in {"stock", "log"}:
            return JSONResponse({"error": "no such thing"}, 404)
        return JSONResponse(control.stock(shop) if what == "stock" else control.log(shop))

    async def steer(self, request: Request) -> Response:
        """Let something happen in a store."""
        shop = self._shops.get(request.path_params["alias"])
        if shop is None:
            return JSONResponse({"error": "no such store"}, 404)
        raw = await request.body()
        return _steer(shop, request.path_params["what"], raw)


def _steer(shop: Shop, verb: str, raw: bytes) -> Response:
    try:
        return JSONResponse(control.act(shop, verb, json.loads(raw or b"{}")))
    except NoSuchThing as missing:
        return JSONResponse({"error": f"not found: {missing}"}, 404)
    except SoldOut as sold_out:
        return JSONResponse({"error": f"sold out: {sold_out}"}, 409)
    except (control.BadControl, ValueError) as wrong:
        return JSONResponse({"error": str(wrong)}, 400)


def build_app(shops: Mapping[str, Shop]) -> Starlette:
    """Return the ASGI app that serves shops and delivers their webhooks."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        patience = httpx.Timeout(PATIENCE, connect=CONNECT)
        async with (
            httpx.AsyncClient(timeout=patience, follow_redirects=False) as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(Courier(shops, client).run)
            yield
            tasks.cancel_scope.cancel()

    front = Front(shops)
    return Starlette(
        routes=[
            Route("/control/{alias}/{what}", front.look, methods=["GET"]),
            Route("/control/{alias}/{what}", front.steer, methods=["POST"]),
            Route("/{alias}/{rest:path}", front.store, methods=["GET", "POST"]),
        ],
        lifespan=lifespan,
    )
