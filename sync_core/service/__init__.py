"""What people and other programs may ask of Tipo: the one face that bot and command line use."""

from sync_core.service.outbox import Outbox
from sync_core.service.questions import SERVING


class Service(Outbox):
    """Questions, orders, clicks and posts; and the sign of life of whoever serves."""

    async def beat(self) -> None:
        """Leave a sign of life."""
        now = self._clock.now().isoformat()
        await self._records.step(lambda ledger: ledger.set(SERVING, now))

    async def rest(self) -> None:
        """Say that nobody serves any more."""
        await self._records.step(lambda ledger: ledger.set(SERVING, None))


__all__ = ["Service"]
