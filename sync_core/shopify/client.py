"""One Shopify store, behind the port `Store`."""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec

from sync_core.clock import Clock
from sync_core.domain.lease import Mark
from sync_core.domain.values import Alias, ItemId, LocationId, Reading, Spot, Variant
from sync_core.errors import AccessLost, NoAnswer, NotSent, Refused, Throttled, WrongShop
from sync_core.ports import (
    Budget,
    Change,
    ExportPage,
    ExportState,
    HeldMark,
    Page,
    ShopFacts,
    Subscription,
)
from sync_core.shopify import documents, nodes
from sync_core.shopify.answers import (
    Answer,
    Reply,
    TooCostly,
    complaints,
    data_of,
    reply,
    written_at,
)
from sync_core.shopify.auth import Auth
from sync_core.shopify.bulk import Exports
from sync_core.shopify.documents import API_VERSION, MOST_ROWS, Document
from sync_core.shopify.fields import gid
from sync_core.shopify.marks import Marks
from sync_core.shopify.throttle import LONGEST, Pace, Prices
from sync_core.shopify.webhooks import FIELDS
from sync_core.shopify.wire import Wire

log = logging.getLogger(__name__)

Variables = Mapping[str, Any]

ATTEMPTS = 5  # at a read that the store throttles
MOST_AHEAD = timedelta(days=31)  # that our clock is believed to be, of a store's
MOST_PAGES = 100  # of one product, of the locations, of the subscriptions
HTTP_UNAUTHORIZED = 401


class _Row(msgspec.Struct):
    delta: int


class _Rows(msgspec.Struct):
    changes: list[_Row]


class _Input(msgspec.Struct):
    input: _Rows


