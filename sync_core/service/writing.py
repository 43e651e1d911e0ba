"""Whether stores are written to at all: their modes, shadow mode, and the pause."""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from sync_core.domain.proposals import Choice, ProposalKind
from sync_core.domain.shadow import NOTHING_WRITTEN, WRITE_SCOPE, needs_writing
from sync_core.domain.sync_status import pause_text
from sync_core.domain.texts import store_name
from sync_core.domain.values import Alias, Event, Mode, Role, Severity
from sync_core.errors import NotAllowed, StoreError, WrongShop
from sync_core.ports import LONG_TRANSACTION_SECONDS, Transaction, WorkKind
from sync_core.ports.settings import PAUSED_SETTING, SHADOW_SETTING
from sync_core.service.queries import ServiceQueries
from sync_core.workers.context import WAKEUP_SETTING
from sync_core.workers.mode_changes import ModeChange, set_modes

log = logging.getLogger(__name__)


class ServiceWriting(ServiceQueries):
    """The part of the service that says whether stores are written to."""

    async def set_mode(
        self, mode: Mode, *, by: str, alias: Alias | None = None, shadow: bool = False
    ) -> list[Alias]:
        """Change the mode of every connection, or of one: a new initial comparison each.

        Returns the destinations whose mode it is now; one that had it already is left in peace.
        Nothing is written by this: levels that agree are adopted, levels that differ are left
        alone and listed. In shadow nothing is written later, either.

        Raises:
            NotAllowed: If there is no such destination, shadow mode is in the way, or Tipo may not
                write to a store.
        """
        wanted = await self._destinations(alias)
        if not shadow:
            await self._require_write_scope(mode, wanted)
        change = ModeChange(stores=wanted, mode=mode, shadow=shadow, by=by)
        call = partial(self._change_mode, change=change, now=self._clock.now())
        await self._transaction(call, limit=LONG_TRANSACTION_SECONDS)
        words = f"{mode}{' in shadow mode' if shadow else ''}"
        log.info(
            "mode %s for %s", words, ", ".join(wanted), extra={"event": "mode_changed", "by": by}
        )
        return wanted

    def _change_mode(self, tx: Transaction, change: ModeChange, now: datetime) -> None:
        set_modes(tx, change, token=self._ids.new(), now=now)
        self._wake_server(tx)

    async def _require_write_scope(self, mode: Mode, wanted: Sequence[Alias]) -> None:
        """Raise NotAllowed if Tipo may not write to a store that a live mode writes to."""
        if mode is Mode.OFF:
            return
        lacking = [
            each.alias
            for each in await self.stores()
            if (each.alias in wanted or (each.role is Role.SOURCE and mode is Mode.TWO_WAY))
            and each.scopes  # else nobody has asked it yet
            and WRITE_SCOPE not in each.scopes
            and not await self._may_write_by_now(each.alias)
        ]
        if lacking:
            raise NotAllowed(
                f"Tipo may not write to {', '.join(map(store_name, lacking))}: its app there has "
                f"no {WRITE_SCOPE} scope. Add it in Shopify's Dev Dashboard, in the app under "
                "Versions → Select scopes, release that, install the app again, and ask again. "
                "Until then only shadow mode is possible"
            )

    async def _may_write_by_now(self, alias: Alias) -> bool:
        """Whether a store's app has been given the scope since we asked last."""
        try:
            return WRITE_SCOPE in (await self._stores[alias].facts()).scopes
        except (StoreError, WrongShop):
            return False

    async def pause(self, *, by: str) -> None:
        """Stop writing; go on counting.

        Raises:
            NotAllowed: In shadow mode.
        """
        paused_by = pause_text(by, self._clock.now())
        await self._transaction(lambda tx: self._set_paused(tx, paused_by))

    async def resume(self) -> None:
        """Write the sum of what is pending.

        Raises:
            NotAllowed: In shadow mode.
        """
        await self._transaction(lambda tx: self._set_paused(tx, None))

    def _set_paused(self, tx: Transaction, paused_by: str | None) -> None:
        if tx.settings.get(SHADOW_SETTING) is not None:
            raise NotAllowed("in shadow mode nothing is written, so there is nothing to pause")
        # Two people at once: only the one whose statement has changed the row tells of it.
        said = (
            tx.settings.add(PAUSED_SETTING, paused_by)
            if paused_by
            else tx.settings.pop(PAUSED_SETTING)
        )
        if said is not None:
            facts: dict[str, str | int | float | bool | None] = {"by": said}
            events = Event(
                kind="paused",
                subject="writing",
                severity=Severity.WARNING,
                facts=facts,
                resolved=paused_by is None,
            )
            tx.notifications.notify([events], now=self._clock.now())
        self._wake_server(tx)

    def _wake_server(self, tx: Transaction) -> None:
        """Wake the serving process, whichever it is: this one, or one that looks or listens."""
        tx.settings.set(WAKEUP_SETTING, self._ids.new())
        tx.announce(WorkKind.REQUESTS)


def refuse_in_shadow(tx: Transaction, kind: ProposalKind, choices: Iterable[Choice]) -> None:
    """Raise NotAllowed if a decision would have to be written, and nothing is."""
    writes = any(needs_writing(kind, each) for each in choices)
    if writes and tx.settings.get(SHADOW_SETTING) is not None:
        raise NotAllowed(NOTHING_WRITTEN)
