"""Our webhook subscriptions at a store: registered while missing, and read for who holds it.

Stores delete subscriptions after eight failures, so they are looked at every hour.

Where a store lets us keep no mark, their names stand in for it: whose subscription is the oldest
holds the store, and whoever takes over throws the others out. It is weaker. There is no
compare-and-set, so two that start at the same moment do not see each other until their next
renewal; it says nothing of how far a database has come, so that one which is older is not noticed;
and where stores are polled there are no subscriptions, hence no mark. So the store is asked again
each minute whether it lets us keep a full one by now.
"""

import logging
from collections.abc import Sequence

from sync_core.domain.leases import LeaseMark
from sync_core.domain.values import NEVER, Event, Severity
from sync_core.errors import MarkChanged, NoAnswer, Refused, cut
from sync_core.ports import Store, StoredMark, Subscription, Transaction
from sync_core.workers.context import Context

log = logging.getLogger(__name__)

WEBHOOK_PATH = "/webhooks/shopify"
NAME_PREFIX = "tipo-"
MAX_NAME_CHARACTERS = 50  # characters of a subscription's name: letters, digits, "_" and "-"
INSTANCE_CHARACTERS = 12  # characters of an instance that a name has room for


class WebhookSubscriptions:
    """Registers what is missing at one store."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store
        self._complete = False  # they were all there once, so a missing one was deleted

    async def round(self) -> list[str] | None:
        """Subscribe to the topics that are missing; return them. None: not before we may write.

        What goes to another address under our name is an older address of ours; or that of whoever
        works with a copy of this database, from whom only the holder of the lease may take it.

        Raises:
            StoreError: If the store does not answer, be it for one topic; the others are made.
        """
        context, alias = self._context, self._store.alias
        if context.public_url is None:
            return []
        uri = context.public_url + WEBHOOK_PATH
        new = context.ids.new()
        state, instance = await context.database.transaction(
            lambda tx: (tx.stores.get(alias), tx.leases.instance(new))
        )
        ours = await self._store.subscriptions()
        held = {each.topic for each in ours if each.uri == uri}
        old = [each for each in ours if _is_old(each, uri, instance)]
        if old and not context.permits.may_write(alias, context.clock.monotonic()):
            return None
        for each in old:
            await self._store.unsubscribe(each.id)
        missing = [topic for topic in context.topics(state.scopes) if topic not in held]
        refused, silent = await self._subscribe(missing, uri, instance)
        lost = missing if self._complete else []
        self._complete = not refused and silent is None
        await context.database.transaction(lambda tx: self._notify(tx, lost, refused))
        if silent is not None:
            raise silent
        if missing:
            log.info(
                "%s sends us %d more topics",
                alias,
                len(missing) - len(refused),
                extra={"event": "subscribed", "store": alias},
            )
        return missing

    async def _subscribe(
        self, missing: Sequence[str], uri: str, instance: str
    ) -> tuple[list[str], NoAnswer | None]:
        """Subscribe to topics; return what was refused, and whether anything got no answer."""
        refused: list[str] = []
        silent: NoAnswer | None = None
        for topic in missing:
            try:
                await self._store.subscribe(topic, uri, _name_of(instance, topic))
            except Refused as exc:
                refused.append(f"{topic}: {cut(str(exc))}")
            except NoAnswer as exc:
                silent = exc
        return refused, silent

    def _notify(self, tx: Transaction, lost: Sequence[str], refused: Sequence[str]) -> None:
        """Tell people what was missing; a lost subscription means that changes were missed."""
        alias = self._store.alias
        now = self._context.clock.now()
        subject = f"store:{alias}"
        if lost or refused:
            facts: dict[str, str | int | float | bool | None] = {
                "store": alias,
                "lost": ", ".join(lost),
                "refused": "; ".join(refused),
            }
            severity = Severity.CRITICAL if refused else Severity.WARNING
            gone = Event(kind="webhooks_gone", subject=subject, severity=severity, facts=facts)
            tx.notifications.notify([gone], now=now)
        else:
            tx.notifications.notify(
                [Event(kind="webhooks_gone", subject=subject, resolved=True)], now=now
            )


def _is_old(each: Subscription, uri: str, instance: str) -> bool:
    """Whether it has our name, and leads elsewhere: a name can be there but once."""
    return each.uri != uri and each.name == _name_of(instance, each.topic)


class SubscriptionMark:
    """Reads a mark off the names of subscriptions."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store

    async def mark(self) -> StoredMark:
        """Return who was there first. There is no digest: the owner's name stands in for it."""
        new = self._context.ids.new()
        ours = _short(await self._context.database.transaction(lambda tx: tx.leases.instance(new)))
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


def _name_of(instance: str, topic: str) -> str:
    """Return the name of one of our subscriptions, unique in the shop."""
    return f"{NAME_PREFIX}{_short(instance)}-{topic.replace('/', '-')}"[:MAX_NAME_CHARACTERS]
