"""What stores told us: kept once, handled once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync_core.domain.values import Alias, PoolId
from sync_core.domain.webhook_events import WebhookEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook as received."""

    store: Alias
    webhook_id: str
    topic: str
    body: bytes
    received_at: datetime
    id: int = 0  # 0 until it is in the database
    quarantine: bool = False  # it did not fold once, and is tried again
    trace: str | None = None  # that it is part of: see tracing.py


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedDelivery:
    """A delivery that could not be processed, without its bytes."""

    id: int
    store: Alias
    topic: str
    webhook_id: str
    received_at: datetime
    quarantined_at: datetime
    why: str
    retrying: bool  # somebody said to try it again, and it has not been yet


WebhookParser = Callable[[Alias, str, bytes], WebhookEvent]
"""Says what a delivery reports, from its store, topic and body. Raises ValueError."""


class DeliveryRepository(Protocol):
    """What stores told us: kept once, handled once."""

    def save(self, deliveries: Sequence[Delivery]) -> None:
        """Keep deliveries that are not known yet."""

    def unhandled(self, limit: int, *, only: Sequence[int] | None = None) -> list[Delivery]:
        """Return the oldest deliveries nobody has handled; no other process gets them.

        `only`: of these, if they still are unhandled.
        """

    def mark_handled(self, deliveries: Iterable[int], *, now: datetime) -> None:
        """Tick deliveries off."""

    def quarantine(self, delivery: int, why: str, *, now: datetime) -> Alias | None:
        """Keep an unhandled delivery out of the way; return its store, None if it was handled."""

    def quarantined(
        self, store: Alias | None = None, *, limit: int = 1000
    ) -> tuple[int, list[QuarantinedDelivery]]:
        """Return how many are quarantined and not handled since, and the oldest of them."""

    def retry(self, deliveries: Iterable[int] | None) -> list[int]:
        """Have what was quarantined handled again, all or some of it; return which."""

    def traces_of(self, pools: Iterable[PoolId]) -> Sequence[str]:
        """Return the traces of the deliveries that moved pools last, each once."""
