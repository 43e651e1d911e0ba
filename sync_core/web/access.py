"""Who may read more of the service than whether it is well."""

import hmac
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

Endpoint = Callable[[Request], Awaitable[Response]]


def for_bearers(token: str, full: Endpoint, otherwise: Endpoint) -> Endpoint:
    """Return an endpoint that answers in full if the token is sent; without a token, always."""
    if not token:
        return full
    expected = f"Bearer {token}".encode()

    async def endpoint(request: Request) -> Response:
        given = request.headers.get("authorization", "").encode()
        return await (full if hmac.compare_digest(given, expected) else otherwise)(request)

    return endpoint


async def refused(_request: Request) -> Response:
    """Say what is missing."""
    return PlainTextResponse(
        "send TIPO_METRICS_TOKEN as Authorization: Bearer …\n",
        status_code=401,
        headers={"WWW-Authenticate": "Bearer"},
    )
