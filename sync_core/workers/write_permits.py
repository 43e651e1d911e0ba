"""Which stores this process may write to now. In memory only: it ends with the process."""

from collections.abc import Iterable

from sync_core.domain.leases import Lease
from sync_core.domain.values import Alias

FIRST_MARK_WITHIN_SECONDS = (
    15.0  # seconds in which every store should have shown its mark after a start
)


class WritePermits:
    """The leases of one process, and what stands against writing anywhere.

    Nothing is written before every store has been asked for its mark once, or has not answered
    for that long: a mark that says that this database is older speaks of all stores.
    """

    def __init__(self) -> None:
        self._leases: dict[Alias, Lease] = {}
        self._unseen: set[Alias] = set()
        self._older: set[Alias] = set()
        self._began = 0.0

    def begin(self, stores: Iterable[Alias], now: float) -> None:
        """Start with no leave at all."""
        self._leases = {alias: Lease() for alias in stores}
        self._unseen = set(self._leases)
        self._older.clear()
        self._began = now

    def note_mark(self, alias: Alias, *, older: bool) -> None:
        """Note what a store's mark says of our database."""
        self._unseen.discard(alias)
        if older:
            self._older.add(alias)
            self._leases[alias].end()
        else:
            self._older.discard(alias)

    def renew(self, alias: Alias, asked_at: float) -> None:
        """Note that a store's mark was ours, at a renewal that was asked for then."""
        self._leases[alias].renew(asked_at)

    def end(self, alias: Alias) -> None:
        """Write no more to a store."""
        self._leases[alias].end()

    def may_write(self, alias: Alias, now: float) -> bool:
        """Whether a request that writes to a store may leave now."""
        if self._older or (self._unseen and now < self._began + FIRST_MARK_WITHIN_SECONDS):
            return False
        lease = self._leases.get(alias)
        return lease is not None and lease.may_write(now)
