"""Turn what differs into findings, and findings into proposals: each read again by id first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sync_core.clock import Clock, Ids
from sync_core.domain.decide import takes_part
from sync_core.domain.drift import PASSING, Verdict, cause, should_show, verdict
from sync_core.domain.fixes import IGNORE, Fixes, fixes
from sync_core.domain.proposals import OPEN_FOR, Choice, Option, ProposalKind, ReportState
from sync_core.domain.suspend import wish
from sync_core.domain.values import (
    Alias,
    ItemId,
    Level,
    LevelId,
    News,
    Outcome,
    Pool,
    PoolId,
    Reading,
    Severity,
)
from sync_core.domain.views import Finding
from sync_core.papers import Draft
from sync_core.ports import Ledger, Records, Store
from sync_core.workers.reading import Found, read_levels

SOME = 100  # levels looked at in one step
TWICE = 5.0  # seconds between two readings of what nobody told us of
HELD = timedelta(minutes=3)  # how long a report is held without a sign of life
OURS = (Verdict.MISSED, Verdict.ONE_WAY)  # found by comparing, hence closed by comparing
BY_LEVEL = (*OURS, Verdict.DIFFERS, Verdict.SUSPENDED, Verdict.BOOKS)
Judged = tuple[Verdict, Pool, Level]
ASKED = {"brake", "contested"}  # have questions of their own


@dataclass(slots=True)
class Examined:
    """What an examination came to."""

    counts: dict[str, int] = field(default_factory=dict)
    doubtful: list[LevelId] = field(default_factory=list)  # to be read a second time
    silent: dict[Alias, str] = field(default_factory=dict)

    def add(self, found: "Examined") -> None:
        """Grow by what another part came to."""
        for name, count in found.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.doubtful += found.doubtful
        self.silent |= found.silent


class Proposer:
    """Examines levels and findings, and proposes."""

    def __init__(
        self, records: Records, stores: Mapping[Alias, Store], clock: Clock, ids: Ids
    ) -> None:
        self._records = records
        self._stores = stores
        self._clock = clock
        self._ids = ids

    async def examine(self, levels: Sequence[LevelId], report: int | None) -> Examined:
        """Read levels by id; open, keep or close their findings, and propose what may be done."""
        total = await self._pass(levels, report, sure=False)
        if total.doubtful:
            await self._clock.sleep(TWICE)
            again, total.doubtful = total.doubtful, []
            total.add(await self._pass(again, report, sure=True))
        return total

    async def _pass(self, levels: Sequence[LevelId], report: int | None, *, sure: bool) -> Examined:
        total = Examined()
        for start in range(0, len(levels), SOME):
            some = levels[start : start + SOME]
            pools = await self._records.step(partial(_pools_of, some))
            part = {
                each.id: each for level, pool in pools.items() for each in takes_part(pool, level)
            }
            found = await read_levels(part.values(), self._stores, self._clock)
            step = partial(self._judge, some, found, report, sure)
            total.add(await self._records.step(step))
        return total

    def _judge(
        self,
        levels: Sequence[LevelId],
        found: Found,
        report: int | None,
        sure: bool,  # noqa: FBT001 - partial() needs it in its place
        ledger: Ledger,
    ) -> Examined:
        """Judge what was read, and keep what follows, in one commit."""
        now = self._clock.now()
        total = Examined(silent=dict(found.silent))
        judged = _judged(ledger.pools_of(levels), levels, found)
        if not sure:
            total.doubtful = [level.id for said, _, level in judged if said is Verdict.MISSED]
            judged = [each for each in judged if each[0] is not Verdict.MISSED]
        _look([each for each in judged if each[0] is Verdict.LOOK], ledger, now)
        for said, _, _ in judged:
            if said in BY_LEVEL:
                total.counts[said] = total.counts.get(said, 0) + 1
        news = [
            _news(ledger, *each, found.readings)
            for each in judged
            if each[0] in (*OURS, Verdict.DIFFERS)
        ]
        ledger.tell(news, now=now)
        verdicts = {f"level:{each[2].id}": each for each in judged}
        known = ledger.findings_on(verdicts)
        over = [
            each.id
            for each in known
            if each.kind in OURS and each.kind != verdicts[each.subject][0]
        ]
        ledger.close_findings(over, now=now)
        drafts = [
            _draft(each, verdicts[each.subject], found)
            for each in known
            if each.kind == verdicts[each.subject][0] and not _is_muted(each, now)
        ]
        self._propose(ledger, drafts, report, now)
        if report is not None:
            ledger.report_on(report, ReportState.READING, until=now + HELD)
        return total

    def _propose(
        self, ledger: Ledger, drafts: Iterable[Draft], report: int | None, now: datetime
    ) -> None:
        """Keep proposals, each with a token of its own."""
        kept = [(each, self._ids.new()) for each in drafts]
        if kept:
            ledger.propose(kept, report=report, now=now, expires_at=now + OPEN_FOR)

    async def rest(self, report: int) -> None:
        """Propose something about every standing finding that is not about a level."""
        after = 0
        while True:
            more = partial(self._rest, report, after)
            last = await self._records.step(more)
            if last is None:
                return
            after = last

    def _rest(self, report: int, after: int, ledger: Ledger) -> int | None:
        now = self._clock.now()
        findings = ledger.findings_by(after=after, limit=500)
        drafts = [
            _other(each, _partners(ledger, each))
            for each in findings
            if not each.subject.startswith("level:")
            and each.kind not in {*PASSING, *ASKED}
            and not _is_muted(each, now)
        ]
        self._propose(ledger, drafts, report, now)
        return findings[-1].id if findings else None


def _pools_of(levels: Sequence[LevelId], ledger: Ledger) -> dict[LevelId, Pool]:
    return ledger.pools_of(levels)


def _judged(pools: Mapping[LevelId, Pool], levels: Sequence[LevelId], found: Found) -> list[Judged]:
    """Return the verdict on each level of which something can be said now."""
    judged: list[Judged] = []
    for number in levels:
        if number in pools:
            pool, level = pools[number], pools[number].level(number)
            said = _verdict(pool, level, found)
            if said is not None:
                judged.append((said, pool, level))
    return judged


def _verdict(pool: Pool, level: Level, found: Found) -> Verdict | None:
    """Return the verdict on a level; None if nothing can be said of it now."""
    read = found.reads.get(level.id)
    if read is None and level.spot.store in found.silent:
        return None
    if read is not None and read.version != level.version:
        return None
    return verdict(pool, level, found.readings)


def _look(judged: Iterable[Judged], ledger: Ledger, now: datetime) -> None:
    """Have the engine look at levels: it suspends them, or lets them join."""
    pools: dict[PoolId, Pool] = {}  # two levels of one pool are wished for in one breath
    for _, pool, level in judged:
        before = pools.get(pool.id, pool)
        pools[pool.id] = before.with_level(wish(level, now=now))
    ledger.save([Outcome(pool=each) for each in pools.values()], now=now)


def _news(
    ledger: Ledger,
    said: Verdict,
    pool: Pool,
    level: Level,
    readings: Mapping[LevelId, Reading],
) -> News:
    """Return the finding that a verdict makes."""
    shows = readings[level.id].available if level.id in readings else level.book
    facts: dict[str, str | int | float | bool | None] = {
        "title": pool.title,
        "store": level.spot.store,
        "shows": shows,
        "should_show": should_show(pool, level, readings),
        "shared": pool.shared,
    }
    if said is Verdict.DIFFERS:
        facts["was_off"] = pool.shared is not None and level.meeting > 1
    if said is Verdict.MISSED and shows is not None and level.book is not None:
        at = readings[level.id].updated_at
        facts |= {"book": level.book, "order": _order(ledger, pool, level, shows, at)}
    return News(
        kind=said.value, subject=f"level:{level.id}", severity=Severity.WARNING, facts=facts
    )


def _order(ledger: Ledger, pool: Pool, level: Level, shows: int, at: datetime | None) -> str | None:
    """Return the order that explains a change nobody told us of, if one does."""
    if at is None or level.book is None:
        return None
    return ledger.cause_of(pool.id, level.spot.store, shows - level.book, at)


def _draft(finding: Finding, of: Judged, found: Found) -> Draft:
    """Return what to propose about a finding on a level."""
    said, pool, level = of
    part = takes_part(pool, level.id)
    values = {each.id: found.values.get(each.id) for each in part}
    suggested = fixes(said.value, pool, level, values)
    facts = {
        **finding.facts,
        "shows": values.get(level.id, level.book),
        "shared": pool.shared,
        "pool": pool.id,
        "level": level.id,
        "saw": {str(each): value for each, value in values.items()},
        "since": finding.opened_at.isoformat(),
    }
    facts["cause"] = cause(said.value, facts)
    return _as_draft(finding, facts, suggested)


def _partners(ledger: Ledger, finding: Finding) -> dict[Alias, ItemId]:
    """Return what a variant without a partner may be linked with: the same by SKU or barcode."""
    kind, _, rest = finding.subject.partition(":")
    if kind != "variant":
        return {}
    store, _, item = rest.partition(":")
    return ledger.partners(Alias(store), ItemId(int(item)))


def _other(finding: Finding, partners: Mapping[Alias, ItemId]) -> Draft:
    """Return what to propose about a finding on anything else."""
    facts: dict[str, object] = {**finding.facts, "since": finding.opened_at.isoformat()}
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
