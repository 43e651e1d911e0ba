"""When and where an incident is told: by its severity, the hour, and how much was told before."""

from datetime import datetime, timedelta

from bot.incidents.incident import Incident, is_critical
from bot.incidents.post_editor import NO_DELAY, PostEditor, parse_time_if_any
from bot.policy import ALL, PROBLEMS
from sync_core.domain.values import Severity
from sync_core.domain.views import NEVER_DUE, Notification

INITIAL_DELAY = timedelta(seconds=30)  # what is over by then was not worth a word
AFTERMATH_KINDS = {"webhooks_missed"}  # what an outage leaves behind for a while
AFTERMATH = timedelta(minutes=30)  # two rounds of catching up, and some
IMMEDIATE_KINDS = {"paused", "mode", "baseline"}  # somebody has just done it, and waits to see it
DELAY_BY_KIND = {"circuit_breaker": timedelta(seconds=3)}  # until the core has asked about it


class Schedule:
    """When and where incidents are told."""

    def __init__(self, editor: PostEditor) -> None:
        self._editor = editor

    def destination(
        self, incident: Incident, notification: Notification
    ) -> tuple[str, str, datetime]:
        """Return in which message a new incident is told, of what kind, and when."""
        own = f"incident:{notification.id}"
        if is_critical(incident["severity"]):
            if self._take_hourly_slot("critical", notification.at):
                return (
                    own,
                    "incident",
                    notification.at + DELAY_BY_KIND.get(notification.kind, NO_DELAY),
                )
            return f"critical:{_hour(notification.at)}", "critical", notification.at
        if notification.kind in IMMEDIATE_KINDS:
            return own, "incident", notification.at
        if incident["severity"] == Severity.INFO and self._editor.policy.level != ALL:
            return self._for_later(notification)
        if self._editor.state["down"].get(incident["store"]):
            return own, "incident", NEVER_DUE
        return self._in_time(own, self._first_due(incident, notification.at))

    def _first_due(self, incident: Incident, at: datetime) -> datetime:
        """Return when something is worth a word: what an outage leaves behind passes by itself."""
        recovered = parse_time_if_any(self._editor.state["recovered"].get(incident["store"]))
        if incident["kind"] not in AFTERMATH_KINDS or recovered is None:
            return at + INITIAL_DELAY
        return max(at + INITIAL_DELAY, recovered + AFTERMATH)

    def _for_later(self, notification: Notification) -> tuple[str, str, datetime]:
        """Return where mere information is told: in the day's summary, or nowhere."""
        due = self._editor.policy.next(self._editor.policy.digest_at, notification.at)
        if self._editor.policy.level == PROBLEMS:
            return f"unsaid:{due:%Y-%m-%d}", "unsaid", NEVER_DUE
        return f"digest:{due:%Y-%m-%dT%H}", "digest", due

    def _in_time(self, own: str, due: datetime) -> tuple[str, str, datetime]:
        """Return where something not critical is told: alone, after quiet hours, or among more."""
        until = self._editor.policy.quiet_until(max(due, self._editor.now))
        if until is not None:
            return f"quiet:{until:%Y-%m-%dT%H:%M}", "quiet", until
        if self._take_hourly_slot("other", due):
            return own, "incident", due
        return f"more:{_hour(due)}", "more", due

    def _take_hourly_slot(self, of: str, at: datetime) -> bool:
        """Whether an hour has room for one more message; if so it is taken."""
        name = f"{_hour(at)} {of}"
        taken: int = self._editor.state["hours"].get(name, 0)
        self._editor.state["hours"][name] = min(taken + 1, self._editor.policy.per_hour)
        return taken < self._editor.policy.per_hour


def _hour(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H}"
