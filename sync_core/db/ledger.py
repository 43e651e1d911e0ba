"""The ledger: all that can be done with the database within one transaction."""

from sync_core.db.activity import Activity
from sync_core.db.baselines import Baselines
from sync_core.db.books import Books
from sync_core.db.comparisons import Comparisons
from sync_core.db.contests import Contests
from sync_core.db.dumps import Dumps
from sync_core.db.leases import Leases
from sync_core.db.products import Products
from sync_core.db.retention import Retention
from sync_core.db.seals import Seals
from sync_core.db.times import Times
from sync_core.db.unread import UnreadLevels


class SqlLedger(
    Activity,
    Retention,
    Comparisons,
    Dumps,
    Baselines,
    Contests,
    Leases,
    Products,
    Books,
    Seals,
    Times,
    UnreadLevels,
):
    """The port `Ledger`, by SQL."""
