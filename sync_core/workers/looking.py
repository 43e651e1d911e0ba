"""Look: read by id what cannot be told from webhooks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from sync_core.domain.account import looked
from sync_core.domain.values import LevelId, LocationId, Look, Reading
from sync_core.ports import Ledger, Store
from sync_core.workers.braking import brake
from sync_core.workers.contesting import stop_contested
from sync_core.workers.context import Context
from sync_core.workers.planning import write_down_all


class Looker:
    """Reads one store's levels that await a look."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store

    async def round(self) -> float | None:
        """Look at what is due, at most 100 levels; return the seconds until more is due.

        Raises:
            StoreError: If the store does not answer; the looks stay due.
        """
        context = self._context
        now = context.clock.now()
        looks, due = await context.records.step(partial(self._due, now))
        if not looks:
            return None if due is None else max(0.0, (due - now).total_seconds())
        by_location: dict[LocationId, list[Look]] = {}
        for each in looks:
            by_location.setdefault(each.spot.location, []).append(each)
        for location, some in by_location.items():
            readings = await self._store.read([each.spot.item for each in some], location)
            await context.reach.answered(self._store.alias)
            found = dict(zip((each.level for each in some), readings, strict=True))
            if await context.records.step(partial(self._account, some, found)):
                context.inbox.ring()  # the folder decides on what waits to be explained
        context.work.ring()
        return 0.0

    def _due(self, now: datetime, ledger: Ledger) -> tuple[list[Look], datetime | None]:
        """Return the looks that are due, and when the next one is."""
        alias = self._store.alias
        looks = ledger.looks(alias, now=now, limit=self._context.pace.look)
        return looks, None if looks else ledger.next_look(alias)

    def _account(
        self, looks: Sequence[Look], readings: Mapping[LevelId, Reading], ledger: Ledger
    ) -> bool:
        """Account for what was read, write down what follows; return whether something may wait."""
        context = self._context
        now = context.clock.now()
        pools = ledger.pools_of(each.level for each in looks)
        patience = context.pace.patience
        # These are levels of one store, and a pool has one of each: no outcome builds on another.
        outcomes = [
            looked(pools[each.level], readings[each.level], each, now=now, patience=patience)
            for each in looks
        ]
        ledger.save(outcomes, now=now)
        moved = brake(ledger, outcomes, context, now=now)
        stop_contested(ledger, outcomes, context, now=now)
        write_down_all(ledger, context.stores.values(), context.ids, now=now)
        ledger.count_traffic(moved, now=now)
        return any(each.emptied for each in moved.values())
