"""The ledger: all that can be done with the database within one transaction."""

from sqlalchemy import Connection, text

from sync_core.db.activity import SqlActivity
from sync_core.db.audit import SqlAudit
from sync_core.db.baselines import SqlBaselines
from sync_core.db.contests import SqlContests
from sync_core.db.dumps import SqlDumps
from sync_core.db.leases import SqlLeases
from sync_core.db.products_to_read import SqlProductsToRead
from sync_core.db.reports import SqlReports
from sync_core.db.retention import SqlRetention
from sync_core.db.seals import SqlSeals
from sync_core.db.stored_times import SqlStoredTimes
from sync_core.db.unread_levels import SqlUnreadLevels
from sync_core.ports import WorkKind

CHANNEL = "tipo_work"  # who listens to it: db/listener.py
# Each process has a name of its own on its connections: what it announces it need not be told.
NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', :work || ' ' || current_setting('application_name'))")


class SqlTransaction(
    SqlActivity,
    SqlRetention,
    SqlReports,
    SqlDumps,
    SqlBaselines,
    SqlContests,
    SqlLeases,
    SqlProductsToRead,
    SqlAudit,
    SqlSeals,
    SqlStoredTimes,
    SqlUnreadLevels,
):
    """The port `Transaction`, by SQL."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.announced: set[WorkKind] = set()

    def announce(self, work: WorkKind) -> None:
        """Wake whoever does such work: this process by the caller, others by PostgreSQL."""
        self.announced.add(work)
        if not self.is_sqlite:
            self.run(NOTIFY, {"work": work.value})
