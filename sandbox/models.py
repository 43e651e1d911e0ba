"""What a shop has: locations, products, variants, items, levels and orders."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

QUANTITY_NAMES = (
    "available",
    "committed",
    "incoming",
    "reserved",
    "damaged",
    "safety_stock",
    "quality_control",
)
ON_HAND_QUANTITIES = (
    "available",
    "committed",
    "reserved",
    "damaged",
    "safety_stock",
    "quality_control",
)
ADJUSTABLE_QUANTITIES = (
    "available",
    "damaged",
    "incoming",
    "quality_control",
    "reserved",
    "safety_stock",
)
ADJUSTMENT_REASONS = (
    "correction",
    "cycle_count_available",
    "damaged",
    "movement_canceled",
    "movement_created",
    "movement_received",
    "movement_updated",
    "other",
    "promotion",
    "quality_control",
    "received",
    "reservation_created",
    "reservation_deleted",
    "reservation_updated",
    "restock",
    "safety_stock",
    "shrinkage",
)
MAX_PAST_STATES = 256  # past states kept per level, for reads that lag behind


class SoldOut(Exception):
    """A customer wanted more than a product with the policy DENY has."""


class UnknownId(LookupError):
    """An id that this shop does not know."""


def gid(kind: str, number: int) -> str:
    """Return the global id of a thing."""
    return f"gid://shopify/{kind}/{number}"


def number_of(text: str, kind: str) -> int | None:
    """Return the number in a global id, or None if it is of another kind or malformed."""
    head, _, tail = text.rpartition("/")
    if head != f"gid://shopify/{kind}" or not tail.partition("?")[0].isdigit():
        return None
    return int(tail.partition("?")[0])


def whole_seconds(moment: datetime) -> datetime:
    """Cut a moment to whole seconds, in UTC."""
    return moment.astimezone(UTC).replace(microsecond=0)


@dataclass(slots=True, kw_only=True)
class ShopLocation:
    """A location that holds stock."""

    id: int
    name: str
    created_at: datetime
    active: bool = True
    fulfils_online: bool = True
    service: bool = False  # a fulfilment service's; hidden unless includeLegacy
    deactivated_at: datetime | None = None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewVariant:
    """What to say about a variant when a product is added."""

    options: Mapping[str, str]
    sku: str | None = None
    barcodes: tuple[str, ...] = ()  # at most 20, the main one first
    quantity: int = 0  # at the first location
    tracked: bool = True
    bundle: bool = False
    policy: str = "DENY"


@dataclass(slots=True, kw_only=True, eq=False)
class ShopProduct:
    """A product with its variants."""

    id: int
    title: str
    handle: str
    status: str = "ACTIVE"
    gift_card: bool = False
    created_at: datetime
    updated_at: datetime
    variants: list["ShopVariant"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class VariantBarcode:
    """One of a variant's barcodes: no thing of its own, it has no id."""

    position: int
    value: str
    type: None = None  # stored as entered


@dataclass(slots=True, kw_only=True, eq=False)
class ShopVariant:
    """One choice of a product; its stock hangs on its inventory item."""

    id: int
    product: ShopProduct
    options: dict[str, str]
    sku: str | None
    barcodes: tuple[str, ...]  # the main one first
    bundle: bool  # requiresComponents: its quantities cannot be written
    policy: str
    created_at: datetime
    updated_at: datetime
    item: "InventoryItem"

    @property
    def title(self) -> str:
        """The option values, as the admin shows them."""
        return " / ".join(self.options.values())

    @property
    def barcode(self) -> str | None:
        """The main barcode, for those who know of one only."""
        return next(iter(self.barcodes), None)


@dataclass(slots=True, kw_only=True, eq=False)
class InventoryItem:
    """An inventory item: what has levels."""

    id: int
    tracked: bool
    created_at: datetime
    updated_at: datetime
    levels: dict[int, "ShopLevel"] = field(default_factory=dict)  # by location id
    variant: ShopVariant = field(init=False)


@dataclass(frozen=True, slots=True)
class ShopLevelState:
    """What a level shows from a moment on."""

    at: datetime  # exact, unlike what the API returns
    quantities: Mapping[str, int]
    touched: Mapping[str, datetime]  # `updatedAt` by name; a name never touched is missing
    active: bool
    updated_at: datetime

    def quantity(self, name: str) -> int:
        """Return one quantity; on_hand is a sum."""
        if name == "on_hand":
            return sum(self.quantities.get(each, 0) for each in ON_HAND_QUANTITIES)
        return self.quantities.get(name, 0)


@dataclass(slots=True, eq=False)
class ShopLevel:
    """One item at one location, with its recent past."""

    number: int  # of its gid; not the location's id
    item: InventoryItem
    location: ShopLocation
    created_at: datetime
    now: ShopLevelState
    past: deque[ShopLevelState] = field(default_factory=lambda: deque(maxlen=MAX_PAST_STATES))

    @property
    def gid(self) -> str:
        """The level's global id, which carries the item's."""
        return f"{gid('InventoryLevel', self.number)}?inventory_item_id={self.item.id}"

    @property
    def available(self) -> int:
        """What may be sold."""
        return self.now.quantity("available")

    def change(self, at: datetime, deltas: Mapping[str, int]) -> None:
        """Move quantities by deltas."""
        quantities, touched, second = (
            dict(self.now.quantities),
            dict(self.now.touched),
            whole_seconds(at),
        )
        for name, delta in deltas.items():
            quantities[name] = quantities.get(name, 0) + delta
            touched[name] = second
        self.past.append(self.now)
        self.now = ShopLevelState(at, quantities, touched, self.now.active, second)

    def switch(self, at: datetime, *, active: bool) -> None:
        """Activate or deactivate; quantities stay."""
        self.past.append(self.now)
        self.now = replace(self.now, at=at, active=active, updated_at=whole_seconds(at))

    def at(self, moment: datetime) -> ShopLevelState:
        """Return what it showed at a moment of the recent past."""
        if self.now.at <= moment:
            return self.now
        for state in reversed(self.past):
            if state.at <= moment:
                return state
        return self.past[0] if self.past else self.now


@dataclass(slots=True, kw_only=True, eq=False)
class LineItem:
    """One line of an order."""

    id: int
    variant: ShopVariant
    quantity: int
    current: int  # after refunds and edits
    unfulfilled: int
    location: ShopLocation  # that the stock came from


@dataclass(slots=True, kw_only=True, eq=False)
class ShopRefund:
    """A refund, perhaps with a restock."""

    id: int
    order: "ShopOrder"
    line: LineItem
    line_id: int
    quantity: int
    restock_type: str
    location: ShopLocation | None
    created_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class ShopOrder:
    """What a customer bought."""

    id: int
    name: str
    created_at: datetime
    updated_at: datetime
    source: str = "web"
    till: ShopLocation | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    paid: bool = True
    lines: list[LineItem] = field(default_factory=list)
    refunds: list[ShopRefund] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class StockTransfer:
    """Units on their way between two locations: ready, shipped, received."""

    item: InventoryItem
    origin: ShopLocation
    destination: ShopLocation
    quantity: int
    state: str = "ready"


@dataclass(frozen=True, slots=True)
class StockLogEntry:
    """One line of the shop's own log: who moved `available` by how much."""

    at: datetime
    what: str  # "sale", "refund", "edit", "adjust", …
    item: int
    location: int
    delta: int
    by: str  # "customer", "staff", "till", "api", …
    key: str | None = None  # the idempotency key, of a write by the API
    uri: str | None = None  # its referenceDocumentUri
