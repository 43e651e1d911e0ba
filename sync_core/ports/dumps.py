"""Whole tables, given away some rows at a time."""

from collections.abc import Sequence
from typing import Protocol

LevelDumpRow = tuple[
    int, int, int, str, int, int, bool, bool, bool, int | None, int, int, int, str, str, int | None
]
"""A level as it is dumped for a comparison: level, pool, location group, store, item, location,
is_source, counts, baselined, book, buffer, pack, withheld, suspended, busy, shared; no word where
nothing is the matter.
"""


VariantDumpRow = tuple[str, int, str, str, str, str]
"""A variant as it is dumped for a comparison: store, item, handle, sku, policy, key."""


class DumpRepository(Protocol):
    """Whole tables, given away some rows at a time."""

    def levels(self, *, after: int, limit: int) -> Sequence[LevelDumpRow]:
        """Return the levels whose number is greater, in order."""

    def variants(self, *, after: tuple[str, int], limit: int) -> Sequence[VariantDumpRow]:
        """Return the variants behind that store and item, in order."""
