"""Texts as every database, encoder and index takes them.

    what a store or a person writes       what is kept of it
    ------------------------------------  ----------------------------------------------
    NUL, half of a surrogate pair         U+FFFD in its place: PostgreSQL stores neither
    anything else                         as it is

    a name that is part of a key          it is
    ------------------------------------  ----------------------------------------------
    up to 200 characters                  as it is
    longer                                its beginning, and a hash of all of it

It is done where a text comes in, so that what is compared later was read in the same way; and once
more where a text goes into the database, for what came another way.
"""

import re
from collections.abc import Iterable
from hashlib import sha256

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

MAX_CODES = 50  # of one text
MAX_KEY_CHARS = 200  # characters: an index of PostgreSQL takes 2,704 bytes a row

_CODE = re.compile(r"\w[\w./-]{1,100}\w")
_BAD = re.compile("[\0\ud800-\udfff]")
# All escapes, so that the backslash of an escaped backslash begins none; whole pairs stay.
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<bad>\\u0000|\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


ABBREVIATION = 3  # letters of an alias that people write in capitals


def store_name(alias: object) -> str:
    """Return what people call a store: EU for eu, and longer names as they are."""
    name = f"{alias}"
    return name.upper() if len(name) <= ABBREVIATION else name


def number(count: int) -> str:
    """Return a number as people read it: 1,204, and a real minus."""
    return f"{count:,}".replace("-", "\u2212")


def names_in(text: str, names: Iterable[str]) -> set[str]:
    """Return the names that occur in a text as whole words, without those inside of longer ones.

    "The Denim Jacket is gone" has Denim Jacket in it, and neither Jack nor Jacket.
    """
    told = text.casefold()
    found: set[str] = set()
    for name in sorted(names, key=lambda each: (-len(each), each)):
        words = name.casefold().strip()
        if not words:
            continue
        rest = re.sub(rf"(?<!\w){re.escape(words)}(?!\w)", "\0", told)
        if rest != told:
            found.add(name)
            told = rest
    return found


def codes_in(text: str) -> list[str]:
    """Return the words of a text that may be a SKU, a handle or a barcode, in small letters."""
    words = (found[0].lower() for found in _CODE.finditer(text))
    return list(dict.fromkeys(each for each in words if not each.isalpha()))[:MAX_CODES]


def storable(text: str) -> str:
    """Return the text without what cannot be stored; most is plain, and known so at a glance."""
    if text.isascii() and "\0" not in text:
        return text
    return _BAD.sub(REPLACEMENT, text)


def storable_json(raw: bytes) -> bytes:
    """Return JSON whose texts can be stored. It is as long as before: a size that was said holds.

    What is no JSON comes back as something that is none.
    """
    if _SUSPECT.search(raw) is None:
        return raw
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found["bad"] else found.group(), raw)


def short_name(name: str) -> str:
    """Return what stands for a name in an index: the same for the same name, everywhere."""
    if len(name) <= MAX_KEY_CHARS:
        return name
    digest = sha256(name.encode()).hexdigest()[:16]
    return f"{name[: MAX_KEY_CHARS - len(digest) - 1]}…{digest}"
