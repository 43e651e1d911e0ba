"""Blocks as plain text, the way a person would read them."""

from collections.abc import Callable, Iterator, Mapping
from textwrap import wrap
from typing import Any

from sandbox.slack.mrkdwn import NameLookup, displayed, show_date

LINE_WIDTH = 88
_BAR = 24
BlockRenderer = Callable[[dict[str, Any], NameLookup, int], list[str]]
_STATUS: Mapping[str, str] = {"pending": "…", "in_progress": "~", "complete": "x", "error": "!"}


def render_blocks(
    blocks: list[dict[str, Any]], name: NameLookup, width: int = LINE_WIDTH
) -> list[str]:
    """Return blocks as lines."""
    lines: list[str] = []
    for block in blocks:
        how = _BLOCKS.get(block.get("type", ""))
        lines += how(block, name, width) if how else [f"({block.get('type')})"]
    return lines


def flow(text: str, width: int) -> list[str]:
    """Return text in lines of at most so many characters; its own line breaks stay."""
    return [
        line
        for part in text.split("\n")
        for line in wrap(part, width, break_on_hyphens=False, drop_whitespace=True) or [""]
    ]


def words(text: Mapping[str, Any] | None, name: NameLookup) -> str:
    """Return a text object as it is read: plain text says just what it says."""
    if not text:
        return ""
    if text.get("type") == "mrkdwn":
        return displayed(text["text"], name)
    return str(text.get("text", ""))


def element(each: Mapping[str, Any], name: NameLookup) -> str:
    """Return something to use: a button as [Approve], a menu as [All v]."""
    match each:
        case {"type": "button" | "workflow_button" | "icon_button", "text": text}:
            return f"[{words(text, name)}]"
        case {"type": "image"}:
            return f"(picture: {each['alt_text']})"
        case {"type": "feedback_buttons"}:
            pair = (each["positive_button"], each["negative_button"])
            return " ".join(f"[{words(button['text'], name)}]" for button in pair)
        case {"type": "plain_text_input" | "number_input" | "email_text_input"}:
            inside = each.get("initial_value") or words(each.get("placeholder"), name)
            return f"[{inside or ' ':_<20}]"
    return _menu(each, name)


def _menu(each: Mapping[str, Any], name: NameLookup) -> str:
    match each:
        case {"type": "checkboxes" | "radio_buttons", "options": options}:
            chosen = [*each.get("initial_options", []), each.get("initial_option")]
            return "  ".join(_box(option, option in chosen, name) for option in options)
        case {"type": "overflow", "options": options}:
            return f"[⋯ {' | '.join(words(option['text'], name) for option in options)}]"
    return f"[{_chosen(each, name)} v]"


def _box(option: Mapping[str, Any], chosen: bool, name: NameLookup) -> str:  # noqa: FBT001
    return f"({'x' if chosen else ' '}) {words(option['text'], name)}"


def _chosen(each: Mapping[str, Any], name: NameLookup) -> str:
    if "initial_option" in each:
        return words(each["initial_option"]["text"], name)
    if "initial_options" in each:
        return ", ".join(words(option["text"], name) for option in each["initial_options"])
    for key in ("user", "conversation", "channel", "date", "time"):
        if value := each.get(f"initial_{key}"):
            return name(value) or str(value)
    return words(each.get("placeholder"), name) or str(each.get("type", ""))


def rich(value: Mapping[str, Any], name: NameLookup) -> str:
    """Return rich text as it is read; what pings is marked."""
    match value:
        case {"type": "rich_text_list", "elements": items}:
            marks = [
                f"{i}." if value["style"] == "ordered" else "•" for i in range(1, len(items) + 1)
            ]
            indent = "  " * value.get("indent", 0)
            pairs = zip(marks, items, strict=True)
            return "\n".join(f"{indent}{mark} {rich(item, name)}" for mark, item in pairs)
        case {"type": "rich_text_quote", "elements": parts}:
            return "> " + "".join(rich(part, name) for part in parts)
        case {"type": "rich_text", "elements": parts}:
            return "\n".join(rich(part, name).removesuffix("\n") for part in parts)
        case {"elements": parts}:
            return "".join(rich(part, name) for part in parts)
    return _part(value, name)


def _part(value: Mapping[str, Any], name: NameLookup) -> str:
    match value:
        case {"type": "link", "url": url}:
            return f"{value['text']} ({url})" if value.get("text") else str(url)
        case {"type": "user" | "channel" | "usergroup"}:
            return _mention(value, name)
        case {"type": "broadcast", "range": loud}:
            return f"[PING @{loud}]"
        case {"type": "emoji", "name": emoji}:
            return f":{emoji}:"
        case {"type": "date", "timestamp": at, "format": pattern}:
            return show_date(at, pattern)
    return str(value.get("text", ""))


def _mention(value: Mapping[str, Any], name: NameLookup) -> str:
    kind = value["type"]
    key = str(value[f"{kind}_id"])
    known = name(key) or key
    if kind == "usergroup":
        return f"[PING @{known}]"
    return f"{'#' if kind == 'channel' else '@'}{known}"


def cell(value: Mapping[str, Any], name: NameLookup) -> str:
    """Return a table's cell as one line."""
    if value["type"] == "rich_text":
        return rich(value, name).replace("\n", " ")
    return str(value.get("text", value.get("value", "")))


def columns(
    rows: list[list[str]], right: list[bool], width: int, *, header: bool = True
) -> list[str]:
    """Return rows as columns, the widest cut until the line fits."""
    count = max(map(len, rows))
    padded = [row + [""] * (count - len(row)) for row in rows]
    wide = [max(len(row[at]) for row in padded) for at in range(count)]
    while sum(wide) + 2 * (count - 1) > width and max(wide) > 4:  # noqa: PLR2004  "abc…"
        wide[wide.index(max(wide))] -= 1
    lines = [_row(row, wide, right) for row in padded]
    return [lines[0], "  ".join("-" * each for each in wide), *lines[1:]] if header else lines


