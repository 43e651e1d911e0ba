"""Compare the stores: export each, dump what we think, join, and judge what came of it.

an export                                                then
-------------------------------------------------------  ---------------------------------
knows less than half of the variants that we know there  it is not believed: no findings,
(where we know twenty or more)                           one critical notice, with numbers
anything else                                            it is compared
"""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sync_core.domain.discrepancies import (
    ComparisonSummary,
    Discrepancy,
    DiscrepancyKind,
    StoreCount,
)
from sync_core.domain.location_groups import LocationGroups
from sync_core.domain.proposals import Report, ReportState, Worst
from sync_core.domain.values import Alias, Event, ItemId, LevelId, Severity
from sync_core.domain.views import Finding
from sync_core.errors import NotCompared
from sync_core.ports import Column, Comparer, Comparison, Question, Store, Transaction
from sync_core.workers.context import Context
from sync_core.workers.exporter import (
    ExportedFile,
    Exporter,
    ExportRequest,
    dump_levels,
    dump_variants,
)

log = logging.getLogger(__name__)

MAX_LEVELS_READ_AGAIN = 2000  # levels that one comparison reads again
MAX_UNMATCHED_FINDINGS = 2000  # variants without a partner that become findings
FEW_VARIANTS = 20  # known variants below which any export is believed
PLAUSIBLE_SHARE = 0.5  # of what we know, an export must have this share
VARIANT_KINDS = {DiscrepancyKind.NO_PARTNER: "no_partner", DiscrepancyKind.AMBIGUOUS: "ambiguous"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonResult:
    """What a comparison came to, as long as its files are there."""

    tally: ComparisonSummary
    comparison: Comparison
    exported: Mapping[Alias, ExportedFile]
    disbelieved: tuple[Alias, ...]

    def summary(self) -> dict[str, object]:
        """Return the counts that a report shows."""
        paged = {alias: each.why for alias, each in self.exported.items() if each.operation is None}
        return {
            "variants": {each.store: each.variants for each in self.tally.stores},
            "levels": sum(each.seen_levels for each in self.tally.stores),
            "units": {each.store: each.units for each in self.tally.stores},
            "equal": sum(each.equal for each in self.tally.links),
            "differing": sum(each.differing for each in self.tally.links),
            "odd": {f"{store} {kind}": n for (store, kind), n in self.tally.kinds.items()},
            "disbelieved": list(self.disbelieved),
            "paged": paged,
        }

    async def levels(self) -> AsyncIterator[LevelId]:
        """Yield the levels that are not plainly fine, as many as one report reads again."""
        count = 0
        async for some in self.comparison.suspects():
            for each in some:
                if each.known_level is not None and count < MAX_LEVELS_READ_AGAIN:
                    count += 1
                    yield each.known_level.level


class StoreComparison:
    """Brings together what a comparison needs, and takes it away afterwards."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @asynccontextmanager
    async def compared(
        self, report: Report, *, until: timedelta
    ) -> AsyncIterator[ComparisonResult]:
        """Export, dump and join.

        Raises:
            StoreError: If a store gives no export.
            NotCompared: If the files cannot be compared, or nothing can compare them here.
            OSError: If they cannot be written.
        """
        comparer = self._context.comparer
        if comparer is None:
            raise NotCompared("this process cannot compare stores")
        folder = Path(tempfile.mkdtemp(prefix="tipo-"))
        try:
            async with self._compared_in(folder, comparer, report, until) as found:
                yield found
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    @asynccontextmanager
    async def _compared_in(
        self, folder: Path, comparer: Comparer, report: Report, until: timedelta
    ) -> AsyncIterator[ComparisonResult]:
        context = self._context
        location_groups = await context.database.transaction(lambda tx: tx.location_groups.all())
        columns = {alias: _columns(alias, location_groups) for alias in context.stores}
        if not any(columns.values()):
            raise NotCompared("no locations are shared yet: see `tipo locations`")
        await self.set_state(report, ReportState.EXPORTING, until=until)
        exported = await ReportExports(context, report, columns, folder, until).make()
        await self.set_state(report, ReportState.COMPARING, until=until)
        levels, variants = folder / "levels.csv", folder / "variants.csv"
        await dump_levels(context.database, levels)
        await dump_variants(context.database, variants)
        question = Question(
            source=context.source,
            exports={alias: each.path for alias, each in exported.items()},
            columns=columns,
            levels=levels,
            variants=variants,
            match_by=context.match_by,
        )
        async with comparer.compare(question) as comparison:
            odd = tuple(each.store for each in comparison.tally.stores if not is_plausible(each))
            await context.database.transaction(partial(self._notify_implausible, comparison.tally))
            yield ComparisonResult(
                tally=comparison.tally, comparison=comparison, exported=exported, disbelieved=odd
            )

    async def set_state(self, report: Report, state: ReportState, *, until: timedelta) -> None:
        """Note how far a report has come."""
        await _set_state(self._context, report, state, until)

    def _notify_implausible(self, tally: ComparisonSummary, tx: Transaction) -> None:
        """Tell people of an export that is not believed, or that one is believed again."""
        now = self._context.clock.now()
        tx.notifications.notify([_implausible_export(each) for each in tally.stores], now=now)

    # -- what a report keeps
    async def preflight(
        self, compared: ComparisonResult, stores: Sequence[Alias]
    ) -> dict[str, object]:
        """Return what a change of mode would mean for some destinations."""
        links = [each for each in compared.tally.links if each.store in stores]
        gaps = sorted(
            ((each.store, gap) for each in links for gap in each.worst),
            key=lambda pair: -abs(pair[1].shows - pair[1].should_show),
        )[:10]
        pools = [gap.pool for _, gap in gaps]
        views = await self._context.database.transaction(lambda tx: tx.views.pool_views(pools))
        titles = {each.id: each.title for each in views}
        kinds = compared.tally.kinds
        involved = {*stores, self._context.source}
        missing = sum(
            n for (store, kind), n in kinds.items() if store in involved and kind in VARIANT_KINDS
        )
        worst = [
            Worst(
                title=titles.get(gap.pool, ""),
                store=store,
                shows=gap.shows,
                should_show=gap.should_show,
            )
            for store, gap in gaps
        ]
        return {
            **compared.summary(),
            "matching": sum(each.equal for each in links),
            "differing": sum(each.differing for each in links),
            "unusable": sum(each.unusable for each in links),
            "missing": missing,
            "units": sum(each.more + each.fewer for each in links),
            "worst": worst,
        }

    async def save_unmatched(self, compared: ComparisonResult) -> None:
        """Open a finding for each variant without a partner, and close those that have one.

        Those that are described otherwise than we know are read again: a webhook was lost.
        """
        seen: list[Event] = []
        other: dict[Alias, list[ItemId]] = {}
        async for some in compared.comparison.suspects():
            seen += [_unmatched_variant(each) for each in some if each.what in VARIANT_KINDS]
            for each in some:
                if each.what is DiscrepancyKind.RENAMED:
                    other.setdefault(each.store, []).append(each.item)
            if len(seen) >= MAX_UNMATCHED_FINDINGS:
                break
        whole = len(seen) < MAX_UNMATCHED_FINDINGS
        await self._context.database.transaction(partial(self._save_unmatched, seen, whole))
        now = self._context.clock.now()
        await self._context.database.transaction(partial(_mark_for_reading, other, now))
        if other:
            self._context.catalogues.notify()

    def _save_unmatched(self, seen: Sequence[Event], whole: bool, tx: Transaction) -> None:  # noqa: FBT001
        now = self._context.clock.now()
        tx.notifications.notify(seen, now=now)
        if not whole:
            return
        subjects = {each.subject for each in seen}
        after = 0
        gone: list[int] = []
        while some := tx.findings.page(kinds=VARIANT_KINDS.values(), after=after, limit=500):
            gone += [each.id for each in some if _is_matched(each, subjects)]
            after = some[-1].id
        tx.findings.close(gone, now=now)


class ReportExports:
    """The exports of every store for one report, all at once, and what people see of it."""

    def __init__(
        self,
        context: Context,
        report: Report,
        columns: Mapping[Alias, tuple[Column, ...]],
        folder: Path,
        until: timedelta,
    ) -> None:
        self._context = context
        self._report = report
        self._columns = columns
        self._folder = folder
        self._until = until
        self._progress: dict[str, str] = {}  # what people read of each store's export
        # What was begun before a process died is waited for.
        self._operations = dict(report.facts.operations)

    async def make(self) -> dict[Alias, ExportedFile]:
        """Make them; one store's failure fails all."""
        made: list[tuple[Alias, ExportedFile]] = []
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch())
                stores = self._context.stores.values()
                tasks = [group.create_task(self._make_one(each)) for each in stores]
                made = [await each for each in tasks]
                watching.cancel()
        except BaseExceptionGroup as many:
            raise first_error(many) from None
        return dict(made)

    async def _make_one(self, store: Store) -> tuple[Alias, ExportedFile]:
        alias = store.alias

        def progress(objects: int, expected: int | None) -> None:
            of = f" of {expected:,}" if expected else ""
            self._progress[alias] = f"{objects:,}{of} read"

        wanted = ExportRequest(
            locations=tuple(each.location for each in self._columns[alias]),
            to=self._folder / f"{alias}.jsonl",
            operation=self._operations.get(alias),
            started=partial(self._started, alias),
            progress=progress,
        )
        with self._context.exports.subscribe() as wakeup:
            exporter = Exporter(store, self._context.clock, wakeup=wakeup)
            return alias, await exporter.make(wanted)

    async def _started(self, alias: Alias, operation: str) -> None:
        """Keep the name of an export, for whoever comes next."""
        self._operations[alias] = operation
        begun = dict(self._operations)
        await self._context.database.transaction(
            lambda tx: tx.reports.keep_operations(self._report.id, begun)
        )

    async def _watch(self) -> None:
        """Hold the report, and say how far its exports have come, until cancelled."""
        while True:
            await self._context.clock.sleep(self._until.total_seconds() / 5)
            await _set_state(
                self._context,
                self._report,
                ReportState.EXPORTING,
                self._until,
                dict(self._progress),
            )


