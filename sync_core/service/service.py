"""What people and other programs may ask of Tipo: the one face that bot and command line use."""

from collections.abc import Collection

from sync_core.domain.process_roles import ALL_ROLES, HEARTBEATS, ProcessRole
from sync_core.ports import Transaction
from sync_core.service.outbox import ServiceOutbox


class Service(ServiceOutbox):
    """Questions, orders, clicks and posts; and the sign of life of whoever serves."""

    async def heartbeat(self, roles: Collection[ProcessRole] = ALL_ROLES) -> None:
        """Leave a sign of life of a process, for each of its roles."""
        await self._sign(roles, self._clock.now().isoformat())

    async def end_heartbeat(self, roles: Collection[ProcessRole] = ALL_ROLES) -> None:
        """Say that this process has them no longer; another one that has says so within seconds."""
        await self._sign(roles, None)

    async def _sign(self, roles: Collection[ProcessRole], at: str | None) -> None:
        def work(tx: Transaction) -> None:
            for role in sorted(roles):  # one order: no deadlock
                tx.settings.set(HEARTBEATS[role], at)

        await self._transaction(work)
