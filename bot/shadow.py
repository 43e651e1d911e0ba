"""The one message about shadow mode, as a post: made, changed as it goes on, and closed. Pure.

shadow mode            the message that we have    then
---------------------  --------------------------  -------------------------------------
is on                  none, or of an earlier one  a new one; the earlier says that it is over
is on, with news       its own                     is changed
is on, nothing new     its own                     nothing
is off                 one that isn't over         says that it is over
is off                 none, or one that is over   nothing
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.policy import AlertPolicy
from sync_core.domain.shadow import ShadowUpdate, ShadowView
from sync_core.domain.views import NEVER_DUE, Post

COUNTED_IN_SHADOW = {"oversold", "presold", "circuit_breaker"}  # no alerts of their own
POINTER = "ledger:shadow"  # the post that names the message
MAX_TITLE_CHARS, MAX_CAUSE_CHARS = 100, 80


def named_in(pointer: Post | None) -> str:
    """Return the key of the message that we have; empty: none."""
    return "" if pointer is None else str(pointer.body["key"])


def shadow_posts(
    posts: Mapping[str, Post], view: ShadowView | None, *, now: datetime, policy: AlertPolicy
) -> list[Post]:
    """Return the posts that shadow mode changes, each one version higher: the table.

    Args:
        posts: The pointer and the message that it names, those of them that there are.
        view: What shadow mode has come to; None: it is off.
        now: Our clock.
        policy: Where it is said.
    """
    pointer = posts.get(POINTER)
    before = posts.get(named_in(pointer))
    key = "" if view is None else f"shadow:{view.since.isoformat()}"
    made = [_over(before, now)] if before is not None and before.key != key else []
    made = [each for each in made if each != before]
    if view is None:
        return made
    body = _body(view)
    if before is not None and before.key == key:
        is_news = _lasting(body) != _lasting(before.body)
        return [replace(before, body=body, due_at=now, version=before.version + 1)] * is_news
    post = Post(key=key, channel=policy.channel, kind="shadow", body=body, due_at=now)
    names = Post(
        key=POINTER,
        channel=policy.channel,
        kind="pointer",
        body={"key": key},
        due_at=NEVER_DUE,
        version=1 if pointer is None else pointer.version + 1,
    )
    return [*made, post, names]


def _over(post: Post, now: datetime) -> Post:
    if post.body.get("over"):
        return post
    body = {**post.body, "over": True, "at": now.isoformat()}
    return replace(post, body=body, due_at=now, version=post.version + 1)


def _lasting(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is news in it: that time passes is none."""
    return {name: fact for name, fact in body.items() if name != "at"}


def _body(view: ShadowView) -> dict[str, Any]:
    """Return it as plain JSON, by the names that a report keeps it by."""
    return {
        "by": view.by,
        "since": view.since.isoformat(),
        "at": view.at.isoformat(),
        "changes": view.changes,
        "wrong": dict(view.wrong),
        "apart": dict(view.apart),
        "latest": [_update(each) for each in view.latest],
    }


def _update(each: ShadowUpdate) -> dict[str, Any]:
    writes = [{"store": one.store, "before": one.before, "after": one.after} for one in each.writes]
    return {
        "at": each.at.isoformat(),
        "title": each.title[:MAX_TITLE_CHARS],
        "store": each.store,
        "delta": each.delta,
        "cause": each.cause[:MAX_CAUSE_CHARS],
        "writes": writes,
    }
