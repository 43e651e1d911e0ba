"""The port `Comparer`, by DuckDB: streaming, two threads, what does not fit goes to disk.

DuckDB is imported when something is compared: a process that serves does without its 30 MiB by day.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, suppress
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sync_core.compare import sql
from sync_core.compare.export_file import ExportFile
from sync_core.compare.rows import (
    DISCREPANCY_KINDS,
    gap_of,
    level_discrepancy,
    variant_discrepancy,
    variant_of,
)
from sync_core.domain.discrepancies import (
    ComparisonSummary,
    ConnectionCount,
    Discrepancy,
    StoreCount,
)
from sync_core.domain.matching import key_of
from sync_core.domain.values import Alias
from sync_core.errors import NotCompared, cut
from sync_core.ports import Question

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

T = TypeVar("T")

FETCH_ROWS = 1000  # suspects to hand out
MAX_WORST_GAPS = 10
COMPARE_TIMEOUT_SECONDS = 1800.0  # seconds


class DuckdbComparer:
    """Compares files; nothing leaves the machine, and memory is bounded."""

    def __init__(
        self,
        folder: Path,
        *,
        memory: str = "256MB",
        threads: int = 2,
        seconds: float = COMPARE_TIMEOUT_SECONDS,
        executor: Executor | None = None,
    ) -> None:
        self._folder = folder  # for what does not fit into memory
        self._memory = memory
        self._threads = threads
        self._seconds = seconds
        self._executor = executor

    @asynccontextmanager
    async def compare(self, question: Question) -> AsyncIterator["DuckdbComparison"]:
        """Compare; what was found can be read as long as the context lasts."""
        await asyncio.to_thread(import_module, "duckdb")  # it takes a while
        executor = self._executor or ThreadPoolExecutor(1, "compare")
        work = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="compare-", dir=self._folder))
        found = DuckdbComparison(question, self._connect(question, work), work, executor)
        try:
            async with asyncio.timeout(self._seconds):
                await found.prepare()
            yield found
        except TimeoutError as exc:
            raise NotCompared(f"comparing took longer than {self._seconds:g} s") from exc
        finally:
            found.close()
            shutil.rmtree(work, ignore_errors=True)
            if self._executor is None:
                executor.shutdown(wait=False)

    def _connect(self, question: Question, work: Path) -> "DuckDBPyConnection":
        import duckdb  # noqa: PLC0415

        files = [*question.exports.values(), question.levels, question.variants]
        connection = duckdb.connect(
            str(work / "compare.db"),
            config={
                "memory_limit": self._memory,
                "threads": self._threads,
                "temp_directory": str(work / "spill"),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "preserve_insertion_order": False,
            },
        )
        # It cannot know how long a file is, and would build its tables of the longer side.
        connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
        # From here on it reads these files and no others, and no network.
        connection.execute(f"SET allowed_directories = {_sql_texts([work])}")
        connection.execute(f"SET allowed_paths = {_sql_texts(files)}")
        connection.execute("SET enable_external_access = false")
        return connection


class DuckdbComparison:
    """One comparison: its numbers, and its suspects as a stream."""

    def __init__(
        self,
        question: Question,
        connection: "DuckDBPyConnection",
        work: Path,
        executor: Executor,
    ) -> None:
        self.tally = ComparisonSummary(stores=(), links=(), kinds={})
        self._question = question
        self._connection = connection
        self._work = work
        self._executor = executor
        others = [each for each in question.exports if each != question.source]
        self._stores: tuple[Alias, ...] = (question.source, *others)

    async def prepare(self) -> None:
        """Find everything out; afterwards the numbers are there, and suspects can be read."""
        self.tally = await self._run(self._compare)

    async def suspects(self) -> AsyncIterator[Sequence[Discrepancy]]:
        """Yield what is not plainly fine, some at a time: levels first, then variants."""
        rows = self._all_discrepancies()
        while some := await self._run(lambda: list(islice(rows, FETCH_ROWS))):
            yield some

    def close(self) -> None:
        """Stop, wherever it is, and let go of memory."""
        self._connection.interrupt()
        self._connection.close()

    async def _run(self, work: Callable[[], T]) -> T:
        """Do work off the event loop; when nobody waits for it any more, stop it."""
        import duckdb  # noqa: PLC0415

        running = asyncio.get_running_loop().run_in_executor(self._executor, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._connection.interrupt()
            with suppress(duckdb.Error):
                await running
            raise
        except duckdb.Error as exc:
            raise NotCompared(f"the comparison failed: {cut(str(exc))}") from exc

    # -- in the thread

    def _compare(self) -> ComparisonSummary:
        for statement in sql.SET_UP:
            self._execute(statement)
        question = self._question
        columns = [question.columns[each] for each in self._stores]
        for alias, store_columns in zip(self._stores, columns, strict=True):
            _check_first_line(alias, question.exports[alias], len(store_columns))
        self._execute(sql.load_known(self._stores), [_path(question.variants)])
        self._execute(sql.load_levels(self._stores, columns), [_path(question.levels)])
        # Of exports, a row's number is its line's.
        self._execute("SET preserve_insertion_order = true")
        self._execute("SET lock_configuration = true")
        counts = [self._load(s, alias) for s, alias in enumerate(self._stores)]
        self._name_variants()
        links = self._find_discrepancies()
        stores = tuple(
            StoreCount(
                **count,
                **self._dict(sql.count_levels(s), "known_levels", "seen_levels", "unmapped_levels"),
            )
            for s, count in enumerate(counts)
        )
        kinds = {
            (self._stores[s], DISCREPANCY_KINDS[what - 1]): n
            for s, what, n in self._rows(sql.COUNT_KINDS)
        }
        return ComparisonSummary(stores=stores, links=links, kinds=kinds)

    def _load(self, s: int, alias: Alias) -> dict[str, Any]:
        """Read a store's export, note what is odd about its variants; return what it holds."""
        columns = len(self._question.columns[alias])
        self._execute(sql.load_export(s, columns), [_path(self._question.exports[alias])])
        lines, nameless, items, *rest = self._row(sql.count_export(s, columns))
        if nameless:
            raise NotCompared(f"{nameless} of {lines} lines of {alias}'s export name no item")
        if items < lines:
            self._execute(sql.keep_each_once(s))
            rest = list(self._row(sql.count_export(s, columns))[3:])
        line = "line" if items < lines else "rowid"
        tracked, levels, units = rest
        known, seen, renamed = self._row(sql.count_known(s))
        if renamed:
            self._execute(sql.find_renamed(s, line))
        if columns:
            self._execute(sql.find_unmatched(s, line))
        return {
            "store": alias,
            "variants": items,
            "tracked": tracked,
            "levels": levels,
            "units": units,
            "known_variants": known,
            "seen_variants": seen,
        }

    def _name_variants(self) -> None:
        """Name the variants that are told of: is the key of one in no pool no one else's?"""
        self._execute(sql.FIND_KEYS)
        for s, alias in enumerate(self._stores):
            self._give_keys(s, alias)
        self._execute(sql.find_ambiguous(len(self._stores)))
        if self._row(sql.ANY_RENAMED)[0]:
            self._execute(sql.load_former_names(self._stores), [_path(self._question.variants)])

    def _give_keys(self, s: int, alias: Alias) -> None:
        """Have the domain say what variants are matched by that our catalogue does not know."""
        file = self._work / f"keys-{s}.jsonl"
        with ExportFile(self._question.exports[alias]) as lines, file.open("wb") as keys:
            for item, line in self._stream(sql.select_unknown(s)):
                variant = variant_of(alias, item, lines.line(line, item))
                key = key_of(variant, self._question.match_by)
                if key is not None:
                    found = {"item": item, "key": json.dumps(key)}
                    keys.write(msgspec.json.encode(found) + b"\n")
        if file.stat().st_size:
            self._execute(sql.load_keys(s), [_path(file)])
        file.unlink()

    def _find_discrepancies(self) -> tuple[ConnectionCount, ...]:
        links = []
        for s, alias in enumerate(self._stores):
            columns = len(self._question.columns[alias])
            agreeing = self._question.agreeing
            self._execute(sql.judge_levels(s, columns, is_source=s == 0, agreeing=agreeing))
            self._execute(sql.find_discrepancies(s))
            if s > 0:
                links.append(self._count_link(s))
        return tuple(links)

    def _count_link(self, s: int) -> ConnectionCount:
        pools, usable = self._row(sql.count_link(s))
        differing, more, fewer = self._row(sql.count_gaps(s))
        return ConnectionCount(
            store=self._stores[s],
            pools=pools,
            equal=usable - differing,
            differing=differing,
            unusable=pools - usable,
            more=more,
            fewer=fewer,
            worst=tuple(gap_of(row) for row in self._rows(sql.select_worst(s, MAX_WORST_GAPS))),
        )

    def _all_discrepancies(self) -> Iterator[Discrepancy]:
        columns = self._question.columns
        for s, c, *row in self._stream(sql.SELECT_LEVELS):
            alias = self._stores[s]
            yield level_discrepancy(alias, columns[alias][c], row)
        with ExitStack() as files:
            lines = [
                files.enter_context(ExportFile(self._question.exports[a])) for a in self._stores
            ]
            for s, number, c, item, *row in self._stream(sql.SELECT_VARIANTS):
                alias = self._stores[s]
                column = None if c is None else columns[alias][c]
                line = lines[s].line(number, item)
                yield variant_discrepancy(alias, column, (item, *row), line)

    # -- statements

    def _execute(self, statement: str, given: Sequence[Any] = ()) -> None:
        self._connection.execute(statement, list(given))

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement).fetchall()

    def _row(self, statement: str) -> tuple[Any, ...]:
        return self._rows(statement)[0]

    def _dict(self, statement: str, *names: str) -> dict[str, Any]:
        return dict(zip(names, self._row(statement), strict=True))

    def _stream(self, statement: str, given: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        self._execute(statement, given)
        while some := self._connection.fetchmany(FETCH_ROWS):
            yield from some


def _sql_texts(paths: Sequence[Path]) -> str:
    """Return paths as a list of SQL texts."""
    quoted = (str(each.absolute()).replace("'", "''") for each in paths)
    return "[" + ", ".join(f"'{each}'" for each in quoted) + "]"


def _path(file: Path) -> str:
    return str(file.absolute())


def _check_first_line(alias: Alias, file: Path, columns: int) -> None:
    """Refuse a file that was asked for with other locations in mind.

    Raises:
        NotCompared: It has other columns, or its first line is no line of an export.
    """
    try:
        with file.open("rb") as lines:
            first = lines.readline(sql.MAX_LINE_BYTES)
        if not first:
            return
        line: Mapping[str, Any] = msgspec.json.decode(first, type=dict[str, Any])
        found = {name for name in line["inventoryItem"] if name.startswith("l")}
    except OSError as exc:
        raise NotCompared(f"the export of {alias} cannot be read: {exc.strerror}") from exc
    except (msgspec.DecodeError, KeyError, TypeError) as exc:
        raise NotCompared(f"the export of {alias} does not begin like one") from exc
    if found != {f"l{c}" for c in range(columns)}:
        raise NotCompared(
            f"the export of {alias} was made for {len(found)} locations, not {columns}; "
            "export it again"
        )
