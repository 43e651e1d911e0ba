"""What a face has said, and has still to say, in its channels."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from sync_core.db.repository import SqlRepository, chunks
from sync_core.db.tables import POST
from sync_core.domain.views import Post

CURSORS = "cursors"  # the setting that says how far streams have become posts
UNSENT = POST.c.sent < POST.c.version


class SqlPosts(SqlRepository):
    """Messages of a face in its channels."""

    def cursors(self) -> dict[str, int]:
        """Return how far each stream has been turned into posts."""
        return dict(json.loads(self.tx.settings.setting(CURSORS) or "{}"))

    def posts(self, keys: Iterable[str]) -> dict[str, Post]:
        """Return posts by key."""
        found: dict[str, Post] = {}
        for some in chunks(sorted(set(keys)), 500):
            rows = self.run(select(POST).where(POST.c.key.in_(some)))
            found.update((row.key, _post(row)) for row in rows)
        return found

    def post_at(self, channel: str, ts: str) -> Post | None:
        """Return the post that is that message of a channel."""
        query = select(POST).where(POST.c.ts == ts, POST.c.channel == channel)
        row = self.run(query).first()
        return None if row is None else _post(row)

    def save_posts(
        self, posts: Sequence[Post], before: Mapping[str, int], after: Mapping[str, int]
    ) -> bool:
        """Keep posts and move the cursors, if both are what the caller believed."""
        believed = self.tx.settings.setting(CURSORS)
        if before != after and dict(json.loads(believed or "{}")) != dict(before):
            return False
        mine = select(POST.c.key, POST.c.version).where(POST.c.key.in_([p.key for p in posts]))
        locked = mine.order_by(POST.c.key).with_for_update()
        known = {row.key: row.version for row in self.run(locked)}
        if any(each.version != known.get(each.key, 0) + 1 for each in posts):
            return False
        if before != after and not self.tx.settings.compare_and_set(
            CURSORS, believed, json.dumps(dict(after))
        ):
            return False
        number = int(self.run(select(func.coalesce(func.max(POST.c.number), 0))).scalar_one())
        for place, each in enumerate(posts, start=1):
            if each.key in known:
                self._replace(each)
            else:
                self.run(insert(POST).values(number=number + place, **_columns(each)))
        return True

    def _replace(self, post: Post) -> None:
        """Keep a new version; what is known of the sent one stays."""
        values = _columns(post)
        for name in ("key", "sent", "ts"):
            del values[name]
        self.run(update(POST).where(POST.c.key == post.key).values(values))

    def unsent_posts(self, *, now: datetime, limit: int) -> list[Post]:
        """Return due posts whose last version nobody has sent, the oldest first."""
        query = select(POST).where(UNSENT, POST.c.due_at <= now).order_by(POST.c.number)
        return [_post(row) for row in self.run(query.limit(limit))]

    def sent(self, key: str, version: int, ts: str, channel: str) -> None:
        """Note that a version is out."""
        mine = update(POST).where(POST.c.key == key, POST.c.sent < version)
        self.run(mine.values(sent=version, ts=ts, channel=channel, why=None))

    def not_sent(self, key: str, why: str, *, until: datetime) -> None:
        """Note that a post could not be sent, and when to try again."""
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


def _post(row: Row[Any]) -> Post:
    return Post(
        key=row.key,
        channel=row.channel,
        parent=row.parent,
        kind=row.kind,
        body=row.body,
        due_at=row.due_at,
        version=row.version,
        sent=row.sent,
        ts=row.ts,
    )
