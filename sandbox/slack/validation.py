"""Check whole messages and views: each block, the surface, and what counts over all of them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.slack.block_rules import RULES
from sandbox.slack.block_tree import nested, own, texts
from sandbox.slack.element_rules import plain
from sandbox.slack.limits import MAX, SURFACES
from sandbox.slack.rules import (
    Problem,
    bad,
    boolean,
    json_object,
    list_of,
    not_one_of,
    string,
    too_long,
    too_many,
    typed,
    wrong_type,
)
from sandbox.slack.table_rules import content

_TABLES = ("table", "data_table")
ONE_TABLE = "only_one_table_allowed"


def check_blocks(blocks: object, surface: str, at: str = "/blocks") -> list[Problem]:
    """Return all that is wrong with the blocks of a message, a modal or a Home."""
    if not isinstance(blocks, list):
        return [wrong_type(at, "array")]
    problems = list(_each(blocks, surface, at))
    most = MAX["message.blocks" if surface == "message" else "view.blocks"]
    if len(blocks) > most:
        problems.append(too_many(at, most))
    if problems:
        return problems
    return list(_together(blocks, at))


def _each(blocks: list[Any], surface: str, at: str) -> Iterator[Problem]:
    for index, block in enumerate(blocks):
        here = f"{at}/{index}"
        kind = block.get("type") if isinstance(block, dict) else None
        if isinstance(kind, str) and kind in RULES and kind not in SURFACES[surface]:
            yield not_one_of(f"{here}/type", SURFACES[surface], kind)
        else:
            yield from typed(RULES)(block, here)
        if kind == "task_card" and block.get("status") == "pending":
            yield bad(f"{here}/status", "enum", "a task card alone must not be pending")


def _together(blocks: list[dict[str, Any]], at: str) -> Iterator[Problem]:
    yield from _unique_ids(blocks, at)
    everything = list(nested(blocks))
    charts = sum(block["type"] == "data_visualization" for block in everything)
    if charts > MAX["message.data_visualizations"]:
        message = f"no more than {MAX['message.data_visualizations']} data_visualization blocks"
        yield bad(at, "max_items", message)
    for kind, key in (("table", "table.content"), ("data_table", "data_table.total_content")):
        if sum(content(block) for block in everything if block["type"] == kind) > MAX[key]:
            yield too_long(at, MAX[key])
    markdown = sum(len(block["text"]) for block in everything if block["type"] == "markdown")
    if markdown > MAX["markdown.total_text"]:
        yield too_long(at, MAX["markdown.total_text"])


def too_many_tables(blocks: list[dict[str, Any]]) -> bool:
    """Whether a message holds more tables than the one that Slack takes, nested ones counted."""
    return sum(block.get("type") in _TABLES for block in nested(blocks)) > MAX["message.tables"]


def _unique_ids(blocks: list[dict[str, Any]], at: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for block in nested(blocks):
        name = block.get("block_id")
        if name in seen:
            yield bad(at, "duplicate_block_id", f"block_id already exists: {name}")
        elif name:
            seen.add(name)


def content_of(blocks: list[dict[str, Any]]) -> int:
    """Return how many characters a message's blocks hold, tables apart."""
    return sum(
        len(words)
        for block in nested(blocks)
        if block.get("type") not in _TABLES
        for words in texts(own(block))
    )


_VIEW = {
    "private_metadata": string(MAX["view.private_metadata"]),
    "callback_id": string(MAX["view.callback_id"]),
    "external_id": string(MAX["view.external_id"]),
}


def _blocks(value: Any, at: str) -> Iterator[Problem]:
    """Leave blocks to `check_blocks`, which knows the surface."""
    del value, at
    yield from ()


_MODAL = json_object(
    {"title": plain("view.title"), "blocks": _blocks},
    {
        **_VIEW,
        "close": plain("view.close"),
        "submit": plain("view.submit"),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
    },
)
_HOME = json_object({"blocks": _blocks}, _VIEW)


def check_view(view: object, at: str = "/view") -> list[Problem]:
    """Return all that is wrong with a modal or a Home."""
    problems = list(typed({"modal": _MODAL, "home": _HOME})(view, at))
    if problems or not isinstance(view, dict):
        return problems
    problems = check_blocks(view["blocks"], view["type"], f"{at}/blocks")
    inputs = not problems and any(block["type"] == "input" for block in nested(view["blocks"]))
    if view["type"] == "modal" and inputs and "submit" not in view:
        problems.append(bad(at, "required", "submit is required when an input is in the blocks"))
    return problems


def view_too_large(view: object) -> bool:
    """Whether a view weighs more than Slack takes."""
    return len(json.dumps(view, ensure_ascii=False).encode()) > MAX["view.bytes"]


def check_attachments(attachments: object) -> list[Problem]:
    """Return what is wrong with a message's attachments, and the blocks in them."""
    at = "/attachments"

    def rule(value: Any, here: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield wrong_type(here, "object")
        elif "blocks" in value:
            yield from check_blocks(value["blocks"], "message", f"{here}/blocks")

    return list(list_of(rule, MAX["message.attachments"])(attachments, at))
