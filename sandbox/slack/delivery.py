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

from sandbox.slack.desk import Desk
from sandbox.slack.limits import LIVES_FOR_SECONDS
from sandbox.slack.signing import HONEST, Forgery, headers
from sandbox.slack.sockets import Sockets

_OK = 200


class Way(StrEnum):
    """The kinds of what is sent; the words are those of Socket Mode."""

    COMMAND = "slash_commands"
    INTERACTIVE = "interactive"
    EVENT = "events_api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What is sent, to the byte."""

    way: Way
    payload: Mapping[str, Any]
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How the app answered."""

    ack_ms: float
    status: int | None = None  # None through a socket, or without any answer
    body: str = ""
    said: dict[str, Any] = field(default_factory=dict)  # the body, if it is a JSON object
    error: str | None = None  # Slack's word for what went wrong


class Courier:
    """Sends parcels. Never fails: a receipt says what went wrong."""

    def __init__(
        self,
        desk: Desk,
        sockets: Sockets,
        signs_at: Callable[[], float],
        patience: float | None = None,
    ) -> None:
        self._desk, self._sockets, self._signs_at = desk, sockets, signs_at
        self.patience = LIVES_FOR_SECONDS["ack"] if patience is None else patience
        self.session: aiohttp.ClientSession | None = None

    def pack(
        self,
        way: Way,
        payload: Mapping[str, Any],
        forgery: Forgery = HONEST,
        extra: Mapping[str, str] | None = None,
    ) -> Parcel:
        """Encode and sign, as Slack does for this kind."""
        body, content_type = _encoded(way, payload)
        signed = headers(self._desk.app.signing_secret, self._signs_at(), body, forgery)
        named = {"Content-Type": content_type, "User-Agent": "Slackbot 1.0", **signed}
        return Parcel(way=way, payload=payload, body=body, headers=named | dict(extra or {}))

    async def send(self, parcel: Parcel) -> Receipt:
        """Send, and wait for the ack as long as Slack does."""
        begun = time.perf_counter()

        def passed() -> float:
            return (time.perf_counter() - begun) * 1000

        try:
            async with asyncio.timeout(self.patience):
                if self._desk.app.socket_mode:
                    return await self._through_socket(parcel, passed)
                return await self._by_request(parcel, passed)
        except TimeoutError:
            return Receipt(ack_ms=passed(), error="operation_timeout")
        except (aiohttp.ClientError, LookupError, ConnectionError):
            return Receipt(ack_ms=passed(), error="dispatch_failed")

    async def _by_request(self, parcel: Parcel, passed: Callable[[], float]) -> Receipt:
        if self.session is None or self._desk.app.request_url is None:
            raise LookupError("the workspace does not run, or knows no request_url")
        async with self.session.post(
            self._desk.app.request_url,
            data=parcel.body,
            headers=parcel.headers,
            allow_redirects=False,
        ) as response:
            body = await response.text()
            ack_ms = passed()
        return Receipt(
            ack_ms=ack_ms,
            status=response.status,
            body=body,
            said=_object(body),
            error=None if response.status == _OK else "dispatch_failed",
        )

    async def _through_socket(self, parcel: Parcel, passed: Callable[[], float]) -> Receipt:
        extra: dict[str, Any] = {"accepts_response_payload": parcel.way is not Way.EVENT}
        if parcel.way is Way.EVENT:
            extra["retry_attempt"] = int(parcel.headers.get("X-Slack-Retry-Num", 0))
            extra["retry_reason"] = parcel.headers.get("X-Slack-Retry-Reason", "")
        said = await self._sockets.deliver(parcel.way, dict(parcel.payload), extra)
        ack_ms = passed()
        if isinstance(said, str):
            said = {"text": said}
        body = json.dumps(said) if said else ""
        return Receipt(ack_ms=ack_ms, body=body, said=said if isinstance(said, dict) else {})


def _encoded(way: Way, payload: Mapping[str, Any]) -> tuple[bytes, str]:
    if way is Way.EVENT:
        return json.dumps(payload).encode(), "application/json"
    form = payload if way is Way.COMMAND else {"payload": json.dumps(payload)}
    return urlencode(form).encode(), "application/x-www-form-urlencoded"


def _object(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        return {"text": body}
    return found if isinstance(found, dict) else {"text": str(found)}
