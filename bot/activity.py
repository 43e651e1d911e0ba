"""Turn movements into posts: who sold how much of what, and who follows. Pure.

    level     what is said
    --------  ------------------------------------------------------------------------
    all       one message per store and group of movements, details in its thread
    digest    one summary a day
    problems  nothing

A group ends with five minutes of quiet, or after fifteen. Nothing is said when nothing happened.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.policy import ALL, FOREVER, PROBLEMS, Policy
from sync_core.domain.views import Moved, Post

__all__ = ["LEDGER", "fold", "needed"]

LEDGER = "ledger:activity"
FIRST = timedelta(seconds=30)
SOON, LATEST = timedelta(seconds=15), timedelta(seconds=45)
QUIET, LONGEST = timedelta(minutes=5), timedelta(minutes=15)
PRODUCTS = 5_000  # that one message tells apart
PAGE, PAGES = 40, 10  # movements of a page, pages of a thread
TITLE, CAUSE = 100, 80


def needed(ledger: Post | None) -> list[str]:
    """Return the keys of the posts that fold() has to see, besides the ledger."""
    book = _book(ledger)
    keys = set(book["days"])
    for group in book["groups"].values():
        keys |= {group["key"], *(_page_key(group["key"], page) for page in range(group["pages"]))}
    return sorted(keys)


def fold(
    posts: Mapping[str, Post], moved: Sequence[Moved], *, now: datetime, policy: Policy
) -> list[Post]:
    """Return the posts that movements change, the ledger among them, each one version higher.

    Movements that were folded before change nothing.
    """
    tally = Tally(posts, now=now, policy=policy)
    for each in sorted(moved, key=lambda one: one.id):
        if each.id > tally.book["last"]:
            tally.take(each)
            tally.book["last"] = each.id
    return tally.changed()


def act_of(delta: int, cause: str) -> str:
    """Return what people did, as one of our words: sold, refunded, restocked, changed."""
    words = cause.lower()
    if "refund" in words or "cancelled" in words:
        return "refunded"
    if "order" in words and delta < 0:
        return "sold"
    return "restocked" if delta > 0 else "changed"


def _book(ledger: Post | None) -> dict[str, Any]:
    kept = json.loads(json.dumps(ledger.body)) if ledger else {}
    return {"last": 0, "groups": {}, "days": [], **kept}


def _page_key(parent: str, page: int) -> str:
    return f"{parent}/{page}"


class Tally:
    """Where movements are counted."""

    def __init__(self, posts: Mapping[str, Post], *, now: datetime, policy: Policy) -> None:
        self._given = posts
        self._posts = dict(posts)
        self._now = now
        self._policy = policy
        self.book = _book(posts.get(LEDGER))

    def changed(self) -> list[Post]:
        """Return what has changed, one version higher than it was."""
        if self.book != _book(self._given.get(LEDGER)):
            self._put(LEDGER, "ledger", self.book, FOREVER)
        return [
            replace(post, version=self._given[key].version + 1 if key in self._given else 1)
            for key, post in self._posts.items()
            if post != self._given.get(key)
        ]

    def take(self, moved: Moved) -> None:
        """Count one movement where it belongs."""
        if self._policy.level == PROBLEMS:
            return
        if self._policy.level == ALL:
            self._group(moved)
        else:
            self._day(moved)

    def _put(
        self, key: str, kind: str, body: Mapping[str, Any], due: datetime, parent: str | None = None
    ) -> None:
        old = self._posts.get(key)
        if old is not None:
            self._posts[key] = replace(old, body=dict(body), due_at=due)
            return
        channel = self._policy.channel
        self._posts[key] = Post(
            key=key, channel=channel, parent=parent, kind=kind, body=dict(body), due_at=due
        )

    # -- level: all
    def _group(self, moved: Moved) -> None:
        """Count a movement in the group of its store, or begin one."""
        group = self.book["groups"].get(moved.store)
        if group is None or not _belongs(group, moved):
            key = f"activity:{moved.store}:{moved.id}"
            group = {"key": key, "begun": moved.at.isoformat(), "pages": 0}
            self.book["groups"][moved.store] = group
        group["until"] = moved.at.isoformat()
        post = self._posts.get(group["key"])
        body = counted(post.body if post else self._empty(moved), moved)
        if post is None:
            due = moved.at + FIRST
            due = self._policy.quiet_until(max(due, self._now)) or due
            self._put(group["key"], "activity", body, due)
        else:
            self._say(post, body, moved.at)
        self._detail(group, moved)

    def _empty(self, moved: Moved) -> dict[str, Any]:
        """Return a group that counts nothing yet."""
        others = [each for each in self._policy.stores if each != moved.store]
        return {"store": moved.store, "others": others, "begun": moved.at.isoformat()}

    def _say(self, post: Post, body: Mapping[str, Any], at: datetime) -> None:
        """Change a message; changes that come close together are said together."""
        due = post.due_at
        if post.sent:
            is_waiting = post.version > post.sent or post is not self._given.get(post.key)
            # Slack may have got an older version while this one waited: then nothing is noted yet.
            waits = body.get("waits") if is_waiting else None
            first = datetime.fromisoformat(waits) if isinstance(waits, str) else at
            due = min(at + SOON, first + LATEST)
            body = {**body, "waits": first.isoformat()}
        self._put(post.key, post.kind, body, due)

    def _detail(self, group: dict[str, Any], moved: Moved) -> None:
        """Write a movement into the thread of its group, as long as anybody reads on."""
        at = max(group["pages"] - 1, 0)
        page = self._posts.get(_page_key(group["key"], at))
        rows: Any = page.body["rows"] if page is not None else []
        if len(rows) >= PAGE:
            at, rows = at + 1, []
        if at >= PAGES:
            return
        line = [
            moved.at.isoformat(),
            moved.title[:TITLE],
            moved.delta,
            moved.cause[:CAUSE],
            moved.counted,
        ]
        due = self._posts[group["key"]].due_at
        key = _page_key(group["key"], at)
        self._put(key, "activity_thread", {"rows": [*rows, line]}, due, parent=group["key"])
        group["pages"] = at + 1

    # -- level: digest
    def _day(self, moved: Moved) -> None:
        """Count a movement in the summary of its day."""
        due = self._policy.next(self._policy.digest_at, moved.at)
        key = f"summary:{due:%Y-%m-%dT%H:%M}"
        post = self._posts.get(key)
        if key not in self.book["days"]:
            self.book["days"] = [*self.book["days"], key][-10:]
        body: dict[str, Any] = dict(post.body) if post else {"stores": {}, "until": due.isoformat()}
        stores = dict(body["stores"])
        stores[moved.store] = counted(stores.get(moved.store, {}), moved)
        self._put(key, "summary", {**body, "stores": stores}, post.due_at if post else due)


def _belongs(group: Mapping[str, Any], moved: Moved) -> bool:
    """Whether a movement still belongs to a group."""
    begun, until = (datetime.fromisoformat(group[each]) for each in ("begun", "until"))
    return moved.at - until <= QUIET and moved.at - begun <= LONGEST


def counted(body: Mapping[str, Any], moved: Moved) -> dict[str, Any]:
    """Return counts with one movement more: units by act, products, the newest moment."""
    act = act_of(moved.delta, moved.cause)
    acts = dict(body.get("acts", {}))
    acts[act] = acts.get(act, 0) + abs(moved.delta)
    products = list(body.get("products", []))
    further = body.get("further", False)
    if moved.pool not in products:
        if len(products) < PRODUCTS:
            products.append(moved.pool)
        else:
            further = True
    return {
        **body,
        "acts": acts,
        "products": products,
        "further": further,
        "movements": body.get("movements", 0) + 1,
        "followed": body.get("followed", False) or moved.counted != 0,
        "until": moved.at.isoformat(),
        "title": moved.title[:TITLE],
        "cause": moved.cause[:CAUSE],
    }
