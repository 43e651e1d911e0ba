"""What a store reports: a level that moved, a product that changed, an order, a refund."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync_core.domain.values import Alias, ItemId, Observation


class OrderEventKind(StrEnum):
    """What people did in a store."""

    SALE = "sale"
    CANCELLATION = "cancellation"
    REFUND = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """What an order, a cancellation or a refund says of one of its lines."""

    store: Alias
    kind: OrderEventKind
    ref: int  # the order's or the refund's id
    line: int
    order_id: int
    name: str  # "#1042"; empty where the store does not say
    variant_id: int
    quantity: int  # units, positive
    location: int | None
    at: datetime
    explains: int | None = None  # the movement, once that is recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedVariant:
    """A variant as a product webhook describes it."""

    variant_id: int
    item: ItemId
    sku: str
    barcode: str  # the main one: a webhook names no others
    policy: str  # deny or continue; empty where it does not say
    options: tuple[str, ...]  # the values, in the product's order


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductChanged:
    """A product webhook: enough to see whether anything that matters has changed."""

    store: Alias
    product_id: int
    handle: str
    title: str
    status: str
    variants: tuple[ReportedVariant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDeleted:
    """A product was deleted."""

    store: Alias
    product_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvents:
    """An order, a cancellation or a refund."""

    order_events: tuple[OrderEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppUninstalled:
    """The app was taken out of a store, if the store says so, too: its token is dead then."""

    store: Alias


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFinished:
    """An export that we asked a store for has come to its end, good or bad."""

    store: Alias
    operation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredTopic:
    """A topic that says nothing to us."""


WebhookEvent = (
    Observation
    | ProductChanged
    | ProductDeleted
    | OrderEvents
    | AppUninstalled
    | ExportFinished
    | IgnoredTopic
)
