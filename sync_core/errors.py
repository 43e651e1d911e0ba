"""Everything the core raises on purpose.

TipoError
├── BadSettings       a setting is missing or wrong; says which and what to write
├── NotAllowed        somebody asked for what the rules forbid
│   └── IllegalStep   a proposal cannot go that way
├── DatabaseTooNew    written by a newer Tipo; this one must not touch it
├── NoDatabase        the database cannot be reached or written, or takes too long: try again later
├── NotBackedUp       the database can't be copied there; nothing was left behind
├── NotRestored       a backup can't take the database's place; nothing was replaced
├── UnreadableValue   a stored value is not of its kind; the rest goes on without it
├── NotCompared       the stores' exports cannot be compared; nothing follows from them
└── StoreError        a store did not do what we asked
    ├── NoAnswer      it may have happened: send the same bytes again
    ├── NotSent       it certainly did not happen: try again later
    │   └── Throttled the store's budget is used up: wait `wait` seconds
    ├── StillRunning  the same key is being worked on: wait, then the same bytes again
    ├── KeySpent      nothing happened under this key and nothing will: send under a new key
    ├── KeyMisused    the store knows the key with other bytes: our own fault, stop
    ├── RowsRefused   nothing happened: take these rows out, send the rest
    ├── Refused       nothing happened, and asking again will not help
    │   └── BatchRefused  nor did anything happen under this key at any earlier time
    ├── MarkChanged   nothing happened: somebody else has written the store's mark since we read it
    ├── AccessLost    the token is dead or lacks a scope: hold the store, tell people once
    │   └── NotPermitted the token is alive, but may not do this
    └── WrongShop     another shop answers at this address: hold the store
"""

from collections.abc import Mapping

MASK = "•••"  # stands for a secret
MAX_FOREIGN_CHARS = 256  # characters of somebody else's text that we pass on


def cut(text: str) -> str:
    """Return a foreign text as one printable line of at most 256 characters."""
    line = " ".join(
        "".join(c if c.isprintable() else " " for c in text[: 4 * MAX_FOREIGN_CHARS]).split()
    )
    return line if len(line) <= MAX_FOREIGN_CHARS else line[: MAX_FOREIGN_CHARS - 1] + "…"


def reason(exc: BaseException) -> str:
    """Return why something failed, in one line: the kind, and the first line of what it said.

    Databases write the statement and its values, which are somebody's data, into further lines.
    """
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    said = str(exc).partition("\n")[0]
    return cut(f"{type(exc).__name__}: {said}" if said else type(exc).__name__)


class TipoError(Exception):
    """Something that Tipo says on purpose."""


class BadSettings(TipoError):
    """A setting is missing or wrong."""


class UnreadableValue(TipoError):
    """What is stored is no value that any Tipo has stored."""


class NotAllowed(TipoError):
    """Somebody asked for what the rules forbid."""


class IllegalStep(NotAllowed):
    """A proposal cannot go that way."""


class DatabaseTooNew(TipoError):
    """The database was written by a newer Tipo."""


class NoDatabase(TipoError):
    """The database cannot be reached or written, or takes too long; nothing is the work's fault."""


class NotBackedUp(TipoError):
    """The database could not be copied."""


class NotRestored(TipoError):
    """A backup could not take the place of the database; nothing was replaced."""


class NotCompared(TipoError):
    """The stores' exports could not be compared."""


class StoreError(TipoError):
    """A store did not do what we asked."""


class NoAnswer(StoreError):
    """No answer, or none that can be read: it may have happened."""


class NotSent(StoreError):
    """It did not reach the store, or the store said so: it did not happen."""


class Throttled(NotSent):
    """The store's budget is used up."""

    def __init__(self, message: str, *, wait: float) -> None:
        super().__init__(message)
        self.wait = wait  # seconds


class StillRunning(StoreError):
    """The same key is being worked on right now."""


class KeySpent(StoreError):
    """An earlier attempt under this key failed for good; nothing was written."""


class KeyMisused(StoreError):
    """The store knows this key with other parameters."""


class RowsRefused(StoreError):
    """The store refuses some rows of a batch; nothing of the batch was written."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__("; ".join(f"row {row}: {why}" for row, why in reasons.items()))
        self.reasons = dict(reasons)  # row number in the batch, from 0 → the store's words


class Refused(StoreError):
    """The store refuses the request as such; nothing happened."""


class BatchRefused(Refused):
    """The store has looked at a batch under its key and refuses it; nothing of it was written."""


class AccessLost(StoreError):
    """The store does not accept our token, or not for this."""


class NotPermitted(AccessLost):
    """The store accepts our token, but not for this."""


class MarkChanged(StoreError):
    """Somebody else has written the mark that the store holds since we read it."""


class WrongShop(StoreError):
    """Another shop than the one we know answers at this address."""
