"""The ledger: all that can be done with the database within one transaction."""

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
