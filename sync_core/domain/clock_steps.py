"""Find out whether somebody has set the clock, by one that nobody can set.

    since the moment before                  the clock was set by
    ---------------------------------------  ----------------------------------------------------
    the machine has not been started again   what it went on more, or less, than the steady clock
    it has, and the clock was later then     how much later it was: at least by that
    it has, and the clock was not later      nobody can say: that may have been the time
    a difference of up to 30 s               nothing: it is made up for little by little

Times that were stored before then are moved by as much, so that what was to happen in ten minutes
still happens in ten minutes:

    a time that says                                  is moved
    ------------------------------------------------  -------------------------------------------
    when something is due, or ends                    both ways
    when something happened that a read has to be     both ways, for what has just happened: a
    later than                                        stale read must never look like a later one
    when a batch was sent first                       back only: its key never gets younger
    when something else happened                      to now, if it would be in the future
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sync_core.domain.values import Event, Severity

MAX_IGNORED_STEP = timedelta(seconds=30)
NO_STEP = timedelta(0)
KIND = "clock_step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One moment, by two clocks."""

    at: datetime  # that which people set
    boot: str  # which start of which machine the other one counts from
    steady: float  # seconds since then


def step_between(before: Moment | None, now: Moment) -> timedelta:
    """Return by how much the clock was set between two moments."""
    if before is None:
        return NO_STEP
    passed = now.at - before.at
    if before.boot == now.boot:
        set_by = passed - timedelta(seconds=now.steady - before.steady)
    else:
        set_by = min(passed, NO_STEP)
    return set_by if abs(set_by) > MAX_IGNORED_STEP else NO_STEP


def step_news(step: timedelta, *, of_database: bool) -> Event:
    """Return what people must know, and whose clock it was."""
    return Event(
        kind=KIND,
        subject="clock",
        severity=Severity.WARNING,
        facts={"seconds": round(step.total_seconds()), "of_database": of_database},
    )


CLOCK_STEADY = Event(kind=KIND, subject="clock", resolved=True)
