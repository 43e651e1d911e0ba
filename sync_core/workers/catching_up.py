"""Catch up: ask a store what has changed, and look at what we did not know.

The list comes from a search that may lag: the windows overlap, and nothing is learned from it
but where to look.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sync_core.domain.arrange import Place
from sync_core.domain.suspend import wish
from sync_core.domain.values import NEVER, LocationId, Mode, News, Outcome, Reading, Severity
from sync_core.errors import Refused, cut
from sync_core.ports import Ledger, Store
from sync_core.workers.context import Context

log = logging.getLogger(__name__)

LATE = timedelta(seconds=30)  # a webhook that has not come by then was lost


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """What a round found."""

    listed: int = 0
    wanted: int = 0  # levels that have to be looked at now
    missed: int = 0  # of these, the ones that no webhook told in time

    def __add__(self, other: "CaughtUp") -> "CaughtUp":
        """Return the sum of two rounds."""
        return CaughtUp(
            listed=self.listed + other.listed,
            wanted=self.wanted + other.wanted,
            missed=self.missed + other.missed,
        )


class CatcherUp:
    """Finds changes of one store that no webhook told."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store

    async def round(self) -> CaughtUp:
        """Ask for all that changed since the last round began, with an overlap.

        Raises:
            StoreError: If the store does not answer; the next round asks for the same again.
        """
        context, alias = self._context, self._store.alias
        began = context.clock.now()
        state = await context.records.step(lambda ledger: ledger.store(alias))
        places = await context.records.step(lambda ledger: ledger.places())
        since = (state.caught_up_to or began) - context.pace.overlap
        found = CaughtUp()
        for place in places:
            if alias in place.locations:
                found += await self._one_place(place, since, began)
        await context.records.step(lambda ledger: self._finish(ledger, began, found.missed))
        if found.wanted:
            context.work.ring()
        return found

    async def _one_place(self, place: Place, since: datetime, began: datetime) -> CaughtUp:
        """Catch up at one place; a location that is gone holds up no other."""
        alias = self._store.alias
        subject = f"location:{alias}:{place.locations[alias]}"
        try:
            found = await self._location(place.locations[alias], since, began)
            news = News(kind="location_refused", subject=subject, over=True)
        except Refused as exc:
            found = CaughtUp()
            facts: dict[str, str | int | float | bool | None] = {
                "store": alias,
                "place": place.name,
                "why": cut(str(exc)),
            }
            severity = Severity.WARNING
            news = News(kind="location_refused", subject=subject, severity=severity, facts=facts)
        await self._context.records.step(lambda ledger: ledger.tell([news], now=began))
        return found

    async def _location(self, location: LocationId, since: datetime, began: datetime) -> CaughtUp:
        """Go through all pages of one location."""
        found = CaughtUp()
        after: str | None = None
        while True:
            page = await self._store.changed(location, since, after)
            found += await self._context.records.step(partial(self._compare, page.rows, began))
            after = page.after
            if after is None:
                return found

    def _compare(self, readings: Sequence[Reading], began: datetime, ledger: Ledger) -> CaughtUp:
        """Have a look at every level whose listed value is not its book."""
        pools = ledger.pools_at(each.spot for each in readings)
        latest = {pool.id: pool for pool in pools.values()}
        outcomes: list[Outcome] = []
        missed = 0
        for each in readings:
            if each.spot not in pools:
                continue
            pool = latest[pools[each.spot].id]
            level = pool.at(each.spot)
            if level.mode is Mode.OFF or level.awaits_look or level.open:
                continue
            if each.trouble is not None or each.available != level.book:
                late = each.updated_at is not None and began - each.updated_at > LATE
                missed += late and (each.updated_at or NEVER) > level.settled_at
                wanted = wish(level, now=began, patience=self._context.pace.patience)
                latest[pool.id] = pool.with_level(wanted)
                outcomes.append(Outcome(pool=latest[pool.id]))
        ledger.save(outcomes, now=began)
        return CaughtUp(listed=len(readings), wanted=len(outcomes), missed=missed)

    def _finish(self, ledger: Ledger, began: datetime, missed: int) -> None:
        """Note how far we are; say so when webhooks do not come."""
        alias = self._store.alias
        ledger.caught_up(alias, to=began)
        if missed and self._context.pace.poll is None:
            news = News(
                kind="webhooks_missed",
                subject=f"store:{alias}",
                severity=Severity.WARNING,
                facts={"store": alias, "levels": missed},
            )
            ledger.tell([news], now=began)
        elif not missed:
            ledger.tell(
                [News(kind="webhooks_missed", subject=f"store:{alias}", over=True)], now=began
            )
