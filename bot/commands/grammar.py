"""The grammar of `/tipo`: one table gives parsing, help, usage hints and "did you mean".

A command is read into a frozen value. What is unclear is a value too, with the sentence to answer:
reading never raises, whatever somebody types.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import time
from difflib import get_close_matches

from bot.commands.requests import (
    AlertLevel,
    CheckNow,
    Command,
    FindStock,
    Help,
    Pause,
    Resume,
    SetAlerts,
    SetApprovers,
    SetBuffer,
    SetMode,
    SetPack,
    SetQuiet,
    ShowAlerts,
    ShowApprovers,
    ShowDrift,
    ShowHistory,
    ShowLocations,
    ShowMode,
    ShowQuiet,
    ShowStatus,
    ShowUnmatched,
    TakeOver,
    Unclear,
    Undo,
)
from bot.commands.tokens import MAX_COMMAND_CHARS, Token, shorten, tokens_of
from sync_core.domain.values import Alias, Mode

MAX_PACK = 100_000  # units in one pack
MAX_BUFFER_UNITS = 1_000_000  # a buffer above that is a slip of the finger
MAX_APPROVERS = 50
ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,30}")
NUMBER = re.compile(r"[0-9]{1,9}")
RECEIPT = re.compile(r"#?([0-9]{1,9})")
HOURS = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-3]):([0-5][0-9])")
PERSON = re.compile(r"[UW][A-Z0-9]{2,20}")
GROUP = re.compile(r"S[A-Z0-9]{2,20}")

Words = Sequence[Token]
Read = Callable[[Words], Command | Unclear | None]  # None: the usage hint will do


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """One command of the grammar."""

    word: str
    takes: str = ""  # what comes after the word
    does: str
    example: str = ""
    read: Read
    order: bool = False  # changes something: approvers only, as far as it does
    former_words: tuple[str, ...] = ()  # Share buttons of old posts carry them

    @property
    def usage(self) -> str:
        """Return how it is typed."""
        return f"/tipo {self.word} {self.takes}".rstrip()


APPROVER_COMMANDS = (
    *(SetMode, SetBuffer, SetPack, TakeOver, Pause, Resume, Undo),
    *(SetApprovers, SetQuiet, SetAlerts),
)


def needs_approver(command: Command) -> bool:
    """Whether only approvers may give this command."""
    return isinstance(command, APPROVER_COMMANDS)


def _without_arguments(command: Command) -> Read:
    """Return how to read a command that takes nothing."""
    return lambda words: None if words else command


def _text(words: Words) -> str:
    return " ".join(each.text for each in words)


def _mode(words: Words) -> Command | Unclear | None:
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


def _stock(words: Words) -> Command | None:
    return FindStock(_text(words)) if _text(words).strip() else None


def _history(words: Words) -> Command | None:
    return ShowHistory(_text(words)) if _text(words).strip() else None


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


def _buffer(words: Words) -> Command | Unclear | None:
    if found := _product_units(words):
        return _buffered(*found)
    match words:
        case [*product, units] if product and re.fullmatch(r"[-+]\d+", units.key):
            return Unclear("A buffer is the number of units to keep back: 0 or more.")
    return None


def _pack(words: Words) -> Command | Unclear | None:
    if (found := _product_units(words)) is None:
        return None
    product, units, alias = found
    if not 1 <= int(units.key) <= MAX_PACK:
        return Unclear(f"A pack has 1 to {MAX_PACK:,} units; 1 ends it.")
    return SetPack(_text(product), int(units.key), alias) if _text(product).strip() else None


def _buffered(product: Words, units: Token, alias: Alias | None) -> Command | Unclear | None:
    if int(units.key) > MAX_BUFFER_UNITS:
        return Unclear(f"A buffer can be at most {MAX_BUFFER_UNITS:,} units.")
    if not _text(product).strip():
        return None
    everything = len(product) == 1 and product[0].key == "all" and not product[0].quoted
    return SetBuffer(None if everything else _text(product), int(units.key), alias)


def _takeover(words: Words) -> Command | None:
    match [each.key for each in words]:
        case []:
            return TakeOver()
        case [alias] if ALIAS.fullmatch(alias):
            return TakeOver(Alias(alias))
    return None


def _undo(words: Words) -> Command | None:
    match words:
        case [one] if found := RECEIPT.fullmatch(one.key):
            return Undo(int(found[1]))
    return None


def _approvers(words: Words) -> Command | Unclear | None:
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


def _quiet(words: Words) -> Command | Unclear | None:
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


def _alerts(words: Words) -> Command | Unclear | None:
    match [each.key for each in words]:
        case []:
            return ShowAlerts()
        case [level] if level in set(AlertLevel):
            return SetAlerts(AlertLevel(level))
        case [level]:
            meant = " or ".join(f"/tipo alerts {each}" for each in nearest_two(level, AlertLevel))
            return Unclear(f"“{shorten(level)}” isn't a level. Did you mean {meant}?")
    return None


COMMANDS: tuple[CommandSpec, ...] = (
    CommandSpec(
        word="status",
        does="every store: mode, pending changes, delay, open mismatches",
        read=_without_arguments(ShowStatus()),
    ),
    CommandSpec(
        word="mode",
        takes="[two-way | one-way | off] [store]",
        does="show the mode, or change it: you see what it means before you confirm",
        example="/tipo mode two-way",
        read=_mode,
        order=True,
    ),
    CommandSpec(
        word="stock",
        takes="<handle, SKU, barcode or words of the title>",
        does="live numbers of every store, what is expected and what is pending",
        example="/tipo stock slim fit denim jacket",
        read=_stock,
    ),
    CommandSpec(
        word="why",
        takes="<product>",
        does="why a product has this number: sales, orders, edits, what Tipo wrote",
        example="/tipo why SFDJ-M",
        read=_history,
    ),
    CommandSpec(
        word="history",
        takes="<product>",
        does="the same as why",
        example="/tipo history SFDJ-M",
        read=_history,
    ),
    CommandSpec(
        word="check",
        does="compare the stores now, as each night",
        read=_without_arguments(CheckNow()),
    ),
    CommandSpec(
        word="drift",
        does="open mismatches, with buttons to fix them",
        read=_without_arguments(ShowDrift()),
    ),
    CommandSpec(
        word="unmatched",
        does="products with no match in another store, and what to do",
        read=_without_arguments(ShowUnmatched()),
    ),
    CommandSpec(
        word="locations",
        does="which locations share stock, and a form to change it",
        read=_without_arguments(ShowLocations()),
        order=True,
        former_words=("places",),
    ),
    CommandSpec(
        word="buffer",
        takes="<product or all> <units> [store]",
        does="keep units back, so that the last ones aren't sold twice",
        example="/tipo buffer SFDJ-M 2 us",
        read=_buffer,
        order=True,
    ),
    CommandSpec(
        word="pack",
        takes="<product> <units> [store]",
        does="sell in packs: one in that store is so many units; 1 ends it",
        example="/tipo pack SFDJ-M 6 us",
        read=_pack,
        order=True,
    ),
    CommandSpec(
        word="pause",
        does="stop writing; sales are still counted",
        read=_without_arguments(Pause()),
        order=True,
    ),
    CommandSpec(
        word="resume",
        does="write all pending changes",
        read=_without_arguments(Resume()),
        order=True,
    ),
    CommandSpec(
        word="undo",
        takes="<receipt>",
        does="undo one applied fix; sales since then stay",
        example="/tipo undo 12",
        read=_undo,
        order=True,
    ),
    CommandSpec(
        word="takeover",
        takes="[store]",
        does="write to a store that another Tipo writes to, or after a restored backup; asks first",
        example="/tipo takeover us",
        read=_takeover,
        order=True,
    ),
    CommandSpec(
        word="approvers",
        takes="[@people and @groups | channel | default]",
        does="who can approve, or change who can",
        example="/tipo approvers @ann @stock-team",
        read=_approvers,
        order=True,
    ),
    CommandSpec(
        word="quiet",
        takes="[22:00-07:00 | off]",
        does="hours in which only critical alerts are posted",
        example="/tipo quiet 22:00-07:00",
        read=_quiet,
        order=True,
    ),
    CommandSpec(
        word="alerts",
        takes="[all | digest | problems]",
        does="how much is posted in the channel",
        example="/tipo alerts digest",
        read=_alerts,
        order=True,
    ),
    CommandSpec(word="help", does="this list", read=lambda _words: Help()),
)
BY_WORD = {word: row for row in COMMANDS for word in (row.word, *row.former_words)}


def parse(text: str) -> Command | Unclear:
    """Read what somebody typed after `/tipo`. Never raises."""
    if len(text) > MAX_COMMAND_CHARS:
        return Unclear(f"That is longer than {MAX_COMMAND_CHARS:,} characters. Make it shorter.")
    words = tokens_of(text)
    if words is None:
        return Unclear("A quotation mark isn't closed. Close it, or leave it out.")
    if not words:
        return Help()
    row = BY_WORD.get(words[0].key)
    if row is None:
        near = nearest_two(words[0].key, [row.word for row in COMMANDS])
        meant = " or ".join(f"/tipo {each}" for each in near)
        typed = shorten(words[0].text)
        return Unclear(f"There is no command “{typed}”. Did you mean {meant}?", typed, near)
    return row.read(words[1:]) or _hint(row)


def nearest_two(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the two words that look most like one that nobody knows."""
    return tuple(get_close_matches(word, [str(each) for each in known], n=2, cutoff=0))


def _hint(row: CommandSpec) -> Unclear:
    """Say how a command is typed."""
    if not row.takes:
        return Unclear(f"“{row.word}” takes nothing after it: type {row.usage}.")
    example = f", for example {row.example}" if row.example else ""
    return Unclear(f"Type it like this: {row.usage}{example}.")


def help_rows() -> list[tuple[str, str]]:
    """Return how each command is typed, and what it does."""
    return [(row.usage, row.does) for row in COMMANDS]
