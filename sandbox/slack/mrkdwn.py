"""Slack's text: what is escaped, what a person sees, and whom it would ping."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.slack.block_tree import nested, own

TAG = re.compile(r"<([^<>]*)>")
BROADCASTS = ("channel", "here", "everyone")
_DATE_WORDS: Mapping[str, str] = {
    "{date_num}": "%Y-%m-%d",
    "{date}": "%B %-d, %Y",
    "{date_short}": "%b %-d, %Y",
    "{date_long}": "%A, %B %-d, %Y",
    "{date_pretty}": "%B %-d, %Y",
    "{date_short_pretty}": "%b %-d, %Y",
    "{date_long_pretty}": "%A, %B %-d, %Y",
    "{time}": "%H:%M",
    "{time_secs}": "%H:%M:%S",
    "{day_divider_pretty}": "%A, %B %-d",
}
NameLookup = Callable[[str], str | None]  # the name behind an id, if there is one


def escape(text: str) -> str:
    """Escape what somebody typed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def typed(text: str, names: Mapping[str, str]) -> str:
    """Return typed words as an app with `should_escape` receives them.

    Args:
        text: What was typed.
        names: What stands for a name, such as `<@U1|ann>` for `@ann`.
    """

    def link(found: re.Match[str]) -> str:
        word = found[0]
        return f"<{word}>" if word.startswith("http") else names.get(word, word)

    return re.sub(r"https?://[^\s<>|]+|(?<![\w&])[@#][\w.-]*\w", link, escape(text))


def show_date(at: int, pattern: str) -> str:
    """Return a moment as Slack would, to a reader in UTC."""
    moment = datetime.fromtimestamp(at, UTC)
    for word, how in _DATE_WORDS.items():
        pattern = pattern.replace(word, moment.strftime(how))
    return pattern.replace("{ago}", moment.strftime("at %H:%M"))


def displayed(text: str, name: NameLookup) -> str:
    """Return mrkdwn as a person sees it: mentions by name, pings marked, links with their goal."""
    return unescape(TAG.sub(lambda found: _tag(found[1], name), text))


def _tag(inside: str, name: NameLookup) -> str:
    body, _, label = inside.partition("|")
    if body.startswith("!date^"):
        return _date(body)
    if body[:1] in {"@", "#"}:
        known = name(body[1:])
        return f"{body[0]}{known or label or body[1:]}"
    if body.startswith("!subteam^"):
        handle = name(body.removeprefix("!subteam^")) or label or "group"
        return f"[PING @{handle.removeprefix('@')}]"
    if body.startswith("!"):
        return f"[PING @{body[1:]}]" if body[1:] in BROADCASTS else label or body
    return f"{label} ({body})" if label else body


def _date(body: str) -> str:
    _, at, pattern, *_ = [*body.split("^"), "", ""]
    return show_date(int(at), pattern) if at.isdigit() else body


def unescape(text: str) -> str:
    """Undo `escape`, and no more than that: Slack knows no other entities."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@dataclass(frozen=True, slots=True)
class Ping:
    """Somebody who would be called by a message."""

    kind: str  # channel, here, everyone, user or group
    who: str  # the id; the kind itself for the loud ones

    def __str__(self) -> str:
        """Return it as a person would write it."""
        return f"@{self.who}"


def pings_in(text: str) -> Iterator[Ping]:
    """Yield whom mrkdwn pings."""
    for found in TAG.finditer(text):
        body = found[1].partition("|")[0]
        if body.startswith("@"):
            yield Ping("user", body[1:])
        elif body.startswith("!subteam^"):
            yield Ping("group", body.removeprefix("!subteam^"))
        elif body.removeprefix("!") in BROADCASTS and body.startswith("!"):
            yield Ping(body[1:], body[1:])


def pings(text: str, blocks: list[dict[str, Any]]) -> list[Ping]:
    """Return everybody whom a message calls: by its blocks, and by `text` if there are none.

    `text` counts beside blocks as well: it is what notifications are made of.
    """
    found = list(pings_in(text))
    for block in nested(blocks):
        found.extend(_in_json(own(block)))
    return list(dict.fromkeys(found))


def _in_json(value: Any) -> Iterator[Ping]:
    if isinstance(value, list):
        for each in value:
            yield from _in_json(each)
    elif isinstance(value, dict):
        yield from _in_object(value)
        for each in value.values():
            yield from _in_json(each)


def _in_object(value: dict[str, Any]) -> Iterator[Ping]:
    match value:
        case {"type": "mrkdwn" | "markdown", "text": str(words)}:
            yield from pings_in(words)
        case {"type": "user", "user_id": str(user)}:
            yield Ping("user", user)
        case {"type": "usergroup", "usergroup_id": str(group)}:
            yield Ping("group", group)
        case {"type": "broadcast", "range": str(loud)}:
            yield Ping(loud, loud)
        case _:
            return
