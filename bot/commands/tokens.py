"""Words of a line that somebody typed in Slack, with Slack's escapes undone.

Slack turns `@ann` into `<@U1|ann>`, `#stock` into `<#C1|stock>` and `&` into `&amp;`; phones turn
quotes and dashes into typographic ones. A product's name must survive all of it.
"""

import re
from dataclasses import dataclass

MAX_COMMAND_CHARS = 1_000  # characters of a command
MAX_QUOTED_CHARS = 40  # characters of it that an answer repeats
ESCAPE = re.compile(r"<[^<>]*>")
QUOTES = {  # opening mark → what closes it
    '"': '"”“',
    "“": '”"“',
    "”": '”"',
    "„": '“”"',
    "«": "»",
    "'": "'\u2019",
    "\u2018": "\u2019'",
}
DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))


@dataclass(frozen=True, slots=True)
class Token:
    """One word, or several between quotation marks."""

    text: str  # as somebody meant it
    quoted: bool = False
    ref: str | None = None  # the id behind a mention

    @property
    def key(self) -> str:
        """Return the word as the grammar knows it: case and kinds of dash mean nothing."""
        return self.text.strip().translate(DASHES).casefold()

    def matches(self, pattern: re.Pattern[str]) -> bool:
        """Whether it is a bare word of that form; in quotation marks it is part of a name."""
        return not self.quoted and pattern.fullmatch(self.key) is not None


def tokens_of(text: str) -> list[Token] | None:
    """Return the words of a line; None if a quotation mark is never closed."""
    line = "".join(each if each.isprintable() else " " for each in text)
    found: list[Token] = []
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        taken = _quoted(line, at) if line[at] in QUOTES else _bare(line, at)
        if taken is None:
            return None
        token, at = taken
        found.append(token)
    return found


def _quoted(line: str, at: int) -> tuple[Token, int] | None:
    """Take what stands between quotation marks, and say where it ends."""
    closing = QUOTES[line[at]]
    for end in range(at + 1, len(line)):
        if line[end] in closing and (end + 1 == len(line) or line[end + 1].isspace()):
            return Token(undone(line[at + 1 : end]), quoted=True), end + 1
    if line[at] in "'\u2018":
        return _bare(line, at)  # an apostrophe, not a quotation mark
    return None


def _bare(line: str, at: int) -> tuple[Token, int]:
    """Take one word; one of Slack's escapes is one word, blanks and all."""
    escape = ESCAPE.match(line, at)
    if escape and (escape.end() == len(line) or line[escape.end()].isspace()):
        return Token(undone(escape[0]), ref=_ref(escape[0])), escape.end()
    end = at
    while end < len(line) and not line[end].isspace():
        inside = ESCAPE.match(line, end)
        end = inside.end() if inside else end + 1
    return Token(undone(line[at:end])), end


def undone(text: str) -> str:
    """Return text with Slack's escapes undone."""
    plain = ESCAPE.sub(_meant, text)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _meant(escape: re.Match[str]) -> str:
    """Return what somebody typed for Slack to make an escape of it."""
    head, _, label = escape[0][1:-1].partition("|")
    match head[:1]:
        case "@":
            return f"@{label or head[1:]}"
        case "#":
            return f"#{label or head[1:]}"
        case "!":
            word = label or head[1:].partition("^")[2] or head[1:]
            return word if word.startswith("@") else f"@{word}"
    return label or head.removeprefix("mailto:")


def _ref(escape: str) -> str | None:
    """Return the id behind a mention of a person or a user group."""
    head = escape[1:-1].partition("|")[0]
    if head.startswith("@"):
        return head[1:]
    return head.removeprefix("!subteam^") if head.startswith("!subteam^") else None


def shorten(text: str, longest: int = MAX_QUOTED_CHARS) -> str:
    """Return text short enough to be repeated in an answer."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
