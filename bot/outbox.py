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

    a round begins                                       because
    ---------------------------------------------------  -------------------------------------------
    at once                                              a commit, here or in another process, made
                                                         a notification or changed a post
    when the next post is due, or a channel takes more   the round before has looked it up
    after 15 s at the latest                             movements wake nobody: they are told half a
                                                         minute later; and a signal may be lost
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot import activity, notifications
from bot.core_client import CoreClient
from bot.incidents.ledger import report_key
from bot.notifications import AlertPolicy
from bot.policy import PROBLEMS
from bot.post_sender import PostSender
from bot.preferences import Preferences
from bot.shadow import COUNTED_IN_SHADOW, POINTER, named_in, shadow_posts
from sync_core.clock import Clock
from sync_core.domain.proposals import ReportState
from sync_core.domain.values import NEVER
from sync_core.domain.views import MovementView, Notification, Post

log = logging.getLogger(__name__)

JOB = "slack.outbox"
LEADER_LEASE_SECONDS = 30.0  # seconds
POLL_SECONDS = 15.0  # between rounds that nobody asks for; well within the lease
GATHERING_SECONDS = 0.1  # at least between rounds: what is told together becomes one page
MAX_NOTIFICATIONS = 100
MAX_MOVEMENTS = 500
REMINDER_INTERVAL = timedelta(minutes=1)  # between looks for what must be said again
SHADOW_UPDATE_INTERVAL = timedelta(minutes=1)  # between looks at what shadow mode has come to
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
        self._preferences = Preferences(core, approvers=policy.approvers)
        self._owner = owner
        self._policy_now: AlertPolicy | None = None  # of this round, once somebody asked for it
        self._reminded_at: datetime | None = None
        self._reports_updated_at = self._shadow_updated_at = NEVER
        self._in_shadow: bool | None = None  # None: not known yet
        self.leading = False

    def health(self) -> dict[str, object]:
        """Say how far it is."""
        return {"leading": self.leading, **self._sender.health()}

    async def run(self) -> None:
        """Go round until cancelled: when there may be something to say, and now and then."""
        with self._core.wakeups() as wakeup:
            while True:
                wait = await self.round()
                if not self.leading:
                    await self._clock.sleep(wait)  # what there is to say is another one's work
                    continue
                await self._clock.sleep(GATHERING_SECONDS)
                await wakeup.wait(wait)

    async def round(self) -> float:
        """Aggregate and send what is due; return the seconds until the next round."""
        was_leading = self.leading
        self.leading = await self._core.take_leadership(JOB, self._owner, LEADER_LEASE_SECONDS)
        if not self.leading:
            return LEADER_LEASE_SECONDS / 3
        if not was_leading:
            self._sender.begin()
            self._in_shadow = None
        self._policy_now = None
        await self._update_shadow()
        pages = 0
        while pages < MAX_PAGES_PER_ROUND and await self._aggregate():
            pages += 1
        await self._update_reports(at_once=pages > 0)
        await self._remind()
        began = self._clock.now()  # what falls due while messages are sent must not wait either
        pause = await self._sender.send()
        return min(POLL_SECONDS, pause, await self._until_next_due(began))

    async def _until_next_due(self, after: datetime) -> float:
        """Return the seconds until a post is due that was not due at that moment."""
        due = await self._core.next_due(after)
        wait = POLL_SECONDS if due is None else (due - self._clock.now()).total_seconds()
        return max(0.0, wait)

    async def _current(self) -> AlertPolicy:
        """Return the policy, as people have set it by the beginning of this round."""
        if self._policy_now is None:
            self._policy_now = await self._read_policy()
        return self._policy_now

    async def _read_policy(self) -> AlertPolicy:
        settings = await self._preferences.read()
        hours = settings.quiet
        quiet = None if hours is None else notifications.QuietHours(start=hours[0], end=hours[1])
        return self._policy.with_preferences(
            level=settings.alerts, quiet=quiet, approvers=settings.approvers
        )

    async def _aggregate(self) -> bool:
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
        posts = await self._posts(told, moved, await self._current())
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
        if any(each.kind == "mode" for each in told):  # before what moves in it is told
            await self._update_shadow(at_once=True)
        if (
            self._in_shadow
        ):  # its message counts them: nobody can act, and another app may be at work
            told = [each for each in told if each.resolved or each.kind not in COUNTED_IN_SHADOW]
        if told:
            known = await self._known(await self._ledger(), told)
            posts += notifications.aggregate_notifications(known, told, now=now, policy=policy)
        if moved:
            ledger = (await self._core.posts([activity.LEDGER])).get(activity.LEDGER)
            known = await self._core.posts([activity.LEDGER, *activity.needed_posts(ledger)])
            if self._in_shadow:  # nobody follows
                policy = replace(policy, level=PROBLEMS)
            posts += activity.aggregate_movements(known, moved, now=now, policy=policy)
        return posts

    async def _ledger(self) -> Post | None:
        """Return what the bot remembers of its posts."""
        return (await self._core.posts([notifications.LEDGER])).get(notifications.LEDGER)

    async def _known(
        self, ledger: Post | None, told: Sequence[Notification] = ()
    ) -> dict[str, Post]:
        """Return the posts that notifications may change."""
        return await self._core.posts(
            [notifications.LEDGER, *notifications.needed_posts(ledger, told)]
        )

    async def _update_shadow(self, *, at_once: bool = False) -> None:
        """Have the message about shadow mode say what it has come to."""
        now = self._clock.now()
        if not at_once and now - self._shadow_updated_at < SHADOW_UPDATE_INTERVAL:
            return
        self._shadow_updated_at = now
        view, was = await self._core.shadow(), self._in_shadow
        self._in_shadow = view is not None
        if was is False and view is None:
            return
        known = await self._core.posts([POINTER])
        if key := named_in(known.get(POINTER)):
            known |= await self._core.posts([key])
        posts = shadow_posts(known, view, now=now, policy=await self._current())
        if posts:
            cursors = await self._core.cursors()
            await self._core.save_posts(posts, cursors, cursors)

    async def _update_reports(self, *, at_once: bool) -> None:
        """Have the messages of reports say what these offer now."""
        now = self._clock.now()
        if not at_once and now - self._reports_updated_at < REPORT_UPDATE_INTERVAL:
            return
        self._reports_updated_at = now
        ledger = await self._ledger()
        open_reports = notifications.open_reports(ledger)
        if not open_reports:
            return
        known, policy = await self._known(ledger), await self._current()
        offers = {key: await self._offer_of(known[key]) for key in open_reports if key in known}
        posts = notifications.update_reports(known, offers, now=now, policy=policy)
        if posts:
            cursors = await self._core.cursors()
            await self._core.save_posts(posts, cursors, cursors)

    async def _offer_of(self, post: Post) -> notifications.ReportOffer | None:
        """Return what a report's message may offer now; None if the report is gone."""
        report = await self._core.report(int(str(post.body["report"])))
        if report is None:
            return None
        if report.state not in {ReportState.DONE, ReportState.FAILED}:
            return notifications.ReportOffer(progress=dict(report.progress))
        if report.newer is None:
            return notifications.ReportOffer(open=report.open, safe=report.safe)
        key = report_key(report.newer)
        latest = (await self._core.posts([key])).get(key)
        link = await self._sender.link(latest) if latest is not None else ""
        waits = latest is not None and not link and not latest.body.get("reply")
        return notifications.ReportOffer(newer=report.newer, link=link, is_final=not waits)

    async def _remind(self) -> None:
        """Say again what is severe and still open."""
        now = self._clock.now()
        if self._reminded_at is not None and now - self._reminded_at < REMINDER_INTERVAL:
            return
        self._reminded_at = now
        ledger = await self._ledger()
        if not notifications.has_open_incidents(ledger):
            return
        known, policy = await self._known(ledger), await self._current()
        posts = notifications.remind(known, now=now, policy=policy)
        if posts:
            cursors = await self._core.cursors()
            await self._core.save_posts(posts, cursors, cursors)
