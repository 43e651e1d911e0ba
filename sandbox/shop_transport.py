"""Shops behind httpx without a network: the host says which one.

A broken connection raises what httpx would raise; an answer slower than the read time-out is a
time-out at once, since nobody waits in simulated time.
"""

from collections.abc import Iterable
from datetime import UTC
from email.utils import format_datetime

import httpx

from sandbox.shop import Response, Shop


class ShopTransport(httpx.AsyncBaseTransport):
    """Carries requests to shops in the same process."""

    def __init__(self, shops: Iterable[Shop]) -> None:
        self._shops: dict[str, Shop] = {}
        for shop in shops:
            self._shops[shop.domain] = shop
            self._shops[httpx.URL(shop.files_url).host] = shop

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or break as the shop's faults want it."""
        shop = self._shops.get(request.url.host)
        if shop is None:
            raise httpx.ConnectError(f"no such host: {request.url.host}", request=request)
        path = request.url.raw_path.decode()
        body = await request.aread()
        response = shop.handle(request.method, path, dict(request.headers), body)
        _corrupt(response, request)
        date = format_datetime(shop.now().astimezone(UTC), usegmt=True)
        headers = {"Date": date, **response.headers}
        return httpx.Response(
            response.status, headers=headers, content=response.body, request=request
        )


def _corrupt(response: Response, request: httpx.Request) -> None:
    if response.dropped:
        raise httpx.ReadError("connection lost", request=request)
    patience = request.extensions.get("timeout", {}).get("read")
    if patience is not None and response.delay > patience:
        raise httpx.ReadTimeout("no answer in time", request=request)
