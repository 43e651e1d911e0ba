"""The ledger: all that can be done with the database within one transaction."""

from sync_core.db.batches import Batches
from sync_core.db.catalogue import Catalogue
from sync_core.db.inbox import Inbox


class SqlLedger(Catalogue, Batches, Inbox):
    """The port `Ledger`, by SQL."""
