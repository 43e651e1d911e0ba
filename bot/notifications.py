"""Turn notifications into posts that people go on reading. Pure: notifications in, posts out.

    a notification of                      becomes
    -------------------------------  -----------------------------------------------------------
    something new and critical       a message at once, also at night
    something new, not critical      a message 30 s later; none if it is over before that
    the same, while its store is     nothing that is said before the store is back
      blocked or does not answer
    missed webhooks right after that nothing, if they have been caught up with in half an hour
    the same, in quiet hours         a line of one summary at their end
    the same, beyond so many an hour a line of one "23 more" message
    something that goes on           its message, updated in place; its thread tells each step
    something that gets worse        a new message; the old one points to it
    something critical, still open   a reminder every four hours, or when its snooze is over
    something that is over           its message: "resolved after 12 min, 3 products"
    a report, a decision             the report's message; who, when, what was written
    a change of mode                 one message: the mode, who, and then its comparison
    a newer report, or whatever      the report's message: what it still offers, or "outdated" and
      else changes what is open        a link to the latest
    mere information                 at once, once a day, or never: as the channel has asked for

One post, the ledger, remembers which incidents are open and where they are told. It is never due.
Each changes exactly one of the other posts (and perhaps a thread), one after the other, so
that it does not matter in how many pieces they come or where a process is killed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.incidents.aggregator import IncidentAggregator
from bot.incidents.ledger import LEDGER, load_ledger, needed_posts
from bot.incidents.report_posts import ReportOffer
from bot.policy import AlertPolicy, QuietHours
from sync_core.domain.views import NEVER_DUE, Notification, Post

__all__ = [
    "LEDGER",
    "AlertPolicy",
    "QuietHours",
    "ReportOffer",
    "aggregate_notifications",
    "has_open_incidents",
    "needed_posts",
    "next_reminder",
    "open_reports",
    "remind",
    "update_reports",
]


def aggregate_notifications(
    posts: Mapping[str, Post],
    notifications: Sequence[Notification],
    *,
    now: datetime,
    policy: AlertPolicy,
) -> list[Post]:
    """Return the posts that notifications change, the ledger among them, each one version higher.

    Notices that were added before change nothing.
    """
    aggregator = IncidentAggregator(posts, now=now, policy=policy)
    for notification in sorted(notifications, key=lambda each: each.id):
        if notification.id > aggregator.state["last"]:
            aggregator.add(notification)
            aggregator.state["last"] = notification.id
    return aggregator.changed()


def open_reports(ledger: Post | None) -> list[str]:
    """Return the keys of reports' messages that may still offer something."""
    return list(load_ledger(ledger)["reports"])


def has_open_incidents(ledger: Post | None) -> bool:
    """Whether anything is open of which people may have to be reminded."""
    return bool(load_ledger(ledger)["stories"])


def update_reports(
    posts: Mapping[str, Post],
    offers: Mapping[str, ReportOffer | None],
    *,
    now: datetime,
    policy: AlertPolicy,
) -> list[Post]:
    """Return the messages of reports that have to say something else now; None: it is gone."""
    aggregator = IncidentAggregator(posts, now=now, policy=policy)
    for key in open_reports(posts.get(LEDGER)):
        if key in offers:
            aggregator.reports.update(key, offers[key])
    return aggregator.changed()


def next_reminder(posts: Mapping[str, Post], *, policy: AlertPolicy) -> datetime | None:
    """Return when something severe will have been open for too long, if anything is."""
    aggregator = IncidentAggregator(posts, now=NEVER_DUE, policy=policy)
    return min((at for _, _, at in aggregator.open_critical()), default=None)


def remind(posts: Mapping[str, Post], *, now: datetime, policy: AlertPolicy) -> list[Post]:
    """Return one message about all that is severe and has been open for four hours or more."""
    aggregator = IncidentAggregator(posts, now=now, policy=policy)
    aggregator.remind()
    return aggregator.changed()
