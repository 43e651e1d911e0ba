"""The ledger: all that can be done with the database within one transaction."""

from sync_core.db.batches import Batches
from sync_core.db.inbox import Inbox
from sync_core.db.reports import Reports


class SqlLedger(Reports, Batches, Inbox):
    """The port `Ledger`, by SQL."""
