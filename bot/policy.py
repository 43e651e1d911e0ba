"""How much is said, where, and when: what a channel has asked for."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

ALL, DIGEST, PROBLEMS = "all", "digest", "problems"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Hours of the day in which only what is critical is said, in the policy's zone."""

    start: time
    end: time  # may be earlier than the start: then it is the next morning


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """What one channel is told."""

    channel: str
    level: str = DIGEST
    quiet: QuietHours | None = None
    stores: tuple[str, ...] = ()  # aliases of all stores, to say who follows
    per_hour: int = 20  # new messages about incidents; the severe ones have as many of their own
    digest_at: time = time(9)
    zone: str = "UTC"
    approvers: tuple[str, ...] = ()  # people and groups to mention; none: the whole channel

    def with_preferences(
        self, *, level: str, quiet: QuietHours | None, approvers: tuple[str, ...] = ()
    ) -> "AlertPolicy":
        """Return the policy as people have set it."""
        return replace(self, level=level, quiet=quiet, approvers=approvers)

    def quiet_until(self, at: datetime) -> datetime | None:
        """Return when the quiet hours end that a moment falls into, or None."""
        if self.quiet is None or self.quiet.start == self.quiet.end:
            return None
        local = at.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        start, end = self.quiet.start, self.quiet.end
        if start < end:
            inside = start <= local.time() < end
        else:
            inside = local.time() >= start or local.time() < end
        return self.next(end, at) if inside else None

    def next(self, wanted: time, at: datetime) -> datetime:
        """Return the next moment after `at` at which clocks in the zone show that time."""
        zone = ZoneInfo(self.zone)
        day = at.astimezone(zone).date()
        for later in range(3):  # at a change of clocks the first one may lie behind us
            found = datetime.combine(day + timedelta(days=later), wanted, zone).astimezone(UTC)
            if found > at:
                return found
        raise AssertionError(wanted)  # three days hold every time of day
