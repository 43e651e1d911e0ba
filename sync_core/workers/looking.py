"""Look: read by id what cannot be told from webhooks.

    reading some levels of a location      then
    -------------------------------------  --------------------------------------------------------
    they were read                         accounted for
    it fails, several                      in halves, in any order, until those at fault are alone
    it fails, one alone                    it is put off, longer each time
    it fails, 16 times and never not       it is the location: all that is left is put off
    no answer, nor to who the store is     it is the store: the error, and all wait
    not sent, no access                    the error: nothing is known of the levels

What has failed before is read apart from the rest. What failed some times is told, once for each
location, and that is over when all of it has been read.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sync_core.domain.account import looked
from sync_core.domain.values import (
    Alias,
    LevelId,
    LocationId,
    Look,
    News,
    Outcome,
    Reading,
    Severity,
)
from sync_core.errors import NoAnswer, Refused, cut
from sync_core.ports import Ledger, Store, Unread
from sync_core.workers.braking import brake
from sync_core.workers.contesting import stop_contested
from sync_core.workers.context import Context
from sync_core.workers.planning import write_down_all

FIRST_WAIT = timedelta(seconds=10)  # for a level that could not be read,
LAST_WAIT = timedelta(hours=1)  # growing up to this
TOLD_AFTER = 4  # attempts, in more than a minute
GIVE_UP = 16  # failures without a success: halving a hundred takes eight to the first level


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
        looks, due, unread = await context.records.step(partial(self._due, now))
        if not looks:
            return None if due is None else max(0.0, (due - now).total_seconds())
        groups: dict[tuple[bool, LocationId], list[Look]] = {}
        for each in looks:
            groups.setdefault((each.level in unread, each.spot.location), []).append(each)
        for (_, location), some in sorted(groups.items(), key=lambda group: group[0]):
            await self._read(location, some)
        context.work.ring()
        return 0.0

    def _due(
        self, now: datetime, ledger: Ledger
    ) -> tuple[list[Look], datetime | None, Collection[LevelId]]:
        """Return the looks that are due, when the next one is, and what could not be read."""
        alias = self._store.alias
        unread = ledger.unread(alias)
        if unread:
            self._forget(ledger)
        looks = ledger.looks(alias, now=now, limit=self._context.pace.look)
        return looks, None if looks else ledger.next_look(alias), unread

    async def _read(self, location: LocationId, looks: Sequence[Look]) -> None:
        """Read levels of one location, and put off those that cannot be read: the table."""
        context = self._context
        left = [list(looks)]
        failures, was_read, why = 0, False, ""
        while left:
            some = left.pop()
            fault = await self._try(location, some)
            if fault is None:
                was_read = True
                continue
            failures += 1
            if failures >= GIVE_UP and not was_read:
                some, left = [*some, *(each for more in left for each in more)], []
            elif len(some) > 1:
                context.luck.shuffle(some)  # the same ones may not always be asked last
                left += [some[: len(some) // 2], some[len(some) // 2 :]]
                continue
            why = fault
            await context.records.step(partial(self._put_off, some))
        if why:
            await context.records.step(partial(self._tell, [location], why=why))

    async def _try(self, location: LocationId, looks: Sequence[Look]) -> str | None:
        """Read levels and account for them; return why they cannot be read, if so."""
        context = self._context
        try:
            readings = await self._store.read([each.spot.item for each in looks], location)
        except (NoAnswer, Refused) as exc:
            if isinstance(exc, NoAnswer):
                await self._store.facts()  # raises, if it is the store itself
            return cut(str(exc)) or type(exc).__name__
        await context.reach.answered(self._store.alias)
        found = dict(zip((each.level for each in looks), readings, strict=True))
        if await context.records.step(partial(self._account, looks, found)):
            context.inbox.ring()  # the folder decides on what waits to be explained
        return None

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

    def _put_off(self, looks: Sequence[Look], ledger: Ledger) -> None:
        """Read levels later."""
        now = self._context.clock.now()
        known = ledger.unread(self._store.alias)
        pools = ledger.pools_of(each.level for each in looks)
        later: list[Outcome] = []
        failed: list[Unread] = []
        for each in looks:
            level = pools[each.level].level(each.level)
            if not level.awaits_look:
                continue
            before = known[each.level].attempts if each.level in known else 0
            until = now + min(LAST_WAIT, FIRST_WAIT * 2 ** min(before, 10))
            later.append(Outcome(pool=pools[each.level].with_level(replace(level, look_at=until))))
            failed.append(
                Unread(level=each.level, location=each.spot.location, attempts=before + 1)
            )
        ledger.save(later, now=now)
        ledger.save_unread(self._store.alias, failed)

    def _forget(self, ledger: Ledger) -> None:
        """Forget what is unread no more, and say so."""
        ended = ledger.forget_read(self._store.alias)
        self._tell({each.location for each in ended if each.attempts >= TOLD_AFTER}, ledger)

    def _tell(self, locations: Iterable[LocationId], ledger: Ledger, why: str = "") -> None:
        """Say what cannot be read at locations, or that all of it can."""
        alias, now = self._store.alias, self._context.clock.now()
        unread = ledger.unread(alias).values()
        for location in sorted(locations):
            here = [each for each in unread if each.location == location]
            told = [each.level for each in here if each.attempts >= TOLD_AFTER]
            if told and not why:
                continue  # some of it was read; the rest says so itself when it is tried
            news = News(
                kind="stock_unread",
                subject=f"location:{alias}:{location}",
                severity=Severity.WARNING,
                facts=_facts(alias, location, told, why, ledger) if told else {},
                over=not told,
            )
            ledger.tell([news], now=now)


def _facts(
    alias: Alias, location: LocationId, told: Sequence[LevelId], why: str, ledger: Ledger
) -> dict[str, str | int | float | bool | None]:
    """Return what people should know of levels that cannot be read."""
    names = [each.name for each in ledger.places() if each.locations.get(alias) == location]
    # Not how many: each more or less of them would be told.
    title = ledger.pools_of(told)[told[0]].title if len(told) == 1 else None
    return {"store": alias, "place": names[0] if names else "", "title": title, "why": why}
