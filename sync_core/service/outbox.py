"""A face's own rows: what it has said, and has still to say. A restart forgets nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from sync_core.domain.views import Post
from sync_core.ports import WorkKind
from sync_core.service.decisions import ServiceDecisions
from sync_core.workers.context import Wakeup


class ServiceOutbox(ServiceDecisions):
    """The part of the service that keeps posts."""

    async def cursors(self) -> dict[str, int]:
        """Return how far each stream has been turned into posts."""
        return await self._transaction(lambda tx: tx.posts.cursors())

    async def posts(self, keys: Sequence[str]) -> dict[str, Post]:
        """Return posts by key."""
        return await self._transaction(lambda tx: tx.posts.by_key(keys))

    async def post_at(self, channel: str, ts: str) -> Post | None:
        """Return the post that is that message of a channel."""
        return await self._transaction(lambda tx: tx.posts.at(channel, ts))

    async def save_posts(
        self, posts: Sequence[Post], before: Mapping[str, int], after: Mapping[str, int]
    ) -> bool:
        """Keep posts and move the cursors, in one commit, if both are what the caller believed."""
        return await self._transaction(lambda tx: tx.posts.save(posts, before, after))

    async def unsent_posts(self, *, limit: int = 50) -> list[Post]:
        """Return due posts whose last version nobody has sent, the oldest first."""
        now = self._clock.now()
        return await self._transaction(lambda tx: tx.posts.unsent(now=now, limit=limit))

    async def next_due(self, after: datetime) -> datetime | None:
        """Return when the next unsent post is due after a moment; None: there is none."""
        return await self._transaction(lambda tx: tx.posts.next_due(after))

    @contextmanager
    def wakeups(self) -> Iterator[Wakeup]:
        """Give a wakeup that is notified when there may be something to say, while it is open.

        Commands of other processes wake as requests do on SQLite: see db/listener.py.
        """
        wakeup = Wakeup()

        def wake(work: WorkKind) -> None:
            if work in {WorkKind.NOTIFICATIONS, WorkKind.REQUESTS}:
                wakeup.notify()

        with self._database.subscribe(wake):
            yield wakeup

    async def sent(self, key: str, version: int, ts: str, channel: str) -> None:
        """Note that a version is out."""
        await self._transaction(lambda tx: tx.posts.sent(key, version, ts, channel))

    async def failed(self, key: str, version: int, why: str, again_at: datetime) -> None:
        """Note that a post could not be sent, and when to try again."""
        del version  # whatever its version, the post waits
        await self._transaction(lambda tx: tx.posts.not_sent(key, why, until=again_at))

    async def claim(self, name: str, *, lasting: bool = False) -> bool:
        """Whether this is still to be done: of all processes, the first to ask does it."""
        now = self._clock.now()
        return await self._transaction(lambda tx: tx.settings.claim(name, lasting=lasting, now=now))

    async def take_leadership(self, name: str, owner: str, seconds: float) -> bool:
        """Take, or keep, a job that one process does at a time."""
        now = self._clock.now()
        until = now + timedelta(seconds=seconds)
        return await self._transaction(
            lambda tx: tx.settings.take_leadership(name, owner, now=now, until=until)
        )
