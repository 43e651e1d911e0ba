"""Audit the books: continuously, a slice at a time, and whole each night.

A sweep also records which orders explain which movements: in time for the audit of it.

    the books of a pool            it is         then
    -----------------------------  ------------  --------------------------------------------------
    add up                         going on      nothing
    don't                          going on      it is stopped, and people are told
    don't                          stopped       it stays so; what has joined it since is stopped
    add up                         stopped       it goes on, and people are told
    start over (a person's         as it is      people are told that it is over
    answer, a new baseline)

What does not add up is looked at a second time with the pool locked, in the step that stops it.
Each equation is one statement and so of one moment: nothing that is under way looks like a breach.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sync_core.clock import Clock
from sync_core.domain.audit import (
    BOOKS,
    Breach,
    PoolBooks,
    breaches,
    finding_level,
    is_stopped,
    resume,
    stop,
)
from sync_core.domain.values import Event, Outcome, Pool, PoolId
from sync_core.domain.views import AuditView, BooksView
from sync_core.ports import Database, Transaction
from sync_core.stored import from_json, to_json

log = logging.getLogger(__name__)

POOLS_PER_SLICE = 200  # pools in one step
RUN_EVERY_SECONDS = 60  # between runs, at each of which those that are stopped are looked at
SLICE_PAUSE = timedelta(seconds=1)  # between slices
SWEEP_PAUSE = timedelta(minutes=10)  # between sweeps
MAX_STOPPED_POOLS = 500  # pools that are looked at each minute: whether they may go on
MAX_BREACHES_LISTED = 1000  # breaches in one answer

BEFORE_FIRST_POOL = PoolId(0)  # comes before every pool
SWEEP_SETTING = "sweep"  # the setting that says how far the sweep has come
LAST_AUDIT_SETTING = "audited"  # the setting that says what the last whole audit came to


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """How far a sweep through all pools has come."""

    after: PoolId = BEFORE_FIRST_POOL
    pools: int = 0  # that have a quantity to explain
    wrong: int = 0
    next_at: datetime | None = None


class Auditor:
    """Goes through all pools again and again. Of several processes whoever comes first goes on."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self, done: Callable[[], None]) -> None:
        """Audit what is due, slice after slice, until nothing is for a minute."""
        wait = 0.0
        while wait < RUN_EVERY_SECONDS:
            await self._clock.sleep(wait)
            wait = await self._database.transaction(partial(self._audit_slice, self._clock.now()))
            done()

    def _audit_slice(self, now: datetime, tx: Transaction) -> float:
        """Audit the next slice if it is time; return the seconds until the next."""
        saved = tx.settings.get(SWEEP_SETTING)
        sweep = Sweep() if saved is None else from_json(saved, Sweep)
        stop_or_resume(tx, (), now=now)
        wait = timedelta() if sweep.next_at is None else sweep.next_at - now
        if timedelta() < wait <= SWEEP_PAUSE:  # further off: the clock was set back since
            return wait.total_seconds()
        next_sweep = sweep_slice(tx, sweep, now=now)
        pause = SLICE_PAUSE
        if next_sweep is None:
            save_audit(tx, sweep, now=now)
            next_sweep, pause = Sweep(), SWEEP_PAUSE
        left = replace(next_sweep, next_at=now + pause)
        tx.settings.compare_and_set(SWEEP_SETTING, saved, to_json(left))
        return pause.total_seconds()


async def audit_all(database: Database, clock: Clock) -> BooksView:
    """Audit every pool now, in slices; stop those whose books don't add up."""
    sweep: Sweep | None = Sweep()
    last = Sweep()
    while sweep is not None:
        last = sweep
        now = clock.now()
        sweep = await database.transaction(partial(sweep_slice, sweep=last, now=now))
    now = clock.now()
    return await database.transaction(lambda tx: save_audit(tx, last, now=now))


