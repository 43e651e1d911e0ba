"""When the nightly comparison is due, whatever the clocks of the zone do.

    the wall clock at that hour      the night begins
    -------------------------------  --------------------------------------------------
    comes once                       then
    comes twice (clocks go back)     the first time
    never comes (clocks go forward)  at the moment the clocks jump over it

A night has a date, that of the place; a date has one night. People may set its hour: then nights
that would have begun before they did were not missed.
"""

import json
from datetime import UTC, date, datetime, time, timedelta, tzinfo

MAX_LATENESS = timedelta(hours=12)  # a night that was missed by more is left to the next
DAY = timedelta(days=1)
DEFAULT_HOUR = time(2, 30)  # of the setting
HOUR_PREFERENCE = "nightly"  # the preference that holds the hour that people have set


def hour_text(at: time | None) -> str:
    """Return the hour of nights as it is kept; None is the setting's."""
    return json.dumps(None if at is None else f"{at:%H:%M}")


def hour_of(text: str | None) -> time | None:
    """Return the hour that people have set; None if they have not, or it cannot be read."""
    try:
        found = json.loads(text or "null")
        return time.fromisoformat(found).replace(tzinfo=None) if isinstance(found, str) else None
    except ValueError:
        return None


def begins(night: date, at: time, zone: tzinfo) -> datetime:
    """Return when a night's comparison begins, in UTC."""
    wall = datetime.combine(night, at.replace(tzinfo=None), tzinfo=zone)
    first = wall.replace(fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return first
    # The hour is jumped over. Read by the old clocks it lies as far behind the jump as it should
    # have lain behind the old hour; read by the new ones, as far before it.
    early, late = sorted((first, wall.replace(fold=1).astimezone(UTC)))
    return _jump(early, late, zone)


def _jump(early: datetime, late: datetime, zone: tzinfo) -> datetime:
    """Return the moment between two at which the zone's clocks change."""
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)


def due_night(now: datetime, at: time, zone: tzinfo) -> date | None:
    """Return the night that has begun and is less than 12 hours late."""
    today = now.astimezone(zone).date()
    for night in (today, today - DAY):
        begun = begins(night, at, zone)
        if begun <= now < begun + MAX_LATENESS:
            return night
    return None


def next_night(now: datetime, at: time, zone: tzinfo) -> datetime:
    """Return when the next night begins, after now; in UTC."""
    today = now.astimezone(zone).date()
    nights = (begins(today + DAY * number, at, zone) for number in range(-1, 3))
    return next(each for each in nights if each > now)
