"""Mutations of webhook subscriptions and bulk exports."""

import re
from collections.abc import Callable
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    parse,
    validate,
)

from sandbox.models import number_of, whole_seconds
from sandbox.request_context import Info, RequestContext
from sandbox.webhooks import TOPIC_SCOPES, ShopSubscription, address_error, topic_of

Payload = dict[str, Any]
MAX_CONCURRENT_EXPORTS = 5
MAX_QUERY_BYTES = 65_535
MAX_CONNECTIONS = 5
MAX_CONNECTION_DEPTH = 2


# Webhooks


def create_subscription(_root: object, info: Info, **args: Any) -> Payload:
    """Create a subscription."""
    shop, given, topic = info.context.shop, args["webhookSubscription"], args["topic"]
    info.context.fail_if_faulty(topic)
    scopes = TOPIC_SCOPES.get(topic_of(topic).partition("/")[0], ())
    if scopes and not set(scopes) & set(shop.access.scopes):
        message = "You cannot create a webhook subscription with the specified topic"
        return _refused(["webhookSubscription", "topic"], message)
    uri = given.get("uri") or given.get("callbackUrl") or ""
    wrong = _address_error(info.context, uri, topic)
    if wrong:
        return _refused(["webhookSubscription", "callbackUrl"], wrong)
    wrong = _name_error(info.context, given.get("name"))
    if wrong:
        return _refused(["webhookSubscription", "name"], wrong)
    at = whole_seconds(shop.now())
    made = ShopSubscription(
        id=shop.next_id("WebhookSubscription"), topic=topic, uri=uri, created_at=at, updated_at=at
    )
    _apply_input(made, given)
    shop.webhooks.subscriptions[made.id] = made
    return {"webhookSubscription": made, "userErrors": []}


def update_subscription(_root: object, info: Info, **args: Any) -> Payload:
    """Change a subscription."""
    shop, given = info.context.shop, args["webhookSubscription"]
    found = shop.webhooks.subscriptions.get(number_of(args["id"], "WebhookSubscription") or 0)
    if found is None:
        return _refused(["id"], "Webhook subscription does not exist")
    uri = given.get("uri") or given.get("callbackUrl") or found.uri
    message = _address_error(info.context, uri, found.topic, other_than=found.id)
    if message:
        return _refused(["webhookSubscription", "callbackUrl"], message)
    message = _name_error(info.context, given.get("name"), other_than=found.id)
    if message:
        return _refused(["webhookSubscription", "name"], message)
    found.uri, found.updated_at = uri, whole_seconds(shop.now())
    _apply_input(found, given)
    return {"webhookSubscription": found, "userErrors": []}


def delete_subscription(_root: object, info: Info, **args: Any) -> Payload:
    """Delete a subscription."""
    number = number_of(args["id"], "WebhookSubscription") or 0
    if info.context.shop.webhooks.subscriptions.pop(number, None) is None:
        return _refused(["id"], "Webhook subscription does not exist")
    return {"deletedWebhookSubscriptionId": args["id"], "userErrors": []}


def _address_error(
    context: RequestContext, uri: str, topic: str, other_than: int = 0
) -> str | None:
    message = address_error(uri, allow_http=context.shop.allow_http)
    if message:
        return message
    others = context.shop.webhooks.subscriptions.values()
    if any(x.topic == topic and x.uri == uri and x.id != other_than for x in others):
        return "Address for this topic has already been taken"
    return None


def _name_error(context: RequestContext, name: str | None, other_than: int = 0) -> str | None:
    """Return what is wrong with a name: up to 50 letters, digits, `_` and `-`, once in a shop."""
    if name is None:
        return None
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,50}", name):
        return "Name is invalid"
    others = context.shop.webhooks.subscriptions.values()
    if any(each.name == name and each.id != other_than for each in others):
        return "Name has already been taken"
    return None


def _apply_input(subscription: ShopSubscription, given: Payload) -> None:
    subscription.format = given.get("format") or subscription.format
    subscription.filter = given.get("filter", subscription.filter)
    subscription.include_fields = given.get("includeFields") or subscription.include_fields
    subscription.name = given.get("name", subscription.name)


def _refused(field: list[str] | None, message: str, code: str | None = None) -> Payload:
    return {"userErrors": [{"field": field, "message": message, "code": code}]}


# Exports


def start_bulk_query(_root: object, info: Info, **args: Any) -> Payload:
    """Start an export."""
    shop, query = info.context.shop, args["query"]
    shop.advance()
    message = bulk_error(info.schema, query)
    if message:
        return _refused(["query"], message, "INVALID")
    running = shop.running()
    if len(running) >= MAX_CONCURRENT_EXPORTS:
        gids = ", ".join(f"gid://shopify/BulkOperation/{each.id}" for each in running)
        message = f"A bulk query operation for this app and shop is already in progress: {gids}."
        return _refused(None, message, "OPERATION_IN_PROGRESS")
    return {"bulkOperation": shop.start_bulk_operation(query), "userErrors": []}


