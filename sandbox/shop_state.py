"""The state of one shop: stock, orders, tokens, webhooks, keys, exports and faults.

There is no HTTP and no GraphQL here.
"""

import json
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from zoneinfo import ZoneInfo

from sandbox.access import DEFAULT_SCOPES, Access
from sandbox.exchanges import MAX_KEPT_EXCHANGES, Exchange
from sandbox.faults import ShopFaults
from sandbox.idempotency import IdempotencyKeys
from sandbox.models import ShopLevel, whole_seconds
from sandbox.orders import ShopOrders
from sandbox.rate_limit import LeakyBucket
from sandbox.webhooks import ShopWebhook, WebhookOutbox


@dataclass(slots=True, kw_only=True, eq=False)
class ShopBulkOperation:
    """A bulk operation."""

    id: int
    query: str
    created_at: datetime
    status: str = "CREATED"
    completed_at: datetime | None = None
    error_code: str | None = None
    object_count: int = 0
    root_object_count: int = 0
    signature: str = ""
    file: bytes = b""
    type: str = "QUERY"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentGroup:
    """An inventory adjustment group: what one mutation changed."""

    id: int
    created_at: datetime
    reason: str
    reference_document_uri: str | None
    changes: tuple["AdjustmentChange", ...]


@dataclass(frozen=True, slots=True)
class AdjustmentChange:
    """One row of a group; with each row of available comes one of on_hand."""

    name: str
    delta: int
    level: ShopLevel
    quantity_after_change: int | None = None  # null in every capture of the real thing


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopMetafield:
    """One value that an app keeps in a shop."""

    id: int
    namespace: str
    key: str
    type: str
    value: str
    created_at: datetime
    updated_at: datetime

    @property
    def compare_digest(self) -> str:
        """A summary of the value: equal values have equal digests."""
        return sha256(f"{self.type}\n{self.value}".encode()).hexdigest()

    @property
    def size_in_bytes(self) -> int:
        """How long the value is."""
        return len(self.value.encode())


@dataclass(slots=True)
class RequestCounts:
    """How many requests have come in, for tests and the demo."""

    requests: int = 0
    mutations: int = 0
    metafield_writes: int = 0  # of the mutations: those that set a metafield
    throttled: int = 0
    by_field: dict[str, int] = field(default_factory=dict)


