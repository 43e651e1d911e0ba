"""The way to the app: a signed request, or an envelope through a socket; an ack within 3 s."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import aiohttp

from sandbox.slack.api_context import ApiContext
from sandbox.slack.limits import LIFETIME_SECONDS
from sandbox.slack.signing import HONEST, Forgery, headers
from sandbox.slack.socket_pool import SocketPool

_OK = 200


class PayloadType(StrEnum):
    """The kinds of what is sent; the words are those of Socket Mode."""

    COMMAND = "slash_commands"
    INTERACTIVE = "interactive"
    EVENT = "events_api"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingPayload:
    """What is sent, to the byte."""

    way: PayloadType
    payload: Mapping[str, Any]
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """How the app answered."""

    ack_ms: float
    status: int | None = None  # None through a socket, or without any answer
    body: str = ""
    said: dict[str, Any] = field(default_factory=dict)  # the body, if it is a JSON object
    error: str | None = None  # Slack's word for what went wrong


class PayloadSender:
    """Sends payloads. Never fails: the ack says what went wrong."""

    def __init__(
        self,
        api: ApiContext,
        sockets: SocketPool,
        signature_clock: Callable[[], float],
        ack_timeout: float | None = None,
    ) -> None:
        self._desk, self._sockets, self._signs_at = api, sockets, signature_clock
        self.ack_timeout = LIFETIME_SECONDS["ack"] if ack_timeout is None else ack_timeout
        self.session: aiohttp.ClientSession | None = None

    def pack(
        self,
        way: PayloadType,
        payload: Mapping[str, Any],
        forgery: Forgery = HONEST,
        extra: Mapping[str, str] | None = None,
    ) -> OutgoingPayload:
        """Encode and sign, as Slack does for this kind."""
        body, content_type = _encoded(way, payload)
        signed = headers(self._desk.app.signing_secret, self._signs_at(), body, forgery)
        named = {"Content-Type": content_type, "User-Agent": "Slackbot 1.0", **signed}
        return OutgoingPayload(
            way=way, payload=payload, body=body, headers=named | dict(extra or {})
        )

    async def send(self, outgoing: OutgoingPayload) -> Ack:
        """Send, and wait for the ack as long as Slack does."""
        begun = time.perf_counter()

        def passed() -> float:
            return (time.perf_counter() - begun) * 1000

        try:
            async with asyncio.timeout(self.ack_timeout):
                if self._desk.app.socket_mode:
                    return await self._through_socket(outgoing, passed)
                return await self._by_request(outgoing, passed)
        except TimeoutError:
            return Ack(ack_ms=passed(), error="operation_timeout")
        except (aiohttp.ClientError, LookupError, ConnectionError):
            return Ack(ack_ms=passed(), error="dispatch_failed")

    async def _by_request(self, outgoing: OutgoingPayload, passed: Callable[[], float]) -> Ack:
        if self.session is None or self._desk.app.request_url is None:
            raise LookupError("the workspace does not run, or knows no request_url")
        async with self.session.post(
            self._desk.app.request_url,
            data=outgoing.body,
            headers=outgoing.headers,
            allow_redirects=False,
        ) as response:
            body = await response.text()
            ack_ms = passed()
        return Ack(
            ack_ms=ack_ms,
            status=response.status,
            body=body,
            said=_object(body),
            error=None if response.status == _OK else "dispatch_failed",
        )

    async def _through_socket(self, outgoing: OutgoingPayload, passed: Callable[[], float]) -> Ack:
        extra: dict[str, Any] = {"accepts_response_payload": outgoing.way is not PayloadType.EVENT}
        if outgoing.way is PayloadType.EVENT:
            extra["retry_attempt"] = int(outgoing.headers.get("X-Slack-Retry-Num", 0))
            extra["retry_reason"] = outgoing.headers.get("X-Slack-Retry-Reason", "")
        said = await self._sockets.deliver(outgoing.way, dict(outgoing.payload), extra)
        ack_ms = passed()
        if isinstance(said, str):
            said = {"text": said}
        body = json.dumps(said) if said else ""
        return Ack(ack_ms=ack_ms, body=body, said=said if isinstance(said, dict) else {})


def _encoded(way: PayloadType, payload: Mapping[str, Any]) -> tuple[bytes, str]:
    if way is PayloadType.EVENT:
        return json.dumps(payload).encode(), "application/json"
    form = payload if way is PayloadType.COMMAND else {"payload": json.dumps(payload)}
    return urlencode(form).encode(), "application/x-www-form-urlencoded"


def _object(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        return {"text": body}
    return found if isinstance(found, dict) else {"text": str(found)}
