"""What is stored as JSON, as values: the one place where one becomes the other.

A value is a frozen dataclass of the domain, or a `msgspec.Struct`. What an earlier Tipo stored is
read, too: a field that it did not know has its default, one that is no more is passed over. What no
Tipo has stored is an `UnreadableValue`: the caller says what becomes of that one value.
"""

import json
from typing import Any, TypeVar

import msgspec

from sync_core.errors import UnreadableValue, cut

T = TypeVar("T")


def to_plain(value: object) -> Any:
    """Return a value as what JSON knows."""
    return msgspec.to_builtins(value, str_keys=True)


def from_plain(plain: object, kind: type[T]) -> T:
    """Return the value that is stored.

    Raises:
        UnreadableValue: If it is no value of that kind.
    """
    try:
        return msgspec.convert(plain, kind, strict=False, str_keys=True)
    except msgspec.ValidationError as exc:
        raise UnreadableValue(cut(str(exc))) from exc


def to_json(value: object) -> str:
    """Return a value as a text."""
    return json.dumps(to_plain(value))


def from_json(stored: str, kind: type[T]) -> T:
    """Return the value that a text holds.

    Raises:
        UnreadableValue: If it is no JSON, or no value of that kind.
    """
    try:
        plain = json.loads(stored)
    except ValueError as exc:
        raise UnreadableValue(cut(str(exc))) from exc
    return from_plain(plain, kind)


def from_row(row: object, kind: type[T]) -> T:
    """Return the value that a row is, whose columns are called as its fields are.

    Raises:
        UnreadableValue: If it is no value of that kind.
    """
    try:
        return msgspec.convert(row, kind, from_attributes=True)
    except msgspec.ValidationError as exc:
        raise UnreadableValue(cut(str(exc))) from exc
