"""Turn what differs into findings, and findings into proposals: each read again by id first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sync_core.clock import Clock, Ids
from sync_core.domain.decisions import participants
from sync_core.domain.drift import PASSING, DriftVerdict, cause, should_show, verdict
from sync_core.domain.fixes import IGNORE, Fixes, fixes
from sync_core.domain.proposals import FIX_OPEN_FOR, Choice, Option, ProposalKind, ReportState
from sync_core.domain.suspension import request_refresh
from sync_core.domain.values import (
    Alias,
    Event,
    ItemId,
    Level,
    LevelId,
    Outcome,
    Pool,
    PoolId,
    Reading,
    Role,
    Severity,
)
from sync_core.domain.views import Finding
from sync_core.ports import Database, Draft, Store, Transaction
from sync_core.workers.refresher import LevelReadings, read_levels

LEVELS_PER_STEP = 100  # levels looked at in one step
SECOND_READING_AFTER_SECONDS = 5.0  # seconds between two readings of what nobody told us of
REPORT_LEASE = timedelta(minutes=3)  # how long a report is held without a sign of life
FOUND_BY_COMPARING = (
    DriftVerdict.MISSED,
    DriftVerdict.ONE_WAY,
)  # found by comparing, hence closed by comparing
BY_LEVEL = (*FOUND_BY_COMPARING, DriftVerdict.DIFFERS, DriftVerdict.SUSPENDED, DriftVerdict.BOOKS)
JudgedLevel = tuple[DriftVerdict, Pool, Level]
KINDS_WITH_OWN_QUESTION = {"circuit_breaker", "contested"}  # have questions of their own


@dataclass(slots=True)
class Examination:
    """What an examination came to."""

    counts: dict[str, int] = field(default_factory=dict)
    doubtful: list[LevelId] = field(default_factory=list)  # to be read a second time
    silent: dict[Alias, str] = field(default_factory=dict)

    def add(self, found: "Examination") -> None:
        """Grow by what another part came to."""
        for name, count in found.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.doubtful += found.doubtful
        self.silent |= found.silent


class Proposer:
    """Examines levels and findings, and proposes."""

    def __init__(
        self, database: Database, stores: Mapping[Alias, Store], clock: Clock, ids: Ids
    ) -> None:
        self._database = database
        self._stores = stores
        self._clock = clock
        self._ids = ids

    async def examine(self, levels: Sequence[LevelId], report: int | None) -> Examination:
        """Read levels by id; open, keep or close their findings, and propose what may be done."""
        total = await self._pass(levels, report, sure=False)
        if total.doubtful:
            await self._clock.sleep(SECOND_READING_AFTER_SECONDS)
            again, total.doubtful = total.doubtful, []
            total.add(await self._pass(again, report, sure=True))
        return total

    async def _pass(
        self, levels: Sequence[LevelId], report: int | None, *, sure: bool
    ) -> Examination:
        total = Examination()
        for start in range(0, len(levels), LEVELS_PER_STEP):
            some = levels[start : start + LEVELS_PER_STEP]
            pools = await self._database.transaction(partial(_pools_of, some))
            part = {
                each.id: each for level, pool in pools.items() for each in participants(pool, level)
            }
            found = await read_levels(part.values(), self._stores, self._clock)
            judge = partial(self._judge, some, found, report, sure)
            total.add(await self._database.transaction(judge))
        return total

    def _judge(
        self,
        levels: Sequence[LevelId],
        found: LevelReadings,
        report: int | None,
        sure: bool,  # noqa: FBT001 - partial() needs it in its place
        tx: Transaction,
    ) -> Examination:
        """Judge what was read, and keep what follows, in one commit."""
        now = self._clock.now()
        total = Examination(silent=dict(found.silent))
        judged = _judged(tx.stock.pools_of(levels), levels, found)
        if not sure:
            total.doubtful = [level.id for said, _, level in judged if said is DriftVerdict.MISSED]
            judged = [each for each in judged if each[0] is not DriftVerdict.MISSED]
        _request_refresh([each for each in judged if each[0] is DriftVerdict.REFRESH], tx, now)
        for said, _, _ in judged:
            if said in BY_LEVEL:
                total.counts[said] = total.counts.get(said, 0) + 1
        known = _update_findings(judged, found, tx, now)
        wanted = [
            (finding, of)
            for finding, of in known
            if finding.kind == of[0] and not _is_muted(finding, now)
        ]
        pages = tx.catalogue.product_pages(_item_of(level) for _, (_, _, level) in wanted)
        drafts = [
            _draft(finding, of, found, pages.get(_item_of(of[2]), "")) for finding, of in wanted
        ]
        self._propose(tx, drafts, report, now)
        if report is not None:
            tx.reports.update(report, ReportState.READING, until=now + REPORT_LEASE)
        return total

    def _propose(
        self, tx: Transaction, drafts: Iterable[Draft], report: int | None, now: datetime
    ) -> None:
        """Keep proposals, each with a token of its own."""
        kept = [(each, self._ids.new()) for each in drafts]
        if kept:
            tx.proposals.propose(kept, report=report, now=now, expires_at=now + FIX_OPEN_FOR)

    async def propose_others(self, report: int) -> None:
        """Propose something about every standing finding that is not about a level."""
        after = 0
        while True:
            more = partial(self._propose_others, report, after)
            last = await self._database.transaction(more)
            if last is None:
                return
            after = last

    def _propose_others(self, report: int, after: int, tx: Transaction) -> int | None:
        now = self._clock.now()
        findings = tx.findings.page(after=after, limit=500)
        wanted = [
            each
            for each in findings
            if not each.subject.startswith("level:")
            and each.kind not in {*PASSING, *KINDS_WITH_OWN_QUESTION}
            and not _is_muted(each, now)
        ]
        items = {each.id: item for each in wanted if (item := _variant_in(each.subject))}
        known = tx.catalogue.product_pages(items.values())
        pages = {number: known.get(item, "") for number, item in items.items()}
        drafts = [
            _draft_for_other(each, _partners(tx, each), pages.get(each.id, "")) for each in wanted
        ]
        self._propose(tx, drafts, report, now)
        return findings[-1].id if findings else None


def _pools_of(levels: Sequence[LevelId], tx: Transaction) -> dict[LevelId, Pool]:
    return tx.stock.pools_of(levels)


def _judged(
    pools: Mapping[LevelId, Pool], levels: Sequence[LevelId], found: LevelReadings
) -> list[JudgedLevel]:
    """Return the verdict on each level of which something can be said now."""
    judged: list[JudgedLevel] = []
    for number in levels:
        if number in pools:
            pool, level = pools[number], pools[number].level(number)
            said = _verdict(pool, level, found)
            if said is not None:
                judged.append((said, pool, level))
    return judged


def _verdict(pool: Pool, level: Level, found: LevelReadings) -> DriftVerdict | None:
    """Return the verdict on a level; None if nothing can be said of it now."""
    read = found.reads.get(level.id)
    if read is None and level.key.store in found.silent:
        return None
    if read is not None and read.version != level.version:
        return None
    return verdict(pool, level, found.readings)


def _request_refresh(judged: Iterable[JudgedLevel], tx: Transaction, now: datetime) -> None:
    """Have the engine look at levels: it suspends them, or lets them join."""
    pools: dict[PoolId, Pool] = {}  # two levels of one pool are wished for in one breath
    for _, pool, level in judged:
        before = pools.get(pool.id, pool)
        pools[pool.id] = before.with_level(request_refresh(level, now=now))
    tx.stock.save_outcomes([Outcome(pool=each) for each in pools.values()], now=now)


def _update_findings(
    judged: Sequence[JudgedLevel], found: LevelReadings, tx: Transaction, now: datetime
) -> list[tuple[Finding, JudgedLevel]]:
    """Open and close findings as was judged; return all that there are on those levels."""
    events = [
        _finding_event(tx, *each, found.readings)
        for each in judged
        if each[0] in (*FOUND_BY_COMPARING, DriftVerdict.DIFFERS)
    ]
    tx.notifications.notify(events, now=now)
    verdicts = {f"level:{each[2].id}": each for each in judged}
    known = [(each, verdicts[each.subject]) for each in tx.findings.on(verdicts)]
    resolved = [
        each.id for each, of in known if each.kind in FOUND_BY_COMPARING and each.kind != of[0]
    ]
    tx.findings.close(resolved, now=now)
    return known


def _finding_event(
    tx: Transaction,
    said: DriftVerdict,
    pool: Pool,
    level: Level,
    readings: Mapping[LevelId, Reading],
) -> Event:
    """Return the finding that a verdict makes."""
    shows = readings[level.id].available if level.id in readings else level.book
    facts: dict[str, str | int | float | bool | None] = {
        "title": pool.title,
        "store": level.key.store,
        "shows": shows,
        "should_show": should_show(pool, level, readings),
        "shared": pool.shared,
    }
    if said is DriftVerdict.DIFFERS:
        facts["was_off"] = pool.shared is not None and level.level_baseline > 1
    if said is DriftVerdict.MISSED and shows is not None and level.book is not None:
        at = readings[level.id].updated_at
        facts |= {"book": level.book, "order": _explaining_order(tx, pool, level, shows, at)}
    return Event(
        kind=said.value, subject=f"level:{level.id}", severity=Severity.WARNING, facts=facts
    )


def _explaining_order(
    tx: Transaction, pool: Pool, level: Level, shows: int, at: datetime | None
) -> str | None:
    """Return the order that explains a change nobody told us of, if one does."""
    if at is None or level.book is None:
        return None
    return tx.order_events.cause_of(pool.id, level.key.store, shows - level.book, at)


def _item_of(level: Level) -> tuple[Alias, ItemId]:
    return level.key.store, level.key.item


def _draft(finding: Finding, of: JudgedLevel, found: LevelReadings, page: str) -> Draft:
    """Return what to propose about a finding on a level."""
    said, pool, level = of
    part = participants(pool, level.id)
    values = {each.id: found.values.get(each.id) for each in part}
    suggested = fixes(said.value, pool, level, values)
    facts = {
        **finding.facts,
        "shows": values.get(level.id, level.book),
        "shared": pool.shared,
        "pool": pool.id,
        "level": level.id,
        "saw": {str(each): value for each, value in values.items()},
        "shown": _shown(part, values),
        "page": page,
        "since": finding.opened_at.isoformat(),
    }
    facts["cause"] = cause(said.value, facts)
    return _as_draft(finding, facts, suggested)


def _shown(part: Sequence[Level], values: Mapping[LevelId, int | None]) -> list[list[object]]:
    """Return what each store shows, the source first, as people are told it."""
    ordered = sorted(part, key=lambda each: (each.role is not Role.SOURCE, each.key.store))
    return [[each.key.store, values.get(each.id)] for each in ordered]


def _variant_in(subject: str) -> tuple[Alias, ItemId] | None:
    """Return the variant that a finding is about, if it is about one."""
    kind, _, rest = subject.partition(":")
    if kind != "variant":
        return None
    store, _, item = rest.partition(":")
    return Alias(store), ItemId(int(item))


def _partners(tx: Transaction, finding: Finding) -> dict[Alias, ItemId]:
    """Return what a variant without a match may be linked with: the same by SKU or barcode."""
    variant = _variant_in(finding.subject)
    return {} if variant is None else tx.catalogue.partners(*variant)


def _draft_for_other(finding: Finding, partners: Mapping[Alias, ItemId], page: str) -> Draft:
    """Return what to propose about a finding on anything else."""
    since = finding.opened_at.isoformat()
    facts: dict[str, object] = {**finding.facts, "since": since, "page": page}
    facts["cause"] = cause(finding.kind, facts)
    if not partners:
        return _as_draft(finding, facts, Fixes(options=IGNORE))
    linked: dict[str, object] = {str(store): item for store, item in partners.items()}
    facts["link"] = {str(finding.facts["store"]): finding.facts["item"], **linked}
    words = f"Link with {', '.join(sorted(partners))}: the same SKU or barcode"
    options = (Option(choice=Choice.LINK, words=words), *IGNORE)
    return _as_draft(finding, facts, Fixes(options=options, recommended=Choice.LINK))


def _as_draft(finding: Finding, facts: Mapping[str, object], suggested: Fixes) -> Draft:
    return Draft(
        kind=ProposalKind.FIX,
        finding=finding.id,
        subject=finding.kind,
        title=str(facts.get("title") or ""),
        facts=facts,
        options=suggested.options,
        recommended=suggested.recommended,
        safe=suggested.safe,
    )


def _is_muted(finding: Finding, now: datetime) -> bool:
    """Whether somebody said to leave a finding alone."""
    return finding.muted_until is not None and finding.muted_until > now
