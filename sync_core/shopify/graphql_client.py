"""Ask a store's GraphQL API: in its own time, page by page, again where it throttles us.

What is asked, and what an answer means, is in client.py.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

from sync_core.clock import Clock
from sync_core.domain.values import Alias
from sync_core.errors import AccessLost, NoAnswer, NotSent, Throttled, WrongShop
from sync_core.ports import Budget
from sync_core.shopify import nodes
from sync_core.shopify.auth import Auth
from sync_core.shopify.documents import API_VERSION, Document
from sync_core.shopify.http_client import HttpClient
from sync_core.shopify.responses import (
    GraphqlResponse,
    HttpResponse,
    QueryTooCostly,
    data_of,
    parse_response,
)
from sync_core.shopify.throttle import MAX_THROTTLE_WAIT_SECONDS, QueryCosts, Throttle

log = logging.getLogger(__name__)

Variables = Mapping[str, Any]

MAX_READ_ATTEMPTS = 5  # at a read that the store throttles
MAX_CLOCK_LEAD = timedelta(days=31)  # that our clock is believed to be, of a store's
MAX_PAGES = 100  # of one product, of the locations, of the subscriptions
HTTP_UNAUTHORIZED = 401


class GraphqlClient:
    """The Admin API of one store: with our token, within its budget."""

    def __init__(
        self,
        *,
        alias: Alias,
        base_url: str,
        auth: Auth,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.costs = QueryCosts()
        self.answered_version = ""  # which version of the API spoke last
        self.date: datetime | None = None  # of the last answer
        self.clock_lead = timedelta(0)  # how far our clock was ahead of the store's; never below 0
        self._alias = alias
        self._url = f"{base_url}/admin/api/{API_VERSION}/graphql.json"
        self._auth = auth
        self._clock = clock
        self._http = HttpClient(transport)
        self._throttle = Throttle(clock)
        self._warned = False

    def budget(self) -> Budget:
        """Return what the store's last answer said of our budget, restored up to now."""
        return self._throttle.budget()

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def query(self, document: Document, variables: Variables) -> Mapping[str, Any]:
        """Ask, and return the data of the answer."""
        return data_of(await self.ask_with_retries(document, variables, rows=0))

    async def query_first(self, document: Document, variables: Variables) -> Mapping[str, Any]:
        """Ask before all that only reads: whether we may write must not wait for an export."""
        body = encode_request(document, variables)
        return data_of((await self.ask(document, body, rows=0, writes=True))[1])

    async def pages(
        self, document: Document, variables: Variables, path: tuple[str, ...]
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Yield the data of each page of the connection at a path; a null ends it."""
        after: str | None = None
        for _ in range(MAX_PAGES):
            data = data_of(await self.page(document, variables, after))
            yield data
            node: Any = data
            for step in path:
                node = node.get(step) if isinstance(node, dict) else None
            if not isinstance(node, dict):
                return
            after = nodes.next_cursor(nodes.convert(node.get("pageInfo"), nodes.PageInfo))
            if after is None:
                return
        raise NoAnswer(f"there are more than {MAX_PAGES} pages")

    async def page(
        self, document: Document, variables: Variables, after: str | None
    ) -> GraphqlResponse:
        """Return one page, smaller if the store finds it too costly. Errors are still inside."""
        while True:
            rows = self.costs.rows(document)
            given = await self.ask_with_retries(
                document, {**variables, "first": rows, "after": after}, rows=rows
            )
            try:
                data_of(given)
            except QueryTooCostly:
                if rows == 1:
                    raise
                self.costs.reduce_rows(document, rows)
            else:
                return given

    async def ask_with_retries(
        self, document: Document, variables: Variables, *, rows: int
    ) -> GraphqlResponse:
        """Ask; where the store throttles us, wait and ask again, a few times."""
        body = encode_request(document, variables)
        for _ in range(MAX_READ_ATTEMPTS - 1):
            try:
                return (await self.ask(document, body, rows=rows, writes=False))[1]
            except Throttled as exc:
                if exc.wait > MAX_THROTTLE_WAIT_SECONDS:
                    raise
                # The pace is closed for that long: the next request waits there.
                log.info(
                    "Throttled; asking again in %.1f s.",
                    exc.wait,
                    extra={"event": "throttled", "store": self._alias},
                )
        return (await self.ask(document, body, rows=rows, writes=False))[1]

    async def ask(
        self, document: Document, body: bytes, *, rows: int, writes: bool
    ) -> tuple[HttpResponse, GraphqlResponse]:
        """Send once, when there is room for it; learn from the answer what it cost."""
        cost = self.costs.estimate(document, rows)
        await (
            self._throttle.acquire_to_write(cost)
            if writes
            else self._throttle.acquire_to_read(cost)
        )
        reported: Budget | None = None
        spent = True
        try:
            response = await self._post(body)
            given = parse_response(response)
            reported = given.budget
            self.costs.learn(document, rows, given.requested_cost)
            if given.is_throttled:
                data_of(given)
        except (NotSent, AccessLost, WrongShop) as exc:
            spent = False
            if isinstance(exc, Throttled):
                self._throttle.close(exc.wait)
            raise
        finally:
            self._throttle.finish(cost, reported, spent=spent)
        return response, given

    async def _post(self, body: bytes) -> HttpResponse:
        """Send once; where the token is refused, once more with a new one."""
        token = await self._auth.token()
        response = await self._post_with(token, body)
        if response.status == HTTP_UNAUTHORIZED:
            # Refused at the door: nothing has happened, whatever the bytes say.
            response = await self._post_with(await self._auth.renew(token), body)
            if response.status == HTTP_UNAUTHORIZED:
                raise AccessLost("Shopify rejected Tipo's access token, and a new one (401)")
        self.date = response.date
        if response.date is not None:
            self.clock_lead = max(
                timedelta(0), min(MAX_CLOCK_LEAD, self._clock.now() - response.date)
            )
        self._note_version(response)
        return response

    async def _post_with(self, token: str, body: bytes) -> HttpResponse:
        headers = {"Content-Type": "application/json", "X-Shopify-Access-Token": token}
        return await self._http.post(self._url, body, headers, secret=token)

    def _note_version(self, response: HttpResponse) -> None:
        # A version that has expired is not refused: a newer one answers in its place.
        version = response.headers.get("x-shopify-api-version", "")
        self.answered_version = version or self.answered_version
        if version not in {"", API_VERSION} and not self._warned:
            self._warned = True
            log.warning(
                "The store answers with version %.32r of the API, not %s.",
                version,
                API_VERSION,
                extra={"event": "version_differs", "store": self._alias},
            )


def encode_request(document: Document, variables: Variables) -> bytes:
    """Return the bytes of a request."""
    return msgspec.json.encode({"query": document.text, "variables": variables})
