"""Levels that have to be read, and those that could not be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sync_core.domain.values import Alias, ItemId, LevelId, LocationId, RefreshRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadLevel:
    """A level that could not be read."""

    level: LevelId
    location: LocationId
    attempts: int  # in vain, in a row


class RefreshRepository(Protocol):
    """Levels that have to be read, and those that could not be."""

    def due(
        self, store: Alias, *, now: datetime, limit: int, first_until: datetime | None = None
    ) -> list[RefreshRequest]:
        """Return the refreshes that are due at a store, the longest wanted first.

        With `first_until`: of levels that have no book yet, only those wanted until then.
        """

    def next_at(self, store: Alias, *, first_until: datetime | None = None) -> datetime | None:
        """Return when the next refresh is due, of the same levels."""

    def first_reads(
        self, store: Alias, *, now: datetime, since: datetime, after: LevelId, limit: int
    ) -> list[tuple[LevelId, int, int]]:
        """Return levels without a book whose refresh is due, and was wanted later than `since`.

        Each with its version and its refresh mark, those behind that level, in order.
        """

    def unread(self, store: Alias) -> dict[LevelId, UnreadLevel]:
        """Return the levels of a store that could not be read at the last attempt."""

    def save_unread(self, store: Alias, levels: Sequence[UnreadLevel]) -> None:
        """Note levels that could not be read."""

    def forget_read(self, store: Alias) -> list[UnreadLevel]:
        """Forget levels that await no refresh any more, whoever has read them; return them."""

    def refresh_items(self, store: Alias, items: Iterable[ItemId], *, now: datetime) -> None:
        """Have items looked at that the store says are gone."""
