"""Whether stores answer. People are told when one has not for two minutes, and when it does."""

import logging
from datetime import datetime
from functools import partial
from random import Random

from sync_core.clock import Clock
from sync_core.domain.values import Alias, News, Severity
from sync_core.errors import StoreError, cut
from sync_core.ports import Ledger, Records

log = logging.getLogger(__name__)

TOLD_AFTER = 120.0  # seconds
LONGEST = 60.0  # seconds between questions to a store that does not answer


class Reach:
    """Remembers since when each store has not answered."""

    def __init__(self, records: Records, clock: Clock, luck: Random) -> None:
        self._records = records
        self._clock = clock
        self._luck = luck
        self._failing_since: dict[Alias, datetime] = {}
        self._told: set[Alias] = set()

    async def failed(self, alias: Alias, exc: StoreError) -> float:
        """Note that a store did not answer; return the seconds to leave it alone."""
        now = self._clock.now()
        since = self._failing_since.setdefault(alias, now)
        lasted = (now - since).total_seconds()
        log.warning(
            "%s does not answer",
            alias,
            extra={"act": "no_answer", "store": alias, "why": cut(str(exc))},
        )
        if lasted >= TOLD_AFTER and alias not in self._told:
            self._told.add(alias)
            await self._records.step(partial(_tell, alias, since, now))
        return self._luck.uniform(0.5, max(1.0, min(LONGEST, lasted / 2)))

    async def answered(self, alias: Alias) -> None:
        """Note that a store answers."""
        self._failing_since.pop(alias, None)
        if alias in self._told:
            self._told.discard(alias)
            over = News(kind="unreachable", subject=f"store:{alias}", over=True)
            now = self._clock.now()
            await self._records.step(lambda ledger: ledger.tell([over], now=now))

    async def greet(self, alias: Alias) -> None:
        """Note the first answer of a process: what another one told may be over."""
        self._told.add(alias)
        await self.answered(alias)


def _tell(alias: Alias, since: datetime, now: datetime, ledger: Ledger) -> None:
    """Tell people, once, that a store has not answered for a while."""
    news = News(
        kind="unreachable",
        subject=f"store:{alias}",
        severity=Severity.CRITICAL,
        facts={"store": alias, "since": since.isoformat()},
    )
    ledger.tell([news], now=now)
