"""`tipo export`: rows of any range as CSV, or as one JSON object a line."""

import csv
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Annotated, TextIO, TypeVar

import typer

from sync_core.app.parts import Parts
from sync_core.cli.output import console
from sync_core.cli.runtime import CommandFailed, run_with_parts
from sync_core.db.exports import ExplainedOrders, ExportLine, SqlExports, TimeRange
from sync_core.errors import cut

T = TypeVar("T")

PAGE_ROWS = 500  # rows read in one transaction
VALID_YEARS = range(1970, 9000)
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for a formula
CONTROL_CHARACTERS = {n: None for n in (*range(32), *range(127, 160)) if chr(n) not in "\t\r\n"}


class ExportKind(StrEnum):
    """What may be exported."""

    MOVEMENTS = "movements"
    ADJUSTMENTS = "adjustments"
    FINDINGS = "findings"
    DECISIONS = "decisions"


PRODUCT_COLUMNS = {
    "store": "its alias",
    "location_group": "its shared location",
    "title": "of the product",
    "handle": "of the product",
    "sku": "of the variant",
}
COLUMNS = {
    ExportKind.MOVEMENTS: {
        "id": "a number that counts up",
        "at": "when Tipo counted it",
        **PRODUCT_COLUMNS,
        "delta": "what the store did",
        "counted": "by how much the shared quantity changed",
        "shared_after": "the shared quantity after it",
        "cause": "orders by name, or restock or edit",
        "source": "webhook, or refresh (once look): a read of the store",
    },
    ExportKind.ADJUSTMENTS: {
        "id": "a number that counts up",
        "planned_at": "when it was planned",
        "closed_at": "when the store answered; empty while open",
        **PRODUCT_COLUMNS,
        "delta": "what Tipo wrote",
        "state": "open, settled, refused, replaced, doubtful",
        "why": "the store's reason for a refusal",
        "batch_key": "the idempotency key of its request",
    },
    ExportKind.FINDINGS: {
        "id": "a number that counts up",
        "kind": "a word",
        "severity": "info, warning, critical",
        "store": "its alias",
        "title": "of the product",
        "cause": "a sentence",
        "opened_at": "when it was found",
        "closed_at": "when it was resolved; empty while it is open",
        "muted_until": "until when somebody ignores it",
    },
    ExportKind.DECISIONS: {
        "receipt": "its number, for `tipo undo`",
        "proposal": "a number that counts up",
        "at": "when",
        "who": "the name",
        "person": "the id",
        "rule": "what allowed it",
        "kind": "`fix`, `mode`, `undo`, `pack` or `brake`: a safety stop",
        "subject": "the kind of mismatch, the mode, or the receipt",
        "title": "of the product",
        "choice": "what was chosen",
        "state": "approved (being applied), done, dismissed",
        "done": "true or false",
        "why": "why nothing, or not all, was done",
        "moved": "by how much the shared quantity changed",
        "shared_after": "the shared quantity after it, if it was about one product",
        "undoes": "the receipt that it undoes",
    },
}
HELP = "\n\n".join(
    (
        "Write movements, adjustments, findings or decisions of any range as CSV.",
        (
            "Rows come in the order of their numbers, times are UTC (2026-11-23T12:00:00.000Z). A "
            "text that a spreadsheet would take for a formula gets an apostrophe in front."
        ),
        *(
            f"{what}: " + "; ".join(f"{name} ({says})" for name, says in columns.items()) + "."
            for what, columns in COLUMNS.items()
        ),
    )
)

