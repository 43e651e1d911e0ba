"""One transaction: what can be done with the database, by repository."""

from enum import StrEnum
from typing import Protocol

from sync_core.ports.audit import AuditRepository
from sync_core.ports.baselines import BaselineRepository
from sync_core.ports.batches import BatchRepository
from sync_core.ports.catalogue import CatalogueRepository
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


class Transaction(Protocol):
    """The database within one transaction: all that is done here happens, or none of it."""

    def announce(self, work: WorkKind) -> None:
        """Once this is committed, wake whoever does such work, in this process and in others."""

    @property
    def stock(self) -> StockRepository:
        """Quantities: pools and their levels."""

    @property
    def refreshes(self) -> RefreshRepository:
        """Levels that have to be read, and those that could not be."""

    @property
    def movements(self) -> MovementRepository:
        """What moved."""

    @property
    def order_events(self) -> OrderEventRepository:
        """What orders and refunds say, and what that explains."""

    @property
    def contests(self) -> ContestRepository:
        """Levels that somebody else changes back."""

    @property
    def batches(self) -> BatchRepository:
        """What we write to stores: decided and kept before it is sent, closed once."""

    @property
    def deliveries(self) -> DeliveryRepository:
        """What stores told us: kept once, handled once."""

    @property
    def stores(self) -> StoreRepository:
        """Stores, and how far we are with each."""

    @property
    def location_groups(self) -> LocationGroupRepository:
        """The location map, and the locations that may be in it."""

    @property
    def baselines(self) -> BaselineRepository:
        """Levels and pools that start over."""

    @property
    def catalogue(self) -> CatalogueRepository:
        """What stores sell, by what it is matched, and what has to be read again."""

    @property
    def settings(self) -> SettingRepository:
        """Words that processes leave for each other."""

    @property
    def leases(self) -> LeaseRepository:
        """Who may write to each store."""

    @property
    def breaker(self) -> CircuitBreakerRepository:
        """What the circuit breaker counts, and what people decide when it has tripped."""

    @property
    def withheld(self) -> WithheldRepository:
        """Movements that are kept from other stores: they wait, or a circuit breaker holds them."""

    @property
    def proposals(self) -> ProposalRepository:
        """What people are asked, and what they decided."""

    @property
    def receipts(self) -> ReceiptRepository:
        """Who decided what, and what that did."""

    @property
    def reports(self) -> ReportRepository:
        """Comparisons of the stores, from the request to the result."""

    @property
    def findings(self) -> FindingRepository:
        """What is open until it is over, or somebody has decided."""

    @property
    def notifications(self) -> NotificationRepository:
        """What people must know."""

    @property
    def posts(self) -> PostRepository:
        """Messages of a face in its channels."""

    @property
    def audit(self) -> AuditRepository:
        """What is recorded, summed up for the audit."""

    @property
    def seals(self) -> SealRepository:
        """Seals of days: what was in each table."""

    @property
    def views(self) -> ViewRepository:
        """What people are shown of stores, pools and their history."""

    @property
    def dumps(self) -> DumpRepository:
        """Whole tables, given away some rows at a time."""

    @property
    def stored_times(self) -> StoredTimesRepository:
        """Times that are moved with the clock."""
