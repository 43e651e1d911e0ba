"""Export what a store sells, and what it has at some locations: one line for each variant.

Each location is an aliased plain field (`l0`, `l1` …), not a connection: so a variant and all its
levels are one line, and no line has to find its parent.

    the store says                        the export is
    ------------------------------------  ------------------------------------------
    CREATED, RUNNING                      running
    COMPLETED                             done; without a file there was nothing to say
    FAILED, CANCELING, CANCELED           failed: what there is of it is no export
    EXPIRED, no such operation, no query  gone
    ------------------------------------  ------------------------------------------
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

from sync_core.domain.texts import storable_json
from sync_core.domain.values import LocationId
from sync_core.errors import NoAnswer, NotSent, Refused, StillRunning, StoreError, cut
from sync_core.ports import ExportPage, ExportState, Stage
from sync_core.shopify import documents, nodes
from sync_core.shopify.answers import Reply, data_of
from sync_core.shopify.documents import Document
from sync_core.shopify.fields import as_time, number_in
from sync_core.shopify.nodes import Node, PageInfo
from sync_core.shopify.wire import BEFORE, CONNECT, LOST
from sync_core.workers.drafts import Draft

IN_ALL = 3600.0  # seconds for a whole file
SILENCE = 30.0  # seconds without a byte
LARGEST = 64 << 30  # bytes of a file
LONGEST_REST = 1 << 20  # bytes of a line that has not ended: no variant has as much
DIGITS = 20  # of a number that a store writes as a text
BEGIN_ANEW = 20_000  # a store pages through 25,000 of anything: go on by id before that

_STAGES = {
    "CREATED": Stage.RUNNING,
    "RUNNING": Stage.RUNNING,
    "COMPLETED": Stage.DONE,
    "FAILED": Stage.FAILED,
    "CANCELING": Stage.FAILED,
    "CANCELED": Stage.FAILED,
    "EXPIRED": Stage.GONE,
}
_ASKED = re.compile(
    r'\bl(\d{1,4}):\s*inventoryLevel\(\s*locationId:\s*"gid://shopify/Location/(\d{1,19})"'
)


class Operation(Node):
    """An export, as the store describes it. Its numbers are texts."""

    id: str | None = None
    status: str | None = None
    error_code: str | None = None
    root_object_count: str | int | None = None
    file_size: str | int | None = None
    url: str | None = None
    completed_at: str | None = None
    query: str | None = None


class UserError(Node):
    """Why an export was not begun."""

    code: str | None = None
    message: str | None = None


class Begun(Node):
    """What became of asking for an export."""

    bulk_operation: Operation | None = None
    user_errors: list[UserError] | None = None


class Pages(Protocol):
    """Asks for a page of a document; errors are still inside."""

    def __call__(
        self, document: Document, variables: Mapping[str, Any], after: str | None
    ) -> Awaitable[Reply]:
        """Ask for as many rows as the store gives at once."""


class Exports:
    """The exports of one store."""

    def __init__(
        self,
        *,
        ask: Callable[[Document, Mapping[str, Any]], Awaitable[Mapping[str, Any]]],
        page: Pages,
        schemes: frozenset[str],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._ask = ask
        self._page = page
        self._schemes = schemes  # that a file may come by
        # The file lives on another host and is opened by its URL: no token goes there.
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(SILENCE, connect=CONNECT),
            follow_redirects=False,
            headers={"User-Agent": "Tipo", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def start(self, locations: Sequence[LocationId]) -> str:
        """Begin an export; return its name."""
        query = documents.export_query(locations)
        data = await self._ask(documents.BULK_START, {"query": query})
        given = nodes.shaped(data.get("bulkOperationRunQuery"), Begun)
        for error in nodes.known(given.user_errors, "whether it exports"):
            raise refusal(error)
        operation = nodes.known(given.bulk_operation, "which export it has begun")
        return nodes.known(operation.id, "which export it has begun")

    async def state(self, operation: str) -> ExportState:
        """Return how far an export has come."""
        data = await self._ask(documents.BULK_POLL, {"id": operation})
        if data.get("bulkOperation") is None:
            return ExportState(operation=operation, stage=Stage.GONE)
        return state_of(operation, nodes.shaped(data["bulkOperation"], Operation))

    async def fetch(self, state: ExportState, to: Path) -> int:
        """Bring an export's file to disk, whole or not at all; return how many lines it has."""
        if state.stage is not Stage.DONE:
            raise Refused(f"the export is {state.stage}, it has no file")
        async with Draft(to) as draft:
            if state.url is not None:
                await self._download(state, draft)
            _check(state, draft)
            await draft.keep()
        return draft.lines

    async def page(self, locations: Sequence[LocationId], after: str | None) -> ExportPage:
        """Return lines like those of an export, and where the next ones begin."""
        mark = Mark.read(after)
        given = {"query": None if mark.base == 0 else f"id:>{mark.base}"}
        found = await self._page(documents.export_page(locations), given, mark.cursor)
        if found.warnings:
            # It ignored the search: what came back begins at the beginning.
            raise Refused(f"the store ignores our search: {found.warnings[0]}")
        connection = nodes.shaped(data_of(found).get("productVariants"), Lines)
        lines = nodes.whole(connection.nodes, "which variants there are")
        last = mark.last
        for each in lines:
            last = number_of(each, last)
        cursor = nodes.cursor(connection.page_info)
        return ExportPage(
            lines=tuple(map(msgspec.json.encode, lines)),
            after=None if cursor is None else mark.next(cursor, len(lines), last),
        )

    async def _download(self, state: ExportState, draft: Draft) -> None:
        url = state.url or ""
        if urlsplit(url).scheme not in self._schemes:
            raise Refused("the store keeps the file where nobody could check who answers")
        try:
            async with asyncio.timeout(IN_ALL), self._http.stream("GET", url) as response:
                if response.status_code != HTTPStatus.OK:
                    raise _file_refused(response.status_code)
                lines = _WholeLines()
                async for piece in response.aiter_bytes():
                    await draft.add(storable_json(lines.of(piece)))
                    if draft.size > (LARGEST if state.size is None else state.size):
                        raise NoAnswer("the file is larger than the store said")
                await draft.add(storable_json(lines.rest))
        except BEFORE as exc:
            raise NotSent(f"the file's host cannot be reached: {type(exc).__name__}") from None
        except TimeoutError:
            raise NoAnswer(f"the file did not come within {IN_ALL:g} s") from None
        except LOST as exc:
            # `from None`: what httpx says of it may hold the URL.
            raise NoAnswer(f"the file was cut off: {type(exc).__name__}") from None


