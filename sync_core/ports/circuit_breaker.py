"""What the circuit breaker counts, and what people decide when it has tripped."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from sync_core.domain.circuit_breaker import Traffic
from sync_core.domain.decisions import Effect
from sync_core.domain.values import Alias, PoolId
from sync_core.domain.views import CircuitBreakerView, StoppedProduct


class CircuitBreakerRepository(Protocol):
    """What the circuit breaker counts, and what people decide when it has tripped."""

    def traffic_since(self, store: Alias, *, since: datetime) -> Traffic:
        """Return how much moved in a store since then, by whole minutes."""

    def count_traffic(self, moved: Mapping[Alias, Traffic], *, now: datetime) -> None:
        """Add to the present minute of each store. The last thing in a step: all meet here."""

    def asks_about(self, pool: PoolId) -> bool:
        """Whether a breaker asks about a pool: until the answer nobody else decides on it."""

    def open_of(self, store: Alias) -> tuple[str, dict[str, Any]] | None:
        """Return a store's safety stop and its facts, locked; None if it has not tripped."""

    def closed_at(self, store: Alias) -> datetime | None:
        """Return when a breaker of that store ended last: what moved before counts no more."""

    def size(self, subject: str) -> dict[str, Any]:
        """Return what a safety stop asks about, and how far it has come.

        `pools` and `units`: what would be restored; `stopped` and `reached`: in how many products
        it is kept from each other store, and in how many it has got there.
        """

    def notify(self, subject: str, facts: dict[str, Any], *, now: datetime) -> None:
        """Tell people what a circuit breaker asks about by now."""

    def close(self, subject: str, facts: dict[str, Any], *, now: datetime) -> None:
        """End a circuit breaker: what has moved until now counts no more, and people are told."""

    def all(self) -> list[CircuitBreakerView]:
        """Return the circuit breakers that are open, the oldest first."""

    def stopped_products(
        self, subject: str, *, offset: int, limit: int
    ) -> tuple[int, list[StoppedProduct]]:
        """Return how many products a circuit breaker asks about, and some, the largest first."""

    def release(self, subject: str, *, now: datetime) -> int:
        """Pass on what a safety stop withholds, and end it; return how many products it was about.

        A second time, or after somebody else has decided, nothing happens.
        """

    def discard(self, subject: str, *, now: datetime) -> list[tuple[PoolId, Effect]]:
        """Take back what a safety stop asks about, and end it: stores that it reached give it back.

        Returns:
            What that did to each pool. The caller keeps it in the same step: the books are made
            of it, too. A second time, or after somebody else has decided, nothing.
        """

    def investigate(self, subject: str, by: str, *, now: datetime) -> bool:
        """Note who looks into it; all stays withheld. Return whether it is still open."""
