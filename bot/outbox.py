"""The outbox: notices and movements become posts, and posts reach Slack, whatever it takes.

    what Slack does                            then
    -----------------------------------------  -------------------------------------------------
    takes it                                   noted; the next for that channel 1.1 s later
    asks us to wait                            that channel waits
    cannot be reached                          that channel waits, longer each time, up to 5 min
    does not answer: it may have happened      that, and it is looked for before it is sent again
    does not let us in (channel, token)        that channel waits; said once, with what to do
    does not take this message                 its words alone; else it waits, the others go on
    does not know the message any more         it is posted anew

Posts are rows: a restart forgets nothing. Within a channel they keep their order.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot import activity, news
from bot.core import Core
from bot.news import Policy
from bot.preferences import ALERTS, QUIET, alert_level, quiet_hours
from bot.sending import Sender
from sync_core.clock import Clock
from sync_core.domain.values import NEVER
from sync_core.domain.views import Moved, Notice, Post

log = logging.getLogger(__name__)

JOB = "slack.outbox"
LEASE = 30.0  # seconds
ROUND = 1.0  # seconds between rounds
NOTICES = 100
MOVEMENTS = 500
REMIND = timedelta(minutes=1)  # between looks for what must be said again
LOOK = timedelta(seconds=10)  # between looks at what reports still offer
MOST = 50  # pages that one round may fold


class Outbox:
    """Turns news into posts, and sends them."""

    def __init__(
        self, core: Core, sender: Sender, clock: Clock, policy: Policy, owner: str
    ) -> None:
        self._core = core
        self._sender = sender
        self._clock = clock
        self._policy = policy
        self._owner = owner
        self._reminded: datetime | None = None
        self._looked = NEVER
        self.leading = False

    def health(self) -> dict[str, object]:
        """Say how far it is."""
        return {"leading": self.leading, **self._sender.health()}

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self._clock.sleep(await self.round())

    async def round(self) -> float:
        """Fold what is new, send what is due; return the seconds until the next round."""
        self.leading = await self._core.lead(JOB, self._owner, LEASE)
        if not self.leading:
            return LEASE / 3
        policy = await self._current()
        pages = 0
        while pages < MOST and await self._fold(policy):
            pages += 1
        await self._redraw(policy, at_once=pages > 0)
        await self._remind(policy)
        return min(ROUND, await self._sender.send())

    async def _current(self) -> Policy:
        """Return the policy, as people have set it."""
        hours = quiet_hours(await self._core.preference(QUIET))
        quiet = None if hours is None else news.Quiet(start=hours[0], end=hours[1])
        level = alert_level(await self._core.preference(ALERTS))
        return self._policy.with_preferences(level=level, quiet=quiet)

    async def _fold(self, policy: Policy) -> bool:
        """Turn a page of notices and movements into posts, in one commit; say if there was one."""
        before = await self._core.cursors()
        if "movements" not in before:
            return await self._begin(before)
        told = await self._core.notices(after=before.get("notices", 0), limit=NOTICES)
        moved = await self._core.activity(after=before.get("movements", 0), limit=MOVEMENTS)
        if not told and not moved:
            return False
        after = dict(before)
        if told:
            after["notices"] = told[-1].id
        if moved:
            after["movements"] = moved[-1].id
        posts = await self._posts(told, moved, policy)
        if not await self._core.write_posts(posts, before, after):
            log.info("somebody else has folded; again", extra={"act": "fold_again"})
        return True

    async def _begin(self, before: dict[str, int]) -> bool:
        """Begin with what moves from now on: what moved before the bot came is no news."""
        after = {**before, "movements": await self._core.last_movement()}
        await self._core.write_posts([], before, after)
        return True

    async def _posts(
        self, told: Sequence[Notice], moved: Sequence[Moved], policy: Policy
    ) -> list[Post]:
        now = self._clock.now()
        posts: list[Post] = []
        if told:
            known = await self._known(told)
            posts += news.fold(known, told, now=now, policy=policy)
        if moved:
            ledger = (await self._core.posts([activity.LEDGER])).get(activity.LEDGER)
            known = await self._core.posts([activity.LEDGER, *activity.needed(ledger)])
            posts += activity.fold(known, moved, now=now, policy=policy)
        return posts

    async def _known(self, told: Sequence[Notice]) -> dict[str, Post]:
        """Return the posts that notices may change."""
        ledger = (await self._core.posts([news.LEDGER])).get(news.LEDGER)
        return await self._core.posts([news.LEDGER, *news.needed(ledger, told)])

    async def _redraw(self, policy: Policy, *, at_once: bool) -> None:
        """Have the messages of reports say what these offer now."""
        now = self._clock.now()
        if not at_once and now - self._looked < LOOK:
            return
        self._looked = now
        known = await self._known([])
        standings = {
            key: await self._standing(known[key])
            for key in news.open_reports(known.get(news.LEDGER))
            if key in known
        }
        posts = news.redraw(known, standings, now=now, policy=policy)
        if posts:
            cursors = await self._core.cursors()
            await self._core.write_posts(posts, cursors, cursors)

    async def _standing(self, post: Post) -> news.Standing | None:
        """Return what a report's message may offer now; None if the report is gone."""
        report = await self._core.report(int(str(post.body["report"])))
        if report is None:
            return None
        if report.newer is None:
            return news.Standing(open=report.open, safe=report.safe)
        key = f"report:{report.newer}"
        latest = (await self._core.posts([key])).get(key)
        link = await self._sender.link(latest) if latest is not None else ""
        waits = latest is not None and not link and not latest.body.get("reply")
        return news.Standing(newer=report.newer, link=link, is_final=not waits)

    async def _remind(self, policy: Policy) -> None:
        """Say again what is severe and still open."""
        now = self._clock.now()
        if self._reminded is not None and now - self._reminded < REMIND:
            return
        self._reminded = now
        posts = news.remind(await self._known([]), now=now, policy=policy)
        if posts:
            cursors = await self._core.cursors()
            await self._core.write_posts(posts, cursors, cursors)
