"""A shop with its HTTP API: one synchronous entry for all requests."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox import bulk_operations
from sandbox.exchanges import Exchange
from sandbox.faults import ShopFault
from sandbox.graphql_api import answer, throttled
from sandbox.idempotency import KeyState
from sandbox.query_resolvers import VERSIONS
from sandbox.shop_state import ShopState

_GRAPHQL = re.compile(r"^/admin/api/([^/]+)/graphql\.json$")
_FILE = re.compile(r"^/bulk/(\d+)\.jsonl$")
_FORCED_KEY_STATES = {ShopFault.CONCURRENT: KeyState.RUNNING, ShopFault.SPENT: KeyState.FAILED}
_HTML = b"<!DOCTYPE html><html><body>Something went wrong</body></html>"
FILE_LIFETIME = timedelta(days=7)
_STATUS_TEXTS = {
    401: "[API] Invalid API key or access token (unrecognized login or wrong password)",
    402: "Unavailable Shop",
    403: "Forbidden",
    404: "Not Found",
    423: "Locked",
    429: "Exceeded rate limit",
    430: "Shopify Security Rejection",
}


@dataclass(slots=True)
class Response:
    """What goes back, or does not."""

    status: int
    headers: dict[str, str]
    body: bytes
    dropped: bool = False  # the connection broke instead
    done: bool = True  # the request was carried out before it broke
    delay: float = 0.0  # seconds until the answer leaves


@dataclass(frozen=True, slots=True)
class Request:
    """What came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def is_mutation(self) -> bool:
        """Whether it asks for a change."""
        return self.body.lstrip().startswith(b"{") and b"mutation" in self.body


class Shop(ShopState):
    """An imitation Shopify store."""

    def __init__(
        self, domain: str, *, now: Callable[[], datetime], rng: Random, **facts: Any
    ) -> None:
        super().__init__(domain, now=now, rng=rng, **facts)
        self.run_bulk_operation = lambda export: bulk_operations.run(self, export)
        self._delayed: list[tuple[datetime, Request]] = []

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Response:
        """Answer one HTTP request; the path may carry a query string."""
        self.catch_up()
        parts = urlsplit(path)
        lower = {key.lower(): value for key, value in headers.items()}
        request = Request(method.upper(), parts.path, lower, body, parse_qs(parts.query))
        self.counts.requests += 1
        fault = self.faults.draw(self.rng, mutation=request.is_mutation)
        if fault is None:
            response = self._serve(request)
        else:
            response = self._respond_with_fault(request, fault)
        if request.is_mutation:
            self._keep(request, ok=response.status == 200 and not response.dropped)  # noqa: PLR2004
        return response

    def _keep(self, request: Request, *, ok: bool) -> None:
        headers = {
            name: request.headers[name]
            for name in ("content-type", "x-shopify-access-token")
            if name in request.headers
        }
        self.exchanges.append(
            Exchange(
                at=self.now(),
                kind="mutation",
                url=request.path,
                headers=headers,
                body=request.body,
                ok=ok,
            )
        )

    def catch_up(self) -> None:
        """Carry out what was on its way for a while, and let exports go on."""
        if self.exports:
            self.advance()
        ripe = [request for at, request in self._delayed if at <= self.now()]
        if ripe:
            self._delayed = [(at, request) for at, request in self._delayed if at > self.now()]
            for request in ripe:
                self._serve(request)

    def _respond_with_fault(self, request: Request, fault: ShopFault | int) -> Response:  # noqa: PLR0911
        match fault:
            case int():
                return _error(fault)
            case ShopFault.ERROR_BEFORE:
                return _error(500)
            case ShopFault.HTML:
                return Response(200, {"Content-Type": "text/html"}, _HTML)
            case ShopFault.DROP_BEFORE:
                return Response(0, {}, b"", dropped=True, done=False)
            case ShopFault.LATE:
                due = self.now() + timedelta(seconds=self.faults.late_by)
                self._delayed.append((due, request))
                return Response(0, {}, b"", dropped=True, done=False)
            case ShopFault.THROTTLED:
                return _json(200, throttled(self, 13))
            case ShopFault.CONCURRENT | ShopFault.SPENT:
                return self._serve(request, pretend=_FORCED_KEY_STATES[fault])
            case _:
                return self._corrupt(self._serve(request), fault)

    def _corrupt(self, served: Response, fault: ShopFault) -> Response:
        """Spoil the answer to what was done."""
        if fault is ShopFault.ERROR_AFTER:
            return _error(500)
        if fault is ShopFault.SLOW:
            served.delay = self.faults.slow_for
        elif fault is ShopFault.DROP_AFTER:
            served.dropped = True
        else:
            served.body = served.body[: len(served.body) // 2]
        return served

    def _serve(self, request: Request, *, pretend: KeyState | None = None) -> Response:
        graphql = _GRAPHQL.match(request.path)
        if graphql and request.method == "POST":
            return self._graphql(request, graphql[1], pretend=pretend)
        if request.path == "/admin/oauth/access_token" and request.method == "POST":
            return _json(*self.access.grant(request.body, request.headers.get("content-type", "")))
        file = _FILE.match(request.path)
        if file and request.method == "GET":
            return self._file(request, int(file[1]))
        return _error(404)

    def _graphql(self, request: Request, version: str, *, pretend: KeyState | None) -> Response:
        if not self.access.accepts(request.headers.get("x-shopify-access-token", "")):
            return _error(401)
        asked = _read(request)
        if asked is None:
            return _error(400)
        if request.is_mutation:
            self.counts.mutations += 1
            self.counts.metafield_writes += "metafieldsSet" in str(asked.get("query"))
        response = _json(200, answer(self, asked, pretend=pretend))
        response.headers["X-Shopify-API-Version"] = _served_version(version)
        return response

    def _file(self, request: Request, number: int) -> Response:
        export = self.exports.get(number)
        signature = request.query.get("X-Goog-Signature", [""])[0]
        if export is None or export.signature != signature or not export.file:
            return Response(
                403, {"Content-Type": "application/xml"}, b"<Error>SignatureDoesNotMatch"
            )
        if {"authorization", "x-shopify-access-token"} & set(request.headers):
            return Response(400, {"Content-Type": "application/xml"}, b"<Error>InvalidArgument")
        if export.completed_at is None or self.now() - export.completed_at > FILE_LIFETIME:
            return Response(400, {"Content-Type": "application/xml"}, b"<Error>ExpiredToken")
        return Response(200, {"Content-Type": "application/jsonl"}, export.file)


def _served_version(asked: str) -> str:
    """Return the version that answers: an expired or unknown one falls forward."""
    if asked in VERSIONS or asked == "unstable":
        return asked
    later = [each for each in VERSIONS if each > asked]
    return later[0] if later else VERSIONS[-1]


def _read(request: Request) -> dict[str, Any] | None:
    if request.headers.get("content-type", "").startswith("application/graphql"):
        return {"query": request.body.decode(errors="replace")}
    try:
        asked = json.loads(request.body)
    except ValueError:
        return None
    return asked if isinstance(asked, dict) else None


def _json(status: int, reply: Mapping[str, object]) -> Response:
    body = json.dumps(reply, separators=(",", ":")).encode()
    return Response(status, {"Content-Type": "application/json; charset=utf-8"}, body)


def _error(status: int) -> Response:
    response = _json(status, {"errors": _STATUS_TEXTS.get(status, "Internal Server Error")})
    if status == 429:  # noqa: PLR2004
        response.headers["Retry-After"] = "2.0"
    return response
