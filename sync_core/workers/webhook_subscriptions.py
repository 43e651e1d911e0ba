"""Keep our webhook subscriptions: stores delete them after eight failures."""

import logging
from collections.abc import Sequence

from sync_core.domain.values import Event, Severity
from sync_core.errors import NoAnswer, Refused, cut
from sync_core.ports import Store, Subscription, Transaction
from sync_core.workers.context import Context
from sync_core.workers.subscription_mark import subscription_name

log = logging.getLogger(__name__)

WEBHOOK_PATH = "/webhooks/shopify"


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
            lambda tx: (tx.store(alias), tx.instance(new))
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
                await self._store.subscribe(topic, uri, subscription_name(instance, topic))
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
            tx.notify([gone], now=now)
        else:
            tx.notify([Event(kind="webhooks_gone", subject=subject, resolved=True)], now=now)


def _is_old(each: Subscription, uri: str, instance: str) -> bool:
    """Whether it has our name, and leads elsewhere: a name can be there but once."""
    return each.uri != uri and each.name == subscription_name(instance, each.topic)
