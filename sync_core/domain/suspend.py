"""Leave a level alone, and take it back. Rule 10 of the design: unknown is never zero.

a level comes back from              showing               then
-----------------------------------  --------------------  ---------------------------------
missing, untracked                   anything              it meets its pool anew
inactive, refused, bundle, gift card what its book says    it goes on
the same                             another number        it meets its pool anew: whether
that was a sale or a fresh start
at 0, nobody can say
unfinished                           anything              it waits for a person
contested                            anything              it waits for a person; what it shows
counts all the while
unbalanced                           anything              it waits until the books of its pool
                                                           are right, or a person has answered
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync_core.domain.values import NEVER, Level, News, Outcome, Pool, Severity, Suspension


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a read by id may lag behind; seconds."""

    quiet: timedelta = timedelta(seconds=2)  # after our last write or accounted change
    stale: timedelta = timedelta(seconds=10)  # before a stale reading is repeated
    truth: timedelta = timedelta(seconds=60)  # after which what is read is the truth
    suspended: timedelta = timedelta(hours=1)  # between looks at a suspended level


PATIENCE = Patience()


def suspend(
    pool: Pool, level: Level, why: Suspension, *, now: datetime, patience: Patience = PATIENCE
) -> Outcome:
    """Leave a level alone until it can be read again; the pool's other levels go on."""
    again = now + patience.suspended
    changed = level.suspended is not why
    if changed and level.suspended is not None and level.suspended.starts_over:
        level = start_over(level)  # else the new reason would forget that the old book is void
    level = replace(
        level,
        suspended=why,
        look_at=again,
        look_since=level.look_since or now,
        later=None,
        later_at=NEVER,
        version=level.version + 1 if changed else level.version,
    )
    news = News(
        kind="suspended",
        subject=f"level:{level.id}",
        severity=Severity.WARNING,
        facts={
            "title": pool.title,
            "store": level.spot.store,
            "why": why.value,
            "book": level.book,
            "shared": pool.shared,
        },
    )
    return Outcome(pool=pool.with_level(level), news=(news,) if changed else ())


def come_back(level: Level, available: int) -> tuple[Level, tuple[News, ...]]:
    """Lift a suspension, now that the level can be read."""
    if level.suspended is None or not level.blind:
        return level, ()
    news = News(kind="suspended", subject=f"level:{level.id}", over=True)
    back = replace(level, suspended=None, due=level.met or level.ordered != 0)
    is_other = level.book is not None and available != level.book
    if level.suspended.starts_over or is_other:
        return start_over(back), (news,)
    return back, (news,)


def start_over(level: Level, *, shared: int | None = None) -> Level:
    """Return the level before a new first meeting; `shared`: what its pool holds by now.

    An open adjustment stays open and is settled as ever, without moving the new book.
    """
    return replace(
        level,
        book=None,
        first_book=None,
        first_shared=shared,
        met=False,
        meeting=level.meeting + 1,
        held=0,
        due=False,
        ordered=0,
        later=None,
        later_at=NEVER,
        version=level.version + 1,
    )


def wish(level: Level, *, now: datetime, patience: Patience = PATIENCE) -> Level:
    """Return the level with a look wanted as soon as a read can be believed."""
    soon = max(now, max(level.settled_at, level.accounted_at) + patience.quiet)
    if level.blind:
        # Sooner than it would have been, and never put off by what else is heard.
        soon = min(now + patience.stale, level.look_at or now + patience.stale)
    return replace(
        level,
        look_at=soon if level.look_at is None or level.blind else level.look_at,
        look_since=now if level.blind else level.look_since or now,
        look_mark=level.look_mark + 1,
    )
