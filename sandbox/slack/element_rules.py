"""What blocks contain: texts, options, buttons, menus, inputs, pictures, rich text."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.slack.limits import MAX, MIN
from sandbox.slack.rules import (
    Problem,
    Rule,
    at_least_one,
    bad,
    boolean,
    exactly_one,
    json_object,
    like,
    list_of,
    number,
    one_of,
    string,
    typed,
)

TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
ID: Rule = string(MAX["action_id"], 1)
ANY = string(MAX["text"], 0)


def text(most: int, *kinds: str) -> Rule:
    """Expect a text object of one of the kinds."""
    body = string(most, MIN["text"])
    rules = {
        "plain_text": json_object({"text": body}, {"emoji": boolean}),
        "mrkdwn": json_object({"text": body}, {"verbatim": boolean}),
    }
    return typed({kind: rules[kind] for kind in kinds or tuple(rules)})


def plain(key: str) -> Rule:
    """Expect plain text of the length that the key names."""
    return text(MAX[key], "plain_text")


CONFIRM = json_object(
    {
        "title": plain("confirmation.title"),
        "text": text(MAX["confirmation.text"]),
        "confirm": plain("confirmation.confirm"),
        "deny": plain("confirmation.deny"),
    },
    {"style": one_of(("primary", "danger"))},
)
FILE_LINK = json_object(
    {}, {"id": string(255, 1), "url": string(3000, 1)}, exactly_one("id", "url")
)
IMAGE = json_object(
    {"alt_text": string(MAX["image_element.alt_text"], 1)},
    {"image_url": string(MAX["image_element.image_url"], 1), "slack_file": FILE_LINK},
    exactly_one("image_url", "slack_file"),
)


def _option(kind: Rule, *, url: bool = False) -> Rule:
    more = {"url": string(MAX["option.url"])} if url else {}
    return json_object(
        {"text": kind, "value": string(MAX["option.value"], 1)},
        {"description": text(MAX["option.description"]), **more},
    )


PLAIN_OPTION = _option(plain("option.text"))
RICH_OPTION = _option(text(MAX["option.text"]))
_GROUP = json_object(
    {
        "label": plain("option_group.label"),
        "options": list_of(PLAIN_OPTION, MAX["option_group.options"], MIN["option_group.options"]),
    },
    {},
)
_OPTIONS: Mapping[str, Rule] = {
    "options": list_of(PLAIN_OPTION, MAX["select.options"], MIN["select.options"]),
    "option_groups": list_of(_GROUP, MAX["select.option_groups"], MIN["select.option_groups"]),
}
_FOCUS: Mapping[str, Rule] = {"action_id": ID, "focus_on_load": boolean}
_FILTER = json_object(
    {},
    {
        "include": list_of(
            one_of(("im", "mpim", "private", "public")), 4, MIN["conversation_filter.include"]
        ),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
    at_least_one("include", "exclude_external_shared_channels", "exclude_bot_users"),
)
_DISPATCH = json_object(
    {
        "trigger_actions_on": list_of(
            one_of(("on_enter_pressed", "on_character_entered")),
            MAX["dispatch_action_configuration.trigger_actions_on"],
            MIN["dispatch_action_configuration.trigger_actions_on"],
        )
    },
    {},
)


def options_of(element: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an element's options, those of groups as well."""
    groups = element.get("option_groups") or []
    return [*(element.get("options") or []), *(o for group in groups for o in group["options"])]


def _initial(value: Any, at: str) -> Iterator[Problem]:
    """Expect that what is chosen at first is among the options."""
    options = options_of(value)
    chosen = list(value.get("initial_options") or [])
    if "initial_option" in value:
        chosen.append(value["initial_option"])
    for option in chosen:
        if option not in options:
            yield bad(at, "initial_option", "initial option must exactly match one of the options")
    values = [option["value"] for option in options]
    if len(set(values)) != len(values):
        yield bad(at, "duplicate_value", "options must have unique values")


def _select(*, many: bool, own: Mapping[str, Rule], more: tuple[Rule, ...] = ()) -> Rule:
    choosing: dict[str, Rule] = {
        "placeholder": plain("select.placeholder"),
        "confirm": CONFIRM,
        **_FOCUS,
        **own,
    }
    if many:
        choosing["max_selected_items"] = number(MIN["multi_select.max_selected_items"])
    return json_object({}, choosing, *more)


def _selects(*, many: bool) -> dict[str, Rule]:
    start, end = ("multi_", "s") if many else ("", "")

    def first(name: str, rule: Rule) -> dict[str, Rule]:
        return {f"initial_{name}{end}": list_of(rule, 100) if many else rule}

    chosen = first("option", PLAIN_OPTION)
    query = {"min_query_length": number(MIN["select.min_query_length"])}
    static = (exactly_one("options", "option_groups"), _initial)
    of_talks: dict[str, Rule] = {
        "default_to_current_conversation": boolean,
        "filter": _FILTER,
        "response_url_enabled": boolean,
        **first("conversation", ID),
    }
    own: dict[str, dict[str, Rule]] = {
        "external": {**query, **chosen},
        "users": first("user", ID),
        "conversations": of_talks,
        "channels": {"response_url_enabled": boolean, **first("channel", ID)},
    }
    made = {f"{start}{name}_select": _select(many=many, own=each) for name, each in own.items()}
    made[f"{start}static_select"] = _select(many=many, own={**_OPTIONS, **chosen}, more=static)
    return made