class _Written(msgspec.Struct):
    """Of the bytes that we wrote down: what each row adds."""

    variables: _Input


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
        self.answered_version = ""  # which version of the API spoke last
        base = (api_url or f"https://{domain}").rstrip("/")
        self._url = f"{base}/admin/api/{API_VERSION}/graphql.json"
        self._auth = auth
        self._clock = clock
        self._wire = Wire(transport)
        self._exports = Exports(
            ask=self._data,
            page=self._page,
            # A file comes by TLS, unless the store itself is spoken to without.
            schemes=frozenset({"https", base.partition(":")[0]}),
            transport=transport,
        )
        self._marks = Marks(ask=self._data_at_once)
        self._pace = Pace(clock)
        self._prices = Prices()
        self._warned = False
        self._date: datetime | None = None  # of the last answer
        self._ahead = timedelta(0)  # of the store's clock, was ours then; not less than nothing

    def budget(self) -> Budget:
        """Return what the store's last answer said of our budget, restored up to now."""
        return self._pace.budget()

    # -- writing

    def write_down(self, *, key: str, reference: str, changes: Sequence[Change]) -> bytes:
        """Return the bytes that `send` will send, for at most 250 changes. No I/O."""
        if not 0 < len(changes) <= MOST_ROWS:
            raise ValueError(f"a batch has 1 to {MOST_ROWS} rows, not {len(changes)}")
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
        return _request(documents.ADJUST, {"input": given, "key": key})

    async def send(self, body: bytes) -> datetime:
        """Add every delta once, however often the same bytes are sent; return the store's time."""
        written = msgspec.json.decode(body, type=_Written)
        deltas = tuple(each.delta for each in written.variables.input.changes)
        answer, given = await self._ask(documents.ADJUST, body, rows=0, writes=True)
        return written_at(given, deltas, answer.date or self._clock.now())

    # -- reading

    async def read(self, items: Sequence[ItemId], location: LocationId) -> list[Reading]:
        """Return one reading per item, in order; what is gone or odd has `trouble`."""
        readings: list[Reading] = []
        while (begin := len(readings)) < len(items):
            rows = self._prices.rows(documents.READ)
            try:
                readings += await self._read(items[begin : begin + rows], location)
            except TooCostly:
                if rows == 1:
                    raise
                self._prices.too_many(documents.READ, min(rows, len(items) - begin))
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
            "query": documents.changed_since(since - self._ahead),
        }
        found = await self._page(documents.CHANGED, given, after)
        if found.warnings:
            # It ignored a word of the search: what came back is everything.
            raise Refused(f"the store ignores our search: {found.warnings[0]}")
        place = data_of(found).get("location")
        if not isinstance(place, dict):
            raise Refused(f"the store knows no location {location}")
        levels = nodes.shaped(place.get("inventoryLevels"), nodes.LevelNodes)
        rows = [
            nodes.listed_level(self.alias, location, each)
            for each in nodes.whole(levels.nodes, "which levels changed")
        ]
        return Page(rows=tuple(rows), after=nodes.cursor(levels.page_info))

    async def variants(self, after: str | None) -> Page[Variant]:
        """Return a page of the catalogue, by id."""
        data = data_of(await self._page(documents.VARIANTS, {}, after))
        found = nodes.shaped(data.get("productVariants"), nodes.VariantNodes)
        rows = [
            nodes.variant(self.alias, each, each.product)
            for each in nodes.whole(found.nodes, "which variants there are")
        ]
        return Page(rows=tuple(rows), after=nodes.cursor(found.page_info))

    async def product(self, product_id: int) -> list[Variant]:
        """Return all variants of one product; none when it is gone."""
        rows: list[Variant] = []
        given = {"id": gid("Product", product_id)}
        async for data in self._pages(documents.PRODUCT, given, ("product", "variants")):
            if data.get("product") is None:
                return []
            found = nodes.shaped(data["product"], nodes.ProductPage)
            page = nodes.known(found.variants, "the variants of a product")
            rows += [
                nodes.variant(self.alias, each, found)
                for each in nodes.whole(page.nodes, "the variants of a product")
            ]
        return rows

    async def facts(self) -> ShopFacts:
        """Return what the store says of itself."""
        places: list[nodes.LocationNode] = []
        shop: Mapping[str, Any] = {}
        scopes: frozenset[str] = frozenset()
        async for data in self._pages(documents.SETUP, {}, ("locations",)):
            places += nodes.nodes_of(data.get("locations"), nodes.LocationNode)[0]
            shop = nodes.shaped(data.get("shop"), dict[str, str])
            scopes = _scopes(data.get("currentAppInstallation"))
        return ShopFacts(
            shop_id=nodes.known(shop.get("id"), "which shop this is"),
            name=nodes.known(shop.get("name"), "the shop's name"),
            domain=nodes.known(shop.get("myshopifyDomain"), "the shop's domain"),
            locations=tuple(map(nodes.location, places)),
            scopes=scopes,
            api_version=self.answered_version,
            time=self._date,
        )

    # -- exporting

    async def export_start(self, locations: Sequence[LocationId]) -> str:
        """Have the store write down what it sells and has at these locations; return a name."""
        return await self._exports.start(locations)

    async def export_state(self, operation: str) -> ExportState:
        """Return how far an export has come."""
        return await self._exports.state(operation)

    async def export_fetch(self, state: ExportState, to: Path) -> int:
        """Bring the file of an export that is done to disk, whole or not at all."""
        return await self._exports.fetch(state, to)

    async def export_page(self, locations: Sequence[LocationId], after: str | None) -> ExportPage:
        """Return some lines of the same shape, read in the ordinary way."""
        return await self._exports.page(locations, after)

    # -- webhooks

    async def subscriptions(self) -> list[Subscription]:
        """Return all webhook subscriptions that are ours."""
        found: list[nodes.SubscriptionNode] = []
        async for data in self._pages(documents.SUBSCRIPTIONS, {}, ("webhookSubscriptions",)):
            found += nodes.nodes_of(data.get("webhookSubscriptions"), nodes.SubscriptionNode)[0]
        return [
            Subscription(
                id=nodes.known(each.id, "which subscription this is"),
                topic=documents.topic_name(nodes.known(each.topic, "a subscription's topic")),
                uri=nodes.known(each.uri, "a subscription's address"),
                name=each.name or "",
            )
            for each in found
        ]

    async def subscribe(self, topic: str, uri: str, name: str) -> None:
        """Have the store send us a topic. Refused if it will not; quiet when it does already."""
        subscription: dict[str, object] = {"uri": uri, "format": "JSON", "name": name}
        if topic in FIELDS:
            subscription["includeFields"] = FIELDS[topic]
        given = {"topic": documents.topic_enum(topic), "subscription": subscription}
        data = await self._data(documents.SUBSCRIBE, given)
        words = complaints(data.get("webhookSubscriptionCreate"))
        if words and "already been taken" not in words:
            raise Refused(f"{topic}: {words}")

    async def unsubscribe(self, subscription: str) -> None:
        """Have the store stop sending. Quiet when it is gone already."""
        data = await self._data(documents.UNSUBSCRIBE, {"id": subscription})
        words = complaints(data.get("webhookSubscriptionDelete"))
        if words and "does not exist" not in words:
            raise Refused(words)

    # -- who may write

    async def mark(self) -> HeldMark:
        """Return the mark that the store holds of whoever may write to it."""
        return await self._marks.read()

    async def set_mark(self, mark: Mark, digest: str | None) -> str:
        """Replace the mark with that digest; return the new digest."""
        return await self._marks.write(mark, digest)

    async def close(self) -> None:
        """Let go of connections."""
        await self._wire.close()
        await self._exports.close()
        await self._auth.close()

    # -- how to ask

    async def _read(self, items: Sequence[ItemId], location: LocationId) -> list[Reading]:
        given = {
            "ids": [gid("InventoryItem", each) for each in items],
            "location": gid("Location", location),
        }
        data = data_of(await self._patiently(documents.READ, given, rows=len(items)))
        found = nodes.shaped(data.get("nodes"), list[nodes.ItemNode | None])
        if len(found) != len(items):
            raise NoAnswer("the answer has not as many items as we asked for")
        return [
            nodes.item_reading(Spot(store=self.alias, item=item, location=location), node)
            for item, node in zip(items, found, strict=True)
        ]

    async def _data(self, document: Document, variables: Variables) -> Mapping[str, Any]:
        return data_of(await self._patiently(document, variables, rows=0))

    async def _data_at_once(self, document: Document, variables: Variables) -> Mapping[str, Any]:
        """Ask before all that only reads: whether we may write must not wait for an export."""
        body = _request(document, variables)
        return data_of((await self._ask(document, body, rows=0, writes=True))[1])

    async def _pages(
        self, document: Document, variables: Variables, path: tuple[str, ...]
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Yield the data of each page of the connection at a path; a null ends it."""
        after: str | None = None
        for _ in range(MOST_PAGES):
            data = data_of(await self._page(document, variables, after))
            yield data
            place: Any = data
            for step in path:
                place = place.get(step) if isinstance(place, dict) else None
            if not isinstance(place, dict):
                return
            after = nodes.cursor(nodes.shaped(place.get("pageInfo"), nodes.PageInfo))
            if after is None:
                return
        raise NoAnswer(f"there are more than {MOST_PAGES} pages")

    async def _page(self, document: Document, variables: Variables, after: str | None) -> Reply:
        """Return one page, smaller if the store finds it too costly. Errors are still inside."""
        while True:
            rows = self._prices.rows(document)
            given = await self._patiently(
                document, {**variables, "first": rows, "after": after}, rows=rows
            )
            try:
                data_of(given)
            except TooCostly:
                if rows == 1:
                    raise
                self._prices.too_many(document, rows)
            else:
                return given

    async def _patiently(self, document: Document, variables: Variables, *, rows: int) -> Reply:
        """Ask; where the store throttles us, wait and ask again, a few times."""
        body = _request(document, variables)
        for _ in range(ATTEMPTS - 1):
            try:
                return (await self._ask(document, body, rows=rows, writes=False))[1]
            except Throttled as exc:
                if exc.wait > LONGEST:
                    raise
                # The pace is closed for that long: the next request waits there.
                log.info(
                    "Throttled; asking again in %.1f s.",
                    exc.wait,
                    extra={"act": "throttled", "store": self.alias},
                )
        return (await self._ask(document, body, rows=rows, writes=False))[1]

    async def _ask(
        self, document: Document, body: bytes, *, rows: int, writes: bool
    ) -> tuple[Answer, Reply]:
        """Send once, when there is room for it; learn from the answer what it cost."""
        cost = self._prices.of(document, rows)
        await (self._pace.room(cost) if writes else self._pace.room_to_read(cost))
        told: Budget | None = None
        spent = True
        try:
            answer = await self._post(body)
            given = reply(answer)
            told = given.budget
            self._prices.learn(document, rows, given.asked)
            if given.throttled:
                data_of(given)
        except (NotSent, AccessLost, WrongShop) as exc:
            spent = False
            if isinstance(exc, Throttled):
                self._pace.close(exc.wait)
            raise
        finally:
            self._pace.over(cost, told, spent=spent)
        return answer, given

    async def _post(self, body: bytes) -> Answer:
        """Send once; where the token is refused, once more with a new one."""
        token = await self._auth.token()
        answer = await self._post_with(token, body)
        if answer.status == HTTP_UNAUTHORIZED:
            # Refused at the door: nothing has happened, whatever the bytes say.
            answer = await self._post_with(await self._auth.renew(token), body)
            if answer.status == HTTP_UNAUTHORIZED:
                raise AccessLost("the store does not accept our token, nor a new one (401)")
        self._date = answer.date
        if answer.date is not None:
            self._ahead = max(timedelta(0), min(MOST_AHEAD, self._clock.now() - answer.date))
        self._note_version(answer)
        return answer

    async def _post_with(self, token: str, body: bytes) -> Answer:
        headers = {"Content-Type": "application/json", "X-Shopify-Access-Token": token}
        return await self._wire.post(self._url, body, headers)

    def _note_version(self, answer: Answer) -> None:
        # A version that has expired is not refused: a newer one answers in its place.
        version = answer.headers.get("x-shopify-api-version", "")
        self.answered_version = version or self.answered_version
        if version not in {"", API_VERSION} and not self._warned:
            self._warned = True
            log.warning(
                "The store answers with version %.32r of the API, not %s.",
                version,
                API_VERSION,
                extra={"act": "version_differs", "store": self.alias},
            )


def _request(document: Document, variables: Variables) -> bytes:
    return msgspec.json.encode({"query": document.text, "variables": variables})


def _scopes(installation: object) -> frozenset[str]:
    given = installation.get("accessScopes") if isinstance(installation, dict) else None
    found = nodes.shaped(given, list[nodes.ScopeNode])
    return frozenset(nodes.known(each.handle, "a scope") for each in found)
