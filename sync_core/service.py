"""What people and other programs may ask of Tipo: the one face that bot and command line use."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sync_core.clock import Clock, Ids
from sync_core.domain.arrange import Places
from sync_core.domain.values import Alias, ItemId, LocationId, Mode, PoolId, Role
from sync_core.domain.views import Entry, Finding, Meeting, Notice, Overview, PoolView
from sync_core.errors import NotAllowed, StoreError
from sync_core.ports import Ledger, Records, Store, StoreState
from sync_core.workers.engine import BELL
from sync_core.workers.planning import PAUSED

log = logging.getLogger(__name__)

SERVING = "serving"  # the setting that holds the last sign of life
SILENT = 15.0  # seconds after which `tipo serve` counts as gone


class Service:
    """Questions and orders. Everything it changes is a row that the engine acts on."""

    def __init__(
        self, records: Records, stores: Mapping[Alias, Store], clock: Clock, ids: Ids
    ) -> None:
        self._records = records
        self._stores = stores
        self._clock = clock
        self._ids = ids

    # -- questions
    async def overview(self) -> Overview:
        """Return everything at a glance."""
        now = self._clock.now()
        return await self._records.step(lambda ledger: ledger.overview(now=now))

    async def is_serving(self) -> bool:
        """Whether a process keeps the stores equal right now."""
        seen = (await self.overview()).serving_at
        return seen is not None and (self._clock.now() - seen).total_seconds() < SILENT

    async def meetings(self, alias: Alias | None = None) -> list[Meeting]:
        """Return how far the first meeting of each destination, or of one, has come."""
        wanted = await self._destinations(alias)
        return await self._records.step(lambda ledger: [ledger.meeting(each) for each in wanted])

    async def stores(self) -> list[StoreState]:
        """Return what we know of each store, the source first."""
        return await self._records.step(lambda ledger: ledger.stores())

    async def places(self) -> tuple[Places, dict[Alias, list[tuple[LocationId, str]]]]:
        """Return the location map, and the open locations of each store that are not on it."""
        return await self._records.step(lambda ledger: (ledger.places(), ledger.free_locations()))

    async def stock(self, words: str, *, live: bool = True, limit: int = 50) -> list[PoolView]:
        """Return the pools that some words mean; with live quantities if they are few."""
        found = await self._records.step(lambda ledger: self._find(ledger, words, limit))
        if live and 0 < len(found) <= 10:  # noqa: PLR2004 - each costs the store points
            return await self._read(found)
        return found

    def _find(self, ledger: Ledger, words: str, limit: int) -> list[PoolView]:
        return ledger.pool_views(ledger.find(words, limit=limit))

    async def _read(self, pools: Sequence[PoolView]) -> list[PoolView]:
        """Return pools with what their stores show right now, where they answer."""
        shows: dict[tuple[Alias, ItemId, LocationId], int | None] = {}
        wanted: dict[tuple[Alias, LocationId], list[ItemId]] = {}
        for pool in pools:
            for level in pool.levels:
                wanted.setdefault((level.store, level.location), []).append(level.item)
        for (alias, location), items in wanted.items():
            try:
                readings = await self._stores[alias].read(items, location)
            except (StoreError, KeyError) as exc:
                log.warning(
                    "%s cannot be read", alias, extra={"act": "live_read_failed", "why": str(exc)}
                )
                continue
            for item, reading in zip(items, readings, strict=True):
                shows[alias, item, location] = None if reading.trouble else reading.available
        return [
            replace(
                pool,
                levels=tuple(
                    replace(each, shows=shows.get((each.store, each.item, each.location)))
                    for each in pool.levels
                ),
            )
            for pool in pools
        ]

    async def history(self, pool: PoolId, *, limit: int = 50) -> list[Entry]:
        """Return the latest lines of a pool's history, oldest first."""
        return await self._records.step(lambda ledger: ledger.history(pool, limit=limit))

    async def findings(self, *, limit: int = 200) -> list[Finding]:
        """Return what stands, the newest first."""
        return await self._records.step(lambda ledger: ledger.findings(limit=limit))

    async def notices(self, *, after: int = 0, limit: int = 100) -> list[Notice]:
        """Return notices in order, those after that number."""
        return await self._records.step(lambda ledger: ledger.notices(after=after, limit=limit))

    # -- orders
    async def set_mode(self, mode: Mode, *, by: str, alias: Alias | None = None) -> list[Alias]:
        """Change the mode of every connection, or of one: a new first meeting each.

        Returns the destinations whose mode it is now; one that had it already is left in peace.
        Nothing is written by this: levels that
        agree are adopted, levels that differ are left alone and listed.

        Raises:
            NotAllowed: If there is no such destination.
        """
        wanted = await self._destinations(alias)
        now = self._clock.now()
        await self._records.step(lambda ledger: self._call(ledger, wanted, mode, by, now))
        log.info("mode %s for %s", mode, ", ".join(wanted), extra={"act": "mode", "by": by})
        return wanted

    def _call(
        self, ledger: Ledger, wanted: Sequence[Alias], mode: Mode, by: str, now: datetime
    ) -> None:
        for each in wanted:
            if ledger.store(each).mode is not mode:
                ledger.call_meeting(each, mode, by=by, now=now)
        self._ring(ledger)

    async def _destinations(self, alias: Alias | None) -> list[Alias]:
        """Return one destination, or all."""
        states = await self.stores()
        known = [each.alias for each in states if each.role is Role.DESTINATION]
        if alias is None:
            return known
        if alias not in known:
            choice = ", ".join(known) or "none yet: run `tipo serve` or `tipo doctor` first"
            raise NotAllowed(f"{alias} is not a destination; the destinations are {choice}")
        return [alias]

    async def pause(self, *, by: str) -> None:
        """Stop writing; go on counting."""
        word = f"{by}, {self._clock.now():%Y-%m-%d %H:%M} UTC"
        await self._records.step(lambda ledger: self._set_paused(ledger, word))

    async def resume(self) -> None:
        """Write the sum of what is owed."""
        await self._records.step(lambda ledger: self._set_paused(ledger, None))

    def _set_paused(self, ledger: Ledger, word: str | None) -> None:
        ledger.set(PAUSED, word)
        self._ring(ledger)

    def _ring(self, ledger: Ledger) -> None:
        """Wake the serving process, whichever it is."""
        ledger.set(BELL, self._ids.new())

    async def beat(self) -> None:
        """Leave a sign of life."""
        now = self._clock.now().isoformat()
        await self._records.step(lambda ledger: ledger.set(SERVING, now))

    async def rest(self) -> None:
        """Say that nobody serves any more."""
        await self._records.step(lambda ledger: ledger.set(SERVING, None))
