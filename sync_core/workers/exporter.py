"""Make the files that a comparison reads: of what each store sells and has, and of our books.

A store's is its export, else what is read page by page:

    the store                                     then
    --------------------------------------------  -----------------------------------------
    knows the export that we remember, running    wait for it
    has finished it less than 15 minutes ago      fetch it
    has finished it earlier, forgot it, gave up,
    or was asked for other locations              begin another one
    has too many of our exports under way         wait for one to end, then page by page
    refuses, gives up, stands still, takes hours  page by page
    gives no whole file, three times              page by page
    does not answer, or not to our token          the error, and no file

Whatever happens, there is a whole file in the end or none.
"""

import asyncio
import csv
import io
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Self, TypeVar

from sync_core.backoff import Backoff, retry
from sync_core.clock import Clock
from sync_core.domain.values import LocationId
from sync_core.errors import NoAnswer, NotSent, Refused, StillRunning, StoreError, Throttled, cut
from sync_core.ports import (
    Database,
    ExportStage,
    ExportState,
    LevelDumpRow,
    Store,
    Transaction,
    VariantDumpRow,
)
from sync_core.workers.context import Wakeup

log = logging.getLogger(__name__)
T = TypeVar("T")

# Between questions how far an export has come, and after one that got no answer: small exports take
# seconds, and an export of hours need not be asked about more than six times a minute.
EXPORT_WAITS = Backoff(first=1, longest=10, factor=1.5)
BUFFER_BYTES = 1 << 20  # bytes to gather before they are written
PARTIAL_SUFFIX = ".part"
ROWS_PER_STEP = 20_000  # rows of our books in one transaction
SEPARATOR, QUOTE = "\x1f", "\x1e"  # of variants: merchants hardly ever write them
LEVEL_NAMES = (
    "level", "pool", "location_group", "store", "item", "location", "is_source", "counts",
    "baselined", "book", "buffer", "pack", "withheld", "suspended", "busy", "shared",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportLimits:
    """How long to wait for what; seconds where it is no time span."""

    still: timedelta = timedelta(minutes=10)  # no progress, no answer, no room for an export
    export: timedelta = timedelta(hours=3)  # for an export to be done
    paging: timedelta = timedelta(hours=12)  # for reading page by page
    fresh: timedelta = timedelta(minutes=15)  # an export that old still tells of now
    fetches: int = 3


async def _ignore_operation(_operation: str) -> None:
    """Tell nobody."""


def _ignore_progress(_objects: int, _expected: int | None) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What to export, and who wants to know how it goes."""

    locations: tuple[LocationId, ...]  # the columns, in this order
    to: Path
    operation: str | None = None  # an export that was begun before a restart
    expected: int | None = None  # how many variants there will be, roughly
    by_pages: bool = True  # whether to read page by page where the store gives no export
    started: Callable[[str], Awaitable[None]] = field(
        default=_ignore_operation
    )  # save the new name
    progress: Callable[[int, int | None], None] = field(
        default=_ignore_progress
    )  # so far, expected


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """The file is there."""

    path: Path
    lines: int
    operation: str | None  # None: it was read page by page
    why: str = ""  # it was


class Exporter:
    """Makes the file of one store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        limits: ExportLimits | None = None,
        wakeup: Wakeup | None = None,  # rings when the store says that an export has ended
    ) -> None:
        self._wakeup = wakeup
        self._store = store
        self._clock = clock
        self._limits = limits or ExportLimits()

    async def make(self, wanted: ExportRequest) -> ExportedFile:
        """Make the file, whole.

        Raises:
            NoExport: The store gives us no export, and the caller wants no pages.
            StoreError: The store gives us neither an export nor pages; there is no file.
            OSError: The file cannot be written here.
        """
        try:
            return await self._export(wanted)
        except (Refused, StillRunning, NoExport) as exc:
            why = cut(str(exc))
            if not wanted.by_pages:
                raise NoExport(why) from exc
        log.warning(
            "%s gives no export, reading page by page",
            self._store.alias,
            extra={"event": "export_by_pages", "store": self._store.alias, "why": why},
        )
        return await self._read(wanted, why)

    # -- by an export

    async def _export(self, wanted: ExportRequest) -> ExportedFile:
        state = await self._remembered(wanted)
        if state is None:
            operation = await self._with_retries(
                partial(self._store.start_export, wanted.locations)
            )
            await wanted.started(operation)
            state = ExportState(operation=operation, stage=ExportStage.RUNNING)
        if state.stage is ExportStage.RUNNING:
            state = await self._watch(wanted, state)
        lines = await self._fetch(wanted, state)
        return ExportedFile(path=wanted.to, lines=lines, operation=state.operation)

    async def _remembered(self, wanted: ExportRequest) -> ExportState | None:
        """Return the export that was begun before, if it answers what is asked now."""
        if wanted.operation is None:
            return None
        state = await self._with_retries(partial(self._store.export_state, wanted.operation))
        if state.locations != wanted.locations:
            return None
        if state.stage is ExportStage.RUNNING:
            return state
        age = self._clock.now() - state.finished_at if state.finished_at else None
        fresh = age is not None and age <= self._limits.fresh
        return state if state.stage is ExportStage.DONE and fresh else None

    async def _watch(self, wanted: ExportRequest, state: ExportState) -> ExportState:
        """Return an export that is done."""
        began = moved = self._clock.now()
        asked, least = 0, 0.0
        while state.stage is ExportStage.RUNNING:
            self._check_time_limits(began, moved)
            asked += 1
            await self._wait(max(EXPORT_WAITS.delay(asked), least))
            before, least = state.objects, 0.0
            try:
                state = await self._store.export_state(state.operation)
            except TRANSIENT_ERRORS as exc:
                least = exc.wait if isinstance(exc, Throttled) else 0.0
                continue
            if state.objects > before:
                moved = self._clock.now()
                wanted.progress(state.objects, wanted.expected)
        if state.stage is not ExportStage.DONE:
            raise NoExport(f"the export is {state.stage}: {state.why or 'no reason was given'}")
        return state

    async def _wait(self, seconds: float) -> None:
        """Wait so long, or until the store says that an export has ended: that may get lost."""
        if self._wakeup is None:
            await self._clock.sleep(seconds)
        else:
            await self._wakeup.wait(seconds)

    def _check_time_limits(self, began: datetime, moved: datetime) -> None:
        now = self._clock.now()
        if now - moved > self._limits.still:
            raise NoExport(f"the export has made no progress for {self._limits.still}")
        if now - began > self._limits.export:
            raise NoExport(f"the export has taken longer than {self._limits.export}")

    async def _fetch(self, wanted: ExportRequest, state: ExportState) -> int:
        """Fetch the file; each time with an address that the store has just given us."""
        why = "it was never tried"
        for failures in range(1, self._limits.fetches + 1):
            try:
                lines = await self._store.download_export(state, wanted.to)
            except (Refused, *TRANSIENT_ERRORS) as exc:
                why = str(exc)
            else:
                wanted.progress(lines, wanted.expected)
                return lines
            await self._clock.sleep(EXPORT_WAITS.delay(failures))
            state = await self._with_retries(partial(self._store.export_state, state.operation))
        raise NoExport(f"the file of the export did not come: {why}")

    # -- page by page

    async def _read(self, wanted: ExportRequest, why: str) -> ExportedFile:
        until = self._clock.now() + self._limits.paging
        after: str | None = None
        async with AtomicFile(wanted.to) as file:
            while True:
                at = after
                page = await self._with_retries(
                    partial(self._store.export_page, wanted.locations, at)
                )
                await file.add_lines(page.lines)
                wanted.progress(file.lines, wanted.expected)
                after = page.after
                if after is None:
                    break
                if after == at or self._clock.now() > until:
                    raise NoAnswer(f"reading page by page does not end; {file.lines} were read")
            await file.keep()
        return ExportedFile(path=wanted.to, lines=file.lines, operation=None, why=why)

    # -- how to ask

    async def _with_retries(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer, with growing waits, as long as it makes sense."""
        return await retry(
            ask,
            EXPORT_WAITS,
            self._clock,
            may_help=lambda exc: isinstance(exc, TRANSIENT_ERRORS),
            within=self._limits.still,
        )


class NoExport(StoreError):
    """The store has not given us an export, and pages may still do."""


TRANSIENT_ERRORS = (NoAnswer, NotSent, StillRunning)


# -- files that are there whole or not at all
class AtomicFile:
    """A file that is being written under another name, off the event loop.

    Leaving the context throws away what was not kept, whatever the reason.
    """

    def __init__(self, to: Path) -> None:
        self._to = to
        self._part = to.with_name(to.name + PARTIAL_SUFFIX)
        self._file: IO[bytes] | None = None
        self._waiting = bytearray()
        self._last = b""
        self.size = 0  # bytes
        self._ends = 0  # of lines

    @property
    def lines(self) -> int:
        """How many lines there are; the last one needs no end."""
        return self._ends + (self._last not in {b"", b"\n"})

    async def __aenter__(self) -> Self:
        """Start over, whatever an earlier attempt has left behind."""
        self._file = await asyncio.to_thread(self._part.open, "wb")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Throw away what was not kept. In line: a cancelled task waits for nothing any more."""
        if self._file is not None:
            self._file.close()
            self._part.unlink(missing_ok=True)

    async def add(self, piece: bytes) -> None:
        """Add some bytes."""
        self.size += len(piece)
        self._ends += piece.count(b"\n")
        self._last = piece[-1:] or self._last
        self._waiting += piece
        if len(self._waiting) >= BUFFER_BYTES:
            await self._flush()

    async def add_lines(self, lines: Iterable[bytes]) -> None:
        """Add some lines."""
        await self.add(b"".join(line + b"\n" for line in lines))

    async def keep(self) -> None:
        """Let the file have its name: from now on it is there, and stays there."""
        await self._flush()
        await asyncio.to_thread(self._rename_into_place)

    async def _flush(self) -> None:
        if self._file is None:
            raise ValueError("the draft is not open")
        waiting, self._waiting = self._waiting, bytearray()
        await asyncio.to_thread(self._file.write, waiting)

    def _rename_into_place(self) -> None:
        if self._file is None:
            raise ValueError("the draft is not open")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._to)
        self._file = None


