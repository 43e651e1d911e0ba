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

from sync_core.domain.arrange import Place
from sync_core.domain.suspend import wish
from sync_core.domain.values import NEVER, LocationId, Mode, News, Outcome, Reading, Severity
from sync_core.errors import NoAnswer, Refused, StoreError, cut
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
        state, places, behind = await context.records.step(
            lambda ledger: (ledger.store(alias), ledger.places(), ledger.behind(alias))
        )
        since = (state.caught_up_to or began) - context.pace.overlap
        ours = [each for each in places if alias in each.locations]
        found = CaughtUp()
        failed: list[tuple[Place, datetime, NoAnswer | Refused]] = []
        for place in ours:
            location = place.locations[alias]
            start = min(since, behind.get(location, since))
            try:
                found += await self._location(location, start, began)
            except (NoAnswer, Refused) as exc:
                failed.append((place, start, exc))
            else:
                await context.records.step(partial(self._listed, location, behind))
        silent = [exc for _, _, exc in failed if isinstance(exc, NoAnswer)]
        if silent and len(silent) == len(ours):
            raise silent[0]
        for place, start, why in failed:
            await context.records.step(partial(self._fall_behind, place, start, why, behind))
        await context.records.step(lambda ledger: self._finish(ledger, began, found.missed))
        if found.wanted:
            context.work.ring()
        return found

    def _fall_behind(
        self,
        place: Place,
        since: datetime,
        exc: StoreError,
        behind: Mapping[LocationId, datetime],
        ledger: Ledger,
    ) -> None:
        """Note from when on a location has to be listed; tell people, if it is no mere chance."""
        alias = self._store.alias
        location = place.locations[alias]
        ledger.set_behind(alias, location, since)
        if isinstance(exc, NoAnswer) and location not in behind:
            return
        facts: dict[str, str | int | float | bool | None] = {
            "store": alias,
            "place": place.name,
            "why": cut(str(exc)),
        }
        news = News(
            kind="location_refused",
            subject=f"location:{alias}:{location}",
            severity=Severity.WARNING,
            facts=facts,
        )
        ledger.tell([news], now=self._context.clock.now())

    def _listed(
        self, location: LocationId, behind: Mapping[LocationId, datetime], ledger: Ledger
    ) -> None:
        """Note that a location was listed; say that it can be read again."""
        alias = self._store.alias
        if location in behind:
            ledger.set_behind(alias, location, None)
        over = News(kind="location_refused", subject=f"location:{alias}:{location}", over=True)
        ledger.tell([over], now=self._context.clock.now())

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
