"""GraphQL as Shopify answers it: our schema, executed, with cost, codes and a cache by text."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from operator import attrgetter
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLSyntaxError,
    build_schema,
    execute_sync,
    parse,
    validate,
)
from graphql.language import FragmentDefinitionNode, OperationDefinitionNode

from sandbox import app_mutations, inventory_mutations, metafields, query_resolvers, type_resolvers
from sandbox.idempotency import KeyState
from sandbox.models import gid
from sandbox.rate_limit import MAX_QUERY_COST, MUTATION_COST, CostCalculator
from sandbox.request_context import RequestContext
from sandbox.shop_state import ShopState

Reply = dict[str, Any]
_CODES = {
    "Cannot query field": "undefinedField",
    "Unknown argument": "argumentNotAccepted",
    "Unknown directive": "undefinedDirective",
    "Unknown type": "undefinedType",
    "Field ": "selectionMismatch",
    "Variable ": "variableMismatch",
    "Argument ": "missingRequiredArguments",
}


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """Return the sandbox's schema with its resolvers."""
    built = build_schema(files("sandbox").joinpath("schema.graphql").read_text())
    for name, type_ in built.type_map.items():
        if isinstance(type_, GraphQLInterfaceType):
            type_.resolve_type = query_resolvers.kind_of
        elif isinstance(type_, GraphQLObjectType) and not name.startswith("__"):
            _add_resolvers(type_)
    for name, write in (("DateTime", _time), ("UnsignedInt64", str)):
        scalar = built.type_map[name]
        if isinstance(scalar, GraphQLScalarType):
            scalar.coerce_output_value = write
    return built


def _add_resolvers(type_: GraphQLObjectType) -> None:
    own: Mapping[str, Callable[..., Any]] = {
        **type_resolvers.TYPES.get(type_.name, {}),
        **metafields.TYPES.get(type_.name, {}),
    }
    if type_.name == "QueryRoot":
        own = query_resolvers.QUERIES
    elif type_.name == "Mutation":
        own = {**inventory_mutations.MUTATIONS, **app_mutations.MUTATIONS, **metafields.MUTATIONS}
    for name, field in type_.fields.items():
        field.resolve = own.get(name) or _plain(type_.name, name)


def _plain(kind: str, name: str) -> Callable[..., Any]:
    """Return the resolver of a field that is just there: a key, or an attribute in snake case."""
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    if name == "legacyResourceId":
        return lambda source, _info, **_: source.id
    if name == "id" and kind in query_resolvers.KINDS.values():
        return lambda source, _info, **_: gid(kind, source.id)
    read = attrgetter(snake)

    def resolve(source: object, _info: object, **_: object) -> object:
        return source.get(name) if isinstance(source, dict) else read(source)

    return resolve