SinceOption = Annotated[
    str | None,
    typer.Option("--from", metavar="DATE", help="From that day or time on: 2026-11-01, in UTC."),
]
UntilOption = Annotated[
    str | None,
    typer.Option("--to", metavar="DATE", help="Up to that day, included, or before that time."),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write a file; it appears when whole.")
]
AsJsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of CSV.")]
KindArgument = Annotated[ExportKind, typer.Argument(help="What to write.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export", help=HELP)(export)


def export(
    what: KindArgument,
    *,
    since: SinceOption = None,
    until: UntilOption = None,
    out: OutOption = None,
    as_json: AsJsonLines = False,
) -> None:
    """Write rows of a range; the help is made from the columns."""
    wanted = parse_range(since, until)
    form = (None, _json_line) if as_json else (format_csv_line(COLUMNS[what]), _csv_row)
    with open_output(out) as stream:
        count = run_with_parts(
            lambda parts: _write(PAGE_READERS[what](parts, wanted), stream, *form)
        )
    if out is not None:
        console(err=True).print(f"{count:,} {what} written to {out}", soft_wrap=True)


async def _write(
    pages: AsyncIterator[Sequence[ExportLine]],
    stream: TextIO,
    heading: str | None,
    row: Callable[[ExportLine], str],
) -> int:
    """Write rows page by page; return how many."""
    stream.write(heading or "")
    count = 0
    async for page in pages:
        stream.writelines(row(each) for each in page)
        count += len(page)
    return count


# -- pages
async def _movement_pages(parts: Parts, wanted: TimeRange) -> AsyncIterator[Sequence[ExportLine]]:
    """Yield movements; those read before the range only use up the orders that caused them."""
    first, last = await _in_transaction(parts, lambda rows: rows.movement_bounds(wanted))
    after, explained = first - 1, ExplainedOrders()
    while after < last:
        read = partial(
            SqlExports.movements, after=after, last=last, limit=PAGE_ROWS, explained=explained
        )
        page, explained = await _in_transaction(parts, read)
        if not page:
            return
        after = int(str(page[-1]["id"]))
        yield [each for each in page if wanted.contains(_require_time(each["at"]))]


async def _adjustment_pages(parts: Parts, wanted: TimeRange) -> AsyncIterator[Sequence[ExportLine]]:
    first, last = await _in_transaction(parts, lambda rows: rows.adjustment_bounds(wanted))
    async for page in _pages_by_number(parts, SqlExports.adjustments, first, last):
        yield [each for each in page if wanted.contains(_require_time(each["planned_at"]))]


async def _finding_pages(parts: Parts, wanted: TimeRange) -> AsyncIterator[Sequence[ExportLine]]:
    first, last = await _in_transaction(parts, lambda rows: rows.finding_bounds(wanted))
    async for page in _pages_by_number(parts, SqlExports.export_findings, first, last):
        yield [each for each in page if wanted.contains(_require_time(each["opened_at"]))]


async def _decision_pages(parts: Parts, wanted: TimeRange) -> AsyncIterator[Sequence[ExportLine]]:
    first, last = await _in_transaction(parts, lambda rows: rows.decision_bounds(wanted))
    after = (first, 0)
    while first <= last:
        read = partial(SqlExports.decisions, after=after, last=last, limit=PAGE_ROWS)
        page = await _in_transaction(parts, read)
        if not page:
            return
        after = (int(str(page[-1]["receipt"])), int(str(page[-1]["proposal"])))
        yield [each for each in page if wanted.contains(_require_time(each["at"]))]


async def _pages_by_number(
    parts: Parts,
    read: Callable[[SqlExports, int, int, int], list[ExportLine]],
    first: int,
    last: int,
) -> AsyncIterator[Sequence[ExportLine]]:
    """Yield pages by the rows' own numbers."""
    after = first - 1
    while after < last:
        page = await _in_transaction(parts, partial(_read_page, read, after, last))
        if not page:
            return
        after = int(str(page[-1]["id"]))
        yield page


def _read_page(
    read: Callable[[SqlExports, int, int, int], list[ExportLine]],
    after: int,
    last: int,
    rows: SqlExports,
) -> list[ExportLine]:
    return read(rows, after, last, PAGE_ROWS)


async def _in_transaction(parts: Parts, work: Callable[[SqlExports], T]) -> T:
    return await parts.database.transaction(lambda tx: work(SqlExports(tx)))


PAGE_READERS: dict[
    ExportKind, Callable[[Parts, TimeRange], AsyncIterator[Sequence[ExportLine]]]
] = {
    ExportKind.MOVEMENTS: _movement_pages,
    ExportKind.ADJUSTMENTS: _adjustment_pages,
    ExportKind.FINDINGS: _finding_pages,
    ExportKind.DECISIONS: _decision_pages,
}


# -- lines
def _csv_row(line: ExportLine) -> str:
    return format_csv_line(line.values())


def format_csv_line(cells: Iterable[object]) -> str:
    """Return one line of CSV."""
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow([_csv_cell(each) for each in cells])
    return line.getvalue()


def _csv_cell(value: object) -> object:
    """Return a value as CSV holds it: numbers as they are, texts that nothing obeys."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return _format_time(value)
        case str():
            text = value.translate(CONTROL_CHARACTERS)
            guarded = f"'{text}" if text.startswith(FORMULA_PREFIXES) else text
            # A lone carriage return is not quoted, and would end the line.
            return guarded.replace("\r\n", "\n").replace("\r", "\n")
        case _:
            return value


def _json_line(line: ExportLine) -> str:
    """Return one JSON object, all ASCII, on a line."""
    plain = {k: _format_time(v) if isinstance(v, datetime) else v for k, v in line.items()}
    return json.dumps(plain) + "\n"


def _format_time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _require_time(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(value)
    return value


# -- what was asked for
def parse_range(since: str | None, until: str | None) -> TimeRange:
    """Return the range that two words mean.

    Raises:
        CommandFailed: If one is no date, or nothing can be in it.
    """
    first = None if since is None else _parse_time("--from", since, timedelta())
    last = None if until is None else _parse_time("--to", until, timedelta(days=1))
    if first is not None and last is not None and first >= last:
        raise CommandFailed(f"nothing can be from {since} to {until}: --from comes first")
    return TimeRange(since=first, until=last)


def _parse_time(option: str, word: str, whole_day: timedelta) -> datetime:
    """Return the time that a word means; a day ends `whole_day` after it begins."""
    given = word.strip()
    at: datetime | None
    try:
        if len(given) == len("2026-11-01"):
            day = date.fromisoformat(given)
            at = datetime(day.year, day.month, day.day, tzinfo=UTC) + whole_day
        else:
            at = datetime.fromisoformat(given)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None or at.year not in VALID_YEARS:
        raise CommandFailed(
            f"{option} {cut(word)} isn't a date; write a day such as 2026-11-01, or a time such as "
            "2026-11-01T08:00 (UTC) or 2026-11-01T08:00+01:00"
        )
    return at


@contextmanager
def open_output(out: Path | None) -> Iterator[TextIO]:
    """Yield where to write; a file takes its place only when it is whole.

    Raises:
        CommandFailed: If the file cannot be written.
    """
    if out is None:
        yield sys.stdout
        return
    if not out.name:
        raise CommandFailed(f"{out} is a folder; say --out with the name of a file")
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        part.replace(out)
    except OSError as exc:
        why = exc.strerror or exc
        raise CommandFailed(f"{out} cannot be written: {why}; choose another --out") from exc
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
