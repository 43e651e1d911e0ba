"""The stores' exports beside our levels."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sync_core.domain.discrepancies import ComparisonSummary, Discrepancy
from sync_core.domain.matching import MatchBy
from sync_core.domain.values import Alias, LocationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One location of an export: `l0` is the first column."""

    location_group: int
    location: LocationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to compare."""

    source: Alias
    exports: Mapping[Alias, Path]  # of the source and of each destination
    columns: Mapping[Alias, tuple[Column, ...]]  # as the exports were asked for
    levels: Path  # our own, dumped after the exports were made
    variants: Path
    match_by: MatchBy
    agreeing: bool = False  # tell of levels, too, that are not baselined and agree


class Comparison(Protocol):
    """The stores' exports beside our levels."""

    tally: ComparisonSummary

    def suspects(self) -> AsyncIterator[Sequence[Discrepancy]]:
        """Yield what is not plainly fine, some at a time: levels first, then variants."""


class Comparer(Protocol):
    """Compares files of any size within a bounded memory."""

    def compare(self, question: Question) -> AbstractAsyncContextManager[Comparison]:
        """Compare; what was found can be read as long as the context lasts.

        Raises:
            NotCompared: A file cannot be read, was made for other locations, or it takes too long.
        """
