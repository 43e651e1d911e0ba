"""Blocks as HTML, the way a person sees and uses them; `blocks.css` goes with it.

Each button, menu and field says what it is in `data-action`, `data-block` and `data-value`: a
page that listens can pass it to the app.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from sandbox.slack.block_text import words as plain
from sandbox.slack.chart_html import bar_chart
from sandbox.slack.element_html import element
from sandbox.slack.mrkdwn import TAG, NameLookup, displayed, show_date

Block = Mapping[str, Any]
EMOJI: Mapping[str, str] = {
    "rotating_light": "🚨",
    "warning": "⚠️",
    "information_source": "ℹ️",  # noqa: RUF001  that is the emoji's name in Unicode
    "white_check_mark": "✅",
    "double_vertical_bar": "⏸️",
    "question": "❓",
    "white_circle": "⚪",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlReader:
    """Who reads, and when: in UTC."""

    name: NameLookup
    now: datetime

    def moment(self, seconds: int, pattern: str) -> str:
        """Return a moment as Slack shows it."""
        at = datetime.fromtimestamp(seconds, UTC)
        if pattern == "{ago}":
            return f"{round((self.now - at).total_seconds() / 60)} minutes ago"
        if "pretty" not in pattern:
            return show_date(seconds, pattern)
        away = (at.date() - self.now.date()).days
        day = {0: "Today", 1: "Tomorrow", -1: "Yesterday"}.get(away, f"{at:%b} {at.day}")
        return f"{day} {at:%H:%M}" if "{time}" in pattern else day

    def mrkdwn(self, text: str) -> str:
        """Return mrkdwn as HTML: dates, people and links; all else is text."""
        made, end = "", 0
        for found in TAG.finditer(text):
            made += escape(displayed(text[end : found.start()], self.name))
            made += self._tag(found[1])
            end = found.end()
        return (made + escape(displayed(text[end:], self.name))).replace("\n", "<br>")

    def _tag(self, inside: str) -> str:
        body, _, label = inside.partition("|")
        if body.startswith("!date^"):
            _, seconds, pattern, *_ = body.split("^")
            return f'<span class="d">{escape(self.moment(int(seconds), pattern))}</span>'
        if body.startswith("@"):
            return self.at(body[1:])
        if body.startswith("https://"):
            return f'<span class="link">{escape(label or body)}</span>'
        return escape(displayed(f"<{inside}>", self.name))

    def at(self, person: str) -> str:
        """Return a mention."""
        return f'<span class="at">@{escape(self.name(person) or person)}</span>'

    def words(self, text: Block | None) -> str:
        """Return a text object."""
        if text and text.get("type") == "mrkdwn":
            return self.mrkdwn(text["text"])
        return escape(plain(text, self.name))


def blocks_html(blocks: list[dict[str, Any]], reader: HtmlReader) -> str:
    """Return blocks as HTML."""
    return "".join(
        f'<div class="b b-{each["type"]}">{BLOCKS[each["type"]](each, reader)}</div>'
        if each["type"] in BLOCKS
        else f'<div class="b">({escape(each["type"])})</div>'
        for each in blocks
    )


def message_html(
    text: str, blocks: list[dict[str, Any]], reader: HtmlReader, *, who: str, at: datetime
) -> str:
    """Return a message with its author: the app, or a person's name."""
    body = blocks_html(blocks, reader) if blocks else f'<div class="b">{reader.mrkdwn(text)}</div>'
    badge = '<span class="app">APP</span>' if who == "Tipo" else " "
    head = f'<span class="name">{escape(who)}</span>{badge}<span class="time">{at:%H:%M}</span>'
    face = f'<div class="face" aria-hidden="true">{escape(who[:1].upper())}</div>'
    return f'<div class="msg">{face}<div class="in">{head}{body}</div></div>'


def view_html(view: Block, reader: HtmlReader, errors: Mapping[str, str] | None = None) -> str:
    """Return a modal, or a Home; errors by block are shown beside their fields."""
    body = ""
    for each in view["blocks"]:
        body += blocks_html([each], reader)
        if wrong := (errors or {}).get(each.get("block_id", "")):
            body += f'<div class="wrong" role="alert">{escape(wrong)}</div>'
    if view["type"] == "home":
        return body
    title = reader.words(view["title"])
    cross = '<button type="button" class="cross" data-close aria-label="Close">×</button>'  # noqa: RUF001
    close = reader.words(view.get("close")) or "Close"
    feet = f'<button type="button" data-close>{close}</button>'
    if "submit" in view:
        submit = reader.words(view["submit"])
        feet += f'<button type="button" class="primary" data-submit>{submit}</button>'
    head = f'<div class="bar"><h2>{title}</h2>{cross}</div>'
    inside = f'{head}<div class="body">{body}</div><div class="foot">{feet}</div>'
    return f'<div class="modal">{inside}</div>'


