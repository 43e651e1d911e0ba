"""Whether stores do what is asked. People are told after two minutes in which one has not.

kind             what a store does not do
---------------  -----------------------------------------------------------
unreachable      answer at all
updates_failing  take what we write; it may be read meanwhile
"""

import logging
from datetime import datetime
from random import Random

from sync_core.backoff import Backoff
from sync_core.clock import Clock
from sync_core.domain.values import Alias, Event, Severity
from sync_core.errors import StoreError, cut
from sync_core.ports import Database

log = logging.getLogger(__name__)

NOTIFY_AFTER_SECONDS = 120.0  # seconds
# Short at first: most silences are one lost answer. A minute is what an outage may add to a delay.
SILENT_STORE = Backoff(first=0.5, longest=60)
LOG_WORDS = {"unreachable": "%s does not answer", "updates_failing": "%s takes no updates"}


class StoreAvailability:
    """Remembers since when each store has failed us."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        rng: Random,
        *,
        kind: str = "unreachable",
        severity: Severity = Severity.CRITICAL,
    ) -> None:
        self._kind = kind
        self._severity = severity
        self._database = database
        self._clock = clock
        self._rng = rng
        self._failing_since: dict[Alias, datetime] = {}
        self._reported: set[Alias] = set()
        self._perhaps_reported: set[Alias] = set()  # perhaps told by another process

    async def failed(self, alias: Alias, exc: StoreError, *, level: int = logging.WARNING) -> float:
        """Note that a store did not answer; return the seconds to leave it alone.

        Args:
            alias: The store.
            exc: What came instead.
            level: Of the line in the log: one attempt that two of us note is one warning.
        """
        now = self._clock.now()
        since = self._failing_since.setdefault(alias, now)
        lasted = (now - since).total_seconds()
        why = cut(str(exc))
        extra = {"event": "no_answer", "store": alias, "why": why}
        log.log(level, LOG_WORDS[self._kind], alias, extra=extra)
        if lasted >= NOTIFY_AFTER_SECONDS and alias not in self._reported:
            self._reported.add(alias)
            facts: dict[str, str | int | float | bool | None] = {
                "store": alias,
                "since": since.isoformat(),
                "why": why,
            }
            events = Event(
                kind=self._kind, subject=f"store:{alias}", severity=self._severity, facts=facts
            )
            await self._notify(events, now)
        return SILENT_STORE.delay_after(lasted, self._rng)

    async def succeeded(self, alias: Alias) -> None:
        """Note that a store answers."""
        self._failing_since.pop(alias, None)
        if alias in self._reported | self._perhaps_reported:
            self._reported.discard(alias)
            self._perhaps_reported.discard(alias)
            resolved = Event(kind=self._kind, subject=f"store:{alias}", resolved=True)
            await self._notify(resolved, self._clock.now())

    def may_have_been_reported(self, alias: Alias) -> None:
        """Take over what another process may have told: the next answer says that it is over."""
        self._perhaps_reported.add(alias)

    async def identified(self, alias: Alias) -> None:
        """Note the first answer of a process."""
        self.may_have_been_reported(alias)
        await self.succeeded(alias)

    async def _notify(self, events: Event, now: datetime) -> None:
        await self._database.transaction(lambda tx: tx.notifications.notify([events], now=now))
