"""The parts that messages are made of: sentences, tables, buttons, within Slack's limits.

A sentence is a list of parts, strings and small rich-text elements. The same parts make the first
block and the message's `text`, so phones, screen readers and screens are told the same. Strings
inside are never parsed by Slack: rich text has no syntax.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bot.messages.action_ids import Action
from bot.text import (
    DATE_AND_TIME,
    clean,
    escaped,
    is_group,
    is_person,
    mention,
    number,
    spoken,
    tamed,
    when,
)
from sync_core.domain.values import Severity

Block = dict[str, Any]
Part = str | dict[str, Any]
MAX_BLOCKS = 50  # in a message
MAX_TEXT_CHARS = 2900  # characters of one text, a little below Slack's 3,000
MAX_TABLE_ROWS = 99  # in a table, besides its header
MAX_TABLE_CHARS = 9_500  # in all tables of a message, a little below Slack's 10,000
MAX_CELL_CHARS = 120
MAX_OPTIONS = 100
SEVERITY_WORDS = {Severity.CRITICAL: "Critical", Severity.WARNING: "Warning", Severity.INFO: "Note"}
SIGNS = {
    "Critical": "rotating_light",
    "Warning": "warning",
    "Note": "information_source",
    "Resolved": "white_check_mark",
    "Done": "white_check_mark",
    "Paused": "double_vertical_bar",
    "Question": "question",
    "Off": "white_circle",
}
ALARMS = {"Critical", "Warning"}  # said as a word, too: good news and questions need none


@dataclass(frozen=True, slots=True)
class Message:
    """What is said: `text` for phones and screen readers, `blocks` for screens."""

    text: str
    blocks: list[Block] = field(default_factory=list)


def bold(words: str) -> Part:
    """Return words of ours or a merchant's, in bold."""
    return {"type": "text", "text": words, "style": {"bold": True}}


def code(words: str) -> Part:
    """Return something to type."""
    return {"type": "text", "text": words, "style": {"code": True}}


def date(at: datetime, style: str = DATE_AND_TIME) -> Part:
    """Return a moment in each reader's own time zone."""
    stamp = int(at.timestamp())
    return {"type": "date", "timestamp": stamp, "format": style, "fallback": spoken(at, style)}


def mention_part(name: str) -> Part:
    """Return a person or a group: a mention if it is a valid id, else words."""
    if is_person(name):
        return {"type": "user", "user_id": name}
    if is_group(name):
        return {"type": "usergroup", "usergroup_id": name}
    return clean(name, 80)


def mention_parts(names: Sequence[str], most: int) -> list[Part]:
    """Return people and groups, the first of them by mention; nothing for nobody."""
    parts: list[Part] = []
    for each in names[:most]:
        parts += [", ", mention_part(each)]
    left = len(names) - most
    return [*parts[1:], *([f" and {left} more"] if left > 0 else [])]


def link(words: str, url: str | None) -> Part:
    """Return words that lead somewhere; the words alone if no address is known."""
    return {"type": "link", "url": url, "text": words} if url else words


def bold_link(words: str, url: str) -> Part:
    """Return words in bold that lead somewhere, if there is an address."""
    return {**bold(words), "type": "link", "url": url} if url else bold(words)  # type: ignore[dict-item]


def title(words: str) -> Part:
    """Return what a merchant called something, in bold and harmless."""
    return bold(clean(words, 120))


def open_line(pages: Mapping[str, str]) -> list[Block]:
    """Return where something is in each store's admin, by what people call the store."""
    known = [(name, url) for name, url in pages.items() if url]
    parts: list[Part] = []
    for name, url in known[:10]:
        parts += [" \u00b7 " if parts else "Open in Shopify: ", link(name, url)]
    return [sentence(*parts)] if parts else []


def sentence(*parts: Part) -> Block:
    """Return a block that says something; nothing in it is parsed."""
    return {"type": "rich_text", "elements": [_section(parts)]}


def bullets(lines: Iterable[Sequence[Part]]) -> Block:
    """Return a list, one bullet a line; at least one line."""
    elements = [_section(line) for line in lines]
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_list", "style": "bullet", "elements": elements}],
    }


def _section(parts: Sequence[Part]) -> dict[str, Any]:
    elements = [{"type": "text", "text": each} if isinstance(each, str) else each for each in parts]
    return {"type": "rich_text_section", "elements": elements}