def _rich(value: Block, reader: HtmlReader) -> str:
    match value["type"]:
        case "rich_text_list":
            items = "".join(f"<li>{_rich(each, reader)}</li>" for each in value["elements"])
            return f"<ul>{items}</ul>"
        case "rich_text_section" | "rich_text":
            return "".join(_rich(each, reader) for each in value["elements"])
    return _rich_part(value, reader)


def _rich_part(value: Block, reader: HtmlReader) -> str:
    match value["type"]:
        case "emoji":
            return EMOJI.get(value["name"], f":{escape(value['name'])}:")
        case "date":
            moment = reader.moment(value["timestamp"], value["format"])
            return f'<span class="d">{escape(moment)}</span>'
        case "user" | "usergroup" as kind:
            return reader.at(value[f"{kind}_id"])
        case "channel":
            name = reader.name(value["channel_id"]) or "#channel"
            return f'<span class="link">{escape(name)}</span>'
        case "link":
            return f'<span class="link">{_styled(value, value.get("text") or value["url"])}</span>'
    return _styled(value, value["text"])


def _styled(value: Block, text: str) -> str:
    made = escape(text).replace("  ", "&ensp;").replace("\n", "<br>")
    for name, tag in (("bold", "b"), ("code", "code")):
        if value.get("style", {}).get(name):
            made = f"<{tag}>{made}</{tag}>"
    return made


def _cell(cell: Block, reader: HtmlReader) -> str:
    return _rich(cell, reader) if cell["type"] == "rich_text" else escape(str(cell["text"]))


def _table(block: Block, reader: HtmlReader) -> str:
    """Return a table; the first row is its head."""
    settings = block.get("column_settings") or [None] * len(block["rows"][0])
    right = [(each or {}).get("align") == "right" for each in settings]
    lines = ""
    for number, row in enumerate(block["rows"]):
        tag = "td" if number else "th"
        cells = "".join(
            f"<{tag}{' class=r' if is_right else ''}>{_cell(cell, reader)}</{tag}>"
            for cell, is_right in zip(row, right, strict=True)
        )
        lines += f"<tr>{cells}</tr>"
    about = 'class="wide" tabindex="0" role="group" aria-label="Table"'
    return f"<div {about}><table>{lines}</table></div>"


def _sortable_table(block: Block, reader: HtmlReader) -> str:
    """Return the first page of a table that can be sorted."""
    head, *rows = block["rows"]
    shown = rows[: block["page_size"]]
    marked = [{**each, "text": f"{each['text']} \u21c5"} for each in head]
    made = _table({"rows": [marked, *shown]}, reader)
    foot = f"1 to {len(shown)} of {len(rows)} \u2039 \u203a" if len(rows) > len(shown) else ""
    return f'{made}<div class="ctx">{foot}</div>' if foot else made


def _context(block: Block, reader: HtmlReader) -> str:
    parts = "".join(f"<span>{reader.words(each)}</span>" for each in block["elements"])
    return f'<div class="ctx">{parts}</div>'


def _actions(block: Block, reader: HtmlReader) -> str:
    del reader
    return "".join(element(each, block["block_id"]) for each in block["elements"])


def _section(block: Block, reader: HtmlReader) -> str:
    """Return a line, perhaps with something to use beside it."""
    text = reader.words(block.get("text"))
    fields = "".join(f"<span>{reader.words(each)}</span> " for each in block.get("fields", ()))
    beside = element(block["accessory"], block["block_id"]) if "accessory" in block else ""
    return f'<div class="row"><span>{text}{fields}</span>{beside}</div>'


def _field(block: Block, reader: HtmlReader) -> str:
    """Return a field of a form."""
    label, key = reader.words(block["label"]), block.get("block_id", "")
    optional = '<span class="opt"> (optional)</span>' if block.get("optional") else ""
    hint = f'<div class="hint">{reader.words(block["hint"])}</div>' if "hint" in block else ""
    sends = bool(block.get("dispatch_action"))
    made = element(block["element"], key, label=plain(block["label"], reader.name), sends=sends)
    people = " ".join(map(reader.at, block["element"].get("initial_users", ())))
    return f'<div class="label">{label}{optional}</div>{people}{made}{hint}'


BLOCKS: Mapping[str, Callable[[Block, HtmlReader], str]] = {
    "rich_text": _rich,
    "table": _table,
    "data_table": _sortable_table,
    "data_visualization": lambda block, _: bar_chart(block),
    "header": lambda block, reader: f"<h3>{reader.words(block['text'])}</h3>",
    "divider": lambda *_: "<hr>",
    "context": _context,
    "actions": _actions,
    "section": _section,
    "input": _field,
}
