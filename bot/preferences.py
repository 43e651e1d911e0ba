"""The bot's own settings, which people change in Slack: as rows of text, as values."""

import json
from datetime import datetime, time
from zoneinfo import ZoneInfo

from bot.commands.requests import AlertLevel

QUIET = "quiet"
ALERTS = "alerts"
Hours = tuple[time, time]


def quiet_text(hours: Hours | None) -> str | None:
    """Return quiet hours as they are kept."""
    return None if hours is None else json.dumps([f"{each:%H:%M}" for each in hours])


def quiet_hours(text: str | None) -> Hours | None:
    """Return the quiet hours; what cannot be read is none: better too loud than silent."""
    match _read(text):
        case [str(begins), str(ends)]:
            try:
                return time.fromisoformat(begins), time.fromisoformat(ends)
            except ValueError:
                return None
    return None


def hours_for(hours: Hours, zone: ZoneInfo, reader: ZoneInfo, now: datetime) -> str:
    """Return quiet hours by a reader's clock, as it is set today; empty if it shows the same."""
    day = now.astimezone(zone).date()
    theirs = [datetime.combine(day, each, zone).astimezone(reader).time() for each in hours]
    if theirs == list(hours):
        return ""
    return f"{theirs[0]:%H:%M} to {theirs[1]:%H:%M} ({reader})"


def alert_level(text: str | None) -> AlertLevel:
    """Return how much the channel is told."""
    found = _read(text)
    return (
        AlertLevel(found)
        if isinstance(found, str) and found in set(AlertLevel)
        else AlertLevel.DIGEST
    )


def _read(text: str | None) -> object:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None
