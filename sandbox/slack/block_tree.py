"""Walk through blocks: every text, every element that a person can use."""

from collections.abc import Iterator, Mapping
from typing import Any

_NESTED = ("child_blocks", "tasks")


def texts(value: Any) -> Iterator[str]:
    """Yield every `text` string in a JSON value, in order."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == "text" and isinstance(each, str):
                yield each
            elif isinstance(each, (Mapping, list)):
                yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def _inside(block: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the fields that hold blocks."""
    yield from (name for name in _NESTED if name in block)
    if block.get("type") == "carousel":
        yield "elements"


def nested(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield blocks, and those inside containers, plans and carousels."""
    for block in blocks:
        yield block
        for name in _inside(block):
            yield from nested(block.get(name) or [])


def own(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block without the blocks inside it."""
    hidden = set(_inside(block))
    return {name: value for name, value in block.items() if name not in hidden}


def elements(blocks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each block with each element in it that a person can use."""
    for block in nested(blocks):
        found = [block.get("element"), block.get("accessory"), *(block.get("actions") or [])]
        if block.get("type") in {"actions", "context_actions"}:
            found += block.get("elements") or []
        for element in found:
            if isinstance(element, dict) and element.get("type") != "image":
                yield block, element
