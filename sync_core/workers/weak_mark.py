"""Where a store lets us keep no mark: the names of our webhook subscriptions stand in for it.

It is weaker. There is no compare-and-set, so two that start at the same moment do not see each
other until their next renewal; it says nothing of how far a database has come, so that one which
is older is not noticed; and where stores are polled there are no subscriptions, hence no mark.
"""

from sync_core.domain.lease import Mark
from sync_core.domain.values import NEVER
from sync_core.ports import HeldMark, Store
from sync_core.workers.context import Context

PREFIX = "tipo-"
MAX_NAME = 50  # characters of a subscription's name: letters, digits, "_" and "-"
LENGTH = 12  # characters of an instance that a name has room for


def subscription_name(instance: str, topic: str) -> str:
    """Return the name of one of our subscriptions, unique in the shop."""
    return f"{PREFIX}{instance[-LENGTH:]}-{topic.replace('/', '-')}"[:MAX_NAME]


class WeakMark:
    """Reads a mark off the names of subscriptions."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store

    async def mark(self) -> HeldMark:
        """Return whose subscriptions there are: another's come first."""
        instance = await self._instance()
        owners = {
            each.name.removeprefix(PREFIX).partition("-")[0]
            for each in await self._store.subscriptions()
            if each.name.startswith(PREFIX)
        }
        others = sorted(owners - {instance[-LENGTH:]})
        mark = Mark(instance=others[0], renewal="", at=NEVER) if others else None
        return HeldMark(mark=mark, digest=None)

    async def set_mark(self, mark: Mark, digest: str | None) -> str:
        """Throw out the subscriptions of others; ours are made within the hour."""
        del digest
        ours = f"{PREFIX}{mark.instance[-LENGTH:]}-"
        for each in await self._store.subscriptions():
            if each.name.startswith(PREFIX) and not each.name.startswith(ours):
                await self._store.unsubscribe(each.id)
        return ""

    async def _instance(self) -> str:
        new = self._context.ids.new()
        return await self._context.records.step(lambda ledger: ledger.instance(new))
