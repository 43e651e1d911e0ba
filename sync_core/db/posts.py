"""What a face has said, and has still to say, in its channels."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import POST
from sync_core.domain.views import Post
from sync_core.ports import WorkKind
from sync_core.stored import from_json, from_row, to_json

CURSORS = "cursors"  # the setting that says how far streams have become posts
UNSENT = POST.c.sent < POST.c.version


class SqlPosts(SqlRepository):
    def cursors(self) -> dict[str, int]:
        return from_json(self.tx.settings.get(CURSORS) or "{}", dict[str, int])

    def by_key(self, keys: Iterable[str]) -> dict[str, Post]:
        found: dict[str, Post] = {}
        for some in chunks(sorted(set(keys)), 500):
            rows = self.run(select(POST).where(POST.c.key.in_(some)))
            found.update((row.key, from_row(row, Post)) for row in rows)
        return found

    def at(self, channel: str, ts: str) -> Post | None:
        query = select(POST).where(POST.c.ts == ts, POST.c.channel == channel)
        row = self.run(query).first()
        return None if row is None else from_row(row, Post)

    def save(
        self, posts: Sequence[Post], before: Mapping[str, int], after: Mapping[str, int]
    ) -> bool:
        believed = self.tx.settings.get(CURSORS)
        if before != after and from_json(believed or "{}", dict[str, int]) != before:
            return False
        mine = select(POST.c.key, POST.c.version).where(POST.c.key.in_([p.key for p in posts]))
        locked = mine.order_by(POST.c.key).with_for_update()
        known = {row.key: row.version for row in self.run(locked)}
        if any(each.version != known.get(each.key, 0) + 1 for each in posts):
            return False
        if before != after and not self.tx.settings.compare_and_set(
            CURSORS, believed, to_json(after)
        ):
            return False
        number = int(self.run(select(func.coalesce(func.max(POST.c.number), 0))).scalar_one())
        for nth, each in enumerate(posts, start=1):
            if each.key in known:
                self._replace(each)
            else:
                self.run(insert(POST).values(number=number + nth, **_columns(each)))
        if posts:
            self.tx.announce(WorkKind.NOTIFICATIONS)  # the sender may be another process
        return True

    def _replace(self, post: Post) -> None:
        """Keep a new version; what is known of the sent one stays."""
        values = _columns(post)
        for name in ("key", "sent", "ts"):
            del values[name]
        self.run(update(POST).where(POST.c.key == post.key).values(values))

    def unsent(self, *, now: datetime, limit: int) -> list[Post]:
        query = select(POST).where(UNSENT, POST.c.due_at <= now).order_by(POST.c.number)
        return [from_row(row, Post) for row in self.run(query.limit(limit))]

    def next_due(self, after: datetime) -> datetime | None:
        query = select(func.min(POST.c.due_at)).where(UNSENT, POST.c.due_at > after)
        found: datetime | None = self.run(query).scalar_one()
        return found

    def sent(self, key: str, version: int, ts: str, channel: str) -> None:
        mine = update(POST).where(POST.c.key == key, POST.c.sent < version)
        self.run(mine.values(sent=version, ts=ts, channel=channel, why=None))

    def not_sent(self, key: str, why: str, *, until: datetime) -> None:
        self.run(update(POST).where(POST.c.key == key).values(why=why, due_at=until))


def _columns(post: Post) -> dict[str, Any]:
    return {
        "key": post.key,
        "channel": post.channel,
        "parent": post.parent,
        "kind": post.kind,
        "body": post.body,
        "due_at": post.due_at,
        "version": post.version,
        "sent": post.sent,
        "ts": post.ts,
    }