def _time(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document, parsed and validated; or the errors instead."""

    document: DocumentNode | None
    errors: tuple[Reply, ...] = ()

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """Return the operation to run."""
        found = self.document.definitions if self.document else ()
        for each in found:
            if isinstance(each, OperationDefinitionNode) and (
                name is None or (each.name and each.name.value == name)
            ):
                return each
        return None

    def fragments(self) -> dict[str, FragmentDefinitionNode]:
        """Return the document's fragments by name."""
        found = self.document.definitions if self.document else ()
        return {x.name.value: x for x in found if isinstance(x, FragmentDefinitionNode)}


@lru_cache(maxsize=512)
def prepare(text: str) -> PreparedDocument:
    """Parse and validate a text, once."""
    try:
        document = parse(text)
    except GraphQLSyntaxError as wrong:
        error = {"message": wrong.message, "extensions": {"code": "PARSE_ERROR"}}
        return PreparedDocument(None, (error,))
    errors = validate(schema(), document)
    return PreparedDocument(document, tuple(_validation(each) for each in errors))


def _validation(error: GraphQLError) -> Reply:
    known = (code for head, code in _CODES.items() if error.message.startswith(head))
    places = [{"line": x.line, "column": x.column} for x in error.locations or ()]
    code = next(known, "invalidDocument")
    return {"message": error.message, "locations": places, "extensions": {"code": code}}


def answer(
    shop: ShopState, request: Mapping[str, Any], *, pretend: KeyState | None = None
) -> Reply:
    """Answer one GraphQL request."""
    prepared = prepare(str(request.get("query") or ""))
    operation = prepared.operation(request.get("operationName"))
    if prepared.errors or operation is None:
        missing = {"message": "No operation", "extensions": {"code": "BAD_REQUEST"}}
        return {"errors": list(prepared.errors) or [missing]}
    variables = request.get("variables") or {}
    cost = _cost(prepared, operation, variables)
    if cost > MAX_QUERY_COST:
        return _cost_exceeded(cost)
    if shop.bucket.available() < cost:
        return throttled(shop, cost)
    return _execute(shop, prepared, request, cost, pretend=pretend)


def _cost(prepared: PreparedDocument, operation: OperationDefinitionNode, variables: Reply) -> int:
    return CostCalculator(schema(), prepared.fragments(), variables).of(operation)


def _execute(
    shop: ShopState,
    prepared: PreparedDocument,
    request: Mapping[str, Any],
    cost: int,
    *,
    pretend: KeyState | None,
) -> Reply:
    context = RequestContext(shop, shop.faults.lag(shop.rng), pretend=pretend)
    assert prepared.document is not None  # noqa: S101  checked by the caller
    result = execute_sync(
        schema(),
        prepared.document,
        context_value=context,
        variable_values=request.get("variables") or {},
        operation_name=request.get("operationName"),
    )
    reply: Reply = {}
    if result.errors:
        reply["errors"] = [_error(each) for each in result.errors]
    if result.data is not None or not _is_refused_early(result.errors):
        reply["data"] = result.data
    actual = _actual(context, cost, mutation=bool(result.errors) or context.refused)
    shop.bucket.take(actual)
    reply["extensions"] = {"cost": _costs(shop, cost, actual)}
    if context.warnings:
        reply["extensions"]["search"] = [{"warnings": context.warnings}]
    return reply


def _is_refused_early(errors: list[GraphQLError] | None) -> bool:
    """Return whether the variables did not fit: then there is no `data`."""
    return bool(errors) and all(each.path is None for each in errors or ())


def _actual(context: RequestContext, cost: int, *, mutation: bool) -> int:
    if mutation:
        return min(cost, MUTATION_COST)
    if context.asked and context.served < context.asked:
        return max(1, math.ceil(cost * (context.served + 1) / (context.asked + 1)))
    return cost


def _error(error: GraphQLError) -> Reply:
    reply: Reply = {"message": error.message}
    if error.locations:
        reply["locations"] = [{"line": x.line, "column": x.column} for x in error.locations]
    if error.path is None:
        reply["extensions"] = {"code": "INVALID_VARIABLE"}
    else:
        broken = {"code": "INTERNAL_SERVER_ERROR"}
        reply["extensions"] = error.extensions or broken
        reply["path"] = list(error.path)
    return reply


def _costs(shop: ShopState, requested: int, actual: int | None) -> Reply:
    return {
        "requestedQueryCost": requested,
        "actualQueryCost": actual,
        "throttleStatus": shop.bucket.status(),
    }


def throttled(shop: ShopState, cost: int) -> Reply:
    """Refuse for want of points."""
    shop.counts.throttled += 1
    extensions = {
        "code": "THROTTLED",
        "documentation": "https://shopify.dev/api/usage/rate-limits",
    }
    error = {"message": "Throttled", "extensions": extensions}
    return {"errors": [error], "extensions": {"cost": _costs(shop, cost, None)}}


def _cost_exceeded(cost: int) -> Reply:
    message = (
        f"Query cost is {cost}, which exceeds the single query max cost limit ({MAX_QUERY_COST})."
    )
    extensions = {"code": "MAX_COST_EXCEEDED", "cost": cost, "maxCost": MAX_QUERY_COST}
    return {"errors": [{"message": message, "extensions": extensions}]}
