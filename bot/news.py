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
    a newer report, or whatever      the report's message: what it still offers, or "outdated" and
      else changes what is open        a link to the latest
    mere information                 at once, once a day, or never: as the channel has asked for

One post, the ledger, remembers which stories are open and where they are told. It is never due.
Each notice changes exactly one of the other posts (and perhaps a thread), one after the other, so
that it does not matter in how many pieces they come or where a process is killed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.desk import LINES, Desk, Standing
from bot.ledger import LEDGER, needed, read
from bot.policy import FOREVER, Policy, Quiet
from bot.stories import slim
from sync_core.domain.views import Notice, Post

__all__ = [
    "LEDGER",
    "Policy",
    "Quiet",
    "Standing",
    "fold",
    "needed",
    "next_reminder",
    "open_reports",
    "redraw",
    "remind",
]


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


def open_reports(ledger: Post | None) -> list[str]:
    """Return the keys of reports' messages that may still offer something."""
    return list(read(ledger)["reports"])


def redraw(
    posts: Mapping[str, Post],
    standings: Mapping[str, Standing | None],
    *,
    now: datetime,
    policy: Policy,
) -> list[Post]:
    """Return the messages of reports that have to say something else now; None: it is gone."""
    desk = Desk(posts, now=now, policy=policy)
    for key in open_reports(posts.get(LEDGER)):
        if key in standings:
            desk.redraw(key, standings[key])
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
