"""The counter: orders, and what each event of an order does to the quantities.

event                             available  committed  on_hand
--------------------------------  ---------  ---------  -------
order created                     -q         +q         0
fulfilled                         0          -q         -q
sale at the till                  -q         0          -q
cancelled, restocked              +q         -q         0
cancelled, not restocked          0          -q         -q
refund `cancel` (not fulfilled)   +q         -q         0
refund `return` (fulfilled)       +q         0          +q
refund `no_restock`               0          0          0
order edit adds / removes         -q / +q    +q / -q    0
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.catalogue import Catalogue
from sandbox.goods import Level, Line, Location, NoSuchThing, Order, Refund, SoldOut, whole


@dataclass(frozen=True, slots=True)
class OrderEdit:
    """What an edit added to an order, or took from it."""

    id: int
    order: Order
    line: Line
    delta: int


class Counter(Catalogue):
    """A stockroom with customers."""

    orders: dict[int, Order]
    next_order_number: int = 1042

    def sell(
        self,
        item: int | str,
        quantity: int,
        location: int | None = None,
        *,
        race: bool = False,
    ) -> Order:
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
    ) -> Order:
        """Sell several things in one order; see `sell`."""
        self.begin()
        picked = [(self._pick(item, q, location), q) for item, q in basket]
        for level, quantity in picked:
            if not race and _is_sold_out(level, quantity):
                raise SoldOut(level.item.variant.sku or str(level.item.id))
        order = self._new_order()
        for level, quantity in picked:
            order.lines.append(self._line(level, quantity))
            self._take(level, {"available": -quantity, "committed": quantity}, "sale", "customer")
        self.emit("orders/create", order)
        if order.paid:
            self.emit("orders/paid", order)
        return order

    def pos_sale(self, item: int | str, quantity: int, location: int | None = None) -> Order:
        """Sell at the till and hand over at once; never sold out."""
        self.begin()
        level = self.level(item, location)
        order = self._new_order(source="pos", till=level.location)
        line = self._line(level, quantity)
        line.unfulfilled = 0
        order.lines.append(line)
        self._take(level, {"available": -quantity}, "sale", "till")
        self.emit("orders/create", order)
        return order

    def fulfil(self, order: Order) -> None:
        """Hand an order to the carrier."""
        self.begin()
        for line in order.lines:
            self._take(self._home(line), {"committed": -line.unfulfilled}, "fulfilment", "staff")
            line.unfulfilled = 0
        self._updated(order, "orders/fulfilled")

    def refund(
        self,
        order: Order,
        quantity: int,
        restock_type: str | None = None,
        *,
        line: int = 0,
        location: int | None = None,
    ) -> Refund:
        """Give money back for some units; by default restock as fits (cancel or return)."""
        self.begin()
        back = order.lines[line]
        kind = restock_type or ("cancel" if back.unfulfilled >= quantity else "return")
        place = back.location if location is None else self.location(location)
        if kind == "cancel":
            back.unfulfilled -= quantity
            deltas = {"available": quantity, "committed": -quantity}
            self._take(self._home(back), deltas, "refund", "staff")
        elif kind == "return":
            level = self.level(back.variant.item.id, place.id)
            self._take(level, {"available": quantity}, "refund", "staff")
        back.current -= quantity
        refund = Refund(
            id=self.next_id("Refund"),
            order=order,
            line=back,
            line_id=self.next_id("RefundLineItem"),
            quantity=quantity,
            restock_type=kind,
            location=place if kind == "return" else None,
            created_at=whole(self.now()),
        )
        order.refunds.append(refund)
        self.emit("refunds/create", refund)
        self._updated(order)
        return refund

    def cancel(self, order: Order, *, restock: bool = True, reason: str = "customer") -> None:
        """Cancel an order that is not fulfilled yet."""
        self.begin()
        for line in order.lines:
            units = line.unfulfilled
            deltas = {"committed": -units, **({"available": units} if restock else {})}
            self._take(self._home(line), deltas, "cancel", "staff")
            line.unfulfilled, line.current = 0, line.current - units
        order.cancelled_at, order.cancel_reason = whole(self.now()), reason
        self._updated(order, "orders/cancelled")

    def edit_order(self, order: Order, by: int, line: int = 0) -> None:
        """Add units to a line of an order, or take some off with restock."""
        self.begin()
        edited = order.lines[line]
        edited.current += by
        edited.unfulfilled += by
        edited.quantity = max(edited.quantity, edited.current)
        self._take(self._home(edited), {"available": -by, "committed": by}, "order edit", "staff")
        self.emit("orders/edited", OrderEdit(self.next_id("OrderEdit"), order, edited, by))
        self._updated(order)

    def find_order(self, order: int | str) -> Order:
        """Return an order by its id or name (`#1042`)."""
        for each in self.orders.values():
            if order in {each.id, each.name}:
                return each
        raise NoSuchThing(str(order))

    def _pick(self, item: int | str, quantity: int, location: int | None) -> Level:
        """Route an order: the place named, else the first open one that has enough."""
        if location is not None:
            return self.level(item, location)
        for level in self.item(item).levels.values():
            online = level.location.active and level.location.fulfils_online
            if online and level.now.active and level.available >= quantity:
                return level
        return self.level(item)

    def _new_order(self, source: str = "web", till: Location | None = None) -> Order:
        at = whole(self.now())
        name = f"#{self.next_order_number}"
        self.next_order_number += 1
        order = Order(
            id=self.next_id("Order"),
            name=name,
            created_at=at,
            updated_at=at,
            source=source,
            till=till,
        )
        self.orders[order.id] = order
        return order

    def _line(self, level: Level, quantity: int) -> Line:
        return Line(
            id=self.next_id("LineItem"),
            variant=level.item.variant,
            quantity=quantity,
            current=quantity,
            unfulfilled=quantity,
            location=level.location,
        )

    def _home(self, line: Line) -> Level:
        """Return the level that a line's stock came from."""
        return line.variant.item.levels[line.location.id]

    def _take(self, level: Level, deltas: dict[str, int], what: str, by: str) -> None:
        """Move quantities, unless nobody counts them."""
        if level.item.tracked and any(deltas.values()):
            self.move(level, deltas, what, by)

    def _updated(self, order: Order, topic: str | None = None) -> None:
        order.updated_at = whole(self.now())
        if topic:
            self.emit(topic, order)
        self.emit("orders/updated", order)


def _is_sold_out(level: Level, quantity: int) -> bool:
    item = level.item
    return item.tracked and item.variant.policy == "DENY" and level.available < quantity
