"""Bulk exports: run the query without limits, and write a line for each node.

Nodes of nested connections become lines of their own with `__parentId`; plain objects and lists
stay inside their line.
"""

from typing import Any

from graphql import execute_sync, parse

from sandbox.graphql_api import schema
from sandbox.request_context import RequestContext
from sandbox.shop_state import ShopBulkOperation, ShopState
from sandbox.webhook_bodies import text


def run(shop: ShopState, export: ShopBulkOperation) -> None:
    """Fill in an export's file and counts."""
    if export.error_code:
        return
    context = RequestContext(shop, shop.faults.lag(shop.rng), bulk=True)
    result = execute_sync(schema(), parse(export.query), context_value=context)
    if result.errors:
        codes = {(each.extensions or {}).get("code") for each in result.errors}
        export.error_code = "ACCESS_DENIED" if "ACCESS_DENIED" in codes else "INTERNAL_SERVER_ERROR"
        return
    lines: list[dict[str, Any]] = []
    for connection in (result.data or {}).values():
        for edge in connection["edges"]:
            _flatten(edge["node"], None, lines)
    export.object_count = len(lines)
    export.root_object_count = sum("__parentId" not in line for line in lines)
    export.file = b"".join(text(line) + b"\n" for line in lines)


def _flatten(node: dict[str, Any], parent: str | None, lines: list[dict[str, Any]]) -> None:
    children: list[dict[str, Any]] = []
    line = _strip(node, children)
    if parent is not None:
        line["__parentId"] = parent
    lines.append(line)
    for child in children:
        _flatten(child, node["id"], lines)


def _strip(thing: dict[str, Any], children: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a node without its connections, whose nodes go to the children."""
    plain: dict[str, Any] = {}
    for key, value in thing.items():
        if isinstance(value, dict) and "edges" in value:
            children.extend(edge["node"] for edge in value["edges"])
        elif isinstance(value, dict):
            plain[key] = _strip(value, children)
        else:
            plain[key] = value
    return plain