def _choices(kind: str) -> Rule:
    first = "initial_option" if kind == "radio_buttons" else "initial_options"
    option = RICH_OPTION
    listed_most = MAX[f"{kind}.options"]
    return json_object(
        {"options": list_of(option, listed_most, MIN[f"{kind}.options"])},
        {first: option if first == "initial_option" else list_of(option, listed_most, 1)}
        | {"confirm": CONFIRM, **_FOCUS},
        _initial,
    )


def _button(value: Any, at: str) -> Iterator[Problem]:
    if "style" in value and value["style"] == "default":
        yield bad(f"{at}/style", "enum", "leave style out for the default")


BUTTON = json_object(
    {"text": plain("button.text")},
    {
        "action_id": ID,
        "url": string(MAX["button.url"], 1),
        "value": string(MAX["button.value"], 1),
        "style": one_of(("primary", "danger", "default")),
        "confirm": CONFIRM,
        "accessibility_label": string(MAX["button.accessibility_label"], 1),
    },
    _button,
)
_FEEDBACK = json_object(
    {"text": plain("feedback_button.text"), "value": string(MAX["feedback_button.value"], 1)},
    {"accessibility_label": string(MAX["feedback_button.accessibility_label"], 1)},
)
_ICON_BUTTON = json_object(
    {"icon": one_of(("trash",)), "text": plain("button.text")},
    {
        "action_id": ID,
        "value": string(MAX["icon_button.value"], 1),
        "accessibility_label": string(MAX["icon_button.accessibility_label"], 1),
        "visible_to_user_ids": list_of(ID, MAX["icon_button.visible_to_user_ids"]),
        "confirm": CONFIRM,
    },
)
_OVERFLOW = json_object(
    {
        "options": list_of(
            _option(plain("option.text"), url=True),
            MAX["overflow.options"],
            MIN["overflow.options"],
        )
    },
    {"action_id": ID, "confirm": CONFIRM},
)


def _picker(placeholder: str | None, **own: Rule) -> Rule:
    words = {"placeholder": plain(placeholder)} if placeholder else {}
    return json_object({}, {**words, "confirm": CONFIRM, **_FOCUS, **own})


def _typing(placeholder: str, **own: Rule) -> Rule:
    shared = {"placeholder": plain(placeholder), "dispatch_action_config": _DISPATCH, **_FOCUS}
    return json_object({}, {**shared, **own})


MENUS: Mapping[str, Rule] = {
    **_selects(many=False),
    **_selects(many=True),
    "checkboxes": _choices("checkboxes"),
    "radio_buttons": _choices("radio_buttons"),
    "datepicker": _picker("date_picker.placeholder", initial_date=like(DATE, "YYYY-MM-DD")),
    "timepicker": _picker(
        "time_picker.placeholder", initial_time=like(TIME, "HH:mm"), timezone=string(255, 1)
    ),
    "datetimepicker": _picker(None, initial_date_time=number(0)),
}
ACTIONS: Mapping[str, Rule] = {**MENUS, "button": BUTTON, "overflow": _OVERFLOW}
ACCESSORIES: Mapping[str, Rule] = {**ACTIONS, "image": IMAGE}
_SHORTEST = number(MIN["plain_text_input.min_length"], MAX["plain_text_input.min_length"])
_LONGEST = number(MIN["plain_text_input.max_length"], MAX["plain_text_input.max_length"])
INPUTS: Mapping[str, Rule] = {
    **MENUS,
    "plain_text_input": _typing(
        "plain_text_input.placeholder",
        initial_value=string(MAX["plain_text_input.max_length"]),
        multiline=boolean,
        min_length=_SHORTEST,
        max_length=_LONGEST,
    ),
    "number_input": json_object(
        {"is_decimal_allowed": boolean},
        {
            "placeholder": plain("number_input.placeholder"),
            "dispatch_action_config": _DISPATCH,
            "initial_value": ANY,
            "min_value": ANY,
            "max_value": ANY,
            **_FOCUS,
        },
    ),
    "email_text_input": _typing("email_input.placeholder", initial_value=ANY),
    "url_text_input": _typing("url_input.placeholder", initial_value=ANY),
    "file_input": json_object(
        {},
        {
            "action_id": ID,
            "filetypes": list_of(string(255, 1), 100),
            "max_files": number(MIN["file_input.max_files"], MAX["file_input.max_files"]),
        },
    ),
}
CONTEXT_ACTIONS: Mapping[str, Rule] = {
    "feedback_buttons": json_object(
        {"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, {"action_id": ID}
    ),
    "icon_button": _ICON_BUTTON,
}
