"""Audit the books: continuously, a slice at a time, and whole each night.

    the books of a pool            it is         then
    -----------------------------  ------------  --------------------------------------------------
    add up                         going on      nothing
    don't                          going on      it is stopped, and people are told
    don't                          stopped       it stays so; what has joined it since is stopped
    add up                         stopped       it goes on, and people are told
    begin anew (a person's         as it is      people are told that it is over
    answer, a new baseline)

What does not add up is looked at a second time with the pool locked, in the step that stops it.
Each equation is one statement and so of one moment: nothing that is under way looks like a breach.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sync_core.clock import Clock
from sync_core.domain.audit import (
    BOOKS,
    Breach,
    PoolBooks,
    breaches,
    is_stopped,
    resume,
    spokesman,
    stop,
)
from sync_core.domain.values import News, Outcome, PoolId
from sync_core.domain.views import AuditView, BooksView
from sync_core.ports import Ledger, Records

log = logging.getLogger(__name__)

SLICE = 200  # pools in one step
PACE = timedelta(seconds=1)  # between slices
REST = timedelta(minutes=10)  # between sweeps
MOST_STOPPED = 500  # pools that are looked at each minute: whether they may go on
MOST_LISTED = 1000  # breaches in one answer

FIRST = PoolId(0)  # comes before every pool
SWEEP = "sweep"  # the setting that says how far the sweep has come
AUDITED = "audited"  # the setting that says what the last whole audit came to


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """How far a sweep through all pools has come."""

    after: PoolId = FIRST
    pools: int = 0  # that have a quantity to explain
    wrong: int = 0
    next_at: datetime | None = None

    @classmethod
    def read(cls, words: str | None) -> "Sweep":
        """Return the sweep that was left."""
        if words is None:
            return cls()
        kept = json.loads(words)
        return cls(
            after=PoolId(kept["after"]),
            pools=kept["pools"],
            wrong=kept["wrong"],
            next_at=datetime.fromisoformat(kept["next_at"]),
        )

    def words(self, next_at: datetime) -> str:
        """Return the sweep as it is left, for whoever goes on."""
        kept = {"after": self.after, "pools": self.pools, "wrong": self.wrong}
        return json.dumps({**kept, "next_at": next_at.isoformat()})


class Auditor:
    """Goes through all pools again and again. Of several processes whoever comes first goes on."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    async def round(self) -> float:
        """Audit the next slice if it is time; return the seconds until the next."""
        now = self._clock.now()
        return await self._records.step(partial(self._round, now))

    def _round(self, now: datetime, ledger: Ledger) -> float:
        left = ledger.setting(SWEEP)
        sweep = Sweep.read(left)
        settle(ledger, (), now=now)
        wait = timedelta() if sweep.next_at is None else sweep.next_at - now
        if timedelta() < wait <= REST:  # further off: the clock was set back since
            return wait.total_seconds()
        swept = sweep_slice(ledger, sweep, now=now)
        pause = PACE
        if swept is None:
            keep_audited(ledger, sweep, now=now)
            swept, pause = Sweep(), REST
        ledger.swap(SWEEP, left, swept.words(now + pause))
        return pause.total_seconds()


async def audit_all(records: Records, clock: Clock) -> BooksView:
    """Audit every pool now, in slices; stop those whose books don't add up."""
    sweep: Sweep | None = Sweep()
    last = Sweep()
    while sweep is not None:
        last = sweep
        now = clock.now()
        sweep = await records.step(partial(sweep_slice, sweep=last, now=now))
    now = clock.now()
    return await records.step(lambda ledger: keep_audited(ledger, last, now=now))


def sweep_slice(ledger: Ledger, sweep: Sweep, *, now: datetime) -> Sweep | None:
    """Audit the next pools; return how far the sweep has come, None if there were none left."""
    numbers = ledger.pools_after(sweep.after, limit=SLICE)
    if not numbers:
        return None
    books = ledger.books(numbers)
    # Those that are stopped, too: nobody looks each minute at more than `MOST_STOPPED`.
    stopped = {each.pool for each in books for level in each.levels if level.stopped}
    asked = [each.pool for each in books if each.pool in stopped or breaches(each)]
    wrong = settle(ledger, asked, now=now) if asked else []
    explained = sum(each.shared is not None for each in books)
    return Sweep(after=numbers[-1], pools=sweep.pools + explained, wrong=sweep.wrong + len(wrong))


def keep_audited(ledger: Ledger, sweep: Sweep, *, now: datetime) -> BooksView:
    """Keep what a whole sweep came to."""
    view = BooksView(at=now, pools=sweep.pools, wrong=sweep.wrong)
    kept = {"at": now.isoformat(), "pools": view.pools, "wrong": view.wrong}
    ledger.set(AUDITED, json.dumps(kept))
    return view


def settle(ledger: Ledger, wanted: Iterable[PoolId], *, now: datetime) -> list[PoolId]:
    """Stop pools whose books don't add up, and let those go on whose books do again.

    Args:
        ledger: The database.
        wanted: Pools that may have to be stopped; those that are stopped are looked at anyway.
        now: Our clock.

    Returns:
        The wanted pools whose books don't add up.
    """
    told = ledger.findings_by(kinds=(BOOKS,), after=0, limit=MOST_STOPPED)
    standing = {each.subject: PoolId(int(str(each.facts["pool"]))) for each in told}
    asked = list(wanted)
    numbers = {*asked, *standing.values()}
    if not numbers:
        return []
    pools = ledger.pools(numbers)  # locked: nothing of them moves from here on
    wrong: dict[PoolId, Sequence[Breach]] = {}
    outcomes: list[Outcome] = []
    subjects: dict[PoolId, str] = {}
    for books in ledger.books(numbers):
        pool = pools[books.pool]
        found = breaches(books)
        if found:
            wrong[pool.id] = found
            outcome = stop(pool, found, now=now)
            subjects[pool.id] = f"level:{spokesman(outcome.pool).id}"
            outcomes.append(outcome)
            if not is_stopped(pool):
                _log(found)
        elif is_stopped(pool):
            outcomes.append(resume(pool, now=now))
    over = [
        News(kind=BOOKS, subject=subject, over=True)
        for subject, number in standing.items()
        if subjects.get(number) != subject
    ]
    ledger.tell(over, now=now)
    ledger.save(outcomes, now=now)
    return [each for each in asked if each in wrong]


def _log(found: Sequence[Breach]) -> None:
    for each in found:
        log.error(
            "the books of pool %d don't add up: %s",
            each.pool,
            each.why,
            extra={"act": "books", "pool": each.pool, "law": each.law.value},
        )


async def look_at_all(records: Records, clock: Clock) -> AuditView:
    """Audit every pool now, and change nothing."""
    after, pools, levels = FIRST, 0, 0
    wrong: set[PoolId] = set()
    listed: list[Breach] = []
    while True:
        books = await records.step(partial(_next_books, after))
        if not books:
            break
        after = books[-1].pool
        pools += sum(each.shared is not None for each in books)
        levels += sum(level.met for each in books for level in each.levels)
        found = [breach for each in books for breach in breaches(each)]
        wrong |= {each.pool for each in found}
        listed += found[: MOST_LISTED - len(listed)]
    return AuditView(
        at=clock.now(), pools=pools, levels=levels, wrong=len(wrong), breaches=tuple(listed)
    )


def _next_books(after: PoolId, ledger: Ledger) -> list[PoolBooks]:
    return ledger.books(ledger.pools_after(after, limit=SLICE))
