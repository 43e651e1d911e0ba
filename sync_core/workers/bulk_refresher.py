"""Read many levels for the first time by one export of their store, in place of one by one.

    of one store's levels                          are read by
    ---------------------------------------------  ---------------------------------------------
    that have no book yet, `levels_for_export`     an export: here; its readings are judged as
    or more of them                                any other (accounting.py), by the requests
                                                   as they were before the export began
    that moved or were reported since it began,    the refresher, by id, when the readings here
    that it did not have or could not be believed  have been accounted for
    all others                                     the refresher, by id

    the store                                      then
    ---------------------------------------------  ---------------------------------------------
    gives no export                                another one, after a while
    gives none, three times                        all are read by id; people read why
    does not answer, or not to our token           the error: it is the store, and all wait

What is left after an export was asked for before it, so that no export can follow on another for
the same levels. Of several processes one exports. A process that dies leaves levels that have no
book yet, and the next one begins with an export of its own: whatever was taken over stays.
"""

import asyncio
import logging
import shutil
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

from sync_core.backoff import Backoff
from sync_core.domain.accounting import apply_reading
from sync_core.domain.read_progress import ReadProgress, ReadStage
from sync_core.domain.values import NEVER, LevelId, LocationId, Outcome, Reading, RefreshRequest
from sync_core.errors import StoreError, cut
from sync_core.ports import Store, Transaction
from sync_core.workers.context import Context
from sync_core.workers.exporter import Exporter, ExportRequest, NoExport
from sync_core.workers.outcomes import commit_outcomes
from sync_core.workers.refresher import is_worth_export
from sync_core.workers.store_comparison import first_error

log = logging.getLogger(__name__)

# By id a thousand levels take a minute of the store's budget, so that it pays to ask once more.
FAILED_EXPORT = Backoff(first=10, factor=3, longest=60, attempts=3)
CLAIM = timedelta(seconds=30)  # that a process is the one that exports; renewed all the while
NOTE_SECONDS = 2.0  # seconds between notes of how far an export has come
REQUESTS_PER_STEP = 20_000  # requests that are read in one transaction
LINES_PER_STEP = 250  # lines of an export that are accounted for in one transaction