class _WholeLines:
    """Makes pieces end where lines end, so that no piece ends within an escape."""

    def __init__(self) -> None:
        self.rest = b""

    def of(self, piece: bytes) -> bytes:
        """Return the lines that are whole by now; of an endless one, what there is."""
        whole, end, rest = (self.rest + piece).rpartition(b"\n")
        if len(rest) > LONGEST_REST:
            whole, end, rest = whole + end + rest, b"", b""
        self.rest = rest
        return whole + end


class Lines(Node):
    """A page of lines."""

    nodes: list[dict[str, Any] | None] | None = None
    page_info: PageInfo | None = None


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """Where a reading page by page has got to."""

    base: int = 0  # the id that this paging began behind
    seen: int = 0  # variants since then
    last: int = 0  # the greatest id so far
    cursor: str | None = None

    @classmethod
    def read(cls, text: str | None) -> "Mark":
        """Return the mark that a text stands for."""
        if text is None:
            return cls()
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as exc:
            raise ValueError("no place in an export") from exc

    def next(self, cursor: str, count: int, last: int) -> str:
        """Return the text of the mark behind a page."""
        on = Mark(base=self.base, seen=self.seen + count, last=last, cursor=cursor)
        if on.seen >= BEGIN_ANEW:
            on = Mark(base=last, last=last)
        return msgspec.json.encode(on).decode()


def state_of(operation: str, given: Operation) -> ExportState:
    """Return how far an export has come, as the store describes it."""
    if given.id != operation:
        raise NoAnswer("the answer is about another export than we asked for")
    stage = _STAGES.get(nodes.known(given.status, "how far an export is"))
    if stage is None:
        raise NoAnswer(f"an export is in a state that we do not know: {cut(given.status or '')}")
    return ExportState(
        operation=operation,
        stage=stage,
        objects=_number(given.root_object_count) or 0,
        why=cut(given.error_code or given.status or "") if stage is Stage.FAILED else None,
        locations=asked_for(given.query or ""),
        finished_at=as_time(given.completed_at),
        size=_number(given.file_size),
        url=given.url,
    )


def asked_for(query: str) -> tuple[LocationId, ...]:
    """Return the locations that an export's query names, in the order of its columns."""
    found = {int(column): int(number) for column, number in _ASKED.findall(query)}
    return tuple(LocationId(number) for _, number in sorted(found.items()))


def refusal(error: UserError) -> StoreError:
    """Say what it means that an export was not begun."""
    words = cut(": ".join(filter(None, (error.code, error.message))) or "an error without words")
    return StillRunning(words) if error.code == "OPERATION_IN_PROGRESS" else Refused(words)


def number_of(line: Mapping[str, Any], above: int) -> int:
    """Return the number of a line's variant: they come in order, or we would go in circles."""
    number = nodes.known(number_in(line.get("id"), "ProductVariant"), "which variant this is")
    if number <= above:
        raise NoAnswer("the store shows variants again that we have read, or in no order")
    return number


def _number(value: str | int | None) -> int | None:
    if isinstance(value, int):
        return value if value >= 0 else None
    given = value or ""
    return int(given) if given.isascii() and given.isdigit() and len(given) <= DIGITS else None


def _file_refused(status: int) -> StoreError:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return NoAnswer(f"the file's host answered {status}")
    return Refused(f"the file's host does not give the file away ({status})")


def _check(state: ExportState, draft: Draft) -> None:
    """Refuse a file that is not what the store said of it. Never believe a part."""
    if state.size is not None and draft.size != state.size:
        raise NoAnswer(f"the file has {draft.size} bytes, not {state.size} as the store said")
    if draft.lines != state.objects:
        raise NoAnswer(f"the file has {draft.lines} lines, not {state.objects} as the store said")
