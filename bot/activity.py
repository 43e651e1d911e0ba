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

from bot.policy import ALL, PROBLEMS, AlertPolicy
from sync_core.domain.views import NEVER_DUE, MovementView, Post

__all__ = ["LEDGER", "aggregate_movements", "needed_posts"]

LEDGER = "ledger:activity"
INITIAL_DELAY = timedelta(seconds=30)
UPDATE_DELAY, MAX_UPDATE_DELAY = timedelta(seconds=15), timedelta(seconds=45)
GROUP_ENDS_AFTER_QUIET, MAX_GROUP_DURATION = timedelta(minutes=5), timedelta(minutes=15)
MAX_PRODUCTS = 5_000  # that one message tells apart
ROWS_PER_PAGE, MAX_PAGES = 40, 10  # movements of a page, pages of a thread
MAX_TITLE_CHARS, MAX_CAUSE_CHARS, MAX_PAGE_CHARS = 100, 80, 200


def needed_posts(ledger: Post | None) -> list[str]:
    """Return the keys of the posts that aggregate_movements() reads, besides the ledger."""
    state = _load_ledger(ledger)
    keys = set(state["days"])
    for group in state["groups"].values():
        keys |= {group["key"], *(_page_key(group["key"], page) for page in range(group["pages"]))}
    return sorted(keys)


def aggregate_movements(
    posts: Mapping[str, Post], moved: Sequence[MovementView], *, now: datetime, policy: AlertPolicy
) -> list[Post]:
    """Return the posts that movements change, the ledger among them, each one version higher.

    Movements that were added before change nothing.
    """
    aggregator = ActivityAggregator(posts, now=now, policy=policy)
    for each in sorted(moved, key=lambda one: one.id):
        if each.id > aggregator.state["last"]:
            aggregator.add(each)
            aggregator.state["last"] = each.id
    return aggregator.changed()


def kind_of_change(delta: int, cause: str) -> str:
    """Return what people did, as one of our words: sold, refunded, restocked, changed."""
    words = cause.lower()
    if "refund" in words or "cancelled" in words:
        return "refunded"
    if "order" in words and delta < 0:
        return "sold"
    return "restocked" if delta > 0 else "changed"


def _load_ledger(ledger: Post | None) -> dict[str, Any]:
    kept = json.loads(json.dumps(ledger.body)) if ledger else {}
    return {"last": 0, "groups": {}, "days": [], **kept}


def _page_key(parent: str, page: int) -> str:
    return f"{parent}/{page}"


