"""What the core needs of the world, as promises. Each says how it fails.

`Store` is one Shopify store; `Database` is the database; `Comparer` compares exports. Each has a
file of its own, and so has each repository of a transaction.
"""

from sync_core.ports.audit import AuditRepository
from sync_core.ports.baselines import BaselineRepository
from sync_core.ports.batches import Batch, BatchRepository
from sync_core.ports.catalogue import CatalogueRepository, KeyedVariants, ProductToRead
from sync_core.ports.circuit_breaker import CircuitBreakerRepository
from sync_core.ports.comparer import Column, Comparer, Comparison, Question
from sync_core.ports.contests import ContestRepository
from sync_core.ports.database import LONG_TRANSACTION_SECONDS, Database
from sync_core.ports.deliveries import (
    Delivery,
    DeliveryRepository,
    QuarantinedDelivery,
    WebhookParser,
)
from sync_core.ports.dumps import DumpRepository, LevelDumpRow, VariantDumpRow
from sync_core.ports.findings import FindingRepository
from sync_core.ports.leases import LeaseRepository
from sync_core.ports.location_groups import LocationGroupRepository
from sync_core.ports.movements import MovementRepository
from sync_core.ports.notifications import NotificationRepository
from sync_core.ports.order_events import OrderEventRepository
from sync_core.ports.posts import PostRepository
from sync_core.ports.proposals import ApprovedProposal, DecisionRecord, Draft, ProposalRepository
from sync_core.ports.receipts import ReceiptRepository
from sync_core.ports.refreshes import RefreshRepository, UnreadLevel
from sync_core.ports.reports import ReportRepository, ReportRequest
from sync_core.ports.seals import SealRepository
from sync_core.ports.settings import SettingRepository
from sync_core.ports.stock import StockRepository, StoreWork
from sync_core.ports.store import (
    Budget,
    ExportPage,
    ExportStage,
    ExportState,
    Location,
    Page,
    QuantityChange,
    ShopFacts,
    Store,
    StoredMark,
    Subscription,
)
from sync_core.ports.stored_times import StoredTimesRepository
from sync_core.ports.stores import StoreRepository, StoreState
from sync_core.ports.transaction import Transaction, WorkKind
from sync_core.ports.views import ViewRepository
from sync_core.ports.withheld import WithheldRepository
