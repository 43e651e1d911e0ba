"""Catch up: ask a store what has changed, and look at what we did not know.

The list comes from a search that may lag: the windows overlap, and nothing is learned from it
but where to look.

    the list of a location         then
    -----------------------------  --------------------------------------------------------------
    came whole                     the next one begins where this one did, less the overlap
    is refused                     the others go on; the next one of it begins where this one did
    does not come, others did      the same
    does not come, nor any other   the error: it is the store
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sync_core.domain.location_groups import LocationGroup
from sync_core.domain.suspension import request_refresh
from sync_core.domain.values import NEVER, Event, LocationId, Mode, Outcome, Reading, Severity
from sync_core.errors import NoAnswer, Refused, StoreError, cut
from sync_core.ports import Store, Transaction
from sync_core.workers.context import Context

log = logging.getLogger(__name__)

WEBHOOK_LATE_AFTER = timedelta(seconds=30)  # a webhook that has not come by then was lost


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUpResult:
    """What a round found."""

    listed: int = 0
    wanted: int = 0  # levels that have to be looked at now
    missed: int = 0  # of these, the ones that no webhook told in time

    def __add__(self, other: "CatchUpResult") -> "CatchUpResult":
        """Return the sum of two rounds."""
        return CatchUpResult(
            listed=self.listed + other.listed,
            wanted=self.wanted + other.wanted,
            missed=self.missed + other.missed,
        )


class CatchUp:
    """Finds changes of one store that no webhook told."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store

    async def round(self) -> CatchUpResult:
        """Ask for all that changed since the last round began, with an overlap.

        Raises:
            StoreError: If the store does not answer; the next round asks for the same again.
        """
        context, alias = self._context, self._store.alias
        began = context.clock.now()
        state, location_groups, behind = await context.database.transaction(
            lambda tx: (
                tx.stores.get(alias),
                tx.location_groups.all(),
                tx.stores.lagging_locations(alias),
            )
        )
        since = (state.caught_up_to or began) - context.config.catch_up_overlap
        ours = [each for each in location_groups if alias in each.locations]
        found = CatchUpResult()
        failed: list[tuple[LocationGroup, datetime, NoAnswer | Refused]] = []
        for location_group in ours:
            location = location_group.locations[alias]
            start = min(since, behind.get(location, since))
            try:
                found += await self._list_location(location, start, began)
            except (NoAnswer, Refused) as exc:
                failed.append((location_group, start, exc))
            else:
                await context.database.transaction(partial(self._note_listed, location, behind))
        silent = [exc for _, _, exc in failed if isinstance(exc, NoAnswer)]
        if silent and len(silent) == len(ours):
            raise silent[0]
        for location_group, start, why in failed:
            await context.database.transaction(
                partial(self._note_not_listed, location_group, start, why, behind)
            )
        await context.database.transaction(lambda tx: self._finish(tx, began, found.missed))
        if found.wanted:
            context.store_work.notify()
        return found

    def _note_not_listed(
        self,
        location_group: LocationGroup,
        since: datetime,
        exc: StoreError,
        behind: Mapping[LocationId, datetime],
        tx: Transaction,
    ) -> None:
        """Note from when on a location has to be listed; tell people, if it is no mere chance."""
        alias = self._store.alias
        location = location_group.locations[alias]
        tx.stores.set_lagging(alias, location, since)
        if isinstance(exc, NoAnswer) and location not in behind:
            return
        facts: dict[str, str | int | float | bool | None] = {
            "store": alias,
            "place": location_group.name,
            "why": cut(str(exc)),
        }
        events = Event(
            kind="location_refused",
            subject=f"location:{alias}:{location}",
            severity=Severity.WARNING,
            facts=facts,
        )
        tx.notifications.notify([events], now=self._context.clock.now())

    def _note_listed(
        self, location: LocationId, behind: Mapping[LocationId, datetime], tx: Transaction
    ) -> None:
        """Note that a location was listed; say that it can be read again."""
        alias = self._store.alias
        if location in behind:
            tx.stores.set_lagging(alias, location, None)
        resolved = Event(
            kind="location_refused", subject=f"location:{alias}:{location}", resolved=True
        )
        tx.notifications.notify([resolved], now=self._context.clock.now())

    async def _list_location(
        self, location: LocationId, since: datetime, began: datetime
    ) -> CatchUpResult:
        """Go through all pages of one location."""
        found = CatchUpResult()
        after: str | None = None
        while True:
            page = await self._store.changed(location, since, after)
            found += await self._context.database.transaction(
                partial(self._compare, page.rows, began)
            )
            after = page.after
            if after is None:
                return found

    def _compare(
        self, readings: Sequence[Reading], began: datetime, tx: Transaction
    ) -> CatchUpResult:
        """Have a look at every level whose listed value is not its book."""
        pools = tx.stock.pools_by_key(each.key for each in readings)
        latest = {pool.id: pool for pool in pools.values()}
        outcomes: list[Outcome] = []
        missed = 0
        for each in readings:
            if each.key not in pools:
                continue
            pool = latest[pools[each.key].id]
            level = pool.at(each.key)
            if level.mode is Mode.OFF or level.awaits_refresh or level.open:
                continue
            if each.trouble is not None or each.available != level.book:
                late = each.updated_at is not None and began - each.updated_at > WEBHOOK_LATE_AFTER
                missed += late and (each.updated_at or NEVER) > level.settled_at
                wanted = request_refresh(level, now=began, read_lag=self._context.config.read_lag)
                latest[pool.id] = pool.with_level(wanted)
                outcomes.append(Outcome(pool=latest[pool.id]))
        tx.stock.save_outcomes(outcomes, now=began)
        return CatchUpResult(listed=len(readings), wanted=len(outcomes), missed=missed)

    def _finish(self, tx: Transaction, began: datetime, missed: int) -> None:
        """Note how far we are; say so when webhooks do not come."""
        alias = self._store.alias
        tx.stores.set_caught_up(alias, to=began)
        if tx.leases.of(alias).is_in_the_way:
            return  # they came: to another Tipo, or before this backup was restored
        if missed and self._context.config.poll_every is None:
            events = Event(
                kind="webhooks_missed",
                subject=f"store:{alias}",
                severity=Severity.WARNING,
                facts={"store": alias, "levels": missed},
            )
            tx.notifications.notify([events], now=began)
        elif not missed:
            tx.notifications.notify(
                [Event(kind="webhooks_missed", subject=f"store:{alias}", resolved=True)], now=began
            )
