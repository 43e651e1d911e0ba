"""Walk through messages and views with Slack's limits, as slackblocks has them.

`Block.parse` of slack_sdk misses table rows and characters, long options, doubled ids, surfaces
and what counts over a whole message: that is what this is for.
"""

import json
import re
from collections import Counter

from slackblocks import _limits as limits
from slackblocks import _surfaces as surfaces

CHARACTERS = 10_000  # in all tables of a message
VIEW_BYTES = 250_000
SERIES = 6  # the lower of what sources say
NO_SDK = {"data_visualization", "data_table"}  # slack_sdk knows no class for these


def problems(blocks, surface="message"):
    """Return all that Slack would not take."""
    return [*_each(blocks, surface), *_all(blocks, surface)]


def view_problems(view):
    """Return all that Slack would not take of a modal or a Home."""
    kind = view["type"]
    found = problems(view["blocks"], kind)
    texts = {"title": limits.VIEW_TITLE_MAX_LENGTH, "submit": limits.VIEW_SUBMIT_MAX_LENGTH}
    for name, most in {**texts, "close": limits.VIEW_CLOSE_MAX_LENGTH}.items():
        if name in view:
            found += _text(view[name], most, f"view {name}")
    metadata = view.get("private_metadata", "")
    if len(metadata) > limits.VIEW_PRIVATE_METADATA_MAX_LENGTH:
        found.append("private_metadata")
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        found.append("the view weighs too much")
    if kind == "modal" and any(b["type"] == "input" for b in view["blocks"]):
        found += [] if "submit" in view else ["inputs without submit"]
    return found


def _all(blocks, surface):
    """Yield what counts over all blocks."""
    most = limits.MESSAGE_BLOCKS_MAX_ITEMS if surface == "message" else limits.VIEW_BLOCKS_MAX_ITEMS
    if not 1 <= len(blocks) <= most:
        yield f"{len(blocks)} blocks"
    twice = [
        k for k, n in Counter(b["block_id"] for b in blocks if "block_id" in b).items() if n > 1
    ]
    yield from (f"block_id {each} twice" for each in twice)
    if sum(b["type"] == "data_visualization" for b in blocks) > 2:
        yield "too many charts"
    tables = [b for b in blocks if b["type"] in {"table", "data_table"}]
    cells = [c for b in tables for row in b["rows"] for c in row]
    if sum(len(_words(cell)) for cell in cells) > CHARACTERS:
        yield "too many characters in tables"


def _words(cell):
    if "text" in cell:
        return cell["text"]
    return "".join(
        e.get("text", e.get("fallback", "")) for s in cell["elements"] for e in s["elements"]
    )


def _each(blocks, surface):
    for block in blocks:
        if block["type"] not in surfaces._BLOCK_TYPES_BY_SURFACE[surface]:
            yield f"{block['type']} on {surface}"
        if len(block.get("block_id", "x")) not in range(1, limits.BLOCK_ID_MAX_LENGTH + 1):
            yield "block_id"
        yield from RULES[block["type"]](block)


def _text(text, most, where):
    if text["type"] not in {"plain_text", "mrkdwn"} or not 1 <= len(text["text"]) <= most:
        yield f"{where}: {len(text['text'])} characters"


def _section(block):
    yield from _text(block["text"], limits.SECTION_TEXT_MAX_LENGTH, "section")
    if "accessory" in block:
        yield from _element(block["accessory"])


def _header(block):
    yield from _text(block["text"], limits.HEADER_TEXT_MAX_LENGTH, "header")


def _context(block):
    if not 1 <= len(block["elements"]) <= limits.CONTEXT_ELEMENTS_MAX_ITEMS:
        yield "context elements"
    for each in block["elements"]:
        yield from _text(each, limits.TEXT_MAX_LENGTH, "context")


def _actions(block):
    elements = block["elements"]
    if not 1 <= len(elements) <= limits.ACTIONS_ELEMENTS_MAX_ITEMS:
        yield "actions elements"
    if len({each["action_id"] for each in elements}) != len(elements):
        yield "an action_id twice in one actions block"
    for each in elements:
        yield from _element(each)


