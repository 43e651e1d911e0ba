"""Draw what a post says now: by the outbox in its turn, and at once after a click.

The person who clicks looks at the message. So the handler of the click changes it itself, past the
line in which other messages wait; the same change is in the outbox, a little later, for the case
that this one is lost. What both draw is read from the database at that moment.

    while the click changes the message      then
    ---------------------------------------  ------------------------------------------------
    nothing else happens                     the outbox draws it once more with the outcome
    something is told about it               it may hide what the outbox has just drawn:
    no answer comes: it may arrive late      the outbox draws it again
    Slack refuses                            the person is answered in words instead
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

from bot.core_client import CoreClient
from bot.incidents.report_posts import with_receipt
from bot.messages import posts
from bot.permalinks import Permalinks
from bot.slack_api import SlackApi
from bot.slack_errors import SlackError, SlackNoAnswer
from bot.zones import Localized, localized
from sync_core.clock import Clock
from sync_core.domain.proposals import Proposal
from sync_core.domain.values import PoolId
from sync_core.domain.views import Post, StoppedProduct

log = logging.getLogger(__name__)

MAX_PROPOSALS = 100
MAX_STOPPED_PRODUCTS = 99  # products of a safety stop
MAX_WRITE_ATTEMPTS = 5  # to mark a post that changes all the time


class PostRenderer:
    """Draws what posts say, for a channel: its dates fall back to the clock of one zone."""

    def __init__(
        self,
        core: CoreClient,
        clock: Clock,
        zone: ZoneInfo,
        links: Permalinks,
        stores: Mapping[str, str],
    ) -> None:
        self._core = core
        self._clock = clock
        self._zone = zone
        self._stores = stores  # the page of each in Shopify's admin
        self.links = links

    async def render(self, post: Post) -> Localized | None:
        """Return what a post says now; None if it has nothing to say."""
        key = posts.reminded_incident(post)
        reminded = None if key is None else (await self._core.posts([key])).get(key)
        found = await self._look_up(posts.needs(reminded or post))
        found = replace(found, incident=reminded)
        if mentioned := posts.mentions(post, found.report):
            found = replace(found, links=await self.links.links(posts=mentioned))
        said = posts.render(post, found, self._clock.now())
        return None if said is None else localized(said, self._zone)

    async def _look_up(self, needs: posts.Needs) -> posts.Lookup:
        """Return what has to be known before a post can be rendered."""
        core = self._core
        report = None if needs.report is None else await core.report(needs.report)
        proposals: list[Proposal] = []
        if needs.proposals is not None:
            _, proposals = await core.proposals(needs.proposals, limit=MAX_PROPOSALS)
        receipts = [await core.receipt(each) for each in needs.receipts]
        question = None if needs.question is None else await core.question(*needs.question)
        pool = None if needs.pool is None else await core.pool(PoolId(needs.pool), live=False)
        stopped: tuple[int, list[StoppedProduct]] = (0, [])
        if needs.stopped is not None:
            stopped = await core.stopped_products(needs.stopped, limit=MAX_STOPPED_PRODUCTS)
        return posts.Lookup(
            stores=self._stores,
            stopped=stopped,
            pool=pool,
            report=report,
            question=question,
            proposals=tuple(proposals),
            receipts=tuple(each for each in receipts if each is not None),
        )


def identifiers_of(post: Post) -> dict[str, object]:
    """Return by what a message of ours is found again; it is never authority."""
    return {"key": post.key, "version": post.version}


class PostUpdater:
    """Changes a message at once, because somebody has clicked in it."""

    def __init__(
        self, core: CoreClient, slack: SlackApi, clock: Clock, renderer: PostRenderer
    ) -> None:
        self._core = core
        self._slack = slack
        self._clock = clock
        self._renderer = renderer

    async def update_now(self, post: Post, receipt: int | None) -> bool:
        """Draw a message as it is now, with a new receipt if there is one; say if Slack has it."""
        now = post if receipt is None else replace(post, body=with_receipt(post.body, receipt))
        message = await self._renderer.render(replace(now, version=post.version + 1))
        if message is None:
            return False
        try:
            await self._slack.update(
                post.channel, f"{post.ts}", message, identifiers=identifiers_of(post)
            )
        except SlackNoAnswer as exc:
            log.warning(
                "a message may be changed late",
                extra={"event": "post_not_updated", "why": str(exc)},
            )
            await self._schedule_update(post)
            return False
        except SlackError as exc:
            log.warning(
                "a message is not changed", extra={"event": "post_not_updated", "why": str(exc)}
            )
            return False
        after = (await self._core.posts([post.key])).get(post.key)
        if after is not None and after.version != post.version:
            await self._schedule_update(post)
        return True

    async def _schedule_update(self, post: Post) -> None:
        """Let the outbox draw a message again, after all that it has drawn so far."""
        for _ in range(MAX_WRITE_ATTEMPTS):
            found = (await self._core.posts([post.key])).get(post.key)
            if found is None:
                return
            cursors = await self._core.cursors()
            due = min(found.due_at, self._clock.now())
            newer = replace(found, version=found.version + 1, due_at=due)
            if await self._core.save_posts([newer], cursors, cursors):
                return
