"""Do the books add up? The equations that hold at every moment, as functions that return breaches.

    law      what is                          must be
    -------  -------------------------------  --------------------------------------------------
    SHARED   a pool's shared quantity         the first agreed + movements + decisions
    BOOK     a level's book                   the first + its movements + what was written to it
    OPEN     open adjustments of a level      one if a write is under way, else none
    BATCH    adjustments at odds with their   none: what is open is in an open batch, and what is
             batch                            settled in one that the store has done
    ORDERS   movements at odds with the       none: where order lines are recorded as the cause of
             orders that explain them         a movement, they add up to it, to the unit, and are of
                                              the same item in the same store

An order line explains one movement or none, and as a whole: it has one place to name it, so no unit
that was sold explains two. With ORDERS it follows, for each level and whatever span of time,

    sum of movements == order lines that explain some + movements that no order explains

That the last term is zero is no law, and so neither is orders == movements. A person may restock
or edit. A webhook of an order may be lost. A sale and an edit between two readings are one
movement, which no order equals. An order may be edited, or be sent from another location than this
one. And a store without `read_orders` tells nothing of orders. So how much orders explain is
reported (`OrderShare`), and is no breach.

Each is over one baseline: a pool that has agreed on nothing has no quantity to explain, and a
level that has not joined its pool has no book that matters. The tests check every history by these
very functions.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sync_core.domain.suspension import READ_LAG, ReadLag, request_refresh, restart_level, suspend
from sync_core.domain.values import (
    Alias,
    Event,
    Level,
    LevelId,
    Outcome,
    Pool,
    PoolId,
    Role,
    Severity,
    Suspension,
)

BOOKS = "books"  # the kind of finding


class Law(StrEnum):
    """Which equation does not hold."""

    SHARED = "shared"
    BOOK = "book"
    OPEN = "open"
    BATCH = "batch"
    ORDERS = "orders"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelBooks:
    """What is recorded of one level, summed up."""

    level: LevelId
    store: Alias
    baselined: bool
    is_open: bool  # as the level says
    book: int | None
    first_book: int | None
    movements: int  # of its present baseline
    written: int  # by settled adjustments of its present baseline
    opened: int  # adjustments that are open
    mismatched: int  # adjustments at odds with their batch
    misexplained: int = 0  # movements of its present baseline at odds with their orders
    stopped: bool = False  # not written to, since the books of its pool did not add up


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolBooks:
    """What is recorded of one pool, summed up."""

    pool: PoolId
    title: str  # a merchant wrote it: escape it wherever it is shown
    shared: int | None
    first_shared: int | None
    movements: int  # of its present baseline
    decisions: int
    levels: tuple[LevelBooks, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShare:
    """How much of what moved in a store orders explain. No law: see above."""

    store: Alias
    since: datetime  # the first movement that an order explains
    moved: int  # units, either way
    by_orders: int  # of these

    @property
    def otherwise(self) -> int:
        """Return the units that no order explains: restocked, edited, or sold with no webhook."""
        return self.moved - self.by_orders


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """An equation that does not hold, with its numbers."""

    law: Law
    pool: PoolId
    title: str
    store: Alias | None = None  # of the level, if it is about one
    level: LevelId | None = None
    recorded: int | None
    expected: int | None  # None: where it began is gone
    first: int | None = None
    movements: int = 0
    others: int = 0  # decisions, or what was written

    @property
    def why(self) -> str:
        """Return what does not add up, in a sentence without its end."""
        match self.law:
            case Law.OPEN:
                return f"{self.store}: updates under way: {self.recorded}, expected {self.expected}"
            case Law.BATCH:
                return f"{self.store}: updates at odds with their batch: {self.recorded}"
            case Law.ORDERS:
                return f"{self.store}: changes that their orders don't add up to: {self.recorded}"
            case Law.SHARED:
                return f"the shared quantity is {_n(self.recorded)}, {self._sum('decisions')}"
            case Law.BOOK:
                return f"{self.store}: the book is {_n(self.recorded)}, {self._sum('updates')}"

    def _sum(self, others: str) -> str:
        parts = f"start {_n(self.first)}, changes {self.movements:+}, {others} {self.others:+}"
        return f"expected {_n(self.expected)} ({parts})"


def _n(number: int | None) -> str:
    return "missing" if number is None else str(number)


def check_shared(books: PoolBooks) -> Breach | None:
    """Return how a pool's shared quantity is not explained, if it is not."""
    if books.shared is None:
        return None
    expected = _plus(books.first_shared, books.movements, books.decisions)
    if books.shared == expected:
        return None
    return Breach(
        law=Law.SHARED,
        pool=books.pool,
        title=books.title,
        recorded=books.shared,
        expected=expected,
        first=books.first_shared,
        movements=books.movements,
        others=books.decisions,
    )


