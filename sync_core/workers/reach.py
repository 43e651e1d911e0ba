"""Whether stores do what is asked. People are told after two minutes in which one has not.

kind             what a store does not do
---------------  -----------------------------------------------------------
unreachable      answer at all
updates_failing  take what we write; it may be read meanwhile
"""

import logging
from datetime import datetime
from random import Random

from sync_core.clock import Clock
from sync_core.domain.values import Alias, News, Severity
from sync_core.errors import StoreError, cut
from sync_core.ports import Records

log = logging.getLogger(__name__)

TOLD_AFTER = 120.0  # seconds
LONGEST = 60.0  # seconds between questions to a store that does not answer
WORDS = {"unreachable": "%s does not answer", "updates_failing": "%s takes no updates"}


class Reach:
    """Remembers since when each store has failed us."""

    def __init__(
        self,
        records: Records,
        clock: Clock,
        luck: Random,
        *,
        kind: str = "unreachable",
        severity: Severity = Severity.CRITICAL,
    ) -> None:
        self._kind = kind
        self._severity = severity
        self._records = records
        self._clock = clock
        self._luck = luck
        self._failing_since: dict[Alias, datetime] = {}
        self._told: set[Alias] = set()
        self._inherited: set[Alias] = set()  # perhaps told by another process

    async def failed(self, alias: Alias, exc: StoreError) -> float:
        """Note that a store did not answer; return the seconds to leave it alone."""
        now = self._clock.now()
        since = self._failing_since.setdefault(alias, now)
        lasted = (now - since).total_seconds()
        why = cut(str(exc))
        extra = {"act": "no_answer", "store": alias, "why": why}
        log.warning(WORDS[self._kind], alias, extra=extra)
        if lasted >= TOLD_AFTER and alias not in self._told:
            self._told.add(alias)
            facts: dict[str, str | int | float | bool | None] = {
                "store": alias,
                "since": since.isoformat(),
                "why": why,
            }
            news = News(
                kind=self._kind, subject=f"store:{alias}", severity=self._severity, facts=facts
            )
            await self._tell(news, now)
        return self._luck.uniform(0.5, max(1.0, min(LONGEST, lasted / 2)))

    async def answered(self, alias: Alias) -> None:
        """Note that a store answers."""
        self._failing_since.pop(alias, None)
        if alias in self._told | self._inherited:
            self._told.discard(alias)
            self._inherited.discard(alias)
            over = News(kind=self._kind, subject=f"store:{alias}", over=True)
            await self._tell(over, self._clock.now())

    def inherit(self, alias: Alias) -> None:
        """Take over what another process may have told: the next answer says that it is over."""
        self._inherited.add(alias)

    async def greet(self, alias: Alias) -> None:
        """Note the first answer of a process."""
        self.inherit(alias)
        await self.answered(alias)

    async def _tell(self, news: News, now: datetime) -> None:
        await self._records.step(lambda ledger: ledger.tell([news], now=now))
