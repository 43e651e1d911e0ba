"""What people may ask. Nothing here changes anything."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time

import msgspec

from sync_core.clock import Clock, Ids
from sync_core.domain.drift import PASSING
from sync_core.domain.leases import (
    LeaseState,
    LeaseView,
    TakeoverQuestion,
    takeover_questions,
)
from sync_core.domain.location_groups import LocationGroups
from sync_core.domain.nights import HOUR_PREFERENCE, hour_of
from sync_core.domain.proposals import Proposal, ProposalKind, Receipt, Report, ReportKind
from sync_core.domain.read_progress import ReadProgress
from sync_core.domain.shadow import ShadowView
from sync_core.domain.texts import store_name
from sync_core.domain.values import Alias, ItemId, LocationId, PoolId, Role
from sync_core.domain.views import (
    AuditView,
    Backlog,
    BaselineProgress,
    Finding,
    HistoryEntry,
    HourlyMovement,
    MovementView,
    Notification,
    Overview,
    PoolView,
    SealView,
    StoppedProduct,
    Unmatched,
)
from sync_core.errors import NotAllowed, StoreError, cut
from sync_core.ports import Budget, Database, QuarantinedDelivery, Store, StoreState, Transaction
from sync_core.stored import from_json
from sync_core.workers.auditor import audit_read_only
from sync_core.workers.sealer import verify_seals
from sync_core.workers.shadow import shadow_view

log = logging.getLogger(__name__)

PREFERENCE_PREFIX = "preference:"  # settings of a face
COMPARISONS = (ReportKind.NIGHT, ReportKind.CHECK, ReportKind.BASELINE)
HEARTBEAT_LOST_SECONDS = 15.0  # seconds after which `tipo serve` counts as gone


class Preference(msgspec.Struct, frozen=True):
    """A setting of a face, and who made it."""

    value: str  # JSON; null leaves it to the settings again
    by: str
    id: str


class ServiceQueries:
    """The part of the service that answers."""

    def __init__(
        self, database: Database, stores: Mapping[Alias, Store], clock: Clock, ids: Ids
    ) -> None:
        self._database = database
        self._transaction = database.transaction
        self._stores = stores
        self._clock = clock
        self._ids = ids

    # -- questions
    async def overview(self) -> Overview:
        """Return everything at a glance."""
        now = self._clock.now()
        return await self._transaction(lambda tx: tx.views.overview(now=now))

    async def shadow(self) -> ShadowView | None:
        """Return what shadow mode has come to by now; None where it is off."""
        now = self._clock.now()
        return await self._transaction(lambda tx: shadow_view(tx, now=now))

    async def backlog(self) -> Backlog:
        """Return what waits, for figures."""
        now = self._clock.now()
        return await self._transaction(lambda tx: tx.views.backlog(now=now))

    def budgets(self) -> dict[Alias, Budget]:
        """Return what is left of each store's budget, as far as this process knows."""
        return {alias: store.budget() for alias, store in self._stores.items()}

    async def is_serving(self) -> bool:
        """Whether a process keeps the stores equal right now."""
        seen = (await self.overview()).serving_at
        return (
            seen is not None and (self._clock.now() - seen).total_seconds() < HEARTBEAT_LOST_SECONDS
        )

    async def baselines(self, alias: Alias | None = None) -> list[BaselineProgress]:
        """Return how far the first meeting of each destination, or of one, has come."""
        wanted = await self._destinations(alias)
        return await self._transaction(lambda tx: [tx.baselines.progress(each) for each in wanted])

    async def reading(self) -> dict[Alias, ReadProgress]:
        """Return how far stores have been read whose many levels have no baseline yet."""

        def work(tx: Transaction) -> dict[Alias, ReadProgress]:
            found = {each.alias: tx.baselines.reading(each.alias) for each in tx.stores.all()}
            return {alias: each for alias, each in found.items() if each is not None}

        return await self._transaction(work)

    async def stores(self) -> list[StoreState]:
        """Return what we know of each store, the source first."""
        return await self._transaction(lambda tx: tx.stores.all())

    async def leases(self) -> list[LeaseView]:
        """Return who may write to each store, as far as this database knows."""
        found = await self._transaction(lambda tx: tx.leases.all())
        return sorted(found.values(), key=lambda each: each.store)

    async def takeover_questions(self, alias: Alias | None = None) -> list[TakeoverQuestion]:
        """Return what there is to take over, of one store or of all.

        Raises:
            NotAllowed: If there is nothing, or no such store.
        """
        known = await self.leases()
        asked = takeover_questions(known)
        found = [each for each in asked if alias is None or alias in each.stores]
        if found:
            return found
        await self._known(alias)
        leases = [each for each in known if alias in {None, each.store}]
        stores = " and ".join(store_name(each.store) for each in leases) or alias or "any store"
        running = [each for each in leases if each.state is LeaseState.TAKING_OVER]
        if running:
            stores = " and ".join(store_name(each.store) for each in running)
            by = running[0].by
            raise NotAllowed(f"{by} is taking over {stores}; writing starts in a minute or two")
        raise NotAllowed(f"no other Tipo writes to {stores}: there is nothing to take over")

    async def _known(self, alias: Alias | None) -> None:
        """Refuse the name of a store that there is not."""
        known = [each.alias for each in await self.stores()]
        if alias is not None and alias not in known:
            raise NotAllowed(f"there is no store {cut(alias)}; the stores are {', '.join(known)}")

    async def location_groups(
        self,
    ) -> tuple[LocationGroups, dict[Alias, list[tuple[LocationId, str]]]]:
        """Return the location map, and the open locations of each store that are not on it."""
        return await self._transaction(
            lambda tx: (
                tx.location_groups.all(),
                tx.location_groups.unmapped_locations(),
            )
        )

    async def stock(self, words: str, *, live: bool = True, limit: int = 50) -> list[PoolView]:
        """Return the pools that some words mean; with live quantities if they are few."""
        found = await self._transaction(lambda tx: self._find(tx, words, limit))
        if live and 0 < len(found) <= 10:  # noqa: PLR2004 - each costs the store points
            return await self._read(found)
        return found

    async def products_named(
        self, text: str, pools: Sequence[PoolId] = (), *, limit: int = 50
    ) -> list[PoolView]:
        """Return these pools; if there is none of them, those that a text names or searches for."""

        def find(tx: Transaction) -> list[PoolView]:
            found = tx.views.pool_views(pools[:limit])
            return found or tx.views.pool_views(tx.views.find_pools_in(text, limit=limit))

        return await self._transaction(find) or await self.stock(text, live=False, limit=limit)

    def _find(self, tx: Transaction, words: str, limit: int) -> list[PoolView]:
        return tx.views.pool_views(tx.views.find_pools(words, limit=limit))

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
                    "%s cannot be read", alias, extra={"event": "live_read_failed", "why": str(exc)}
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

    async def history(self, pool: PoolId, *, limit: int = 50) -> list[HistoryEntry]:
        """Return the latest lines of a pool's history, oldest first."""
        return await self._transaction(lambda tx: tx.views.history(pool, limit=limit))

    async def findings(self, *, limit: int = 200) -> list[Finding]:
        """Return what is open, the newest first."""
        return await self._transaction(lambda tx: tx.findings.newest(limit=limit))

    async def open_findings(self, *, limit: int = 50) -> list[tuple[Finding, Proposal | None]]:
        """Return what waits for a person, in order, each with its open proposal.

        What somebody muted is left out, and incidents that end without anybody's decision.
        """
        now = self._clock.now()
        return await self._transaction(lambda tx: _open_findings(tx, now, limit))

    async def notifications(self, *, after: int = 0, limit: int = 100) -> list[Notification]:
        """Return notices in order, those after that number."""
        return await self._transaction(lambda tx: tx.notifications.page(after=after, limit=limit))

    async def pool(self, pool_id: PoolId, *, live: bool = True) -> PoolView | None:
        """Return one pool, with live quantities if asked for."""
        found = await self._transaction(lambda tx: tx.views.pool_views([pool_id]))
        if found and live:
            found = await self._read(found)
        return found[0] if found else None

    async def activity(self, *, after: int = 0, limit: int = 500) -> list[MovementView]:
        """Return movements in order, those after that number, each with its cause."""
        return await self._transaction(lambda tx: tx.movements.page(after=after, limit=limit))

    async def audit(self) -> AuditView:
        """Audit every pool now, and change nothing."""
        return await audit_read_only(self._database, self._clock)

    async def verify(self) -> SealView:
        """Compare every seal with what there is now, up to the first day that was altered."""
        return await verify_seals(self._database, self._clock)

    async def last_movement(self) -> int:
        """Return the number of the newest movement."""
        return await self._transaction(lambda tx: tx.movements.last())

    async def hours(self, count: int = 24) -> list[HourlyMovement]:
        """Return how many units moved within each of the last hours, by store."""
        now = self._clock.now()
        return await self._transaction(lambda tx: tx.movements.hours(now=now, count=count))

    async def locations(self) -> dict[Alias, list[tuple[LocationId, str]]]:
        """Return the open locations of each store."""
        return await self._transaction(lambda tx: tx.location_groups.locations())

    async def unmatched(self, *, limit: int = 50, offset: int = 0) -> tuple[int, list[Unmatched]]:
        """Return how many variants share their stock with nobody, and some of them."""
        return await self._transaction(
            lambda tx: tx.catalogue.unmatched(limit=limit, offset=offset)
        )

    async def quarantined_deliveries(self) -> tuple[int, list[QuarantinedDelivery]]:
        """Return how many deliveries could not be processed, and the oldest of them."""
        return await self._transaction(lambda tx: tx.deliveries.quarantined())

    # -- reports and proposals
    async def report(self, report_id: int) -> Report | None:
        """Return a report."""
        return await self._transaction(lambda tx: tx.reports.get(report_id))

    async def report_of(self, token: str) -> Report | None:
        """Return the report whose buttons carry that token."""
        return await self._transaction(lambda tx: tx.reports.by_token(token))

    async def last_report(self, kind: ReportKind | None = None) -> Report | None:
        """Return the newest report that is done: of that kind, or of a comparison."""
        kinds = COMPARISONS if kind is None else (kind,)
        return await self._transaction(lambda tx: tx.reports.last_of(kinds))

    async def proposals(
        self, report_id: int, *, offset: int = 0, limit: int = 50, open_only: bool = False
    ) -> tuple[int, list[Proposal]]:
        """Return how many proposals a report has, and some: open ones first, safe ones of them."""
        return await self._transaction(
            lambda tx: tx.proposals.of_report(
                report_id, offset=offset, limit=limit, open_only=open_only
            )
        )

    async def proposal(self, token: str) -> Proposal | None:
        """Return the proposal whose button carries that token."""
        return await self._transaction(lambda tx: tx.proposals.by_token(token))

    async def fixes(self, numbers: Sequence[int]) -> list[Proposal]:
        """Return these fixes as they are now, in the order given; those that are known."""
        found = await self._transaction(lambda tx: tx.proposals.some(numbers))
        known = {each.id: each for each in found if each.kind is ProposalKind.FIX}
        return [known[each] for each in numbers if each in known]

    async def question(self, kind: str, subject: str) -> Proposal | None:
        """Return the open proposal about the open finding of that kind and subject."""
        return await self._transaction(lambda tx: _question(tx, kind, subject))

    async def stopped_products(
        self, subject: str, *, offset: int = 0, limit: int = 50
    ) -> tuple[int, list[StoppedProduct]]:
        """Return how many products a safety stop asks about, and some, the largest first."""
        return await self._transaction(
            lambda tx: tx.breaker.stopped_products(subject, offset=offset, limit=limit)
        )

    async def receipt(self, receipt_id: int) -> Receipt | None:
        """Return who decided what, and what came of it."""
        return await self._transaction(lambda tx: tx.receipts.get(receipt_id))

    async def receipts(self, *, limit: int = 10) -> list[Receipt]:
        """Return the newest receipts."""
        return await self._transaction(lambda tx: tx.receipts.newest(limit=limit))

    async def read_preferences(self, *names: str) -> dict[str, Preference]:
        """Return these settings of a face, those that somebody has made, by their names."""
        kept = await self._transaction(
            lambda tx: {name: tx.settings.get(PREFERENCE_PREFIX + name) for name in names}
        )
        return {name: from_json(row, Preference) for name, row in kept.items() if row is not None}

    async def night_begins(self, otherwise: time) -> time:
        """Return at what hour nights begin: as people have set it, else as the settings say."""
        kept = await self.read_preferences(HOUR_PREFERENCE)
        set_by_people = hour_of(kept[HOUR_PREFERENCE].value) if kept else None
        return otherwise if set_by_people is None else set_by_people

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


def _open_findings(
    tx: Transaction, now: datetime, limit: int
) -> list[tuple[Finding, Proposal | None]]:
    found: list[Finding] = []
    after = 0
    while len(found) < limit and (page := tx.findings.page(after=after, limit=500)):
        after = page[-1].id
        found += [
            each
            for each in page
            if each.kind not in PASSING and (each.muted_until is None or each.muted_until <= now)
        ]
    return [(each, tx.proposals.open_about(each.id)) for each in found[:limit]]


def _question(tx: Transaction, kind: str, subject: str) -> Proposal | None:
    finding = next((each for each in tx.findings.on([subject]) if each.kind == kind), None)
    return None if finding is None else tx.proposals.open_about(finding.id)
