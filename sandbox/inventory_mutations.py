"""Inventory mutations, with every rule that makes them refuse.

A batch is all or nothing: first each row is checked, then, if no row has an error, all are done.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from graphql import FieldNode, GraphQLError, Node, StringValueNode, ValueNode, VariableNode

from sandbox.idempotency import MESSAGES, fingerprint
from sandbox.models import (
    ADJUSTABLE_QUANTITIES,
    ADJUSTMENT_REASONS,
    InventoryItem,
    ShopLevel,
    ShopLocation,
    number_of,
    whole_seconds,
)
from sandbox.request_context import Info, RequestContext
from sandbox.search import refuse
from sandbox.shop_state import AdjustmentChange, AdjustmentGroup

Payload = dict[str, Any]
Args = dict[str, Any]
MAX_ROWS = 250
ADJUST_LIMIT = 2_000_000_000
SET_LIMIT = 1_000_000_000
_URI = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:(//)?[^\s/]\S*$")
_ADJUST_STALE = "The changeFromQuantity argument no longer matches the persisted quantity."
_SET_STALE = "The changeFromQuantity value does not match persisted value."
_NON_MUTABLE = (
    "The specified inventory item is not allowed to be adjusted via API. "
    "Example: if the inventory item is a parent bundle."
)


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One row of a batch, found and checked."""

    item: InventoryItem
    location: ShopLocation
    name: str
    delta: int


@dataclass(slots=True)
class UserErrors:
    """The user errors of one request."""

    path: list[str]
    errors: list[Payload]

    def add(self, code: str, message: str, *tail: str) -> None:
        """Note one."""
        field = [*self.path, *tail]
        self.errors.append({"code": code, "field": field, "message": message})


def idempotent(work: Callable[[RequestContext, Args, str], Payload]) -> Callable[..., Payload]:
    """Require `@idempotent`, and do the work once per key."""

    def resolve(_root: object, info: Info, **args: Any) -> Payload:
        context: RequestContext = info.context
        context.need("write_inventory", info.field_name)
        key = _key(info)
        _require_change_from(info, args)
        mark = fingerprint(info.field_name, args)
        state, payload = context.shop.keys.look_up(key, mark)
        state = context.pretend or state
        if state in MESSAGES:
            context.refused = True
            return _empty_payload(
                [{"code": state.value, "field": None, "message": MESSAGES[state]}]
            )
        if payload is not None:
            return _repeated_payload(context, payload)
        context.shop.keys.start(key, mark)
        payload = work(context, args, key)
        context.refused = bool(payload["userErrors"])
        context.shop.keys.finish(key, payload, failed=context.refused)
        return payload

    return resolve


def _repeated_payload(context: RequestContext, payload: Mapping[str, Any]) -> Payload:
    """Build the answer to a repeated request."""
    group = payload.get("inventoryAdjustmentGroup")
    if not (group and context.shop.faults.replay_says_now):
        return dict(payload)
    fresh = AdjustmentGroup(
        id=group.id,
        created_at=whole_seconds(context.shop.now()),
        reason=group.reason,
        reference_document_uri=group.reference_document_uri,
        changes=group.changes,
    )
    return {**payload, "inventoryAdjustmentGroup": fresh}


def _key(info: Info) -> str:
    """Return the key in the field's directive."""
    node = info.field_nodes[0]
    for directive in node.directives or ():
        if directive.name.value == "idempotent":
            key = _text(info, (directive.arguments or ())[0].value)
            if not key.strip():
                _refuse_key("The idempotency key can't be blank.", "BAD_REQUEST", node)
            return key
    message = "The @idempotent directive is required for this mutation but was not provided."
    raise GraphQLError(message, [node], extensions={"code": "BAD_REQUEST"})


def _text(info: Info, value: ValueNode) -> str:
    if isinstance(value, VariableNode):
        return str(_variable(info, value.name.value))
    return value.value if isinstance(value, StringValueNode) else ""


def _variable(info: Info, variable: str) -> object:
    """Return what a variable stands for."""
    return info.variable_values.coerced.get(variable)


def _refuse_key(message: str, code: str, *nodes: Node) -> NoReturn:
    raise GraphQLError(message, list(nodes), extensions={"code": code})


def _require_change_from(info: Info, args: Args) -> None:
    given = args.get("input", {})
    for name, kind in (
        ("changes", "InventoryChangeInput"),
        ("quantities", "InventoryQuantityInput"),
    ):
        rows = given.get(name, [])
        if len(rows) > MAX_ROWS:
            most = f"The input array size of {len(rows)} is greater than the maximum allowed of"
            refuse(f"{most} {MAX_ROWS}.", "MAX_INPUT_SIZE_EXCEEDED")
        if any("changeFromQuantity" not in row for row in rows):
            message = f"{kind} must include the following argument: changeFromQuantity."
            _refuse_key(message, "INVALID_FIELD_ARGUMENTS", *_input_path(info))


