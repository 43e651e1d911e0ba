"""Suspend a level, and take it back. Rule 10 of the design: unknown is never zero.

a level comes back from              showing               then
-----------------------------------  --------------------  ---------------------------------
missing, untracked                   anything              it is baselined again
inactive, refused, bundle, gift card what its book says    it goes on
the same                             another number        it is baselined again: whether
that was a sale or a fresh start
at 0, nobody can say
unfinished                           anything              it waits for a person
contested                            anything              it waits for a person; what it shows
counts all the while
unbalanced                           anything              it waits until the books of its pool
                                                           are right, or a person has answered
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_core.domain.frozen import replace
from sync_core.domain.values import NEVER, Event, Level, Outcome, Pool, Severity, Suspension


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLag:
    """How long a read by id may lag behind; seconds."""

    settling: timedelta = timedelta(seconds=2)  # after our last write or accounted change
    stale_retry: timedelta = timedelta(seconds=10)  # before a stale reading is repeated
    max_lag: timedelta = timedelta(seconds=60)  # after which what is read is the truth
    suspended: timedelta = timedelta(hours=1)  # between refreshes at a suspended level


READ_LAG = ReadLag()


def suspend(
    pool: Pool, level: Level, why: Suspension, *, now: datetime, read_lag: ReadLag = READ_LAG
) -> Outcome:
    """Suspend a level until it can be read again; the pool's other levels go on."""
    again = now + read_lag.suspended
    changed = level.suspended is not why
    if changed and level.suspended is not None and level.suspended.needs_baseline:
        level = restart_level(level)  # else the new reason would forget that the old book is void
    level = replace(
        level,
        suspended=why,
        refresh_at=again,
        refresh_since=level.refresh_since or now,
        deferred=None,
        deferred_at=NEVER,
        version=level.version + 1 if changed else level.version,
    )
    events = Event(
        kind="suspended",
        subject=f"level:{level.id}",
        severity=Severity.WARNING,
        facts={
            "title": pool.title,
            "store": level.key.store,
            "why": why.value,
            "book": level.book,
            "shared": pool.shared,
        },
    )
    return Outcome(pool=pool.with_level(level), events=(events,) if changed else ())


def lift_suspension(level: Level, available: int) -> tuple[Level, tuple[Event, ...]]:
    """Lift a suspension, now that the level can be read."""
    if level.suspended is None or not level.is_unreadable:
        return level, ()
    events = Event(kind="suspended", subject=f"level:{level.id}", resolved=True)
    back = replace(level, suspended=None, due=level.baselined or level.manual_delta != 0)
    is_other = level.book is not None and available != level.book
    if level.suspended.needs_baseline or is_other:
        return restart_level(back), (events,)
    return back, (events,)


def restart_level(level: Level, *, shared: int | None = None) -> Level:
    """Return the level before a new baseline; `shared`: what its pool holds by now.

    An open adjustment stays open and is settled as ever, without moving the new book.
    """
    return replace(
        level,
        book=None,
        first_book=None,
        first_shared=shared,
        baselined=False,
        level_baseline=level.level_baseline + 1,
        withheld=0,
        due=False,
        manual_delta=0,
        deferred=None,
        deferred_at=NEVER,
        version=level.version + 1,
    )


def request_refresh(level: Level, *, now: datetime, read_lag: ReadLag = READ_LAG) -> Level:
    """Return the level with a refresh requested as soon as a read can be believed."""
    soon = max(now, max(level.settled_at, level.accounted_at) + read_lag.settling)
    if level.is_unreadable:
        # Sooner than it would have been, and never put off by what else is reported.
        soon = min(now + read_lag.stale_retry, level.refresh_at or now + read_lag.stale_retry)
    return replace(
        level,
        refresh_at=soon if level.refresh_at is None or level.is_unreadable else level.refresh_at,
        refresh_since=now if level.is_unreadable else level.refresh_since or now,
        refresh_mark=level.refresh_mark + 1,
    )