def sweep_slice(tx: Transaction, sweep: Sweep, *, now: datetime) -> Sweep | None:
    """Audit the next pools; return how far the sweep has come, None if there were none left."""
    numbers = tx.audit.pools_after(sweep.after, limit=POOLS_PER_SLICE)
    if not numbers:
        return None
    tx.causes.record(numbers, now=now)
    books = tx.audit.books(numbers)
    # Those that are stopped, too: nobody looks each minute at more than `MAX_STOPPED_POOLS`.
    stopped = {each.pool for each in books for level in each.levels if level.stopped}
    to_check = [each.pool for each in books if each.pool in stopped or breaches(each)]
    wrong = stop_or_resume(tx, to_check, now=now) if to_check else []
    explained = sum(each.shared is not None for each in books)
    return Sweep(after=numbers[-1], pools=sweep.pools + explained, wrong=sweep.wrong + len(wrong))


def save_audit(tx: Transaction, sweep: Sweep, *, now: datetime) -> BooksView:
    """Keep what a whole sweep came to."""
    view = BooksView(at=now, pools=sweep.pools, wrong=sweep.wrong)
    tx.settings.set(LAST_AUDIT_SETTING, to_json(view))
    return view


def stop_or_resume(tx: Transaction, candidates: Iterable[PoolId], *, now: datetime) -> list[PoolId]:
    """Stop pools whose books don't add up, and let those go on whose books do again.

    Args:
        tx: The present transaction.
        candidates: Pools that may have to be stopped; those that are stopped are looked at anyway.
        now: Our clock.

    Returns:
        The candidates whose books don't add up.
    """
    known = tx.findings.page(kinds=(BOOKS,), after=0, limit=MAX_STOPPED_POOLS)
    open_subjects = {each.subject: PoolId(int(str(each.facts["pool"]))) for each in known}
    to_check = list(candidates)
    numbers = {*to_check, *open_subjects.values()}
    if not numbers:
        return []
    pools = tx.stock.pools(numbers)  # locked: nothing of them moves from here on
    subjects: dict[PoolId, str] = {}  # of those whose books don't add up: what people are told of
    outcomes: list[Outcome] = []
    for books in tx.audit.books(numbers):
        pool = pools[books.pool]
        found = breaches(books)
        if found:
            outcome = _stop(pool, found, now=now)
            subjects[pool.id] = f"level:{finding_level(outcome.pool).id}"
            outcomes.append(outcome)
        elif is_stopped(pool):
            outcomes.append(resume(pool, now=now))
    resolved = [
        Event(kind=BOOKS, subject=subject, resolved=True)
        for subject, number in open_subjects.items()
        if subjects.get(number) != subject
    ]
    tx.notifications.notify(resolved, now=now)
    tx.stock.save_outcomes(outcomes, now=now)
    return [each for each in to_check if each in subjects]


def _stop(pool: Pool, found: Sequence[Breach], *, now: datetime) -> Outcome:
    """Stop a pool, also what has joined it since; the log hears of it the first time."""
    if not is_stopped(pool):
        _log(found)
    return stop(pool, found, now=now)


def _log(found: Sequence[Breach]) -> None:
    for each in found:
        log.error(
            "the books of pool %d don't add up: %s",
            each.pool,
            each.why,
            extra={"event": "books_inconsistent", "pool": each.pool, "law": each.law.value},
        )


async def audit_read_only(database: Database, clock: Clock) -> AuditView:
    """Audit every pool now, and change nothing."""
    after, pools, levels = BEFORE_FIRST_POOL, 0, 0
    wrong: set[PoolId] = set()
    listed: list[Breach] = []
    while True:
        books = await database.transaction(partial(_next_books, after))
        if not books:
            break
        after = books[-1].pool
        pools += sum(each.shared is not None for each in books)
        levels += sum(level.baselined for each in books for level in each.levels)
        found = [breach for each in books for breach in breaches(each)]
        wrong |= {each.pool for each in found}
        listed += found[: MAX_BREACHES_LISTED - len(listed)]
    now = clock.now()
    shares = await database.transaction(lambda tx: tx.causes.shares(now=now))
    return AuditView(
        at=now,
        pools=pools,
        levels=levels,
        wrong=len(wrong),
        breaches=tuple(listed),
        shares=tuple(shares),
    )


def _next_books(after: PoolId, tx: Transaction) -> list[PoolBooks]:
    return tx.audit.books(tx.audit.pools_after(after, limit=POOLS_PER_SLICE))
