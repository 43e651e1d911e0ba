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

from sandbox import control_api
from sandbox.models import SoldOut, UnknownId
from sandbox.shop import Shop
from sandbox.webhooks import ShopWebhook

DELIVERY_TIMEOUT_SECONDS = 5.0  # seconds that a webhook may take in all
CONNECT_TIMEOUT_SECONDS = 1.0
POLL_INTERVAL_SECONDS = 0.05  # seconds between checks of the outboxes
MAX_CONCURRENT_DELIVERIES = 64
# anyio asks a connection that was reset at once for its peer, and fails if there is none.
DELIVERY_ERRORS = (httpx.HTTPError, TimeoutError, AttributeError)
log = logging.getLogger(__name__)


class BrokenResponse(Response):
    """An answer that stops before it is over: the connection breaks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise more than is sent."""
        del scope, receive
        headers = [(b"content-length", b"1000000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class WebhookCourier:
    """Delivers webhooks, and reports to the shop how it went."""

    def __init__(self, shops: Mapping[str, Shop], client: httpx.AsyncClient) -> None:
        self._shops, self._client = shops, client
        self._slots = anyio.Semaphore(MAX_CONCURRENT_DELIVERIES)

    async def run(self) -> None:
        """Deliver what is due until cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                for shop in self._shops.values():
                    shop.catch_up()
                    for message in shop.due():
                        tasks.start_soon(self._deliver, shop, message)
                await anyio.sleep(POLL_INTERVAL_SECONDS)

    async def _deliver(self, shop: Shop, message: ShopWebhook) -> None:
        async with self._slots:
            ok = await self._post(message)
        if not ok:
            log.info("webhook %s to %s failed", message.topic, message.url)
        shop.delivered(message, ok)

    async def _post(self, message: ShopWebhook) -> bool:
        try:
            with anyio.fail_after(DELIVERY_TIMEOUT_SECONDS):
                answer = await self._client.post(
                    message.url, content=message.body, headers=message.headers
                )
        except DELIVERY_ERRORS:
            return False
        return answer.is_success


class ShopEndpoints:
    """The HTTP endpoints."""

    def __init__(self, shops: Mapping[str, Shop]) -> None:
        self._shops = shops

    async def store(self, request: Request) -> Response:
        """Pass the request to the store."""
        shop = self._shops.get(request.path_params["alias"])
        if shop is None:
            return JSONResponse({"errors": "Not Found"}, 404)
        path = "/" + request.path_params["rest"]
        target = f"{path}?{request.url.query}" if request.url.query else path
        answer = shop.handle(request.method, target, dict(request.headers), await request.body())
        if answer.delay:
            await anyio.sleep(answer.delay)
        if answer.dropped:
            return BrokenResponse()
        return Response(answer.body, answer.status, answer.headers)

    async def inspect(self, request: Request) -> Response:
        """Return what a store really has."""
        shop = self._shops.get(request.path_params["alias"])
        what = request.path_params["what"]
        if shop is None or what not in {"stock", "log"}:
            return JSONResponse({"error": "no such thing"}, 404)
        return JSONResponse(control_api.stock(shop) if what == "stock" else control_api.log(shop))

    async def control_shop(self, request: Request) -> Response:
        """Carry out a control request."""
        shop = self._shops.get(request.path_params["alias"])
        if shop is None:
            return JSONResponse({"error": "no such store"}, 404)
        raw = await request.body()
        return _control_response(shop, request.path_params["what"], raw)


def _control_response(shop: Shop, verb: str, raw: bytes) -> Response:
    try:
        return JSONResponse(control_api.perform(shop, verb, json.loads(raw or b"{}")))
    except UnknownId as missing:
        return JSONResponse({"error": f"not found: {missing}"}, 404)
    except SoldOut as sold_out:
        return JSONResponse({"error": f"sold out: {sold_out}"}, 409)
    except (control_api.InvalidControlRequest, ValueError) as wrong:
        return JSONResponse({"error": str(wrong)}, 400)


def build_app(shops: Mapping[str, Shop]) -> Starlette:
    """Return the ASGI app that serves shops and delivers their webhooks."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        timeout = httpx.Timeout(DELIVERY_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)
        async with (
            httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(WebhookCourier(shops, client).run)
            yield
            tasks.cancel_scope.cancel()

    endpoints = ShopEndpoints(shops)
    return Starlette(
        routes=[
            Route("/control/{alias}/{what}", endpoints.inspect, methods=["GET"]),
            Route("/control/{alias}/{what}", endpoints.control_shop, methods=["POST"]),
            Route("/{alias}/{rest:path}", endpoints.store, methods=["GET", "POST"]),
        ],
        lifespan=lifespan,
    )