class BulkRefresher:
    """Reads one store's levels that have no book yet, where there are many."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store
        self._me = context.ids.new()
        self._failures, self._retry_at = 0, NEVER  # in a row
        self._progress: ReadProgress | None = None

    async def round(self) -> float | None:
        """Export and account for what it says, if it pays; return the seconds until it may again.

        Raises:
            StoreError: If the store does not answer; all stays to be read.
        """
        context, began = self._context, self._context.clock.now()
        if began < self._retry_at:
            return (self._retry_at - began).total_seconds()
        may = await context.database.transaction(partial(self._begin, began))
        if may is not True:
            return None if may is None else CLAIM.total_seconds() / 2
        requests = await self._requests(began)
        folder = Path(tempfile.mkdtemp(prefix="tipo-"))
        try:
            await self._read_claimed(requests, folder / "export.jsonl")
        except (NoExport, OSError) as exc:
            return await self._failed(began, cut(str(exc)), len(requests))
        except StoreError as exc:
            self._set(ReadStage.RETRYING, len(requests), why=cut(str(exc)))
            await context.database.transaction(self._note)
            raise
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        self._failures = 0
        await self._leave_rest(began, None)
        return 0.0

    def _begin(self, now: datetime, tx: Transaction) -> bool | None:
        """Return whether to export: None if it does not pay, False if another process does."""
        if not is_worth_export(tx, self._context, self._store.alias, now=now):
            if self._progress is None:  # what a process has noted that died
                tx.baselines.note(self._store.alias, None)
            return None
        until = now + CLAIM
        return tx.settings.take_leadership(self._claim, self._me, now=now, until=until)

    async def _read_claimed(self, requests: "Requests", to: Path) -> None:
        """Read, and keep other processes from the same meanwhile."""
        try:
            async with asyncio.TaskGroup() as group:
                claiming = group.create_task(self._keep_claim())
                await self._read(requests, to)
                claiming.cancel()
        except BaseExceptionGroup as many:
            raise first_error(many) from None

    @property
    def _claim(self) -> str:
        return f"export:{self._store.alias}"

    async def _keep_claim(self) -> None:
        """Keep other processes from the same, and note how far it is, until cancelled."""
        while True:
            await self._context.clock.sleep(NOTE_SECONDS)
            await self._context.database.transaction(self._note)

    def _note(self, tx: Transaction) -> None:
        now = self._context.clock.now()
        tx.settings.take_leadership(self._claim, self._me, now=now, until=now + CLAIM)
        tx.baselines.note(self._store.alias, self._progress)

    async def _requests(self, began: datetime) -> "Requests":
        """Return all requests as they are before the export begins."""
        found = Requests(began)
        since = self._context.exported_at[self._store.alias]
        while some := await self._context.database.transaction(
            lambda tx: tx.refreshes.first_reads(
                self._store.alias,
                now=began,
                since=since,
                after=found.last,
                limit=REQUESTS_PER_STEP,
            )
        ):
            found.add(some)
        return found

    # -- the export
    async def _read(self, requests: "Requests", to: Path) -> None:
        """Export, and account for every line."""
        context, alias = self._context, self._store.alias
        locations, expected = await context.database.transaction(self._asked)
        if self._progress is None or self._progress.stage is not ReadStage.RETRYING:
            self._set(ReadStage.EXPORTING, expected)
        log.info(
            "%s exports its stock: %d levels are read for the first time",
            alias,
            len(requests),
            extra={"event": "bulk_read", "store": alias, "n": len(requests)},
        )
        wanted = ExportRequest(
            locations=locations,
            to=to,
            expected=expected,
            by_pages=False,
            started=partial(self._started, expected),
            progress=self._exported,
        )
        with context.exports.subscribe() as wakeup:
            await Exporter(self._store, context.clock, wakeup=wakeup).make(wanted)
        await context.availability.succeeded(alias)
        self._set(ReadStage.ADOPTING, len(requests))
        with to.open("rb") as file:
            while lines := await asyncio.to_thread(lambda: list(islice(file, LINES_PER_STEP))):
                await self._adopt(requests, lines, locations)
        context.store_work.notify()

    def _asked(self, tx: Transaction) -> tuple[tuple[LocationId, ...], int]:
        """Return the store's shared locations, and how many variants its export will have."""
        alias = self._store.alias
        found = [each.locations.get(alias) for each in tx.location_groups.all()]
        return tuple(each for each in found if each is not None), tx.catalogue.count(alias)

    async def _started(self, expected: int, _operation: str) -> None:
        """Say that the store exports; which one is not kept, since a new process asks anew."""
        self._set(ReadStage.EXPORTING, expected)

    def _exported(self, objects: int, expected: int | None) -> None:
        self._set(ReadStage.EXPORTING, expected or 0, objects)

    async def _adopt(
        self, requests: "Requests", lines: Sequence[bytes], locations: Sequence[LocationId]
    ) -> None:
        """Account for some lines, in one transaction."""
        readings = await asyncio.to_thread(self._readings, lines, locations)
        work = partial(self._account, requests, readings)
        adopted, emptied = await self._context.database.transaction(work)
        if emptied:
            self._context.inbox.notify()  # it decides on what waits to be explained
        if self._progress is not None:
            self._set(ReadStage.ADOPTING, len(requests), self._progress.done + adopted)

    def _readings(self, lines: Sequence[bytes], locations: Sequence[LocationId]) -> list[Reading]:
        return [each for line in lines for each in self._store.exported(line, locations)]

    def _account(
        self, requests: "Requests", readings: Sequence[Reading], tx: Transaction
    ) -> tuple[int, bool]:
        """Account for readings; return of how many levels, and whether any fell to zero."""
        context, now = self._context, self._context.clock.now()
        by_key = {each.key: each for each in readings}
        outcomes: list[Outcome] = []
        for key, pool in tx.stock.pools_by_key(by_key).items():
            request = requests.of(pool.at(key).id, by_key[key])
            if request is not None:
                # These are levels of one store, and a pool has one of each.
                outcomes.append(
                    apply_reading(
                        pool, by_key[key], request, now=now, read_lag=context.config.read_lag
                    )
                )
        return len(outcomes), commit_outcomes(tx, outcomes, context, now=now).emptied

    # -- what comes of it
    def _set(self, stage: ReadStage, total: int, done: int = 0, why: str = "") -> None:
        """Remember how far it is; it is noted for people now and then."""
        known = self._progress
        since = self._context.clock.now()
        if known is not None and known.stage is stage:
            since = known.since
        self._progress = ReadProgress(stage=stage, since=since, done=done, total=total, why=why)

    async def _failed(self, began: datetime, why: str, levels: int) -> float:
        """Ask for another export later, or have all levels read by id."""
        context, alias = self._context, self._store.alias
        self._failures += 1
        over = FAILED_EXPORT.is_over(self._failures)
        log.warning(
            "%s gave no export, %s",
            alias,
            "reading one by one" if over else "asking again",
            extra={"event": "bulk_read_failed", "store": alias, "why": why},
        )
        if over:
            self._failures = 0
            self._set(ReadStage.DIRECT, levels, why=why)
            await self._leave_rest(began, self._progress)
            return 0.0
        self._set(ReadStage.RETRYING, levels, why=why)
        await context.database.transaction(self._note)
        wait = FAILED_EXPORT.delay(self._failures)
        self._retry_at = context.clock.now() + timedelta(seconds=wait)
        return wait

    async def _leave_rest(self, began: datetime, progress: ReadProgress | None) -> None:
        """Leave what was asked for before the export, and is not read yet, to the refresher."""
        self._context.exported_at[self._store.alias] = began
        self._progress = progress
        await self._context.database.transaction(self._note)
        self._context.store_work.notify()


class Requests:
    """The requests of an export as they were before it began: 24 bytes each."""

    def __init__(self, began: datetime) -> None:
        self._began = began
        self._levels, self._versions, self._marks = array("q"), array("q"), array("q")

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._levels)

    @property
    def last(self) -> LevelId:
        """The last level so far."""
        return LevelId(self._levels[-1] if self._levels else 0)

    def add(self, some: Sequence[tuple[LevelId, int, int]]) -> None:
        """Add levels behind the last one, with their versions and marks."""
        for level, version, mark in some:
            self._levels.append(level)
            self._versions.append(version)
            self._marks.append(mark)

    def of(self, level: LevelId, reading: Reading) -> RefreshRequest | None:
        """Return what was asked about a level; None if nothing was."""
        at = bisect_left(self._levels, level)
        if at == len(self._levels) or self._levels[at] != level:
            return None
        return RefreshRequest(
            level=level,
            key=reading.key,
            began=self._began,
            version=self._versions[at],
            mark=self._marks[at],
        )
