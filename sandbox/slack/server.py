"""The workspace over real HTTP: `/api/{method}`, response addresses, uploads, sockets."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import anyio
from aiohttp import web

from sandbox.slack.api_call import ApiCall, ApiRefusal, CallArguments, RateLimited
from sandbox.slack.api_context import ApiContext
from sandbox.slack.faults import SlackFault
from sandbox.slack.methods import METHODS, answer
from sandbox.slack.response_urls import respond
from sandbox.slack.socket_pool import SocketPool

MAX_REQUEST_BYTES = 64 * 2**20
_SECRET = frozenset({"token"})


class SlackEndpoints:
    """The HTTP endpoints."""

    def __init__(self, api: ApiContext, sockets: SocketPool) -> None:
        self._desk, self._sockets = api, sockets

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Answer a method, badly if a fault says so."""
        name = request.match_info["method"]

        async def do() -> web.Response:
            return await self._method(name, request)

        return await self._apply_faults(name, request, do)

    async def _method(self, name: str, request: web.Request) -> web.Response:
        token, given = await read(request)
        status, result, headers = 200, {}, {}
        try:
            result = answer(self._desk, name, token, CallArguments(given))
        except ApiRefusal as no:
            result = {"ok": False, "error": no.error, **no.more}
        except RateLimited as slower:
            status, result = 429, {"ok": False, "error": "ratelimited"}
            headers["Retry-After"] = str(slower.seconds)
        self._record_call(name, given, status, result)
        headers["X-OAuth-Scopes"] = ",".join(sorted(self._desk.app.scopes))
        if name in METHODS:
            headers["X-Accepted-OAuth-Scopes"] = ",".join(METHODS[name].scopes)
        return web.json_response(result, status=status, headers=headers)

    def _record_call(self, name: str, given: Mapping[str, Any], status: int, result: Any) -> None:
        args = {key: value for key, value in given.items() if key not in _SECRET}
        at = self._desk.state.clock()
        self._desk.calls.append(
            ApiCall(method=name, at=at, args=args, status=status, answer=result)
        )
        self._desk.state.changed()

    async def _apply_faults(
        self, name: str, request: web.Request, do: Callable[[], Any]
    ) -> web.StreamResponse:
        faults, state = self._desk.faults, self._desk.state
        match faults.render_blocks(name, state.clock(), state.rng):
            case SlackFault.RATE_LIMITED:
                self._record_call(name, {}, 429, {"ok": False, "error": "ratelimited"})
                return _rate_limited(faults.retry_after)
            case SlackFault.ERROR_BEFORE:
                return _internal_error()
            case SlackFault.HTML:
                return web.Response(status=503, text="<html>Down</html>", content_type="text/html")
            case SlackFault.DROP_BEFORE:
                return _drop_connection(request)
            case later:
                response: web.StreamResponse = await do()
                return await self._faulty_response(later, request, response)

    async def _faulty_response(
        self, fault: SlackFault | None, request: web.Request, response: web.StreamResponse
    ) -> web.StreamResponse:
        if fault is SlackFault.ERROR_AFTER:
            return _internal_error()
        if fault is SlackFault.DROP_AFTER:
            return _drop_connection(request)
        if fault is SlackFault.SLOW:
            await anyio.sleep(self._desk.faults.slow_for)
        return response

    async def response(self, request: web.Request) -> web.StreamResponse:
        """Take an answer to a command or a click."""

        async def do() -> web.Response:
            return await self._respond(request)

        return await self._apply_faults("response_url", request, do)

    async def _respond(self, request: web.Request) -> web.Response:
        _, given = await read(request)
        status = 200
        result: dict[str, Any] = {"ok": True}
        try:
            respond(self._desk, request.match_info["key"], dict(given))
        except ApiRefusal as no:
            gone = no.error in {"invalid_url", "expired_url", "used_url"}
            status, result = 404 if gone else 400, {"ok": False, "error": no.error, **no.more}
        self._record_call("response_url", given, status, result)
        return web.json_response(result, status=status)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take the bytes of a file."""

        async def do() -> web.Response:
            file = self._desk.state.files.get(request.match_info["key"])
            body = await _bytes(request)
            if file is None or file.body is not None or len(body) != file.length:
                return web.Response(status=400, text="upload failed")
            file.body = body
            return web.Response(text=f"OK - {len(body)}")

        return await self._apply_faults("upload", request, do)

    async def link(self, request: web.Request) -> web.StreamResponse:
        """Open a socket."""
        faults = self._desk.faults
        if faults.outage or self._desk.state.clock() < faults.down_until:
            return _drop_connection(request)
        return await self._sockets.serve(request)


async def _bytes(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    fields = await request.post()
    first = next(iter(fields.values()), b"")
    if isinstance(first, web.FileField):
        return first.file.read()
    return first if isinstance(first, bytes) else str(first).encode()


async def read(request: web.Request) -> tuple[str | None, Mapping[str, Any]]:
    """Return the token, and the arguments from query, form and JSON together."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        body = _json(await request.text())
        given |= body
    elif request.method == "POST":
        given |= dict(await request.post())
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        token = str(given.get("token") or "")
    return token or None, given


def _json(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text or "{}")
    except ValueError as exc:
        raise web.HTTPOk(
            text='{"ok":false,"error":"invalid_json"}', content_type="application/json"
        ) from exc
    if isinstance(body, dict):
        return body
    raise web.HTTPOk(text='{"ok":false,"error":"json_not_object"}', content_type="application/json")


def _rate_limited(seconds: int) -> web.Response:
    result = {"ok": False, "error": "ratelimited"}
    return web.json_response(result, status=429, headers={"Retry-After": str(seconds)})


def _internal_error() -> web.Response:
    return web.json_response({"ok": False, "error": "internal_error"}, status=500)


def _drop_connection(request: web.Request) -> web.Response:
    """Break the connection; the returned response is not sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def build_app(api: ApiContext, sockets: SocketPool) -> web.Application:
    """Return the application that serves a workspace."""
    endpoints = SlackEndpoints(api, sockets)
    app = web.Application(client_max_size=MAX_REQUEST_BYTES)
    app.router.add_route("*", "/api/{method}", endpoints.api)
    app.router.add_post("/{kind:commands|actions|app}/{team}/{key}", endpoints.response)
    app.router.add_route("*", "/upload/{key}", endpoints.upload)
    app.router.add_get("/link", endpoints.link)
    return app
