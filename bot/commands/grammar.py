"""The grammar of `/tipo`: one table gives parsing, help, usage hints and "did you mean".

A command is read into a frozen value. What is unclear is a value too, with the sentence to answer:
reading never raises, whatever somebody types.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from bot.commands.arguments import (
    Read,
    Words,
    joined,
    nearest_two,
    read_alerts,
    read_approvers,
    read_buffer,
    read_history,
    read_mode,
    read_nothing,
    read_pack,
    read_quiet,
    read_stock,
    read_takeover,
    read_undo,
)
from bot.commands.requests import (
    CheckNow,
    Command,
    GuessStock,
    Help,
    Pause,
    Resume,
    SetAlerts,
    SetApprovers,
    SetBuffer,
    SetMode,
    SetPack,
    SetQuiet,
    ShowDrift,
    ShowLocations,
    ShowStatus,
    ShowUnmatched,
    TakeOver,
    Unclear,
    Undo,
)
from bot.commands.tokens import MAX_COMMAND_CHARS, tokens_of
from bot.messages.answers import HelpSection

SLIP_SIMILARITY = 0.75  # of two words, from 0 to 1: statsu is status, stocking is not stock


class HelpGroup(StrEnum):
    """What the help puts together, with its headings."""

    SEE = "See stock, and what happened to it"
    CHANGE = "Change what Tipo does"
    SETTINGS = "Settings of alerts and approvals"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """One command of the grammar."""

    word: str
    takes: str = ""  # what comes after the word
    does: str
    example: str = ""
    read: Read
    group: HelpGroup = HelpGroup.CHANGE
    button: str = ""  # of the help's button that gives it as it is: a question, never an order
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


COMMANDS: tuple[CommandSpec, ...] = (
    CommandSpec(
        word="status",
        does="every store: mode, pending changes, delay, open mismatches",
        group=HelpGroup.SEE,
        button="Status",
        read=read_nothing(ShowStatus()),
    ),
    CommandSpec(
        word="mode",
        takes="[two-way | one-way | off] [store] [--shadow]",
        does="show the mode, or change it: you see what it means before you confirm; "
        "with --shadow nothing is written",
        example="/tipo mode two-way",
        button="Mode",
        read=read_mode,
        order=True,
    ),
    CommandSpec(
        word="stock",
        takes="<handle, SKU, barcode or words of the title>",
        does="live numbers of every store, what is expected and what is pending",
        example="/tipo stock slim fit denim jacket",
        group=HelpGroup.SEE,
        read=read_stock,
    ),
    CommandSpec(
        word="why",
        takes="<product>",
        does="why a product has this number: sales, orders, edits, what Tipo wrote",
        example="/tipo why SFDJ-M",
        group=HelpGroup.SEE,
        read=read_history,
    ),
    CommandSpec(
        word="history",
        takes="<product>",
        does="the same as why",
        example="/tipo history SFDJ-M",
        group=HelpGroup.SEE,
        read=read_history,
    ),
    CommandSpec(
        word="check",
        does="compare the stores now, as each night",
        group=HelpGroup.SEE,
        read=read_nothing(CheckNow()),
    ),
    CommandSpec(
        word="drift",
        does="open mismatches, with buttons to fix them",
        group=HelpGroup.SEE,
        button="Open mismatches",
        read=read_nothing(ShowDrift()),
    ),
    CommandSpec(
        word="unmatched",
        does="products with no match in another store, and what to do",
        group=HelpGroup.SEE,
        button="No match",
        read=read_nothing(ShowUnmatched()),
    ),
    CommandSpec(
        word="locations",
        does="which locations share stock, and a form to change it",
        button="Shared locations",
        read=read_nothing(ShowLocations()),
        order=True,
        former_words=("places",),
    ),
    CommandSpec(
        word="buffer",
        takes="<product or all> <units> [store]",
        does="keep units back, so that the last ones aren't sold twice",
        example="/tipo buffer SFDJ-M 2 us",
        read=read_buffer,
        order=True,
    ),
    CommandSpec(
        word="pack",
        takes="<product> <units> [store]",
        does="sell in packs: one in that store is so many units; 1 ends it",
        example="/tipo pack SFDJ-M 6 us",
        read=read_pack,
        order=True,
    ),
    CommandSpec(
        word="pause",
        does="stop writing; sales are still counted",
        read=read_nothing(Pause()),
        order=True,
    ),
    CommandSpec(
        word="resume",
        does="write all pending changes",
        read=read_nothing(Resume()),
        order=True,
    ),
    CommandSpec(
        word="undo",
        takes="<receipt>",
        does="undo one applied fix; sales since then stay",
        example="/tipo undo 12",
        read=read_undo,
        order=True,
    ),
    CommandSpec(
        word="takeover",
        takes="[store]",
        does="write to a store that another Tipo writes to, or after a restored backup; asks first",
        example="/tipo takeover us",
        read=read_takeover,
        order=True,
    ),
    CommandSpec(
        word="approvers",
        takes="[@people and @groups | channel | default]",
        does="who can approve, or change who can",
        example="/tipo approvers @ann @stock-team",
        group=HelpGroup.SETTINGS,
        button="Approvers",
        read=read_approvers,
        order=True,
    ),
    CommandSpec(
        word="quiet",
        takes="[22:00-07:00 | off]",
        does="hours in which only critical alerts are posted",
        example="/tipo quiet 22:00-07:00",
        group=HelpGroup.SETTINGS,
        button="Quiet hours",
        read=read_quiet,
        order=True,
    ),
    CommandSpec(
        word="alerts",
        takes="[all | digest | problems]",
        does="how much is posted in the channel",
        example="/tipo alerts digest",
        group=HelpGroup.SETTINGS,
        button="Alerts",
        read=read_alerts,
        order=True,
    ),
    CommandSpec(
        word="help", does="this list", group=HelpGroup.SETTINGS, read=lambda _words: Help()
    ),
)
BY_WORD = {word: row for row in COMMANDS for word in (row.word, *row.former_words)}


def parse(text: str) -> Command | Unclear:
    """Read what somebody typed after `/tipo`. Never raises."""
    if len(text) > MAX_COMMAND_CHARS:
        return Unclear(f"That is longer than {MAX_COMMAND_CHARS:,} characters. Make it shorter.")
    words = tokens_of(text)
    if words is None:
        return Unclear("A quotation mark isn't closed. Close it, or leave it out.")
    if not joined(words).strip():
        return Help()
    row = None if words[0].quoted else BY_WORD.get(words[0].key)
    if row is None:
        return _guess(words)
    return row.read(words[1:]) or _hint(row)


def _guess(words: Words) -> GuessStock:
    """Take a line for a product's name, and remember which command may have been meant."""
    known = [row.word for row in COMMANDS]
    likely = get_close_matches(words[0].key, known, n=1, cutoff=SLIP_SIMILARITY)
    if likely and not words[0].quoted:
        whole = f"{likely[0]} {joined(words[1:])}".strip()
        return GuessStock(joined(words), (whole,), close=True)
    return GuessStock(joined(words), nearest_two(words[0].key, known))


def _hint(row: CommandSpec) -> Unclear:
    """Say how a command is typed."""
    if not row.takes:
        return Unclear(f"“{row.word}” takes nothing after it: type {row.usage}.")
    example = f", for example {row.example}" if row.example else ""
    return Unclear(f"Type it like this: {row.usage}{example}.")


def help_groups() -> list[HelpSection]:
    """Return what there is: how each command is typed, what it does, and buttons to try."""
    return [_section(each) for each in HelpGroup]


def _section(group: HelpGroup) -> HelpSection:
    rows = [row for row in COMMANDS if row.group is group]
    return HelpSection(
        title=group.value,
        rows=[(row.usage, row.does) for row in rows],
        buttons=[(row.word, row.button) for row in rows if row.button],
    )


RUNNABLE = frozenset(row.word for row in COMMANDS if row.button or row.word == "help")