def spoken_text(*parts: Part) -> str:
    """Return parts as a sentence for phones and screen readers."""
    words = "".join(
        escaped(each) if isinstance(each, str) else _spoken_part(each) for each in parts
    )
    return words if len(words) <= MAX_TEXT_CHARS else words[: MAX_TEXT_CHARS - 1] + "\u2026"


def _spoken_part(part: dict[str, Any]) -> str:
    match part["type"]:
        case "date":
            return f"<!date^{part['timestamp']}^{part['format']}|{part['fallback']}>"
        case "user" | "usergroup" as kind:
            return mention(part[f"{kind}_id"])
        case "channel":
            return f"<#{part['channel_id']}>"
        case "emoji":
            return ""
        case "link":
            return f"<{part['url']}|{tamed(part['text'])}>"
        case _:
            return tamed(part["text"])


def message(*parts: Part, sign: str = "", word: str = "", blocks: Sequence[Block] = ()) -> Message:
    """Return a message whose first block says the news; `sign` is its severity, as a word.

    `word` says the severity in other words: "Resolved after 12 min."
    """
    lead = opening(sign, word)
    return Message(
        text=spoken_text(*lead, *parts).strip(),
        blocks=fit_blocks([sentence(*lead, *parts), *blocks]),
    )


def opening(sign: str, word: str = "") -> list[Part]:
    """Return how a message begins: its sign, and what is bad also as a word, for all readers."""
    if not sign:
        return []
    told = word or (f"{sign}:" if sign in ALARMS else "")
    return [{"type": "emoji", "name": SIGNS[sign]}, " ", *([bold(told), " "] if told else [])]


def fit_blocks(blocks: Sequence[Block], most: int = MAX_BLOCKS) -> list[Block]:
    """Return blocks that a surface takes, each with an id of its own where people can act."""
    kept = list(blocks) if len(blocks) <= most else [*blocks[: most - 1], blocks[-1]]
    seen: dict[str, int] = {}
    return [_named(each, seen) for each in kept]


def _named(block: Block, seen: dict[str, int]) -> Block:
    """Return a block whose id no other block has."""
    if "block_id" not in block:
        return block
    name = block["block_id"]
    seen[name] = seen.get(name, 0) + 1
    return block if seen[name] == 1 else {**block, "block_id": f"{name}.{seen[name]}"}


def versioned(said: Message, version: int) -> Message:
    """Return a message whose block ids are those of a version: an update needs new ones."""
    return replace(
        said,
        blocks=[
            {**each, "block_id": f"{each['block_id']}.v{version}"} if "block_id" in each else each
            for each in said.blocks
        ],
    )


def plain_text(words: str, limit: int = 75) -> dict[str, Any]:
    """Return a text that Slack shows as it is."""
    return {"type": "plain_text", "text": clean(words, limit), "emoji": False}


def header(words: str) -> Block:
    """Return a heading."""
    return {"type": "header", "text": plain_text(words, 150)}


def context_block(*words: str) -> Block:
    """Return small print in mrkdwn; what is foreign in it was made harmless before."""
    return {
        "type": "context",
        "elements": [
            {"type": "mrkdwn", "text": each[:MAX_TEXT_CHARS], "verbatim": True} for each in words
        ],
    }


def divider() -> Block:
    """Return a line."""
    return {"type": "divider"}


def button(
    action: str,
    label: str,
    value: str,
    *,
    says: str = "",
    style: str = "",
    confirm: Block | None = None,
) -> Block:
    """Return a button; `says` is what screen readers read where labels repeat."""
    made: Block = {"type": "button", "action_id": action, "text": plain_text(label)}
    if value:
        made["value"] = value
    if says:
        made["accessibility_label"] = clean(says, 75)
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = confirm
    return made


def confirm_dialog(question: str, words: str, yes: str, no: str = "Not now") -> Block:
    """Return the question that a button asks before it does anything."""
    return {
        "title": plain_text(question, 100),
        "text": plain_text(words, 300),
        "confirm": plain_text(yes, 30),
        "deny": plain_text(no, 30),
    }


def actions(name: str, *buttons: Block | None) -> list[Block]:
    """Return a row of buttons, or nothing if there are none."""
    elements = [each for each in buttons if each is not None][:25]
    return [{"type": "actions", "block_id": name, "elements": elements}] if elements else []


def share_button(value: str) -> Block | None:
    """Return the button that shows an answer to the channel, if it may be shared."""
    return button(Action.SHARE, "Share in channel", value) if value else None


