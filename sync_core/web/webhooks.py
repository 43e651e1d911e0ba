"""`POST /webhooks/shopify`, as a plain ASGI application.

    what arrives                            answer
    --------------------------------------  ------
    another method                          405
    no or an unknown shop domain            404
    more than 2 MiB, said or sent           413
    a body that takes more than 5 s         408
    too many bodies arrive at once          503 to those that have been arriving for longest
    no, a wrong or somebody else's HMAC     401
    no topic or no webhook id               400
    not JSON, or JSON of a wrong shape      400
    no room for more of this store          503, Retry-After: the store sends it again
    the database cannot keep it             503, Retry-After: the store sends it again
    anything else, once it is in the        200
    database, known or new

A refusal is one line in the log; nothing of it is stored. Of what could not be kept, thousands
perhaps, the receiver says once how many they were.

A body is parsed here only to refuse what cannot be read. The delivery processor (perhaps in
another process, or after a restart) parses it again: 14 µs for a level, of some 2 ms from here to
the books, and 150 µs for a product of 12 variants. Handing the result on would take a cache with a
limit, the ids of what was new, and a second way for all that is not in it.
"""

import logging
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from sync_core import tracing
from sync_core.bodies import BodyNotRead, BodyReader, BodyTooLarge, BodyTooSlow, TooManyBodies
from sync_core.clock import Clock
from sync_core.domain.values import Alias
from sync_core.errors import cut
from sync_core.metrics import DELIVERIES
from sync_core.ports import Delivery, WebhookParser
from sync_core.web.receiver import DeliveryNotStored, Receiver, TooManyWebhooks

log = logging.getLogger(__name__)

MAX_WEBHOOK_BYTES = 2 * 1024 * 1024  # bytes
MAX_BODY_SECONDS = 5.0  # seconds for a body to arrive; a store gives up then, too
MAX_BODIES, MAX_BODY_BYTES = 2_000, 64 * 1024 * 1024  # that arrive at once, and have by then
MAX_HEADER_CHARACTERS = 200  # characters of a topic or an id
UNAVAILABLE = 503
RETRY_AFTER_SECONDS = "30"
UNREAD: Mapping[type[BodyNotRead], tuple[int, str]] = {
    BodyTooLarge: (413, "the body is larger than 2 MiB"),
    BodyTooSlow: (408, "the body took more than 5 s"),
    TooManyBodies: (UNAVAILABLE, "too many bodies at once, and this one took the longest"),
}

Verify = Callable[[Alias, bytes, str], bool]
"""Whether a body is signed by a store: its alias, the raw bytes, the header."""


class Refusal(Exception):
    """A request that gets an answer other than 200."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class WebhookEndpoint:
    """The webhook endpoint."""

    def __init__(
        self,
        *,
        domains: Mapping[str, Alias],
        verify: Verify,
        parse_webhook: WebhookParser,
        receiver: Receiver,
        clock: Clock,
    ) -> None:
        self._domains = domains
        self._verify = verify
        self._parse_webhook = parse_webhook
        self._receiver = receiver
        self._bodies = BodyReader(max_bodies=MAX_BODIES, max_bytes=MAX_BODY_BYTES)
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = Headers(scope=scope)
        alias = self._domains.get(headers.get("x-shopify-shop-domain", "").strip().lower())
        try:
            if scope["method"] != "POST":
                raise Refusal(405, "only POST is answered here")  # noqa: TRY301
            if alias is None:
                raise Refusal(404, "no store of that domain is known here")  # noqa: TRY301
            facts = _facts(alias, headers) if tracing.is_on() else {}
            with tracing.span("webhook", **facts):
                delivery = self._accept(alias, headers, await self._read(headers, receive))
                with self._receiver.admitted(alias, len(delivery.body)):
                    await self._receiver.store(delivery)
        except Refusal as refusal:
            self._log(refusal, alias)
            await self._answer(refusal.status, str(refusal), alias, (scope, receive, send))
        except TooManyWebhooks:
            await self._answer(503, "too many webhooks at once", alias, (scope, receive, send))
        except DeliveryNotStored:
            await self._answer(503, "it cannot be kept now", alias, (scope, receive, send))
        except Exception:
            log.exception("a webhook cannot be taken", extra={"event": "webhook_failed"})
            await self._answer(503, "it cannot be kept now", alias, (scope, receive, send))
        else:
            await self._answer(200, "ok", alias, (scope, receive, send))

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        """Return the whole body, if it is small enough and comes soon enough."""
        try:
            return await self._bodies.read(
                receive,
                headers.get("content-length", ""),
                max_bytes=MAX_WEBHOOK_BYTES,
                max_seconds=MAX_BODY_SECONDS,
            )
        except BodyNotRead as exc:
            raise Refusal(*UNREAD.get(type(exc), (400, "the sender has gone"))) from None

    def _accept(self, alias: Alias, headers: Headers, body: bytes) -> Delivery:
        """Return a delivery that is signed, whole and readable."""
        if not self._verify(alias, body, headers.get("x-shopify-hmac-sha256", "")):
            raise Refusal(401, "the signature is not this store's")
        topic = headers.get("x-shopify-topic", "")
        webhook_id = headers.get("x-shopify-webhook-id", "")
        if (
            not 0 < len(topic) <= MAX_HEADER_CHARACTERS
            or not 0 < len(webhook_id) <= MAX_HEADER_CHARACTERS
        ):
            raise Refusal(400, "the headers name no topic or no webhook id")
        try:
            self._parse_webhook(alias, topic, body)
        except ValueError as exc:
            raise Refusal(400, f"the body cannot be read: {exc}") from exc
        return Delivery(
            store=alias,
            webhook_id=webhook_id,
            topic=topic,
            body=body,
            received_at=self._clock.now(),
            trace=tracing.current(),
        )

    def _log(self, refusal: Refusal, alias: Alias | None) -> None:
        log.warning(
            "webhook refused with %d: %s",
            refusal.status,
            cut(str(refusal)),
            extra={
                "event": "webhook_refused",
                "store": alias or "unknown",
                "status": refusal.status,
            },
        )

    async def _answer(
        self, status: int, words: str, alias: Alias | None, asgi: tuple[Scope, Receive, Send]
    ) -> None:
        """Answer, and count it."""
        DELIVERIES.labels(store=alias or "unknown", answer=str(status)).inc()
        later = {"retry-after": RETRY_AFTER_SECONDS} if status == UNAVAILABLE else {}
        answer = PlainTextResponse(f"{cut(words)}\n", status_code=status, headers=later)
        await answer(*asgi)


def _facts(alias: Alias, headers: Headers) -> dict[str, str]:
    """Return what a trace says of a webhook; to find it in the headers takes some 10 µs."""
    named = {"topic": "x-shopify-topic", "webhook": "x-shopify-webhook-id"}
    found = {key: headers.get(name, "")[:MAX_HEADER_CHARACTERS] for key, name in named.items()}
    return {"store": alias, **found}
