"""`POST /slack/events`: what comes over HTTP is looked at before Bolt sees it.

    the request                                    answer
    ---------------------------------------------  ------
    more than 1 MiB                                413
    a body that takes more than 5 s                408
    50 are being read already                      503
    without signature or time                      401
    a time that is no number                       400
    a time more than 5 minutes off, either way     401
    a signature that is not Slack's                401
    signed, but not UTF-8, or no form and no JSON  400
    anything else                                  Bolt's

Bodies are never logged: they hold what people type, and addresses that answer in their name.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from urllib.parse import parse_qs

from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from sync_core.clock import Clock

log = logging.getLogger(__name__)

PATH = "/slack/events"
MAX_REQUEST_BYTES = 1024 * 1024  # bytes
MAX_BODY_SECONDS = 5.0  # seconds for a body to arrive; Slack waits 3 for the whole answer
MAX_BODIES = 50  # bodies that are read at once: anybody may send one before it is refused
MAX_CLOCK_SKEW_SECONDS = 300.0  # seconds that Slack's clock and ours may differ
TIMESTAMP_FORMAT = re.compile(r"[0-9]{1,12}")
SIGNATURE_FORMAT = re.compile(r"v0=[0-9a-f]{64}")
MAX_FORM_FIELDS = 200


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
        self._reading = 0
        self.refused = 0
        self.last_at: float | None = None

    def health(self) -> dict[str, object]:
        """Say when Slack last came in, and how many were refused."""
        now = self._clock.now().timestamp()
        age = None if self.last_at is None else round(now - self.last_at, 1)
        return {"last_request_seconds": age, "refused": self.refused}

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        if self._reading >= MAX_BODIES:
            return self._refuse(503, "too many requests at once")
        self._reading += 1
        try:
            async with asyncio.timeout(MAX_BODY_SECONDS):
                body = await _body(request)
        except TimeoutError:
            return self._refuse(408, "the body did not arrive in time")
        finally:
            self._reading -= 1
        if body is None:
            return self._refuse(413, "too large")
        refusal = self._refusal(request.headers, body)
        if refusal is not None:
            return refusal
        self.last_at = self._clock.now().timestamp()
        text = _readable_text(body, request.headers.get("content-type", ""))
        if text is None:
            return self._refuse(400, "neither a form nor JSON in UTF-8")
        headers: Mapping[str, str] = dict(request.headers)
        asked = AsyncBoltRequest(body=text, headers=headers)  # type: ignore[arg-type]
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


async def _body(request: Request) -> bytes | None:
    """Return the body, or None if it is too large."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > MAX_REQUEST_BYTES:
        return None
    found = bytearray()
    try:
        async for chunk in request.stream():
            found += chunk
            if len(found) > MAX_REQUEST_BYTES:
                return None
    except ClientDisconnect:
        return b""
    return bytes(found)


def _readable_text(body: bytes, kind: str) -> str | None:
    """Return the body as text, if Bolt will be able to read it."""
    try:
        text = body.decode("utf-8")
        if kind.partition(";")[0].strip().lower() == "application/json":
            return text if isinstance(json.loads(text), dict) else None
        form = parse_qs(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
        payload = form.get("payload")
        if payload is not None and not isinstance(json.loads(payload[0]), dict):
            return None
    except (ValueError, RecursionError):
        return None
    return text
