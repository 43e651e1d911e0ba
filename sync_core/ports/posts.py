"""Messages of a face in its channels."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sync_core.domain.views import Post


class PostRepository(Protocol):
    """Messages of a face in its channels."""

    def cursors(self) -> dict[str, int]:
        """Return how far each stream has been turned into posts."""

    def by_key(self, keys: Iterable[str]) -> dict[str, Post]:
        """Return posts by key."""

    def at(self, channel: str, ts: str) -> Post | None:
        """Return the post that is that message of a channel."""

    def save(
        self, posts: Sequence[Post], before: Mapping[str, int], after: Mapping[str, int]
    ) -> bool:
        """Keep posts and move the cursors, if both are what the caller believed."""

    def unsent(self, *, now: datetime, limit: int) -> list[Post]:
        """Return due posts whose last version nobody has sent, the oldest first."""

    def next_due(self, after: datetime) -> datetime | None:
        """Return when the next post is due that nobody has sent; None: there is none."""

    def sent(self, key: str, version: int, ts: str, channel: str) -> None:
        """Note that a version is out."""

    def not_sent(self, key: str, why: str, *, until: datetime) -> None:
        """Note that a post could not be sent, and when to try again."""
