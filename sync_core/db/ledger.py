"""The ledger: all that can be done with the database within one transaction."""

from sync_core.db.activity import Activity
from sync_core.db.baselines import Baselines
from sync_core.db.comparisons import Comparisons
from sync_core.db.dumps import Dumps
from sync_core.db.inbox import Inbox
from sync_core.db.leases import Leases
from sync_core.db.posts import Posts
from sync_core.db.products import Products


class SqlLedger(Activity, Posts, Comparisons, Dumps, Baselines, Leases, Products, Inbox):
    """The port `Ledger`, by SQL."""