def check_book(books: PoolBooks, level: LevelBooks) -> Breach | None:
    """Return how a level's book is not explained, if it is not."""
    if not level.baselined:
        return None
    expected = _plus(level.first_book, level.movements, level.written)
    if level.book is not None and level.book == expected:
        return None
    breach = _of_level(Law.BOOK, books, level, level.book, expected)
    return replace(breach, first=level.first_book, movements=level.movements, others=level.written)


def check_open(books: PoolBooks, level: LevelBooks) -> Breach | None:
    """Return how a level and its open adjustment are at odds, if they are."""
    expected = 1 if level.is_open else 0
    if level.opened == expected:
        return None
    return _of_level(Law.OPEN, books, level, level.opened, expected)


def check_batch(books: PoolBooks, level: LevelBooks) -> Breach | None:
    """Return how many of a level's adjustments are at odds with their batch, if any are."""
    if level.mismatched == 0:
        return None
    return _of_level(Law.BATCH, books, level, level.mismatched, 0)


def check_orders(books: PoolBooks, level: LevelBooks) -> Breach | None:
    """Return how many of a level's movements are at odds with the orders that explain them."""
    if level.misexplained == 0:
        return None
    return _of_level(Law.ORDERS, books, level, level.misexplained, 0)


def _of_level(
    law: Law, books: PoolBooks, level: LevelBooks, recorded: int | None, expected: int | None
) -> Breach:
    return Breach(
        law=law,
        pool=books.pool,
        title=books.title,
        store=level.store,
        level=level.level,
        recorded=recorded,
        expected=expected,
    )


def _plus(first: int | None, *rest: int) -> int | None:
    return None if first is None else first + sum(rest)


def breaches(books: PoolBooks) -> tuple[Breach, ...]:
    """Return every equation of a pool that does not hold."""
    return tuple(_breaches(books))


def _breaches(books: PoolBooks) -> Iterator[Breach]:
    found = check_shared(books)
    if found is not None:
        yield found
    for level in books.levels:
        for check in (check_book, check_open, check_batch, check_orders):
            found = check(books, level)
            if found is not None:
                yield found


# -- what becomes of a pool whose books do not add up


def is_stopped(pool: Pool) -> bool:
    """Whether a pool is not written to because its books do not add up."""
    return any(_is_stopped(each) for each in pool.levels)


def _is_stopped(level: Level) -> bool:
    return level.suspended is Suspension.UNBALANCED


def finding_level(pool: Pool) -> Level:
    """Return the level whose finding stands for the pool: people choose between it and the source.

    A stopped destination; where there is none, whichever comes first.
    """
    stopped = [each for each in pool.levels if _is_stopped(each)] or list(pool.levels)
    return next((each for each in stopped if each.role is not Role.SOURCE), stopped[0])


def stop(
    pool: Pool, found: Iterable[Breach], *, now: datetime, read_lag: ReadLag = READ_LAG
) -> Outcome:
    """Write nothing more to a pool, and say what does not add up."""
    for level in pool.levels:
        if level.active:
            why = Suspension.UNBALANCED
            pool = suspend(pool, level, why, now=now, read_lag=read_lag).pool
    all_of_them = list(found)
    facts: dict[str, str | int | float | bool | None] = {
        "title": pool.title,
        "pool": pool.id,
        "why": "; ".join(each.why for each in all_of_them[:2]),
        "breaches": len(all_of_them),
    }
    events = Event(
        kind=BOOKS,
        subject=f"level:{finding_level(pool).id}",
        severity=Severity.CRITICAL,
        facts=facts,
    )
    return Outcome(pool=pool, events=(events,))


def resume(pool: Pool, *, now: datetime, read_lag: ReadLag = READ_LAG) -> Outcome:
    """Let a pool go on whose books are right again.

    Its levels are read before they are written. What stores did meanwhile is the difference to
    their books, as ever: these are right.
    """
    levels = []
    for level in pool.levels:
        going = level
        if _is_stopped(level):
            due = level.baselined or level.manual_delta != 0
            back = replace(level, suspended=None, due=due, refresh_at=None, refresh_since=None)
            going = request_refresh(
                replace(back, version=level.version + 1), now=now, read_lag=read_lag
            )
        levels.append(going)
    return Outcome(pool=pool.with_levels(levels), events=ended(pool))


def ended(pool: Pool) -> tuple[Event, ...]:
    """Return the event that end what a stopped pool's levels were told of."""
    return tuple(
        Event(kind=BOOKS, subject=f"level:{each.id}", resolved=True)
        for each in pool.levels
        if _is_stopped(each)
    )


def restart_pool(pool: Pool) -> Pool:
    """Return a stopped pool before a new baseline: nothing that was recorded counts any more."""
    return replace(
        pool,
        shared=None,
        first_shared=None,
        baseline=pool.baseline + 1,
        levels=tuple(_begin_anew(each) for each in pool.levels),
    )


def _begin_anew(level: Level) -> Level:
    return restart_level(replace(level, suspended=None) if _is_stopped(level) else level)
