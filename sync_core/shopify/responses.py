"""Say what an HTTP answer means.

    HTTP status           top-level error code              meaning
    --------------------  --------------------------------  -----------------------------------
    3xx, 430              -                                 NotSent: try again later
    401, 402, 403, 423    SHOP_INACTIVE                     AccessLost
    -                     ACCESS_DENIED                     NotPermitted, a kind of AccessLost
    404                   -                                 WrongShop: nobody is at that address
    429                   THROTTLED                         Throttled
    408, 5xx, odd         INTERNAL_SERVER_ERROR, unknown    NoAnswer: it may have happened
    other 4xx             MAX_COST_EXCEEDED and bad asking  Refused
    200, but not JSON     -                                 NoAnswer: cut off on the way
    200                   none, but no data                 NoAnswer

Looked at in this order: status, top-level errors, the errors of a mutation, its data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from sync_core.domain.values import MAX_QUANTITY
from sync_core.errors import (
    AccessLost,
    BatchRefused,
    KeyMisused,
    KeySpent,
    NoAnswer,
    NotPermitted,
    NotSent,
    Refused,
    RowsRefused,
    StillRunning,
    StoreError,
    Throttled,
    WrongShop,
    cut,
)
from sync_core.ports import Budget
from sync_core.shopify.documents import MAX_ROWS
from sync_core.shopify.fields import as_number, as_text, as_time, date_header, decode_json

MIN_WAIT_SECONDS, MAX_WAIT_SECONDS = 1.0, 300.0  # seconds; a store may say what it likes

_CLIENT_ERROR_CODES = {
    "BAD_REQUEST",
    "INVALID_FIELD_ARGUMENTS",
    "INVALID_VARIABLE",
    "PARSE_ERROR",
    "RESOURCE_NOT_FOUND",
}
_ACCESS_LOST_STATUSES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "Shopify rejected Tipo's access token (401)",
    HTTPStatus.PAYMENT_REQUIRED: "Shopify has frozen the store: its bill is unpaid (402)",
    HTTPStatus.FORBIDDEN: "Shopify doesn't allow the app to do this (403)",
    HTTPStatus.LOCKED: "Shopify has locked the store (423)",
}
HTTP_SECURITY_REJECTION = 430  # Shopify's own: taken for an attack


class QueryTooCostly(Refused):
    """One request asked for more points than a request may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """What came back over HTTP. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def date(self) -> datetime | None:
        """The store's clock."""
        return date_header(self.headers.get("date"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphqlError:
    """One top-level error."""

    code: str
    message: str
    depth: int  # of its path

    def __str__(self) -> str:
        return cut(f"{self.code}: {self.message}" if self.code else self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphqlResponse:
    """An answer that is GraphQL."""

    data: Mapping[str, Any] | None
    errors: tuple[GraphqlError, ...]
    requested_cost: float | None  # points that the request may have cost
    budget: Budget | None
    warnings: tuple[str, ...]  # of searches

    @property
    def is_throttled(self) -> bool:
        """Whether the store's budget was too small for it."""
        return any(each.code == "THROTTLED" for each in self.errors)

    @property
    def wait(self) -> float:
        """Seconds until the store can afford this request."""
        if self.budget is None or self.requested_cost is None:
            return 2 * MIN_WAIT_SECONDS
        return _bounded((self.requested_cost - self.budget.available) / self.budget.restore)


def parse_response(response: HttpResponse) -> GraphqlResponse:
    """Return the GraphQL of an answer.

    Raises:
        StoreError: It has none; which error, says the table above.
    """
    if response.status != HTTPStatus.OK:
        raise _error_by_status(response)
    try:
        body = decode_json(response.body)
    except ValueError as exc:
        raise NoAnswer("the answer is not JSON, or was cut off") from exc
    if not isinstance(body, dict):
        raise NoAnswer("the answer is no GraphQL")
    data = body.get("data")
    extensions = _as_mapping(body.get("extensions"))
    cost = _as_mapping(extensions.get("cost"))
    return GraphqlResponse(
        data=data if isinstance(data, dict) else None,
        errors=_graphql_errors(body.get("errors")),
        requested_cost=as_number(cost.get("requestedQueryCost")),
        budget=_budget(_as_mapping(cost.get("throttleStatus"))),
        warnings=_warnings(extensions.get("search")),
    )


def data_of(given: GraphqlResponse) -> Mapping[str, Any]:
    """Return the data of an answer without a single error.

    Raises:
        StoreError: There is an error; partial data is no data.
    """
    if given.errors:
        raise _error_by_code(given)
    if given.data is None:
        raise NoAnswer("the answer has neither data nor errors")
    return given.data


def adjusted_at(given: GraphqlResponse, deltas: tuple[int, ...], fallback: datetime) -> datetime:
    """Return when an Adjust was written, by the store's clock.

    Raises:
        StoreError: It was not, or nobody knows.
    """
    payload = _as_mapping((given.data or {}).get("inventoryAdjustQuantities"))
    group = _as_mapping(payload.get("inventoryAdjustmentGroup"))
    time = as_time(group.get("createdAt"))
    # An error below the payload concerns a field that we asked to see: the writing was done.
    if any(each.depth <= 1 for each in given.errors) or (given.errors and time is None):
        raise _error_by_code(given)
    nothing = payload.get("inventoryAdjustmentGroup", "absent") is None
    errors = payload.get("userErrors")
    if not isinstance(errors, list):
        raise NoAnswer("the answer to a writing says neither yes nor no")
    if errors:
        raise adjust_error(errors, rows=len(deltas))
    if time is None and not any(deltas) and nothing:
        return fallback  # nothing to write, nothing written
    if time is None:
        raise NoAnswer("the answer to a writing does not say when it was written")
    return time


def adjust_error(errors: list[Any], *, rows: int) -> StoreError:
    """Say what the user errors of an Adjust mean; in any case nothing was written.

        code                                         row    meaning
        -------------------------------------------  -----  ------------------------------------
        IDEMPOTENCY_KEY_PARAMETER_MISMATCH           any    KeyMisused
        IDEMPOTENCY_CONCURRENT_REQUEST               any    StillRunning
        IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED          any    KeySpent
        SERVICE_UNAVAILABLE                          any    KeySpent: later, under a new key
        ADJUST_QUANTITIES_FAILED                     none   KeySpent: later, under a new key
        any other, or null                           known  RowsRefused
        any other, or null                           none   BatchRefused

    A store that says "try again" has failed this attempt, and whether that uses up the key is not
    known: a new key is right either way, since the store has said that nothing was written.
    """
    found = [_user_error(each, rows) for each in errors]
    words = cut("; ".join(dict.fromkeys(why for _, _, why in found)))
    codes = {code for code, _, _ in found}
    for code, meaning in _IDEMPOTENCY_ERRORS.items():
        if code in codes:
            return meaning(words)
    reasons: dict[int, list[str]] = {}
    for _, row, why in found:
        if row is not None and why not in reasons.setdefault(row, []):
            reasons[row].append(why)
    if reasons:
        return RowsRefused({row: cut("; ".join(why)) for row, why in sorted(reasons.items())})
    return KeySpent(words) if "ADJUST_QUANTITIES_FAILED" in codes else BatchRefused(words)


_IDEMPOTENCY_ERRORS: dict[str, type[StoreError]] = {
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": KeyMisused,
    "IDEMPOTENCY_CONCURRENT_REQUEST": StillRunning,
    "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED": KeySpent,
    "SERVICE_UNAVAILABLE": KeySpent,
}


# What a store says of one level, and not of such questions: below zero it can't be set, for one.
_LEVEL_ERRORS = frozenset(
    {
        "INVALID_INVENTORY_ITEM",
        "INVALID_LOCATION",
        "INVALID_QUANTITY_NEGATIVE",
        "INVALID_QUANTITY_TOO_HIGH",
        "INVALID_QUANTITY_TOO_LOW",
        "NON_MUTABLE_INVENTORY_ITEM",
    }
)


def is_confirmed(payload: object) -> bool:
    """Return whether a level has the quantity that it was to be set to if it has it.

    Raises:
        Refused: The store does not answer such a question, of any level.
        StoreError: Nobody knows this time, or of this level.
    """
    words = user_error_text(payload)
    codes = {_user_error(each, 0)[0] for each in _as_mapping(payload).get("userErrors", ())}
    if codes & {*_IDEMPOTENCY_ERRORS, *_LEVEL_ERRORS}:
        raise NoAnswer(words)
    if codes - {"CHANGE_FROM_QUANTITY_STALE"}:
        raise Refused(words)
    return not codes


def user_error_text(payload: object) -> str:
    """Return the user errors of another mutation as one line; empty when there are none.

    Raises:
        NoAnswer: It does not say whether there are any.
    """
    errors = _as_mapping(payload).get("userErrors")
    if not isinstance(errors, list):
        raise NoAnswer("the answer says neither yes nor no")
    return cut("; ".join(_user_error(each, 0)[2] for each in errors))


def retry_after(response: HttpResponse) -> float:
    """Return the seconds that a store wants us to wait."""
    given = response.headers.get("retry-after", "")
    try:
        return _bounded(float(given))
    except ValueError:
        pass
    until = date_header(given)
    now = response.date
    return _bounded((until - now).total_seconds()) if until and now else 2 * MIN_WAIT_SECONDS


def _bounded(seconds: float) -> float:
    # Written so that NaN, too, becomes the shortest wait.
    return min(seconds, MAX_WAIT_SECONDS) if seconds > MIN_WAIT_SECONDS else MIN_WAIT_SECONDS


def _error_by_status(response: HttpResponse) -> StoreError:
    status = response.status
    known: dict[int, StoreError] = {
        HTTPStatus.NOT_FOUND: WrongShop("no shop answers at this address (404)"),
        HTTPStatus.REQUEST_TIMEOUT: NoAnswer("Shopify stopped waiting (408)"),
        HTTPStatus.TOO_MANY_REQUESTS: Throttled(
            "too many requests (429)", wait=retry_after(response)
        ),
        HTTP_SECURITY_REJECTION: NotSent("Shopify took the request for an attack (430)"),
    }
    if status in known:
        return known[status]
    if status in _ACCESS_LOST_STATUSES:
        return AccessLost(_with_reason(_ACCESS_LOST_STATUSES[status], response))
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return NotSent(f"the store sends us elsewhere ({status}), and we do not follow")
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(_with_reason(f"Shopify refused the request ({status})", response))
    return NoAnswer(f"the store answered {status}")


def _with_reason(why: str, response: HttpResponse) -> str:
    try:
        body = decode_json(response.body)
    except ValueError:
        return why  # most often a page for people
    errors = _as_mapping(body).get("errors")
    return f"{why}: {cut(errors)}" if isinstance(errors, str) else why


def _error_by_code(given: GraphqlResponse) -> StoreError:
    words = cut("; ".join(map(str, given.errors)))
    codes = {each.code for each in given.errors}
    if "INTERNAL_SERVER_ERROR" in codes:
        return NoAnswer(words)
    if "THROTTLED" in codes:
        return Throttled(words, wait=given.wait)
    if "SHOP_INACTIVE" in codes:
        return AccessLost(words)
    if "ACCESS_DENIED" in codes:
        return NotPermitted(words)
    if codes == {"MAX_COST_EXCEEDED"}:
        return QueryTooCostly(words)
    return Refused(words) if all(map(_is_client_error, given.errors)) else NoAnswer(words)


def _is_client_error(error: GraphqlError) -> bool:
    # A validation error has a code in camel case: undefinedField, argumentLiteralsIncompatible.
    camel = error.code.isidentifier() and error.code[0].islower()
    return error.code in _CLIENT_ERROR_CODES or error.code == "MAX_COST_EXCEEDED" or camel


def _graphql_errors(errors: object) -> tuple[GraphqlError, ...]:
    if not errors:
        return ()
    return tuple(map(_graphql_error, errors if isinstance(errors, list) else [errors]))


def _graphql_error(error: object) -> GraphqlError:
    given = _as_mapping(error)
    path = given.get("path")
    return GraphqlError(
        code=as_text(_as_mapping(given.get("extensions")).get("code")),
        message=as_text(given.get("message")) or as_text(error) or "an error without words",
        depth=len(path) if isinstance(path, list) else 0,
    )


def _budget(status: Mapping[str, Any]) -> Budget | None:
    available = _points(status.get("currentlyAvailable"))
    maximum = as_number(status.get("maximumAvailable"))
    restore = as_number(status.get("restoreRate"))
    if available is None or not maximum or not restore:
        return None
    return Budget(available=available, maximum=maximum, restore=restore)


def _points(value: object) -> float | None:
    # A bucket in debt is an empty one.
    if isinstance(value, int | float) and not isinstance(value, bool) and -MAX_QUANTITY < value < 0:
        return 0.0
    return as_number(value)


def _warnings(search: object) -> tuple[str, ...]:
    found: list[str] = []
    for each in search if isinstance(search, list) else ():
        given = _as_mapping(each).get("warnings")
        for warning in given if isinstance(given, list) else ():
            code = as_text(_as_mapping(warning).get("code"))
            found.append(cut(f"{code}: {as_text(_as_mapping(warning).get('message'))}"))
    return tuple(found)


def _row_number(digits: str, rows: int) -> int | None:
    """Return which row a path names; None if it names none of ours."""
    known = digits.isdigit() and len(digits) <= len(str(MAX_ROWS))
    return int(digits) if known and int(digits) < rows else None


def _user_error(error: object, rows: int) -> tuple[str, int | None, str]:
    given = _as_mapping(error)
    code, message = as_text(given.get("code")), as_text(given.get("message"))
    path = given.get("field")
    steps = [str(each) for each in path] if isinstance(path, list) else []
    numbers = (each for each in steps if each.isascii() and each.isdigit())
    row = _row_number(next(numbers, ""), rows)
    why = ": ".join(filter(None, (code, message))) or "an error without words"
    return code, row, cut(why)


def _as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
