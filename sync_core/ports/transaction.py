"""One transaction: what can be done with the database, by repository."""

from enum import StrEnum
from typing import Protocol

from sync_core.ports.audit import AuditRepository
from sync_core.ports.baselines import BaselineRepository
from sync_core.ports.batches import BatchRepository
from sync_core.ports.catalogue import CatalogueRepository
from sync_core.ports.causes import CauseRepository
from sync_core.ports.circuit_breaker import CircuitBreakerRepository
from sync_core.ports.contests import ContestRepository
from sync_core.ports.deliveries import DeliveryRepository
from sync_core.ports.dumps import DumpRepository
from sync_core.ports.findings import FindingRepository
from sync_core.ports.leases import LeaseRepository
from sync_core.ports.location_groups import LocationGroupRepository
from sync_core.ports.movements import MovementRepository
from sync_core.ports.notifications import NotificationRepository
from sync_core.ports.order_events import OrderEventRepository
from sync_core.ports.posts import PostRepository
from sync_core.ports.proposals import ProposalRepository
from sync_core.ports.receipts import ReceiptRepository
from sync_core.ports.refreshes import RefreshRepository
from sync_core.ports.reports import ReportRepository
from sync_core.ports.seals import SealRepository
from sync_core.ports.settings import SettingRepository
from sync_core.ports.stock import StockRepository
from sync_core.ports.stored_times import StoredTimesRepository
from sync_core.ports.stores import StoreRepository
from sync_core.ports.views import ViewRepository
from sync_core.ports.withheld import WithheldRepository


class WorkKind(StrEnum):
    """What a transaction leaves for others to do."""

    DELIVERIES = "deliveries"  # to be processed
    REQUESTS = "requests"  # somebody asked for something, or changed it: everybody looks
    NOTIFICATIONS = "notifications"  # people are to be told something, or a message has changed


class Transaction(Protocol):
    """The database within one transaction: all that is done here happens, or none of it."""

    def announce(self, work: WorkKind) -> None:
        """Once this is committed, wake whoever does such work, in this process and in others."""

    @property
    def stock(self) -> StockRepository: ...
    @property
    def refreshes(self) -> RefreshRepository: ...
    @property
    def movements(self) -> MovementRepository: ...
    @property
    def order_events(self) -> OrderEventRepository: ...
    @property
    def causes(self) -> CauseRepository: ...
    @property
    def contests(self) -> ContestRepository: ...
    @property
    def batches(self) -> BatchRepository: ...
    @property
    def deliveries(self) -> DeliveryRepository: ...
    @property
    def stores(self) -> StoreRepository: ...
    @property
    def location_groups(self) -> LocationGroupRepository: ...
    @property
    def baselines(self) -> BaselineRepository: ...
    @property
    def catalogue(self) -> CatalogueRepository: ...
    @property
    def settings(self) -> SettingRepository: ...
    @property
    def leases(self) -> LeaseRepository: ...
    @property
    def breaker(self) -> CircuitBreakerRepository: ...
    @property
    def withheld(self) -> WithheldRepository: ...
    @property
    def proposals(self) -> ProposalRepository: ...
    @property
    def receipts(self) -> ReceiptRepository: ...
    @property
    def reports(self) -> ReportRepository: ...
    @property
    def findings(self) -> FindingRepository: ...
    @property
    def notifications(self) -> NotificationRepository: ...
    @property
    def posts(self) -> PostRepository: ...
    @property
    def audit(self) -> AuditRepository: ...
    @property
    def seals(self) -> SealRepository: ...
    @property
    def views(self) -> ViewRepository: ...
    @property
    def dumps(self) -> DumpRepository: ...
    @property
    def stored_times(self) -> StoredTimesRepository: ...
