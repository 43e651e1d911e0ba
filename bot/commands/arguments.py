"""What may follow the first word of a command, one function each: words in, a value out.

None means that the usage hint will do.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import time
from difflib import get_close_matches

from bot.commands.requests import (
    AlertLevel,
    Command,
    FindStock,
    SetAlerts,
    SetApprovers,
    SetBuffer,
    SetMode,
    SetPack,
    SetQuiet,
    ShowAlerts,
    ShowApprovers,
    ShowHistory,
    ShowMode,
    ShowQuiet,
    TakeOver,
    Unclear,
    Undo,
)
from bot.commands.tokens import Token, shorten
from sync_core.domain.values import Alias, Mode

MAX_PACK = 100_000  # units in one pack
MAX_BUFFER_UNITS = 1_000_000  # a buffer above that is a slip of the finger
MAX_APPROVERS = 50
ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,30}")
NUMBER = re.compile(r"[0-9]{1,9}")
RECEIPT = re.compile(r"#?([0-9]{1,9})")
SHADOW_FLAGS = {"--shadow", "-shadow"}  # keyboards make one dash of two hyphens
HOURS = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-3]):([0-5][0-9])")
PERSON = re.compile(r"[UW][A-Z0-9]{2,20}")
GROUP = re.compile(r"S[A-Z0-9]{2,20}")

Words = Sequence[Token]
Read = Callable[[Words], Command | Unclear | None]  # None: the usage hint will do


def read_nothing(command: Command) -> Read:
    """Return how to read a command that takes nothing."""
    return lambda words: None if words else command


def joined(words: Words) -> str:
    """Return words as one line."""
    return " ".join(each.text for each in words)


def read_mode(words: Words) -> Command | Unclear | None:
    """Read a mode, a store, and whether nothing is to be written."""
    if any(each.key in SHADOW_FLAGS for each in words):
        asked = read_mode([each for each in words if each.key not in SHADOW_FLAGS])
        return replace(asked, shadow=True) if isinstance(asked, SetMode) else None
    match [each.key for each in words]:
        case []:
            return ShowMode()
        case [mode] if mode in set(Mode):
            return SetMode(Mode(mode))
        case [mode, alias] if mode in set(Mode) and ALIAS.fullmatch(alias):
            return SetMode(Mode(mode), Alias(alias))
        case [mode, *rest] if len(rest) <= 1 and mode not in set(Mode):
            tail = f" {words[1].text}" if rest else ""
            near = nearest_two(mode, Mode)
            meant = " or ".join(f"/tipo mode {each}{shorten(tail)}" for each in near)
            return Unclear(f"“{shorten(words[0].text)}” isn't a mode. Did you mean {meant}?")
    return None


def read_stock(words: Words) -> Command | None:
    """Read what stock is looked for."""
    return FindStock(joined(words)) if joined(words).strip() else None


def read_history(words: Words) -> Command | None:
    """Read whose history is looked for."""
    return ShowHistory(joined(words)) if joined(words).strip() else None


def _product_units(words: Words) -> tuple[Words, Token, Alias | None] | None:
    """Read from the end: a product's name may hold numbers, and words that look like an alias."""
    match words:
        case [*product, units] if product and units.matches(NUMBER):
            return product, units, None
        case [*product, units, alias] if (
            product and units.matches(NUMBER) and ALIAS.fullmatch(alias.key)
        ):
            return product, units, Alias(alias.key)
    return None


def read_buffer(words: Words) -> Command | Unclear | None:
    """Read a product, a number of units to keep back, and a store."""
    if found := _product_units(words):
        return _buffered(*found)
    match words:
        case [*product, units] if product and re.fullmatch(r"[-+]\d+", units.key):
            return Unclear("A buffer is the number of units to keep back: 0 or more.")
    return None


def read_pack(words: Words) -> Command | Unclear | None:
    """Read a product, the units of a pack, and a store."""
    if (found := _product_units(words)) is None:
        return None
    product, units, alias = found
    if not 1 <= int(units.key) <= MAX_PACK:
        return Unclear(f"A pack has 1 to {MAX_PACK:,} units; 1 ends it.")
    return SetPack(joined(product), int(units.key), alias) if joined(product).strip() else None


def _buffered(product: Words, units: Token, alias: Alias | None) -> Command | Unclear | None:
    if int(units.key) > MAX_BUFFER_UNITS:
        return Unclear(f"A buffer can be at most {MAX_BUFFER_UNITS:,} units.")
    if not joined(product).strip():
        return None
    everything = len(product) == 1 and product[0].key == "all" and not product[0].quoted
    return SetBuffer(None if everything else joined(product), int(units.key), alias)


def read_takeover(words: Words) -> Command | None:
    """Read which store is taken over."""
    match [each.key for each in words]:
        case []:
            return TakeOver()
        case [alias] if ALIAS.fullmatch(alias):
            return TakeOver(Alias(alias))
    return None


def read_undo(words: Words) -> Command | None:
    """Read the number of a receipt."""
    match words:
        case [one] if found := RECEIPT.fullmatch(one.key):
            return Undo(int(found[1]))
    return None


def read_approvers(words: Words) -> Command | Unclear | None:
    """Read who may approve: mentions, ids, or a word for a rule."""
    match [each.key for each in words]:
        case []:
            return ShowApprovers()
        case ["channel"]:
            return SetApprovers(())
        case ["default"]:
            return SetApprovers(None)
    if len(words) > MAX_APPROVERS:
        return Unclear(f"You can name at most {MAX_APPROVERS} people and groups; use a group.")
    ids = [_approver(each) for each in words]
    for word, found in zip(words, ids, strict=True):
        if found is None:
            return Unclear(
                f"Slack doesn't know “{shorten(word.text)}”. Mention people and groups with @, "
                "and choose them from the list that Slack offers."
            )
    return SetApprovers(tuple(dict.fromkeys(each for each in ids if each)))


def _approver(word: Token) -> str | None:
    """Return the id of a person or a user group, from a mention or as an id."""
    if word.ref:
        return word.ref if PERSON.fullmatch(word.ref) or GROUP.fullmatch(word.ref) else None
    found = PERSON.fullmatch(word.text) or GROUP.fullmatch(word.text)
    return found[0] if found else None


def read_quiet(words: Words) -> Command | Unclear | None:
    """Read quiet hours."""
    match [each.key for each in words]:
        case []:
            return ShowQuiet()
        case ["off"]:
            return SetQuiet(None)
        case [hours] if found := HOURS.fullmatch(hours):
            begins, ends = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
            if begins == ends:
                return Unclear(
                    "Quiet hours must begin and end at different times. "
                    "To get alerts at any time, type /tipo quiet off."
                )
            return SetQuiet((begins, ends))
    return None


def read_alerts(words: Words) -> Command | Unclear | None:
    """Read how much the channel is told."""
    match [each.key for each in words]:
        case []:
            return ShowAlerts()
        case [level] if level in set(AlertLevel):
            return SetAlerts(AlertLevel(level))
        case [level]:
            meant = " or ".join(f"/tipo alerts {each}" for each in nearest_two(level, AlertLevel))
            return Unclear(f"“{shorten(level)}” isn't a level. Did you mean {meant}?")
    return None


def nearest_two(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the two words that look most like one that nobody knows."""
    return tuple(get_close_matches(word, [str(each) for each in known], n=2, cutoff=0))
