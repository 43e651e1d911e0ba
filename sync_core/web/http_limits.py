"""HTTP as uvicorn speaks it, with limits for what arrives before any endpoint is asked.

    what a client sends                          then
    -------------------------------------------  ------------------------------------------------
    a head (request line, headers) over 64 KiB   431, and the connection is closed
    headers after a chunked body, as much more   the connection is closed
    a head that is not whole after 10 s          408, and the connection is closed
    a request that is not whole after 10 s       the connection is closed; endpoints that read
                                                 bodies have shorter limits, and answer 408

uvicorn limits neither with httptools: one connection could send 100 MiB of headers, and 1,000 could
each hold one open with a byte a minute.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES = 64 * 1024  # bytes of a request's line and headers
MAX_REQUEST_SECONDS = 10.0  # seconds for a whole request to arrive


class HeadTooLarge(Exception):
    """A request has more headers than anybody needs."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._arrived_bytes = 0  # of a head that is not whole yet
        self._named_bytes = 0  # of the fields that the parser has found in a request
        self._deadline: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Read on; the parser keeps a field that is not whole to itself, so count here, too."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._arrived_bytes += len(data)
        self._expect_within_time()
        super().data_received(data)
        is_too_large = self._in_head and self._arrived_bytes > MAX_HEAD_BYTES
        if is_too_large and not self.transport.is_closing():  # else the parser has refused it
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline with the connection."""
        self._whole()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Count each request of a connection by itself."""
        super().on_message_begin()
        self._named_bytes = 0
        self._expect_within_time()

    def on_url(self, url: bytes) -> None:
        """Count a piece of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or a trailer."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request to its endpoint."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Be ready for the next request."""
        super().on_message_complete()
        self._in_head, self._arrived_bytes = True, 0
        self._whole()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser cannot read, or what is too large."""
        if self._named_bytes > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def _count(self, size: int) -> None:
        self._named_bytes += size
        if self._named_bytes > MAX_HEAD_BYTES:
            raise HeadTooLarge

    def _expect_within_time(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(MAX_REQUEST_SECONDS, self._late)

    def _whole(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer below all endpoints, and close; one line in the log, as uvicorn has for a 400."""
        self.logger.warning("refused a request: %s", status.phrase)
        said = f"{status.phrase}\n".encode()
        answering: RequestResponseCycle | None = self.cycle
        if answering is None or answering.response_complete:
            self.transport.write(
                f"HTTP/1.1 {status.value} {status.phrase}\r\n"
                "content-type: text/plain; charset=utf-8\r\n"
                f"content-length: {len(said)}\r\nconnection: close\r\n\r\n".encode()
                + said
            )
        self.transport.close()
