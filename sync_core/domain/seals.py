"""A seal for each day: what was recorded by then, as a hash over it and the day's before.

    a seal's digest = SHA-256 of [format, day, digest of the seal before, where it ends, contents]

where the contents hold, for each kind of row, how many there are and a SHA-256 over them in order.
A row is a line of JSON: numbers, texts, times as microseconds since 1970; so it does not depend on
the database, nor on what a column is called. Whoever changes what a sealed column *holds* must give
the old word back here, or make a new format and keep this one.

Which rows a seal covers is a matter of their numbers, never of a clock: what is recorded late, with
a clock that was set back or for yesterday, has a number behind the line and is in the next seal.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

FORMAT = 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NO_DIGEST = ""  # the digest before the first seal

Value = str | int | bool | datetime | None


class SealedKind(StrEnum):
    """What is sealed."""

    MOVEMENTS = "movements"
    RECEIPTS = "receipts"
    EFFECTS = "effects"
    ADJUSTMENTS = "adjustments"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedContent:
    """All rows of one kind within one seal."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A line in each table, and, once it is closed, what is between it and the line before."""

    id: int
    day: str  # the last that is in it: 2026-11-24, UTC
    previous: int  # the number of the seal before; 0: this is the first
    format: int
    drawn_at: datetime
    lines: Mapping[SealedKind, int]  # the last number of each kind that is in it
    contents: Mapping[SealedKind, SealedContent] = field(default_factory=dict)
    open: tuple[int, ...] = ()  # adjustments that were open when it was closed: in the next one
    oldest: datetime | None = None  # when the first of its adjustments was closed
    digest: str | None = None  # None: it is not closed yet


class Digester:
    """A hash over rows, in order."""

    def __init__(self) -> None:
        self._hash = sha256()
        self._rows = 0

    def add(self, rows: Iterable[Sequence[Value]]) -> None:
        """Take some rows in."""
        for row in rows:
            self._hash.update(line(row))
            self._rows += 1

    def content(self) -> SealedContent:
        """Return what was taken in."""
        return SealedContent(rows=self._rows, digest=self._hash.hexdigest())


def line(row: Sequence[Value]) -> bytes:
    """Return one row as it is hashed."""
    plain = [_microseconds(each) if isinstance(each, datetime) else each for each in row]
    return json.dumps(plain, separators=(",", ":")).encode() + b"\n"


def _microseconds(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def digest_of(seal: Seal, before: str) -> str:
    """Return the digest of a seal, given the one before."""
    contents = [
        [kind.value, seal.lines[kind], found.rows, found.digest]
        for kind, found in sorted(seal.contents.items())
    ]
    oldest = None if seal.oldest is None else _microseconds(seal.oldest)
    words = [
        *(seal.format, seal.day, before, _microseconds(seal.drawn_at)),
        *(contents, list(seal.open), oldest),
    ]
    return sha256(json.dumps(words, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlteredSeal:
    """The first day that is not what was sealed."""

    day: str
    what: str  # a kind of row, or the seal itself
    sealed: int | None = None  # rows
    found: int | None = None


def check_chain(seal: Seal, before: Seal | None) -> AlteredSeal | None:
    """Return what is wrong with a closed seal itself, if anything is."""
    is_next = seal.previous == (0 if before is None else before.id)
    known = NO_DIGEST if before is None else before.digest or NO_DIGEST
    if is_next and seal.digest == digest_of(seal, known):
        return None
    return AlteredSeal(day=seal.day, what="seal")


def check_contents(seal: Seal, found: Mapping[SealedKind, SealedContent]) -> AlteredSeal | None:
    """Return the first kind of which a seal's day has other rows now; only what was found."""
    for kind, now in found.items():
        sealed = seal.contents.get(kind)
        if sealed != now:
            rows = None if sealed is None else sealed.rows
            return AlteredSeal(day=seal.day, what=kind.value, sealed=rows, found=now.rows)
    return None