class ShopState(ShopOrders):
    """Everything a shop has, except for its HTTP API."""

    export_seconds: float = 1.0  # that a bulk operation takes, at least
    export_rate: float = math.inf  # products that one exports in a second

    def __init__(  # noqa: PLR0913  each is a fact about the shop
        self,
        domain: str,
        *,
        now: Callable[[], datetime],
        rng: Random,
        name: str | None = None,
        timezone: str = "Europe/Berlin",
        client_id: str = "sandbox-client",
        client_secret: str = "sandbox-secret",  # noqa: S107  opens nothing
        access_token: str | None = "shpat_sandbox",  # noqa: S107  opens nothing
        scopes: Sequence[str] | None = None,
        faults: ShopFaults | None = None,
        files_url: str | None = None,
        allow_http: bool = False,
        id_offset: int = 0,
        shop_id: int = 1,
    ) -> None:
        super().__init__(now=now, id_offset=id_offset)
        self.domain, self.name, self.timezone = domain, name or domain.partition(".")[0], timezone
        self.rng, self.id = rng, shop_id
        self.orders = {}
        self.faults = faults or ShopFaults()
        self.access = Access(
            now=now,
            rng=rng,
            client_id=client_id,
            client_secret=client_secret,
            permanent_token=access_token,
            scopes=list(DEFAULT_SCOPES if scopes is None else scopes),
        )
        self.webhooks = self._build_outbox(client_secret)
        self.keys, self.bucket = IdempotencyKeys(now), LeakyBucket(now)
        self.exports: dict[int, ShopBulkOperation] = {}
        self.run_bulk_operation: Callable[[ShopBulkOperation], None] = lambda _export: None
        self.files_url = files_url or f"https://files.{domain}"
        self.allow_http = allow_http
        self.counts = RequestCounts()
        self.exchanges: deque[Exchange] = deque(maxlen=MAX_KEPT_EXCHANGES)
        self.metafields: dict[tuple[str, str], ShopMetafield] = {}  # of the app's installation

    def _build_outbox(self, secret: str) -> WebhookOutbox:
        """Return what sends the webhooks: signed with a secret, in the shop's time zone."""
        return WebhookOutbox(
            domain=self.domain,
            now=self.now,
            rng=self.rng,
            faults=self.faults,
            secret=secret,
            zone=UTC if self.timezone == "UTC" else ZoneInfo(self.timezone),
        )

    # What the inventory calls

    def begin(self) -> None:
        """Give what happens next one event id."""
        self.webhooks.begin()

    def emit(self, topic: str, subject: object) -> None:
        """Send a webhook to the subscribers of a topic."""
        self.webhooks.emit(topic, subject)

    # Webhooks

    @property
    def outbox(self) -> list[ShopWebhook]:
        """The messages that are on their way."""
        return self.webhooks.outbox

    def due(self, now: datetime | None = None) -> list[ShopWebhook]:
        """Take out the messages that are to be delivered by now."""
        self.advance()
        return self.webhooks.due(now or self.now())

    def delivered(self, message: ShopWebhook, ok: bool) -> None:  # noqa: FBT001  reads as a sentence
        """Note how a delivery went."""
        self.exchanges.append(
            Exchange(
                at=self.now(),
                kind="webhook",
                url=message.url,
                headers=message.headers,
                body=message.body,
                ok=ok,
            )
        )
        self.webhooks.delivered(message, ok=ok)

    def drop_subscriptions(self) -> None:
        """Forget all subscriptions, as Shopify does after failures, silently."""
        self.webhooks.subscriptions.clear()

    def rotate_secret(self, secret: str, *, sign_with_it: bool = True) -> None:
        """Give the app a new client secret; the old one may sign on for up to an hour."""
        self.access.client_secret = secret
        if sign_with_it:
            self.webhooks.secret = secret

    # Access

    def revoke_token(self) -> None:
        """Revoke every token."""
        self.access.revoke()

    def uninstall(self) -> None:
        """Uninstall the app: tokens are revoked, one last webhook leaves, subscriptions go."""
        self.begin()
        self.access.revoke()
        self.access.permitted = False
        self.emit("app/uninstalled", self._shop_body())
        self.webhooks.subscriptions.clear()

    def change_scopes(self, scopes: Sequence[str]) -> None:
        """Give the app other scopes."""
        self.begin()
        before, self.access.scopes = self.access.scopes, list(scopes)
        body = {"id": self.id, "previous": before, "current": list(scopes)}
        self.emit("app/scopes_update", body | {"updated_at": whole_seconds(self.now())})

    def _shop_body(self) -> dict[str, object]:
        return {"id": self.id, "name": self.name, "myshopify_domain": self.domain}

    # Exports

    def start_bulk_operation(self, query: str) -> ShopBulkOperation:
        """Begin a bulk operation."""
        export = ShopBulkOperation(
            id=self.next_id("BulkOperation"),
            query=query,
            created_at=self.now(),
            signature=f"{self.rng.getrandbits(128):032x}",
        )
        self.exports[export.id] = export
        return export

    def running(self) -> list[ShopBulkOperation]:
        """Return the exports that are not over."""
        return [e for e in self.exports.values() if e.status in {"CREATED", "RUNNING", "CANCELING"}]

    def advance(self) -> None:
        """Let the exports go on to where they are now."""
        now = self.now()
        for export in self.running():
            if export.status == "CANCELING":
                self._finish(export, "CANCELED")
            elif now - export.created_at >= timedelta(seconds=self._export_takes()):
                export.error_code = self.faults.bulk_fails
                self.run_bulk_operation(export)
                self._finish(export, "FAILED" if export.error_code else "COMPLETED")
            elif now > export.created_at:
                export.status = "RUNNING"
                share = (now - export.created_at).total_seconds() / self._export_takes()
                export.root_object_count = int(share * len(self.products))

    def _export_takes(self) -> float:
        """Return the seconds that an export takes."""
        return max(self.export_seconds, len(self.products) / self.export_rate)

    def _finish(self, export: ShopBulkOperation, status: str) -> None:
        export.status, export.completed_at = status, self.now()
        self.begin()
        body = {
            "admin_graphql_api_id": f"gid://shopify/BulkOperation/{export.id}",
            "status": status.lower(),
            "error_code": export.error_code and export.error_code.lower(),
            "type": "query",
            "created_at": whole_seconds(export.created_at),
            "completed_at": whole_seconds(export.completed_at),
        }
        self.emit("bulk_operations/finish", body)

    def stock_json(self) -> str:
        """Return every level's available as JSON, for comparing shops as a whole."""
        rows = {f"{x.item.id}@{x.location.id}": x.available for x in self.levels()}
        return json.dumps(rows, sort_keys=True)
