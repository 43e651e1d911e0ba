"""Turn notices into posts that people go on reading. Pure: posts and notices in, posts out.

    a notice of                      becomes
    -------------------------------  -----------------------------------------------------------
    something new and critical       a message at once, also at night
    something new, not critical      a message 30 s later; none if it is over before that
    the same, while its store is     nothing that is said before the store is back
      held or does not answer
    the same, in quiet hours         a line of one summary at their end
    the same, beyond so many an hour a line of one "23 more" message
    something that goes on           its message, updated in place; its thread tells each step
    something that gets worse        a new message; the old one points to it
    something that is over           its message: "resolved after 12 min, 3 products"
    a report, a decision             the report's message; who, when, what was written
    mere information                 at once, once a day, or never: as the channel has asked for

One post, the ledger, remembers which stories are open and where they are told. It is never due.
Each notice changes exactly one of the other posts (and perhaps a thread), one after the other, so
that it does not matter in how many pieces they come or where a process is killed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.desk import LINES, Desk
from bot.ledger import LEDGER, needed
from bot.policy import FOREVER, Policy, Quiet
from bot.stories import slim
from sync_core.domain.views import Notice, Post

__all__ = ["LEDGER", "Policy", "Quiet", "fold", "needed", "next_reminder", "remind"]


def fold(
    posts: Mapping[str, Post], notices: Sequence[Notice], *, now: datetime, policy: Policy
) -> list[Post]:
    """Return the posts that notices change, the ledger among them, each one version higher.

    Notices that were folded before change nothing.
    """
    desk = Desk(posts, now=now, policy=policy)
    for notice in sorted(notices, key=lambda each: each.id):
        if notice.id > desk.book["last"]:
            desk.take(notice)
            desk.book["last"] = notice.id
    return desk.changed()


def next_reminder(posts: Mapping[str, Post], *, policy: Policy) -> datetime | None:
    """Return when something severe will have been open for too long, if anything is."""
    desk = Desk(posts, now=FOREVER, policy=policy)
    return min((at for _, at in desk.severe()), default=None)


def remind(posts: Mapping[str, Post], *, now: datetime, policy: Policy) -> list[Post]:
    """Return one message about all that is severe and has been open for four hours or more."""
    desk = Desk(posts, now=now, policy=policy)
    late = [post for post, at in desk.severe() if at <= now]
    if not late:
        return []
    lines = {post.key: slim(post.body) for post in late[:LINES]}
    body = {"lines": lines, "left": len(late) - len(lines)}
    desk.put(f"reminder:{now.isoformat()}", "reminder", body, now)
    desk.book["reminded"] |= {post.key: now.isoformat() for post in late}
    return desk.changed()
