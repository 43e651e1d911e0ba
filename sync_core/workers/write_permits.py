"""Which stores this process may write to now. In memory only: it ends with the process.

    what the stores' marks say                          a store is written to while its lease lasts
    --------------------------------------------------  -------------------------------------------
    every mark is ours                                  yes
    one store is another Tipo's, or not yet ours again  only while the lease of the source lasts
    one says that this database is older                no
    not all have been asked yet                         no, for `FIRST_MARK_WITHIN_SECONDS`

Every pool has a level in the source. So of two that share the stores between them, whoever holds
the source is the only one that writes: else each would take for sales what the other one writes.
"""

from collections.abc import Iterable

from sync_core.domain.leases import Lease, LeaseState, LeaseView
from sync_core.domain.values import Alias

FIRST_MARK_WITHIN_SECONDS = (
    15.0  # seconds in which every store should have shown its mark after a start
)


class WritePermits:
    """The leases of one process, and what stands against writing anywhere."""

    def __init__(self) -> None:
        self._leases: dict[Alias, Lease] = {}
        self._source: Alias | None = None
        self._unseen: set[Alias] = set()
        self._older: set[Alias] = set()
        self._elsewhere: set[Alias] = set()
        self._began = 0.0

    def begin(self, stores: Iterable[Alias], now: float, *, source: Alias) -> None:
        """Start with no leave at all."""
        self._leases = {alias: Lease() for alias in stores}
        self._source = source
        self._unseen = set(self._leases)
        self._older.clear()
        self._elsewhere.clear()
        self._began = now

    def remember(self, noted: LeaseView) -> None:
        """Begin with what an earlier process has noted: the store may not answer for a while."""
        if noted.stands(LeaseState.OLDER):
            self._older.add(noted.store)
        if noted.is_in_the_way:
            self._elsewhere.add(noted.store)

    def note_mark(self, alias: Alias, *, older: bool, elsewhere: bool) -> None:
        """Note what a store's mark says: that our database is older, that it is not ours (yet)."""
        self._unseen.discard(alias)
        _note(alias, older, self._older)
        _note(alias, elsewhere, self._elsewhere)
        if older:
            self._leases[alias].end()

    def renew(self, alias: Alias, asked_at: float) -> None:
        """Note that a store's mark was ours, at a renewal that was asked for then."""
        self._older.discard(alias)
        self._elsewhere.discard(alias)
        self._leases[alias].renew(asked_at)

    def end(self, alias: Alias) -> None:
        """Write no more to a store."""
        self._leases[alias].end()

    def may_write(self, alias: Alias, now: float) -> bool:
        """Whether a request that writes to a store may leave now."""
        if self._older or (self._unseen and now < self._began + FIRST_MARK_WITHIN_SECONDS):
            return False
        return self._lasts(alias, now) and (not self._elsewhere or self._lasts(self._source, now))

    def _lasts(self, alias: Alias | None, now: float) -> bool:
        lease = None if alias is None else self._leases.get(alias)
        return lease is not None and lease.may_write(now)


def _note(alias: Alias, is_so: bool, where: set[Alias]) -> None:  # noqa: FBT001
    if is_so:
        where.add(alias)
    else:
        where.discard(alias)
