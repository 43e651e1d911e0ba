"""Where a store lets us keep no mark: the names of our webhook subscriptions stand in for it.

Whose subscription is the oldest holds the store; whoever takes over throws the others out.

It is weaker. There is no compare-and-set, so two that start at the same moment do not see each
other until their next renewal; it says nothing of how far a database has come, so that one which
is older is not noticed; and where stores are polled there are no subscriptions, hence no mark. So
the store is asked again each minute whether it lets us keep a full one by now.
"""

from collections.abc import Sequence

from sync_core.domain.leases import LeaseMark
from sync_core.domain.values import NEVER
from sync_core.errors import MarkChanged
from sync_core.ports import Store, StoredMark, Subscription
from sync_core.workers.context import Context

NAME_PREFIX = "tipo-"
MAX_NAME_CHARACTERS = 50  # characters of a subscription's name: letters, digits, "_" and "-"
INSTANCE_CHARACTERS = 12  # characters of an instance that a name has room for


def subscription_name(instance: str, topic: str) -> str:
    """Return the name of one of our subscriptions, unique in the shop."""
    return f"{NAME_PREFIX}{_short(instance)}-{topic.replace('/', '-')}"[:MAX_NAME_CHARACTERS]


class SubscriptionMark:
    """Reads a mark off the names of subscriptions."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store

    async def mark(self) -> StoredMark:
        """Return who was there first. There is no digest: the owner's name stands in for it."""
        new = self._context.ids.new()
        ours = _short(await self._context.database.transaction(lambda tx: tx.instance(new)))
        owner = _owner(await self._named())
        mark = LeaseMark(instance=owner, renewal="", at=NEVER) if owner not in {"", ours} else None
        return StoredMark(mark=mark, digest=owner)

    async def write_mark(self, mark: LeaseMark, digest: str | None) -> str:
        """Throw out the subscriptions of another owner; ours are made within the hour.

        Raises:
            MarkChanged: If the owner is another one than `digest` by now.
        """
        named, ours = await self._named(), _short(mark.instance)
        if _owner(named) != digest:
            raise MarkChanged("the subscriptions are somebody else's now")
        if digest in {"", ours}:
            return digest
        for each in named:
            if _owner([each]) != ours:
                await self._store.unsubscribe(each.id)
        return _owner([each for each in named if _owner([each]) == ours])

    async def _named(self) -> list[Subscription]:
        """Return the subscriptions that some Tipo has made, the oldest first."""
        found = await self._store.subscriptions()
        ours = [each for each in found if each.name.startswith(NAME_PREFIX)]
        return sorted(ours, key=lambda each: (len(each.id), each.id))


def _owner(named: Sequence[Subscription]) -> str:
    """Return whose the oldest is; nothing if there is none."""
    return named[0].name.removeprefix(NAME_PREFIX).partition("-")[0] if named else ""


def _short(instance: str) -> str:
    return instance[-INSTANCE_CHARACTERS:]