async def _set_state(
    context: Context,
    report: Report,
    state: ReportState,
    until: timedelta,
    progress: Mapping[str, str] | None = None,
) -> None:
    """Note how far a report has come."""
    end = context.clock.now() + until
    await context.database.transaction(
        lambda tx: tx.reports.update(report.id, state, progress=progress, until=end)
    )


def _mark_for_reading(
    items: Mapping[Alias, Sequence[ItemId]], now: datetime, tx: Transaction
) -> None:
    """Have the products of these items read by id."""
    for store, some in items.items():
        for product in tx.catalogue.products_of(store, some[:MAX_UNMATCHED_FINDINGS]):
            tx.catalogue.enqueue_product(store, product, now=now)


def is_plausible(count: StoreCount) -> bool:
    """Whether an export may be what the store really holds."""
    return (
        count.known_variants < FEW_VARIANTS
        or count.seen_variants >= PLAUSIBLE_SHARE * count.known_variants
    )


def _implausible_export(count: StoreCount) -> Event:
    """Return the news that an export is not believed, or (over) that it is."""
    return Event(
        kind="export_odd",
        subject=f"store:{count.store}",
        severity=Severity.CRITICAL,
        facts={
            "store": count.store,
            "exported": count.variants,
            "seen": count.seen_variants,
            "known": count.known_variants,
        },
        resolved=is_plausible(count),
    )