def cancel_bulk_query(_root: object, info: Info, **args: Any) -> Payload:
    """Cancel an export; it stops a little later."""
    shop = info.context.shop
    found = shop.exports.get(number_of(args["id"], "BulkOperation") or 0)
    if found is None:
        return _refused(["id"], "Bulk operation does not exist")
    if found not in shop.running():
        message = f"A bulk operation cannot be canceled when it is {found.status.lower()}"
        return _refused(None, message) | {"bulkOperation": found}
    found.status = "CANCELING"
    return {"bulkOperation": found, "userErrors": []}


def bulk_error(schema: GraphQLSchema, text: str) -> str | None:
    """Return why a query cannot be exported, if it cannot."""
    if len(text.encode()) > MAX_QUERY_BYTES:
        return f"The query is longer than {MAX_QUERY_BYTES} bytes."
    try:
        document = parse(text)
    except GraphQLSyntaxError as wrong:
        return f"Invalid bulk query: {wrong.message}"
    return _operation_error(document) or _shape_error(schema, document)


def _operation_error(document: DocumentNode) -> str | None:
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if len(operations) != 1 or operations[0].operation is not OperationType.QUERY:
        return "Invalid bulk query: only one query operation is supported."
    for field in operations[0].selection_set.selections:
        if isinstance(field, FieldNode) and field.name.value in {"node", "nodes"}:
            return f"Invalid bulk query: top-level field '{field.name.value}' is not allowed."
    return None


def _shape_error(schema: GraphQLSchema, document: DocumentNode) -> str | None:
    errors = validate(schema, document)
    if errors:
        return f"Invalid bulk query: {errors[0].message}"
    shape = _QueryShape()
    operation = document.definitions[0]
    shape.walk(operation, schema.query_type, 0, in_list=False)
    if not shape.connections:
        return "Bulk queries must contain at least one connection."
    if shape.connections > MAX_CONNECTIONS:
        return f"Bulk queries cannot contain more than {MAX_CONNECTIONS} connections."
    return shape.error


class _QueryShape:
    """What an export's query looks like."""

    def __init__(self) -> None:
        self.connections = 0
        self.error: str | None = None

    def walk(self, node: Any, type_: Any, depth: int, *, in_list: bool) -> bool:
        """Walk a selection; return whether it has a connection somewhere."""
        found = False
        for field in node.selection_set.selections if node.selection_set else ():
            if isinstance(field, InlineFragmentNode):
                found |= self.walk(field, type_, depth, in_list=in_list)
            elif isinstance(field, FieldNode) and isinstance(type_, GraphQLObjectType):
                found |= self._field(field, type_, depth, in_list=in_list)
        return found

    def _field(
        self, field: FieldNode, type_: GraphQLObjectType, depth: int, *, in_list: bool
    ) -> bool:
        definition = type_.fields.get(field.name.value)
        if definition is None:
            return False
        inner = get_named_type(definition.type)
        if inner.name.endswith("Connection"):
            self._connection(field, inner, depth + 1, in_list=in_list)
            return True
        listed = in_list or (_is_list(definition.type) and field.name.value != "edges")
        return self.walk(field, inner, depth, in_list=listed)

    def _connection(self, field: FieldNode, inner: Any, depth: int, *, in_list: bool) -> None:
        self.connections += 1
        if depth > MAX_CONNECTION_DEPTH:
            self.error = f"Bulk queries cannot nest deeper than {MAX_CONNECTION_DEPTH} connections."
        if in_list:
            self.error = "Queries that contain a connection field within a list are not supported."
        node = _inner_type(_inner_type(field, "edges"), "node")
        if node is None or _inner_type(field, "nodes") is not None:
            self.error = "Bulk queries must select `edges { node { … } }` of each connection."
            return
        of = get_named_type(inner.fields["nodes"].type)
        if not any(each.name == "Node" for each in of.interfaces):
            self.error = f"Connections must implement the Node interface, {of.name} does not."
        nested = self.walk(node, of, depth, in_list=False)
        if nested and not _has_plain_id(node):
            self.error = "The parent 'node' field for a nested connection must select the 'id'."


def _inner_type(field: FieldNode | None, name: str) -> FieldNode | None:
    if field is None or field.selection_set is None:
        return None
    inner = (x for x in field.selection_set.selections if isinstance(x, FieldNode))
    return next((each for each in inner if each.name.value == name), None)


def _has_plain_id(node: FieldNode) -> bool:
    found = _inner_type(node, "id")
    return found is not None and found.alias is None


def _is_list(type_: Any) -> bool:
    bare = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return isinstance(bare, GraphQLList)


MUTATIONS: dict[str, Callable[..., Payload]] = {
    "webhookSubscriptionCreate": create_subscription,
    "webhookSubscriptionUpdate": update_subscription,
    "webhookSubscriptionDelete": delete_subscription,
    "bulkOperationRunQuery": start_bulk_query,
    "bulkOperationCancel": cancel_bulk_query,
}
