"""A flood of signed webhooks, sent by a process of its own over kept-alive connections.

    python bench/flood.py PORT SECONDS CONNECTIONS [RATE]

Closed loop: each connection sends the next webhook when the last is answered. With a RATE so many
a second are offered, whatever the answers do. Prints one line of JSON: how many were answered 200
and otherwise, in how many seconds, and percentiles of the answers in milliseconds.

The requests are made and signed before the clock starts. A webhook moves one of `ITEMS` levels of
store `us`, by one unit down or up.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import uvloop

ITEMS = 1000
SECRET = b"bench-secret"
FIRST_ITEM = {"eu": 1_000_000, "us": 2_000_000}
LOCATION = {"eu": 1, "us": 2}
MAX_PREPARED = 60_000
QUANTITY = 10_000


def bodies(alias: str = "us", *, began: float | None = None) -> Iterator[bytes]:
    """Yield bodies without end: each item goes down by one and up again, a second later each."""
    start = time.time() if began is None else began
    for turn in count(1):
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + turn))
        for n in range(ITEMS):
            yield json.dumps(
                {
                    "inventory_item_id": FIRST_ITEM[alias] + n,
                    "location_id": LOCATION[alias],
                    "available": QUANTITY - turn % 2,
                    "updated_at": at,
                }
            ).encode()


def requests(tag: str, some: Iterator[bytes]) -> Iterator[bytes]:
    """Yield whole requests."""
    for n, body in enumerate(some):
        signed = base64.b64encode(hmac.new(SECRET, body, hashlib.sha256).digest()).decode()
        yield (
            "POST /webhooks/shopify HTTP/1.1\r\nhost: tipo.example.com\r\n"
            "content-type: application/json\r\nuser-agent: Shopify-Captain-Hook\r\n"
            "x-shopify-topic: inventory_levels/update\r\nx-shopify-api-version: 2026-10\r\n"
            "x-shopify-shop-domain: us.myshopify.com\r\n"
            f"x-shopify-hmac-sha256: {signed}\r\nx-shopify-webhook-id: {tag}-{n}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        ).encode() + body


class Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, flood: "Flood") -> None:
        self._flood = flood
        self._sent_at: deque[float] = deque()
        self._received = b""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Note where to write."""
        self._transport = transport

    def send(self, request: bytes) -> None:
        """Send a request."""
        if self._transport.is_closing():
            self._flood.failed += 1
            return
        self._sent_at.append(time.perf_counter())
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take an answer; its body is short, and has a length."""
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, rest = self._received.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            if len(rest) < length:
                return
            self._received = rest[length:]
            took = time.perf_counter() - self._sent_at.popleft()
            self._flood.answered(self, head.split(b" ", 2)[1] == b"200", took)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count what was under way as failed."""
        for _ in self._sent_at:
            self._flood.failed += 1


class Flood:
    """Many connections to one server, until their time is over."""

    def __init__(self, prepared: list[bytes]) -> None:
        self._prepared = iter(prepared)
        self._closed_loop = True
        self.until = 0.0
        self.took: list[float] = []
        self.failed = 0
        self.last = 0.0

    def answered(self, connection: Connection, ok: bool, took: float) -> None:  # noqa: FBT001
        """Count an answer, and go on."""
        self.took.append(took)
        self.failed += not ok
        self.last = time.perf_counter()
        if self._closed_loop and self.last < self.until:
            self._send_next(connection)

    def _send_next(self, connection: Connection) -> None:
        request = next(self._prepared, None)
        if request is not None:
            connection.send(request)

    async def run(self, port: int, seconds: float, connections: int, rate: float | None) -> dict:
        """Flood; return what came of it."""
        loop = asyncio.get_running_loop()
        opened = [
            (await loop.create_connection(lambda: Connection(self), "127.0.0.1", port))[1]
            for _ in range(connections)
        ]
        began = self.last = time.perf_counter()
        self.until = began + seconds
        self._closed_loop = rate is None
        if rate is None:
            for each in opened:
                self._send_next(each)
            await asyncio.sleep(seconds)
        else:
            await self._offer(opened, rate, began)
        for _ in range(100):
            if all(not each._sent_at for each in opened):  # noqa: SLF001
                break
            await asyncio.sleep(0.05)
        return self._result(began)

    async def _offer(self, opened: list[Connection], rate: float, began: float) -> None:
        """Send so many a second, every 5 ms what is due."""
        sent = 0
        while (now := time.perf_counter()) < self.until:
            while sent < (now - began) * rate:
                self._send_next(opened[sent % len(opened)])
                sent += 1
            await asyncio.sleep(0.005)

    def _result(self, began: float) -> dict:
        took = sorted(self.took) or [0.0]
        return {
            "answered": len(self.took) - self.failed,
            "failed": self.failed,
            "seconds": self.last - began,
            "p50": 1000 * took[len(took) // 2],
            "p99": 1000 * took[len(took) * 99 // 100],
        }


def main() -> None:
    """Flood a server as the arguments say."""
    port, seconds, connections, *rate = (float(each) for each in sys.argv[1:])
    some = requests(f"{time.time_ns():x}", bodies())
    most = min(MAX_PREPARED, int(seconds * (rate[0] + 100 if rate else 12_000)))
    prepared = [next(some) for _ in range(most)]
    flood = Flood(prepared)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(
            flood.run(int(port), seconds, int(connections), rate[0] if rate else None)
        )
    sys.stdout.write(json.dumps(result) + "\n")


def flood(port: int, seconds: float, connections: int = 64, rate: float | None = None) -> list[str]:
    """Return the command that floods a server."""
    words = [sys.executable, str(Path(__file__)), str(port), str(seconds), str(connections)]
    return words if rate is None else [*words, str(rate)]


if __name__ == "__main__":
    main()
