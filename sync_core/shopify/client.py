"""One Shopify store, behind the port `Store`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from sync_core.clock import Clock
from sync_core.domain.leases import LeaseMark
from sync_core.domain.values import Alias, ItemId, LevelKey, LocationId, Reading, Variant
from sync_core.errors import NoAnswer, Refused
from sync_core.ports import (
    Budget,
    ExportPage,
    ExportState,
    Page,
    QuantityChange,
    ShopFacts,
    StoredMark,
    Subscription,
)
from sync_core.shopify import documents, nodes
from sync_core.shopify.auth import Auth
from sync_core.shopify.bulk import BulkExports
from sync_core.shopify.documents import MAX_ROWS
from sync_core.shopify.fields import gid
from sync_core.shopify.graphql_client import GraphqlClient, encode_request
from sync_core.shopify.lease import LeaseMetafield
from sync_core.shopify.responses import (
    QueryTooCostly,
    adjusted_at,
    data_of,
    is_confirmed,
    user_error_text,
)
from sync_core.shopify.webhooks import ORDER_FIELDS


class _SentRow(msgspec.Struct):
    delta: int


class _SentRows(msgspec.Struct):
    changes: list[_SentRow]


class _SentInput(msgspec.Struct):
    input: _SentRows


class _SentRequest(msgspec.Struct):
    """Of the bytes that we wrote down: what each row adds."""

    variables: _SentInput


class ShopifyStore:
    """One Shopify store over the Admin API. Safe for many tasks at a time, in one event loop."""

    def __init__(
        self,
        *,
        alias: Alias,
        domain: str,
        api_url: str | None = None,
        auth: Auth,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.alias = alias
        self.domain = domain
        base = (api_url or f"https://{domain}").rstrip("/")
        self._auth = auth
        self._clock = clock
        self._graphql = GraphqlClient(
            alias=alias, base_url=base, auth=auth, clock=clock, transport=transport
        )
        self._exports = BulkExports(
            ask=self._graphql.query,
            page=self._graphql.page,
            # A file comes by TLS, unless the store itself is spoken to without.
            schemes=frozenset({"https", base.partition(":")[0]}),
            transport=transport,
        )
        self._lease_metafield = LeaseMetafield(ask=self._graphql.query_first)

    def budget(self) -> Budget:
        """Return what the store's last answer said of our budget, restored up to now."""
        return self._graphql.budget()

    # -- writing

    def encode_batch(self, *, key: str, reference: str, changes: Sequence[QuantityChange]) -> bytes:
        """Return the bytes that `send` will send, for at most 250 changes. No I/O."""
        if not 0 < len(changes) <= MAX_ROWS:
            raise ValueError(f"a batch has 1 to {MAX_ROWS} rows, not {len(changes)}")
        if not key.strip():
            raise ValueError("an idempotency key must not be blank")
        rows = [
            {
                "inventoryItemId": gid("InventoryItem", each.item),
                "locationId": gid("Location", each.location),
                "delta": each.delta,
                "changeFromQuantity": None,  # present and null: do not compare, add
            }
            for each in changes
        ]
        given = {
            "name": "available",
            "reason": "correction",
            "referenceDocumentUri": reference,
            "changes": rows,
        }
        return encode_request(documents.ADJUST, {"input": given, "key": key})

    async def send(self, body: bytes) -> datetime:
        """Add every delta once, however often the same bytes are sent; return the store's time."""
        written = msgspec.json.decode(body, type=_SentRequest)
        deltas = tuple(each.delta for each in written.variables.input.changes)
        response, given = await self._graphql.ask(documents.ADJUST, body, rows=0, writes=True)
        return adjusted_at(given, deltas, response.date or self._clock.now())

    async def confirm(self, level: LevelKey, quantity: int, *, key: str) -> bool:
        """Return whether a level has that quantity, by its primary; change nothing."""
        row = {
            "inventoryItemId": gid("InventoryItem", level.item),
            "locationId": gid("Location", level.location),
            "quantity": quantity,
            "changeFromQuantity": quantity,  # a compare-and-set: refused where it would change it
        }
        given = {
            "name": "available",
            "reason": "correction",
            "referenceDocumentUri": f"gid://tipo/Question/{key}",
            "quantities": [row],
        }
        data = await self._graphql.query_first(documents.CONFIRM, {"input": given, "key": key})
        return is_confirmed(data.get("inventorySetQuantities"))

    # -- reading

    async def read(self, items: Sequence[ItemId], location: LocationId) -> list[Reading]:
        """Return one reading per item, in order; what is gone or odd has `trouble`."""
        readings: list[Reading] = []
        while (begin := len(readings)) < len(items):
            rows = self._graphql.costs.rows(documents.READ)
            try:
                readings += await self._read(items[begin : begin + rows], location)
            except QueryTooCostly:
                if rows == 1:
                    raise
                self._graphql.costs.reduce_rows(documents.READ, min(rows, len(items) - begin))
        return readings

    async def changed(
        self, location: LocationId, since: datetime, after: str | None
    ) -> Page[Reading]:
        """Return levels that a search says changed since then. May lag; never learn from it.

        `since` is by our clock; the search is by the store's, which may be behind it.

        Raises:
            Refused: The store does not know the location, or does not understand the search.
        """
        given = {
            "location": gid("Location", location),
            "query": documents.changed_since(since - self._graphql.clock_lead),
        }
        found = await self._graphql.page(documents.CHANGED, given, after)
        if found.warnings:
            # It ignored a word of the search: what came back is everything.
            raise Refused(f"the store ignores our search: {found.warnings[0]}")
        node = data_of(found).get("location")
        if not isinstance(node, dict):
            raise Refused(f"the store knows no location {location}")
        levels = nodes.convert(node.get("inventoryLevels"), nodes.LevelNodes)
        rows = [
            nodes.listed_level(self.alias, location, each)
            for each in nodes.require_all(levels.nodes, "which levels changed")
        ]
        return Page(rows=tuple(rows), after=nodes.next_cursor(levels.page_info))

    async def variants(self, after: str | None) -> Page[Variant]:
        """Return a page of the catalogue, by id."""
        data = data_of(await self._graphql.page(documents.VARIANTS, {}, after))
        found = nodes.convert(data.get("productVariants"), nodes.VariantNodes)
        rows = [
            nodes.parse_variant(self.alias, each, each.product)
            for each in nodes.require_all(found.nodes, "which variants there are")
        ]
        return Page(rows=tuple(rows), after=nodes.next_cursor(found.page_info))

    async def product(self, product_id: int) -> list[Variant]:
        """Return all variants of one product; none when it is gone."""
        rows: list[Variant] = []
        given = {"id": gid("Product", product_id)}
        async for data in self._graphql.pages(documents.PRODUCT, given, ("product", "variants")):
            if data.get("product") is None:
                return []
            found = nodes.convert(data["product"], nodes.ProductPage)
            page = nodes.require(found.variants, "the variants of a product")
            rows += [
                nodes.parse_variant(self.alias, each, found)
                for each in nodes.require_all(page.nodes, "the variants of a product")
            ]
        return rows

    async def facts(self) -> ShopFacts:
        """Return what the store says of itself."""
        nodes_found: list[nodes.LocationNode] = []
        shop: Mapping[str, Any] = {}
        scopes: frozenset[str] = frozenset()
        async for data in self._graphql.pages(documents.SETUP, {}, ("locations",)):
            nodes_found += nodes.parse_connection(data.get("locations"), nodes.LocationNode)[0]
            shop = nodes.convert(data.get("shop"), dict[str, str])
            scopes = _scopes(data.get("currentAppInstallation"))
        return ShopFacts(
            shop_id=nodes.require(shop.get("id"), "which shop this is"),
            name=nodes.require(shop.get("name"), "the shop's name"),
            domain=nodes.require(shop.get("myshopifyDomain"), "the shop's domain"),
            locations=tuple(map(nodes.parse_location, nodes_found)),
            scopes=scopes,
            api_version=self._graphql.answered_version,
            time=self._graphql.date,
        )

    # -- exporting

    async def start_export(self, locations: Sequence[LocationId]) -> str:
        """Have the store write down what it sells and has at these locations; return a name."""
        return await self._exports.start(locations)

    async def export_state(self, operation: str) -> ExportState:
        """Return how far an export has come."""
        return await self._exports.state(operation)

    async def download_export(self, state: ExportState, to: Path) -> int:
        """Bring the file of an export that is done to disk, whole or not at all."""
        return await self._exports.fetch(state, to)

    async def export_page(self, locations: Sequence[LocationId], after: str | None) -> ExportPage:
        """Return some lines of the same shape, read in the ordinary way."""
        return await self._exports.page(locations, after)

    def exported(self, line: bytes, locations: Sequence[LocationId]) -> Sequence[Reading]:
        """Return what a line of an export says of its item at these locations."""
        return tuple(nodes.exported_readings(self.alias, line, locations))

    # -- webhooks

    async def subscriptions(self) -> list[Subscription]:
        """Return all webhook subscriptions that are ours."""
        found: list[nodes.SubscriptionNode] = []
        async for data in self._graphql.pages(
            documents.SUBSCRIPTIONS, {}, ("webhookSubscriptions",)
        ):
            found += nodes.parse_connection(
                data.get("webhookSubscriptions"), nodes.SubscriptionNode
            )[0]
        return [
            Subscription(
                id=nodes.require(each.id, "which subscription this is"),
                topic=documents.topic_name(nodes.require(each.topic, "a subscription's topic")),
                uri=nodes.require(each.uri, "a subscription's address"),
                name=each.name or "",
            )
            for each in found
        ]

    async def subscribe(self, topic: str, uri: str, name: str) -> None:
        """Have the store send us a topic. Refused if it will not; quiet when it does already."""
        subscription: dict[str, object] = {"uri": uri, "format": "JSON", "name": name}
        if topic in ORDER_FIELDS:
            subscription["includeFields"] = ORDER_FIELDS[topic]
        given = {"topic": documents.topic_enum(topic), "subscription": subscription}
        data = await self._graphql.query(documents.SUBSCRIBE, given)
        words = user_error_text(data.get("webhookSubscriptionCreate"))
        if words and "already been taken" not in words:
            raise Refused(f"{topic}: {words}")

    async def unsubscribe(self, subscription: str) -> None:
        """Have the store stop sending. Quiet when it is gone already."""
        data = await self._graphql.query(documents.UNSUBSCRIBE, {"id": subscription})
        words = user_error_text(data.get("webhookSubscriptionDelete"))
        if words and "does not exist" not in words:
            raise Refused(words)

    # -- who may write

    async def mark(self) -> StoredMark:
        """Return the mark that the store holds of the Tipo that may write to it."""
        return await self._lease_metafield.read()

    async def write_mark(self, mark: LeaseMark, digest: str | None) -> str:
        """Replace the mark with that digest; return the new digest."""
        return await self._lease_metafield.write(mark, digest)

    async def close(self) -> None:
        """Let go of connections."""
        await self._graphql.close()
        await self._exports.close()
        await self._auth.close()

    async def _read(self, items: Sequence[ItemId], location: LocationId) -> list[Reading]:
        given = {
            "ids": [gid("InventoryItem", each) for each in items],
            "location": gid("Location", location),
        }
        data = data_of(await self._graphql.ask_with_retries(documents.READ, given, rows=len(items)))
        found = nodes.convert(data.get("nodes"), list[nodes.ItemNode | None])
        if len(found) != len(items):
            raise NoAnswer("the answer has not as many items as we asked for")
        return [
            nodes.item_reading(LevelKey(store=self.alias, item=item, location=location), node)
            for item, node in zip(items, found, strict=True)
        ]


def _scopes(installation: object) -> frozenset[str]:
    given = installation.get("accessScopes") if isinstance(installation, dict) else None
    found = nodes.convert(given, list[nodes.ScopeNode])
    return frozenset(nodes.require(each.handle, "a scope") for each in found)