def _input_path(info: Info) -> list[Node]:
    """Return the field, and the variable that its input comes from."""
    node: FieldNode = info.field_nodes[0]
    names = {a.value.name.value for a in node.arguments or () if isinstance(a.value, VariableNode)}
    declared = info.operation.variable_definitions or ()
    return [node, *(each for each in declared if each.variable.name.value in names)]


def _empty_payload(errors: list[Payload]) -> Payload:
    return {"inventoryAdjustmentGroup": None, "inventoryLevel": None, "userErrors": errors}


# Adjust and set


def adjust(context: RequestContext, args: Args, key: str) -> Payload:
    """Add deltas to quantities."""
    given, errors = args["input"], list[Payload]()
    name = given["name"]
    _check_words(given, errors)
    if name not in ADJUSTABLE_QUANTITIES:
        words = f"Valid values are: {', '.join(ADJUSTABLE_QUANTITIES)}"
        message = f"The specified quantity name is invalid. {words}."
        UserErrors(["input", "name"], errors).add("INVALID_QUANTITY_NAME", message)
    rows = []
    for index, change in enumerate(given["changes"]):
        refusals = UserErrors(["input", "changes", str(index)], errors)
        _check_document(name, change, refusals)
        row = _find(context, change, refusals, name, change["delta"])
        if row:
            _check_adjust(row, change, refusals)
            rows.append(row)
    return _empty_payload(errors) if errors else _write(context, rows, given, key, "adjust")


def set_quantities(context: RequestContext, args: Args, key: str) -> Payload:
    """Replace quantities."""
    given, errors = args["input"], list[Payload]()
    name = given["name"]
    _check_words(given, errors)
    if name not in {"available", "on_hand"}:
        message = "The quantity name must be either 'available' or 'on_hand'."
        UserErrors(["input", "name"], errors).add("INVALID_NAME", message)
    pairs = [(row["inventoryItemId"], row["locationId"]) for row in given["quantities"]]
    rows = []
    for index, row in enumerate(given["quantities"]):
        refusals = UserErrors(["input", "quantities", str(index)], errors)
        if pairs.count(pairs[index]) > 1:
            message = "The combination of inventoryItemId and locationId must be unique."
            refusals.add("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", message, "locationId")
        found = _find(context, row, refusals, name, row["quantity"])
        if found:
            rows.append(_check_set(found, row, refusals))
    if context.shop.faults.refuses_equal_sets and not any(each.delta for each in rows):
        # What the real one does with it is not documented.
        errors.append({"code": None, "field": ["input"], "message": "Nothing would change."})
    return _empty_payload(errors) if errors else _write(context, rows, given, key, "set")


def _check_words(given: Args, errors: list[Payload]) -> None:
    if given["reason"] not in ADJUSTMENT_REASONS:
        message = (
            f"The specified reason is invalid. Valid values are: {', '.join(ADJUSTMENT_REASONS)}."
        )
        UserErrors(["input", "reason"], errors).add("INVALID_REASON", message)
    uri = given.get("referenceDocumentUri")
    if uri is not None and not _URI.match(uri):
        message = "The specified reference document is invalid."
        refusals = UserErrors(["input", "referenceDocumentUri"], errors)
        refusals.add("INVALID_REFERENCE_DOCUMENT", message)


def _check_document(name: str, change: Args, refusals: UserErrors) -> None:
    document = change.get("ledgerDocumentUri")
    if name == "available" and document is not None:
        message = "A ledger document URI is not allowed when adjusting available."
        refusals.add("INVALID_AVAILABLE_DOCUMENT", message, "ledgerDocumentUri")
    elif name in ADJUSTABLE_QUANTITIES and name != "available" and document is None:
        message = "A ledger document URI is required except when adjusting available."
        refusals.add("INVALID_QUANTITY_DOCUMENT", message, "ledgerDocumentUri")


def _find(
    context: RequestContext, row: Args, refusals: UserErrors, name: str, delta: int
) -> CheckedRow | None:
    shop = context.shop
    item = shop.items.get(number_of(row["inventoryItemId"], "InventoryItem") or 0)
    location = shop.locations.get(number_of(row["locationId"], "Location") or 0)
    if item is None:
        message = "The specified inventory item could not be found."
        refusals.add("INVALID_INVENTORY_ITEM", message, "inventoryItemId")
    elif item.variant.bundle:
        refusals.add("NON_MUTABLE_INVENTORY_ITEM", _NON_MUTABLE, "inventoryItemId")
    if location is None:
        message = "The specified location could not be found."
        refusals.add("INVALID_LOCATION", message, "locationId")
    if item is None or location is None or item.variant.bundle:
        return None
    return CheckedRow(item, location, name, delta)


