"""Connections: what is found, searched, sorted, and cut into pages."""

from collections.abc import Callable, Iterable
from typing import Any

from sandbox.models import ShopLevel
from sandbox.request_context import Info, RequestContext
from sandbox.search import ConnectionPage, Fields, page, search

Resolver = Callable[..., Any]
Args = dict[str, Any]


def by_id(thing: Any) -> list[Any]:
    """Sort by id."""
    return [thing.number if isinstance(thing, ShopLevel) else thing.id]


def by_update(thing: Any) -> list[Any]:
    """Sort by the time of the last change."""
    return [thing.updated_at.isoformat(), thing.id]


def resolve_connection(
    info: Info,
    things: Iterable[Any],
    args: Args,
    fields: Fields | None = None,
    key: Callable[[Any], list[Any]] = by_id,
) -> ConnectionPage:
    """Answer a connection: search, sort, cut."""
    context: RequestContext = info.context
    first = context.first(args.get("first"))
    kept = search(things, args.get("query"), fields, context.warnings) if fields else things
    reverse, after = args.get("reverse", False), None if context.bulk else args.get("after")
    found = page(kept, key, first=first, after=after, reverse=reverse)
    if info.path.prev is None or info.path.prev.prev is None:
        context.asked += first or 0
        context.served += len(found.edges)
    return found
