"""Buttons, menus and fields as HTML: what a person can use."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

Element = Mapping[str, Any]
FIELD_KINDS = {"number_input": 'inputmode="numeric"', "timepicker": 'type="time"'}


def element(each: Element, block: str = "", *, label: str = "", sends: bool = True) -> str:
    """Return something to use.

    Args:
        each: The element.
        block: The id of its block.
        label: What a screen reader says of it.
        sends: Whether the app learns of each change, and not only when a form is submitted.
    """
    about = _attributes(
        {
            "data-block": block,
            "data-action": each.get("action_id", ""),
            "data-kind": each["type"],
            "data-sends": "1" if sends else "",
        }
    )
    name = f'aria-label="{escape(label or _text(each.get("placeholder")) or "Choose")}"'
    match each["type"]:
        case "button":
            return _button(each, about)
        case "static_select":
            options = _options(each["options"], [each.get("initial_option")])
            empty = "" if "initial_option" in each else _empty(each)
            return f'<span class="sel"><select {about} {name}>{empty}{options}</select></span>'
        case "multi_static_select":
            options = _options(each["options"], each.get("initial_options", []))
            return f'<select multiple class="many" {about} {name}>{options}</select>'
        case "radio_buttons" | "checkboxes":
            return _boxes(each, about, name)
    return _field(each, about, name)


def _attributes(given: Mapping[str, str]) -> str:
    return " ".join(f'{key}="{escape(value)}"' for key, value in given.items() if value)


def _text(given: Element | None) -> str:
    return str((given or {}).get("text", ""))


def _button(each: Element, about: str) -> str:
    more = {"class": each.get("style", ""), "data-value": each.get("value", "")}
    if "confirm" in each:
        more["data-confirm"] = json.dumps(
            {key: _text(each["confirm"].get(key)) for key in ("title", "text", "confirm", "deny")}
        )
    words = escape(_text(each["text"]))
    return f'<button type="button" {about} {_attributes(more)}>{words}</button>'


def _empty(each: Element) -> str:
    return f'<option value="" selected>{escape(_text(each.get("placeholder")))}</option>'


def _options(options: Iterable[Element], chosen: Iterable[Element | None]) -> str:
    picked = [each["value"] for each in chosen if each]
    return "".join(
        f'<option value="{escape(each["value"])}"{" selected" if each["value"] in picked else ""}>'
        f"{escape(_text(each['text']))}</option>"
        for each in options
    )


def _boxes(each: Element, about: str, name: str) -> str:
    kind = "radio" if each["type"] == "radio_buttons" else "checkbox"
    chosen = [each.get("initial_option"), *each.get("initial_options", [])]
    picked = [one["value"] for one in chosen if one]
    lines = ""
    for one in each["options"]:
        more = f"<small>{escape(_text(one['description']))}</small>" if "description" in one else ""
        tick = " checked" if one["value"] in picked else ""
        group, value = escape(each.get("action_id", "")), escape(one["value"])
        box = f'<input type="{kind}" name="{group}" value="{value}"{tick}>'
        lines += f"<label>{box} <span>{escape(_text(one['text']))}{more}</span></label>"
    return f'<div class="boxes" role="group" {about} {name}>{lines}</div>'


def _field(each: Element, about: str, name: str) -> str:
    """Return something to type into; people are typed by their ids, of which there are few."""
    known = each.get("initial_value") or each.get("initial_time")
    value = escape(str(known or " ".join(each.get("initial_users", ()))))
    hint = escape(_text(each.get("placeholder")))
    if each.get("multiline"):
        return f'<textarea {about} {name} placeholder="{hint}">{value}</textarea>'
    kind = FIELD_KINDS.get(each["type"], 'type="text"')
    return f'<input class="field" {kind} {about} {name} value="{value}" placeholder="{hint}">'
