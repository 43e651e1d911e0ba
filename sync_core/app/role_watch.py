"""Look for roles that no process has: see domain/process_roles.py."""

from collections.abc import Collection

from sync_core.app.parts import Parts
from sync_core.domain.process_roles import ProcessRole, missing_roles, role_events
from sync_core.metrics import ROLE_MISSING
from sync_core.ports import Transaction


class RoleWatch:
    """Tells people, `/readyz` and `/metrics` what nobody does; in every process."""

    def __init__(self, parts: Parts, roles: Collection[ProcessRole]) -> None:
        self._database, self._clock = parts.database, parts.clock
        self._expected = parts.settings.expected_roles
        self.roles = frozenset(roles)  # of this process
        self._since = parts.clock.now()
        self._missing: list[ProcessRole] = []

    async def check(self) -> None:
        """Look once; a role that is missing is told, and so is its return."""
        self._missing = await self._database.transaction(self._look)
        for role in self._expected:
            ROLE_MISSING.labels(role.value).set(role in self._missing)

    def _look(self, tx: Transaction) -> list[ProcessRole]:
        now = self._clock.now()
        missing = missing_roles(self._expected, tx.views.roles(), now, since=self._since)
        tx.notifications.notify(role_events(self._expected, missing), now=now)
        return missing

    def health(self) -> dict[str, object]:
        """Return what this process does, and what nobody does, in plain JSON."""
        return {"here": sorted(self.roles), "missing": self._missing}
