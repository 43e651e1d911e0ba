"""Who may write to each store."""

from datetime import datetime
from typing import Protocol

from sync_core.domain.leases import LeaseMark, LeaseState, LeaseView, RecordedLease
from sync_core.domain.values import Alias


class LeaseRepository(Protocol):
    """Who may write to each store."""

    def instance(self, new: str) -> str:
        """Return the name of this database; `new` if it has none yet."""

    def recorded(self, store: Alias) -> RecordedLease:
        """Return what this database says of itself and of a store. Read it after the mark."""

    def begin_renewal(self, store: Alias, token: str) -> None:
        """Know a renewal, before the store does."""

    def end_renewal(self, store: Alias, token: str) -> None:
        """Note that the store has taken a renewal: it holds no earlier one any more."""

    def all(self) -> dict[Alias, LeaseView]:
        """Return what is known of each store's lease."""

    def of(self, store: Alias) -> LeaseView:
        """Return what is known of a store's lease."""

    def note(
        self, store: Alias, state: LeaseState, found: LeaseMark | None, *, weak: bool, now: datetime
    ) -> bool:
        """Note what a store's mark means. False: nothing new, or somebody takes over."""

    def start_takeover(self, store: Alias, by: str, *, now: datetime) -> bool:
        """Let the serving process take a store over; False if no other Tipo is in the way.

        A database that is older is so for every store: all that say so are taken over with it. To
        take the source over is to write alone: all stores of another Tipo are taken with it.
        """

    def lose_takeover(self, store: Alias) -> None:
        """Note that somebody else has taken over since: what we find there counts again."""

    def end_takeover(self, store: Alias, *, now: datetime) -> LeaseView | None:
        """Note that a store may be written to after its baseline; return what has ended, once.

        Where the database was older, it ends when every store that said so has got that far.
        """