def _present(row: CheckedRow) -> int:
    level = row.item.levels.get(row.location.id)
    return level.now.quantity(row.name) if level else 0


def _check_adjust(row: CheckedRow, change: Args, refusals: UserErrors) -> None:
    expected = change["changeFromQuantity"]
    if expected is not None and expected != _present(row):
        refusals.add("CHANGE_FROM_QUANTITY_STALE", _ADJUST_STALE, "changeFromQuantity")
    _check_range(_present(row) + row.delta, ADJUST_LIMIT, refusals, "delta")
    if abs(row.delta) > ADJUST_LIMIT:
        _check_range(row.delta, ADJUST_LIMIT, refusals, "delta")


def _check_set(row: CheckedRow, given: Args, refusals: UserErrors) -> CheckedRow:
    expected, quantity = given["changeFromQuantity"], given["quantity"]
    if expected is not None and expected != _present(row):
        refusals.add("CHANGE_FROM_QUANTITY_STALE", _SET_STALE, "changeFromQuantity")
    if row.name == "on_hand" and quantity < 0:
        message = "The quantity can't be negative."
        refusals.add("INVALID_QUANTITY_NEGATIVE", message, "quantity")
    else:
        _check_range(quantity, SET_LIMIT, refusals, "quantity")
    name = "available"  # on_hand is a sum, and moves by what available moves
    return CheckedRow(row.item, row.location, name, quantity - _present(row))


def _check_range(quantity: int, limit: int, refusals: UserErrors, tail: str) -> None:
    if quantity > limit:
        message = f"The quantity can't be higher than {limit:,}."
        refusals.add("INVALID_QUANTITY_TOO_HIGH", message, tail)
    elif quantity < -limit:
        message = f"The quantity can't be lower than -{limit:,}."
        refusals.add("INVALID_QUANTITY_TOO_LOW", message, tail)


def _write(
    context: RequestContext, rows: list[CheckedRow], given: Args, key: str, what: str
) -> Payload:
    shop, changes = context.shop, list[AdjustmentChange]()
    uri = given.get("referenceDocumentUri")
    shop.begin()
    for row in rows:
        if row.delta == 0:
            continue
        level = shop.open_level(row.item, row.location)
        shop.move(level, {row.name: row.delta}, what, "api", key=key, uri=uri)
        changes.append(AdjustmentChange(row.name, row.delta, level))
        if row.name != "incoming":
            changes.append(AdjustmentChange("on_hand", row.delta, level))
    if not changes:
        return _empty_payload([])
    group = AdjustmentGroup(
        id=shop.next_id("InventoryAdjustmentGroup"),
        created_at=whole_seconds(shop.now()),
        reason=given["reason"],
        reference_document_uri=uri,
        changes=tuple(changes),
    )
    return {"inventoryAdjustmentGroup": group, "userErrors": []}


# Activate and deactivate: their user errors have no code


def activate(context: RequestContext, args: Args, key: str) -> Payload:
    """Stock an item at a location."""
    shop = context.shop
    item = shop.items.get(number_of(args["inventoryItemId"], "InventoryItem") or 0)
    location = shop.locations.get(number_of(args["locationId"], "Location") or 0)
    if item is None:
        return _plain("inventoryItemId", "The product couldn't be stocked because it wasn't found.")
    if location is None or not location.active:
        return _plain("locationId", "The product couldn't be stocked because the location is gone.")
    level, wanted = item.levels.get(location.id), args.get("available")
    if level is not None and level.now.active:
        if wanted is None:
            return {"inventoryLevel": level, "userErrors": []}
        message = "Not allowed to set available quantity when the item is already active."
        return {**_plain("available", message), "inventoryLevel": level}
    level = shop.connect(item.id, location.id)
    if wanted:
        shop.move(level, {"available": wanted}, "activate", "api", key=key)
    return {"inventoryLevel": level, "userErrors": []}


def deactivate(_root: object, info: Info, **args: Any) -> Payload:
    """Stop stocking an item at a location; no key is asked for."""
    context: RequestContext = info.context
    context.need("write_inventory", info.field_name)
    level = _level(context, args["inventoryLevelId"])
    if level is None:
        return _plain("inventoryLevelId", "The inventory level couldn't be found.")
    context.shop.disconnect(level.item.id, level.location.id)
    return {"userErrors": []}


def _level(context: RequestContext, global_id: str) -> ShopLevel | None:
    return next((each for each in context.shop.levels() if each.gid == global_id), None)


def _plain(field: str, message: str) -> Payload:
    return _empty_payload([{"field": [field], "message": message}])


MUTATIONS: dict[str, Callable[..., Payload]] = {
    "inventoryAdjustQuantities": idempotent(adjust),
    "inventorySetQuantities": idempotent(set_quantities),
    "inventoryActivate": idempotent(activate),
    "inventoryDeactivate": deactivate,
}
