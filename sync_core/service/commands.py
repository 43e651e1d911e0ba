"""What people may ask for. Everything it changes is a row that the engine acts on."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta, tzinfo
from functools import partial

from sync_core.domain.leases import (
    Takeover,
    TakeoverAnswer,
    late_answer,
    lease_news,
    takeover_questions,
)
from sync_core.domain.location_groups import LocationGroup, LocationGroups
from sync_core.domain.nights import HOUR_PREFERENCE, begins, due_night
from sync_core.domain.proposals import (
    Asker,
    Person,
    Report,
    ReportFacts,
    ReportKind,
)
from sync_core.domain.texts import store_name
from sync_core.domain.values import Alias, LocationId, PoolId
from sync_core.errors import NotAllowed
from sync_core.ports import LONG_TRANSACTION_SECONDS, ReportRequest, Transaction
from sync_core.service.queries import PREFERENCE_PREFIX, Preference
from sync_core.service.writing import ServiceWriting
from sync_core.stored import from_json, to_json
from sync_core.workers.drift_report import report_open_findings
from sync_core.workers.proposer import Proposer

log = logging.getLogger(__name__)

NIGHTS_SINCE_SETTING = "nights_since"  # the setting that says since when there are nights
QUESTION_OPEN_FOR = timedelta(minutes=15)  # how long a question that somebody asked stays open
MAX_BUFFER_UNITS = 1_000_000


class ServiceCommands(ServiceWriting):
    """The part of the service that takes orders."""

    # -- who may write
    async def take_over(self, tokens: Sequence[str], by: Person) -> Takeover:
        """Fence another Tipo out, where the questions are still open that somebody has answered.

        Whoever serves does it, in a minute or two. The stores' numbers are then taken as they are:
        levels that agree are adopted, the others wait for a person. Where this database is older
        than what Tipo has done, that is so for every store; and with the source goes every store
        that another Tipo has.
        """
        now = self._clock.now()

        def work(tx: Transaction) -> Takeover:
            before = tx.leases.all()
            asked = takeover_questions(before.values())
            stores = [each for one in asked if one.token in tokens for each in one.stores]
            started = [tx.leases.start_takeover(each, by.name, now=now) for each in stores]
            leases = tx.leases.all().values()
            if not any(started):
                return late_answer(tokens, leases)
            tx.notifications.notify(lease_news(leases), now=now)
            self._wake_server(tx)
            taken = [each.store for each in leases if each.state is not before[each.store].state]
            return Takeover(answer=TakeoverAnswer.STARTED, stores=tuple(sorted(taken)), by=by.name)

        found = await self._transaction(work)
        if found.answer is TakeoverAnswer.STARTED:
            log.warning(
                "take over %s", ", ".join(found.stores), extra={"event": "takeover", "by": by.id}
            )
        return found

    # -- comparisons
    async def check(self, by: str, reply: str | None = None) -> Report:
        """Compare the stores now; if they are being compared already, return that report.

        Args:
            by: Who asks.
            reply: Where a face tells them what came of it, whoever else has asked; empty: they
                are told in person. None: they wait for the report themselves.
        """
        asker = None if reply is None else Asker(by=by, reply=reply)
        while True:
            facts = ReportFacts(askers=() if asker is None else (asker,))
            wanted = ReportRequest(kind=ReportKind.CHECK, token=self._ids.new(), by=by, facts=facts)
            report, is_new = await self._request_report(wanted)
            if is_new or asker is None or await self._join(report.id, asker):
                return report
            # That comparison has ended at this very moment: ask for one of our own.

    async def _join(self, report: int, asker: Asker) -> bool:
        return await self._transaction(lambda tx: tx.reports.join(report, asker))

    async def remember_first_start(self) -> None:
        """Note since when this Tipo exists: nights before that were not missed."""
        now = self._clock.now().isoformat()
        await self._transaction(
            lambda tx: tx.settings.compare_and_set(NIGHTS_SINCE_SETTING, None, now)
        )

    async def request_nightly_report(self, at: time, zone: tzinfo) -> Report | None:
        """Ask for the report of the night that has begun, if there is one and nobody has.

        `at` is the hour that the settings name; the one that people have set goes before it.
        """
        now, at = self._clock.now(), await self.night_begins(at)
        night = due_night(now, at, zone)
        since = await self._transaction(lambda tx: tx.settings.get(NIGHTS_SINCE_SETTING))
        if night is None or since is None or begins(night, at, zone) < _parse_time(since):
            return None
        wanted = ReportRequest(
            kind=ReportKind.NIGHT, token=self._ids.new(), night=night.isoformat()
        )
        report, is_new = await self._request_report(wanted)
        return report if is_new else None

    async def drift(self, by: str) -> Report:
        """Return what is open, with fresh proposals; reads levels, compares nothing else."""
        wanted = ReportRequest(kind=ReportKind.DRIFT, token=self._ids.new(), by=by)
        now = self._clock.now()
        number, _ = await self._transaction(partial(_request_own_report, wanted, now))
        proposer = Proposer(self._database, self._stores, self._clock, self._ids)
        await report_open_findings(number, proposer, self._database, self._clock)
        found = await self.report(number)
        if found is None:
            raise NotAllowed("the report is no longer kept; ask again")
        return found

    async def _request_report(self, wanted: ReportRequest) -> tuple[Report, bool]:
        now = self._clock.now()

        def work(tx: Transaction) -> tuple[Report | None, bool]:
            number, is_new = tx.reports.request(wanted, now=now)
            if is_new:
                self._wake_server(tx)
            return tx.reports.get(number), is_new

        report, is_new = await self._transaction(work)
        if report is None:  # the transaction has just made it
            raise NotAllowed("the report is no longer kept; ask again")
        return report, is_new

    # -- places and buffers
    async def set_location_groups(self, location_groups: LocationGroups, by: Person) -> None:
        """Keep another location map; new places get their pools at once.

        Raises:
            NotAllowed: If a location is used twice or unknown, or a level would change its pool.
        """
        now = self._clock.now()
        await self._transaction(partial(self._set_location_groups, location_groups, by, now))
        log.info("places changed", extra={"event": "location_groups", "by": by.id})

    def _set_location_groups(
        self, location_groups: LocationGroups, by: Person, now: datetime, tx: Transaction
    ) -> None:
        del by, now
        tx.location_groups.lock()
        known = {
            (store, location): name
            for store, some in tx.location_groups.locations().items()
            for location, name in some
        }
        _refuse_invalid_map(location_groups, known)
        kept = tx.location_groups.all()
        given = {location_group.id: location_group.locations for location_group in location_groups}
        if not given.keys() <= {0, *(location_group.id for location_group in kept)}:
            raise NotAllowed("a shared location was removed meanwhile; open the form again")
        for before in kept:
            wanted = given.get(before.id, {})
            changed = {
                store
                for store, location in before.locations.items()
                if wanted.get(store) != location
            }
            if changed and tx.location_groups.has_levels(before.id, changed):
                raise NotAllowed(
                    f"{before.name} has synced stock in {', '.join(sorted(changed))}; a location "
                    "in use can't be moved to another shared location"
                )
        tx.location_groups.save(location_groups)
        self._wake_server(tx)

    async def set_buffer(
        self, pool_ids: Sequence[PoolId] | None, units: int, alias: Alias | None, by: Person
    ) -> int:
        """Keep units back from destinations, or from one; return how many levels that changed.

        Args:
            pool_ids: Which pools; None: all, and those to come.
            units: How many units of the shared quantity are kept back.
            alias: From which store; None: from every destination.
            by: Who says so.

        Raises:
            NotAllowed: If the number makes no sense, or there is no such destination.
        """
        if not 0 <= units <= MAX_BUFFER_UNITS:
            raise NotAllowed(f"a buffer is a number from 0 to {MAX_BUFFER_UNITS:,}")
        wanted = await self._destinations(alias)

        def work(tx: Transaction) -> int:
            count = tx.stock.set_buffer(pool_ids, units, wanted)
            self._wake_server(tx)
            return count

        count = await self._transaction(work, limit=LONG_TRANSACTION_SECONDS)
        log.info("buffer %d", units, extra={"event": "buffer_changed", "by": by.id, "n": count})
        return count

    # -- the safety stop
    async def investigate(self, subject: str, by: Person) -> bool:
        """Note who is on a safety stop, for all to see; whether it is still open.

        It decides nothing: the question about it stays as it is.
        """
        now = self._clock.now()
        return await self._transaction(lambda tx: tx.breaker.investigate(subject, by.name, now=now))

    # -- deliveries
    async def retry_deliveries(self, numbers: Sequence[int] | None, *, by: str) -> list[int]:
        """Have deliveries that were set aside processed again, some or all; return which.

        Raises:
            NotAllowed: If one of them is not set aside; then none is processed again.
        """
        again = await self._transaction(partial(self._retry, numbers))
        facts = {"event": "deliveries_retried", "by": by, "n": len(again)}
        log.info("%d deliveries are tried again", len(again), extra=facts)
        return again

    def _retry(self, numbers: Sequence[int] | None, tx: Transaction) -> list[int]:
        again = tx.deliveries.retry(numbers)
        unknown = sorted(set(numbers or ()) - set(again))
        if unknown:
            listed = ", ".join(map(str, unknown))
            raise NotAllowed(f"not waiting to be retried: {listed}; see `tipo deliveries`")
        self._wake_server(tx)
        return again

    # -- a face's own settings
    async def set_preferences(
        self,
        values: Mapping[str, str],
        by: Person,
        *,
        expected: Mapping[str, str | None] | None = None,
    ) -> None:
        """Keep settings of a face, all or none.

        Args:
            values: What they are now, as JSON; null leaves one to the settings again.
            by: Who sets them.
            expected: What they were when somebody chose; without it, whatever they were.

        Raises:
            NotAllowed: If one of them is not as expected any more.
        """
        now = self._clock.now()
        await self._transaction(lambda tx: _keep_preferences(tx, values, by, expected, now))
        for name in values:
            log.info("%s set", name, extra={"event": "preference_changed", "by": by.id})


def _keep_preferences(
    tx: Transaction,
    values: Mapping[str, str],
    by: Person,
    expected: Mapping[str, str | None] | None,
    now: datetime,
) -> None:
    for name, value in values.items():
        key, row = PREFERENCE_PREFIX + name, to_json(Preference(value, by.name, by.id))
        if expected is None:
            tx.settings.set(key, row)
            continue
        before = tx.settings.get(key)
        was = None if before is None else from_json(before, Preference).value
        if was != expected[name] or not tx.settings.compare_and_set(key, before, row):
            raise NotAllowed("somebody has just changed the same, so nothing was saved; try again")
    if HOUR_PREFERENCE in values:  # nights that began before were not missed
        tx.settings.set(NIGHTS_SINCE_SETTING, now.isoformat())


def _parse_time(kept: str) -> datetime:
    return datetime.fromisoformat(kept)


def _request_own_report(wanted: ReportRequest, now: datetime, tx: Transaction) -> tuple[int, bool]:
    """Make a report that its maker works on itself."""
    number, is_new = tx.reports.request(wanted, now=now)
    tx.reports.postpone(number, until=now + QUESTION_OPEN_FOR, why="")
    return number, is_new


def _refuse_invalid_map(
    location_groups: Sequence[LocationGroup], known: Mapping[tuple[Alias, LocationId], str]
) -> None:
    """Raise NotAllowed if a location map cannot be."""
    names = [location_group.name.strip() for location_group in location_groups]
    if not all(names) or len({each.lower() for each in names}) < len(names):
        raise NotAllowed("every shared location needs a name of its own")
    used: dict[tuple[Alias, LocationId], str] = {}
    for location_group in location_groups:
        for pair in location_group.locations.items():
            if pair not in known:
                raise NotAllowed(f"{pair[0]} has no open location {pair[1]}; see `tipo locations`")
            if pair in used:
                raise NotAllowed(
                    f"{known[pair]} of {store_name(pair[0])} is in {used[pair]} "
                    f"and {location_group.name}: each location can be used once"
                )
            used[pair] = location_group.name
