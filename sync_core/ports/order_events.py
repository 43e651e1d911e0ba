"""What orders and refunds say, and what that explains."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from sync_core.domain.values import Alias, LevelId, PoolId
from sync_core.domain.webhook_events import OrderEvent


class OrderEventRepository(Protocol):
    """What orders and refunds say, and what that explains."""

    def of_levels(
        self, levels: Sequence[LevelId], *, since: datetime
    ) -> dict[LevelId, list[OrderEvent]]:
        """Return what stores told of the variants of levels since then."""

    def save(self, order_events: Iterable[OrderEvent]) -> None:
        """Keep what orders and refunds say, each line once."""

    def add_oversold_orders(self, *, now: datetime) -> None:
        """Put the orders that oversold a product into its finding, once they are known."""

    def cause_of(self, pool: PoolId, store: Alias, delta: int, at: datetime) -> str | None:
        """Return the orders that explain a change around that time, if they do."""
