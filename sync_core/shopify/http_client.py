"""One POST over HTTP: bounded in time and size, never redirected, its failures named.

What comes back never holds the secret that was sent: a proxy that echoes a request would else bring
a token into an error, and with it into the database, Slack and `/readyz`.
"""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache

import httpx

from sync_core.errors import MASK, NoAnswer, NotSent
from sync_core.shopify.responses import HttpResponse

REQUEST_TIMEOUT_SECONDS = 10.0  # seconds for a request
CONNECT_TIMEOUT_SECONDS = 4.0
MAX_RESPONSE_BYTES = 20 * 1024 * 1024  # bytes of an answer

# Nothing has left yet. httpx puts names that do not resolve and TLS under ConnectError.
NOT_SENT_ERRORS = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
# anyio asks a connection that was reset as soon as it stood who is there, and trips over nobody.
LOST_ANSWER_ERRORS = (httpx.HTTPError, httpx.StreamError, OSError, AttributeError)


@cache
def trusted_authorities() -> ssl.SSLContext:
    """Return whom we believe that a host is who it says: read once, since it takes 20 ms."""
    return httpx.create_ssl_context()


class HttpClient:
    """Connections to one host."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> None:
        self._timeout_seconds, self._max_bytes = timeout_seconds, max_bytes
        self._http = httpx.AsyncClient(
            transport=transport,
            verify=trusted_authorities(),
            timeout=httpx.Timeout(
                timeout_seconds, connect=CONNECT_TIMEOUT_SECONDS, pool=CONNECT_TIMEOUT_SECONDS
            ),
            follow_redirects=False,
            headers={"Accept": "application/json", "User-Agent": "Tipo"},
        )

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, secret: str
    ) -> HttpResponse:
        """Send these bytes and return what comes back, whatever its status, without the secret.

        Raises:
            NotSent: They did not leave.
            NoAnswer: They may have arrived, and no whole answer came.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return without(secret, await self._post(url, body, headers))
        except NOT_SENT_ERRORS as exc:
            raise NotSent(f"the store cannot be reached: {type(exc).__name__}") from exc
        except TimeoutError as exc:
            raise NoAnswer(f"no answer within {self._timeout_seconds:g} s") from exc
        except LOST_ANSWER_ERRORS as exc:
            raise NoAnswer(f"the answer was lost: {type(exc).__name__}") from exc

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        async with self._http.stream("POST", url, content=body, headers=headers) as response:
            whole = bytearray()
            async for piece in response.aiter_bytes():
                whole += piece
                if len(whole) > self._max_bytes:
                    raise NoAnswer(f"the answer is larger than {self._max_bytes} bytes")
            return HttpResponse(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=bytes(whole),
            )


def without(secret: str, response: HttpResponse) -> HttpResponse:
    """Return a response in which a secret is masked."""
    if not secret:
        return response
    return HttpResponse(
        status=response.status,
        headers={name: value.replace(secret, MASK) for name, value in response.headers.items()},
        body=response.body.replace(secret.encode(), MASK.encode()),
    )
