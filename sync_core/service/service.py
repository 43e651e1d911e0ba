"""What people and other programs may ask of Tipo: the one face that bot and command line use."""

from sync_core.service.outbox import ServiceOutbox
from sync_core.service.queries import HEARTBEAT_SETTING


class Service(ServiceOutbox):
    """Questions, orders, clicks and posts; and the sign of life of whoever serves."""

    async def heartbeat(self) -> None:
        """Leave a sign of life."""
        now = self._clock.now().isoformat()
        await self._transaction(lambda tx: tx.settings.set(HEARTBEAT_SETTING, now))

    async def end_heartbeat(self) -> None:
        """Say that nobody serves any more."""
        await self._transaction(lambda tx: tx.settings.set(HEARTBEAT_SETTING, None))