def _input(block):
    yield from _text(block["label"], limits.INPUT_LABEL_MAX_LENGTH, "label")
    if "hint" in block:
        yield from _text(block["hint"], limits.INPUT_HINT_MAX_LENGTH, "hint")
    yield from _element(block["element"])


def _element(element):
    if len(element["action_id"]) > limits.ACTION_ID_MAX_LENGTH:
        yield "action_id"
    match element["type"]:
        case "button":
            yield from _button(element)
        case "static_select" | "multi_static_select":
            yield from _select(element)
        case "timepicker" | "multi_users_select":
            yield from _picker(element)
        case "radio_buttons" | "checkboxes":
            if not 1 <= len(element["options"]) <= limits.CHECKBOXES_OPTIONS_MAX_ITEMS:
                yield f"{len(element['options'])} options"
            for option in element["options"]:
                yield from _option(option)
        case "plain_text_input":
            if element.get("max_length", 1) > limits.PLAIN_TEXT_INPUT_MAX_LENGTH_MAX:
                yield "max_length"
        case "number_input":
            low, high = int(element["min_value"]), int(element["max_value"])
            if not low <= int(element.get("initial_value", low)) <= high:
                yield "initial_value"
        case other:
            yield f"element {other}"


def _button(button):
    yield from _text(button["text"], limits.BUTTON_TEXT_MAX_LENGTH, "button")
    if len(button.get("value", "")) > limits.BUTTON_VALUE_MAX_LENGTH:
        yield "button value"
    label = button.get("accessibility_label", "x")
    if not 1 <= len(label) <= limits.BUTTON_ACCESSIBILITY_LABEL_MAX_LENGTH:
        yield "accessibility_label"
    if "confirm" in button:
        most = {
            "title": limits.CONFIRMATION_TITLE_MAX_LENGTH,
            "text": limits.CONFIRMATION_TEXT_MAX_LENGTH,
            "confirm": limits.CONFIRMATION_CONFIRM_MAX_LENGTH,
            "deny": limits.CONFIRMATION_DENY_MAX_LENGTH,
        }
        for name, length in most.items():
            yield from _text(button["confirm"][name], length, f"confirm {name}")


def _picker(picker):
    yield from _text(picker["placeholder"], limits.SELECT_PLACEHOLDER_MAX_LENGTH, "placeholder")
    if not re.fullmatch(r"[0-2]\d:[0-5]\d", picker.get("initial_time", "00:00")):
        yield "initial_time"
    people = picker.get("initial_users", [])
    if len(people) > 100 or not all(re.fullmatch("[UW][A-Z0-9]+", each) for each in people):
        yield "initial_users"


def _select(select):
    yield from _text(select["placeholder"], limits.SELECT_PLACEHOLDER_MAX_LENGTH, "placeholder")
    groups = select.get("option_groups", [{"options": select.get("options", [])}])
    if not 1 <= len(groups) <= limits.SELECT_OPTION_GROUPS_MAX_ITEMS:
        yield "option groups"
    options = []
    for group in groups:
        options += group["options"]
        if not 1 <= len(group["options"]) <= limits.SELECT_OPTIONS_MAX_ITEMS:
            yield f"{len(group['options'])} options"
    for option in options:
        yield from _option(option)
    if "initial_option" in select and select["initial_option"] not in options:
        yield "initial_option is no option"
    if len({option["value"] for option in options}) != len(options):
        yield "an option's value twice"


def _option(option):
    yield from _text(option["text"], limits.OPTION_TEXT_MAX_LENGTH, "option")
    if len(option["value"]) > limits.OPTION_VALUE_MAX_LENGTH:
        yield "option value"
    if "description" in option:
        yield from _text(option["description"], limits.OPTION_DESCRIPTION_MAX_LENGTH, "description")