def _row(row: list[str], wide: list[int], right: list[bool]) -> str:
    made = []
    for at, (text, size) in enumerate(zip(row, wide, strict=True)):
        cut = text if len(text) <= size else text[: size - 1] + "…"
        made.append(cut.rjust(size) if at < len(right) and right[at] else cut.ljust(size))
    return "  ".join(made).rstrip()


def _table(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    settings = block.get("column_settings") or []
    right = [bool(each) and each.get("align") == "right" for each in settings]
    if block["type"] == "data_table":
        right = [each["type"] == "raw_number" for each in block["rows"][1]]
    rows = [[cell(each, name) for each in row] for row in block["rows"]]
    caption = flow(block["caption"], width) if "caption" in block else []
    return [*caption, *columns(rows, right, width)]


def _chart(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    del name
    chart = block["chart"]
    if chart["type"] == "pie":
        points = [("", each["label"], each["value"]) for each in chart["segments"]]
    else:
        points = [
            (series["name"], each["label"], each["value"])
            for series in chart["series"]
            for each in series["data"]
        ]
    most = max([abs(value) for *_, value in points] + [1e-9])
    rows = [
        [series, label, f"{value:g}", "#" * round(_BAR * abs(value) / most)]
        for series, label, value in points
    ]
    if chart["type"] == "pie":
        rows = [row[1:] for row in rows]
    right = [each.lstrip("-").replace(".", "").isdigit() for each in rows[0]]
    drawn = columns(rows, right, width, header=False)
    return [f"{block['title']} ({chart['type']} chart)", *("  " + line for line in drawn)]


def _section(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    lines = flow(words(block.get("text"), name), width) if "text" in block else []
    fields = [words(each, name).replace("\n", " ") for each in block.get("fields") or []]
    lines += columns(_pairs(fields), [], width, header=False) if fields else []
    if "accessory" in block:
        lines.append(element(block["accessory"], name))
    return lines


def _pairs(fields: list[str]) -> list[list[str]]:
    return [fields[at : at + 2] for at in range(0, len(fields), 2)]


def _context(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    parts = [
        element(each, name) if each["type"] == "image" else words(each, name)
        for each in block["elements"]
    ]
    return flow("· " + " · ".join(parts), width)


def _actions(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    return flow(" ".join(element(each, name) for each in block["elements"]), width)


def _input(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    optional = " (optional)" if block.get("optional") else ""
    label = f"{words(block['label'], name)}{optional}: {element(block['element'], name)}"
    hint = flow(words(block["hint"], name), width) if "hint" in block else []
    return [*flow(label, width), *hint]


def boxed(title: str, lines: list[str], width: int = LINE_WIDTH) -> list[str]:
    """Return lines in a box with a title."""
    top = f"+-- {title} "
    body = [f"| {line}".rstrip() for line in lines]
    return [top + "-" * max(0, width - len(top)), *body, "+" + "-" * (width - 1)]


def _container(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    title = words(block.get("title"), name)
    if "rich_text_title" in block:
        title = rich(block["rich_text_title"], name)
    if block.get("subtitle"):
        title += f" — {words(block['subtitle'], name)}"
    if block.get("default_collapsed"):
        title += " (collapsed)"
    return boxed(title, render_blocks(block["child_blocks"], name, width - 2), width)


def _card(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    parts = [words(block.get(key), name) for key in ("subtitle", "body", "subtext")]
    lines = [line for part in parts if part for line in flow(part, width - 2)]
    if block.get("actions"):
        lines.append(" ".join(element(each, name) for each in block["actions"]))
    return boxed(words(block.get("title"), name), lines, width)


def _plan(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    tasks = [line for task in block.get("tasks", []) for line in _task(task, name, width)]
    return [*flow(block["title"], width), *tasks]


def _task(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    del name
    return flow(f"[{_STATUS[block['status']]}] {block['title']}", width)


def _alert(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    level = block.get("level", "default")
    return flow(f"({level}) {words(block['text'], name)}", width)


def _image(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    title = words(block.get("title"), name)
    return flow(f"(picture: {block['alt_text']}){' ' + title if title else ''}", width)


def _each_card(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    return [line for card in block["elements"] for line in _card(card, name, width)]


def _heading(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    return [f"## {line}" for line in flow(words(block["text"], name), width - 3)]


def _rule(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    del block, name
    return ["-" * min(width, 40)]


def _markdown(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    return flow(displayed(block["text"], name), width)


def _rich(block: dict[str, Any], name: NameLookup, width: int) -> list[str]:
    return flow(rich(block, name), width)


_BLOCKS: Mapping[str, BlockRenderer] = {
    "section": _section,
    "header": _heading,
    "divider": _rule,
    "context": _context,
    "actions": _actions,
    "context_actions": _actions,
    "input": _input,
    "image": _image,
    "markdown": _markdown,
    "rich_text": _rich,
    "table": _table,
    "data_table": _table,
    "data_visualization": _chart,
    "container": _container,
    "card": _card,
    "carousel": _each_card,
    "plan": _plan,
    "task_card": _task,
    "alert": _alert,
}


def each_line(
    blocks: list[dict[str, Any]], text: str, name: NameLookup, width: int
) -> Iterator[str]:
    """Yield a message's lines: its blocks, or its text if it has none."""
    yield from render_blocks(blocks, name, width) if blocks else flow(displayed(text, name), width)
