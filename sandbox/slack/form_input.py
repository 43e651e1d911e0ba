"""What people choose and type, in Slack's shape; and what Slack's window would not let them do."""

from collections.abc import Mapping
from typing import Any

from sandbox.slack.block_tree import elements
from sandbox.slack.element_rules import TIME, options_of

PoolDecision = dict[str, Any]
_ONE: Mapping[str, str] = {
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
}
_MANY: Mapping[str, str] = {
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
}
_OPTION = frozenset({"static_select", "external_select", "radio_buttons", "overflow"})
_OPTIONS = frozenset({"multi_static_select", "multi_external_select", "checkboxes"})
_HOLDS = frozenset({*_ONE, *_MANY, *_OPTION, *_OPTIONS}) - {"overflow"}


class ImpossibleAction(Exception):
    """This is impossible in Slack's window: no such button, not visible, input missing."""


def field_of(kind: str) -> str:
    """Return the field in which Slack sends an element's value."""
    if kind in _OPTION:
        return "selected_option"
    if kind in _OPTIONS:
        return "selected_options"
    name = _ONE.get(kind) or _MANY.get(kind)
    if name is None:
        raise ImpossibleAction(f"nothing can be entered in a {kind}")
    return name


def entered(element: Mapping[str, Any], value: Any) -> PoolDecision:
    """Return the state of an element into which a person has put a value."""
    kind = element["type"]
    name = field_of(kind)
    if kind in _OPTION:
        value = None if value is None else _option(element, value)
    elif kind in _OPTIONS:
        value = _at_most(element, [_option(element, each) for each in value or []])
    elif kind in _MANY:
        value = _at_most(element, list(value or []))
    elif kind == "timepicker" and value is not None and not TIME.fullmatch(value):
        raise ImpossibleAction(f"{value!r} is not a time that can be picked")
    elif isinstance(value, str):
        _fits(element, value)
    return {"type": kind, name: value}


def _at_most(element: Mapping[str, Any], chosen: list[Any]) -> list[Any]:
    most = element.get("max_selected_items", len(chosen))
    if len(chosen) > most:
        raise ImpossibleAction(f"at most {most} may be chosen, not {len(chosen)}")
    return chosen


def _option(element: Mapping[str, Any], value: str) -> dict[str, Any]:
    if element["type"].endswith("external_select"):
        return {"text": {"type": "plain_text", "text": value}, "value": value}
    for option in options_of(element):
        if value in {option["value"], option["text"]["text"]}:
            return option
    known = ", ".join(option["value"] for option in options_of(element))
    raise ImpossibleAction(f"there is no option {value!r}; there are: {known}")


def _fits(element: Mapping[str, Any], value: str) -> None:
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if value and not least <= len(value) <= most:
        raise ImpossibleAction(f"the text must have {least} to {most} characters, not {len(value)}")
    if element["type"] == "number_input" and value:
        _is_number(element, value)


def _is_number(element: Mapping[str, Any], value: str) -> None:
    try:
        number = float(value) if element["is_decimal_allowed"] else int(value)
    except ValueError as exc:
        raise ImpossibleAction(f"{value!r} is not a number that may be entered here") from exc
    low, high = element.get("min_value"), element.get("max_value")
    if (low is not None and number < float(low)) or (high is not None and number > float(high)):
        raise ImpossibleAction(f"{value} is not between {low} and {high}")


def untouched(element: Mapping[str, Any]) -> PoolDecision:
    """Return the state of an element as it was drawn."""
    name = field_of(element["type"])
    first = "initial_" + name.removeprefix("selected_")
    empty: Any = [] if name.endswith("options") or element["type"] in _MANY else None
    return {"type": element["type"], name: element.get(first, empty)}


def is_empty(chosen: PoolDecision) -> bool:
    """Whether nothing was entered."""
    return all(value in (None, "", []) for name, value in chosen.items() if name != "type")


def state_of(
    blocks: list[dict[str, Any]], touched: Mapping[str, Mapping[str, PoolDecision]]
) -> dict[str, dict[str, PoolDecision]]:
    """Return `state.values`: the value of each element that has one."""
    values: dict[str, dict[str, PoolDecision]] = {}
    for block, element in elements(blocks):
        if element["type"] not in _HOLDS:
            continue
        block_id, action_id = block["block_id"], element["action_id"]
        chosen = touched.get(block_id, {}).get(action_id) or untouched(element)
        values.setdefault(block_id, {})[action_id] = chosen
    return values


def find(
    blocks: list[dict[str, Any]], action_id: str, nth: int = 0, value: str | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the block and the element that a person means.

    Raises:
        Impossible: If there is none.
    """
    there = list(elements(blocks))
    found = [pair for pair in there if pair[1].get("action_id") == action_id]
    if value is not None:
        found = [pair for pair in found if pair[1].get("value") == value]
    if nth < len(found):
        return found[nth]
    known = ", ".join(str(element.get("action_id")) for _, element in there) or "none"
    raise ImpossibleAction(f"there is no {action_id!r} number {nth} to use; there are: {known}")


def filled(
    blocks: list[dict[str, Any]], values: Mapping[str, Any]
) -> dict[str, dict[str, PoolDecision]]:
    """Return what a person has entered, given by block: a value, or values by action.

    Raises:
        Impossible: If there is no such block, or the value does not fit.
    """
    done: dict[str, dict[str, PoolDecision]] = {}
    by_block: dict[str, list[dict[str, Any]]] = {}
    for block, element in elements(blocks):
        by_block.setdefault(block["block_id"], []).append(element)
    for block_id, value in values.items():
        if block_id not in by_block:
            raise ImpossibleAction(
                f"there is no input {block_id!r}; there are: {', '.join(by_block)}"
            )
        for element in by_block[block_id]:
            if not isinstance(value, Mapping):
                done.setdefault(block_id, {})[element["action_id"]] = entered(element, value)
            elif element["action_id"] in value:
                chosen = entered(element, value[element["action_id"]])
                done.setdefault(block_id, {})[element["action_id"]] = chosen
    return done


def require_all(
    blocks: list[dict[str, Any]], values: Mapping[str, Mapping[str, PoolDecision]]
) -> None:
    """Refuse to submit while a required input is empty.

    Raises:
        Impossible: If one is.
    """
    for block in blocks:
        if block["type"] != "input" or block.get("optional"):
            continue
        given = values.get(block["block_id"], {})
        if all(is_empty(chosen) for chosen in given.values()):
            raise ImpossibleAction(
                f"please fill out {block['label']['text']!r} ({block['block_id']})"
            )