def _unmatched_variant(suspect: Discrepancy) -> Event:
    """Return the finding that a variant has no partner, or several."""
    sold = suspect.sold
    facts: dict[str, str | int | float | bool | None] = {"store": suspect.store}
    if sold is not None:
        values = ", ".join(value for _, value in sold.options if value != "Default Title")
        facts |= {
            "title": f"{sold.title} ({values})" if values else sold.title,
            "sku": sold.names.sku,
            "handle": sold.names.handle,
        }
    return Event(
        kind=VARIANT_KINDS[suspect.what],
        subject=f"variant:{suspect.store}:{suspect.item}",
        severity=Severity.INFO,
        facts={**facts, "item": suspect.item},
    )


def _is_matched(finding: Finding, subjects: set[str]) -> bool:
    return finding.subject not in subjects


def _columns(alias: Alias, location_groups: LocationGroups) -> tuple[Column, ...]:
    """Return the locations that a store's export is about, in the order of the places."""
    return tuple(
        Column(location_group=location_group.id, location=location_group.locations[alias])
        for location_group in location_groups
        if alias in location_group.locations
    )


def first_error(many: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first real error of a group: one store's failure fails the comparison."""
    errors = [each for each in many.exceptions if not isinstance(each, asyncio.CancelledError)]
    return errors[0] if errors else many
