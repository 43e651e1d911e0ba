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
from sync_core.ports import ExportPage, ExportStage, ExportState
from sync_core.shopify import documents, nodes
from sync_core.shopify.documents import Document
from sync_core.shopify.fields import as_time, id_in_gid
from sync_core.shopify.http_client import (
    CONNECT_TIMEOUT_SECONDS,
    LOST_ANSWER_ERRORS,
    NOT_SENT_ERRORS,
    trusted_authorities,
)
from sync_core.shopify.nodes import Node, PageInfo
from sync_core.shopify.responses import GraphqlResponse, data_of
from sync_core.workers.exporter import AtomicFile

DOWNLOAD_TIMEOUT_SECONDS = 3600.0  # seconds for a whole file
READ_TIMEOUT_SECONDS = 30.0  # seconds without a byte
MAX_FILE_BYTES = 64 << 30  # bytes of a file
MAX_PARTIAL_LINE_BYTES = 1 << 20  # bytes of a line that has not ended: no variant has as much
MAX_NUMBER_DIGITS = 20  # of a number that a store writes as a text
MAX_PAGED_VARIANTS = 20_000  # a store pages through 25,000 of anything: go on by id before that

_STAGES = {
    "CREATED": ExportStage.RUNNING,
    "RUNNING": ExportStage.RUNNING,
    "COMPLETED": ExportStage.DONE,
    "FAILED": ExportStage.FAILED,
    "CANCELING": ExportStage.FAILED,
    "CANCELED": ExportStage.FAILED,
    "EXPIRED": ExportStage.GONE,
}
_EXPORT_COLUMN = re.compile(
    r'\bl(\d{1,4}):\s*inventoryLevel\(\s*locationId:\s*"gid://shopify/Location/(\d{1,19})"'
)


class BulkOperation(Node):
    """An export, as the store describes it. Its numbers are texts."""

    id: str | None = None
    status: str | None = None
    error_code: str | None = None
    root_object_count: str | int | None = None
    file_size: str | int | None = None
    url: str | None = None
    completed_at: str | None = None
    query: str | None = None


class BulkUserError(Node):
    """Why an export was not begun."""

    code: str | None = None
    message: str | None = None


class BulkStarted(Node):
    """What became of asking for an export."""

    bulk_operation: BulkOperation | None = None
    user_errors: list[BulkUserError] | None = None


class PageReader(Protocol):
    """Asks for a page of a document; errors are still inside."""

    def __call__(
        self, document: Document, variables: Mapping[str, Any], after: str | None
    ) -> Awaitable[GraphqlResponse]:
        """Ask for as many rows as the store gives at once."""


