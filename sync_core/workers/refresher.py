"""Look: read by id what cannot be told from webhooks.

    reading some levels of a location      then
    -------------------------------------  --------------------------------------------------------
    many have no book yet                  an export reads these: bulk_refresher.py
    they were read                         accounted for
    it fails, several                      in halves, in any order, until those at fault are alone
    it fails, one alone                    it is put off, longer each time
    it fails, 16 times and never not       it is the location: all that is left is put off
    it is in doubt a second time           the store's primary is asked: accounting.py
    no answer, nor to who the store is     it is the store: the error, and all wait
    not sent, no access                    the error: nothing is known of the levels

What has failed before is read apart from the rest. What failed some times is told, once for each
location, and that is over when all of it has been read.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from sync_core.backoff import Backoff
from sync_core.clock import Clock
from sync_core.domain.accounting import apply_reading, is_doubtful
from sync_core.domain.decisions import DecisionReading
from sync_core.domain.values import (
    Alias,
    Event,
    Level,
    LevelId,
    LocationId,
    Outcome,
    Reading,
    RefreshRequest,
    Severity,
)
from sync_core.errors import NoAnswer, NotSent, Refused, StoreError, cut
from sync_core.ports import Store, StoreWork, Transaction, UnreadLevel
from sync_core.ports.settings import PAUSED_SETTING, SHADOW_SETTING
from sync_core.workers.context import Context
from sync_core.workers.outcomes import commit_outcomes

log = logging.getLogger(__name__)

# A level that cannot be read is mostly one that somebody changes at this moment; after 70 s not.
UNREAD_LEVEL = Backoff(first=10, longest=3600, notify_after=4)
MAX_QUESTIONS = 10  # to the primary in one round: each costs as much as a batch
FAILURES_UNTIL_LOCATION_FAILS = 16  # without a success: halving 100 takes 8
ITEMS_PER_REQUEST = 100  # items in one request: each costs the store points


class Refresher:
    """Reads one store's levels that await a look."""

    def __init__(self, context: Context, store: Store) -> None:
        self._context = context
        self._store = store
        self._answers_questions = True  # as far as we know

    async def round(self) -> float | None:
        """Look at what is due, at most 100 levels; return the seconds until more is due.

        Raises:
            StoreError: If the store does not answer; the looks stay due.
        """
        context = self._context
        now = context.clock.now()
        requests, due, unread = await context.database.transaction(partial(self._due, now))
        if not requests:
            return None if due is None else max(0.0, (due - now).total_seconds())
        groups: dict[tuple[bool, LocationId], list[RefreshRequest]] = {}
        for each in requests:
            groups.setdefault((each.level in unread, each.key.location), []).append(each)
        for (_, location), some in sorted(groups.items(), key=lambda group: group[0]):
            await self._read_levels(location, some)
        context.store_work.notify()
        return 0.0

    def _due(
        self, now: datetime, tx: Transaction
    ) -> tuple[list[RefreshRequest], datetime | None, Collection[LevelId]]:
        """Return the looks that are due, when the next one is, and what could not be read."""
        alias = self._store.alias
        unread = tx.refreshes.unread(alias)
        if unread:
            self._forget(tx)
        limit, enough = (
            self._context.config.levels_per_round,
            self._context.config.levels_for_export,
        )
        requests, until = tx.refreshes.due(alias, now=now, limit=limit), None
        if len(requests) >= min(limit, enough) and is_worth_export(
            tx, self._context, alias, now=now
        ):
            until = self._context.exported_at[alias]
            requests = tx.refreshes.due(alias, now=now, limit=limit, first_until=until)
            self._context.first_reads.notify({StoreWork(alias, is_read=True)})
        next_at = None if requests else tx.refreshes.next_at(alias, first_until=until)
        return requests, next_at, unread

    async def _read_levels(self, location: LocationId, requests: Sequence[RefreshRequest]) -> None:
        """Read levels of one location, and put off those that cannot be read: the table."""
        context = self._context
        left = [list(requests)]
        failures, was_read, why = 0, False, ""
        while left:
            some = left.pop()
            fault = await self._try(location, some)
            if fault is None:
                was_read = True
                continue
            failures += 1
            if failures >= FAILURES_UNTIL_LOCATION_FAILS and not was_read:
                some, left = [*some, *(each for more in left for each in more)], []
            elif len(some) > 1:
                context.rng.shuffle(some)  # the same ones may not always be asked last
                left += [some[: len(some) // 2], some[len(some) // 2 :]]
                continue
            why = fault
            await context.database.transaction(partial(self._postpone, some))
        if why:
            await context.database.transaction(partial(self._notify, [location], why=why))

    async def _try(self, location: LocationId, requests: Sequence[RefreshRequest]) -> str | None:
        """Read levels and account for them; return why they cannot be read, if so."""
        context = self._context
        try:
            readings = await self._store.read([each.key.item for each in requests], location)
        except (NoAnswer, Refused) as exc:
            if isinstance(exc, NoAnswer):
                await self._store.facts()  # raises, if it is the store itself
            return cut(str(exc)) or type(exc).__name__
        await context.availability.succeeded(self._store.alias)
        found = dict(zip((each.level for each in requests), readings, strict=True))
        doubtful = await self._account(requests, found)
        for each in doubtful[:MAX_QUESTIONS]:
            if await self._confirms(found[each.level]):
                await self._account([each], found, confirmed=True)
        return None

    async def _account(
        self,
        requests: Sequence[RefreshRequest],
        readings: Mapping[LevelId, Reading],
        *,
        confirmed: bool = False,
    ) -> list[RefreshRequest]:
        """Account for what was read; return what only the store's primary can tell."""
        context, database = self._context, self._context.database
        work = partial(self._save, requests, readings, confirmed=confirmed)
        emptied, doubtful = await database.transaction(work)
        if emptied:
            context.inbox.notify()  # it decides on what waits to be explained
        return doubtful

    def _save(
        self,
        requests: Sequence[RefreshRequest],
        readings: Mapping[LevelId, Reading],
        tx: Transaction,
        *,
        confirmed: bool,
    ) -> tuple[bool, list[RefreshRequest]]:
        """Account for readings; return whether something fell to zero, and what is doubtful."""
        config, now = self._context.config, self._context.clock.now()
        pools = tx.stock.pools_of(each.level for each in requests)
        # These are levels of one store, and a pool has one of each: no outcome builds on another.
        outcomes = [
            apply_reading(
                pools[each.level],
                readings[each.level],
                each,
                now=now,
                read_lag=config.read_lag,
                confirmed=confirmed,
            )
            for each in requests
        ]
        doubtful = [
            each
            for each in requests
            if not confirmed
            and is_doubtful(
                pools[each.level].level(each.level),
                readings[each.level],
                each,
                read_lag=config.read_lag,
            )
        ]
        emptied = commit_outcomes(tx, outcomes, self._context, now=now).emptied
        return emptied, doubtful if doubtful and self._is_written_to(tx) else []

    def _is_written_to(self, tx: Transaction) -> bool:
        """Whether the store is written to at all."""
        is_blocked = tx.stores.get(self._store.alias).blocked_since is not None
        holds = (PAUSED_SETTING, SHADOW_SETTING)
        return not is_blocked and all(tx.settings.get(each) is None for each in holds)

    async def _confirms(self, reading: Reading) -> bool:
        """Ask the store's primary whether a reading holds; no answer means that nobody knows."""
        context, alias = self._context, self._store.alias
        may_ask = self._answers_questions and context.may_write(alias)
        if not may_ask or reading.available is None:
            return False
        try:
            return await self._store.confirm(reading.key, reading.available, key=context.ids.new())
        except (NoAnswer, NotSent):
            return False  # nothing has changed, whatever became of it
        except Refused as exc:
            self._answers_questions = False
            log.info(
                "%s does not say whether a quantity holds: what is in doubt waits for a minute",
                alias,
                extra={"event": "primary_not_asked", "store": alias, "why": cut(str(exc))},
            )
            return False

    def _postpone(self, requests: Sequence[RefreshRequest], tx: Transaction) -> None:
        """Read levels later."""
        now = self._context.clock.now()
        known = tx.refreshes.unread(self._store.alias)
        pools = tx.stock.pools_of(each.level for each in requests)
        later: list[Outcome] = []
        failed: list[UnreadLevel] = []
        for each in requests:
            level = pools[each.level].level(each.level)
            if not level.awaits_refresh:
                continue
            attempts = 1 + (known[each.level].attempts if each.level in known else 0)
            until = now + timedelta(seconds=UNREAD_LEVEL.delay(attempts))
            later.append(
                Outcome(pool=pools[each.level].with_level(replace(level, refresh_at=until)))
            )
            failed.append(
                UnreadLevel(level=each.level, location=each.key.location, attempts=attempts)
            )
        tx.stock.save_outcomes(later, now=now)
        tx.refreshes.save_unread(self._store.alias, failed)

    def _forget(self, tx: Transaction) -> None:
        """Forget what is unread no more, and say so."""
        ended = tx.refreshes.forget_read(self._store.alias)
        self._notify(
            {each.location for each in ended if UNREAD_LEVEL.should_notify(each.attempts)}, tx
        )

    def _notify(self, locations: Iterable[LocationId], tx: Transaction, why: str = "") -> None:
        """Say what cannot be read at locations, or that all of it can."""
        alias, now = self._store.alias, self._context.clock.now()
        unread = tx.refreshes.unread(alias).values()
        for location in sorted(locations):
            here = [each for each in unread if each.location == location]
            reported = [each.level for each in here if UNREAD_LEVEL.should_notify(each.attempts)]
            if reported and not why:
                continue  # some of it was read; the rest says so itself when it is tried
            events = Event(
                kind="stock_unread",
                subject=f"location:{alias}:{location}",
                severity=Severity.WARNING,
                facts=_facts(alias, location, reported, why, tx) if reported else {},
                resolved=not reported,
            )
            tx.notifications.notify([events], now=now)


def _facts(
    alias: Alias, location: LocationId, reported: Sequence[LevelId], why: str, tx: Transaction
) -> dict[str, str | int | float | bool | None]:
    """Return what people should know of levels that cannot be read."""
    names = [
        each.name for each in tx.location_groups.all() if each.locations.get(alias) == location
    ]
    # Not how many: each more or less of them would be told.
    title = tx.stock.pools_of(reported)[reported[0]].title if len(reported) == 1 else None
    return {"store": alias, "place": names[0] if names else "", "title": title, "why": why}


def is_worth_export(tx: Transaction, context: Context, store: Alias, *, now: datetime) -> bool:
    """Whether so many of a store's levels have no book yet that an export reads them faster."""
    enough, since = context.config.levels_for_export, context.exported_at[store]
    some = tx.refreshes.first_reads(store, now=now, since=since, after=LevelId(0), limit=enough)
    return len(some) >= enough


# -- for whoever asks: decisions, reports, people
@dataclass(frozen=True, slots=True, kw_only=True)
class LevelReadings:
    """What stores showed just now."""

    reads: Mapping[LevelId, DecisionReading] = field(default_factory=dict)
    silent: Mapping[Alias, str] = field(default_factory=dict)  # stores that did not answer, and why

    @property
    def readings(self) -> dict[LevelId, Reading]:
        """The readings alone."""
        return {level: each.reading for level, each in self.reads.items()}

    @property
    def values(self) -> dict[LevelId, int | None]:
        """What each level shows; None where it cannot be believed."""
        return {
            level: None if each.reading.trouble else each.reading.available
            for level, each in self.reads.items()
        }


async def read_levels(
    levels: Iterable[Level], stores: Mapping[Alias, Store], clock: Clock
) -> LevelReadings:
    """Return what levels show. A store that does not answer costs only its own levels."""
    by_location: dict[tuple[Alias, LocationId], dict[LevelId, Level]] = {}
    for each in levels:
        by_location.setdefault((each.key.store, each.key.location), {})[each.id] = each
    reads: dict[LevelId, DecisionReading] = {}
    silent: dict[Alias, str] = {}
    for (alias, location), some in by_location.items():
        wanted = list(some.values())
        for start in range(0, len(wanted), ITEMS_PER_REQUEST):
            if alias in silent or alias not in stores:
                break
            few = wanted[start : start + ITEMS_PER_REQUEST]
            began = clock.now()
            try:
                readings = await stores[alias].read([each.key.item for each in few], location)
            except StoreError as exc:
                silent[alias] = cut(str(exc)) or type(exc).__name__
                log.warning("%s cannot be read", alias, extra={"event": "live_read_failed"})
                break
            for level, reading in zip(few, readings, strict=True):
                reads[level.id] = DecisionReading(
                    reading=reading, version=level.version, mark=level.refresh_mark, began=began
                )
    return LevelReadings(reads=reads, silent=silent)