# -- what our books say, for the same comparison. One transaction for each few thousand rows:
# deliveries that come meanwhile are not held up.


async def dump_levels(database: Database, to: Path) -> int:
    """Write all levels to a file; return how many there are."""
    after, count = 0, 0
    async with AtomicFile(to) as file:
        await file.add(level_lines([LEVEL_NAMES]))
        while rows := await database.transaction(partial(_levels, after)):
            await file.add(await asyncio.to_thread(level_lines, rows))
            after, count = rows[-1][0], count + len(rows)
        await file.keep()
    return count


async def dump_variants(database: Database, to: Path) -> int:
    """Write all variants to a file; return how many there are."""
    after, count = ("", 0), 0
    async with AtomicFile(to) as file:
        while rows := await database.transaction(partial(_variants, after)):
            await file.add(await asyncio.to_thread(variant_lines, rows))
            after, count = rows[-1][:2], count + len(rows)
        await file.keep()
    return count


def level_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Return levels as CSV; nothing stands for null."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def variant_lines(rows: Iterable[VariantDumpRow]) -> bytes:
    """Return variants as lines of fields, quoted where need be: merchants write anything."""
    text = io.StringIO(newline="")
    # Texts with a character of the line's end are quoted, hence both.
    csv.writer(text, delimiter=SEPARATOR, quotechar=QUOTE, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _levels(after: int, tx: Transaction) -> Sequence[LevelDumpRow]:
    return tx.dumps.levels(after=after, limit=ROWS_PER_STEP)


def _variants(after: tuple[str, int], tx: Transaction) -> Sequence[VariantDumpRow]:
    return tx.dumps.variants(after=after, limit=ROWS_PER_STEP)
