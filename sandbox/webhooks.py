"""Webhook subscriptions, and the webhooks that are still to be delivered.

A body shows the value at the moment when it is put together (`body_delay_seconds` seconds after
the change); a retry carries the original body.
"""

import base64
import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from random import Random
from urllib.parse import urlsplit
from uuid import UUID

from sandbox.faults import ShopFaults
from sandbox.webhook_bodies import render, text

RETRY_DELAYS_SECONDS = (60, 120, 300, 600, 1200, 2400, 3600, 6000)  # eight within four hours
MAX_FAILED_DELIVERIES = 8  # in a row, and a subscription is gone
TOPIC_SCOPES = {
    "inventory_levels": ("read_inventory",),
    "inventory_items": ("read_inventory", "read_products"),
    "products": ("read_products",),
    "locations": ("read_locations",),
    "orders": ("read_orders",),
    "refunds": ("read_orders",),
}


@cache
def topic_of(name: str) -> str:
    """Turn INVENTORY_LEVELS_UPDATE into inventory_levels/update."""
    for head in ("app", "bulk_operations", "inventory_items", "inventory_levels", "locations"):
        if name.lower().startswith(head + "_"):
            return f"{head}/{name.lower()[len(head) + 1 :]}"
    return name.lower().replace("_", "/", 1)


def address_error(uri: str, *, allow_http: bool) -> str | None:
    """Return what Shopify would say against an address."""
    if not uri.strip():
        return "Address can't be blank"
    parts = urlsplit(uri)
    host = parts.hostname or ""
    if allow_http and parts.scheme == "http" and host in {"127.0.0.1", "localhost"}:
        return None
    if parts.scheme != "https":
        return f"Address protocol {parts.scheme}:// is not supported"
    if not host or _is_internal(host):
        return "Address cannot be a Shopify or an internal domain"
    return None


def _is_internal(host: str) -> bool:
    if host == "localhost" or host.endswith((".local", ".internal", "shopify.com")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


@dataclass(slots=True, kw_only=True)
class ShopSubscription:
    """One webhook subscription: a topic and an address."""

    id: int
    topic: str  # INVENTORY_LEVELS_UPDATE
    uri: str
    format: str = "JSON"
    filter: str | None = None
    include_fields: list[str] = field(default_factory=list)
    name: str | None = None
    created_at: datetime
    updated_at: datetime
    failures: int = 0  # in a row


@dataclass(slots=True, kw_only=True, eq=False)
class ShopWebhook:
    """One webhook on its way to one address."""

    due_at: datetime
    url: str
    headers: dict[str, str]
    body: bytes
    topic: str
    subscription: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class _PendingWebhook:
    ready_at: datetime
    happened_at: datetime
    event: str
    topic: str
    subject: object
    subscription: ShopSubscription


class WebhookOutbox:
    """The subscriptions of one app in one shop, and its outbox."""

    def __init__(
        self,
        *,
        domain: str,
        now: Callable[[], datetime],
        rng: Random,
        faults: ShopFaults,
        secret: str = "",
        zone: tzinfo = UTC,
    ) -> None:
        self.subscriptions: dict[int, ShopSubscription] = {}
        self.outbox: list[ShopWebhook] = []
        self.body_delay_seconds = 0.0  # seconds
        self.zone = zone
        self.secret = secret
        self.version = "2026-10"
        self.event = ""
        self._domain, self._now, self._rng, self._faults = domain, now, rng, faults
        self._drafts: list[_PendingWebhook] = []

    def begin(self) -> None:
        """Give what happens next an event id of its own."""
        if self.subscriptions:
            self._build_bodies()
            self.event = self._uuid()

    def emit(self, topic: str, subject: object) -> None:
        """Queue a webhook for every subscription to a topic."""
        for each in self.subscriptions.values():
            if topic_of(each.topic) == topic:
                at = self._now()
                ready = at + timedelta(seconds=self.body_delay_seconds)
                draft = _PendingWebhook(ready, at, self.event or self._uuid(), topic, subject, each)
                self._drafts.append(draft)
        if self._drafts and not self.body_delay_seconds:
            self._build_bodies()

    def due(self, now: datetime) -> list[ShopWebhook]:
        """Take out what is to be delivered by now, in the order of its time."""
        self._build_bodies()
        ready = [each for each in self.outbox if each.due_at <= now]
        if ready:
            self.outbox = [each for each in self.outbox if each.due_at > now]
            ready.sort(key=lambda each: each.due_at)
        return ready

    def delivered(self, message: ShopWebhook, *, ok: bool) -> None:
        """Note how a delivery went: retry it, and drop a subscription that fails too often."""
        subscription = self.subscriptions.get(message.subscription)
        if ok:
            if subscription:
                subscription.failures = 0
            return
        if subscription:
            subscription.failures += 1
            if subscription.failures >= MAX_FAILED_DELIVERIES:
                del self.subscriptions[subscription.id]
                return
        if message.attempt < len(RETRY_DELAYS_SECONDS):
            message.due_at = self._now() + timedelta(seconds=RETRY_DELAYS_SECONDS[message.attempt])
            message.attempt += 1
            self.outbox.append(message)

    def _build_bodies(self) -> None:
        now = self._now()
        while self._drafts and self._drafts[0].ready_at <= now:
            self._write(self._drafts.pop(0))

    def _write(self, draft: _PendingWebhook) -> None:
        body = render(draft.topic, draft.subject, self.zone)
        wanted = draft.subscription.include_fields
        if wanted:
            body = {key: value for key, value in body.items() if key in wanted}
        raw = text(body)
        if wanted and self._is_queued(draft.subscription.id, raw):
            return  # equal filtered bodies are merged
        headers = self._headers(draft, raw)
        for seconds in self._faults.delivery_delays(self._rng):
            self.outbox.append(
                ShopWebhook(
                    due_at=draft.ready_at + timedelta(seconds=seconds),
                    url=draft.subscription.uri,
                    headers=dict(headers),
                    body=raw,
                    topic=draft.topic,
                    subscription=draft.subscription.id,
                )
            )

    def _is_queued(self, subscription: int, raw: bytes) -> bool:
        return any(m.subscription == subscription and m.body == raw for m in self.outbox)

    def _headers(self, draft: _PendingWebhook, raw: bytes) -> dict[str, str]:
        nanoseconds = f"{draft.happened_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"
        headers = {
            "Content-Type": "application/json",
            "X-Shopify-Topic": draft.topic,
            "X-Shopify-Shop-Domain": self._domain,
            "X-Shopify-Hmac-Sha256": sign(self.secret, raw),
            "X-Shopify-API-Version": self.version,
            "X-Shopify-Webhook-Id": self._uuid(),
            "X-Shopify-Event-Id": draft.event,
            "X-Shopify-Triggered-At": nanoseconds,
        }
        if draft.subscription.name:
            headers["X-Shopify-Name"] = draft.subscription.name
        return headers

    def _uuid(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))


def sign(secret: str, raw: bytes) -> str:
    """Return the signature of a body."""
    return base64.b64encode(hmac.digest(secret.encode(), raw, hashlib.sha256)).decode()
