"""Words for people: numbers, times, names, and whatever a merchant typed, made harmless.

    where it goes                    use       what it does
    -------------------------------  --------  ------------------------------------------------
    plain_text, raw_text, rich_text  `clean`   no control characters, one line, cut, isolated
    `text` of a message, mrkdwn      `mrkdwn`  that, and nothing in it means anything to Slack

Slack reads `<!channel>` and `<https://evil|Approve>` wherever mrkdwn is read, also in `text`.
"""

import re
import unicodedata
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from sync_core.domain import texts

MAX_LINE_CHARS = 150  # characters of a merchant's that one line has room for
PERSON = re.compile(r"[UW][A-Z0-9]{1,30}")
GROUP = re.compile(r"S[A-Z0-9]{1,30}")
CHANNEL = re.compile(r"[CGD][A-Z0-9]{1,30}")
JOINERS = {"\u200c", "\u200d"}  # Persian words and composed emoji need them
HARMFUL = {"Cc", "Cf", "Cs"}  # control; bidi and other invisible; half characters
RIGHT_TO_LEFT = {"R", "AL", "AN"}
ISOLATE, END = "\u2068", "\u2069"
DATE_AND_TIME = "{date_short_pretty} {time}"  # as Slack draws it
MAX_NUMBER = 2**63 - 1  # what every database takes
MAX_COMBINING_MARKS = 4  # combining marks in a row; more of them climb over the lines above
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
LOOKALIKES = {"*": "\u2217", "_": "\u02cd", "~": "\u223c", "`": "\u02cb"}
# Slack formats between a mark at a word's edge and its twin; inside of SKU_12 it means nothing.
AT_EDGE = re.compile(r"(?<![^\W_])[*_~`]|[*_~`](?![^\W_])|`")


def clean(words: object, limit: int = MAX_LINE_CHARS) -> str:
    """Return foreign words on one line, without what is invisible, at most `limit` long."""
    return _cleaned(f"{words}", limit)


@lru_cache(maxsize=512)  # it looks at each letter, and each menu of a form has the same names
def _cleaned(words: str, limit: int) -> str:
    kept = _shortened(_visible(words), limit)
    if any(unicodedata.bidirectional(each) in RIGHT_TO_LEFT for each in kept):
        # Else a title in Hebrew would turn round the numbers that stand beside it.
        return f"{ISOLATE}{_shortened(kept, limit - 2)}{END}"
    return kept or "(no name)"


def store_name(alias: object) -> str:
    """Return what people call a store: EU for eu, and longer names as they are."""
    return texts.store_name(clean(alias or "a store", 40))


def mrkdwn(words: object, limit: int = MAX_LINE_CHARS) -> str:
    """Return foreign words for text that Slack parses: they ping, link and format nothing."""
    return tamed(clean(words, limit))


def tamed(words: str) -> str:
    """Return clean words with nothing in them that Slack gives a meaning."""
    return escaped(AT_EDGE.sub(lambda mark: LOOKALIKES[mark[0]], words))


def escaped(words: str) -> str:
    """Return words with the three characters escaped that Slack gives a meaning."""
    return "".join(ESCAPES.get(each, each) for each in words)


def _visible(words: str) -> str:
    """Return words on one line without invisible characters and towers of marks."""
    kept: list[str] = []
    marks = 0
    for each in words:
        kind = unicodedata.category(each)
        if kind in {"Mn", "Me"}:
            marks += 1
        elif each.isspace() or kind not in HARMFUL:
            marks = 0  # a letter of its own; what is invisible parts no tower
        elif each not in JOINERS:
            continue
        if marks <= MAX_COMBINING_MARKS:
            kept.append(" " if each.isspace() else each)
    return " ".join("".join(kept).split())


def _shortened(words: str, limit: int) -> str:
    """Return words cut to a length, with … where something is missing."""
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "\u2026"


def number(count: int) -> str:
    """Return a number as people read it: 1,204, and a real minus."""
    return texts.number(count)


def signed(count: int) -> str:
    """Return a change: +10, or a real minus."""
    return f"+{number(count)}" if count > 0 else number(count)


def counted(count: int, one: str, many: str = "") -> str:
    """Return how many of what: 1 product, 1,204 products."""
    return f"{number(count)} {one if abs(count) == 1 else many or one + 's'}"


def units(count: int) -> str:
    """Return a quantity: 1 unit, 12 units."""
    return counted(count, "unit")


def duration(seconds: float) -> str:
    """Return how long something took: 0.4 s, 12 s, 12 min, 3 h 5 min, 2 days."""
    if seconds < 9.95:  # noqa: PLR2004
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if not minutes:
        return f"{whole} s"
    if not hours:
        return f"{minutes} min"
    if days < 2:  # noqa: PLR2004
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} days"


def between(start: datetime, end: datetime) -> str:
    """Return how long it was from one moment to another."""
    return duration((end - start).total_seconds())


def spoken(at: datetime, style: str = DATE_AND_TIME, zone: tzinfo = UTC) -> str:
    """Return a moment for readers whose Slack does not draw dates, by the clock of a zone."""
    local = at.astimezone(zone)
    day, time = f"{local.day} {local:%b %Y}", f"{local:%H:%M} ({zone_name(zone)})"
    if style == "{time}":
        return time
    return f"{day}, {time}" if "{time" in style or "{ago}" in style else day


def zone_name(zone: tzinfo) -> str:
    """Return what people call a zone: Europe/Berlin."""
    return f"{zone}"


def when(at: datetime, style: str = DATE_AND_TIME) -> str:
    """Return a moment that Slack shows in each reader's own time zone."""
    return f"<!date^{int(at.timestamp())}^{style}|{spoken(at, style)}>"


def ago(at: datetime) -> str:
    """Return how long ago it was, as Slack counts it while people read."""
    return when(at, "{ago}")


def is_person(name: str) -> bool:
    """Whether it is a user's id; nothing else may become a mention."""
    return PERSON.fullmatch(name) is not None


def is_channel(name: str) -> bool:
    """Whether it is a channel's id."""
    return CHANNEL.fullmatch(name) is not None


def is_group(name: str) -> bool:
    """Whether it is a user group's id."""
    return GROUP.fullmatch(name) is not None


def mention(name: str) -> str:
    """Return the one way in which we name a person or a group: by a valid id, else as words."""
    if is_person(name):
        return f"<@{name}>"
    return f"<!subteam^{name}>" if is_group(name) else mrkdwn(name, 80)


def number_in(text: str) -> int | None:
    """Return the number that a button or a form carries; None if it is none, or none of ours."""
    if not text.isascii() or not text.isdecimal() or len(text) > len(f"{MAX_NUMBER}"):
        return None
    return found if (found := int(text)) <= MAX_NUMBER else None
