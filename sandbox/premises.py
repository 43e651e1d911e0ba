"""A shop's premises: the stock and its customers, with the door's fittings beside them.

Here are tokens, webhooks, keys, bucket, exports and faults, but no HTTP and no GraphQL.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from zoneinfo import ZoneInfo

from sandbox.access import Access
from sandbox.bucket import Bucket
from sandbox.counter import Counter
from sandbox.faults import Faults
from sandbox.goods import Level, whole
from sandbox.idempotency import Keys
from sandbox.post import Message, Post


@dataclass(slots=True, kw_only=True, eq=False)
class Export:
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
class Group:
    """An inventory adjustment group: what one mutation changed."""

    id: int
    created_at: datetime
    reason: str
    reference_document_uri: str | None
    changes: tuple["Change", ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One row of a group; with each row of available comes one of on_hand."""

    name: str
    delta: int
    level: Level
    quantity_after_change: int | None = None  # null in every capture of the real thing


@dataclass(frozen=True, slots=True, kw_only=True)
class Metafield:
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
class Counts:
    """What has come through the door, for tests and the demo."""

    requests: int = 0
    mutations: int = 0
    marks: int = 0  # of the mutations: those that set a metafield
    throttled: int = 0
    by_field: dict[str, int] = field(default_factory=dict)


class Premises(Counter):
    """Everything a shop has, except for the door."""

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
        faults: Faults | None = None,
        files_url: str | None = None,
        allow_http: bool = False,
        id_offset: int = 0,
        shop_id: int = 1,
    ) -> None:
        super().__init__(now=now, id_offset=id_offset)
        self.domain, self.name, self.timezone = domain, name or domain.partition(".")[0], timezone
        self.rng, self.id = rng, shop_id
        self.orders = {}
        self.faults = faults or Faults()
        self.access = Access(
            now=now,
            rng=rng,
            client_id=client_id,
            client_secret=client_secret,
            permanent_token=access_token,
        )
        if scopes is not None:
            self.access.scopes = list(scopes)
        self.post = Post(domain=domain, now=now, rng=rng, faults=self.faults)
        self.post.zone = UTC if timezone == "UTC" else ZoneInfo(timezone)
        self.post.secret = client_secret
        self.keys = Keys(now)
        self.bucket = Bucket(now)
        self.exports: dict[int, Export] = {}
        self.export_takes = 1.0  # seconds
        self.run_export: Callable[[Export], None] = lambda _export: None
        self.files_url = files_url or f"https://files.{domain}"
        self.allow_http = allow_http
        self.counts = Counts()
        self.metafields: dict[tuple[str, str], Metafield] = {}  # of the app's installation

    # The hooks of the stockroom

    def begin(self) -> None:
        """Begin an act."""
        self.post.begin()

    def emit(self, topic: str, subject: object) -> None:
        """Tell the subscribers."""
        self.post.emit(topic, subject)

    # Webhooks

    @property
    def outbox(self) -> list[Message]:
        """The messages that are on their way."""
        return self.post.outbox

    def due(self, now: datetime | None = None) -> list[Message]:
        """Take out the messages that are to be delivered by now."""
        self.advance()
        return self.post.due(now or self.now())

    def delivered(self, message: Message, ok: bool) -> None:  # noqa: FBT001  reads as a sentence
        """Note how a delivery went."""
        self.post.delivered(message, ok=ok)

    def drop_subscriptions(self) -> None:
        """Forget all subscriptions, as Shopify does after failures, silently."""
        self.post.subscriptions.clear()

    def rotate_secret(self, secret: str, *, sign_with_it: bool = True) -> None:
        """Give the app a new client secret; the old one may sign on for up to an hour."""
        self.access.client_secret = secret
        if sign_with_it:
            self.post.secret = secret

    # Access

    def revoke_token(self) -> None:
        """Let no token in any more."""
        self.access.revoke()

    def uninstall(self) -> None:
        """Throw the app out: tokens die, one last webhook leaves, subscriptions go."""
        self.begin()
        self.access.revoke()
        self.access.permitted = False
        self.emit("app/uninstalled", self._card())
        self.post.subscriptions.clear()

    def change_scopes(self, scopes: Sequence[str]) -> None:
        """Give the app other scopes."""
        self.begin()
        before, self.access.scopes = self.access.scopes, list(scopes)
        body = {"id": self.id, "previous": before, "current": list(scopes)}
        self.emit("app/scopes_update", body | {"updated_at": whole(self.now())})

    def _card(self) -> dict[str, object]:
        return {"id": self.id, "name": self.name, "myshopify_domain": self.domain}

    # Exports

    def start_export(self, query: str) -> Export:
        """Begin a bulk operation."""
        export = Export(
            id=self.next_id("BulkOperation"),
            query=query,
            created_at=self.now(),
            signature=f"{self.rng.getrandbits(128):032x}",
        )
        self.exports[export.id] = export
        return export

    def running(self) -> list[Export]:
        """Return the exports that are not over."""
        return [e for e in self.exports.values() if e.status in {"CREATED", "RUNNING", "CANCELING"}]

    def advance(self) -> None:
        """Let the exports go on to where they are now."""
        now = self.now()
        for export in self.running():
            if export.status == "CANCELING":
                self._finish(export, "CANCELED")
            elif now - export.created_at >= timedelta(seconds=self.export_takes):
                export.error_code = self.faults.bulk_fails
                self.run_export(export)
                self._finish(export, "FAILED" if export.error_code else "COMPLETED")
            elif now > export.created_at:
                export.status = "RUNNING"

    def _finish(self, export: Export, status: str) -> None:
        export.status, export.completed_at = status, self.now()
        self.begin()
        body = {
            "admin_graphql_api_id": f"gid://shopify/BulkOperation/{export.id}",
            "status": status.lower(),
            "error_code": export.error_code and export.error_code.lower(),
            "type": "query",
            "created_at": whole(export.created_at),
            "completed_at": whole(export.completed_at),
        }
        self.emit("bulk_operations/finish", body)

    def truth(self) -> str:
        """Return every level's available as JSON, for comparing shops as a whole."""
        rows = {f"{x.item.id}@{x.location.id}": x.available for x in self.levels()}
        return json.dumps(rows, sort_keys=True)