class ActivityAggregator:
    """Where movements are counted."""

    def __init__(self, posts: Mapping[str, Post], *, now: datetime, policy: AlertPolicy) -> None:
        self._given = posts
        self._posts = dict(posts)
        self._now = now
        self._policy = policy
        self.state = _load_ledger(posts.get(LEDGER))

    def changed(self) -> list[Post]:
        """Return what has changed, one version higher than it was."""
        if self.state != _load_ledger(self._given.get(LEDGER)):
            self._put(LEDGER, "ledger", self.state, NEVER_DUE)
        return [
            replace(post, version=self._given[key].version + 1 if key in self._given else 1)
            for key, post in self._posts.items()
            if post != self._given.get(key)
        ]

    def add(self, moved: MovementView) -> None:
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
    def _group(self, moved: MovementView) -> None:
        """Count a movement in the group of its store, or begin one."""
        group = self.state["groups"].get(moved.store)
        if group is None or not _belongs(group, moved):
            key = f"activity:{moved.store}:{moved.id}"
            group = {"key": key, "begun": moved.at.isoformat(), "pages": 0}
            self.state["groups"][moved.store] = group
        group["until"] = moved.at.isoformat()
        post = self._posts.get(group["key"])
        body = with_movement(post.body if post else self._empty(moved), moved)
        if post is None:
            due = moved.at + INITIAL_DELAY
            due = self._policy.quiet_until(max(due, self._now)) or due
            self._put(group["key"], "activity", body, due)
        else:
            self._revise(post, body, moved.at)
        self._detail(group, moved)

    def _empty(self, moved: MovementView) -> dict[str, Any]:
        """Return a group that counts nothing yet."""
        others = [each for each in self._policy.stores if each != moved.store]
        return {"store": moved.store, "others": others, "begun": moved.at.isoformat()}

    def _revise(self, post: Post, body: Mapping[str, Any], at: datetime) -> None:
        """Change a message; changes that come close together are said together."""
        due = post.due_at
        if post.sent:
            is_waiting = post.version > post.sent or post is not self._given.get(post.key)
            # Slack may have got an older version while this one waited: then nothing is noted yet.
            waits = body.get("waits") if is_waiting else None
            first = datetime.fromisoformat(waits) if isinstance(waits, str) else at
            due = min(at + UPDATE_DELAY, first + MAX_UPDATE_DELAY)
            body = {**body, "waits": first.isoformat()}
        self._put(post.key, post.kind, body, due)

    def _detail(self, group: dict[str, Any], moved: MovementView) -> None:
        """Write a movement into the thread of its group, as long as anybody reads on."""
        at = max(group["pages"] - 1, 0)
        page = self._posts.get(_page_key(group["key"], at))
        rows: Any = page.body["rows"] if page is not None else []
        if len(rows) >= ROWS_PER_PAGE:
            at, rows = at + 1, []
        if at >= MAX_PAGES:
            return
        line = [
            moved.at.isoformat(),
            moved.title[:MAX_TITLE_CHARS],
            moved.delta,
            moved.cause[:MAX_CAUSE_CHARS],
            moved.counted,
            moved.page[:MAX_PAGE_CHARS],
        ]
        due = self._posts[group["key"]].due_at
        key = _page_key(group["key"], at)
        self._put(key, "activity_thread", {"rows": [*rows, line]}, due, parent=group["key"])
        group["pages"] = at + 1

    # -- level: digest
    def _day(self, moved: MovementView) -> None:
        """Count a movement in the summary of its day."""
        due = self._policy.next(self._policy.digest_at, moved.at)
        key = f"summary:{due:%Y-%m-%dT%H:%M}"
        post = self._posts.get(key)
        if key not in self.state["days"]:
            self.state["days"] = [*self.state["days"], key][-10:]
        body: dict[str, Any] = dict(post.body) if post else {"stores": {}, "until": due.isoformat()}
        stores = dict(body["stores"])
        stores[moved.store] = with_movement(stores.get(moved.store, {}), moved)
        self._put(key, "summary", {**body, "stores": stores}, post.due_at if post else due)


def _belongs(group: Mapping[str, Any], moved: MovementView) -> bool:
    """Whether a movement still belongs to a group."""
    begun, until = (datetime.fromisoformat(group[each]) for each in ("begun", "until"))
    return moved.at - until <= GROUP_ENDS_AFTER_QUIET and moved.at - begun <= MAX_GROUP_DURATION


def with_movement(body: Mapping[str, Any], moved: MovementView) -> dict[str, Any]:
    """Return counts with one movement more: units by act, products, the newest moment."""
    change = kind_of_change(moved.delta, moved.cause)
    changes = dict(body.get("acts", {}))
    changes[change] = changes.get(change, 0) + abs(moved.delta)
    products = list(body.get("products", []))
    further = body.get("further", False)
    if moved.pool not in products:
        if len(products) < MAX_PRODUCTS:
            products.append(moved.pool)
        else:
            further = True
    return {
        **body,
        "acts": changes,
        "products": products,
        "further": further,
        "movements": body.get("movements", 0) + 1,
        "followed": body.get("followed", False) or moved.counted != 0,
        "until": moved.at.isoformat(),
        "title": moved.title[:MAX_TITLE_CHARS],
        "cause": moved.cause[:MAX_CAUSE_CHARS],
    }
