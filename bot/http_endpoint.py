"""`POST /slack/events`: what comes over HTTP is looked at before Bolt sees it.

    the request                                    answer
    ---------------------------------------------  ------
    more than 1 MiB                                413
    a body that takes more than 5 s                408
    200 bodies, or 32 MiB, arrive at once          503 to those that have been arriving for longest
    without signature or time                      401
    a time that is no number                       400
    a time more than 5 minutes off, either way     401
    a signature that is not Slack's                401
    signed, but not UTF-8, or no form and no JSON  400
    a field twice, or one of another type          400
    an interaction that nobody here has asked for  404
    anything else                                  Bolt's

A body is read once, here: Bolt gets what was read and checked. Read by Bolt, a form with two fields
`payload` would be another one than we have seen, and `/tipo stock payload` nothing at all.

Bodies are never logged: they hold what people type, and addresses that answer in their name.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.payloads import NotForUs, Unreadable, read
from sync_core.bodies import BodyNotRead, BodyReader, BodyTooLarge, BodyTooSlow, TooManyBodies
from sync_core.clock import Clock

log = logging.getLogger(__name__)

PATH = "/slack/events"
MAX_REQUEST_BYTES = 1024 * 1024  # bytes
MAX_BODY_SECONDS = 5.0  # seconds for a body to arrive; Slack waits 3 for the whole answer
MAX_BODIES, MAX_BODY_BYTES = 200, 32 * 1024 * 1024  # that arrive at once, and have by then
MAX_CLOCK_SKEW_SECONDS = 300.0  # seconds that Slack's clock and ours may differ
TIMESTAMP_FORMAT = re.compile(r"[0-9]{1,12}")
SIGNATURE_FORMAT = re.compile(r"v0=[0-9a-f]{64}")
MAX_FORM_FIELDS = 200
UNREAD: Mapping[type[BodyNotRead], tuple[int, str]] = {
    BodyTooLarge: (413, "too large"),
    BodyTooSlow: (408, "the body did not arrive in time"),
    TooManyBodies: (503, "too many bodies at once, and this one took the longest"),
}


class NoPayload(Exception):
    """A request is signed, but is nothing that Slack sends, or that anybody here has asked for."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class VerifierClock:
    """The verifier's clock, moved to ours."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        """Return the time in seconds."""
        return self._clock.now().timestamp()


class HttpEndpoint:
    """Answers requests that Slack has signed, and no others."""

    def __init__(self, app: AsyncApp, secret: str, clock: Clock) -> None:
        self._app = app
        self._clock = clock
        self._verifier = SignatureVerifier(secret, clock=VerifierClock(clock))  # type: ignore[arg-type]
        self._bodies = BodyReader(max_bodies=MAX_BODIES, max_bytes=MAX_BODY_BYTES)
        self.refused = 0
        self.last_at: float | None = None

    def health(self) -> dict[str, object]:
        """Say when Slack last came in, and how many were refused."""
        now = self._clock.now().timestamp()
        age = None if self.last_at is None else round(now - self.last_at, 1)
        return {"last_request_seconds": age, "refused": self.refused}

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        try:
            body = await self._bodies.read(
                request.receive,
                request.headers.get("content-length", ""),
                max_bytes=MAX_REQUEST_BYTES,
                max_seconds=MAX_BODY_SECONDS,
            )
        except BodyNotRead as exc:
            return self._refuse(*UNREAD.get(type(exc), (400, "the sender has gone")))
        refusal = self._refusal(request.headers, body)
        if refusal is not None:
            return refusal
        self.last_at = self._clock.now().timestamp()
        try:
            asked = _read(body, request.headers)
        except NoPayload as exc:
            return self._refuse(exc.status, str(exc))
        return to_starlette_response(await self._app.async_dispatch(asked))

    def _refusal(self, headers: Mapping[str, str], body: bytes) -> Response | None:
        """Return the answer to a request that Slack has not signed, or not just now."""
        sent = headers.get("x-slack-request-timestamp", "")
        signature = headers.get("x-slack-signature", "")
        if not sent or not signature:
            return self._refuse(401, "not signed")
        if not TIMESTAMP_FORMAT.fullmatch(sent):
            return self._refuse(400, "a time that is no number")
        if abs(self._clock.now().timestamp() - int(sent)) > MAX_CLOCK_SKEW_SECONDS:
            return self._refuse(401, "signed too long ago, or in the future: check the clock")
        try:
            good = bool(SIGNATURE_FORMAT.fullmatch(signature)) and self._verifier.is_valid(
                body, sent, signature
            )
        except UnicodeDecodeError:
            return self._refuse(400, "not UTF-8")
        return None if good else self._refuse(401, "a false signature")

    def _refuse(self, status: int, why: str) -> Response:
        self.refused += 1
        log.warning(
            "refused a request: %s", why, extra={"event": "request_refused", "code": status}
        )
        return PlainTextResponse(f"{why}\n", status_code=status)


def _read(body: bytes, headers: Mapping[str, str]) -> AsyncBoltRequest:
    """Return what Slack has sent, as Bolt takes it.

    Raises:
        NoPayload: If Slack would not send it.
    """
    try:
        payload = _payload(body.decode("utf-8"), headers.get("content-type", ""))
    except (ValueError, RecursionError):
        raise NoPayload("neither a form nor JSON in UTF-8, or a field twice") from None
    found = read(payload)
    if isinstance(found, Unreadable | NotForUs):
        raise NoPayload(found.why, 400 if isinstance(found, Unreadable) else 404)
    named: dict[str, Any] = dict(headers)
    try:
        # As if it came through a socket: it is read, and whose it is we know.
        return AsyncBoltRequest(body=payload, headers=named, mode="socket_mode")
    except (AttributeError, LookupError, TypeError, ValueError):
        raise NoPayload("a field is of another type than Slack's") from None


def _payload(text: str, kind: str) -> dict[str, Any]:
    """Return the payload of a request: JSON, a form with JSON in `payload`, or a form.

    Raises:
        ValueError: If it is none of them, or holds a field twice.
    """
    kind = kind.partition(";")[0].strip().lower()
    if kind == "application/json":
        return _json(text)
    if kind != "application/x-www-form-urlencoded":
        raise ValueError("another kind of body")
    fields = parse_qsl(
        text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="strict"
    )
    form = _once(fields)
    return _json(form["payload"]) if "payload" in form else form


def _json(text: str) -> dict[str, Any]:
    found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004 - it is what was sent that is wrong
    return found


def _no_constant(name: str) -> None:
    """Refuse NaN and Infinity, which are no JSON."""
    raise ValueError(name)


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return pairs as an object: which of two of a name counts, readers do not agree on."""
    given = list(pairs)
    found = dict(given)
    if len(found) < len(given):
        raise ValueError("a field twice")
    return found