def _table(block):
    rows = block["rows"]
    if not 1 <= len(rows) <= limits.TABLE_ROWS_MAX_ITEMS:
        yield f"{len(rows)} rows"
    if any(len(row) != len(rows[0]) or len(row) > limits.TABLE_COLUMNS_MAX_ITEMS for row in rows):
        yield "columns"
    if any(not _words(cell) for row in rows for cell in row):
        yield "an empty cell"
    if len(block.get("column_settings", [])) > limits.TABLE_COLUMN_SETTINGS_MAX_ITEMS:
        yield "column settings"


def _data_table(block):
    yield from _table({"rows": block["rows"][:-1]})  # a header, and as many rows as a table
    if not 1 <= len(block["caption"]) <= limits.SECTION_TEXT_MAX_LENGTH:
        yield "caption"
    if len(block["rows"]) < limits.DATA_TABLE_ROWS_MIN_ITEMS:
        yield "no rows"
    if not 1 <= block["page_size"] <= limits.DATA_TABLE_PAGE_SIZE_MAX:
        yield "page_size"
    if any(cell["type"] == "rich_text" for cell in block["rows"][0]):
        yield "rich text in the header"


def _rich_text(block):
    for part in block["elements"]:
        sections = part["elements"] if part["type"] == "rich_text_list" else [part]
        if not sections:
            yield "an empty list"
        for each in sections:
            words = sum(len(e.get("text", "")) for e in each["elements"])
            if not each["elements"] or words > limits.TEXT_MAX_LENGTH:
                yield f"rich text: {words} characters"
            if any(e["type"] == "text" and not e["text"] for e in each["elements"]):
                yield "an empty text"


def _chart(block):
    if len(block["title"]) > limits.DATA_VISUALIZATION_TITLE_MAX_LENGTH:
        yield "chart title"
    chart = block["chart"]
    categories = chart["axis_config"]["categories"]
    if not 1 <= len(categories) <= limits.DATA_VISUALIZATION_CATEGORIES_MAX_ITEMS:
        yield "categories"
    if not 1 <= len(chart["series"]) <= SERIES:
        yield "series"
    names = [each["name"] for each in chart["series"]]
    if len(set(names)) != len(names):
        yield "series names"
    if any(len(each) > limits.DATA_VISUALIZATION_SERIES_NAME_MAX_LENGTH for each in names):
        yield "series name"
    if any([p["label"] for p in each["data"]] != categories for each in chart["series"]):
        yield "points and categories"


RULES = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "input": _input,
    "divider": lambda _: [],
    "table": _table,
    "data_table": _data_table,
    "rich_text": _rich_text,
    "data_visualization": _chart,
}

# A page of a store's admin is all that a message may lead to, besides our own messages.
PAGE = r"https://admin\.shopify\.com/store/[a-z0-9-]+(?:/(?:products|orders)/\d+)?"
OURS = re.compile(
    r"<#C1>|<@U0[A-Z0-9]*>|<!subteam\^S0[A-Z0-9]*>|<!date\^\d+\^[^<>|]*\|[^<>|]*>"
    rf"|<{PAGE}\|[^<>]*>"
)


def strings(thing):
    """Yield every text that Slack parses."""
    if isinstance(thing, dict):
        if thing.get("type") == "mrkdwn":
            yield thing["text"]
        for value in thing.values():
            yield from strings(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from strings(value)


def pings(text, blocks):
    """Return what somebody's data could make Slack do: mentions, links, channels."""
    parsed = [text, *strings(blocks)]
    left = [OURS.sub("", each) for each in parsed]
    found = [each for each in left if "<" in each or ">" in each]
    found += [
        each
        for each in _elements(blocks)
        if each["type"] in {"link", "broadcast", "channel"}
        if each["type"] != "link" or not re.fullmatch(PAGE, each["url"])
        if each.get("channel_id") != "C1"
    ]
    ids = [e["user_id"] for e in _elements(blocks) if e["type"] == "user"]
    return found + [each for each in ids if not each.startswith("U0")]


def _elements(thing):
    if isinstance(thing, dict):
        if isinstance(thing.get("type"), str):
            yield thing
        for value in thing.values():
            yield from _elements(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from _elements(value)
