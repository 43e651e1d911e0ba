"""All that can be done with the database within one transaction: its repositories."""

from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection, text

from sync_core.db.audit import SqlAudit
from sync_core.db.baselines import SqlBaselines
from sync_core.db.batches import SqlBatches
from sync_core.db.catalogue import SqlCatalogue
from sync_core.db.causes import SqlCauses
from sync_core.db.circuit_breaker import SqlCircuitBreaker
from sync_core.db.contests import SqlContests
from sync_core.db.deliveries import SqlDeliveries
from sync_core.db.dumps import SqlDumps
from sync_core.db.findings import SqlFindings
from sync_core.db.leases import SqlLeases
from sync_core.db.location_groups import SqlLocationGroups
from sync_core.db.movements import SqlMovements
from sync_core.db.notifications import SqlNotifications
from sync_core.db.order_events import SqlOrderEvents
from sync_core.db.posts import SqlPosts
from sync_core.db.proposals import SqlProposals
from sync_core.db.receipts import SqlReceipts
from sync_core.db.refreshes import SqlRefreshes
from sync_core.db.reports import SqlReports
from sync_core.db.repository import SqlRepository, Statements
from sync_core.db.retention import SqlRetention
from sync_core.db.seals import SqlSeals
from sync_core.db.settings import SqlSettings
from sync_core.db.stock import SqlStock
from sync_core.db.stored_times import SqlStoredTimes
from sync_core.db.stores import SqlStores
from sync_core.db.views import SqlViews
from sync_core.db.withheld import SqlWithheld
from sync_core.ports import WorkKind

R = TypeVar("R", bound=SqlRepository)

CHANNEL = "tipo_work"  # who listens to it: db/listener.py
# Each process has a name of its own on its connections: what it announces it need not be told.
NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', :work || ' ' || current_setting('application_name'))")


class RepositoryOf(Generic[R]):
    """A repository of a transaction, made when it is asked for first: most need two or three."""

    def __init__(self, make: Callable[["SqlTransaction"], R]) -> None:
        self._make = make

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, tx: "SqlTransaction", _owner: type) -> R:
        made = self._make(tx)
        vars(tx)[self._name] = made  # found there from now on: this has no `__set__`
        return made


class SqlTransaction(Statements):
    """The port `Transaction`, by SQL."""

    stock = RepositoryOf(SqlStock)
    refreshes = RepositoryOf(SqlRefreshes)
    movements = RepositoryOf(SqlMovements)
    order_events = RepositoryOf(SqlOrderEvents)
    causes = RepositoryOf(SqlCauses)
    contests = RepositoryOf(SqlContests)
    batches = RepositoryOf(SqlBatches)
    deliveries = RepositoryOf(SqlDeliveries)
    stores = RepositoryOf(SqlStores)
    location_groups = RepositoryOf(SqlLocationGroups)
    baselines = RepositoryOf(SqlBaselines)
    catalogue = RepositoryOf(SqlCatalogue)
    settings = RepositoryOf(SqlSettings)
    leases = RepositoryOf(SqlLeases)
    breaker = RepositoryOf(SqlCircuitBreaker)
    withheld = RepositoryOf(SqlWithheld)
    proposals = RepositoryOf(SqlProposals)
    receipts = RepositoryOf(SqlReceipts)
    reports = RepositoryOf(SqlReports)
    findings = RepositoryOf(SqlFindings)
    notifications = RepositoryOf(SqlNotifications)
    posts = RepositoryOf(SqlPosts)
    audit = RepositoryOf(SqlAudit)
    seals = RepositoryOf(SqlSeals)
    views = RepositoryOf(SqlViews)
    dumps = RepositoryOf(SqlDumps)
    stored_times = RepositoryOf(SqlStoredTimes)
    retention = RepositoryOf(SqlRetention)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.announced: set[WorkKind] = set()

    def announce(self, work: WorkKind) -> None:
        """Wake whoever does such work: this process by the caller, others by PostgreSQL."""
        if work in self.announced:
            return
        self.announced.add(work)
        if not self.is_sqlite:
            self.run(NOTIFY, {"work": work.value})
