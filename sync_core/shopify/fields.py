"""Small readings of what Shopify writes: gids, times, numbers. What is not exact is None.

Nothing here guesses: `true` is no number, `45.0` no quantity, a time without an offset no time.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from sync_core.domain.texts import storable_json
from sync_core.domain.values import MAX_QUANTITY

MAX_ID = 2**63 - 1


def decode_json(body: bytes) -> Any:
    """Return parsed JSON, its texts as we can store them.

    Raises:
        ValueError: It is not JSON, or nested too deeply to be any store's answer.
    """
    try:
        return msgspec.json.decode(storable_json(body))
    except (msgspec.DecodeError, RecursionError) as exc:
        raise ValueError("not JSON") from exc


def gid(kind: str, number: int) -> str:
    """Return a global id: gid://shopify/InventoryItem/5201."""
    return f"gid://shopify/{kind}/{number}"


def id_in_gid(text: object, kind: str) -> int | None:
    """Return the number at the end of a global id of that kind."""
    prefix = f"gid://shopify/{kind}/"
    if not isinstance(text, str) or not text.startswith(prefix):
        return None
    digits = text.removeprefix(prefix)
    if not digits.isascii() or not digits.isdigit() or len(digits) > len(str(MAX_ID)):
        return None
    return as_id(int(digits))


def as_id(value: object) -> int | None:
    """Return a bare id."""
    return value if type(value) is int and 0 < value <= MAX_ID else None


def as_quantity(value: object) -> int | None:
    """Return a quantity that a store can hold."""
    return value if type(value) is int and -MAX_QUANTITY <= value <= MAX_QUANTITY else None


def as_text(value: object) -> str:
    """Return a text; what is none is empty."""
    return value if isinstance(value, str) else ""


def as_number(value: object) -> float | None:
    """Return a finite number of points or seconds, not below zero."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= MAX_ID else None


def as_time(value: object) -> datetime | None:
    """Return a time with an offset as an aware one in UTC, in whole seconds."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC).replace(microsecond=0) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None


def date_header(value: str | None) -> datetime | None:
    """Return the time of an HTTP Date header."""
    if not value:
        return None
    try:
        time = parsedate_to_datetime(value)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
