"""The workspace over real HTTP: `/api/{method}`, response addresses, uploads, sockets."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import anyio
from aiohttp import web

from sandbox.slack.answers import respond
from sandbox.slack.call import Args, Call, RateLimited, Refused
from sandbox.slack.desk import Desk
from sandbox.slack.faults import Answer
from sandbox.slack.methods import METHODS, answer
from sandbox.slack.sockets import Sockets

LARGEST = 64 * 2**20
_SECRET = frozenset({"token"})


class Front:
    """What the routes lead to."""

    def __init__(self, desk: Desk, sockets: Sockets) -> None:
        self._desk, self._sockets = desk, sockets

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Answer a method, badly if a fault says so."""
        name = request.match_info["method"]

        async def do() -> web.Response:
            return await self._method(name, request)

        return await self._with_faults(name, request, do)

    async def _method(self, name: str, request: web.Request) -> web.Response:
        token, given = await read(request)
        status, told, headers = 200, {}, {}
        try:
            told = answer(self._desk, name, token, Args(given))
        except Refused as no:
            told = {"ok": False, "error": no.error, **no.more}
        except RateLimited as slower:
            status, told = 429, {"ok": False, "error": "ratelimited"}
            headers["Retry-After"] = str(slower.seconds)
        self._note(name, given, status, told)
        headers["X-OAuth-Scopes"] = ",".join(sorted(self._desk.app.scopes))
        if name in METHODS:
            headers["X-Accepted-OAuth-Scopes"] = ",".join(METHODS[name].scopes)
        return web.json_response(told, status=status, headers=headers)

    def _note(self, name: str, given: Mapping[str, Any], status: int, told: Any) -> None:
        args = {key: value for key, value in given.items() if key not in _SECRET}
        at = self._desk.state.clock()
        self._desk.calls.append(Call(method=name, at=at, args=args, status=status, answer=told))
        self._desk.state.changed()

    async def _with_faults(
        self, name: str, request: web.Request, do: Callable[[], Any]
    ) -> web.StreamResponse:
        faults, state = self._desk.faults, self._desk.state
        match faults.draw(name, state.clock(), state.luck):
            case Answer.RATE_LIMITED:
                self._note(name, {}, 429, {"ok": False, "error": "ratelimited"})
                return _rate_limited(faults.retry_after)
            case Answer.ERROR_BEFORE:
                return _internal_error()
            case Answer.HTML:
                return web.Response(status=503, text="<html>Down</html>", content_type="text/html")
            case Answer.DROP_BEFORE:
                return _dropped(request)
            case later:
                response: web.StreamResponse = await do()
                return await self._spoiled(later, request, response)

    async def _spoiled(
        self, fault: Answer | None, request: web.Request, response: web.StreamResponse
    ) -> web.StreamResponse:
        if fault is Answer.ERROR_AFTER:
            return _internal_error()
        if fault is Answer.DROP_AFTER:
            return _dropped(request)
        if fault is Answer.SLOW:
            await anyio.sleep(self._desk.faults.slow_for)
        return response

    async def response(self, request: web.Request) -> web.StreamResponse:
        """Take an answer to a command or a click."""

        async def do() -> web.Response:
            return await self._respond(request)

        return await self._with_faults("response_url", request, do)

    async def _respond(self, request: web.Request) -> web.Response:
        _, given = await read(request)
        status = 200
        told: dict[str, Any] = {"ok": True}
        try:
            respond(self._desk, request.match_info["key"], dict(given))
        except Refused as no:
            gone = no.error in {"invalid_url", "expired_url", "used_url"}
            status, told = 404 if gone else 400, {"ok": False, "error": no.error, **no.more}
        self._note("response_url", given, status, told)
        return web.json_response(told, status=status)

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take the bytes of a file."""

        async def do() -> web.Response:
            file = self._desk.state.files.get(request.match_info["key"])
            body = await _bytes(request)
            if file is None or file.body is not None or len(body) != file.length:
                return web.Response(status=400, text="upload failed")
            file.body = body
            return web.Response(text=f"OK - {len(body)}")

        return await self._with_faults("upload", request, do)

    async def link(self, request: web.Request) -> web.StreamResponse:
        """Open a socket."""
        faults = self._desk.faults
        if faults.outage or self._desk.state.clock() < faults.down_until:
            return _dropped(request)
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
    told = {"ok": False, "error": "ratelimited"}
    return web.json_response(told, status=429, headers={"Retry-After": str(seconds)})


def _internal_error() -> web.Response:
    return web.json_response({"ok": False, "error": "internal_error"}, status=500)


def _dropped(request: web.Request) -> web.Response:
    """Break the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def build_app(desk: Desk, sockets: Sockets) -> web.Application:
    """Return the application that serves a workspace."""
    front = Front(desk, sockets)
    app = web.Application(client_max_size=LARGEST)
    app.router.add_route("*", "/api/{method}", front.api)
    app.router.add_post("/{kind:commands|actions|app}/{team}/{key}", front.response)
    app.router.add_route("*", "/upload/{key}", front.upload)
    app.router.add_get("/link", front.link)
    return app
