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
    anything else                                  Bolt's

Bodies are never logged: they hold what people type, and addresses that answer in their name.
"""

import json
import logging
import re
from collections.abc import Mapping
from urllib.parse import parse_qs

from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

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
