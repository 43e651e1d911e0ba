"""One POST over HTTP: bounded in time and size, never redirected, its failures named."""

import asyncio
from collections.abc import Mapping

import httpx

from sync_core.errors import NoAnswer, NotSent
from sync_core.shopify.answers import Answer

IN_ALL = 10.0  # seconds for a request
CONNECT = 4.0
LARGEST = 20 * 1024 * 1024  # bytes of an answer

# Nothing has left yet. httpx puts names that do not resolve and TLS under ConnectError.
BEFORE = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
# anyio asks a connection that was reset as soon as it stood who is there, and trips over nobody.
LOST = (httpx.HTTPError, httpx.StreamError, OSError, AttributeError)


class Wire:
    """Connections to one host."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        in_all: float = IN_ALL,
        largest: int = LARGEST,
    ) -> None:
        self._in_all, self._largest = in_all, largest
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(in_all, connect=CONNECT, pool=CONNECT),
            follow_redirects=False,
            headers={"Accept": "application/json", "User-Agent": "Tipo"},
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send these bytes and return what comes back, whatever its status.

        Raises:
            NotSent: They did not leave.
            NoAnswer: They may have arrived, and no whole answer came.
        """
        try:
            async with asyncio.timeout(self._in_all):
                return await self._post(url, body, headers)
        except BEFORE as exc:
            raise NotSent(f"the store cannot be reached: {type(exc).__name__}") from exc
        except TimeoutError as exc:
            raise NoAnswer(f"no answer within {self._in_all:g} s") from exc
        except LOST as exc:
            raise NoAnswer(f"the answer was lost: {type(exc).__name__}") from exc

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        async with self._http.stream("POST", url, content=body, headers=headers) as response:
            whole = bytearray()
            async for piece in response.aiter_bytes():
                whole += piece
                if len(whole) > self._largest:
                    raise NoAnswer(f"the answer is larger than {self._largest} bytes")
            return Answer(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=bytes(whole),
            )