class BulkExports:
    """The exports of one store."""

    def __init__(
        self,
        *,
        ask: Callable[[Document, Mapping[str, Any]], Awaitable[Mapping[str, Any]]],
        page: PageReader,
        schemes: frozenset[str],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._ask = ask
        self._page = page
        self._schemes = schemes  # that a file may come by
        # The file lives on another host and is opened by its URL: no token goes there.
        self._http = httpx.AsyncClient(
            transport=transport,
            verify=trusted_authorities(),
            timeout=httpx.Timeout(READ_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
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
        given = nodes.convert(data.get("bulkOperationRunQuery"), BulkStarted)
        for error in nodes.require(given.user_errors, "whether it exports"):
            raise export_error(error)
        operation = nodes.require(given.bulk_operation, "which export it has begun")
        return nodes.require(operation.id, "which export it has begun")

    async def state(self, operation: str) -> ExportState:
        """Return how far an export has come."""
        data = await self._ask(documents.BULK_POLL, {"id": operation})
        if data.get("bulkOperation") is None:
            return ExportState(operation=operation, stage=ExportStage.GONE)
        return state_of(operation, nodes.convert(data["bulkOperation"], BulkOperation))

    async def fetch(self, state: ExportState, to: Path) -> int:
        """Bring an export's file to disk, whole or not at all; return how many lines it has."""
        if state.stage is not ExportStage.DONE:
            raise Refused(f"the export is {state.stage}, it has no file")
        async with AtomicFile(to) as draft:
            if state.url is not None:
                await self._download(state, draft)
            _check_file(state, draft)
            await draft.keep()
        return draft.lines

    async def page(self, locations: Sequence[LocationId], after: str | None) -> ExportPage:
        """Return lines like those of an export, and where the next ones begin."""
        position = ExportPosition.read(after)
        given = {"query": None if position.base == 0 else f"id:>{position.base}"}
        found = await self._page(documents.export_page(locations), given, position.cursor)
        if found.warnings:
            # It ignored the search: what came back begins at the beginning.
            raise Refused(f"the store ignores our search: {found.warnings[0]}")
        connection = nodes.convert(data_of(found).get("productVariants"), LinePage)
        lines = nodes.require_all(connection.nodes, "which variants there are")
        last = position.last
        for each in lines:
            last = variant_number(each, last)
        cursor = nodes.next_cursor(connection.page_info)
        return ExportPage(
            lines=tuple(map(msgspec.json.encode, lines)),
            after=None if cursor is None else position.next(cursor, len(lines), last),
        )

    async def _download(self, state: ExportState, draft: AtomicFile) -> None:
        url = state.url or ""
        if urlsplit(url).scheme not in self._schemes:
            raise Refused("the store keeps the file where nobody could check who answers")
        try:
            async with (
                asyncio.timeout(DOWNLOAD_TIMEOUT_SECONDS),
                self._http.stream("GET", url) as response,
            ):
                if response.status_code != HTTPStatus.OK:
                    raise _download_error(response.status_code)
                lines = _LineBuffer()
                async for piece in response.aiter_bytes():
                    await draft.add(storable_json(lines.of(piece)))
                    if draft.size > (MAX_FILE_BYTES if state.size is None else state.size):
                        raise NoAnswer("the file is larger than the store said")
                await draft.add(storable_json(lines.rest))
        except NOT_SENT_ERRORS as exc:
            raise NotSent(f"the file's host cannot be reached: {type(exc).__name__}") from None
        except TimeoutError:
            raise NoAnswer(f"the file did not come within {DOWNLOAD_TIMEOUT_SECONDS:g} s") from None
        except LOST_ANSWER_ERRORS as exc:
            # `from None`: what httpx says of it may hold the URL.
            raise NoAnswer(f"the file was cut off: {type(exc).__name__}") from None


class _LineBuffer:
    """Makes pieces end where lines end, so that no piece ends within an escape."""

    def __init__(self) -> None:
        self.rest = b""

    def of(self, piece: bytes) -> bytes:
        """Return the lines that are whole by now; of an endless one, what there is."""
        whole, end, rest = (self.rest + piece).rpartition(b"\n")
        if len(rest) > MAX_PARTIAL_LINE_BYTES:
            whole, end, rest = whole + end + rest, b"", b""
        self.rest = rest
        return whole + end


class LinePage(Node):
    """A page of lines."""

    nodes: list[dict[str, Any] | None] | None = None
    page_info: PageInfo | None = None


class ExportPosition(msgspec.Struct, array_like=True, frozen=True):
    """Where a reading page by page has got to."""

    base: int = 0  # the id that this paging began behind
    seen: int = 0  # variants since then
    last: int = 0  # the greatest id so far
    cursor: str | None = None

    @classmethod
    def read(cls, text: str | None) -> "ExportPosition":
        """Return the mark that a text stands for."""
        if text is None:
            return cls()
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as exc:
            raise ValueError("no position in an export") from exc

    def next(self, cursor: str, count: int, last: int) -> str:
        """Return the text of the mark behind a page."""
        on = ExportPosition(base=self.base, seen=self.seen + count, last=last, cursor=cursor)
        if on.seen >= MAX_PAGED_VARIANTS:
            on = ExportPosition(base=last, last=last)
        return msgspec.json.encode(on).decode()


def state_of(operation: str, given: BulkOperation) -> ExportState:
    """Return how far an export has come, as the store describes it."""
    if given.id != operation:
        raise NoAnswer("the answer is about another export than we asked for")
    stage = _STAGES.get(nodes.require(given.status, "how far an export is"))
    if stage is None:
        raise NoAnswer(f"an export is in a state that we do not know: {cut(given.status or '')}")
    return ExportState(
        operation=operation,
        stage=stage,
        objects=_as_number(given.root_object_count) or 0,
        why=cut(given.error_code or given.status or "") if stage is ExportStage.FAILED else None,
        locations=exported_locations(given.query or ""),
        finished_at=as_time(given.completed_at),
        size=_as_number(given.file_size),
        url=given.url,
    )


def exported_locations(query: str) -> tuple[LocationId, ...]:
    """Return the locations that an export's query names, in the order of its columns."""
    found = {int(column): int(number) for column, number in _EXPORT_COLUMN.findall(query)}
    return tuple(LocationId(number) for _, number in sorted(found.items()))


def export_error(error: BulkUserError) -> StoreError:
    """Say what it means that an export was not begun."""
    words = cut(": ".join(filter(None, (error.code, error.message))) or "an error without words")
    return StillRunning(words) if error.code == "OPERATION_IN_PROGRESS" else Refused(words)


def variant_number(line: Mapping[str, Any], above: int) -> int:
    """Return the number of a line's variant: they come in order, or we would go in circles."""
    number = nodes.require(id_in_gid(line.get("id"), "ProductVariant"), "which variant this is")
    if number <= above:
        raise NoAnswer("the store shows variants again that we have read, or in no order")
    return number


def _as_number(value: str | int | None) -> int | None:
    if isinstance(value, int):
        return value if value >= 0 else None
    given = value or ""
    return (
        int(given)
        if given.isascii() and given.isdigit() and len(given) <= MAX_NUMBER_DIGITS
        else None
    )


def _download_error(status: int) -> StoreError:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return NoAnswer(f"the file's host answered {status}")
    return Refused(f"the file's host does not give the file away ({status})")


def _check_file(state: ExportState, draft: AtomicFile) -> None:
    """Refuse a file that is not what the store said of it. Never believe a part."""
    if state.size is not None and draft.size != state.size:
        raise NoAnswer(f"the file has {draft.size} bytes, not {state.size} as the store said")
    if draft.lines != state.objects:
        raise NoAnswer(f"the file has {draft.lines} lines, not {state.objects} as the store said")
