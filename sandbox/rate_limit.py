"""The leaky bucket, and what a request costs.

An object costs 1, a scalar nothing, a mutation 10. A list of n at the top costs n^0.85 times its
node, one inside another list n^0.25 times; `nodes(ids:)` costs 0.75 a node. Shopify does not
publish its formula: this one only has the same order of magnitude.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)
from graphql.language import FragmentDefinitionNode, OperationDefinitionNode

MAX_QUERY_COST = 1000  # points that one request may ask for
MUTATION_COST = 10
INVENTORY_MUTATIONS = ("inventoryAdjustQuantities", "inventorySetQuantities")
CONNECTION_FIELDS = ("edges", "node", "nodes", "pageInfo")


class LeakyBucket:
    """Points that a shop grants an app."""

    def __init__(
        self, now: Callable[[], datetime], *, size: float = 2000.0, rate: float = 100.0
    ) -> None:
        self.size, self.rate = size, rate
        self._now, self._level, self._at = now, size, now()

    def available(self) -> float:
        """Return the points there are now."""
        now = self._now()
        self._level = min(self.size, self._level + (now - self._at).total_seconds() * self.rate)
        self._at = now
        return self._level

    def take(self, points: float) -> None:
        """Spend points."""
        self._level = self.available() - points

    def status(self) -> dict[str, float]:
        """Return the throttleStatus."""
        return {
            "maximumAvailable": self.size,
            "currentlyAvailable": math.floor(self.available()),
            "restoreRate": self.rate,
        }


class CostCalculator:
    """Counts the points of one operation."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema, self._fragments, self._variables = schema, fragments, variables

    def of(self, operation: OperationDefinitionNode) -> int:
        """Return the requested cost of an operation."""
        root = self._schema.get_root_type(operation.operation)
        if operation.operation.value != "mutation":
            return math.ceil(self._selection(operation.selection_set, root, nested=False))
        names = [
            n.name.value for n in operation.selection_set.selections if isinstance(n, FieldNode)
        ]
        return sum(MUTATION_COST + 3 * (name in INVENTORY_MUTATIONS) for name in names)

    def _selection(self, chosen: SelectionSetNode | None, type_: Any, *, nested: bool) -> float:
        points = 0.0
        for node in chosen.selections if chosen else ():
            if isinstance(node, FieldNode):
                points += self._field(node, type_, nested=nested)
            elif isinstance(node, InlineFragmentNode):
                on = node.type_condition
                inner = self._schema.get_type(on.name.value) if on else type_
                points += self._selection(node.selection_set, inner, nested=nested)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                inner = self._schema.get_type(fragment.type_condition.name.value)
                points += self._selection(fragment.selection_set, inner, nested=nested)
        return points

    def _field(self, node: FieldNode, type_: Any, *, nested: bool) -> float:
        name = node.name.value
        definition = type_.fields.get(name) if isinstance(type_, GraphQLObjectType) else None
        if definition is None or is_leaf_type(get_named_type(definition.type)):
            return 0
        inner = get_named_type(definition.type)
        if name == "nodes" and "ids" in definition.args:
            ids = self._argument(node, "ids")
            return 0.75 * ids * (1 + self._selection(node.selection_set, inner, nested=True))
        if inner.name.endswith("Connection"):
            first = self._argument(node, "first") or 10
            each = 1 + self._selection(node.selection_set, inner, nested=True)
            return float(each * first ** (0.25 if nested else 0.85))
        own = name not in CONNECTION_FIELDS and name not in {"quantities", "selectedOptions"}
        return own + self._selection(node.selection_set, inner, nested=nested)

    def _argument(self, node: FieldNode, name: str) -> int:
        """Return a number, or the length of a list."""
        for argument in node.arguments or ():
            if argument.name.value == name:
                return self._size(argument.value)
        return 0

    def _size(self, value: object) -> int:
        if isinstance(value, VariableNode):
            given = self._variables.get(value.name.value)
            if isinstance(given, list):
                return len(given)
            return given if isinstance(given, int) else 0  # what does not fit is refused later
        if isinstance(value, IntValueNode):
            return int(value.value)
        return len(value.values) if isinstance(value, ListValueNode) else 0
