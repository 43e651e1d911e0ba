"""Orders, and how each event of an order moves the quantities.

event                             available  committed  on_hand
--------------------------------  ---------  ---------  -------
order created                     -q         +q         0
fulfilled                         0          -q         -q
point of sale                     -q         0          -q
cancelled, restocked              +q         -q         0
cancelled, not restocked          0          -q         -q
refund `cancel` (not fulfilled)   +q         -q         0
refund `return` (fulfilled)       +q         0          +q
refund `no_restock`               0          0          0
order edit adds / removes         -q / +q    +q / -q    0
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.catalogue import ShopCatalogue
from sandbox.models import (
    LineItem,
    ShopLevel,
    ShopLocation,
    ShopOrder,
    ShopRefund,
    SoldOut,
    UnknownId,
    whole_seconds,
)


@dataclass(frozen=True, slots=True)
class OrderEdit:
    """What an edit added to an order, or took from it."""

    id: int
    order: ShopOrder
    line: LineItem
    delta: int


class ShopOrders(ShopCatalogue):
    """Orders in a shop."""

    orders: dict[int, ShopOrder]
    next_order_number: int = 1042

    def sell(
        self,
        item: int | str,
        quantity: int,
        location: int | None = None,
        *,
        race: bool = False,
    ) -> ShopOrder:
        """Sell online.

        Raises:
            SoldOut: If the product's policy is DENY and there is less, unless this is one of the
                races in which Shopify sells all the same.
        """
        return self.sell_many([(item, quantity)], location, race=race)

    def sell_many(
        self,
        basket: Sequence[tuple[int | str, int]],
        location: int | None = None,
        *,
        race: bool = False,
    ) -> ShopOrder:
        """Sell several things in one order; see `sell`."""
        self.begin()
        picked = [(self._choose_level(item, q, location), q) for item, q in basket]
        for level, quantity in picked:
            if not race and _is_sold_out(level, quantity):
                raise SoldOut(level.item.variant.sku or str(level.item.id))
        order = self._new_order()
        for level, quantity in picked:
            order.lines.append(self._line(level, quantity))
            self._move_tracked(
                level, {"available": -quantity, "committed": quantity}, "sale", "customer"
            )
        self.emit("orders/create", order)
        if order.paid:
            self.emit("orders/paid", order)
        return order

    def pos_sale(self, item: int | str, quantity: int, location: int | None = None) -> ShopOrder:
        """Sell at the point of sale and fulfil at once; never sold out."""
        self.begin()
        level = self.level(item, location)
        order = self._new_order(source="pos", till=level.location)
        line = self._line(level, quantity)
        line.unfulfilled = 0
        order.lines.append(line)
        self._move_tracked(level, {"available": -quantity}, "sale", "till")
        self.emit("orders/create", order)
        return order

    def fulfil(self, order: ShopOrder) -> None:
        """Hand an order to the carrier."""
        self.begin()
        for line in order.lines:
            self._move_tracked(
                self._source_level(line), {"committed": -line.unfulfilled}, "fulfilment", "staff"
            )
            line.unfulfilled = 0
        self._updated(order, "orders/fulfilled")

    def refund(
        self,
        order: ShopOrder,
        quantity: int,
        restock_type: str | None = None,
        *,
        line: int = 0,
        location: int | None = None,
    ) -> ShopRefund:
        """Give money back for some units; by default restock as fits (cancel or return)."""
        self.begin()
        back = order.lines[line]
        kind = restock_type or ("cancel" if back.unfulfilled >= quantity else "return")
        restock_location = back.location if location is None else self.location(location)
        if kind == "cancel":
            back.unfulfilled -= quantity
            deltas = {"available": quantity, "committed": -quantity}
            self._move_tracked(self._source_level(back), deltas, "refund", "staff")
        elif kind == "return":
            level = self.level(back.variant.item.id, restock_location.id)
            self._move_tracked(level, {"available": quantity}, "refund", "staff")
        back.current -= quantity
        refund = ShopRefund(
            id=self.next_id("Refund"),
            order=order,
            line=back,
            line_id=self.next_id("RefundLineItem"),
            quantity=quantity,
            restock_type=kind,
            location=restock_location if kind == "return" else None,
            created_at=whole_seconds(self.now()),
        )
        order.refunds.append(refund)
        self.emit("refunds/create", refund)
        self._updated(order)
        return refund

    def cancel(self, order: ShopOrder, *, restock: bool = True, reason: str = "customer") -> None:
        """Cancel an order that is not fulfilled yet."""
        self.begin()
        for line in order.lines:
            units = line.unfulfilled
            deltas = {"committed": -units, **({"available": units} if restock else {})}
            self._move_tracked(self._source_level(line), deltas, "cancel", "staff")
            line.unfulfilled, line.current = 0, line.current - units
        order.cancelled_at, order.cancel_reason = whole_seconds(self.now()), reason
        self._updated(order, "orders/cancelled")

    def edit_order(self, order: ShopOrder, by: int, line: int = 0) -> None:
        """Add units to a line of an order, or take some off with restock."""
        self.begin()
        edited = order.lines[line]
        edited.current += by
        edited.unfulfilled += by
        edited.quantity = max(edited.quantity, edited.current)
        self._move_tracked(
            self._source_level(edited), {"available": -by, "committed": by}, "order edit", "staff"
        )
        self.emit("orders/edited", OrderEdit(self.next_id("OrderEdit"), order, edited, by))
        self._updated(order)

    def find_order(self, order: int | str) -> ShopOrder:
        """Return an order by its id or name (`#1042`)."""
        for each in self.orders.values():
            if order in {each.id, each.name}:
                return each
        raise UnknownId(str(order))

    def _choose_level(self, item: int | str, quantity: int, location: int | None) -> ShopLevel:
        """Route an order: the location named, else the first open one that has enough."""
        if location is not None:
            return self.level(item, location)
        for level in self.item(item).levels.values():
            online = level.location.active and level.location.fulfils_online
            if online and level.now.active and level.available >= quantity:
                return level
        return self.level(item)

    def _new_order(self, source: str = "web", till: ShopLocation | None = None) -> ShopOrder:
        at = whole_seconds(self.now())
        name = f"#{self.next_order_number}"
        self.next_order_number += 1
        order = ShopOrder(
            id=self.next_id("Order"),
            name=name,
            created_at=at,
            updated_at=at,
            source=source,
            till=till,
        )
        self.orders[order.id] = order
        return order

    def _line(self, level: ShopLevel, quantity: int) -> LineItem:
        return LineItem(
            id=self.next_id("LineItem"),
            variant=level.item.variant,
            quantity=quantity,
            current=quantity,
            unfulfilled=quantity,
            location=level.location,
        )

    def _source_level(self, line: LineItem) -> ShopLevel:
        """Return the level that a line's stock came from."""
        return line.variant.item.levels[line.location.id]

    def _move_tracked(self, level: ShopLevel, deltas: dict[str, int], what: str, by: str) -> None:
        """Move quantities, unless the item is not tracked."""
        if level.item.tracked and any(deltas.values()):
            self.move(level, deltas, what, by)

    def _updated(self, order: ShopOrder, topic: str | None = None) -> None:
        order.updated_at = whole_seconds(self.now())
        if topic:
            self.emit(topic, order)
        self.emit("orders/updated", order)


def _is_sold_out(level: ShopLevel, quantity: int) -> bool:
    item = level.item
    return item.tracked and item.variant.policy == "DENY" and level.available < quantity
