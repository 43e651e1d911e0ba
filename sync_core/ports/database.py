"""The database, one transaction at a time."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from sync_core.ports.transaction import Transaction, WorkKind

T = TypeVar("T")

LONG_TRANSACTION_SECONDS = 900.0  # the limit of a step that goes through a whole table


class Database(Protocol):
    """The database."""

    async def transaction(
        self, work: Callable[[Transaction], T], *, limit: float | None = None
    ) -> T:
        """Do work in one transaction and commit it. It may be run again after a conflict.

        `limit`: the seconds it may take; None is about a minute.

        Raises:
            NoDatabase: It could not be reached or written in time; the work is not at fault.
        """

    def subscribe(self, wake: Callable[[WorkKind], None]) -> AbstractContextManager[None]:
        """Call `wake` for what transactions of this object announce, as long as this is open."""

    def wake(self, work: WorkKind) -> None:
        """Call all who have subscribed: another process has announced such work."""
