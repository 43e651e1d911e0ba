"""What stands inside blocks: texts, options, buttons, menus, inputs, pictures, rich text."""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.slack.limits import LEAST, MOST
from sandbox.slack.schema import (
    Problem,
    Rule,
    at_least_one,
    bad,
    boolean,
    exactly_one,
    listed,
    number,
    one_of,
    string,
    thing,
    typed,
)

ID: Rule = string(MOST["action_id"], 1)
ANY = string(MOST["text"], 0)


def text(most: int, *kinds: str) -> Rule:
    """Expect a text object of one of the kinds."""
    body = string(most, LEAST["text"])
    rules = {
        "plain_text": thing({"text": body}, {"emoji": boolean}),
        "mrkdwn": thing({"text": body}, {"verbatim": boolean}),
    }
    return typed({kind: rules[kind] for kind in kinds or tuple(rules)})


def plain(key: str) -> Rule:
    """Expect plain text of the length that the key names."""
    return text(MOST[key], "plain_text")


CONFIRM = thing(
    {
        "title": plain("confirmation.title"),
        "text": text(MOST["confirmation.text"]),
        "confirm": plain("confirmation.confirm"),
        "deny": plain("confirmation.deny"),
    },
    {"style": one_of(("primary", "danger"))},
)
FILE_LINK = thing({}, {"id": string(255, 1), "url": string(3000, 1)}, exactly_one("id", "url"))
IMAGE = thing(
    {"alt_text": string(MOST["image_element.alt_text"], 1)},
    {"image_url": string(MOST["image_element.image_url"], 1), "slack_file": FILE_LINK},
    exactly_one("image_url", "slack_file"),
)


def _option(kind: Rule, *, url: bool = False) -> Rule:
    more = {"url": string(MOST["option.url"])} if url else {}
    return thing(
        {"text": kind, "value": string(MOST["option.value"], 1)},
        {"description": text(MOST["option.description"]), **more},
    )


PLAIN_OPTION = _option(plain("option.text"))
RICH_OPTION = _option(text(MOST["option.text"]))
_GROUP = thing(
    {
        "label": plain("option_group.label"),
        "options": listed(
            PLAIN_OPTION, MOST["option_group.options"], LEAST["option_group.options"]
        ),
    },
    {},
)
_OPTIONS: Mapping[str, Rule] = {
    "options": listed(PLAIN_OPTION, MOST["select.options"], LEAST["select.options"]),
    "option_groups": listed(_GROUP, MOST["select.option_groups"], LEAST["select.option_groups"]),
}
_FOCUS: Mapping[str, Rule] = {"action_id": ID, "focus_on_load": boolean}
_FILTER = thing(
    {},
    {
        "include": listed(
            one_of(("im", "mpim", "private", "public")), 4, LEAST["conversation_filter.include"]
        ),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
    at_least_one("include", "exclude_external_shared_channels", "exclude_bot_users"),
)
_DISPATCH = thing(
    {
        "trigger_actions_on": listed(
            one_of(("on_enter_pressed", "on_character_entered")),
            MOST["dispatch_action_configuration.trigger_actions_on"],
            LEAST["dispatch_action_configuration.trigger_actions_on"],
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
        choosing["max_selected_items"] = number(LEAST["multi_select.max_selected_items"])
    return thing({}, choosing, *more)


def _selects(*, many: bool) -> dict[str, Rule]:
    start, end = ("multi_", "s") if many else ("", "")

    def first(name: str, rule: Rule) -> dict[str, Rule]:
        return {f"initial_{name}{end}": listed(rule, 100) if many else rule}

    chosen = first("option", PLAIN_OPTION)
    query = {"min_query_length": number(LEAST["select.min_query_length"])}
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
    listed_most = MOST[f"{kind}.options"]
    return thing(
        {"options": listed(option, listed_most, LEAST[f"{kind}.options"])},
        {first: option if first == "initial_option" else listed(option, listed_most, 1)}
        | {"confirm": CONFIRM, **_FOCUS},
        _initial,
    )


def _button(value: Any, at: str) -> Iterator[Problem]:
    if "style" in value and value["style"] == "default":
        yield bad(f"{at}/style", "enum", "leave style out for the default")


BUTTON = thing(
    {"text": plain("button.text")},
    {
        "action_id": ID,
        "url": string(MOST["button.url"], 1),
        "value": string(MOST["button.value"], 1),
        "style": one_of(("primary", "danger", "default")),
        "confirm": CONFIRM,
        "accessibility_label": string(MOST["button.accessibility_label"], 1),
    },
    _button,
)
_FEEDBACK = thing(
    {"text": plain("feedback_button.text"), "value": string(MOST["feedback_button.value"], 1)},
    {"accessibility_label": string(MOST["feedback_button.accessibility_label"], 1)},
)
_ICON_BUTTON = thing(
    {"icon": one_of(("trash",)), "text": plain("button.text")},
    {
        "action_id": ID,
        "value": string(MOST["icon_button.value"], 1),
        "accessibility_label": string(MOST["icon_button.accessibility_label"], 1),
        "visible_to_user_ids": listed(ID, MOST["icon_button.visible_to_user_ids"]),
        "confirm": CONFIRM,
    },
)
_OVERFLOW = thing(
    {
        "options": listed(
            _option(plain("option.text"), url=True),
            MOST["overflow.options"],
            LEAST["overflow.options"],
        )
    },
    {"action_id": ID, "confirm": CONFIRM},
)


def _picker(placeholder: str | None, **own: Rule) -> Rule:
    words = {"placeholder": plain(placeholder)} if placeholder else {}
    return thing({}, {**words, "confirm": CONFIRM, **_FOCUS, **own})


def _typing(placeholder: str, **own: Rule) -> Rule:
    shared = {"placeholder": plain(placeholder), "dispatch_action_config": _DISPATCH, **_FOCUS}
    return thing({}, {**shared, **own})


MENUS: Mapping[str, Rule] = {
    **_selects(many=False),
    **_selects(many=True),
    "checkboxes": _choices("checkboxes"),
    "radio_buttons": _choices("radio_buttons"),
    "datepicker": _picker("date_picker.placeholder", initial_date=string(10, 10)),
    "timepicker": _picker(
        "time_picker.placeholder", initial_time=string(5, 5), timezone=string(255, 1)
    ),
    "datetimepicker": _picker(None, initial_date_time=number(0)),
}
ACTIONS: Mapping[str, Rule] = {**MENUS, "button": BUTTON, "overflow": _OVERFLOW}
ACCESSORIES: Mapping[str, Rule] = {**ACTIONS, "image": IMAGE}
_SHORTEST = number(LEAST["plain_text_input.min_length"], MOST["plain_text_input.min_length"])
_LONGEST = number(LEAST["plain_text_input.max_length"], MOST["plain_text_input.max_length"])
INPUTS: Mapping[str, Rule] = {
    **MENUS,
    "plain_text_input": _typing(
        "plain_text_input.placeholder",
        initial_value=string(MOST["plain_text_input.max_length"]),
        multiline=boolean,
        min_length=_SHORTEST,
        max_length=_LONGEST,
    ),
    "number_input": thing(
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
    "file_input": thing(
        {},
        {
            "action_id": ID,
            "filetypes": listed(string(255, 1), 100),
            "max_files": number(LEAST["file_input.max_files"], MOST["file_input.max_files"]),
        },
    ),
}
CONTEXT_ACTIONS: Mapping[str, Rule] = {
    "feedback_buttons": thing(
        {"positive_button": _FEEDBACK, "negative_button": _FEEDBACK}, {"action_id": ID}
    ),
    "icon_button": _ICON_BUTTON,
}
