"""The outbox: notifications and movements become posts, and posts reach Slack, whatever it takes.

    what Slack does                            then
    -----------------------------------------  -------------------------------------------------
    takes it                                   noted; the next for that channel 1.1 s later
    asks us to wait                            that channel waits
    cannot be reached                          that channel waits, longer each time, up to 5 min
    does not answer: it may have happened      that, and it is looked for before it is sent again
    does not let us in (channel, token)        that channel waits; said once, with what to do
    does not take this message                 its words alone; else it waits, the others go on
    says that somebody has deleted it          an open incident is posted again, the rest forgotten
    cannot change the message any more         it is posted again

Posts are rows: a restart forgets nothing. Within a channel they keep their order.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot import activity, notifications
from bot.core_client import CoreClient
from bot.notifications import AlertPolicy
from bot.post_sender import PostSender
from bot.preferences import ALERTS, QUIET, alert_level, quiet_hours
from sync_core.clock import Clock
from sync_core.domain.values import NEVER
from sync_core.domain.views import MovementView, Notification, Post

log = logging.getLogger(__name__)

JOB = "slack.outbox"
LEADER_LEASE_SECONDS = 30.0  # seconds
ROUND_SECONDS = 1.0  # seconds between rounds
MAX_NOTIFICATIONS = 100
MAX_MOVEMENTS = 500
REMINDER_INTERVAL = timedelta(minutes=1)  # between looks for what must be said again
REPORT_UPDATE_INTERVAL = timedelta(seconds=10)  # between looks at what reports still offer
MAX_PAGES_PER_ROUND = 50  # of notifications and movements


class SlackOutbox:
    """Turns notifications and movements into posts, and sends them."""

    def __init__(
        self, core: CoreClient, sender: PostSender, clock: Clock, policy: AlertPolicy, owner: str
    ) -> None:
        self._core = core
        self._sender = sender
        self._clock = clock
        self._policy = policy
        self._owner = owner
        self._reminded_at: datetime | None = None
        self._reports_updated_at = NEVER
        self.leading = False

    def health(self) -> dict[str, object]:
        """Say how far it is."""
        return {"leading": self.leading, **self._sender.health()}

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self._clock.sleep(await self.round())

    async def round(self) -> float:
        """Aggregate and send what is due; return the seconds until the next round."""
        self.leading = await self._core.take_leadership(JOB, self._owner, LEADER_LEASE_SECONDS)
        if not self.leading:
            return LEADER_LEASE_SECONDS / 3
        policy = await self._current()
        pages = 0
        while pages < MAX_PAGES_PER_ROUND and await self._aggregate(policy):
            pages += 1
        await self._update_reports(policy, at_once=pages > 0)
        await self._remind(policy)
        return min(ROUND_SECONDS, await self._sender.send())

    async def _current(self) -> AlertPolicy:
        """Return the policy, as people have set it."""
        hours = quiet_hours(await self._core.preference(QUIET))
        quiet = None if hours is None else notifications.QuietHours(start=hours[0], end=hours[1])
        level = alert_level(await self._core.preference(ALERTS))
        return self._policy.with_preferences(level=level, quiet=quiet)

    async def _aggregate(self, policy: AlertPolicy) -> bool:
        """Turn a page of notifications and movements into posts; say if there was one."""
        before = await self._core.cursors()
        if "movements" not in before:
            return await self._begin(before)
        told = await self._core.notifications(
            after=before.get("notices", 0), limit=MAX_NOTIFICATIONS
        )
        moved = await self._core.activity(after=before.get("movements", 0), limit=MAX_MOVEMENTS)
        if not told and not moved:
            return False
        after = dict(before)
        if told:
            after["notices"] = told[-1].id
        if moved:
            after["movements"] = moved[-1].id
        posts = await self._posts(told, moved, policy)
        if not await self._core.save_posts(posts, before, after):
            log.info(
                "another process has aggregated this page; trying again",
                extra={"event": "aggregated_elsewhere"},
            )
        return True

    async def _begin(self, before: dict[str, int]) -> bool:
        """Begin with what moves from now on: what moved before the bot came is no news."""
        after = {**before, "movements": await self._core.last_movement()}
        await self._core.save_posts([], before, after)
        return True

    async def _posts(
        self, told: Sequence[Notification], moved: Sequence[MovementView], policy: AlertPolicy
    ) -> list[Post]:
        now = self._clock.now()
        posts: list[Post] = []
        if told:
            known = await self._known(told)
            posts += notifications.aggregate_notifications(known, told, now=now, policy=policy)
        if moved:
            ledger = (await self._core.posts([activity.LEDGER])).get(activity.LEDGER)
            known = await self._core.posts([activity.LEDGER, *activity.needed_posts(ledger)])
            posts += activity.aggregate_movements(known, moved, now=now, policy=policy)
        return posts

    async def _known(self, told: Sequence[Notification]) -> dict[str, Post]:
        """Return the posts that notifications may change."""
        ledger = (await self._core.posts([notifications.LEDGER])).get(notifications.LEDGER)
        return await self._core.posts(
            [notifications.LEDGER, *notifications.needed_posts(ledger, told)]
        )

    async def _update_reports(self, policy: AlertPolicy, *, at_once: bool) -> None:
        """Have the messages of reports say what these offer now."""
        now = self._clock.now()
        if not at_once and now - self._reports_updated_at < REPORT_UPDATE_INTERVAL:
            return
        self._reports_updated_at = now
        known = await self._known([])
        offers = {
            key: await self._offer_of(known[key])
            for key in notifications.open_reports(known.get(notifications.LEDGER))
            if key in known
        }
        posts = notifications.update_reports(known, offers, now=now, policy=policy)
        if posts:
            cursors = await self._core.cursors()
            await self._core.save_posts(posts, cursors, cursors)

    async def _offer_of(self, post: Post) -> notifications.ReportOffer | None:
        """Return what a report's message may offer now; None if the report is gone."""
        report = await self._core.report(int(str(post.body["report"])))
        if report is None:
            return None
        if report.newer is None:
            return notifications.ReportOffer(open=report.open, safe=report.safe)
        key = f"report:{report.newer}"
        latest = (await self._core.posts([key])).get(key)
        link = await self._sender.link(latest) if latest is not None else ""
        waits = latest is not None and not link and not latest.body.get("reply")
        return notifications.ReportOffer(newer=report.newer, link=link, is_final=not waits)

    async def _remind(self, policy: AlertPolicy) -> None:
        """Say again what is severe and still open."""
        now = self._clock.now()
        if self._reminded_at is not None and now - self._reminded_at < REMINDER_INTERVAL:
            return
        self._reminded_at = now
        posts = notifications.remind(await self._known([]), now=now, policy=policy)
        if posts:
            cursors = await self._core.cursors()
            await self._core.save_posts(posts, cursors, cursors)
