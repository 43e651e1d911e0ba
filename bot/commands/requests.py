"""What somebody may ask for by a command: a frozen value each, and one for what is unclear."""

from dataclasses import dataclass
from datetime import time
from enum import StrEnum

from sync_core.domain.values import Alias, Mode


class AlertLevel(StrEnum):
    """How much the channel is told."""

    ALL = "all"
    DIGEST = "digest"
    PROBLEMS = "problems"


@dataclass(frozen=True, slots=True)
class Help:
    """Show what there is."""


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """Show everything at a glance."""


@dataclass(frozen=True, slots=True)
class ShowMode:
    """Show the mode of each connection."""


@dataclass(frozen=True, slots=True)
class SetMode:
    """Change the mode of every connection, or of one, after a preflight."""

    mode: Mode
    alias: Alias | None = None
    shadow: bool = False  # nothing is written


@dataclass(frozen=True, slots=True)
class FindStock:
    """Show what each store has of a product."""

    words: str


@dataclass(frozen=True, slots=True)
class GuessStock:
    """No command begins like that: look for a product of that name.

    A product wins over a slip of the finger; where there is none, commands are offered.
    """

    words: str
    nearest: tuple[str, ...]  # what may have been meant, without `/tipo`
    close: bool = False  # it is most likely a slip of the finger


@dataclass(frozen=True, slots=True)
class ShowHistory:
    """Tell who moved what, and what Tipo wrote."""

    words: str


@dataclass(frozen=True, slots=True)
class CheckNow:
    """Compare the stores now."""


@dataclass(frozen=True, slots=True)
class ShowDrift:
    """Show what stands, with fresh buttons."""


@dataclass(frozen=True, slots=True)
class ShowUnmatched:
    """Show what shares its stock with nobody."""


@dataclass(frozen=True, slots=True)
class ShowLocations:
    """Show the location map, to be changed."""


@dataclass(frozen=True, slots=True)
class SetBuffer:
    """Keep units back from a store."""

    words: str | None  # None: every product, and those to come
    units: int
    alias: Alias | None = None


@dataclass(frozen=True, slots=True)
class SetPack:
    """Count one of a store's own as several shared units."""

    words: str
    units: int
    alias: Alias | None = None


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Ask whether to write to stores that another Tipo writes to."""

    alias: Alias | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop writing, go on counting."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Write the sum of what is pending."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Take back what a receipt did."""

    receipt: int


@dataclass(frozen=True, slots=True)
class ShowApprovers:
    """Show who may approve."""


@dataclass(frozen=True, slots=True)
class SetApprovers:
    """Say who may approve."""

    ids: tuple[str, ...] | None  # None: whom the settings name; empty: members of the channel


@dataclass(frozen=True, slots=True)
class ShowQuiet:
    """Show the quiet hours."""


@dataclass(frozen=True, slots=True)
class SetQuiet:
    """Set the quiet hours, or end them."""

    hours: tuple[time, time] | None


@dataclass(frozen=True, slots=True)
class ShowAlerts:
    """Show how much the channel is told."""


@dataclass(frozen=True, slots=True)
class SetAlerts:
    """Say how much the channel is told."""

    level: AlertLevel


@dataclass(frozen=True, slots=True)
class Unclear:
    """What was typed is no command; the sentence says why and what to type.

    The sentence may quote what somebody typed: escape it wherever it is shown.
    """

    sentence: str


Command = (
    Help
    | ShowStatus
    | ShowMode
    | SetMode
    | FindStock
    | GuessStock
    | ShowHistory
    | CheckNow
    | ShowDrift
    | ShowUnmatched
    | ShowLocations
    | SetBuffer
    | SetPack
    | TakeOver
    | Pause
    | Resume
    | Undo
    | ShowApprovers
    | SetApprovers
    | ShowQuiet
    | SetQuiet
    | ShowAlerts
    | SetAlerts
)
