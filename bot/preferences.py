"""The bot's own settings, which people change in Slack: as rows of text, as values.

    setting      is what people have set, else
    -----------  ------------------------------------------------
    approvers    `TIPO_SLACK__APPROVERS`; empty: the members of the channel
    quiet        no quiet hours
    alerts       digest
    nightly      `TIPO_NIGHTLY__AT`

What is kept and cannot be read is as if nobody had set it: better too loud than silent.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from zoneinfo import ZoneInfo

from bot.commands.requests import AlertLevel
from bot.core_client import CoreClient
from sync_core.domain.nights import DEFAULT_HOUR, HOUR_PREFERENCE, hour_of, hour_text
from sync_core.domain.proposals import Person
from sync_core.service.queries import Preference

APPROVERS, QUIET, ALERTS, NIGHTLY = "approvers", "quiet", "alerts", HOUR_PREFERENCE
NAMES = (APPROVERS, QUIET, ALERTS, NIGHTLY)
Hours = tuple[time, time]


@dataclass(frozen=True, slots=True, kw_only=True)
class BotSettings:
    """The settings as they are now, who has set them, and what they would be otherwise."""

    approvers: tuple[str, ...] = ()  # ids of people and groups; empty: members of the channel
    quiet: Hours | None = None
    alerts: AlertLevel = AlertLevel.DIGEST
    nightly: time = DEFAULT_HOUR  # by the clock of TIPO_NIGHTLY__TIMEZONE
    set_by: Mapping[str, str] = field(default_factory=dict)  # names of people, by setting
    named_by_environment: tuple[str, ...] = ()  # the approvers of TIPO_SLACK__APPROVERS
    night_of_environment: time = DEFAULT_HOUR  # TIPO_NIGHTLY__AT
    kept: Mapping[str, str] = field(default_factory=dict)  # the rows that somebody has made

    def texts(self) -> dict[str, str]:
        """Return each setting as a form would keep it; null where the environment says it."""
        return {
            APPROVERS: approvers_text(sorted(self.approvers) if APPROVERS in self.set_by else None),
            QUIET: quiet_text(self.quiet),
            ALERTS: alerts_text(self.alerts),
            NIGHTLY: hour_text(self.nightly if NIGHTLY in self.set_by else None),
        }


class Preferences:
    """Reads the settings, and keeps them."""

    def __init__(
        self, core: CoreClient, *, approvers: Sequence[str], nightly: time = DEFAULT_HOUR
    ) -> None:
        self._core = core
        self.named_by_environment = tuple(approvers)  # it never changes while we run
        self._nightly = nightly

    async def approvers(self) -> tuple[str, ...]:
        """Return who may approve: ids of people and groups; empty for the channel's members."""
        return self._settings(await self._core.read_preferences(APPROVERS)).approvers

    async def read(self) -> BotSettings:
        """Return all settings as they are now."""
        return self._settings(await self._core.read_preferences(*NAMES))

    async def keep(
        self, values: Mapping[str, str], by: Person, *, chosen_from: BotSettings | None = None
    ) -> None:
        """Keep settings, all or none.

        Raises:
            NotAllowed: If one of them is not what it was in `chosen_from` any more.
        """
        expected = None
        if chosen_from is not None:
            expected = {name: chosen_from.kept.get(name) for name in values}
        await self._core.set_preferences(values, by, expected=expected)

    def _settings(self, kept: Mapping[str, Preference]) -> BotSettings:
        text = {name: each.value for name, each in kept.items()}
        listed, nightly = approvers_of(text.get(APPROVERS)), hour_of(text.get(NIGHTLY))
        is_set = {
            APPROVERS: listed is not None,
            QUIET: QUIET in kept,
            ALERTS: ALERTS in kept,
            NIGHTLY: nightly is not None,
        }
        return BotSettings(
            approvers=self.named_by_environment if listed is None else listed,
            quiet=quiet_hours(text.get(QUIET)),
            alerts=alert_level(text.get(ALERTS)),
            nightly=self._nightly if nightly is None else nightly,
            set_by={name: each.by for name, each in kept.items() if is_set[name]},
            named_by_environment=self.named_by_environment,
            night_of_environment=self._nightly,
            kept=text,
        )


def approvers_text(listed: Sequence[str] | None) -> str:
    """Return a list of approvers as it is kept; None leaves it to the environment."""
    return json.dumps(None if listed is None else list(listed))


def approvers_of(text: str | None) -> tuple[str, ...] | None:
    """Return the list of approvers that people have set, if they have."""
    found = _read(text)
    return tuple(str(each) for each in found) if isinstance(found, list) else None


def quiet_text(hours: Hours | None) -> str:
    """Return quiet hours as they are kept."""
    return json.dumps(None if hours is None else [f"{each:%H:%M}" for each in hours])


def quiet_hours(text: str | None) -> Hours | None:
    """Return the quiet hours, if there are any."""
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


def alerts_text(level: AlertLevel) -> str:
    """Return how much the channel is told, as it is kept."""
    return json.dumps(level.value)


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
