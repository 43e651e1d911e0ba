"""Socket Mode: at most ten sockets, each payload to one of them, each acked by its envelope."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.slack.api_context import ApiContext
from sandbox.slack.limits import MAX_SOCKETS


@dataclass(slots=True, kw_only=True)
class SocketPool:
    """The sockets that the app has open."""

    api: ApiContext
    open: list[web.WebSocketResponse] = field(default_factory=list)
    awaited: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _turn: int = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Keep one socket until it closes."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.api.tickets:
            raise web.HTTPForbidden(text="this address was used, or never given out")
        self.api.tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if len(self.open) >= MAX_SOCKETS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        self.open.append(socket)
        try:
            await self._listen(socket)
        finally:
            self.open.remove(socket)
            self.api.state.changed()
        return socket

    async def _listen(self, socket: web.WebSocketResponse) -> None:
        info = {"app_id": self.api.app.id}
        hello = {"type": "hello", "num_connections": len(self.open), "connection_info": info}
        await socket.send_json(hello)
        self.api.state.changed()
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self._acked(message.data)

    def _acked(self, text: str) -> None:
        try:
            given = json.loads(text)
        except ValueError:
            return
        key = given.get("envelope_id") if isinstance(given, dict) else None
        future = self.awaited.get(key) if isinstance(key, str) else None
        if future is not None and not future.done():
            future.set_result(given.get("payload"))

    async def deliver(self, kind: str, payload: dict[str, Any], extra: dict[str, Any]) -> Any:
        """Send a payload to one socket; return what came with the ack.

        Raises:
            LookupError: If no socket is open.
        """
        if not self.open:
            raise LookupError("no socket is open")
        key = self.api.state.secret()
        future = self.awaited[key] = asyncio.get_running_loop().create_future()
        envelope = {"envelope_id": key, "type": kind, "payload": payload, **extra}
        self._turn += 1
        try:
            if not self.api.faults.silent_sockets:
                await self.open[self._turn % len(self.open)].send_json(envelope)
            return await future
        finally:
            del self.awaited[key]

    async def refresh(self, reason: str = "refresh_requested") -> int:
        """Ask every client to reconnect; return how many were asked."""
        asked = list(self.open)
        for socket in asked:
            await socket.send_json({"type": "disconnect", "reason": reason})
        return len(asked)

    async def close(self) -> None:
        """Close every socket."""
        for socket in list(self.open):
            await socket.close()
