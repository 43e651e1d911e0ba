"""Search words, and pages."""

import base64
import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from graphql import GraphQLError

MAX_PAGE_SIZE = 250
_TERM = re.compile(r"""(\w+):(>=|<=|>|<|=)?("[^"]*"|'[^']*'|\S+)""")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "": operator.eq,
}
Fields = Mapping[str, Callable[[Any], object]]


def refuse(message: str, code: str = "BAD_REQUEST", **more: object) -> NoReturn:
    """Raise a top-level error."""
    raise GraphQLError(message, extensions={"code": code, **more})


def search(things: Iterable[Any], query: str | None, fields: Fields, warn: list[Any]) -> list[Any]:
    """Keep what a query matches. An unknown word matches everything, and is warned of."""
    kept = list(things)
    for word, sign, quoted in _TERM.findall(query or ""):
        if word not in fields:
            message = "Invalid search field for this query."
            warn.append({"field": word, "message": message, "code": "invalid_field"})
            continue
        kept = [each for each in kept if _matches(fields[word](each), sign, quoted.strip("\"'"))]
    return kept


def _matches(value: object, sign: str, wanted: str) -> bool:
    if isinstance(value, tuple):
        return any(_matches(each, sign, wanted) for each in value)
    compare = _COMPARE[sign]
    if isinstance(value, datetime):
        moment = datetime.fromisoformat(wanted)
        return compare(value, moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if isinstance(value, int) and not isinstance(value, bool):
        return compare(value, int(wanted.rpartition("/")[2]))
    return compare(str(value).lower(), wanted.lower())


@dataclass(frozen=True, slots=True)
class PageEdge:
    """One thing on a page."""

    cursor: str
    node: Any


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """A connection."""

    edges: list[PageEdge]
    has_next_page: bool
    has_previous_page: bool

    @property
    def nodes(self) -> list[Any]:
        """The things themselves."""
        return [edge.node for edge in self.edges]

    @property
    def page_info(self) -> "ConnectionPage":
        """The page's own account of itself."""
        return self

    @property
    def start_cursor(self) -> str | None:
        """Where it begins."""
        return self.edges[0].cursor if self.edges else None

    @property
    def end_cursor(self) -> str | None:
        """Where to go on."""
        return self.edges[-1].cursor if self.edges else None


def page(
    things: Iterable[Any],
    key: Callable[[Any], list[Any]],
    *,
    first: int | None,
    after: str | None = None,
    reverse: bool = False,
) -> ConnectionPage:
    """Cut a page out of things; its cursor survives that things come and go."""
    rows = sorted(((key(each), each) for each in things), key=lambda row: row[0], reverse=reverse)
    if after:
        mark = _position(after)
        rows = [row for row in rows if (row[0] < mark if reverse else row[0] > mark)]
    shown_rows = rows[:first]
    edges = [PageEdge(_cursor(position), thing) for position, thing in shown_rows]
    return ConnectionPage(edges, len(shown_rows) < len(rows), bool(after))


def check_first(first: int | None) -> int:
    """Return a page's size, or refuse it."""
    if first is None:
        refuse("you must provide one of first or last")
    if not 0 < first <= MAX_PAGE_SIZE:
        refuse(
            f"The 'first' argument must be between 1 and {MAX_PAGE_SIZE}.",
            "INVALID_FIELD_ARGUMENTS",
        )
    return first


def _cursor(position: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def _position(cursor: str) -> list[Any]:
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor))
    except ValueError:
        position = None
    if not isinstance(position, list):
        refuse("Invalid cursor for current pagination sort.", "INVALID_CURSOR")
    return position
