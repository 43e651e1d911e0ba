"""The posts that notifications change: what each says then, and when it says so."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.incidents.incident import parse_time
from bot.incidents.ledger import LEDGER, load_ledger, tidy
from bot.policy import AlertPolicy
from sync_core.domain.views import NEVER_DUE, Post

UPDATE_DELAY, MAX_UPDATE_DELAY = (
    timedelta(seconds=15),
    timedelta(seconds=45),
)  # updates are gathered that long
NO_DELAY = timedelta()


class PostEditor:
    """The posts that are being changed, the ledger among them."""

    def __init__(self, posts: Mapping[str, Post], *, now: datetime, policy: AlertPolicy) -> None:
        self._given = posts
        self.posts = dict(posts)
        self.now = now
        self.policy = policy
        self.state = load_ledger(posts.get(LEDGER))

    def changed(self) -> list[Post]:
        """Return what has changed, one version higher than it was."""
        self.state = tidy(self.state)
        if self.state != load_ledger(self._given.get(LEDGER)):
            self.put(LEDGER, "ledger", self.state, NEVER_DUE)
        return [
            replace(post, version=self._given[key].version + 1 if key in self._given else 1)
            for key, post in self.posts.items()
            if post != self._given.get(key)
        ]

    def put(
        self, key: str, kind: str, body: Mapping[str, Any], due: datetime, parent: str | None = None
    ) -> None:
        """Write a post, or what it says now."""
        old = self.posts.get(key)
        if old is not None:
            self.posts[key] = replace(old, body=dict(body), due_at=due)
            return
        channel = self.policy.channel
        self.posts[key] = Post(
            key=key, channel=channel, parent=parent, kind=kind, body=dict(body), due_at=due
        )

    def is_new(self, post: Post) -> bool:
        """Whether a post has changed since it was read."""
        return post is not self._given.get(post.key)

    def revise(
        self,
        key: str,
        body: Mapping[str, Any],
        at: datetime,
        at_least: datetime | None = None,
        *,
        within: timedelta = UPDATE_DELAY,
    ) -> None:
        """Change what a post says; changes that come close together are said together."""
        post = self.posts[key]
        if post.due_at == NEVER_DUE or post.sent == 0:
            due = post.due_at  # it has not been said yet: it says the newest when its time comes
        elif post.version > post.sent or self.is_new(post):
            first = parse_time_if_any(post.body.get("waits")) or at
            due, body = (
                min(at + within, first + MAX_UPDATE_DELAY),
                {**body, "waits": first.isoformat()},
            )
        else:
            due, body = at + within, {**body, "waits": at.isoformat()}
        self.put(key, post.kind, body, max(due, at_least) if at_least else due)

    def after_quiet_hours(self, at: datetime, *, asked: bool) -> datetime:
        """Return when something not critical may be said; a person who has asked is awake."""
        return at if asked else self.policy.quiet_until(max(at, self.now)) or at


def parse_time_if_any(words: object) -> datetime | None:
    """Return a moment that a body keeps as text, if it is one."""
    return parse_time(words) if isinstance(words, str) else None


def integer(value: object) -> int:
    """Return a number that a body keeps; what is none counts as 0."""
    return value if isinstance(value, int) else 0