def option(label: str, value: str, hint: str = "") -> dict[str, Any]:
    """Return one choice of a menu."""
    made: dict[str, Any] = {"text": plain_text(label), "value": value}
    return {**made, "description": plain_text(hint)} if hint else made


def cell(words: object, *, limit: int = MAX_CELL_CHARS) -> dict[str, Any]:
    """Return a cell of a table; a missing value is a dash, never a zero."""
    if words is None:
        return {"type": "raw_text", "text": "\u2013"}
    if isinstance(words, datetime):
        return sentence(date(words))
    if isinstance(words, dict):
        return sentence(words)
    if isinstance(words, int):
        return {"type": "raw_number", "value": words, "text": number(words)}
    return {"type": "raw_text", "text": clean(words, limit)}


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table."""

    name: str
    right: bool = False
    wrapped: bool = False

    def settings(self) -> dict[str, Any] | None:
        """Return what Slack is told about it."""
        if self.right:
            return {"align": "right"}
        return {"is_wrapped": True} if self.wrapped else None


def table(
    columns: Sequence[TableColumn], rows: Iterable[Sequence[object]], *, most: int = MAX_TABLE_ROWS
) -> tuple[list[Block], int]:
    """Return a table of as many rows as Slack takes, and how many those are."""
    made = [[cell(each.name) for each in columns]]
    room = MAX_TABLE_CHARS - sum(map(_length, made[0]))
    for row in rows:
        cells = [cell(each) for each in row]
        room -= sum(map(_length, cells))
        if room < 0 or len(made) > min(most, MAX_TABLE_ROWS):
            break
        made.append(cells)
    if len(made) == 1:
        return [], 0
    settings = [each.settings() for each in columns]
    return [{"type": "table", "rows": made, "column_settings": settings}], len(made) - 1


def fact_lines(columns: Sequence[TableColumn], rows: Iterable[Sequence[object]]) -> list[Block]:
    """Return rows as a list, for surfaces that may not take a table: one bullet a row."""
    lines = [_fact_line(columns, row) for row in rows]
    return [bullets(lines)] if lines else []


def _fact_line(columns: Sequence[TableColumn], row: Sequence[object]) -> list[Part]:
    """Return a row as one line: its first cell in bold, then each value with its name."""
    line: list[Part] = [bold(_spoken(row[0]))]
    for column, value in zip(columns[1:], row[1:], strict=True):
        line += [f" \u00b7 {column.name}: "]
        line += [date(value) if isinstance(value, datetime) else _spoken(value)]
    return line


def _spoken(value: object) -> str:
    made = cell(value)
    return str(made.get("text", ""))


def _length(made: dict[str, Any]) -> int:
    """Return how many characters a cell takes of what a message has room for.

    Whether an address counts is said nowhere: it is counted.
    """
    if "text" in made:
        return len(made["text"])
    (section,) = made["elements"]
    (part,) = section["elements"]
    return len(part.get("text", "23 November 2026 at 12:34 and more")) + len(part.get("url", ""))


def more_line(left: int, command: str) -> list[Block]:
    """Return the line that says what is not shown, and how to see it."""
    return [sentence(f"and {left:,} more: ", code(command))] if left > 0 else []


def date_or(at: datetime | None, nothing: str = "never") -> str:
    """Return a moment for mrkdwn, or what to say if there was none."""
    return when(at) if at else nothing


def pager(action: str, offset: int, size: int, total: int) -> Block:
    """Return a line that says which page this is, and a menu to turn to another."""
    last = (total - 1) // size * size
    first = max(0, min(offset - MAX_OPTIONS // 2 * size, last - (MAX_OPTIONS - 1) * size))
    starts = range(first, min(last, first + (MAX_OPTIONS - 1) * size) + 1, size)
    menu = {
        "type": "static_select",
        "action_id": action,
        "placeholder": plain_text("Turn to another page"),
        "options": [option(_span(start, size, total), f"{start}") for start in starts],
    }
    words = f"{_span(offset, size, total)} of {number(total)}"
    return {
        "type": "section",
        "block_id": f"{action}.menu",
        "text": plain_text(words),
        "accessory": menu,
    }


def _span(start: int, size: int, total: int) -> str:
    """Return what is on a page: 21 to 40."""
    return f"{number(start + 1)} to {number(min(start + size, total))}"
