"""The fields of what Slack sends, each of the type that Slack gives it; else it is odd."""

from collections.abc import Mapping
from typing import Any

from sync_core.domain.texts import storable

MAX_ID_CHARS = 255

Json = Mapping[str, Any]
EMPTY: Json = {}


class OddField(ValueError):
    """A field is there, and of another type than Slack's."""


def first(*words: str) -> str:
    """Return the first that is there; all of them have been looked at."""
    return next(filter(None, words), "")


def map_in(found: Json, name: str) -> Json:
    """Return an object in another; an empty one if it is not there."""
    return as_map(found.get(name), name)


def list_in(found: Json, name: str) -> list[Any]:
    """Return a list in an object; an empty one if it is not there."""
    value = found.get(name) or []
    if not isinstance(value, list):
        raise OddField(f"{name} is no list")
    return value


def as_map(value: Any, name: str) -> Json:
    """Return an object; an empty one for nothing."""
    if value is not None and not isinstance(value, Mapping):
        raise OddField(f"{name} is no object")
    return EMPTY if value is None else value


def word_in(found: Json, name: str) -> str:
    """Return a text in an object, as it can be stored; empty if it is not there."""
    value = found.get(name)
    if value is not None and not isinstance(value, str):
        raise OddField(f"{name} is no text")
    return storable(value or "")


def id_in(found: Json, name: str) -> str:
    """Return a text that may be an id."""
    value = word_in(found, name)
    if len(value) > MAX_ID_CHARS:
        raise OddField(f"{name} is too long")
    return value
