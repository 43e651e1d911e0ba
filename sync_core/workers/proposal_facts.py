"""What of its facts a proposal is carried out by, for each kind of proposal.

The facts are what was shown: an open mapping, of which frontends show what they find. These are the
parts that decide what is written.
"""

from typing import TypeVar

import msgspec

from sync_core.domain.proposals import Proposal
from sync_core.domain.values import Alias, ItemId, LevelId, Mode, PoolId
from sync_core.stored import from_plain

T = TypeVar("T")


class LevelFacts(msgspec.Struct, frozen=True):
    """Of a fix on a level: what a person saw."""

    level: LevelId
    saw: dict[LevelId, int | None]
    shared: int | None  # what the pool had agreed on


class LinkFacts(msgspec.Struct, frozen=True):
    """Of a fix that links: variants that are one product."""

    link: dict[Alias, ItemId]


class ModeFacts(msgspec.Struct, frozen=True):
    """Of a change of mode: to what, and what was there before."""

    mode: Mode
    before: dict[Alias, Mode]


class PoolToRepack(msgspec.Struct, frozen=True):
    """A pool whose pack sizes change: what a person saw of it."""

    pool: PoolId
    shared: int | None
    saw: dict[LevelId, int | None]


class PackFacts(msgspec.Struct, frozen=True):
    """Of a pack size."""

    pack: int
    pools: tuple[PoolToRepack, ...]


class UndoFacts(msgspec.Struct, frozen=True):
    """Of an undo: which receipt is taken back."""

    receipt: int


class SubjectFacts(msgspec.Struct, frozen=True):
    """Of a question about a finding, a safety stop for one: its subject."""

    subject: str = ""


def facts_of(proposal: Proposal, kind: type[T]) -> T:
    """Return what a proposal is carried out by.

    Raises:
        UnreadableValue: If that is not in its facts.
    """
    return from_plain(proposal.facts, kind)
