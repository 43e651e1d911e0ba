"""The blocks, one rule each; `RULES` has them all."""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.slack.element_rules import (
    ACCESSORIES,
    ACTIONS,
    BUTTON,
    CONTEXT_ACTIONS,
    FILE_LINK,
    IMAGE,
    INPUTS,
    plain,
    text,
)
from sandbox.slack.limits import CONTAINED, MAX, MIN
from sandbox.slack.rich_text_rules import RICH_TEXT
from sandbox.slack.rules import (
    Problem,
    Rule,
    at_least_one,
    bad,
    boolean,
    exactly_one,
    json_object,
    list_of,
    one_of,
    string,
    typed,
)
from sandbox.slack.table_rules import DATA_TABLE, DATA_VISUALIZATION, TABLE

BLOCK_ID: Mapping[str, Rule] = {"block_id": string(MAX["block_id"], 1)}


def block(needed: Mapping[str, Rule], optional: Mapping[str, Rule], *more: Rule) -> Rule:
    """Expect a block with these fields."""
    return json_object(needed, {**optional, **BLOCK_ID}, *more)


def unique_actions(value: Any, at: str) -> Iterator[Problem]:
    """Expect no `action_id` twice."""
    ids = [each["action_id"] for each in value["elements"] if "action_id" in each]
    for index, each in enumerate(ids):
        if each in ids[:index]:
            yield bad(f"{at}/elements", "duplicate_action_id", f"duplicate action_id: {each}")


def _video(most: str) -> Rule:
    return string(MAX[f"video.{most}"], 1)


_CARD = block(
    {},
    {
        "hero_image": typed({"image": IMAGE}),
        "icon": typed({"image": IMAGE}),
        "title": text(MAX["card.title"]),
        "subtitle": text(MAX["card.subtitle"]),
        "body": text(MAX["card.body"]),
        "subtext": text(MAX["card.subtext"]),
        "actions": list_of(typed({"button": BUTTON}), MAX["card.actions"], 1),
    },
    at_least_one("hero_image", "title", "actions", "body"),
)
_RICH = typed({"rich_text": RICH_TEXT})
_TASK = block(
    {
        "task_id": string(255, 1),
        "title": string(MAX["text"], 1),
        "status": one_of(("pending", "in_progress", "complete", "error")),
    },
    {
        "details": _RICH,
        "output": _RICH,
        "sources": list_of(
            typed({"url": json_object({"url": string(3000, 1), "text": string(3000, 1)}, {})}), 100
        ),
    },
)


def _unique_tasks(value: Any, at: str) -> Iterator[Problem]:
    ids = [task["task_id"] for task in value.get("tasks") or []]
    if len(set(ids)) != len(ids):
        yield bad(f"{at}/tasks", "duplicate_task_id", "task ids must be unique within a plan")


def _collapsing(value: Any, at: str) -> Iterator[Problem]:
    if value.get("default_collapsed") and not value.get("is_collapsible"):
        yield bad(f"{at}/default_collapsed", "needs", "default_collapsed needs is_collapsible")
    if value.get("has_header_divider") and value.get("is_collapsible"):
        yield bad(f"{at}/has_header_divider", "excludes", "only without is_collapsible")


_SIMPLE: Mapping[str, Rule] = {
    "section": block(
        {},
        {
            "text": text(MAX["section.text"]),
            "fields": list_of(text(MAX["section.fields.item"]), MAX["section.fields"], 1),
            "accessory": typed(ACCESSORIES),
            "expand": boolean,
        },
        at_least_one("text", "fields"),
    ),
    "header": block({"text": plain("header.text")}, {}),
    "divider": block({}, {}),
    "context": block(
        {
            "elements": list_of(
                typed({"image": IMAGE, "mrkdwn": text(3000, "mrkdwn"), "plain_text": text(3000)}),
                MAX["context.elements"],
                1,
            )
        },
        {},
    ),
    "actions": block(
        {"elements": list_of(typed(ACTIONS), MAX["actions.elements"], 1)}, {}, unique_actions
    ),
    "image": block(
        {"alt_text": string(MAX["image.alt_text"], 1)},
        {
            "image_url": string(MAX["image.image_url"], 1),
            "slack_file": FILE_LINK,
            "title": plain("image.title"),
        },
        exactly_one("image_url", "slack_file"),
    ),
    "input": block(
        {"label": plain("input.label"), "element": typed(INPUTS)},
        {"hint": plain("input.hint"), "optional": boolean, "dispatch_action": boolean},
    ),
    "rich_text": RICH_TEXT,
    "file": block({"external_id": string(255, 1), "source": one_of(("remote",))}, {}),
    "video": block(
        {
            "alt_text": _video("alt_text"),
            "title": plain("video.title"),
            "thumbnail_url": _video("thumbnail_url"),
            "video_url": _video("video_url"),
        },
        {
            "title_url": _video("title_url"),
            "description": plain("video.description"),
            "provider_icon_url": _video("provider_icon_url"),
            "provider_name": _video("provider_name"),
            "author_name": _video("author_name"),
        },
    ),
    "markdown": block({"text": string(MAX["markdown.text"], 1)}, {}),
    "table": TABLE,
    "data_table": DATA_TABLE,
    "data_visualization": DATA_VISUALIZATION,
}
_CONTAINER = block(
    {
        "child_blocks": list_of(
            typed({kind: _SIMPLE[kind] for kind in CONTAINED}),
            MAX["container.child_blocks"],
            MIN["container.child_blocks"],
        )
    },
    {
        "title": plain("container.title"),
        "rich_text_title": _RICH,
        "subtitle": text(MAX["container.subtitle"]),
        "icon": typed({"image": IMAGE}),
        "width": one_of(("narrow", "standard", "wide", "full")),
        "is_collapsible": boolean,
        "default_collapsed": boolean,
        "has_header_divider": boolean,
    },
    exactly_one("title", "rich_text_title"),
    _collapsing,
)
RULES: Mapping[str, Rule] = {
    **_SIMPLE,
    "container": _CONTAINER,
    "card": _CARD,
    "carousel": block(
        {
            "elements": list_of(
                typed({"card": _CARD}), MAX["carousel.elements"], MIN["carousel.elements"]
            )
        },
        {},
    ),
    "alert": block(
        {"text": text(MAX["alert.text"])},
        {"level": one_of(("default", "info", "warning", "error", "success"))},
    ),
    "plan": block(
        {"title": string(MAX["text"], 1)},
        {"tasks": list_of(typed({"task_card": _TASK}), MAX["plan.tasks"])},
        _unique_tasks,
    ),
    "task_card": _TASK,
    "context_actions": block(
        {"elements": list_of(typed(CONTEXT_ACTIONS), MAX["context_actions.elements"], 1)},
        {},
        unique_actions,
    ),
}
